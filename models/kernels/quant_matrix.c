/* The calls of quant_matrix.h: which kernel, and how its work is shared among threads. */
#include "models/kernels/quant_matrix.h"

#include <omp.h>

#include "harness/base/sizes.h"
#include "models/kernels/elementwise.h"
#include "models/kernels/quant_kernel.h"
#include "models/kernels/quant_panel.h"
#include "probes/isa.h"

extern const struct quant_kernel quant_kernel_plain;
#if defined(__x86_64__)
extern const struct quant_kernel quant_kernel_avx512_vnni, quant_kernel_avx_vnni, quant_kernel_avx2;
/* Processors with AVX-512's VNNI needn't have AVX's, hence two lists. */
static const struct quant_kernel *const with_avx_vnni[] = {&quant_kernel_avx512_vnni, &quant_kernel_avx_vnni,
                                                           &quant_kernel_avx2, &quant_kernel_plain, NULL};
static const struct quant_kernel *const without[] = {&quant_kernel_avx512_vnni, &quant_kernel_avx2, &quant_kernel_plain,
                                                     NULL};
static const struct quant_kernel *const *const lists[] = {with_avx_vnni, without, with_avx_vnni + 1, without + 1,
                                                          without + 2};
static const unsigned needs[] = {ISA_X86_V4 | ISA_AVX512_VNNI | ISA_AVX_VNNI, ISA_X86_V4 | ISA_AVX512_VNNI,
                                 ISA_X86_V3 | ISA_AVX_VNNI, ISA_X86_V3, 0};
#elif defined(__aarch64__)
extern const struct quant_kernel quant_kernel_neon;
static const struct quant_kernel *const all[] = {&quant_kernel_neon, &quant_kernel_plain, NULL};
static const struct quant_kernel *const *const lists[] = {all, all + 1};
static const unsigned needs[] = {ISA_NEON | ISA_DOTPROD, 0};
#else
static const struct quant_kernel *const plain[] = {&quant_kernel_plain, NULL};
static const struct quant_kernel *const *const lists[] = {plain};
static const unsigned needs[] = {0};
#endif

enum {
    PIECE = 1024,            /* of a row of x: what a thread makes ready at a time; a multiple of a super-block */
    PIECE_ROWS = 32,         /* of each stream of W: what is multiplied before results are stored */
    AHEAD_BYTES = 2048,      /* so far before it is wanted, a stream's memory is asked for */
    WIDE_ROWS = 20,          /* with which matrix units for bf16 overtake integer products */
    THREAD_BYTES = 48 << 10, /* of W: less is not worth waking a thread for */
};

const struct quant_kernel *const *quant_kernels(void)
{
    return lists[isa_first(needs)];
}

bool quant_matrix_takes(enum dtype weight)
{
    return weight == DTYPE_F16 || dtype_quantised(weight);
}

struct quant_layout quant_layout_of(enum dtype weight, size_t k)
{
    size_t padded = round_up(k, QUANT_SUPER);
    if (weight == DTYPE_F16)
        return (struct quant_layout){.k = k, .padded = padded, .row_bytes = padded * sizeof(float)};
    size_t lane_elements = weight == DTYPE_Q6_K ? 4 : 8, lanes_bytes = padded / lane_elements * 4;
    size_t shift_bytes = weight == DTYPE_Q4_K ? padded / QUANT_SUPER * 16 * sizeof(float) : 0;
    return (struct quant_layout){.k = k,
                                 .padded = padded,
                                 .lane_elements = lane_elements,
                                 .start = padded,
                                 .scale = padded + lanes_bytes,
                                 .shift = padded + 2 * lanes_bytes,
                                 .row_bytes = padded + 2 * lanes_bytes + shift_bytes};
}

size_t quant_kernel_workspace(const struct quant_matrix *matrix)
{
    return matrix->rows * quant_layout_of(matrix->weight_dtype, matrix->k).row_bytes;
}

const float *quant_matrix_widened(const struct quant_matrix *matrix, size_t first, size_t count, float *buffer)
{
    if (matrix->x_dtype == DTYPE_F32)
        return (const float *)matrix->x + first;
    elementwise_kernels()->widen_bf16((const uint16_t *)matrix->x + first, buffer, count);
    return buffer;
}

/* A piece of a row of x, and the zeros that follow its end. */
static void ready_piece(const struct quant_kernel *kernel, const struct quant_matrix *matrix,
                        const struct quant_layout *layout, size_t row, size_t first, uint8_t *vectors)
{
    float buffer[PIECE];
    size_t left = layout->k - first, count = left < PIECE ? left : PIECE;
    size_t whole = round_up(count, QUANT_SUPER);
    const float *x = quant_matrix_widened(matrix, row * layout->k + first, count, buffer);
    if (whole > count) {
        if (x != buffer)
            memcpy(buffer, x, count * sizeof *x);
        memset(buffer + count, 0, (whole - count) * sizeof *x);
        x = buffer;
    }
    kernel->ready(layout, matrix->weight_dtype, x, first, whole, vectors + row * layout->row_bytes);
}

