/* Picks the variant of the elementwise kernels; see elementwise.h. */
#include "models/kernels/elementwise_variants.h"
#include "probes/isa.h"

/* Best last, with the flags that each needs. */
static const struct {
    unsigned needs;
    const struct elementwise_kernels *kernels;
} ladder[] = {
    {0, &elementwise_kernels_plain},
#if defined(__x86_64__)
    {ISA_AVX2 | ISA_FMA | ISA_F16C, &elementwise_kernels_avx2},
    {ISA_AVX512F, &elementwise_kernels_avx512},
#elif defined(__aarch64__)
    {ISA_NEON, &elementwise_kernels_neon},
#endif
};
enum { STEPS = sizeof ladder / sizeof *ladder };

const struct elementwise_kernels *const *elementwise_variants(void)
{
    static const struct elementwise_kernels *found[STEPS + 1]; /* every thread would write the same */
    size_t count = 0;
    for (size_t i = 0; i < STEPS; i++)
        if ((isa_flags() & ladder[i].needs) == ladder[i].needs)
            __atomic_store_n(&found[count++], ladder[i].kernels, __ATOMIC_RELAXED);
    return found;
}

const struct elementwise_kernels *elementwise_kernels(void)
{
    for (size_t i = STEPS - 1; i > 0; i--)
        if ((isa_flags() & ladder[i].needs) == ladder[i].needs)
            return ladder[i].kernels;
    return ladder[0].kernels;
}
