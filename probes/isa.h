/* The instruction sets that this CPU has, that the system enables, and that kernels of ours use.
 * Kernels pick their variant by these flags; the cpu probe shows their names. */
#ifndef PROBES_ISA_H
#define PROBES_ISA_H

#include <stdbool.h>
#include <stddef.h>

enum isa {
    ISA_SSE42 = 1 << 0,
    ISA_AVX = 1 << 1,
    ISA_F16C = 1 << 2,
    ISA_FMA = 1 << 3,
    ISA_AVX2 = 1 << 4,
    ISA_AVX_VNNI = 1 << 5,
    ISA_AVX512F = 1 << 6, /* with BW, DQ, VL and CD: what every AVX-512 server has */
    ISA_AVX512_VNNI = 1 << 7,
    ISA_AVX512_BF16 = 1 << 8,
    ISA_AVX512_FP16 = 1 << 9,
    ISA_AMX_TILE = 1 << 10, /* and the system lets this process use the tiles */
    ISA_AMX_BF16 = 1 << 11,
    ISA_AMX_INT8 = 1 << 12,
    ISA_NEON = 1 << 16,
    ISA_DOTPROD = 1 << 17,
    ISA_I8MM = 1 << 18,
    ISA_BF16 = 1 << 19, /* Arm's */
    ISA_SVE = 1 << 20,
    /* What kernels ask for together: each level has all of the one below. */
    ISA_X86_V3 = ISA_AVX2 | ISA_FMA | ISA_F16C,
    ISA_X86_V4 = ISA_X86_V3 | ISA_AVX512F,
    ISA_X86_AMX = ISA_X86_V4 | ISA_AVX512_BF16 | ISA_AMX_TILE | ISA_AMX_BF16,
};

/* The flags of this machine, or'ed; found once. BENCHMARK_ISA=plain|avx2|avx512 caps them (for tests: a variant
 * that the machine has can be switched off, never on). */
unsigned isa_flags(void);
/* The index of the first of `needs` whose flags this machine all has; one of them is 0, so there is one. Where each
 * needs all that those behind it do, the machine can run every variant from there on. */
size_t isa_first(const unsigned *needs);
/* The name as in /proc/cpuinfo's words ("avx512_bf16"), NULL for a bit that has none. */
const char *isa_name(unsigned flag);

#endif
