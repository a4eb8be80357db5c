/* Picks the variant of the row kernels; see rows.h. */
#include "models/kernels/rows_variants.h"
#include "probes/isa.h"

/* Fastest first, with the flags that each needs. */
static const struct row_kernels *const all[] = {
#if defined(__x86_64__)
    &row_kernels_avx512,
    &row_kernels_avx2,
#elif defined(__aarch64__)
    &row_kernels_neon,
#endif
    &row_kernels_plain,
    NULL,
};
static const unsigned needs[] = {
#if defined(__x86_64__)
    ISA_X86_V4,
    ISA_X86_V3,
#elif defined(__aarch64__)
    ISA_NEON,
#endif
    0,
};

const struct row_kernels *const *row_variants(void)
{
    return all + isa_first(needs);
}

const struct row_kernels *row_kernels(void)
{
    return *row_variants();
}
