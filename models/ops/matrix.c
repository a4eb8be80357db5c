#include "models/ops/matrix.h"

#include <omp.h>
#include <string.h>

#include "models/ops/storage.h"

struct operand matrix_operand(const void *data, enum dtype dtype, size_t row_stride, bool transposed)
{
    return (struct operand){
        .data = data, .dtype = dtype, .kind = OPERAND_MATRIX, .transposed = transposed, .row_stride = row_stride};
}

void matrix_multiply(const struct call *call, const struct gemm *gemm)
{
    if (call->reference)
        gemm_reference(gemm);
    else
        gemm_run(gemm, call->workspace, call->threads);
}

void matrix_take_previous(const struct call *call, const void *previous, void *c, size_t bytes)
{
    (void)call;
    if (previous && previous != c)
        memcpy(c, previous, bytes);
}

/* Columns [first, last) of x, a piece of each row at a time. */
static void sum_columns(const struct call *call, const void *x, enum dtype dtype, size_t rows, size_t columns,
                        size_t first, size_t last, float *sums)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    float row[STORAGE_PIECE];
    kernels->fill(sums + first, 0, last - first);
    if (dtype == DTYPE_F32) {
        call_rows(call)->column_sums((const float *)x + first, sums + first, rows, last - first, columns);
        return;
    }
    for (size_t c = first; c < last; c += STORAGE_PIECE) {
        size_t piece = last - c < STORAGE_PIECE ? last - c : STORAGE_PIECE;
        for (size_t r = 0; r < rows; r++)
            kernels->add(sums + c, storage_read(kernels, x, dtype, r * columns + c, piece, row), sums + c, piece);
    }
}

void matrix_column_sums(const struct call *call, const void *x, enum dtype dtype, size_t rows, size_t columns,
                        float *sums)
{
    /* Each thread sums its own columns, so the result doesn't depend on their number. 16: a cache line of f32. */
    size_t lines = (columns + 15) / 16;
#pragma omp parallel num_threads(call->threads) if (rows * columns > 32768)
    {
        size_t threads = (size_t)omp_get_num_threads(), me = (size_t)omp_get_thread_num();
        size_t first = lines * me / threads * 16, last = lines * (me + 1) / threads * 16;
        if (last > columns)
            last = columns;
        if (first < last)
            sum_columns(call, x, dtype, rows, columns, first, last, sums);
    }
}

struct cost matrix_cost(double m, double n, double k)
{
    return (struct cost){.flops = 2 * m * n * k};
}
