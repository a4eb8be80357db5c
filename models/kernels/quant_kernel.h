/* Inside of quant_matrix: rows of x made ready for integer products, and what an instruction set provides. */
#ifndef KERNELS_QUANT_KERNEL_H
#define KERNELS_QUANT_KERNEL_H

#include "models/kernels/quant.h"
#include "models/kernels/quant_matrix.h"
#include "models/kernels/row_streams.h"

/* Rows of W that one call multiplies; vectors (rows of x), at most. */
enum { QUANT_DOT_ROWS = ROW_STREAMS, QUANT_DOT_VECTORS = 4 };

/* Where a row of x lies, made ready: offsets in bytes from its start. Lengths are rounded up to a super-block, and what
 * lies beyond k is zero. For f16 weights a row is f32.
 *
 * Most types scale runs of 32. Of four runs, 128 elements, first come the first halves of each, then the second halves,
 * so that a lane's sum of two products of fours stays within a run:
 *
 *   q      int8[128]    halves of runs: 0 1 2 3 then 0 1 2 3 again
 *   start  int32[16]    −offset · the sum of lane i's eight q: what a product with w + offset is too large by
 *   scale  f32[16]      of the run that lane i is in
 *   shift  f32[16]      for q4_K, a super-block: 8 zeros, then −scale · (the run's sum) of its 8 runs: mins multiply it
 *
 * q6_K scales runs of 16: its 64 elements lie as they come, and lane i is the four that begin with element 4i. */
struct quant_layout {
    size_t k, padded;
    size_t lane_elements; /* 8, or 4 for q6_K */
    size_t start, scale, shift;
    size_t row_bytes;
};

struct quant_layout quant_layout_of(enum dtype weight, size_t k);

/* Instructions multiply unsigned with signed bytes, so kernels take w + offset for a weight's whole number w. */
static inline int quant_offset(enum dtype weight)
{
    return weight == DTYPE_Q8_0 ? 128 : weight == DTYPE_Q4_0 ? 8 : weight == DTYPE_Q6_K ? 32 : 0;
}

struct quant_kernel {
    const char *name;
    unsigned isa;
    /* Makes `count` elements, a whole number of runs, of a row of x ready: those from element `first` on. */
    void (*ready)(const struct quant_layout *layout, enum dtype weight, const float *x, size_t first, size_t count,
                  uint8_t *row);
    /* sums[v][r] = row r of W · vector v; `vectors` lie row_bytes apart. Each row's memory is asked for `ahead`
     * bytes before it is wanted, if that isn't 0: the row that follows it is multiplied next. */
    void (*dot)(const struct quant_layout *layout, enum dtype weight, const uint8_t *const rows[QUANT_DOT_ROWS],
                const uint8_t *vectors, size_t count, float sums[][QUANT_DOT_ROWS], size_t ahead);
};

/* The `ready` of the plain kernel, for those that have no faster one. */
void quant_ready_plain(const struct quant_layout *layout, enum dtype weight, const float *x, size_t first, size_t count,
                       uint8_t *row);

/* Those that this machine can run, fastest first, the plain one last, ended by NULL. */
const struct quant_kernel *const *quant_kernels(void);
void quant_kernel_run(const struct quant_kernel *kernel, const struct quant_matrix *matrix, void *workspace,
                      int threads);
size_t quant_kernel_workspace(const struct quant_matrix *matrix);
/* Its parts, for callers that share several multiplications among threads: making all rows of x ready, one after the
 * other as quant_layout_of says; and the products of rows [first, end) of W with all of them. */
void quant_kernel_ready(const struct quant_kernel *kernel, const struct quant_matrix *matrix, void *vectors);
void quant_kernel_rows(const struct quant_kernel *kernel, const struct quant_matrix *matrix, const void *vectors,
                       size_t first, size_t end);

/* Elements [first, first + count) of x as f32: where they are, or in `buffer`. */
const float *quant_matrix_widened(const struct quant_matrix *matrix, size_t first, size_t count, float *buffer);
/* Bias, activation and storing of columns [column, column + count) of one row of y. */
void quant_matrix_finish(const struct quant_matrix *matrix, float *values, size_t row, size_t column, size_t count);

/* Multiplication of x rounded to bf16 with weights dequantised to bf16, and whether quant_matrix_run chooses it. */
bool quant_matrix_is_wide(const struct quant_matrix *matrix);
size_t quant_wide_workspace(const struct quant_matrix *matrix, int threads);
void quant_wide_run(const struct quant_matrix *matrix, void *workspace, int threads);

#endif
