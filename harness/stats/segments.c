#include "harness/stats/segments.h"

#include <math.h>
#include <stdlib.h>

#include "harness/stats/robust.h"

enum { LEAST_SEGMENT = 3, MOST_VALUES = 512 };

/* A split of pure noise is this many standard errors wide about once in a thousand series: the largest of some hundred
 * places and the median's error, which is a quarter more than the mean's, are in it. */
static const double stands_out = 6;

struct stretch {
    size_t from, to;
};

/* The noise from one value to the next, which a few changes of level don't touch. */
static double noise_scale(const double *values, size_t count)
{
    double steps[MOST_VALUES];
    size_t known = 0;
    for (size_t i = 1; i < count && known < MOST_VALUES; i++)
        steps[known++] = fabs(values[i] - values[i - 1]);
    return fmax(1e-4, 1.4826 * stats_median(steps, known) / sqrt(2));
}

/* medians[i]: of the i + 1 values from `first` on, in steps of `step`: sorted by insertion, one by one. */
static void running_medians(const double *first, ptrdiff_t step, size_t count, double *medians)
{
    double sorted[MOST_VALUES];
    for (size_t i = 0; i < count; i++) {
        double value = first[(ptrdiff_t)i * step];
        size_t place = i;
        for (; place && sorted[place - 1] > value; place--)
            sorted[place] = sorted[place - 1];
        sorted[place] = value;
        medians[i] = (sorted[i / 2] + sorted[(i + 1) / 2]) / 2;
    }
}

static double best_split(const double *values, struct stretch stretch, double scale, double threshold, size_t *split)
{
    double best = 0, before[MOST_VALUES], after[MOST_VALUES];
    size_t length = stretch.to - stretch.from;
    running_medians(values + stretch.from, 1, length, before);
    running_medians(values + stretch.to - 1, -1, length, after);
    for (size_t i = LEAST_SEGMENT; i + LEAST_SEGMENT <= length; i++) {
        double size = after[length - i - 1] - before[i - 1];
        double score = fabs(size) / (scale * sqrt(1 / (double)i + 1 / (double)(length - i)));
        if (score > best && fabs(size) >= threshold) {
            best = score;
            *split = stretch.from + i;
        }
    }
    return best;
}

static double spread(const double *values, size_t count)
{
    double centre = stats_median(values, count), sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += fabs(values[i] - centre);
    return sum;
}

/* Medians hardly tell neighbouring places apart: of those, the one that leaves least spread on both sides. */
static size_t refine_split(const double *values, struct stretch stretch, size_t split)
{
    double least = INFINITY;
    size_t best = split;
    for (size_t i = split - 2; i <= split + 2; i++) {
        if (i < stretch.from + LEAST_SEGMENT || i + LEAST_SEGMENT > stretch.to)
            continue;
        double left = spread(values + stretch.from, i - stretch.from) + spread(values + i, stretch.to - i);
        if (left < least) {
            least = left;
            best = i;
        }
    }
    return best;
}

static int ascending(const void *left, const void *right)
{
    const struct segment_change *a = left, *b = right;
    return (a->first > b->first) - (a->first < b->first);
}

static void tell_sizes(const double *values, size_t count, struct segment_change *changes, size_t found)
{
    for (size_t i = 0; i < found; i++) {
        size_t from = i ? changes[i - 1].first : 0, middle = changes[i].first;
        size_t to = i + 1 < found ? changes[i + 1].first : count;
        changes[i].size = stats_median(values + middle, to - middle) - stats_median(values + from, middle - from);
    }
}

/* A split that was made before its neighbours were found may not stand out between them: the weakest goes first. */
static size_t prune(const double *values, size_t count, double scale, double threshold, struct segment_change *changes,
                    size_t found)
{
    while (found) {
        size_t weakest = 0;
        double least = INFINITY;
        tell_sizes(values, count, changes, found);
        for (size_t i = 0; i < found; i++) {
            size_t from = i ? changes[i - 1].first : 0, to = i + 1 < found ? changes[i + 1].first : count;
            double before = (double)(changes[i].first - from), after = (double)(to - changes[i].first);
            double score = fabs(changes[i].size) / (scale * sqrt(1 / before + 1 / after));
            if (fabs(changes[i].size) < threshold)
                score = 0;
            if (score < least) {
                least = score;
                weakest = i;
            }
        }
        if (least >= stands_out)
            return found;
        found--;
        for (size_t i = weakest; i < found; i++)
            changes[i] = changes[i + 1];
    }
    return 0;
}

size_t segments_find(const double *values, size_t count, double threshold, struct segment_change *changes, size_t most)
{
    struct stretch waiting[MOST_VALUES];
    size_t waits = 0, found = 0, skipped = count > MOST_VALUES ? count - MOST_VALUES : 0;
    values += skipped;
    count -= skipped;
    if (count < 2 * LEAST_SEGMENT)
        return 0;
    double scale = noise_scale(values, count);
    waiting[waits++] = (struct stretch){0, count};
    while (waits && found < most) {
        struct stretch stretch = waiting[--waits];
        size_t split = 0;
        if (best_split(values, stretch, scale, threshold, &split) < stands_out)
            continue;
        for (size_t before = count; before != split;) {
            before = split;
            split = refine_split(values, stretch, split);
        }
        changes[found++].first = split;
        waiting[waits++] = (struct stretch){stretch.from, split};
        waiting[waits++] = (struct stretch){split, stretch.to};
    }
    qsort(changes, found, sizeof *changes, ascending);
    found = prune(values, count, scale, threshold, changes, found);
    for (size_t i = 0; i < found; i++)
        changes[i].first += skipped;
    return found;
}
