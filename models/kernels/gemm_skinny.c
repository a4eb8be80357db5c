/* Multiplications with a few rows on one side and a stored matrix on the other whose k runs along memory: a decoder's
 * linear layers, one token at a time. They run at the memory's speed: the matrix is read once, as several streams
 * (row_streams.h), and never packed. */
#include <omp.h>
#include <string.h>

#include "harness/base/sizes.h"
#include "models/kernels/gemm_kernel.h"

enum {
    PIECE_ROWS = 32, /* of each stream: what is multiplied before results are stored */
    FEW_MOST = 16,
    THREAD_BYTES = 96 << 10, /* of the matrix: less is not worth waking a thread for */
};

struct skinny {
    const struct gemm *gemm;
    const struct gemm_kernel *kernel;
    const struct operand *matrix, *vectors;
    bool matrix_is_b;
    size_t rows, count; /* of the matrix; of the vectors */
};

static bool describe(const struct gemm_kernel *kernel, const struct gemm *gemm, bool matrix_is_b, struct skinny *skinny)
{
    *skinny = (struct skinny){.gemm = gemm, .kernel = kernel, .matrix_is_b = matrix_is_b};
    skinny->matrix = matrix_is_b ? &gemm->b : &gemm->a;
    skinny->vectors = matrix_is_b ? &gemm->a : &gemm->b;
    skinny->rows = matrix_is_b ? gemm->n : gemm->m;
    skinny->count = matrix_is_b ? gemm->m : gemm->n;
    bool deep = skinny->matrix->transposed == matrix_is_b;
    return deep && skinny->matrix->kind == OPERAND_MATRIX && skinny->count <= kernel->dot_most &&
           skinny->count <= FEW_MOST && skinny->rows >= skinny->count && gemm->k > 0;
}

static bool is_skinny(const struct gemm_kernel *kernel, const struct gemm *gemm, struct skinny *skinny)
{
    return describe(kernel, gemm, true, skinny) || describe(kernel, gemm, false, skinny);
}

static size_t padded(size_t k)
{
    return (k + 15) / 16 * 16;
}

static size_t vector_stride(const struct skinny *skinny)
{
    return padded(skinny->gemm->k);
}

bool gemm_skinny_workspace(const struct gemm_kernel *kernel, const struct gemm *gemm, size_t *bytes)
{
    struct skinny skinny;
    if (!is_skinny(kernel, gemm, &skinny))
        return false;
    /* The vectors as f32, and room to gather patches, a vector at a time. */
    *bytes = skinny.count * vector_stride(&skinny) * sizeof(float) + gemm_staging_bytes(skinny.vectors, 1, gemm->k);
    return true;
}

/* The vectors as f32 rows. */
static void pack_vectors(const struct skinny *skinny, float *to)
{
    size_t k = skinny->gemm->k, stride = vector_stride(skinny);
    bool deep = skinny->vectors->transposed != skinny->matrix_is_b;
    void *staging = to + skinny->count * stride;
    for (size_t i = 0; i < skinny->count; i++) {
        struct gemm_block block = gemm_operand_block(skinny->vectors, deep, i, 1, 0, k, staging);
        size_t step = deep ? 1 : block.stride;
        float *row = to + i * stride;
        if (block.dtype == DTYPE_BF16)
            for (size_t p = 0; p < k; p++)
                row[p] = bf16_to_f32(((const uint16_t *)block.data)[p * step]);
        else
            for (size_t p = 0; p < k; p++)
                row[p] = ((const float *)block.data)[p * step];
    }
}

/* `rows` rows of each stream, from its row `at` on. */
static void run_piece(const struct skinny *skinny, const float *vectors, const struct row_streams *streams, size_t at,
                      size_t rows)
{
    const struct gemm *gemm = skinny->gemm;
    size_t count = skinny->count, stride = vector_stride(skinny);
    size_t row_bytes = skinny->matrix->row_stride * dtype_bytes(skinny->matrix->dtype, 1);
    float values[GEMM_DOT_ROWS][PIECE_ROWS * FEW_MOST];
    for (size_t i = 0; i < rows; i++) {
        const void *pointers[GEMM_DOT_ROWS];
        float sums[FEW_MOST][GEMM_DOT_ROWS];
        for (size_t r = 0; r < GEMM_DOT_ROWS; r++) /* past the end: the last row again */
            pointers[r] = (const char *)skinny->matrix->data +
                          least(row_streams_row(streams, r, at + i), skinny->rows - 1) * row_bytes;
        skinny->kernel->dot(gemm->k, skinny->matrix->dtype, pointers, vectors, stride, count, sums);
        for (size_t r = 0; r < GEMM_DOT_ROWS; r++)
            for (size_t f = 0; f < count; f++)
                values[r][skinny->matrix_is_b ? f * PIECE_ROWS + i : i * FEW_MOST + f] = sums[f][r];
    }
    struct gemm_finish finish = {.gemm = gemm, .last = true, .accumulate = gemm->accumulate};
    for (size_t r = 0; r < GEMM_DOT_ROWS; r++) {
        size_t row = row_streams_row(streams, r, at), useful = row_streams_useful(streams, row, rows);
        if (useful && skinny->matrix_is_b)
            skinny->kernel->finish(&finish, values[r], PIECE_ROWS, 1, 0, count, row, useful);
        else if (useful)
            skinny->kernel->finish(&finish, values[r], FEW_MOST, 1, row, useful, 0, count);
    }
}

static void run_streams(const struct skinny *skinny, const float *vectors, const struct row_streams *streams)
{
    for (size_t at = 0; at < streams->most; at += PIECE_ROWS)
        run_piece(skinny, vectors, streams, at, least(PIECE_ROWS, streams->most - at));
}

bool gemm_skinny_run(const struct gemm_kernel *kernel, const struct gemm *gemm, void *workspace, int threads)
{
    struct skinny skinny;
    if (!is_skinny(kernel, gemm, &skinny))
        return false;
    pack_vectors(&skinny, workspace);
    size_t bytes = skinny.rows * gemm->k * dtype_bytes(skinny.matrix->dtype, 1);
    int useful = (int)least(bytes / THREAD_BYTES + 1, (size_t)threads);
#pragma omp parallel num_threads(useful) if (useful > 1)
    {
        struct row_streams share = row_streams_of(skinny.rows, omp_get_thread_num(), omp_get_num_threads());
        run_streams(&skinny, workspace, &share);
    }
    return true;
}

/* ---- the parts by themselves; B is the matrix ---- */

bool gemm_skinny_takes(const struct gemm_kernel *kernel, const struct gemm *gemm)
{
    struct skinny skinny;
    return describe(kernel, gemm, true, &skinny);
}

size_t gemm_skinny_vector_bytes(size_t k)
{
    return padded(k) * sizeof(float);
}

void gemm_skinny_pack(const struct gemm_kernel *kernel, const struct gemm *gemm, void *vectors)
{
    struct skinny skinny;
    describe(kernel, gemm, true, &skinny);
    pack_vectors(&skinny, vectors);
}

void gemm_skinny_rows(const struct gemm_kernel *kernel, const struct gemm *gemm, const void *vectors, size_t first,
                      size_t end)
{
    struct skinny skinny;
    describe(kernel, gemm, true, &skinny);
    struct row_streams streams = row_streams_between(first, end);
    run_streams(&skinny, vectors, &streams);
}
