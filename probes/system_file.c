#include "probes/system_file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/text.h"

enum { FILE_LIMIT = 4 << 20 };

static bool full_path(char *path, size_t capacity, const char *root, const char *format, va_list arguments)
{
    int head = snprintf(path, capacity, "%s", root ? root : "");
    if (head < 0 || (size_t)head >= capacity)
        return false;
    int tail = vsnprintf(path + head, capacity - (size_t)head, format, arguments);
    return tail >= 0 && (size_t)tail < capacity - (size_t)head;
}

char *system_read(const char *root, const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    bool fits = full_path(path, sizeof path, root, format, arguments);
    va_end(arguments);
    return fits ? text_read_file(path, FILE_LIMIT) : NULL;
}

bool system_read_line(char *out, size_t capacity, const char *root, const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    bool fits = full_path(path, sizeof path, root, format, arguments);
    va_end(arguments);
    out[0] = '\0';
    char *text = fits ? text_read_file(path, FILE_LIMIT) : NULL;
    if (!text)
        return false;
    snprintf(out, capacity, "%.*s", (int)strcspn(text, "\r\n"), text);
    free(text);
    return out[0] != '\0';
}

static bool leading_count(const char *text, uint64_t *value)
{
    text += strspn(text, " \t");
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, NULL, 10);
    if (errno)
        return false;
    *value = number;
    return true;
}

bool system_read_count(uint64_t *value, const char *root, const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    bool fits = full_path(path, sizeof path, root, format, arguments);
    va_end(arguments);
    char *text = fits ? text_read_file(path, FILE_LIMIT) : NULL;
    bool found = text && leading_count(text, value);
    free(text);
    return found;
}

bool system_exists(const char *root, const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    bool fits = full_path(path, sizeof path, root, format, arguments);
    va_end(arguments);
    return fits && access(path, F_OK) == 0;
}

/* The character after `key` when it is a whole word at the start of a line, else NULL. */
static const char *behind_key(const char *text, const char *key)
{
    size_t length = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) != 0)
            continue;
        char next = line[length];
        if (next == ' ' || next == '\t' || next == ':' || next == '=' || (length && key[length - 1] == ':'))
            return line + length;
    }
    return NULL;
}

bool system_field(const char *text, const char *key, uint64_t *value)
{
    const char *rest = text ? behind_key(text, key) : NULL;
    if (!rest)
        return false;
    return leading_count(rest + strspn(rest, " \t:="), value);
}

bool system_field_text(const char *text, const char *key, char *out, size_t capacity)
{
    out[0] = '\0';
    const char *rest = text ? behind_key(text, key) : NULL;
    if (!rest)
        return false;
    rest += strspn(rest, " \t");
    rest += *rest == ':' || *rest == '=';
    rest += strspn(rest, " \t");
    snprintf(out, capacity, "%.*s", (int)strcspn(rest, "\r\n"), rest);
    return out[0] != '\0';
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **system_list(const char *root, const char *folder, const char *prefix)
{
    char path[PATH_MAX];
    size_t count = 0, capacity = 16;
    char **names = calloc(capacity, sizeof *names);
    if (!names || snprintf(path, sizeof path, "%s%s", root ? root : "", folder) >= (int)sizeof path)
        return names;
    DIR *stream = opendir(path);
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        if (count + 1 == capacity) {
            char **larger = realloc(names, 2 * capacity * sizeof *names);
            if (!larger)
                break;
            names = larger;
            capacity *= 2;
        }
        if (!(names[count] = strdup(entry->d_name)))
            break;
        names[++count] = NULL;
    }
    if (stream)
        closedir(stream);
    qsort(names, count, sizeof *names, by_name);
    return names;
}

void system_free_names(char **names)
{
    for (size_t i = 0; names && names[i]; i++)
        free(names[i]);
    free(names);
}
