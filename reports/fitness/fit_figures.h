/* What is drawn of the fitness table. */
#ifndef FITNESS_FIT_FIGURES_H
#define FITNESS_FIT_FIGURES_H

#include "reports/fitness/fit.h"

/* Speeds with their intervals, and the memory of models around what is available, by part. */
void fit_add_figures(struct report *report, const struct fit *fit, const struct fit_machine *machine);

#endif
