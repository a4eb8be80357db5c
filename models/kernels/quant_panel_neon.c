/* Panels of 8 rows on Arm's NEON with dot products of bytes (SDOT). */
#include <arm_neon.h>

#include "models/kernels/quant_panel.h"
#include "probes/isa.h"

#define INLINE static inline __attribute__((always_inline))
enum { SIGNED_BYTES = 1, LANES = 4, VECTORS = 2, ROWS = 6 };
typedef int32x4_t ints;
typedef int32x4_t partial;
typedef float32x4_t floats;

#define load_ints(from) vld1q_s32((const int32_t *)(const void *)(from))
#define load_floats(from) vld1q_f32(from)
#define store_floats(to, v) vst1q_f32(to, v)
#define zero_floats() vdupq_n_f32(0)
#define broadcast_float(from) vld1q_dup_f32(from)
#define broadcast_int(from) vld1q_dup_s32((const int32_t *)(const void *)(from))
#define to_floats(i) vcvtq_f32_s32(i)
#define times(a, b) vmulq_f32(a, b)
#define fused(a, b, c) vfmaq_f32(c, a, b)
#define multiply(type, sums, w, x) vdotq_s32(sums, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(x))
#define begin_partial(type, whole) ((void)(type), (whole))
#define settle(type, whole, products) (products)
#define held(type) 4

#include "models/kernels/quant_panel_kernel.h"

/* A negative count shifts to the right. */
INLINE uint8x16_t shifted(uint8x16_t bytes, int count)
{
    return vshlq_u8(bytes, vdupq_n_s8((int8_t)count));
}

/* Half `half` of run `run` of a q6_K block. */
INLINE uint8x16_t unpack_q6k(const uint8_t *block, size_t run, size_t half)
{
    int part = (int)(run % 4);
    uint8x16_t low = vld1q_u8(block + run / 4 * 64 + run % 2 * 32 + half * 16);
    uint8x16_t high = vld1q_u8(block + 128 + run / 4 * 32 + half * 16);
    low = vandq_u8(shifted(low, -(part / 2 * 4)), vdupq_n_u8(15));
    return vorrq_u8(low, vandq_u8(shifted(high, 4 - part * 2), vdupq_n_u8(0x30)));
}

INLINE uint8x16_t unpack_half(enum dtype type, const uint8_t *row, size_t run, size_t half)
{
    switch (type) {
    case DTYPE_Q8_0:
        return vld1q_u8(row + run * 34 + 2 + half * 16);
    case DTYPE_Q4_0:
        return vandq_u8(shifted(vld1q_u8(row + run * 18 + 2), half ? -4 : 0), vdupq_n_u8(15));
    case DTYPE_Q4_K:
        return vandq_u8(shifted(vld1q_u8(row + run / 8 * 144 + 16 + run % 8 / 2 * 32 + half * 16), run % 2 ? -4 : 0),
                        vdupq_n_u8(15));
    default:
        return unpack_q6k(row + run / 8 * 210, run % 8, half);
    }
}

/* The scale, and q6_K's second or q4_K's min, of a run. */
INLINE void read_scales(enum dtype type, const uint8_t *row, size_t run, float scales[2])
{
    if (type == DTYPE_Q4_K) {
        const uint8_t *block = row + run / 8 * 144;
        uint32_t packed[4];
        uint8_t whole[16];
        quant_q4k_scales(block, packed);
        memcpy(whole, packed, sizeof whole);
        scales[0] = quant_f16(block) * (float)whole[run % 8];
        scales[1] = quant_f16(block + 2) * (float)whole[8 + run % 8];
    } else if (type == DTYPE_Q6_K) {
        const uint8_t *block = row + run / 8 * 210;
        float d = quant_f16(block + 208);
        scales[0] = d * (float)(int8_t)block[192 + run % 8 * 2];
        scales[1] = d * (float)(int8_t)block[193 + run % 8 * 2];
    } else {
        scales[0] = quant_f16(row + run * dtype_info(type)->block_bytes);
    }
}

static void unpack(enum dtype type, const uint8_t *weight, size_t row_bytes, size_t rows, size_t first, size_t count,
                   uint8_t *panel)
{
    const size_t stride = quant_panel_run_bytes(type, PANEL);
    for (size_t r = 0; r < PANEL; r++) {
        const uint8_t *row = weight + (r < rows ? r : rows - 1) * row_bytes;
        uint8_t *to = panel;
        for (size_t run = first; run < first + count; run++, to += stride) {
            float scales[2] = {0, 0};
            read_scales(type, row, run, scales);
            memcpy(to + PANEL * QUANT_RUN + r * sizeof(float), &scales[0], sizeof(float));
            if (type == DTYPE_Q4_K || type == DTYPE_Q6_K)
                memcpy(to + PANEL * (QUANT_RUN + sizeof(float)) + r * sizeof(float), &scales[1], sizeof(float));
            for (size_t half = 0; half < 2; half++) {
                uint32_t fours[4];
                vst1q_u8((uint8_t *)fours, unpack_half(type, row, run, half));
                for (size_t i = 0; i < 4; i++)
                    memcpy(to + ((half * 4 + i) * PANEL + r) * 4, &fours[i], 4);
            }
        }
    }
}

const struct quant_panel_kernel quant_panel_neon = {
    .name = "neon-dotprod-panel",
    .isa = ISA_NEON | ISA_DOTPROD,
    .signed_bytes = SIGNED_BYTES,
    .panel_rows = PANEL,
    .group_rows = ROWS,
    .least_rows = {[DTYPE_Q8_0] = 17, [DTYPE_Q4_0] = 17, [DTYPE_Q4_K] = 17, [DTYPE_Q6_K] = 17},
    .ready = ready,
    .unpack = unpack,
    .multiply = multiply_panel,
};
