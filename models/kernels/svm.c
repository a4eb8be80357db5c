/* Newton's method for the support vector machine, fast: see svm.h.
 *
 * z[r] = y w·x_r is kept from step to step. A step passes over the data twice: u = y d·x_r along the direction d, then,
 * when w has moved, the gradient; the second derivative Σ x xᵀ over the active rows is only corrected by those that
 * came or went, which after the first step are few. */
#include "models/kernels/svm.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Ranges of rows, whatever the number of threads. */
enum { RANGES = 32 };
/* Rows whose products are summed in float before the sum goes on in double. */
enum { GROUP = 512 };

struct range {
    size_t first, end;
    float *square, *room, *sum;
    double *gradient; /* [columns + 1] of the loss alone */
    double slopes[2], loss;
    size_t changed;
};

struct newton {
    const struct svm_problem *problem;
    const struct svm_kernels *kernels;
    int threads;
    size_t count, stride; /* columns + 1 */
    float *z, *u, *w, *direction;
    uint8_t *active;
    double *square, *gradient;
    struct range ranges[RANGES];
};

static size_t lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static void *take(uintptr_t *room, size_t bytes)
{
    void *at = (void *)*room;
    *room += lines(bytes);
    return at;
}

/* Lays everything from the address `room` on; returns where it ends. */
static uintptr_t lay_out(struct newton *newton, size_t rows, size_t columns, uintptr_t room)
{
    newton->count = columns + 1;
    newton->stride = svm_stride(columns);
    newton->z = take(&room, rows * sizeof(float));
    newton->u = take(&room, rows * sizeof(float));
    newton->active = take(&room, rows);
    newton->direction = take(&room, newton->count * sizeof(float));
    newton->square = take(&room, newton->count * newton->count * sizeof(double));
    newton->gradient = take(&room, newton->count * sizeof(double));
    for (size_t i = 0; i < RANGES; i++) {
        struct range *range = &newton->ranges[i];
        range->first = rows * i / RANGES;
        range->end = rows * (i + 1) / RANGES;
        range->square = take(&room, newton->count * newton->stride * sizeof(float));
        range->room = take(&room, SVM_BLOCK * newton->stride * sizeof(float));
        range->sum = take(&room, newton->count * sizeof(float));
        range->gradient = take(&room, newton->count * sizeof(double));
    }
    return room;
}

size_t svm_workspace(size_t rows, size_t columns)
{
    struct newton newton;
    size_t fast = lay_out(&newton, rows, columns, 0), count = columns + 1;
    size_t reference = (2 * rows + (count + 2) * count) * sizeof(double);
    return fast > reference ? fast : reference;
}

/* Rows that wait until there are enough for a block. */
struct waiting {
    uint32_t rows[SVM_BLOCK];
    size_t count;
};

static void add_waiting(const struct newton *newton, struct range *range, struct waiting *waiting, float sign)
{
    const struct svm_problem *problem = newton->problem;
    newton->kernels->add_squares(problem->x, problem->columns, waiting->rows, waiting->count, sign, range->square,
                                 newton->stride, range->room);
    waiting->count = 0;
}

/* One group's share of the gradient, and of what changes in the second derivative. */
static void take_group(const struct newton *newton, struct range *range, size_t first, size_t end,
                       struct waiting waiting[2])
{
    const struct svm_problem *problem = newton->problem;
    uint32_t rows[GROUP];
    float factors[GROUP];
    size_t count = 0;
    for (size_t r = first; r < end; r++) {
        float missing = 1 - newton->z[r];
        bool active = missing > 0;
        rows[count] = (uint32_t)r;
        factors[count] = problem->labels[r] ? -missing : missing;
        count += active;
        if (active != newton->active[r]) {
            newton->active[r] = active;
            range->changed++;
            waiting[active].rows[waiting[active].count++] = (uint32_t)r;
            if (waiting[active].count == SVM_BLOCK)
                add_waiting(newton, range, &waiting[active], active ? 1 : -1);
        }
        range->loss += active ? (double)missing * (double)missing : 0;
    }
    memset(range->sum, 0, newton->count * sizeof(float));
    newton->kernels->weighted_sum(problem->x, problem->columns, rows, factors, count, range->sum);
    for (size_t c = 0; c < newton->count; c++)
        range->gradient[c] += (double)range->sum[c];
}

static void take_range(const struct newton *newton, struct range *range)
{
    struct waiting waiting[2] = {{.count = 0}, {.count = 0}};
    range->changed = 0;
    range->loss = 0;
    memset(range->gradient, 0, newton->count * sizeof(double));
    for (size_t first = range->first; first < range->end; first += GROUP)
        take_group(newton, range, first, range->end - first < GROUP ? range->end : first + GROUP, waiting);
    add_waiting(newton, range, &waiting[1], 1);
    add_waiting(newton, range, &waiting[0], -1);
}

