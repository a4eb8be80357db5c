/* int8 quadruples into int32: SDOT of Armv8.2. */
#include <arm_neon.h>

#include "probes/ceilings/peak.h"
#include "probes/isa.h"

#define VECTOR int32x4_t
#define ZERO vdupq_n_s32(0)
#define SUM vaddvq_s32
#define OPERAND int8x16_t
#define SPREAD vdupq_n_s8
#define DOT vdotq_s32
static volatile int8_t pattern = 1;

#include "probes/ceilings/peak_neon.h"

const struct peak_loop peak_neon_dotprod = {
    .name = "dotprod",
    .kind = PEAK_INT8,
    .isa = ISA_NEON | ISA_DOTPROD,
    .operations = 2.0 * 16 * 16 * 2,
    .run = run,
};
