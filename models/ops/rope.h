/* How the frequencies of rotary positions (Su et al. 2021) are stretched, so that a model reads contexts longer than
 * those it was first trained on. */
#ifndef OPS_ROPE_H
#define OPS_ROPE_H

#include <stdbool.h>
#include <stdint.h>

/* With f the plain frequencies theta^(−2i/R) of a head whose first R elements turn, F the factor, N the original
 * context, S the positions that a step reaches:
 *   linear   f / F                                                                          (Chen et al. 2023)
 *   dynamic  theta · (F·S/N − F + 1)^(R/(R−2)) in theta's place where S > N                 (NTK-aware, as published)
 *   llama3   f / F where a turn takes more than N / low positions, f where less than N / high, blended between
 *                                                                                           (Dubey et al. 2024)
 *   yarn     f where beta_fast or more turns fit N, f / F where beta_slow or fewer do, a ramp over i between; cosines
 *            and sines times 0.1·ln F + 1                                                   (Peng et al. 2023)
 *   long     f / short[i], or f / long[i] where S > N; times √(1 + ln F / ln N)            (LongRoPE: Ding et al. 2024)
 */
enum rope_kind { ROPE_PLAIN, ROPE_LINEAR, ROPE_DYNAMIC, ROPE_LLAMA3, ROPE_YARN, ROPE_LONG };

struct rope {
    enum rope_kind kind;
    float share; /* of a head's elements that turn, the first ones; 0: all */
    float factor;
    float original_context;
    float low, high;                           /* llama3 */
    float beta_fast, beta_slow;                /* yarn; 0: 32 and 1 */
    bool between;                              /* yarn: the ramp begins and ends between pairs, not at whole ones */
    float attention_factor;                    /* yarn, long: what cosines and sines are multiplied by; 0: as above */
    const float *short_factors, *long_factors; /* long: [R/2] */
};

/* Elements of a head that turn. `rope` may be NULL. */
int64_t rope_rotated(const struct rope *rope, int64_t head_dim);
/* Radians a position for each of the rotated/2 pairs, where the last position is `context` − 1. Returns what cosines
 * and sines are multiplied by. */
double rope_frequencies(const struct rope *rope, double theta, int64_t rotated, int64_t context, double *frequencies);

#endif
