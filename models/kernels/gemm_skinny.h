/* Dot products of stored rows with a few vectors, for multiplications so skinny that packing would cost more than it
 * saves: each row is read once from memory, straight into registers. Included after gemm_fma.h's definitions, per
 * instruction set. bf16 rows are widened on the way. */

/* Vectors that four rows are multiplied with at once; their sums must fit the registers. */
#if LANES == 8 || !(defined(__AVX512F__) || defined(__aarch64__))
enum { DOT_VECTORS = 2 };
#else
enum { DOT_VECTORS = 6 };
#endif
enum { DOT_ROWS = GEMM_DOT_ROWS };

#define EXCHANGE_ALL(lane, d) ((lane) ^ (d))
#define ADD_OTHER_HALF(v, d) ((v) + __builtin_shufflevector(v, v, LANES_ALL(EXCHANGE_ALL, d)))

static inline float sum_lanes(vector v)
{
    v = ADD_OTHER_HALF(v, 1);
    v = ADD_OTHER_HALF(v, 2);
#if LANES >= 8
    v = ADD_OTHER_HALF(v, 4);
#endif
#if LANES >= 16
    v = ADD_OTHER_HALF(v, 8);
#endif
    return v[0];
}

typedef uint16_t narrow_vector __attribute__((vector_size(LANES * 2), aligned(2), may_alias));
typedef uint32_t bits_vector __attribute__((vector_size(LANES * 4)));

static inline __attribute__((always_inline)) vector load_lanes(bool narrow, const void *from, size_t at)
{
    if (!narrow)
        return *(const vector_anywhere *)((const float *)from + at);
    narrow_vector v = *(const narrow_vector *)((const uint16_t *)from + at);
    return (vector)(__builtin_convertvector(v, bits_vector) << 16);
}

/* Each row's memory is asked for so far before it is wanted: the row that follows it is read next. */
enum { AHEAD_BYTES = 2048, LINE = 64 };

static inline __attribute__((always_inline)) void dot_block(size_t k, bool narrow, const void *const rows[DOT_ROWS],
                                                            const float *vectors, size_t vector_stride, int count,
                                                            float sums[][DOT_ROWS])
{
    const size_t bytes = LANES * (narrow ? sizeof(uint16_t) : sizeof(float));
    vector sum[DOT_VECTORS][DOT_ROWS];
    for (int f = 0; f < count; f++)
        for (int r = 0; r < DOT_ROWS; r++)
            sum[f][r] = (vector){0};
    size_t p = 0;
    for (; p + LANES <= k; p += LANES) {
        vector row[DOT_ROWS];
        if (p / LANES * bytes % LINE == 0)
#pragma GCC unroll 4
            for (int r = 0; r < DOT_ROWS; r++)
                __builtin_prefetch((const char *)rows[r] + p / LANES * bytes + AHEAD_BYTES, 0, 3);
#pragma GCC unroll 4
        for (int r = 0; r < DOT_ROWS; r++)
            row[r] = load_lanes(narrow, rows[r], p);
#pragma GCC unroll 8
        for (int f = 0; f < count; f++) {
            vector x = *(const vector_anywhere *)(vectors + (size_t)f * vector_stride + p);
#pragma GCC unroll 4
            for (int r = 0; r < DOT_ROWS; r++)
                sum[f][r] += x * row[r];
        }
    }
    for (int f = 0; f < count; f++)
        for (int r = 0; r < DOT_ROWS; r++) {
            sums[f][r] = sum_lanes(sum[f][r]);
            for (size_t q = p; q < k; q++)
                sums[f][r] += vectors[(size_t)f * vector_stride + q] *
                              (narrow ? bf16_to_f32(((const uint16_t *)rows[r])[q]) : ((const float *)rows[r])[q]);
        }
}

#define DOT_CASE(number)                                                                                               \
    case number:                                                                                                       \
        if (narrow)                                                                                                    \
            dot_block(k, true, rows, vectors, vector_stride, number, sums);                                            \
        else                                                                                                           \
            dot_block(k, false, rows, vectors, vector_stride, number, sums);                                           \
        break;

static void dot(size_t k, enum dtype dtype, const void *const rows[GEMM_DOT_ROWS], const float *vectors,
                size_t vector_stride, size_t count, float sums[][GEMM_DOT_ROWS])
{
    bool narrow = dtype == DTYPE_BF16;
    while (count) {
        size_t part = count < DOT_VECTORS ? count : DOT_VECTORS;
        if (count > part && count < 2 * part)
            part = (count + 1) / 2;
        switch (part) {
            DOT_CASE(1)
            DOT_CASE(2)
#if LANES == 16 || defined(__aarch64__)
            DOT_CASE(3)
            DOT_CASE(4)
            DOT_CASE(5)
            DOT_CASE(6)
#endif
        }
        vectors += part * vector_stride;
        sums += part;
        count -= part;
    }
}
