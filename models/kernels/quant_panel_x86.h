/* Unpacking a panel's rows with AVX2: eight rows at a time, a run of each is unpacked to a vector of 32 bytes, and the
 * eight vectors are turned as a matrix of 8 x 8 fours. Included by the files for x86. */

INLINE __m256i load_32(const uint8_t *from)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

/* Sixteen bytes of lower halves, then of upper. */
INLINE __m256i unpack_q4_0(const uint8_t *block)
{
    __m128i both = _mm_loadu_si128((const __m128i *)(const void *)(block + 2));
    __m256i halves = _mm256_inserti128_si256(_mm256_castsi128_si256(both), _mm_srli_epi16(both, 4), 1);
    return _mm256_and_si256(halves, _mm256_set1_epi8(15));
}

INLINE __m256i unpack_q4k(const uint8_t *block, size_t run)
{
    __m256i both = load_32(block + 16 + run / 2 * 32);
    return _mm256_and_si256(run % 2 ? _mm256_srli_epi16(both, 4) : both, _mm256_set1_epi8(15));
}

INLINE __m256i unpack_q6k(const uint8_t *block, size_t run)
{
    size_t half = run / 4, part = run % 4;
    __m256i low =
        _mm256_srl_epi16(load_32(block + half * 64 + part % 2 * 32), _mm_cvtsi64_si128((long long)part / 2 * 4));
    __m256i high = _mm256_srl_epi16(load_32(block + 128 + half * 32), _mm_cvtsi64_si128((long long)part * 2));
    high = _mm256_slli_epi16(_mm256_and_si256(high, _mm256_set1_epi8(3)), 4);
    return _mm256_or_si256(_mm256_and_si256(low, _mm256_set1_epi8(15)), high);
}

INLINE __m256i unpack_run(enum dtype type, const uint8_t *row, size_t run)
{
    switch (type) {
    case DTYPE_Q8_0:
        return _mm256_xor_si256(load_32(row + run * 34 + 2), _mm256_set1_epi8(SIGNED_BYTES ? 0 : (char)0x80));
    case DTYPE_Q4_0:
        return unpack_q4_0(row + run * 18);
    case DTYPE_Q4_K:
        return unpack_q4k(row + run / 8 * 144, run % 8);
    default:
        return unpack_q6k(row + run / 8 * 210, run % 8);
    }
}

/* v[i] becomes what fours i of all eight were. */
INLINE void turn_fours(__m256i v[8])
{
    __m256i pairs[8], quads[8];
    for (int i = 0; i < 8; i += 2) {
        pairs[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; j++) {
            quads[i + 2 * j] = _mm256_unpacklo_epi64(pairs[i + j], pairs[i + j + 2]);
            quads[i + 2 * j + 1] = _mm256_unpackhi_epi64(pairs[i + j], pairs[i + j + 2]);
        }
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2x128_si256(quads[i], quads[i + 4], 0x20);
        v[i + 4] = _mm256_permute2x128_si256(quads[i], quads[i + 4], 0x31);
    }
}

INLINE float half_at(const uint8_t *from)
{
    return _cvtsh_ss(quant_u16(from));
}

/* Scales of the runs of a K block of one row: floats `stride` bytes apart, of one run after the other. */
INLINE void put_scales_q4k(const uint8_t *block, uint8_t *to, size_t stride)
{
    uint32_t packed[4];
    uint8_t whole[16];
    quant_q4k_scales(block, packed);
    memcpy(whole, packed, sizeof whole);
    float d = half_at(block), dmin = half_at(block + 2);
    for (int i = 0; i < 8; i++, to += stride) {
        *(float *)(void *)to = d * (float)whole[i];
        *(float *)(void *)(to + PANEL * sizeof(float)) = dmin * (float)whole[8 + i];
    }
}

INLINE void put_scales_q6k(const uint8_t *block, uint8_t *to, size_t stride)
{
    float d = half_at(block + 208);
    for (int i = 0; i < 8; i++, to += stride) {
        *(float *)(void *)to = d * (float)(int8_t)block[192 + 2 * i];
        *(float *)(void *)(to + PANEL * sizeof(float)) = d * (float)(int8_t)block[193 + 2 * i];
    }
}

INLINE void put_scales(enum dtype type, const uint8_t *row, size_t first, size_t count, uint8_t *to, size_t stride)
{
    bool super = type == DTYPE_Q4_K || type == DTYPE_Q6_K;
    for (size_t run = first; run < first + count; run += super ? 8 : 1, to += stride * (super ? 8 : 1))
        if (type == DTYPE_Q4_K)
            put_scales_q4k(row + run / 8 * 144, to, stride);
        else if (type == DTYPE_Q6_K)
            put_scales_q6k(row + run / 8 * 210, to, stride);
        else
            *(float *)(void *)to = half_at(row + run * (type == DTYPE_Q8_0 ? 34 : 18));
}

INLINE void unpack_type(enum dtype type, const uint8_t *weight, size_t row_bytes, size_t rows, size_t first,
                        size_t count, uint8_t *panel)
{
    const size_t stride = quant_panel_run_bytes(type, PANEL);
    for (size_t eight = 0; eight < PANEL; eight += 8) {
        const uint8_t *row[8];
        for (size_t i = 0; i < 8; i++) {
            row[i] = weight + (eight + i < rows ? eight + i : rows - 1) * row_bytes;
            put_scales(type, row[i], first, count, panel + PANEL * QUANT_RUN + (eight + i) * sizeof(float), stride);
        }
        for (size_t run = 0; run < count; run++) {
            __m256i v[8];
            for (size_t i = 0; i < 8; i++)
                v[i] = unpack_run(type, row[i], first + run);
            turn_fours(v);
            for (size_t i = 0; i < 8; i++)
                _mm256_storeu_si256((__m256i *)(void *)(panel + run * stride + (i * PANEL + eight) * 4), v[i]);
        }
    }
}

static void unpack(enum dtype type, const uint8_t *weight, size_t row_bytes, size_t rows, size_t first, size_t count,
                   uint8_t *panel)
{
    if (type == DTYPE_Q8_0)
        unpack_type(DTYPE_Q8_0, weight, row_bytes, rows, first, count, panel);
    else if (type == DTYPE_Q4_0)
        unpack_type(DTYPE_Q4_0, weight, row_bytes, rows, first, count, panel);
    else if (type == DTYPE_Q4_K)
        unpack_type(DTYPE_Q4_K, weight, row_bytes, rows, first, count, panel);
    else
        unpack_type(DTYPE_Q6_K, weight, row_bytes, rows, first, count, panel);
}
