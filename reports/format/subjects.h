/* What a table's rows are about, for formats that know neither columns nor cells: JUnit, OpenMetrics, BMF. */
#ifndef FORMAT_SUBJECTS_H
#define FORMAT_SUBJECTS_H

#include "harness/base/text.h"
#include "reports/report.h"

/* The report's first table, or NULL. */
const struct table *subjects_table(const struct report *report);
/* How many of the leading text columns name a row: the fewest with which no two rows are named alike, and at least the
 * first. 0 where all of them together don't tell the rows apart. */
size_t subjects_columns(const struct table *table);
/* "gpt2-124m/train/f32": the row's words in those columns, which aren't numbers. */
void subject_name(struct text *out, const struct table *table, size_t row, size_t columns);
/* Whether the column judges its row: its key is `status`, `fits` or `verdict`. */
bool column_judges(const struct column *column);

#endif
