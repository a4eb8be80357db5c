/* The surface that one op's times lie on: how far above its roofline the op takes, over the logarithms of its shape.
 *
 * A Gaussian process (Rasmussen and Williams 2006) with a Matérn-3/2 covariance and a linear trend, each time from the
 * nearest points alone (Vecchia 1988; Datta et al. 2016): between measured points it interpolates smoothly, beyond them
 * it goes on along the trend. Points of other dtypes count, for less. At a place that was measured it says what was
 * measured there. */
#ifndef ESTIMATE_SURFACE_H
#define ESTIMATE_SURFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/graph/dtype.h"

enum { SURFACE_AXES = 5 };

/* What can be left out: the whole steps of a model (its layers, measured apart from it, remain), all that was measured
 * of the model, or of its family. */
enum left_out { LEFT_OUT_SIZE, LEFT_OUT_MODEL, LEFT_OUT_FAMILY, LEFT_OUT_KINDS };

struct surface_point {
    double axes[SURFACE_AXES]; /* of rows, columns, inner size, bytes, and the bytes of the whole step: logarithms */
    enum dtype dtype;
    double log_slowdown;            /* over the roofline */
    uint64_t group[LEFT_OUT_KINDS]; /* keys: points of the same key are left out together */
};

/* The points whose group of that kind has that key are as if they had never been measured. */
struct without {
    enum left_out kind;
    uint64_t group;
};

/* The log slowdown at a place, and how far the nearest point lies (0: there; 1: a scale of the covariance). `without`
 * may be NULL. NaN when no point is left. */
double surface_at(const struct surface_point *points, size_t count, const struct surface_point *at,
                  const struct without *without, double *distance);
/* How far two places lie apart in those terms. */
double surface_distance(const struct surface_point *a, const struct surface_point *b);

#endif
