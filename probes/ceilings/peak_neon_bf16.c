/* bf16 matrices of 2 x 4 and 4 x 2 into f32: BFMMLA of Armv8.6. */
#include <arm_neon.h>

#include "probes/ceilings/peak.h"
#include "probes/isa.h"

#define VECTOR float32x4_t
#define ZERO vdupq_n_f32(0)
#define SUM vaddvq_f32
#define OPERAND bfloat16x8_t
#define SPREAD vdupq_n_bf16
#define DOT vbfmmlaq_f32
static volatile bfloat16_t pattern;

#include "probes/ceilings/peak_neon.h"

const struct peak_loop peak_neon_bf16 = {
    .name = "neon",
    .kind = PEAK_BF16,
    .isa = ISA_NEON | ISA_BF16,
    .operations = 2.0 * 16 * 16 * 2,
    .run = run,
};
