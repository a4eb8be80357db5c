/* Many cases are tested at once: p-values as they stand when false discoveries among those called are to be rare. */
#ifndef STATS_FALSE_DISCOVERY_H
#define STATS_FALSE_DISCOVERY_H

#include <stddef.h>

#include "harness/base/error.h"

/* Replaces p-values by those of Benjamini and Hochberg (1995): calling what is at most alpha errs, in the mean, in at
 * most a share alpha of what is called; when nothing has changed, in at most alpha of all nights. NaN stays and isn't
 * counted. */
bool false_discovery_adjust(double *p, size_t count, struct error *error);

#endif
