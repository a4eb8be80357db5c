/* How the work on panels is shared and cut up; which kernel, and when. */
#include "models/kernels/quant_panel.h"

#include <omp.h>

#include "harness/base/sizes.h"
#include "models/kernels/quant_kernel.h"
#include "probes/isa.h"

#if defined(__x86_64__)
extern const struct quant_panel_kernel quant_panel_avx512_vnni, quant_panel_avx_vnni, quant_panel_avx2;
/* Processors with AVX-512's VNNI needn't have AVX's, hence two lists. */
static const struct quant_panel_kernel *const with_avx_vnni[] = {&quant_panel_avx512_vnni, &quant_panel_avx_vnni,
                                                                 &quant_panel_avx2, NULL};
static const struct quant_panel_kernel *const without[] = {&quant_panel_avx512_vnni, &quant_panel_avx2, NULL};
static const struct quant_panel_kernel *const *const lists[] = {with_avx_vnni, without, with_avx_vnni + 1, without + 1,
                                                                without + 2};
static const unsigned needs[] = {ISA_X86_V4 | ISA_AVX512_VNNI | ISA_AVX_VNNI, ISA_X86_V4 | ISA_AVX512_VNNI,
                                 ISA_X86_V3 | ISA_AVX_VNNI, ISA_X86_V3, 0};
#elif defined(__aarch64__)
extern const struct quant_panel_kernel quant_panel_neon;
static const struct quant_panel_kernel *const all[] = {&quant_panel_neon, NULL};
static const struct quant_panel_kernel *const *const lists[] = {all, all + 1};
static const unsigned needs[] = {ISA_NEON | ISA_DOTPROD, 0};
#else
static const struct quant_panel_kernel *const none[] = {NULL};
static const struct quant_panel_kernel *const *const lists[] = {none};
static const unsigned needs[] = {0};
#endif

enum {
    PART_RUNS = 16,   /* of k, of which a panel is unpacked at a time: it stays in a first-level cache; whole blocks */
    CHUNK_ROWS = 512, /* of x: their sums with a panel stay in a second-level cache */
    PIECE_RUNS = 32,  /* of a row of x: what a thread takes at a time while it is made ready */
    THREAD_PRODUCTS = 1 << 21, /* fewer are not worth waking a thread for */
};

const struct quant_panel_kernel *const *quant_panel_kernels(void)
{
    return lists[isa_first(needs)];
}

const struct quant_panel_kernel *quant_panel_choose(const struct quant_matrix *matrix)
{
    const struct quant_panel_kernel *kernel = *quant_panel_kernels();
    bool many =
        kernel && dtype_quantised(matrix->weight_dtype) && matrix->rows >= kernel->least_rows[matrix->weight_dtype];
    return many && matrix->n >= kernel->panel_rows ? kernel : NULL;
}

/* The rows of x made ready, and then each thread's panel and sums. */
static size_t ready_bytes(const struct quant_matrix *matrix)
{
    return aligned(matrix->rows * (matrix->k / QUANT_RUN) * sizeof(struct quant_panel_run));
}

static size_t panel_bytes(const struct quant_panel_kernel *kernel, const struct quant_matrix *matrix)
{
    return aligned(PART_RUNS * quant_panel_run_bytes(matrix->weight_dtype, kernel->panel_rows));
}

static size_t thread_bytes(const struct quant_panel_kernel *kernel, const struct quant_matrix *matrix)
{
    return panel_bytes(kernel, matrix) + aligned(least(matrix->rows, CHUNK_ROWS) * kernel->panel_rows * sizeof(float));
}

size_t quant_panel_workspace(const struct quant_panel_kernel *kernel, const struct quant_matrix *matrix, int threads)
{
    return ready_bytes(matrix) + (size_t)threads * thread_bytes(kernel, matrix);
}

/* One panel times rows [first, first + rows) of x. */
static void run_panel(const struct quant_panel_kernel *kernel, const struct quant_matrix *matrix,
                      const struct quant_panel_run *x, size_t first, size_t rows, size_t column, uint8_t *panel)
{
    size_t runs = matrix->k / QUANT_RUN, row_bytes = dtype_bytes(matrix->weight_dtype, matrix->k);
    size_t columns = least(matrix->n - column, kernel->panel_rows);
    float *sums = (float *)(void *)(panel + panel_bytes(kernel, matrix));
    for (size_t run = 0; run < runs; run += PART_RUNS) {
        size_t some = least(runs - run, PART_RUNS);
        kernel->unpack(matrix->weight_dtype, (const uint8_t *)matrix->weight + column * row_bytes, row_bytes, columns,
                       run, some, panel);
        kernel->multiply(matrix->weight_dtype, panel, some, x + first * runs + run, runs, rows, sums, run > 0);
    }
    if (!runs)
        memset(sums, 0, rows * kernel->panel_rows * sizeof *sums);
    for (size_t r = 0; r < rows; r++)
        quant_matrix_finish(matrix, sums + r * kernel->panel_rows, first + r, column, columns);
}

void quant_panel_run(const struct quant_panel_kernel *kernel, const struct quant_matrix *matrix, void *workspace,
                     int threads)
{
    size_t runs = matrix->k / QUANT_RUN, pieces = (runs + PIECE_RUNS - 1) / PIECE_RUNS;
    struct quant_panel_run *x = workspace;
    uint8_t *rooms = (uint8_t *)workspace + ready_bytes(matrix);
    size_t useful = least(matrix->rows * matrix->n * matrix->k / THREAD_PRODUCTS + 1, (size_t)threads);
#pragma omp parallel num_threads((int)useful) if (useful > 1)
    {
        uint8_t *room = rooms + (size_t)omp_get_thread_num() * thread_bytes(kernel, matrix);
#pragma omp for schedule(static)
        for (size_t i = 0; i < matrix->rows * pieces; i++) {
            size_t row = i / pieces, run = i % pieces * PIECE_RUNS, some = least(runs - run, PIECE_RUNS);
            float buffer[PIECE_RUNS * QUANT_RUN];
            const float *from =
                quant_matrix_widened(matrix, row * matrix->k + run * QUANT_RUN, some * QUANT_RUN, buffer);
            kernel->ready(matrix->weight_dtype, from, some, x + row * runs + run);
        }
        for (size_t first = 0; first < matrix->rows; first += CHUNK_ROWS)
#pragma omp for schedule(static) nowait
            for (size_t column = 0; column < matrix->n; column += kernel->panel_rows)
                run_panel(kernel, matrix, x, first, least(matrix->rows - first, CHUNK_ROWS), column, room);
    }
}
