/* What all cases of a machine do together from night to night: the machine's own drift, which is no case's fault.
 *
 * A value is a case's level, plus the night's drift, plus the case's noise; levels and drifts are found in turns, each
 * as a centre that a few odd ones don't move (median polish: Tukey, Exploratory Data Analysis, 1977, with Huber's
 * weights and each case counting by how quiet it is). */
#ifndef STATS_SHARED_DRIFT_H
#define STATS_SHARED_DRIFT_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"

/* Fewer cases than this don't tell a machine's drift from their own changes. */
enum { LEAST_DRIFT_CASES = 5 };

/* values[case · nights + night], logarithms, NaN where missing. Fills drift[nights], whose median is 0; NaN on nights
 * that too few cases saw, 0 everywhere when there are too few cases at all. */
bool shared_drift_find(const double *values, size_t cases, size_t nights, double *drift, struct error *error);

#endif
