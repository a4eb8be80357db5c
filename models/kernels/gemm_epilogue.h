/* What happens to sums once they are complete: scale, earlier parts, C, bias, activation, rounding, storing. It is done
 * a tile at a time, while the tile is in cache. Included by the kernel files so that its loops get their vectors. */
#include "models/kernels/elementwise.h"

static void add_row(float *restrict values, const float *restrict other, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] += other[i];
}

static void add_row_bf16(float *restrict values, const uint16_t *restrict other, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] += bf16_to_f32(other[i]);
}

static void store_row(const struct gemm *gemm, void *matrix, const float *restrict values, size_t at, size_t count)
{
    if (gemm->c_dtype == DTYPE_F32) {
        float *restrict to = (float *)matrix + at;
        for (size_t i = 0; i < count; i++)
            to[i] = values[i];
        return;
    }
    uint16_t *restrict to = (uint16_t *)matrix + at;
    for (size_t i = 0; i < count; i++)
        to[i] = f32_to_bf16(values[i]);
}

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>

enum { LINE_BYTES = 64 };

static inline void scale_row(enum dtype dtype, const float *restrict values, float scale, void *restrict to,
                             size_t count)
{
    if (dtype == DTYPE_F32)
        for (size_t i = 0; i < count; i++)
            ((float *)to)[i] = values[i] * scale;
    else
        for (size_t i = 0; i < count; i++)
            ((uint16_t *)to)[i] = f32_to_bf16(values[i] * scale);
}

#if defined(__AVX512F__)
/* Rounded to even; NaNs stay NaNs. */
static inline __m256i narrow_16(__m512 values)
{
    __m512i bits = _mm512_castps_si512(values);
    __m512i even = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(even, _mm512_set1_epi32(0x7fff)));
    __mmask16 nan = _mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q);
    rounded = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
}

static inline void stream_line(enum dtype dtype, const float *values, float scale, void *to)
{
    __m512 by = _mm512_set1_ps(scale), first = _mm512_mul_ps(_mm512_loadu_ps(values), by);
    if (dtype == DTYPE_F32) {
        _mm512_stream_ps(to, first);
        return;
    }
    __m256i high = narrow_16(_mm512_mul_ps(_mm512_loadu_ps(values + 16), by));
    _mm512_stream_si512(to, _mm512_inserti64x4(_mm512_castsi256_si512(narrow_16(first)), high, 1));
}
#else
static inline void stream_line(enum dtype dtype, const float *values, float scale, void *to)
{
    __m256i line[2];
    scale_row(dtype, values, scale, line, sizeof line / dtype_bytes(dtype, 1));
    _mm256_stream_si256(to, line[0]);
    _mm256_stream_si256((__m256i *)to + 1, line[1]);
}
#endif

static inline void stream_row(enum dtype dtype, const float *values, float scale, char *to, size_t head, size_t count)
{
    size_t size = dtype == DTYPE_F32 ? sizeof(float) : sizeof(uint16_t), per_line = LINE_BYTES / size;
    if (head)
        scale_row(dtype, values, scale, to, head);
    for (; head + per_line <= count; head += per_line)
        stream_line(dtype, values + head, scale, to + head * size);
    if (head < count)
        scale_row(dtype, values + head, scale, to + head * size, count - head);
}

/* Whole lines go past the caches, without being read from memory first. Not worth it for a line or two in pieces. */
static bool stream_scaled(const struct gemm *gemm, const float *values, size_t stride, float scale, size_t at,
                          size_t rows, size_t count)
{
    size_t size = gemm->c_dtype == DTYPE_F32 ? sizeof(float) : sizeof(uint16_t), per_line = LINE_BYTES / size;
    char *to = (char *)gemm->c + at * size;
    bool even = ((uintptr_t)to | gemm->c_row_stride * size | count * size) % LINE_BYTES == 0;
    if ((uintptr_t)to % size || (!even && count < 4 * per_line))
        return false;
    for (size_t i = 0; i < rows; i++, values += stride, to += gemm->c_row_stride * size) {
        size_t head = even ? 0 : (LINE_BYTES - (uintptr_t)to % LINE_BYTES) % LINE_BYTES / size;
        if (gemm->c_dtype == DTYPE_F32)
            stream_row(DTYPE_F32, values, scale, to, head, count);
        else
            stream_row(DTYPE_BF16, values, scale, to, head, count);
    }
    return true;
}
#else
static bool stream_scaled(const struct gemm *gemm, const float *values, size_t stride, float scale, size_t at,
                          size_t rows, size_t count)
{
    (void)gemm, (void)values, (void)stride, (void)scale, (void)at, (void)rows, (void)count;
    return false;
}
#endif

