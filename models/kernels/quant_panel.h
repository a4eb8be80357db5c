/* Many rows of x times a quantised weight, through integer products where there is no matrix unit: a panel of rows of W
 * is unpacked once to bytes in the order in which instructions take them, and then meets all rows of x while it is in
 * the first-level cache. (Few rows are quant_matrix.c's: for those unpacking wouldn't pay.)
 *
 * Vectors run along rows of W: lane i is row i of the panel, and holds four consecutive k, which one instruction
 * multiplies with the same four of a row of x and sums (x86's VPDPBUSD, Arm's SDOT). A run of 32 k of a panel of P
 * rows:
 *
 *   w       int8[8][P][4]   whole numbers + offset (below)
 *   scale   f32[P]          of q6_K two of them: for either half of the run
 *   min     f32[P]          q4_K
 *
 * The formula is quant_matrix.h's: integer sums of a run are scaled and added as f32. */
#ifndef KERNELS_QUANT_PANEL_H
#define KERNELS_QUANT_PANEL_H

#include "models/kernels/quant.h"
#include "models/kernels/quant_matrix.h"

/* A run of 32 of a row of x, made ready. */
struct quant_panel_run {
    int8_t q[QUANT_RUN];
    float scale;
    int32_t start[2]; /* −offset · the sum of q: of the whole run, or for q6_K of either half */
    float shift;      /* −scale · the sum of q, which q4_K's mins multiply */
};

struct quant_panel_kernel {
    const char *name;
    unsigned isa;
    bool signed_bytes;              /* q8_0's whole numbers are multiplied as they are, without an offset of 128 */
    size_t panel_rows, group_rows;  /* of W in a panel; of x that one pass over it multiplies */
    size_t least_rows[DTYPE_COUNT]; /* of x, from which this is faster than the kernels for few rows */
    /* Runs of x made ready for `type`. */
    void (*ready)(enum dtype type, const float *x, size_t runs, struct quant_panel_run *to);
    /* Runs [first, first + count) of `rows` <= panel_rows rows of W, row_bytes apart; the panel's other rows repeat the
     * last. `first` begins a block. */
    void (*unpack)(enum dtype type, const uint8_t *weight, size_t row_bytes, size_t rows, size_t first, size_t count,
                   uint8_t *panel);
    /* sums [rows, panel_rows] (+)= rows of x, x_stride runs apart, times the panel, over `runs` runs of both. */
    void (*multiply)(enum dtype type, const uint8_t *panel, size_t runs, const struct quant_panel_run *x,
                     size_t x_stride, size_t rows, float *sums, bool add);
};

/* What is added to a whole number so that instructions take it. */
static inline int quant_panel_offset(enum dtype type, bool signed_bytes)
{
    return type == DTYPE_Q8_0 ? (signed_bytes ? 0 : 128) : type == DTYPE_Q4_0 ? 8 : type == DTYPE_Q6_K ? 32 : 0;
}

/* Bytes of a run of a panel. */
static inline size_t quant_panel_run_bytes(enum dtype type, size_t panel_rows)
{
    return panel_rows * (QUANT_RUN + sizeof(float) * (type == DTYPE_Q4_K || type == DTYPE_Q6_K ? 2 : 1));
}

/* Those that this machine can run, fastest first, ended by NULL: there may be none. */
const struct quant_panel_kernel *const *quant_panel_kernels(void);
/* The one that quant_matrix_run takes for this multiplication; NULL where the kernels for few rows are as good. */
const struct quant_panel_kernel *quant_panel_choose(const struct quant_matrix *matrix);
size_t quant_panel_workspace(const struct quant_panel_kernel *kernel, const struct quant_matrix *matrix, int threads);
void quant_panel_run(const struct quant_panel_kernel *kernel, const struct quant_matrix *matrix, void *workspace,
                     int threads);

#endif