/* Gradient, active rows and objective at w. Returns ‖gradient‖. */
static double differentiate(struct newton *newton, double *objective, size_t *changed)
{
    const double cost = newton->problem->cost;
#pragma omp parallel for schedule(dynamic, 1) num_threads(newton->threads)
    for (int i = 0; i < RANGES; i++)
        take_range(newton, &newton->ranges[i]);
    double loss = 0, norm = 0, square = 0;
    *changed = 0;
    for (int i = 0; i < RANGES; i++) {
        loss += newton->ranges[i].loss;
        *changed += newton->ranges[i].changed;
    }
    for (size_t c = 0; c < newton->count; c++) {
        double sum = 0;
        for (int i = 0; i < RANGES; i++)
            sum += newton->ranges[i].gradient[c];
        newton->gradient[c] = (double)newton->w[c] + 2 * cost * sum;
        norm += newton->gradient[c] * newton->gradient[c];
        square += (double)newton->w[c] * (double)newton->w[c];
    }
    *objective = square / 2 + cost * loss;
    return sqrt(norm);
}

/* direction = −(I + 2C Σ x xᵀ)⁻¹ gradient */
static void find_direction(struct newton *newton)
{
    const double twice = 2 * newton->problem->cost;
    const size_t count = newton->count;
#pragma omp parallel for schedule(static) num_threads(newton->threads)
    for (size_t i = 0; i < count; i++)
        for (size_t j = i; j < count; j++) {
            double sum = 0;
            for (int range = 0; range < RANGES; range++)
                sum += (double)newton->ranges[range].square[i * newton->stride + j];
            newton->square[i * count + j] = twice * sum + (i == j);
        }
    svm_solve(newton->square, newton->gradient, count);
    for (size_t c = 0; c < count; c++)
        newton->direction[c] = (float)newton->gradient[c];
}

/* f's derivatives along the direction. */
static void slopes_at(void *of, double t, double derivatives[2])
{
    struct newton *newton = of;
    derivatives[0] = derivatives[1] = 0;
    for (size_t c = 0; c < newton->count; c++) {
        double along = (double)newton->direction[c];
        derivatives[0] += ((double)newton->w[c] + t * along) * along;
        derivatives[1] += along * along;
    }
#pragma omp parallel for schedule(static) num_threads(newton->threads)
    for (int i = 0; i < RANGES; i++) {
        struct range *range = &newton->ranges[i];
        range->slopes[0] = range->slopes[1] = 0;
        newton->kernels->slopes(newton->z + range->first, newton->u + range->first, (float)t, range->end - range->first,
                                range->slopes);
    }
    for (int i = 0; i < RANGES; i++) {
        derivatives[0] -= 2 * newton->problem->cost * newton->ranges[i].slopes[0];
        derivatives[1] += 2 * newton->problem->cost * newton->ranges[i].slopes[1];
    }
}

static void walk(struct newton *newton)
{
    const struct svm_problem *problem = newton->problem;
#pragma omp parallel for schedule(dynamic, 1) num_threads(newton->threads)
    for (int i = 0; i < RANGES; i++) {
        size_t first = newton->ranges[i].first, end = newton->ranges[i].end;
        newton->kernels->decide(problem->x + first * problem->columns, problem->labels + first, end - first,
                                problem->columns, newton->direction, newton->u + first);
    }
    float t = (float)svm_line_search(slopes_at, newton);
    for (size_t c = 0; c < newton->count; c++)
        newton->w[c] += t * newton->direction[c];
#pragma omp parallel for schedule(static) num_threads(newton->threads)
    for (int i = 0; i < RANGES; i++)
        for (size_t r = newton->ranges[i].first; r < newton->ranges[i].end; r++)
            newton->z[r] += t * newton->u[r];
}

double svm_train(const struct svm_problem *problem, float *w, void *workspace, int threads)
{
    struct newton newton = {.problem = problem, .kernels = svm_kernels(), .threads = threads, .w = w};
    lay_out(&newton, problem->rows, problem->columns, (uintptr_t)workspace);
    memset(w, 0, newton.count * sizeof *w);
    memset(newton.z, 0, problem->rows * sizeof *newton.z);
    memset(newton.active, 0, problem->rows);
    for (int i = 0; i < RANGES; i++)
        memset(newton.ranges[i].square, 0, newton.count * newton.stride * sizeof(float));
    double objective, before = INFINITY;
    size_t changed;
    const double first = differentiate(&newton, &objective, &changed);
    double norm = first;
    for (int step = 0; step < SVM_MOST_STEPS && norm > SVM_TOLERANCE * first; step++) {
        if (!changed && norm > before / 2)
            break; /* only rounding is left */
        find_direction(&newton);
        walk(&newton);
        before = norm;
        norm = differentiate(&newton, &objective, &changed);
    }
    return objective;
}
