/* Dot products of four packed rows with up to four vectors that were made ready, written once for every vector
 * width. Included by a file that defines WIDTH (bytes of a vector), ints and floats (vectors of WIDTH / 4), and
 *
 *   struct group, read_group(type, block, &group)       what a group of elements shares: its scales
 *   unpack(type, block, &group, part, w) -> scale       a part's unsigned whole numbers, in the order of the vectors'
 *                                                       q, and the scale of each lane
 *   multiply(type, sums, w, q)                          int32 sums + products of fours of w (unsigned) and q (signed)
 *   add_mins(&group, shift, sum)                        q4_K: sum + mins · shifts of a super-block
 *
 * and the few vector operations used below. A group is a K block, or four blocks of the types with blocks of 32: a row
 * that ends within a group is finished from a copy that is filled up with zeros. A part is two vectors, halves of runs
 * (quant_kernel.h), or one for q6_K; its integers are scaled and added as f32, and sums stay in vectors until a row's
 * end. */
enum { GROUP_MOST_BYTES = 256 };

INLINE size_t group_elements(enum dtype type)
{
    return type == DTYPE_Q4_K || type == DTYPE_Q6_K ? QUANT_SUPER : 4 * QUANT_RUN;
}

INLINE size_t group_bytes(enum dtype type)
{
    return type == DTYPE_Q8_0 ? 4 * 34 : type == DTYPE_Q4_0 ? 4 * 18 : type == DTYPE_Q4_K ? 144 : 210;
}

/* q4_K's numbers have no offset. SIGNED_PRODUCTS: neither have q8_0's, where instructions take signed bytes. */
INLINE bool starts_at_zero(enum dtype type)
{
    return type == DTYPE_Q4_K || (SIGNED_PRODUCTS && type == DTYPE_Q8_0);
}

struct sums {
    floats of[QUANT_DOT_VECTORS][QUANT_DOT_ROWS];
};

/* One group of each of the four rows, from element `first`. */
INLINE void add_group(enum dtype type, int count, const struct quant_layout *layout,
                      const uint8_t *const blocks[QUANT_DOT_ROWS], const uint8_t *vectors, size_t first,
                      struct sums *sums)
{
    struct group group[QUANT_DOT_ROWS];
    for (int r = 0; r < QUANT_DOT_ROWS; r++)
        read_group(type, blocks[r], &group[r]);
    if (type == DTYPE_Q4_K)
        for (int v = 0; v < count; v++) {
            const uint8_t *shift = vectors + (size_t)v * layout->row_bytes + layout->shift + first / QUANT_SUPER * 64;
            for (int r = 0; r < QUANT_DOT_ROWS; r++)
                sums->of[v][r] = add_mins(&group[r], (const float *)(const void *)shift, sums->of[v][r]);
        }
    const int vectors_of_part = type == DTYPE_Q6_K ? 1 : 2;
#ifndef __SANITIZE_ADDRESS__ /* whose checks keep GCC from unrolling, and it says so */
#pragma GCC unroll 8
#endif
    for (int part = 0; part < (int)(group_elements(type) / (WIDTH * vectors_of_part)); part++) {
        /* Of 128 elements, the second halves of runs lie 64 bytes after the first. */
        size_t at = first + (type == DTYPE_Q6_K ? part * WIDTH : part * WIDTH / 64 * 128 + part * WIDTH % 64);
        size_t lanes = first / vectors_of_part + part * WIDTH;
        ints w[QUANT_DOT_ROWS][2];
        floats scale[QUANT_DOT_ROWS];
        for (int r = 0; r < QUANT_DOT_ROWS; r++)
            scale[r] = unpack(type, blocks[r], &group[r], part, w[r]);
        for (int v = 0; v < count; v++) {
            const uint8_t *vector = vectors + (size_t)v * layout->row_bytes;
            ints start = starts_at_zero(type) ? zero_ints() : load_ints(vector + layout->start + lanes);
            floats by = load_floats((const float *)(const void *)(vector + layout->scale + lanes));
            ints q = load_ints(vector + at), second = type == DTYPE_Q6_K ? zero_ints() : load_ints(vector + at + 64);
            for (int r = 0; r < QUANT_DOT_ROWS; r++) {
                ints products = multiply(type, start, w[r][0], q);
                if (type != DTYPE_Q6_K)
                    products = multiply(type, products, w[r][1], second);
                sums->of[v][r] = fused(to_floats(products), times(scale[r], by), sums->of[v][r]);
            }
        }
    }
}

/* Asks for `bytes` of each row, `ahead` bytes after place `at`, if that isn't 0. */
INLINE void ask_ahead(const uint8_t *const rows[QUANT_DOT_ROWS], size_t at, size_t bytes, size_t ahead)
{
    if (ahead)
        for (int r = 0; r < QUANT_DOT_ROWS; r++)
            for (size_t line = 0; line < bytes; line += 64)
                __builtin_prefetch(rows[r] + at + ahead + line, 0, 3);
}

