/* Making a row of x ready for integer products, on x86 with AVX2 and wider: each run rounded to int8 with one scale, in
 * the order that quant_kernel.h describes. Included by quant_dot.h, so that each instruction set has its own. */

static inline __m256i load_run_part(const float *x)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)x);
}

/* The largest magnitude of a run as bits, which are in the order of magnitudes; an infinity or a NaN comes out on top.
 */
static inline uint32_t largest_magnitude(const float *x)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i largest = _mm256_setzero_si256();
    for (int i = 0; i < QUANT_RUN; i += 8)
        largest = _mm256_max_epu32(largest, _mm256_and_si256(load_run_part(x + i), magnitude));
    __m128i four = _mm_max_epu32(_mm256_castsi256_si128(largest), _mm256_extracti128_si256(largest, 1));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(four);
}

/* Sixteen elements times `by`, rounded to even. */
static inline __m128i round_half_run(const float *x, __m256 by)
{
    __m256i first = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x), by));
    __m256i second = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8), by));
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xd8);
    return _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

static inline __m128i sum_fours(__m128i q)
{
    return _mm_madd_epi16(_mm_maddubs_epi16(_mm_set1_epi8(1), q), _mm_set1_epi16(1));
}

static inline int sum_lanes(__m128i four)
{
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}

static inline void ready_run(const struct quant_layout *layout, enum dtype weight, const float *x, size_t first,
                             uint8_t *row)
{
    uint32_t bits = largest_magnitude(x);
    float largest;
    memcpy(&largest, &bits, sizeof largest);
    float factor = largest > 0 ? 127 / largest : 0, scale = largest / 127;
    if (!(factor <= 3.4e38f)) /* too small to have a reciprocal */
        factor = scale = 0;
    bool finite = bits < 0x7f800000;
    if (!finite)
        scale = __builtin_nanf("");
    __m128i q[2] = {_mm_setzero_si128(), _mm_setzero_si128()}, sums[2];
    for (int half = 0; half < 2; half++) {
        if (finite)
            q[half] = round_half_run(x + 16 * half, _mm256_set1_ps(factor));
        sums[half] = sum_fours(q[half]);
    }
    bool natural = layout->lane_elements == 4;
    uint8_t *to = row + (natural ? first : first / 128 * 128 + first % 128 / 2);
    _mm_storeu_si128((__m128i *)(void *)to, q[0]);
    _mm_storeu_si128((__m128i *)(void *)(to + (natural ? 16 : 64)), q[1]);
    const __m128i offset = _mm_set1_epi32(-quant_offset(weight));
    __m128i both = _mm_add_epi32(sums[0], sums[1]);
    __m128i *start = (__m128i *)(void *)(row + layout->start + first / layout->lane_elements * 4);
    float *scales = (float *)(void *)(row + layout->scale) + first / layout->lane_elements;
    _mm_storeu_ps(scales, _mm_set1_ps(scale));
    _mm_storeu_si128(start, _mm_mullo_epi32(natural ? sums[0] : both, offset));
    if (natural) {
        _mm_storeu_ps(scales + 4, _mm_set1_ps(scale));
        _mm_storeu_si128(start + 1, _mm_mullo_epi32(sums[1], offset));
    }
    if (weight == DTYPE_Q4_K) {
        float *shift =
            (float *)(void *)(row + layout->shift) + first / QUANT_SUPER * 16 + first % QUANT_SUPER / QUANT_RUN;
        shift[0] = 0;
        shift[8] = -scale * (float)sum_lanes(both);
    }
}

static void ready(const struct quant_layout *layout, enum dtype weight, const float *x, size_t first, size_t count,
                  uint8_t *row)
{
    if (weight == DTYPE_F16)
        memcpy((float *)(void *)row + first, x, count * sizeof *x);
    else
        for (size_t i = 0; i < count; i += QUANT_RUN)
            ready_run(layout, weight, x + i, first + i, row);
}
