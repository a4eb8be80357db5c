/* The lists of `benchmark list` that are filled outside list.c: each appends its items to `items`. */
#ifndef COMMAND_LIST_H
#define COMMAND_LIST_H

#include <jansson.h>

void list_suites(json_t *items);
void list_cases(json_t *items);

#endif