static void store(const struct quant_matrix *matrix, void *to, const float *values, size_t at, size_t count)
{
    if (matrix->y_dtype == DTYPE_BF16)
        elementwise_kernels()->narrow_bf16(values, (uint16_t *)to + at, count);
    else
        memcpy((float *)to + at, values, count * sizeof *values);
}

void quant_matrix_finish(const struct quant_matrix *matrix, float *values, size_t row, size_t column, size_t count)
{
    const struct elementwise_kernels *kernels = elementwise_kernels();
    size_t at = row * matrix->n + column;
    if (matrix->bias)
        kernels->add(values, matrix->bias + column, values, count);
    if (matrix->pre_activation)
        store(matrix, matrix->pre_activation, values, at, count);
    if (matrix->activation != ACTIVATION_NONE)
        kernels->activate(matrix->activation, values, values, count);
    store(matrix, matrix->y, values, at, count);
}

enum { MOST_VECTORS = 16 };

/* `rows` rows of each stream, from its row `at` on, with `count` <= MOST_VECTORS vectors from `vector` on. Every four
 * rows are multiplied with all vectors while they are in cache. */
static void run_piece(const struct quant_kernel *kernel, const struct quant_matrix *matrix,
                      const struct quant_layout *layout, const struct row_streams *streams, const uint8_t *vectors,
                      size_t vector, size_t count, size_t at, size_t rows)
{
    size_t row_bytes = dtype_bytes(matrix->weight_dtype, matrix->k);
    float values[MOST_VECTORS][QUANT_DOT_ROWS][PIECE_ROWS];
    for (size_t r = 0; r < rows; r++) {
        const uint8_t *four[QUANT_DOT_ROWS];
        for (size_t i = 0; i < QUANT_DOT_ROWS; i++) { /* past the end: the last row again */
            size_t row = least(row_streams_row(streams, i, at + r), matrix->n - 1);
            four[i] = (const uint8_t *)matrix->weight + row * row_bytes;
        }
        for (size_t v = 0; v < count; v += QUANT_DOT_VECTORS) {
            float sums[QUANT_DOT_VECTORS][QUANT_DOT_ROWS];
            size_t some = count - v < QUANT_DOT_VECTORS ? count - v : QUANT_DOT_VECTORS;
            kernel->dot(layout, matrix->weight_dtype, four, vectors + (vector + v) * layout->row_bytes, some, sums,
                        v ? 0 : AHEAD_BYTES);
            for (size_t s = 0; s < some; s++)
                for (size_t i = 0; i < QUANT_DOT_ROWS; i++)
                    values[v + s][i][r] = sums[s][i];
        }
    }
    for (size_t i = 0; i < QUANT_DOT_ROWS; i++) {
        size_t first = row_streams_row(streams, i, at), useful = row_streams_useful(streams, first, rows);
        for (size_t v = 0; v < count && useful; v++)
            quant_matrix_finish(matrix, values[v][i], vector + v, first, useful);
    }
}

static void run_streams(const struct quant_kernel *kernel, const struct quant_matrix *matrix,
                        const struct quant_layout *layout, const struct row_streams *streams, const uint8_t *vectors)
{
    for (size_t v = 0; v < matrix->rows; v += MOST_VECTORS)
        for (size_t at = 0; at < streams->most; at += PIECE_ROWS)
            run_piece(kernel, matrix, layout, streams, vectors, v, least(matrix->rows - v, MOST_VECTORS), at,
                      least(streams->most - at, PIECE_ROWS));
}

void quant_kernel_run(const struct quant_kernel *kernel, const struct quant_matrix *matrix, void *workspace,
                      int threads)
{
    struct quant_layout layout = quant_layout_of(matrix->weight_dtype, matrix->k);
    size_t pieces = (layout.k + PIECE - 1) / PIECE;
    size_t bytes = matrix->n * dtype_bytes(matrix->weight_dtype, matrix->k);
    size_t useful = least(bytes / THREAD_BYTES + 1, (size_t)threads);
#pragma omp parallel num_threads((int)useful) if (useful > 1)
    {
#pragma omp for schedule(static)
        for (size_t i = 0; i < matrix->rows * pieces; i++)
            ready_piece(kernel, matrix, &layout, i / pieces, i % pieces * PIECE, workspace);
        struct row_streams share = row_streams_of(matrix->n, omp_get_thread_num(), omp_get_num_threads());
        run_streams(kernel, matrix, &layout, &share, workspace);
    }
}

