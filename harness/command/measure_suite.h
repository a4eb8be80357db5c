/* Measuring before a command answers: fit on a machine, or of a model, that it doesn't know, and validate. */
#ifndef COMMAND_MEASURE_SUITE_H
#define COMMAND_MEASURE_SUITE_H

#include <stdbool.h>

#include "harness/command/command.h"
#include "harness/run/suites.h"

/* Runs it like any other run, so that its cases are in the store for good. budget_s: NaN for the suite's own. False
 * also when a signal ended it, whose number *stopped_by then has; 0 otherwise. */
bool measure_suite(const struct invocation *invocation, const char *name, double budget_s, int threads, int *stopped_by,
                   struct error *error);
/* The same of cases that were chosen, as a run of suite `name`, each visited once. */
bool measure_chosen(const struct invocation *invocation, const char *name, const struct case_list *cases,
                    double budget_s, int threads, int *stopped_by, struct error *error);

#endif
