/* The implementations of recurrent.h that this build holds; recurrent_run uses the fastest that the machine can run,
 * tests run each of them. All are the same source (recurrent_*.h) compiled for another vector width. */
#ifndef KERNELS_RECURRENT_VARIANTS_H
#define KERNELS_RECURRENT_VARIANTS_H

#include "models/kernels/recurrent.h"

struct recurrent_kernels {
    const char *name; /* "plain", "avx2", "avx512" */
    size_t (*workspace)(const struct recurrent *recurrent, int threads);
    void (*run)(const struct recurrent *recurrent, void *workspace, int threads);
    size_t (*gradient_workspace)(const struct recurrent_gradient *gradient, int threads);
    void (*gradient_run)(const struct recurrent_gradient *gradient, void *workspace, int threads);
};

/* The fastest variant that this machine has. */
const struct recurrent_kernels *recurrent_kernels(void);
/* Every variant that this machine can run, the plain one first, ended by NULL: for tests. */
const struct recurrent_kernels *const *recurrent_variants(void);

extern const struct recurrent_kernels recurrent_plain;
#if defined(__x86_64__)
extern const struct recurrent_kernels recurrent_avx2, recurrent_avx512;
#endif

#endif
