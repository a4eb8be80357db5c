/* Memory solved, and not only checked: the longest context, and the widest model of a family, that still fit. */
#ifndef FITNESS_FIT_SOLVE_H
#define FITNESS_FIT_SOLVE_H

#include "models/engine/case.h"
#include "models/graph/plan.h"

/* The longest context, of at most the model's, whose plan takes no more than `room`; 0 when not even 1 does. Exact to
 * the three digits that a person reads. `plan` is that of the case's own context. */
int64_t solve_context(const struct model_case *one, const struct plan *plan, uint64_t room);

/* The widest model like the case's: as deep, its feed-forward and heads in proportion. */
struct width {
    const struct family *family;
    enum mode mode;
    const char *dtype;
    int64_t layers, hidden;
    uint64_t parameters;
};
/* Has the family a width to be solved for? Not convolutions, nor trees. */
bool has_width(const struct model_case *one);
/* False where it has none, or none fits. */
bool solve_width(const struct model_case *one, uint64_t room, int threads, struct width *width);

#endif
