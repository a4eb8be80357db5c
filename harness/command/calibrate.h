/* Measuring what estimates lack before a command answers. */
#ifndef COMMAND_CALIBRATE_H
#define COMMAND_CALIBRATE_H

#include "harness/command/command.h"
#include "harness/estimate/calibration.h"
#include "harness/estimate/known.h"
#include "probes/machine.h"

/* Measures what calibration_choose takes of the cases that are asked about, as a run of suite CALIBRATION_SUITE, and
 * loads *known, which holds what is known until now, anew; nothing where all is near to what is known. False also when
 * a signal ended it, whose number *stopped_by then has. */
bool calibrate(const struct invocation *invocation, const struct machine *machine, const struct model_case *asked,
               size_t asked_count, const struct calibration_limits *limits, struct known *known, int *stopped_by,
               struct error *error);

#endif
