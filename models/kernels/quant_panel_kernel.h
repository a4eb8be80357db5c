/* Making rows of x ready, and their products with a panel (quant_panel.h), written once for every vector width.
 * Included by a file that defines LANES, VECTORS and ROWS (of x, multiplied together), SIGNED_BYTES, ints and floats
 * (vectors of LANES), and
 *
 *   multiply(type, sums, w, x) -> partial   partial sums + products of fours of w and x
 *   held(type)                              how many such steps a partial sum holds without overflowing
 *   settle(type, sums, partial) -> ints     int32 sums + a partial sum
 *
 * and the few vector operations used below. */
enum { PANEL = LANES * VECTORS };

INLINE uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

INLINE void ready_run(enum dtype type, const float *x, struct quant_panel_run *to)
{
    uint32_t bits = 0; /* of magnitudes, which are in their order; an infinity or a NaN comes out on top */
    for (int i = 0; i < QUANT_RUN; i++) {
        uint32_t one = bits_of(x[i]) & 0x7fffffff;
        bits = one > bits ? one : bits;
    }
    float largest;
    memcpy(&largest, &bits, sizeof largest);
    float factor = largest > 0 ? 127 / largest : 0;
    bool finite = bits < 0x7f800000, sound = finite && factor <= 3.4e38f; /* too small to have a reciprocal */
    factor = sound ? factor : 0;
    int sums[2] = {0, 0};
    for (int half = 0; half < 2; half++)
        for (int i = 16 * half; i < 16 * half + 16; i++) {
            int q = (int)__builtin_rintf((finite ? x[i] : 0) * factor);
            to->q[i] = (int8_t)q;
            sums[half] += q;
        }
    int offset = quant_panel_offset(type, SIGNED_BYTES);
    to->scale = !finite ? __builtin_nanf("") : sound ? largest / 127 : 0;
    to->start[0] = -offset * (type == DTYPE_Q6_K ? sums[0] : sums[0] + sums[1]);
    to->start[1] = -offset * sums[1];
    to->shift = -to->scale * (float)(sums[0] + sums[1]);
}

static void ready(enum dtype type, const float *x, size_t runs, struct quant_panel_run *to)
{
    for (size_t r = 0; r < runs; r++)
        ready_run(type, x + r * QUANT_RUN, to + r);
}

/* Steps of four k of one part of a run, and what they sum up to as f32 added to the sums. */
INLINE void add_part(enum dtype type, int count, const uint8_t *w, const float *scale,
                     const struct quant_panel_run *const x[ROWS], int part, int steps, floats sums[ROWS][VECTORS])
{
    ints whole[ROWS][VECTORS];
    for (int r = 0; r < count; r++)
        for (int v = 0; v < VECTORS; v++)
            whole[r][v] = broadcast_int(&x[r]->start[part]);
#pragma GCC unroll 8
    for (int first = 0; first < steps; first += held(type)) {
        partial products[ROWS][VECTORS];
        for (int r = 0; r < count; r++)
            for (int v = 0; v < VECTORS; v++)
                products[r][v] = begin_partial(type, whole[r][v]);
        for (int step = first; step < first + held(type); step++) {
            ints four[VECTORS];
            for (int v = 0; v < VECTORS; v++)
                four[v] = load_ints(w + (size_t)(step * PANEL + v * LANES) * 4);
            for (int r = 0; r < count; r++) {
                ints same = broadcast_int(x[r]->q + part * 16 + step * 4);
                for (int v = 0; v < VECTORS; v++)
                    products[r][v] = multiply(type, products[r][v], four[v], same);
            }
        }
        for (int r = 0; r < count; r++)
            for (int v = 0; v < VECTORS; v++)
                whole[r][v] = settle(type, whole[r][v], products[r][v]);
    }
    for (int r = 0; r < count; r++) {
        floats by = broadcast_float(&x[r]->scale);
        for (int v = 0; v < VECTORS; v++)
            sums[r][v] = fused(to_floats(whole[r][v]), times(load_floats(scale + v * LANES), by), sums[r][v]);
    }
}

INLINE void multiply_rows(enum dtype type, int count, const uint8_t *panel, size_t runs,
                          const struct quant_panel_run *x, size_t x_stride, float *to, bool add)
{
    floats sums[ROWS][VECTORS];
    const struct quant_panel_run *at[ROWS];
    for (int r = 0; r < count; r++) {
        at[r] = x + (size_t)r * x_stride;
        for (int v = 0; v < VECTORS; v++)
            sums[r][v] = add ? load_floats(to + r * PANEL + v * LANES) : zero_floats();
    }
    for (size_t run = 0; run < runs; run++) {
        const float *scale = (const float *)(const void *)(panel + PANEL * QUANT_RUN);
        if (type == DTYPE_Q6_K) {
            add_part(type, count, panel, scale, at, 0, 4, sums);
            add_part(type, count, panel + PANEL * 16, scale + PANEL, at, 1, 4, sums);
        } else {
            add_part(type, count, panel, scale, at, 0, 8, sums);
        }
        if (type == DTYPE_Q4_K)
            for (int r = 0; r < count; r++) {
                floats shift = broadcast_float(&at[r]->shift);
                for (int v = 0; v < VECTORS; v++)
                    sums[r][v] = fused(load_floats(scale + PANEL + v * LANES), shift, sums[r][v]);
            }
        panel += quant_panel_run_bytes(type, PANEL);
        for (int r = 0; r < count; r++)
            at[r]++;
    }
    for (int r = 0; r < count; r++)
        for (int v = 0; v < VECTORS; v++)
            store_floats(to + r * PANEL + v * LANES, sums[r][v]);
}

/* Groups of ROWS, and what is left in one or two smaller ones. */
INLINE void multiply_all(enum dtype type, const uint8_t *panel, size_t runs, const struct quant_panel_run *x,
                         size_t x_stride, size_t rows, float *to, bool add)
{
    for (; rows >= ROWS; rows -= ROWS, x += ROWS * x_stride, to += ROWS * PANEL)
        multiply_rows(type, ROWS, panel, runs, x, x_stride, to, add);
    for (; rows >= 2; rows -= 2, x += 2 * x_stride, to += 2 * PANEL)
        multiply_rows(type, 2, panel, runs, x, x_stride, to, add);
    if (rows)
        multiply_rows(type, 1, panel, runs, x, x_stride, to, add);
}

static void multiply_panel(enum dtype type, const uint8_t *panel, size_t runs, const struct quant_panel_run *x,
                           size_t x_stride, size_t rows, float *sums, bool add)
{
    if (type == DTYPE_Q8_0)
        multiply_all(DTYPE_Q8_0, panel, runs, x, x_stride, rows, sums, add);
    else if (type == DTYPE_Q4_0)
        multiply_all(DTYPE_Q4_0, panel, runs, x, x_stride, rows, sums, add);
    else if (type == DTYPE_Q4_K)
        multiply_all(DTYPE_Q4_K, panel, runs, x, x_stride, rows, sums, add);
    else
        multiply_all(DTYPE_Q6_K, panel, runs, x, x_stride, rows, sums, add);
}
