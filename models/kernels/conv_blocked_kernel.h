/* Inside of conv_blocked: what an instruction set provides. */
#ifndef KERNELS_CONV_BLOCKED_KERNEL_H
#define KERNELS_CONV_BLOCKED_KERNEL_H

#include "models/kernels/conv_blocked.h"

/* Pixels of which a chunk is made; every kernel's tile divides it. */
enum { CONV_CHUNK_PIXELS = 240 };

/* Some output pixels against a part of one block of channels: as many of its rows as stay in the first cache. */
struct conv_tiles {
    /* [taps][pixels]: where a pixel's run for a tap begins. Floats [first, first + count) of it meet `count` rows. */
    const float *const *runs;
    size_t taps, first, count, pixels;
    const float *filters; /* [taps · count, width] */
    size_t width;
    bool begins, ends;          /* y holds no sums yet; the result is finished */
    const float *scale, *shift; /* from the block's first channel on */
    const float *residual;      /* of the first pixel, at the block's first channel; or NULL */
    float *y;                   /* likewise */
    size_t stride;              /* floats from pixel to pixel in y and residual */
    bool relu;
};

struct conv_blocked_kernel {
    const char *name;
    void (*run)(const struct conv_tiles *tiles);
};

/* All that this machine can run, fastest first, ended by NULL. */
const struct conv_blocked_kernel *const *conv_blocked_variants(void);
const struct conv_blocked_kernel *conv_blocked_kernel(void);
void conv_blocked_run_with(const struct conv_blocked_kernel *kernel, const struct conv_blocked *conv, void *workspace,
                           int threads);

#endif
