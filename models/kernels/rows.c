/* Picks the variant of the row kernels; see rows.h. */
#include "models/kernels/rows_variants.h"
#include "probes/isa.h"

/* Best last, with the flags that each needs. */
static const struct {
    unsigned needs;
    const struct row_kernels *kernels;
} ladder[] = {
    {0, &row_kernels_plain},
#if defined(__x86_64__)
    {ISA_AVX2 | ISA_FMA | ISA_F16C, &row_kernels_avx2},
    {ISA_AVX512F, &row_kernels_avx512},
#elif defined(__aarch64__)
    {ISA_NEON, &row_kernels_neon},
#endif
};
enum { STEPS = sizeof ladder / sizeof *ladder };

const struct row_kernels *const *row_variants(void)
{
    static const struct row_kernels *found[STEPS + 1]; /* every thread would write the same */
    size_t count = 0;
    for (size_t i = 0; i < STEPS; i++)
        if ((isa_flags() & ladder[i].needs) == ladder[i].needs)
            __atomic_store_n(&found[count++], ladder[i].kernels, __ATOMIC_RELAXED);
    return found;
}

const struct row_kernels *row_kernels(void)
{
    for (size_t i = STEPS - 1; i > 0; i--)
        if ((isa_flags() & ladder[i].needs) == ladder[i].needs)
            return ladder[i].kernels;
    return ladder[0].kernels;
}
