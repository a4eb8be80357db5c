/* What is let go of old runs: most of their samples. Every case keeps its median with its interval, its memory and its
 * judgement, which is what change points, histories and comparisons over time rest on; of the samples stay a few that
 * stand for the whole distribution, the median among them, and of the ops all. */
#ifndef STORE_RETENTION_H
#define STORE_RETENTION_H

#include "harness/store/store.h"

/* Samples that a case of an old run keeps: the smallest, the largest, the middle, and the eighths between. */
enum { RETAINED_SAMPLES = 9 };

/* In the runs of that fingerprint that started more than `age_s` ago; *removed receives how many samples went. One
 * transaction a run, so that others may write between. */
bool store_thin_samples(struct store *store, const char *fingerprint, double age_s, size_t *removed,
                        struct error *error);

/* Which of `count` samples stay: keep[i] is set for RETAINED_SAMPLES of them (all, where there are no more), so that
 * the median of those that stay is the median of all, or for an even count the lower of the middle two. False without
 * memory. */
bool retention_choose(const double *samples, size_t count, bool *keep);

#endif
