#include "harness/estimate/surface.h"

#include <math.h>

/* What the covariance says before anything is measured. Scales are in factors e of an axis; chosen by leaving out each
 * of 38 models in turn, on one machine: the Xeon of docs/METHOD.md. */
static const double SCALES[SURFACE_AXES] = {3, 3, 3, 1.5, 2.8};
static const double CENTRE[SURFACE_AXES] = {5, 5, 5, 13, 3};
static const double DEVIATION = 0.5;         /* of the slowdown's logarithm about its trend */
static const double OFFSET = 1, SHIFT = 0.3; /* what all of an op's points share; what those of a dtype do besides */
static const double SLOPE = 0.075;           /* of the trend, along each axis */
static const double OTHER_DTYPE = 0.5;       /* correlation with the surface of another dtype */
static const double NOISE = 0.05;            /* of one measured op */

enum { NEIGHBOURS = 20 };

/* The step's axis says what may still be in cache, which changes slowly: within this the place is the same. */
static const double SAME = 1e-6, SAME_STEP = 0.2, SAME_SQUARED = 0.01;

static double squared_distance(const struct surface_point *a, const struct surface_point *b)
{
    double sum = 0;
    for (int i = 0; i < SURFACE_AXES; i++) {
        double step = (a->axes[i] - b->axes[i]) * (1 / SCALES[i]);
        sum += step * step;
    }
    return sum;
}

/* What another dtype is away. */
static const double DTYPE_DISTANCE = 1;

double surface_distance(const struct surface_point *a, const struct surface_point *b)
{
    return sqrt(squared_distance(a, b)) + (a->dtype != b->dtype ? DTYPE_DISTANCE : 0);
}

static double covariance(const struct surface_point *a, const struct surface_point *b)
{
    double along = sqrt(3 * squared_distance(a, b)), trend = 0;
    for (int i = 0; i < SURFACE_AXES; i++)
        trend += (a->axes[i] - CENTRE[i]) * (b->axes[i] - CENTRE[i]);
    double own = DEVIATION * DEVIATION * (1 + along) * exp(-along) + SLOPE * SLOPE * trend + SHIFT * SHIFT;
    return OFFSET * OFFSET + (a->dtype == b->dtype ? own : OTHER_DTYPE * own);
}

static bool is_same_place(const struct surface_point *a, const struct surface_point *b)
{
    for (int i = 0; i + 1 < SURFACE_AXES; i++)
        if (fabs(a->axes[i] - b->axes[i]) > SAME)
            return false;
    return a->dtype == b->dtype && fabs(a->axes[SURFACE_AXES - 1] - b->axes[SURFACE_AXES - 1]) < SAME_STEP;
}

/* ---- the nearest points ---- */

struct neighbours {
    const struct surface_point *points[NEIGHBOURS]; /* the nearest first */
    double distances[NEIGHBOURS];
    size_t count;
    double there, there_count; /* the sum of the slowdowns at the very place, and of how many */
};

static void insert(struct neighbours *nearest, const struct surface_point *point, double distance)
{
    size_t at = nearest->count < NEIGHBOURS ? nearest->count++ : NEIGHBOURS - 1;
    for (; at > 0 && nearest->distances[at - 1] > distance; at--) {
        nearest->distances[at] = nearest->distances[at - 1];
        nearest->points[at] = nearest->points[at - 1];
    }
    nearest->distances[at] = distance;
    nearest->points[at] = point;
}

static struct neighbours find_neighbours(const struct surface_point *points, size_t count,
                                         const struct surface_point *at, const struct without *without)
{
    struct neighbours nearest = {.count = 0};
    double reach = INFINITY, reach_other = INFINITY;
    for (size_t i = 0; i < count; i++) {
        if (without && points[i].group[without->kind] == without->group)
            continue;
        double squared = squared_distance(&points[i], at);
        bool other = points[i].dtype != at->dtype;
        if (squared < *(other ? &reach_other : &reach)) {
            insert(&nearest, &points[i], sqrt(squared) + (other ? DTYPE_DISTANCE : 0));
            if (nearest.count == NEIGHBOURS) { /* squares, so that few roots are drawn */
                double farthest = nearest.distances[NEIGHBOURS - 1];
                reach = farthest * farthest;
                reach_other = farthest > DTYPE_DISTANCE ? (farthest - DTYPE_DISTANCE) * (farthest - DTYPE_DISTANCE) : 0;
            }
        }
        if (squared < SAME_SQUARED && is_same_place(&points[i], at)) {
            nearest.there += points[i].log_slowdown;
            nearest.there_count++;
        }
    }
    return nearest;
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

/* ---- the surface ---- */

double surface_at(const struct surface_point *points, size_t count, const struct surface_point *at,
                  const struct without *without, double *distance)
{
    struct neighbours nearest = find_neighbours(points, count, at, without);
    size_t n = nearest.count;
    *distance = n ? nearest.distances[0] : INFINITY;
    if (nearest.there_count > 0)
        return nearest.there / nearest.there_count;
    double matrix[NEIGHBOURS * NEIGHBOURS], weights[NEIGHBOURS], sum = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i; j < n; j++)
            matrix[i * n + j] = covariance(nearest.points[i], nearest.points[j]);
        matrix[i * n + i] += NOISE * NOISE;
        weights[i] = nearest.points[i]->log_slowdown;
    }
    if (!n || !factorise(matrix, n))
        return NAN;
    solve(matrix, n, weights);
    for (size_t i = 0; i < n; i++)
        sum += weights[i] * covariance(at, nearest.points[i]);
    return sum;
}
