/* What Newton's steps need besides the data: the linear equations, and how far to go along a direction. See svm.h. */
#include <math.h>
#include <stdbool.h>

#include "models/kernels/svm.h"

/* square = UᵀU, row after row of U. */
static void factorise(double *square, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            double factor = square[k * count + i];
            for (size_t j = i; j < count; j++)
                square[i * count + j] -= factor * square[k * count + j];
        }
        double root = sqrt(square[i * count + i]);
        for (size_t j = i; j < count; j++)
            square[i * count + j] /= root;
    }
}

void svm_solve(double *square, double *gradient, size_t count)
{
    factorise(square, count);
    for (size_t i = 0; i < count; i++) { /* Uᵀ s = −gradient */
        double sum = -gradient[i];
        for (size_t k = 0; k < i; k++)
            sum -= square[k * count + i] * gradient[k];
        gradient[i] = sum / square[i * count + i];
    }
    for (size_t i = count; i-- > 0;) { /* U d = s */
        double sum = gradient[i];
        for (size_t k = i + 1; k < count; k++)
            sum -= square[i * count + k] * gradient[k];
        gradient[i] = sum / square[i * count + i];
    }
}

enum { MOST_TRIALS = 20 };
/* The slope may stay this part of what it was: the next step does better than the rest of this one. */
static const double FLAT_ENOUGH = 1e-2;

double svm_line_search(void (*slopes)(void *of, double t, double derivatives[2]), void *of)
{
    double derivatives[2], low = 0, high = INFINITY, t = 1;
    slopes(of, 0, derivatives);
    const double first = fabs(derivatives[0]);
    for (int trial = 0; trial < MOST_TRIALS; trial++) {
        slopes(of, t, derivatives);
        if (!(fabs(derivatives[0]) > FLAT_ENOUGH * first))
            break;
        if (derivatives[0] < 0)
            low = t;
        else
            high = t;
        double next = t - derivatives[0] / derivatives[1];
        bool inside = next > low && next < high;
        t = inside ? next : isfinite(high) ? (low + high) / 2 : 2 * t;
    }
    return t;
}
