/* Measuring again what regress isn't sure of. */
#ifndef COMMAND_REGRESS_CONFIRM_H
#define COMMAND_REGRESS_CONFIRM_H

#include "harness/command/command.h"
#include "reports/regress.h"

/* Runs the cases that are or may be slower, and beside them a few quick ones that tell the machine's own drift, as one
 * more run in the store. False also when a signal ended it, whose number *stopped_by then has; 0 otherwise. */
bool regress_measure_again(const struct invocation *invocation, const struct regression *regression,
                           const char *fingerprint, int *stopped_by, struct error *error);

#endif
