#include "probes/isa.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

static const struct {
    unsigned flag;
    const char *name;
} names[] = {
    {ISA_SSE42, "sse4_2"},
    {ISA_AVX, "avx"},
    {ISA_F16C, "f16c"},
    {ISA_FMA, "fma"},
    {ISA_AVX2, "avx2"},
    {ISA_AVX_VNNI, "avx_vnni"},
    {ISA_AVX512F, "avx512f"},
    {ISA_AVX512_VNNI, "avx512_vnni"},
    {ISA_AVX512_BF16, "avx512_bf16"},
    {ISA_AVX512_FP16, "avx512_fp16"},
    {ISA_AMX_TILE, "amx_tile"},
    {ISA_AMX_BF16, "amx_bf16"},
    {ISA_AMX_INT8, "amx_int8"},
    {ISA_NEON, "asimd"},
    {ISA_DOTPROD, "asimddp"},
    {ISA_I8MM, "i8mm"},
    {ISA_BF16, "bf16"},
    {ISA_SVE, "sve"},
};

const char *isa_name(unsigned flag)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].flag == flag)
            return names[i].name;
    return NULL;
}

#if defined(__x86_64__)
static uint64_t enabled_state(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Linux gives a process the tiles only when it asks (arch_prctl ARCH_REQ_XCOMP_PERM for state 18, TILEDATA). */
static bool ask_for_tiles(void)
{
    return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
}

static unsigned detect(void)
{
    unsigned a, b, c, d, flags = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    flags |= c & bit_SSE4_2 ? ISA_SSE42 : 0;
    uint64_t state = c & bit_OSXSAVE ? enabled_state() : 0;
    bool ymm = (state & 0x6) == 0x6, zmm = (state & 0xe6) == 0xe6, tiles = (state & 0x60000) == 0x60000;
    if (!ymm)
        return flags;
    flags |= (c & bit_AVX ? ISA_AVX : 0) | (c & bit_F16C ? ISA_F16C : 0) | (c & bit_FMA ? ISA_FMA : 0);
    unsigned a7, b7, c7, d7, a71 = 0, b71, c71, d71;
    if (!__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7))
        return flags;
    if (a7 >= 1)
        __get_cpuid_count(7, 1, &a71, &b71, &c71, &d71);
    flags |= b7 & 1u << 5 ? ISA_AVX2 : 0;
    flags |= a71 & 1u << 4 ? ISA_AVX_VNNI : 0;
    const unsigned server = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31; /* F DQ CD BW VL */
    if (!zmm || (b7 & server) != server)
        return flags;
    flags |= ISA_AVX512F;
    flags |= c7 & 1u << 11 ? ISA_AVX512_VNNI : 0;
    flags |= a71 & 1u << 5 ? ISA_AVX512_BF16 : 0;
    flags |= d7 & 1u << 23 ? ISA_AVX512_FP16 : 0;
    if (tiles && d7 & 1u << 24 && ask_for_tiles())
        flags |= ISA_AMX_TILE | (d7 & 1u << 22 ? ISA_AMX_BF16 : 0) | (d7 & 1u << 25 ? ISA_AMX_INT8 : 0);
    return flags;
}
#elif defined(__aarch64__)
static unsigned detect(void)
{
    unsigned long caps = getauxval(AT_HWCAP), caps2 = getauxval(AT_HWCAP2);
    return (caps & 1ul << 1 ? ISA_NEON : 0) | (caps & 1ul << 20 ? ISA_DOTPROD : 0) | (caps & 1ul << 22 ? ISA_SVE : 0) |
           (caps2 & 1ul << 13 ? ISA_I8MM : 0) | (caps2 & 1ul << 14 ? ISA_BF16 : 0);
}
#else
static unsigned detect(void)
{
    return 0;
}
#endif

static unsigned cap(unsigned flags)
{
    const char *limit = getenv("BENCHMARK_ISA");
    if (!limit)
        return flags;
    if (strcmp(limit, "plain") == 0)
        return 0;
    if (strcmp(limit, "avx2") == 0)
        return flags & (ISA_AVX512F - 1);
    if (strcmp(limit, "avx512") == 0)
        return flags & ~(unsigned)(ISA_AMX_TILE | ISA_AMX_BF16 | ISA_AMX_INT8);
    return flags;
}

unsigned isa_flags(void)
{
    /* Every thread would find the same, so a race is harmless; the top bit says "found". */
    static unsigned found;
    unsigned flags = __atomic_load_n(&found, __ATOMIC_RELAXED);
    if (!flags) {
        flags = cap(detect()) | 1u << 31;
        __atomic_store_n(&found, flags, __ATOMIC_RELAXED);
    }
    return flags & ~(1u << 31);
}

size_t isa_first(const unsigned *needs)
{
    size_t first = 0;
    while ((isa_flags() & needs[first]) != needs[first])
        first++;
    return first;
}
