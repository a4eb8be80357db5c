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

/* Blocks [block, last_block) for output pixels [pixel, last_pixel) of all images'. */
struct conv_share {
    size_t block, last_block, pixel, last_pixel;
};

struct conv_blocked_kernel {
    const char *name;
    void (*run)(const struct conv_tiles *tiles);
    /* Of a kernel on matrix units, which does whole shares; NULL without. It stands back for `vectors` where it can't
     * or would be the slower. Shares are whole output rows then. */
    const struct conv_blocked_kernel *vectors;
    bool (*can)(const struct conv_shape *shape);
    /* About so many cycles of one thread for some output channels and some rows of all images'. */
    double (*cycles)(const struct conv_shape *shape, size_t out_channels, size_t rows);
    size_t (*shared_bytes)(const struct conv_shape *shape);  /* of what all threads make together, */
    size_t (*scratch_bytes)(const struct conv_shape *shape); /* and each thread for itself */
    /* A thread's part of what is shared; then, when all have done theirs, its share of the results, all but activations
     * other than ReLU. False when there were values that it can't do: nothing of y holds then. */
    bool (*split_input)(const struct conv_blocked *conv, size_t thread, size_t threads, void *shared);
    bool (*run_share)(const struct conv_blocked *conv, const struct conv_share *share, const void *shared,
                      void *scratch);
};

/* All that this machine can run, fastest first, ended by NULL. */
const struct conv_blocked_kernel *const *conv_blocked_variants(void);
const struct conv_blocked_kernel *conv_blocked_kernel(void);
size_t conv_blocked_workspace_with(const struct conv_blocked_kernel *kernel, const struct conv_shape *shape,
                                   int threads);
void conv_blocked_run_with(const struct conv_blocked_kernel *kernel, const struct conv_blocked *conv, void *workspace,
                           int threads);

#endif
