/* What of a comparison is said in sentences and drawn, beside its tables. */
#ifndef REPORTS_COMPARE_FIGURES_H
#define REPORTS_COMPARE_FIGURES_H

#include "reports/compare.h"

/* Which machine to take, in one sentence, and what is to be known beside it (compare_answer.c). */
void compare_add_answer(struct report *report, const struct comparison *comparison);
/* Speeds and costs as bars, and the cases whose ratios differ most (compare_figures.c). */
void compare_add_figures(struct report *report, const struct comparison *comparison);
/* The machines as they are built. */
void compare_add_machines(struct report *report, const struct comparison *comparison);

#endif
