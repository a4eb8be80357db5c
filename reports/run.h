/* What a run found, as a person reads it: the machine, a table of cases, what to beware of, and the answer. */
#ifndef REPORTS_RUN_H
#define REPORTS_RUN_H

#include "harness/store/record.h"
#include "reports/report.h"

/* The document is the run's, schema benchmark.run/1. NULL without memory. */
struct report *run_report(const struct run *run);

/* How many records have each status. */
struct run_counts {
    size_t of[STATUS_COUNT], all, measured, unfinished;
};
struct run_counts run_count(const struct run *run);

#endif
