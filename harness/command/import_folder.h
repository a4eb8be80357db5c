/* The files of a folder that `import` is given: those in it and in folders within it whose names end in .json or
 * .jsonl, in the order of their names. Links aren't followed, and what is no ordinary file is passed over. */
#ifndef COMMAND_IMPORT_FOLDER_H
#define COMMAND_IMPORT_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"

/* Paths to be imported; owned. */
struct path_list {
    char **paths;
    size_t count;
};

/* Whether it is a folder; then its files are appended, and that there is none is an error. */
bool import_is_folder(const char *path);
bool import_folder(const char *path, struct path_list *list, struct error *error);
bool path_list_add(struct path_list *list, const char *path, struct error *error);
void path_list_free(struct path_list *list);

#endif
