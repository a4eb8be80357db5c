/* A machine that is known by its data sheet alone, as a run beside measured ones: the same cases, each planned to the
 * byte and timed by the sheet's limits, with the wide interval that this has (fit_limits.h). Nothing of it was
 * measured.
 */
#ifndef FITNESS_SHEET_RUN_H
#define FITNESS_SHEET_RUN_H

#include "harness/base/error.h"
#include "harness/store/record.h"
#include "models/catalogue/devices.h"
#include "reports/workload.h"

/* The cases of `like` that the workload is about. What doesn't fit is out_of_memory, what the sheet doesn't tell
 * enough for is skipped. The caller frees *run. */
bool sheet_run_make(const struct device *device, const struct run *like, const struct workload *workload,
                    struct run *run, struct error *error);

#endif
