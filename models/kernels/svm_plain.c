/* The loops of svm.h in plain C: their specification, and what runs where no vector variant does. And the choice. */
#include "models/kernels/svm_variants.h"
#include "models/kernels/variant_table.h"

static void decide(const float *x, const int32_t *labels, size_t rows, size_t columns, const float *w, float *u)
{
    for (size_t r = 0; r < rows; r++, x += columns) {
        float sum = w[columns];
        for (size_t c = 0; c < columns; c++)
            sum += x[c] * w[c];
        u[r] = labels[r] ? sum : -sum;
    }
}

static void slopes(const float *z, const float *u, float t, size_t count, double sums[2])
{
    for (size_t i = 0; i < count; i++) {
        float missing = 1 - (z[i] + t * u[i]);
        if (missing > 0) {
            sums[0] += (double)(missing * u[i]);
            sums[1] += (double)(u[i] * u[i]);
        }
    }
}

static void weighted_sum(const float *x, size_t columns, const uint32_t *row, const float *factor, size_t count,
                         float *sum)
{
    for (size_t i = 0; i < count; i++) {
        const float *at = x + (size_t)row[i] * columns;
        for (size_t c = 0; c < columns; c++)
            sum[c] += factor[i] * at[c];
        sum[columns] += factor[i];
    }
}

static void add_squares(const float *x, size_t columns, const uint32_t *row, size_t count, float sign, float *square,
                        size_t stride, float *room)
{
    for (size_t r = 0; r < count; r++) {
        for (size_t c = 0; c < columns; c++)
            room[c] = x[(size_t)row[r] * columns + c];
        room[columns] = 1;
        for (size_t i = 0; i <= columns; i++)
            for (size_t j = i; j <= columns; j++)
                square[i * stride + j] += sign * room[i] * room[j];
    }
}

const struct svm_kernels svm_kernels_plain = {
    .name = "plain", .decide = decide, .slopes = slopes, .weighted_sum = weighted_sum, .add_squares = add_squares};

VARIANT_TABLE(VECTOR, svm_kernels, svm, svm_kernels_)