/* The commonest case, in one pass: C is the sums and perhaps a bias. */
#if defined(__AVX512F__)
static void store_scaled(const struct gemm *gemm, const float *values, float scale, const float *bias, size_t at,
                         size_t count)
{
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 mask = count - i >= 16 ? 0xffff : (__mmask16)((1u << (count - i)) - 1);
        __m512 sum = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, values + i), _mm512_set1_ps(scale));
        if (bias)
            sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, bias + i));
        if (gemm->c_dtype == DTYPE_F32)
            _mm512_mask_storeu_ps((float *)gemm->c + at + i, mask, sum);
        else
            _mm256_mask_storeu_epi16((uint16_t *)gemm->c + at + i, mask, narrow_16(sum));
    }
}
#else
static void store_scaled(const struct gemm *gemm, const float *restrict values, float scale, const float *bias,
                         size_t at, size_t count)
{
    float *restrict f32 = (float *)gemm->c + at;
    uint16_t *restrict bf16 = (uint16_t *)gemm->c + at;
    if (gemm->c_dtype == DTYPE_F32)
        for (size_t i = 0; i < count; i++)
            f32[i] = bias ? values[i] * scale + bias[i] : values[i] * scale;
    else
        for (size_t i = 0; i < count; i++)
            bf16[i] = f32_to_bf16(bias ? values[i] * scale + bias[i] : values[i] * scale);
}
#endif

/* One row's complete sum: everything before the activation. */
static void complete_row(const struct gemm_finish *finish, float *values, float scale, size_t row, size_t column,
                         size_t count)
{
    const struct gemm *gemm = finish->gemm;
    if (scale != 1)
        for (size_t i = 0; i < count; i++)
            values[i] *= scale;
    if (finish->add)
        add_row(values, finish->partial + row * finish->partial_stride + column, count);
    size_t at = row * gemm->c_row_stride + column;
    if (finish->accumulate) {
        if (gemm->c_dtype == DTYPE_F32)
            add_row(values, (const float *)gemm->c + at, count);
        else
            add_row_bf16(values, (const uint16_t *)gemm->c + at, count);
    }
    if (finish->last && gemm->bias)
        add_row(values, gemm->bias + column, count);
}

/* The activation of [rows, columns], in one call where rows lie close. */
static void activate(enum activation activation, float *values, size_t stride, size_t rows, size_t columns)
{
    const struct elementwise_kernels *kernels = elementwise_kernels();
    if (stride == columns) {
        kernels->activate(activation, values, values, rows * columns);
        return;
    }
    for (size_t i = 0; i < rows; i++)
        kernels->activate(activation, values + i * stride, values + i * stride, columns);
}

static void finish_values(const struct gemm_finish *finish, float *values, size_t stride, float scale, size_t row,
                          size_t rows, size_t column, size_t columns)
{
    const struct gemm *gemm = finish->gemm;
    bool activated = finish->last && gemm->activation != ACTIVATION_NONE;
    if (finish->last && !activated && !finish->add && !finish->accumulate && !gemm->pre_activation) {
        size_t first = row * gemm->c_row_stride + column;
        if (finish->past_caches && !gemm->bias && stream_scaled(gemm, values, stride, scale, first, rows, columns))
            return;
        for (size_t i = 0; i < rows; i++)
            store_scaled(gemm, values + i * stride, scale, gemm->bias ? gemm->bias + column : NULL,
                         (row + i) * gemm->c_row_stride + column, columns);
        return;
    }
    for (size_t i = 0; i < rows; i++) {
        float *line = values + i * stride;
        complete_row(finish, line, scale, row + i, column, columns);
        size_t at = (row + i) * gemm->c_row_stride + column;
        if (!finish->last)
            memcpy(finish->partial + (row + i) * finish->partial_stride + column, line, columns * sizeof *line);
        else if (gemm->pre_activation)
            store_row(gemm, gemm->pre_activation, line, at, columns);
        if (finish->last && !activated)
            store_row(gemm, gemm->c, line, at, columns);
    }
    if (!activated)
        return;
    activate(gemm->activation, values, stride, rows, columns);
    for (size_t i = 0; i < rows; i++)
        store_row(gemm, gemm->c, values + i * stride, (row + i) * gemm->c_row_stride + column, columns);
}
