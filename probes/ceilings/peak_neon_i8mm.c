/* int8 matrices of 2 x 8 and 8 x 2 into int32: SMMLA of Armv8.6. */
#include <arm_neon.h>

#include "probes/ceilings/peak.h"
#include "probes/isa.h"

#define VECTOR int32x4_t
#define ZERO vdupq_n_s32(0)
#define SUM vaddvq_s32
#define OPERAND int8x16_t
#define SPREAD vdupq_n_s8
#define DOT vmmlaq_s32
static volatile int8_t pattern = 1;

#include "probes/ceilings/peak_neon.h"

const struct peak_loop peak_neon_i8mm = {
    .name = "i8mm",
    .kind = PEAK_INT8,
    .isa = ISA_NEON | ISA_I8MM,
    .operations = 2.0 * 32 * 16 * 2,
    .run = run,
};
