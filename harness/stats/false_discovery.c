#include "harness/stats/false_discovery.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *left, const void *right)
{
    double a = **(double *const *)left, b = **(double *const *)right;
    return (a > b) - (a < b);
}

bool false_discovery_adjust(double *p, size_t count, struct error *error)
{
    double **order = calloc(count + 1, sizeof *order);
    if (!order)
        return error_set(error, ERROR_SYSTEM, "not enough memory to judge the nights");
    size_t tests = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(p[i]))
            order[tests++] = &p[i];
    qsort(order, tests, sizeof *order, ascending);
    double least = 1;
    for (size_t i = tests; i-- > 0;) {
        least = fmin(least, *order[i] * (double)tests / (double)(i + 1));
        *order[i] = least;
    }
    free(order);
    return true;
}