void quant_kernel_ready(const struct quant_kernel *kernel, const struct quant_matrix *matrix, void *vectors)
{
    struct quant_layout layout = quant_layout_of(matrix->weight_dtype, matrix->k);
    for (size_t row = 0; row < matrix->rows; row++)
        for (size_t first = 0; first < layout.k; first += PIECE)
            ready_piece(kernel, matrix, &layout, row, first, vectors);
}

void quant_kernel_rows(const struct quant_kernel *kernel, const struct quant_matrix *matrix, const void *vectors,
                       size_t first, size_t end)
{
    struct quant_layout layout = quant_layout_of(matrix->weight_dtype, matrix->k);
    struct row_streams streams = row_streams_between(first, end);
    run_streams(kernel, matrix, &layout, &streams, vectors);
}

/* ---- Many rows, where there are units for bf16: gemm, which unpacks the weight while it packs it ----
 *
 * Such units multiply int8, too; but each run of 32 has a scale of its own, so its sums would have to leave the unit to
 * be scaled: products in that way were measured at a fifth of bf16's. */

bool quant_matrix_is_wide(const struct quant_matrix *matrix)
{
    return dtype_quantised(matrix->weight_dtype) && matrix->rows >= WIDE_ROWS &&
           (isa_flags() & ISA_X86_AMX) == ISA_X86_AMX;
}

static size_t narrowed_bytes(const struct quant_matrix *matrix)
{
    return matrix->x_dtype == DTYPE_BF16 ? 0 : round_up(matrix->rows * matrix->k * sizeof(uint16_t), 64);
}

static struct gemm wide_gemm(const struct quant_matrix *matrix, const void *x)
{
    return (struct gemm){.m = matrix->rows,
                         .n = matrix->n,
                         .k = matrix->k,
                         .a = {.data = x, .dtype = DTYPE_BF16, .kind = OPERAND_MATRIX, .row_stride = matrix->k},
                         .b = {.data = matrix->weight,
                               .dtype = DTYPE_BF16,
                               .stored = matrix->weight_dtype,
                               .kind = OPERAND_QUANTISED,
                               .transposed = true,
                               .row_stride = matrix->k},
                         .c = matrix->y,
                         .c_dtype = matrix->y_dtype,
                         .c_row_stride = matrix->n,
                         .bias = matrix->bias,
                         .activation = matrix->activation,
                         .pre_activation = matrix->pre_activation};
}

size_t quant_wide_workspace(const struct quant_matrix *matrix, int threads)
{
    struct gemm gemm = wide_gemm(matrix, NULL);
    return narrowed_bytes(matrix) + gemm_workspace(&gemm, threads);
}

void quant_wide_run(const struct quant_matrix *matrix, void *workspace, int threads)
{
    const void *x = matrix->x;
    size_t count = matrix->rows * matrix->k;
    if (matrix->x_dtype != DTYPE_BF16) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (size_t i = 0; i < count; i += PIECE)
            elementwise_kernels()->narrow_bf16((const float *)matrix->x + i, (uint16_t *)workspace + i,
                                               count - i < PIECE ? count - i : PIECE);
        x = workspace;
    }
    struct gemm gemm = wide_gemm(matrix, x);
    gemm_run(&gemm, (char *)workspace + narrowed_bytes(matrix), threads);
}

size_t quant_matrix_workspace(const struct quant_matrix *matrix, int threads)
{
    const struct quant_panel_kernel *panel = quant_panel_choose(matrix);
    if (quant_matrix_is_wide(matrix))
        return quant_wide_workspace(matrix, threads);
    return panel ? quant_panel_workspace(panel, matrix, threads) : quant_kernel_workspace(matrix);
}

void quant_matrix_run(const struct quant_matrix *matrix, void *workspace, int threads)
{
    const struct quant_panel_kernel *panel = quant_panel_choose(matrix);
    if (quant_matrix_is_wide(matrix))
        quant_wide_run(matrix, workspace, threads);
    else if (panel)
        quant_panel_run(panel, matrix, workspace, threads);
    else
        quant_kernel_run(*quant_kernels(), matrix, workspace, threads);
}

const char *quant_matrix_variant(const struct quant_matrix *matrix)
{
    const struct quant_panel_kernel *panel = quant_panel_choose(matrix);
    if (!quant_matrix_is_wide(matrix))
        return panel ? panel->name : (*quant_kernels())->name;
    struct gemm gemm = wide_gemm(matrix, NULL);
    return gemm_variant(&gemm);
}
