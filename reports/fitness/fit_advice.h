/* What would help a row: the same case done another way, planned and estimated like any row. Each piece of advice says
 * what it gains by the two rows' figures; what gains next to nothing isn't given. */
#ifndef FITNESS_FIT_ADVICE_H
#define FITNESS_FIT_ADVICE_H

#include "reports/fitness/fit.h"

/* Fills the row's advice. */
void fit_advise(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine);

#endif
