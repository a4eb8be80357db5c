/* The implementations of recurrent.h, lstm.h and gru.h that this build holds; the public functions use the fastest that
 * the machine can run, tests run each of them. All are the same source compiled for another vector width. */
#ifndef KERNELS_RECURRENT_VARIANTS_H
#define KERNELS_RECURRENT_VARIANTS_H

#include "models/kernels/gru.h"
#include "models/kernels/lstm.h"
#include "models/kernels/recurrent.h"

struct recurrent_kernels {
    const char *name; /* "plain", "avx2", "avx512" */
    size_t (*workspace)(const struct recurrent *layer, int threads);
    void (*run)(const struct recurrent *layer, void *workspace, int threads);
    size_t (*gradient_workspace)(const struct recurrent_gradient *gradient, int threads);
    void (*gradient_run)(const struct recurrent_gradient *gradient, void *workspace, int threads);
    size_t (*lstm_workspace)(const struct lstm *layer, int threads);
    void (*lstm_run)(const struct lstm *layer, void *workspace, int threads);
    size_t (*lstm_gradient_workspace)(const struct lstm_gradient *gradient, int threads);
    void (*lstm_gradient_run)(const struct lstm_gradient *gradient, void *workspace, int threads);
    size_t (*gru_workspace)(const struct gru *layer, int threads);
    void (*gru_run)(const struct gru *layer, void *workspace, int threads);
    size_t (*gru_gradient_workspace)(const struct gru_gradient *gradient, int threads);
    void (*gru_gradient_run)(const struct gru_gradient *gradient, void *workspace, int threads);
};

/* The fastest variant that this machine has. */
const struct recurrent_kernels *recurrent_kernels(void);
/* Every variant that this machine can run, fastest first, the plain one last, ended by NULL. */
const struct recurrent_kernels *const *recurrent_variants(void);

extern const struct recurrent_kernels recurrent_plain;
#if defined(__x86_64__)
extern const struct recurrent_kernels recurrent_avx2, recurrent_avx512;
#endif

#endif
