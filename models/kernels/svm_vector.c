/* The loops of svm.h on vectors; built once for each instruction set. */
#include "models/kernels/svm_variants.h"
#include "models/kernels/vector.h"

/* Rows at once: that many sums are under way while one waits for its product. */
enum { ROWS = 4 };

static void decide(const float *x, const int32_t *labels, size_t rows, size_t columns, const float *w, float *u)
{
    for (size_t r = 0; r < rows; r += ROWS, x += ROWS * columns) {
        size_t count = rows - r < ROWS ? rows - r : ROWS;
        vector sum[ROWS] = {vector_zero(), vector_zero(), vector_zero(), vector_zero()};
        if (count == ROWS) {
            for (size_t c = 0; c < columns; c += VECTOR_LANES) {
                vector weights = vector_load_up_to(w + c, columns - c);
                for (size_t i = 0; i < ROWS; i++)
                    sum[i] = vector_fma(vector_load_up_to(x + i * columns + c, columns - c), weights, sum[i]);
            }
        } else {
            for (size_t i = 0; i < count; i++)
                for (size_t c = 0; c < columns; c += VECTOR_LANES)
                    sum[i] = vector_fma(vector_load_up_to(x + i * columns + c, columns - c),
                                        vector_load_up_to(w + c, columns - c), sum[i]);
        }
        for (size_t i = 0; i < count; i++) {
            float value = vector_sum(sum[i]) + w[columns];
            u[r + i] = labels[r + i] ? value : -value;
        }
    }
}

/* Lanes are summed in float over this many elements, then in double. */
static const size_t piece = 2048;

static void slopes(const float *z, const float *u, float t, size_t count, double sums[2])
{
    const vector one = vector_set(1), step = vector_set(t), zero = vector_zero();
    for (size_t first = 0; first < count; first += piece) {
        size_t end = count - first < piece ? count : first + piece;
        vector slope = zero, curvature = zero;
        for (size_t i = first; i < end; i += VECTOR_LANES) {
            size_t n = vector_take(end - i);
            vector along = vector_load_up_to(u + i, n);
            vector missing = one - vector_fma(step, along, vector_load_up_to(z + i, n));
            vector active = vector_select(vector_less(zero, missing), along, zero); /* beyond the end: along is 0 */
            slope = vector_fma(missing, active, slope);
            curvature = vector_fma(active, active, curvature);
        }
        sums[0] += (double)vector_sum(slope);
        sums[1] += (double)vector_sum(curvature);
    }
}

static void weighted_sum(const float *x, size_t columns, const uint32_t *row, const float *factor, size_t count,
                         float *sum)
{
    for (size_t c = 0; c < columns; c += VECTOR_LANES) {
        size_t n = vector_take(columns - c);
        vector part[2] = {vector_load_up_to(sum + c, n), vector_zero()};
        size_t i = 0;
        for (; i + 2 <= count; i += 2)
            for (size_t j = 0; j < 2; j++)
                part[j] = vector_fma(vector_set(factor[i + j]),
                                     vector_load_up_to(x + (size_t)row[i + j] * columns + c, n), part[j]);
        if (i < count)
            part[0] =
                vector_fma(vector_set(factor[i]), vector_load_up_to(x + (size_t)row[i] * columns + c, n), part[0]);
        vector_store_up_to(sum + c, part[0] + part[1], n);
    }
    for (size_t i = 0; i < count; i++)
        sum[columns] += factor[i];
}

/* A tile of the square stays in registers while the block's rows pass: TALL rows of it, WIDE vectors. */
#if defined(__AVX512F__) || defined(__ARM_NEON)
enum { TALL = 4, WIDE = 6 };
#else
enum { TALL = 4, WIDE = 2 };
#endif

VECTOR_INLINE void add_tile(const float *block, size_t count, float sign, size_t i, size_t tall, size_t j, size_t wide,
                            float *square, size_t stride)
{
    vector sum[TALL][WIDE];
    const vector signs = vector_set(sign);
    for (size_t a = 0; a < tall; a++)
        for (size_t b = 0; b < wide; b++)
            sum[a][b] = vector_zero();
    for (size_t r = 0; r < count; r++) {
        vector right[WIDE];
        for (size_t b = 0; b < wide; b++)
            right[b] = vector_load(block + r * stride + j + b * VECTOR_LANES);
        for (size_t a = 0; a < tall; a++) {
            vector left = vector_set(block[r * stride + i + a]);
            for (size_t b = 0; b < wide; b++)
                sum[a][b] = vector_fma(left, right[b], sum[a][b]);
        }
    }
    for (size_t a = 0; a < tall; a++)
        for (size_t b = 0; b < wide; b++) {
            float *at = square + (i + a) * stride + j + b * VECTOR_LANES;
            vector_store(at, vector_fma(signs, sum[a][b], vector_load(at)));
        }
}

/* Rows i … i + tall of the square, from the vector that holds column i on. */
VECTOR_INLINE void add_strip(const float *block, size_t count, float sign, size_t i, size_t tall, float *square,
                             size_t stride)
{
    size_t j = i / VECTOR_LANES * VECTOR_LANES;
    for (; j + WIDE * VECTOR_LANES <= stride; j += WIDE * VECTOR_LANES)
        add_tile(block, count, sign, i, tall, j, WIDE, square, stride);
    for (; j + 2 * VECTOR_LANES <= stride; j += 2 * VECTOR_LANES)
        add_tile(block, count, sign, i, tall, j, 2, square, stride);
    for (; j < stride; j += VECTOR_LANES)
        add_tile(block, count, sign, i, tall, j, 1, square, stride);
}

static void add_squares(const float *x, size_t columns, const uint32_t *row, size_t count, float sign, float *square,
                        size_t stride, float *room)
{
    for (size_t first = 0; first < count; first += SVM_BLOCK) {
        size_t rows = count - first < SVM_BLOCK ? count - first : SVM_BLOCK;
        for (size_t r = 0; r < rows; r++) {
            float *to = room + r * stride;
            memcpy(to, x + (size_t)row[first + r] * columns, columns * sizeof *to);
            to[columns] = 1;
            memset(to + columns + 1, 0, (stride - columns - 1) * sizeof *to);
        }
        size_t i = 0;
        for (; i + TALL <= columns + 1; i += TALL)
            add_strip(room, rows, sign, i, TALL, square, stride);
        for (; i < columns + 1; i++)
            add_strip(room, rows, sign, i, 1, square, stride);
    }
}

const struct svm_kernels VECTOR_NAME(svm_kernels) = {.name = VECTOR_STRING(VECTOR_SUFFIX),
                                                     .decide = decide,
                                                     .slopes = slopes,
                                                     .weighted_sum = weighted_sum,
                                                     .add_squares = add_squares};
