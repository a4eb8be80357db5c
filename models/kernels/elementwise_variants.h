/* The variants behind elementwise.h: one table a file, and the optimizers, which have files of their own. */
#ifndef KERNELS_ELEMENTWISE_VARIANTS_H
#define KERNELS_ELEMENTWISE_VARIANTS_H

#include <math.h>

#include "models/kernels/elementwise.h"

extern const struct elementwise_kernels elementwise_kernels_avx2;
extern const struct elementwise_kernels elementwise_kernels_avx512;
extern const struct elementwise_kernels elementwise_kernels_neon;

void sgd_plain(const struct optimizer_step *, float *, const float *, float *, uint16_t *, size_t);
void rmsprop_plain(const struct optimizer_step *, float *, const float *, float *, uint16_t *, size_t);
void adam_plain(const struct optimizer_step *, float *, const float *, float *, float *, uint16_t *, size_t);

void sgd_avx2(const struct optimizer_step *, float *, const float *, float *, uint16_t *, size_t);
void rmsprop_avx2(const struct optimizer_step *, float *, const float *, float *, uint16_t *, size_t);
void adam_avx2(const struct optimizer_step *, float *, const float *, float *, float *, uint16_t *, size_t);

void sgd_avx512(const struct optimizer_step *, float *, const float *, float *, uint16_t *, size_t);
void rmsprop_avx512(const struct optimizer_step *, float *, const float *, float *, uint16_t *, size_t);
void adam_avx512(const struct optimizer_step *, float *, const float *, float *, float *, uint16_t *, size_t);

void sgd_neon(const struct optimizer_step *, float *, const float *, float *, uint16_t *, size_t);
void rmsprop_neon(const struct optimizer_step *, float *, const float *, float *, uint16_t *, size_t);
void adam_neon(const struct optimizer_step *, float *, const float *, float *, float *, uint16_t *, size_t);

/* random_uniform(key, i) >= rate says the same as random_bits(key, i) >= this, with nothing rounded: uniform numbers
 * are whole multiples of 2^-24 made of the bits above the fortieth. For a rate below 1. */
static inline uint64_t dropout_threshold(float rate)
{
    return rate > 0 ? (uint64_t)ceil((double)rate * 0x1p24) << 40 : 0;
}

#endif
