/* Newton's method for the support vector machine as svm.h states it, in double precision, one row after the other. */
#include <math.h>
#include <string.h>

#include "models/kernels/svm.h"

struct reference {
    const struct svm_problem *problem;
    size_t count;
    double *z, *u, *w, *direction, *square;
};

static double sign_of(const struct svm_problem *problem, size_t row)
{
    return problem->labels[row] ? 1 : -1;
}

/* The row's element, or the 1 behind it. */
static double element(const struct svm_problem *problem, size_t row, size_t column)
{
    return column < problem->columns ? (double)problem->x[row * problem->columns + column] : 1;
}

static void multiply(const struct reference *at, const double *vector, double *out)
{
    for (size_t r = 0; r < at->problem->rows; r++) {
        double sum = 0;
        for (size_t c = 0; c < at->count; c++)
            sum += element(at->problem, r, c) * vector[c];
        out[r] = sign_of(at->problem, r) * sum;
    }
}

/* The gradient into `direction`, the second derivative into `square`; returns the gradient's norm. */
static double differentiate(const struct reference *at, double *objective)
{
    const double cost = at->problem->cost;
    double norm = 0;
    memset(at->square, 0, at->count * at->count * sizeof(double));
    *objective = 0;
    for (size_t c = 0; c < at->count; c++) {
        at->direction[c] = at->w[c];
        at->square[c * at->count + c] = 1;
        *objective += at->w[c] * at->w[c] / 2;
    }
    for (size_t r = 0; r < at->problem->rows; r++) {
        double missing = 1 - at->z[r];
        if (!(missing > 0))
            continue;
        *objective += cost * missing * missing;
        for (size_t i = 0; i < at->count; i++) {
            double x = element(at->problem, r, i);
            at->direction[i] -= 2 * cost * sign_of(at->problem, r) * missing * x;
            for (size_t j = i; j < at->count; j++)
                at->square[i * at->count + j] += 2 * cost * x * element(at->problem, r, j);
        }
    }
    for (size_t c = 0; c < at->count; c++)
        norm += at->direction[c] * at->direction[c];
    return sqrt(norm);
}

static void slopes_at(void *of, double t, double derivatives[2])
{
    const struct reference *at = of;
    derivatives[0] = derivatives[1] = 0;
    for (size_t c = 0; c < at->count; c++) {
        derivatives[0] += (at->w[c] + t * at->direction[c]) * at->direction[c];
        derivatives[1] += at->direction[c] * at->direction[c];
    }
    for (size_t r = 0; r < at->problem->rows; r++) {
        double missing = 1 - at->z[r] - t * at->u[r];
        if (missing > 0) {
            derivatives[0] -= 2 * at->problem->cost * missing * at->u[r];
            derivatives[1] += 2 * at->problem->cost * at->u[r] * at->u[r];
        }
    }
}

double svm_train_reference(const struct svm_problem *problem, float *w, void *workspace)
{
    const size_t rows = problem->rows, count = problem->columns + 1;
    double *room = workspace;
    struct reference at = {.problem = problem,
                           .count = count,
                           .z = room,
                           .u = room + rows,
                           .w = room + 2 * rows,
                           .direction = room + 2 * rows + count,
                           .square = room + 2 * rows + 2 * count};
    memset(room, 0, (2 * rows + 2 * count) * sizeof *room);
    double objective;
    const double first = differentiate(&at, &objective);
    double norm = first;
    for (int step = 0; step < SVM_MOST_STEPS && norm > SVM_TOLERANCE * first; step++) {
        svm_solve(at.square, at.direction, count);
        multiply(&at, at.direction, at.u);
        double t = svm_line_search(slopes_at, &at);
        for (size_t c = 0; c < count; c++)
            at.w[c] += t * at.direction[c];
        multiply(&at, at.w, at.z);
        norm = differentiate(&at, &objective);
    }
    for (size_t c = 0; c < count; c++)
        w[c] = (float)at.w[c];
    return objective;
}
