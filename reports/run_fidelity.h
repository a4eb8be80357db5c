/* The part of a run's report that says what fewer bits cost: each model's types beside f32. */
#ifndef REPORTS_RUN_FIDELITY_H
#define REPORTS_RUN_FIDELITY_H

#include "harness/store/record.h"
#include "reports/report.h"

/* Adds nothing where no case was compared. */
void run_add_fidelity(struct report *report, const struct run *run);

#endif
