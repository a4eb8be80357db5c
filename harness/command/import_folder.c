#include "harness/command/import_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Deeper is a mistake, and a million files are more than a store should be given at once. */
enum { MOST_DEPTH = 16, MOST_FILES = 1000000 };

bool path_list_add(struct path_list *list, const char *path, struct error *error)
{
    char **more = list->count % 256 ? list->paths : realloc(list->paths, (list->count + 256) * sizeof *more);
    char *copy = more ? strdup(path) : NULL;
    if (more)
        list->paths = more;
    if (!copy)
        return error_set(error, ERROR_SYSTEM, "not enough memory for the names of the files");
    list->paths[list->count++] = copy;
    return true;
}

void path_list_free(struct path_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->paths[i]);
    free(list->paths);
    *list = (struct path_list){0};
}

bool import_is_folder(const char *path)
{
    struct stat status;
    return strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool has_ending(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot != name && (!strcmp(dot, ".json") || !strcmp(dot, ".jsonl"));
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool add_folder(const char *path, int depth, struct path_list *list, struct error *error);

static bool add_entry(const char *folder, const char *name, int depth, struct path_list *list, struct error *error)
{
    char path[4096];
    struct stat status;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        return error_set(error, ERROR_INPUT, "%.200s: a name in it is too long", folder);
    if (lstat(path, &status) != 0)
        return error_set(error, ERROR_INPUT, "%s: %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return add_folder(path, depth + 1, list, error);
    if (!S_ISREG(status.st_mode) || !has_ending(name))
        return true;
    if (list->count == MOST_FILES)
        return error_set(error, ERROR_INPUT, "%.200s: more than %d files at once", folder, MOST_FILES);
    return path_list_add(list, path, error);
}

static bool add_folder(const char *path, int depth, struct path_list *list, struct error *error)
{
    struct dirent **entries;
    if (depth > MOST_DEPTH)
        return error_set(error, ERROR_INPUT, "%.200s: more than %d folders within each other", path, MOST_DEPTH);
    int count = scandir(path, &entries, is_shown, alphasort);
    if (count < 0)
        return error_set(error, ERROR_INPUT, "%s: %s", path, strerror(errno));
    bool right = true;
    for (int i = 0; i < count; i++) {
        right = right && add_entry(path, entries[i]->d_name, depth, list, error);
        free(entries[i]);
    }
    free(entries);
    return right;
}

bool import_folder(const char *path, struct path_list *list, struct error *error)
{
    size_t before = list->count;
    return add_folder(path, 0, list, error) &&
           (list->count > before ||
            error_set(error, ERROR_INPUT, "%s: no file in it has a name that ends in .json or .jsonl", path));
}
