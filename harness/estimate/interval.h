/* How far an estimate may be off, from how far earlier ones were (conformal prediction: Vovk et al. 2005; normalised as
 * in Papadopoulos et al. 2008): every measured case is estimated as if it, its model, or its family had not been
 * measured; the logarithms of measured over estimated, divided by 1 + growth · the distance to what was used, are the
 * scores, and a quantile of them times the same of a new case's distance is the interval's half-width. The growth is
 * the one under which the errors look most alike at all distances; the quantile is that of the case's own mode where
 * enough cases were of it. */
#ifndef ESTIMATE_INTERVAL_H
#define ESTIMATE_INTERVAL_H

#include <stddef.h>

#include "harness/estimate/surface.h"
#include "models/engine/case.h"

struct score {
    double log_error; /* NaN: not scored */
    double distance;
    enum mode mode;
    enum left_out kind;             /* what it was estimated without */
    uint64_t group[LEFT_OUT_KINDS]; /* the case's */
};

struct interval_law {
    double bias;                 /* median of the log errors: estimates are raised by it */
    double growth;               /* with the distance */
    double quantile[MODE_COUNT]; /* of the scores */
};

/* From all scores but those of a group (`without`; NULL: of all). False without memory. */
bool interval_law_make(const struct score *scores, size_t count, double confidence, const struct without *without,
                       struct interval_law *law);
/* Of the logarithm of an estimate's seconds. */
double interval_half_width(const struct interval_law *law, enum mode mode, double distance);

#endif
