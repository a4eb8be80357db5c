/* int8 quadruples into int32: SDOT of Armv8.2. */
#include <arm_neon.h>
#include <stddef.h>

#include "probes/ceilings/peak.h"
#include "probes/isa.h"

#define SETUP int8x16_t x = vdupq_n_s8(pattern), y = vdupq_n_s8(pattern);
static volatile int8_t pattern = 1;

#define DOT(a) vdotq_s32(a, x, y)
#define STEP                                                                                                           \
    a0 = DOT(a0);                                                                                                      \
    a1 = DOT(a1);                                                                                                      \
    a2 = DOT(a2);                                                                                                      \
    a3 = DOT(a3);                                                                                                      \
    a4 = DOT(a4);                                                                                                      \
    a5 = DOT(a5);                                                                                                      \
    a6 = DOT(a6);                                                                                                      \
    a7 = DOT(a7);                                                                                                      \
    a8 = DOT(a8);                                                                                                      \
    a9 = DOT(a9);                                                                                                      \
    a10 = DOT(a10);                                                                                                    \
    a11 = DOT(a11);                                                                                                    \
    a12 = DOT(a12);                                                                                                    \
    a13 = DOT(a13);                                                                                                    \
    a14 = DOT(a14);                                                                                                    \
    a15 = DOT(a15);

static float run(long rounds)
{
    SETUP
    int32x4_t a0 = vdupq_n_s32(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0, a8 = a0, a9 = a0,
              a10 = a0, a11 = a0, a12 = a0, a13 = a0, a14 = a0, a15 = a0;
    /* Each accumulator starts apart, or the compiler would keep one for all. */
    __asm__ volatile("" : "+w"(a0), "+w"(a1), "+w"(a2), "+w"(a3), "+w"(a4), "+w"(a5), "+w"(a6), "+w"(a7));
    __asm__ volatile("" : "+w"(a8), "+w"(a9), "+w"(a10), "+w"(a11), "+w"(a12), "+w"(a13), "+w"(a14), "+w"(a15));
    for (long i = 0; i < rounds; i++) {
        STEP STEP
    }
    a0 = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7;
    a8 = a8 + a9 + a10 + a11 + a12 + a13 + a14 + a15;
    return (float)vaddvq_s32(a0 + a8);
}

const struct peak_loop peak_neon_dotprod = {
    .name = "dotprod",
    .kind = PEAK_INT8,
    .isa = ISA_NEON | ISA_DOTPROD,
    .operations = 2.0 * 16 * 16 * 2,
    .run = run,
};
