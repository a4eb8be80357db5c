/* Cases over time: each one's median run by run, where it changed for good, and where the machine itself changed. */
#ifndef REPORTS_HISTORY_H
#define REPORTS_HISTORY_H

#include "harness/store/history.h"
#include "reports/report.h"

/* The document is of schema benchmark.history/1. NULL without memory. */
struct report *history_report(const struct history *history);

#endif
