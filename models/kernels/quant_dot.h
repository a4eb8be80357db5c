/* Dot products of four packed rows with up to four vectors that were made ready, written once for every x86 vector
 * width. Included by a file that defines WIDTH (bytes of a vector), ints and floats (vectors of WIDTH / 4), and
 *
 *   struct group, read_group(type, block, &group)     what a group of elements shares: its scales
 *   unpack(type, block, &group, part, &scale)         WIDTH unsigned whole numbers of the group, and their scales
 *   multiply(type, sums, w, q)                        int32 sums + products of fours of w (unsigned) and q (signed)
 *   add_mins(&group, shift, sum)                      q4_K: sum + mins · shifts of a super-block
 *
 * and the few vector operations used below. A group is a K block, or four blocks of the types with blocks of 32: a row
 * that ends within a group is finished from a copy that is filled up with zeros. Sums stay in vectors until a row's
 * end; each part's integers are scaled and added as f32. */

enum { GROUP_MOST_BYTES = 256 };

INLINE size_t group_elements(enum dtype type)
{
    return type == DTYPE_Q4_K || type == DTYPE_Q6_K ? QUANT_SUPER : 4 * QUANT_RUN;
}

INLINE size_t group_bytes(enum dtype type)
{
    return type == DTYPE_Q8_0 ? 4 * 34 : type == DTYPE_Q4_0 ? 4 * 18 : type == DTYPE_Q4_K ? 144 : 210;
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
#pragma GCC unroll 8
    for (int part = 0; part < (int)(group_elements(type) / WIDTH); part++) {
        const uint8_t *at = vectors + first + (size_t)part * WIDTH;
        ints w[QUANT_DOT_ROWS];
        floats scale[QUANT_DOT_ROWS];
        for (int r = 0; r < QUANT_DOT_ROWS; r++)
            w[r] = unpack(type, blocks[r], &group[r], part, &scale[r]);
        for (int v = 0; v < count; v++, at += layout->row_bytes) {
            ints q = load_ints(at), start = type == DTYPE_Q4_K ? zero_ints() : load_ints(at + layout->fours);
            floats by = load_floats((const float *)(const void *)(at + layout->scale));
            for (int r = 0; r < QUANT_DOT_ROWS; r++)
                sums->of[v][r] = fused(to_floats(multiply(type, start, w[r], q)), times(scale[r], by), sums->of[v][r]);
        }
    }
}

/* The layout's first parts lie `padded` apart in bytes: a byte of q, its four's sum and its four's scale. */
INLINE void dot_quantised(enum dtype type, int count, const struct quant_layout *layout,
                          const uint8_t *const rows[QUANT_DOT_ROWS], const uint8_t *vectors,
                          float totals[][QUANT_DOT_ROWS], const uint8_t *ahead, const uint8_t *ahead_end)
{
    struct sums sums;
    for (int v = 0; v < count; v++)
        for (int r = 0; r < QUANT_DOT_ROWS; r++)
            sums.of[v][r] = zero_floats();
    const size_t elements = group_elements(type), bytes = group_bytes(type);
    const uint8_t *blocks[QUANT_DOT_ROWS] = {rows[0], rows[1], rows[2], rows[3]};
    size_t first = 0;
    for (; first + elements <= layout->k; first += elements) {
        if (ahead < ahead_end)
            for (size_t line = 0; line < QUANT_DOT_ROWS * bytes; line += 64)
                __builtin_prefetch(ahead + line, 0, 3);
        ahead += QUANT_DOT_ROWS * bytes;
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
                    const uint8_t *vectors, float totals[][QUANT_DOT_ROWS], const uint8_t *ahead,
                    const uint8_t *ahead_end)
{
    struct sums sums;
    for (int v = 0; v < count; v++)
        for (int r = 0; r < QUANT_DOT_ROWS; r++)
            sums.of[v][r] = zero_floats();
    enum { LANES = WIDTH / 4 };
    size_t i = 0;
    for (; i + LANES <= layout->k; i += LANES) {
        if (ahead < ahead_end)
            for (size_t line = 0; line < QUANT_DOT_ROWS * LANES * 2; line += 64)
                __builtin_prefetch(ahead + line, 0, 3);
        ahead += QUANT_DOT_ROWS * LANES * 2;
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
        float sums[][QUANT_DOT_ROWS], const uint8_t *ahead, const uint8_t *ahead_end
#define DOT(name, type, count)                                                                                         \
    static void dot_##name##_##count(DOT_ARGUMENTS)                                                                    \
    {                                                                                                                  \
        dot_quantised(type, count, layout, rows, vectors, sums, ahead, ahead_end);                                     \
    }
#define DOT_HALF(count)                                                                                                \
    static void dot_f16_##count(DOT_ARGUMENTS)                                                                         \
    {                                                                                                                  \
        dot_f16(count, layout, rows, vectors, sums, ahead, ahead_end);                                                 \
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
DOT_HALF(2) DOT_HALF(3) DOT_HALF(4)

    static void (*const dots[DTYPE_COUNT][QUANT_DOT_VECTORS])(DOT_ARGUMENTS) = {
        [DTYPE_F16] = DOTS_OF(f16),   [DTYPE_Q8_0] = DOTS_OF(q8_0), [DTYPE_Q4_0] = DOTS_OF(q4_0),
        [DTYPE_Q4_K] = DOTS_OF(q4_k), [DTYPE_Q6_K] = DOTS_OF(q6_k),
};

static void dot(const struct quant_layout *layout, enum dtype weight, const uint8_t *const rows[QUANT_DOT_ROWS],
                const uint8_t *vectors, size_t count, float sums[][QUANT_DOT_ROWS], const uint8_t *ahead,
                const uint8_t *ahead_end)
{
    dots[weight][count - 1](layout, rows, vectors, sums, ahead, ahead_end);
}

/* ---- Making a row of x ready ---- */

static void ready(const struct quant_layout *layout, enum dtype weight, const float *x, size_t first, size_t count,
                  uint8_t *row)
{
    if (weight == DTYPE_F16) {
        memcpy((float *)(void *)row + first, x, count * sizeof *x);
        return;
    }
    int offset = quant_offset(weight);
    for (size_t at = first; at < first + count; at += QUANT_RUN, x += QUANT_RUN) {
        uint32_t bits = largest_magnitude(x);
        float largest;
        memcpy(&largest, &bits, sizeof largest);
        float factor = largest > 0 ? 127 / largest : 0, scale = largest / 127;
        if (!(factor <= 3.4e38f)) /* too small to have a reciprocal */
            factor = scale = 0;
        if (bits >= 0x7f800000) {
            factor = 0;
            scale = __builtin_nanf("");
        }
        float *scales = (float *)(void *)(row + layout->scale) + at / 4;
        int total = round_run(x, factor, offset, (int8_t *)row + at, (int32_t *)(void *)(row + layout->fours) + at / 4);
        for (int i = 0; i < QUANT_RUN / 4; i++)
            scales[i] = scale;
        if (weight == DTYPE_Q4_K) {
            float *shift =
                (float *)(void *)(row + layout->shift) + at / QUANT_SUPER * 16 + at % QUANT_SUPER / QUANT_RUN;
            shift[0] = 0;
            shift[8] = -scale * (float)total;
        }
    }
}
