/* Integer products with quantised rows in plain C: what the vector kernels must agree with but for the order of their
 * f32 sums. */
#include <math.h>

#include "models/kernels/quant_kernel.h"

/* Where element `i` of the run that begins with element `first` lies, and its lane. */
static size_t place(const struct quant_layout *layout, size_t first, size_t i)
{
    if (layout->lane_elements == 4)
        return first + i;
    return first / 128 * 128 + i / 16 * 64 + first % 128 / 2 + i % 16;
}

static size_t lane(const struct quant_layout *layout, size_t first, size_t i)
{
    return layout->lane_elements == 4 ? (first + i) / 4 : first / 8 + i % 16 / 4;
}

static void ready_run(const struct quant_layout *layout, enum dtype weight, const float *x, size_t first, uint8_t *row)
{
    float largest = 0;
    bool finite = true;
    for (int i = 0; i < QUANT_RUN; i++) {
        largest = fmaxf(largest, fabsf(x[i]));
        finite &= isfinite(x[i]) != 0;
    }
    float factor = largest > 0 ? 127 / largest : 0, scale = largest / 127;
    if (!isfinite(factor)) /* too small to have a reciprocal */
        factor = scale = 0;
    if (!finite)
        scale = NAN;
    int32_t *start = (int32_t *)(void *)(row + layout->start);
    float *scales = (float *)(void *)(row + layout->scale);
    int total = 0;
    for (size_t i = 0; i < QUANT_RUN; i++)
        start[lane(layout, first, i)] = 0;
    for (size_t i = 0; i < QUANT_RUN; i++) {
        int8_t q = (int8_t)(finite ? rintf(x[i] * factor) : 0);
        row[place(layout, first, i)] = (uint8_t)q;
        start[lane(layout, first, i)] -= quant_offset(weight) * q;
        scales[lane(layout, first, i)] = scale;
        total += q;
    }
    if (weight == DTYPE_Q4_K) {
        float *shift =
            (float *)(void *)(row + layout->shift) + first / QUANT_SUPER * 16 + first % QUANT_SUPER / QUANT_RUN;
        shift[0] = 0;
        shift[8] = -scale * (float)total;
    }
}

void quant_ready_plain(const struct quant_layout *layout, enum dtype weight, const float *x, size_t first, size_t count,
                       uint8_t *row)
{
    if (weight == DTYPE_F16)
        memcpy((float *)(void *)row + first, x, count * sizeof *x);
    else
        for (size_t i = 0; i < count; i += QUANT_RUN)
            ready_run(layout, weight, x + i, first + i, row);
}

/* A run's whole numbers, its scales (one for each half) and its min. */
struct run {
    int8_t q[QUANT_RUN];
    float scale[2], min;
};

static struct run read_q4k(const uint8_t *block, int index)
{
    uint32_t packed[4];
    uint8_t scales[16];
    quant_q4k_scales(block, packed);
    memcpy(scales, packed, sizeof scales);
    float scale = quant_f16(block) * (float)scales[index];
    struct run run = {.scale = {scale, scale}, .min = quant_f16(block + 2) * (float)scales[8 + index]};
    for (int i = 0; i < QUANT_RUN; i++)
        run.q[i] = (int8_t)(block[16 + index / 2 * QUANT_RUN + i] >> index % 2 * 4 & 15);
    return run;
}

static struct run read_q6k(const uint8_t *block, int index)
{
    float d = quant_f16(block + 208);
    int half = index / 4, part = index % 4;
    struct run run = {.scale = {d * (float)(int8_t)block[192 + 2 * index], d * (float)(int8_t)block[193 + 2 * index]}};
    for (int i = 0; i < QUANT_RUN; i++)
        run.q[i] = (int8_t)((block[half * 64 + part % 2 * 32 + i] >> part / 2 * 4 & 15) |
                            (block[128 + half * 32 + i] >> part * 2 & 3) << 4) -
                   32;
    return run;
}

static struct run read_run(enum dtype weight, const uint8_t *row, size_t index)
{
    struct run run = {.min = 0};
    if (weight == DTYPE_Q4_K)
        return read_q4k(row + index / 8 * 144, (int)(index % 8));
    if (weight == DTYPE_Q6_K)
        return read_q6k(row + index / 8 * 210, (int)(index % 8));
    const uint8_t *block = row + index * dtype_info(weight)->block_bytes;
    run.scale[0] = run.scale[1] = quant_f16(block);
    for (int i = 0; i < QUANT_RUN; i++)
        run.q[i] = weight == DTYPE_Q8_0 ? (int8_t)block[2 + i] : (int8_t)((block[2 + i % 16] >> i / 16 * 4 & 15) - 8);
    return run;
}

static float dot_one(const struct quant_layout *layout, enum dtype weight, const uint8_t *row, const uint8_t *vector)
{
    float sum = 0;
    if (weight == DTYPE_F16) {
        for (size_t i = 0; i < layout->k; i++)
            sum += quant_f16(row + 2 * i) * ((const float *)(const void *)vector)[i];
        return sum;
    }
    const float *scale = (const float *)(const void *)(vector + layout->scale);
    for (size_t r = 0; r < layout->k / QUANT_RUN; r++) {
        struct run run = read_run(weight, row, r);
        int sums[2] = {0, 0}, total = 0;
        for (size_t i = 0; i < QUANT_RUN; i++) {
            int q = (int8_t)vector[place(layout, r * QUANT_RUN, i)];
            sums[i / 16] += run.q[i] * q;
            total += q;
        }
        sum += scale[lane(layout, r * QUANT_RUN, 0)] *
               (run.scale[0] * (float)sums[0] + run.scale[1] * (float)sums[1] - run.min * (float)total);
    }
    return sum;
}

static void dot(const struct quant_layout *layout, enum dtype weight, const uint8_t *const rows[QUANT_DOT_ROWS],
                const uint8_t *vectors, size_t count, float sums[][QUANT_DOT_ROWS], size_t ahead)
{
    (void)ahead;
    for (size_t v = 0; v < count; v++)
        for (size_t r = 0; r < QUANT_DOT_ROWS; r++)
            sums[v][r] = dot_one(layout, weight, rows[r], vectors + v * layout->row_bytes);
}

const struct quant_kernel quant_kernel_plain = {.name = "plain", .ready = quant_ready_plain, .dot = dot};
