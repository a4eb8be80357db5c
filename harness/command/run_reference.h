/* A RUN as it stands on a command line: a run's id or its beginning, latest, latest~N, or a JSON file. */
#ifndef COMMAND_RUN_REFERENCE_H
#define COMMAND_RUN_REFERENCE_H

#include <stdbool.h>

#include "harness/base/error.h"
#include "harness/command/command.h"
#include "harness/store/record.h"

/* Reads it from the file or the store. The caller frees *run. */
bool run_load(const char *reference, const char *database, struct run *run, struct error *error);
/* Whether it names a file rather than a run in the store. */
bool run_is_file(const char *reference);
/* Writes the run that the first argument names, the latest where there is none: what report and export do. */
int run_show(const struct invocation *invocation, struct error *error);

#endif
