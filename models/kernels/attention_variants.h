/* The implementations of attention.h that this build holds; attention_run uses the fastest that the machine can run,
 * tests run each of them. All are the same source (attention_*_tiled.h) compiled for another vector width. */
#ifndef KERNELS_ATTENTION_VARIANTS_H
#define KERNELS_ATTENTION_VARIANTS_H

#include "models/kernels/attention.h"

struct attention_kernels {
    const char *name; /* "plain", "avx2", "avx512" */
    size_t (*workspace)(const struct attention *attention, int threads);
    void (*run)(const struct attention *attention, void *workspace, int threads);
    size_t (*gradient_workspace)(const struct attention_gradient *gradient, int threads);
    void (*gradient_run)(const struct attention_gradient *gradient, void *workspace, int threads);
};

/* The fastest variant that this machine has. */
const struct attention_kernels *attention_kernels(void);
/* Every variant that this machine can run, fastest first, the plain one last, ended by NULL. */
const struct attention_kernels *const *attention_variants(void);

extern const struct attention_kernels attention_plain;
#if defined(__x86_64__)
extern const struct attention_kernels attention_avx2, attention_avx512;
#endif

#endif
