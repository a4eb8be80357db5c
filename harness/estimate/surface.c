#include "harness/estimate/surface.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the covariance says before anything is measured. Scales are in factors e of an axis; chosen by
 * leaving out each of 38 models in turn, on one machine: the Xeon of docs/METHOD.md. */
static const double SCALES[SURFACE_AXES] = {3, 3, 3, 1.5, 2.8};
static const double CENTRE[SURFACE_AXES] = {5, 5, 5, 13, 3};
static const double DEVIATION = 0.5;         /* of the slowdown's logarithm about its trend */
static const double OFFSET = 1, SHIFT = 0.3; /* what all of an op's points share; what those of a dtype do besides */
static const double SLOPE = 0.075;           /* of the trend, along each axis */
static const double OTHER_DTYPE = 0.5;       /* correlation with the surface of another dtype */
static const double NOISE = 0.05;            /* of one measured op */

static double squared_distance(const struct surface_point *a, const struct surface_point *b)
{
    double sum = 0;
    for (int i = 0; i < SURFACE_AXES; i++) {
        double step = (a->axes[i] - b->axes[i]) / SCALES[i];
        sum += step * step;
    }
    return sum;
}

static double covariance(const struct surface_point *a, const struct surface_point *b, double *distance)
{
    double squared = squared_distance(a, b), along = sqrt(3 * squared), trend = 0;
    for (int i = 0; i < SURFACE_AXES; i++)
        trend += (a->axes[i] - CENTRE[i]) * (b->axes[i] - CENTRE[i]);
    double own = DEVIATION * DEVIATION * (1 + along) * exp(-along) + SLOPE * SLOPE * trend + SHIFT * SHIFT;
    *distance = sqrt(squared) + (a->dtype != b->dtype);
    return OFFSET * OFFSET + (a->dtype == b->dtype ? own : OTHER_DTYPE * own);
}

/* ---- symmetric positive definite matrices, row-major; loops run along rows so that they are vectorised ---- */

/* The upper factor U of A = UᵀU, in A's upper half. */
static bool factorise(double *a, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        double *row = a + k * n, pivot = row[k];
        if (!(pivot > 0))
            return false;
        double scale = 1 / sqrt(pivot);
        for (size_t j = k; j < n; j++)
            row[j] *= scale;
        for (size_t i = k + 1; i < n; i++) {
            double *below = a + i * n, factor = row[i];
            for (size_t j = i; j < n; j++)
                below[j] -= factor * row[j];
        }
    }
    return true;
}

/* x = A⁻¹ x from A's factor. */
static void solve(const double *u, size_t n, double *x)
{
    for (size_t i = 0; i < n; i++) { /* Uᵀ y = x */
        x[i] /= u[i * n + i];
        for (size_t j = i + 1; j < n; j++)
            x[j] -= u[i * n + j] * x[i];
    }
    for (size_t i = n; i-- > 0;) { /* U z = y */
        double sum = x[i];
        for (size_t j = i + 1; j < n; j++)
            sum -= u[i * n + j] * x[j];
        x[i] = sum / u[i * n + i];
    }
}

/* The inverse of A from its factor: with Y = U⁻ᵀ, lower, A⁻¹ = YᵀY. Only its upper half is filled. */
static bool invert(const double *u, size_t n, double *inverse)
{
    double *y = calloc(n * n + 1, sizeof *y);
    if (!y)
        return false;
    for (size_t i = 0; i < n; i++)
        y[i * n + i] = 1;
    for (size_t i = 0; i < n; i++) {
        double *row = y + i * n, scale = 1 / u[i * n + i];
        for (size_t j = 0; j <= i; j++)
            row[j] *= scale;
        for (size_t k = i + 1; k < n; k++) {
            double *below = y + k * n, factor = u[i * n + k];
            for (size_t j = 0; j <= i; j++)
                below[j] -= factor * row[j];
        }
    }
    memset(inverse, 0, n * n * sizeof *inverse);
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i <= k; i++) {
            const double *row = y + k * n;
            double *into = inverse + i * n, factor = row[i];
            for (size_t j = i; j <= k; j++)
                into[j] += factor * row[j];
        }
    free(y);
    return true;
}

/* ---- leaving out ---- */

static double nearest_outside(const struct surface *surface, size_t point, int kind)
{
    double nearest = INFINITY;
    const struct surface_point *points = surface->points;
    for (size_t i = 0; i < surface->count; i++) {
        double distance = sqrt(squared_distance(&points[i], &points[point])) + (points[i].dtype != points[point].dtype);
        if (points[i].group[kind] != points[point].group[kind] && distance < nearest)
            nearest = distance;
    }
    return nearest;
}

/* The surface's answers at `members`, the points of one group, from all other points. */
static bool leave_out(struct surface *surface, const double *inverse, const size_t *members, size_t count, int kind)
{
    size_t n = surface->count;
    double *block = calloc(count * count + count + 1, sizeof *block), *step = block + count * count;
    if (!block)
        return false;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i; j < count; j++)
            block[i * count + j] = inverse[members[i] * n + members[j]];
        step[i] = surface->weights[members[i]];
    }
    bool left = count < n && factorise(block, count);
    if (left)
        solve(block, count, step);
    for (size_t i = 0; i < count; i++) {
        struct surface_point *point = &surface->points[members[i]];
        point->without[kind] = left ? point->log_slowdown - step[i] : NAN;
        point->distances[kind] = left ? nearest_outside(surface, members[i], kind) : INFINITY;
    }
    free(block);
    return true;
}

static bool leave_out_each(struct surface *surface, const double *inverse, int kind)
{
    size_t n = surface->count;
    size_t *members = calloc(n + 1, sizeof *members);
    bool *done = calloc(n + 1, sizeof *done), right = members && done;
    for (size_t first = 0; right && first < n; first++) {
        size_t count = 0;
        for (size_t i = first; !done[first] && i < n; i++)
            if (surface->points[i].group[kind] == surface->points[first].group[kind])
                members[count++] = i;
        for (size_t i = 0; i < count; i++)
            done[members[i]] = true;
        right = !count || leave_out(surface, inverse, members, count, kind);
    }
    free(members);
    free(done);
    return right;
}

/* ---- the surface ---- */

bool surface_make(struct surface *surface, struct surface_point *points, size_t count)
{
    *surface = (struct surface){.points = points, .count = count};
    double *factor = calloc(count * count + 1, sizeof *factor), *inverse = calloc(count * count + 1, sizeof *inverse);
    double distance;
    surface->weights = calloc(count + 1, sizeof *surface->weights);
    bool right = factor && inverse && surface->weights;
    for (size_t i = 0; right && i < count; i++) {
        for (size_t j = i; j < count; j++)
            factor[i * count + j] = covariance(&points[i], &points[j], &distance);
        factor[i * count + i] += NOISE * NOISE;
        surface->weights[i] = points[i].log_slowdown;
    }
    right = right && factorise(factor, count) && invert(factor, count, inverse);
    if (right)
        solve(factor, count, surface->weights);
    for (int kind = 0; right && kind < LEFT_OUT_KINDS; kind++)
        right = leave_out_each(surface, inverse, kind);
    free(factor);
    free(inverse);
    return right;
}

void surface_free(struct surface *surface)
{
    free(surface->weights);
    surface->weights = NULL;
}

double surface_at(const struct surface *surface, const struct surface_point *at, double *distance)
{
    double sum = 0;
    *distance = INFINITY;
    for (size_t i = 0; i < surface->count; i++) {
        double far;
        sum += surface->weights[i] * covariance(at, &surface->points[i], &far);
        *distance = fmin(*distance, far);
    }
    return sum;
}
