/* Run documents made up for tests of the store through the real program. */
#ifndef CLI_DOCUMENTS_H
#define CLI_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/store/record.h"

/* Unique for a process and a number. */
void document_id(char id[32], int process, int number);
/* A run of that many cases, each with that many samples, as `benchmark import` reads it. */
void document_write(const char *path, const char *id, size_t cases, size_t samples);
/* Whether a run from the store has all that document_write gave it. */
bool document_is_whole(const struct run *run, size_t cases, size_t samples);
/* The folder and every file in it. */
void document_folder_remove(const char *folder);

#endif
