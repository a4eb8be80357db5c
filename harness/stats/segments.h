/* Where a series changed its level for good: for looking back over all of it. */
#ifndef STATS_SEGMENTS_H
#define STATS_SEGMENTS_H

#include <stddef.h>

struct segment_change {
    size_t first; /* of the new level */
    double size;  /* new less old level */
};

/* Splits values[count] (finite, logarithms) again and again where two neighbouring stretches' medians lie furthest
 * apart beside the noise (binary segmentation: Scott and Knott 1974), while that stands out and is at least
 * `threshold`. Each stretch has three values or more. Fills changes[most] in order and returns how many. */
size_t segments_find(const double *values, size_t count, double threshold, struct segment_change *changes, size_t most);

#endif