INLINE void dot_quantised(enum dtype type, int count, const struct quant_layout *layout,
                          const uint8_t *const rows[QUANT_DOT_ROWS], const uint8_t *vectors,
                          float totals[][QUANT_DOT_ROWS], size_t ahead)
{
    struct sums sums;
    for (int v = 0; v < count; v++)
        for (int r = 0; r < QUANT_DOT_ROWS; r++)
            sums.of[v][r] = zero_floats();
    const size_t elements = group_elements(type), bytes = group_bytes(type);
    const uint8_t *blocks[QUANT_DOT_ROWS] = {rows[0], rows[1], rows[2], rows[3]};
    size_t first = 0;
    for (; first + elements <= layout->k; first += elements) {
        ask_ahead(blocks, 0, bytes, ahead);
        add_group(type, count, layout, blocks, vectors, first, &sums);
        for (int r = 0; r < QUANT_DOT_ROWS; r++)
            blocks[r] += bytes;
    }
    if (first < layout->k) {
        uint8_t rest[QUANT_DOT_ROWS][GROUP_MOST_BYTES] = {{0}};
        size_t rest_bytes = (layout->k - first) * bytes / elements;
        for (int r = 0; r < QUANT_DOT_ROWS; r++)
            blocks[r] = memcpy(rest[r], blocks[r], rest_bytes);
        add_group(type, count, layout, blocks, vectors, first, &sums);
    }
    for (int v = 0; v < count; v++)
        for (int r = 0; r < QUANT_DOT_ROWS; r++)
            totals[v][r] = add_lanes(sums.of[v][r]);
}

INLINE void dot_f16(int count, const struct quant_layout *layout, const uint8_t *const rows[QUANT_DOT_ROWS],
                    const uint8_t *vectors, float totals[][QUANT_DOT_ROWS], size_t ahead)
{
    struct sums sums;
    for (int v = 0; v < count; v++)
        for (int r = 0; r < QUANT_DOT_ROWS; r++)
            sums.of[v][r] = zero_floats();
    enum { LANES = WIDTH / 4 };
    size_t i = 0;
    for (; i + LANES <= layout->k; i += LANES) {
        if (2 * i % 64 == 0)
            ask_ahead(rows, 2 * i, 64, ahead);
        floats w[QUANT_DOT_ROWS];
        for (int r = 0; r < QUANT_DOT_ROWS; r++)
            w[r] = load_halves(rows[r] + 2 * i);
        for (int v = 0; v < count; v++) {
            floats x = load_floats((const float *)(const void *)(vectors + (size_t)v * layout->row_bytes) + i);
            for (int r = 0; r < QUANT_DOT_ROWS; r++)
                sums.of[v][r] = fused(w[r], x, sums.of[v][r]);
        }
    }
    for (int v = 0; v < count; v++)
        for (int r = 0; r < QUANT_DOT_ROWS; r++) {
            totals[v][r] = add_lanes(sums.of[v][r]);
            for (size_t rest = i; rest < layout->k; rest++)
                totals[v][r] += quant_f16(rows[r] + 2 * rest) *
                                ((const float *)(const void *)(vectors + (size_t)v * layout->row_bytes))[rest];
        }
}

#define DOT_ARGUMENTS                                                                                                  \
    const struct quant_layout *layout, const uint8_t *const rows[QUANT_DOT_ROWS], const uint8_t *vectors,              \
        float sums[][QUANT_DOT_ROWS], size_t ahead
#define DOT(name, type, count)                                                                                         \
    static void dot_##name##_##count(DOT_ARGUMENTS)                                                                    \
    {                                                                                                                  \
        dot_quantised(type, count, layout, rows, vectors, sums, ahead);                                                \
    }
#define DOT_HALF(count)                                                                                                \
    static void dot_f16_##count(DOT_ARGUMENTS)                                                                         \
    {                                                                                                                  \
        dot_f16(count, layout, rows, vectors, sums, ahead);                                                            \
    }
#define DOTS(name, type) DOT(name, type, 1) DOT(name, type, 2) DOT(name, type, 3) DOT(name, type, 4)
#define DOTS_OF(name)                                                                                                  \
    {                                                                                                                  \
        dot_##name##_1, dot_##name##_2, dot_##name##_3, dot_##name##_4                                                 \
    }

DOTS(q8_0, DTYPE_Q8_0)
DOTS(q4_0, DTYPE_Q4_0)
DOTS(q4_k, DTYPE_Q4_K)
DOTS(q6_k, DTYPE_Q6_K)
DOT_HALF(1)
DOT_HALF(2)
DOT_HALF(3)
DOT_HALF(4)

static void (*const dots[DTYPE_COUNT][QUANT_DOT_VECTORS])(DOT_ARGUMENTS) = {
    [DTYPE_F16] = DOTS_OF(f16),   [DTYPE_Q8_0] = DOTS_OF(q8_0), [DTYPE_Q4_0] = DOTS_OF(q4_0),
    [DTYPE_Q4_K] = DOTS_OF(q4_k), [DTYPE_Q6_K] = DOTS_OF(q6_k),
};

static void dot(const struct quant_layout *layout, enum dtype weight, const uint8_t *const rows[QUANT_DOT_ROWS],
                const uint8_t *vectors, size_t count, float sums[][QUANT_DOT_ROWS], size_t ahead)
{
    dots[weight][count - 1](layout, rows, vectors, sums, ahead);
}
