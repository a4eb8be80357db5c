/* The loop of sixteen accumulators that the NEON peaks are measured with. Whoever includes this has defined
 *
 *   VECTOR, ZERO, SUM(a)     the accumulators' type, zeros of it, and the sum of one's elements
 *   OPERAND, SPREAD(value)   the operands' type, and one with that value everywhere
 *   DOT(a, x, y)             the instruction, accumulating
 *   pattern                  a volatile value for the operands, so that nothing is computed beforehand */
#include <arm_neon.h>
#include <stddef.h>

#define STEP                                                                                                           \
    a0 = DOT(a0, x, y);                                                                                                \
    a1 = DOT(a1, x, y);                                                                                                \
    a2 = DOT(a2, x, y);                                                                                                \
    a3 = DOT(a3, x, y);                                                                                                \
    a4 = DOT(a4, x, y);                                                                                                \
    a5 = DOT(a5, x, y);                                                                                                \
    a6 = DOT(a6, x, y);                                                                                                \
    a7 = DOT(a7, x, y);                                                                                                \
    a8 = DOT(a8, x, y);                                                                                                \
    a9 = DOT(a9, x, y);                                                                                                \
    a10 = DOT(a10, x, y);                                                                                              \
    a11 = DOT(a11, x, y);                                                                                              \
    a12 = DOT(a12, x, y);                                                                                              \
    a13 = DOT(a13, x, y);                                                                                              \
    a14 = DOT(a14, x, y);                                                                                              \
    a15 = DOT(a15, x, y);

static float run(long rounds)
{
    OPERAND x = SPREAD(pattern), y = SPREAD(pattern);
    VECTOR a0 = ZERO, a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0, a8 = a0, a9 = a0, a10 = a0,
           a11 = a0, a12 = a0, a13 = a0, a14 = a0, a15 = a0;
    /* Each accumulator starts apart, or the compiler would keep one for all. */
    __asm__ volatile("" : "+w"(a0), "+w"(a1), "+w"(a2), "+w"(a3), "+w"(a4), "+w"(a5), "+w"(a6), "+w"(a7));
    __asm__ volatile("" : "+w"(a8), "+w"(a9), "+w"(a10), "+w"(a11), "+w"(a12), "+w"(a13), "+w"(a14), "+w"(a15));
    for (long i = 0; i < rounds; i++) {
        STEP STEP
    }
    a0 = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7;
    a8 = a8 + a9 + a10 + a11 + a12 + a13 + a14 + a15;
    return (float)SUM(a0 + a8);
}
