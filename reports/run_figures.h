/* What is drawn of a run, beside its table. */
#ifndef REPORTS_RUN_FIGURES_H
#define REPORTS_RUN_FIGURES_H

#include "harness/store/record.h"
#include "reports/report.h"

/* Speeds with their intervals, memory by part, the cases under the machine's roofline, and the machine. */
void run_add_figures(struct report *report, const struct run *run);

#endif
