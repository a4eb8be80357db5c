/* The surface that one op's times lie on: how far above its roofline the op takes, over the logarithms of its shape.
 *
 * A Gaussian process (Rasmussen and Williams 2006) with a Matérn-3/2 covariance and a linear trend: between measured
 * points it interpolates smoothly, beyond them it goes on along the trend. Points of other dtypes count, for less. What
 * it would have said without a point's model, or without its family, comes in closed form from the inverse of the
 * covariance (ibid., section 5.4.2, for blocks of points instead of single ones). */
#ifndef ESTIMATE_SURFACE_H
#define ESTIMATE_SURFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/graph/dtype.h"

enum { SURFACE_AXES = 5 };

/* What is left out: nothing of the kind, all points of the same model, or all of the same family. */
enum left_out { LEFT_OUT_SIZE, LEFT_OUT_FAMILY, LEFT_OUT_KINDS };

struct surface_point {
    double axes[SURFACE_AXES]; /* of rows, columns, inner size, bytes, and the bytes of the whole step: logarithms */
    enum dtype dtype;
    double log_slowdown;            /* over the roofline */
    uint64_t group[LEFT_OUT_KINDS]; /* keys of its model and of its family */
    double without[LEFT_OUT_KINDS]; /* filled: the surface's answer when its group isn't there; NaN: nothing is left */
    double distances[LEFT_OUT_KINDS]; /* filled: to the nearest that is left */
};

struct surface {
    struct surface_point *points; /* the caller's; stays where it is while the surface is used */
    size_t count;
    double *weights; /* owned: covariance⁻¹ · slowdowns */
};

/* Fills the surface and what the points say without their groups. False without memory. */
bool surface_make(struct surface *surface, struct surface_point *points, size_t count);
void surface_free(struct surface *surface);
/* The log slowdown at a point, and how far the nearest measured one lies (0: there; 1: a scale of the covariance). */
double surface_at(const struct surface *surface, const struct surface_point *at, double *distance);

#endif
