/* The cases of many runs as one table, for spreadsheets: a row a case, with the run and the machine it is of. */
#ifndef REPORTS_RUN_TABLE_H
#define REPORTS_RUN_TABLE_H

#include "harness/store/record.h"
#include "reports/report.h"

/* A report with the table, still empty; NULL without memory. Nothing else is to be added to it. */
struct report *run_table_create(struct table **table);
void run_table_add(struct table *table, const struct run *run);

#endif
