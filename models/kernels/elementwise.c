/* Picks the variant of the elementwise kernels; see elementwise.h. */
#include "models/kernels/elementwise_variants.h"
#include "probes/isa.h"

/* Fastest first, with the flags that each needs. */
static const struct elementwise_kernels *const all[] = {
#if defined(__x86_64__)
    &elementwise_kernels_avx512,
    &elementwise_kernels_avx2,
#elif defined(__aarch64__)
    &elementwise_kernels_neon,
#endif
    &elementwise_kernels_plain,
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

const struct elementwise_kernels *const *elementwise_variants(void)
{
    return all + isa_first(needs);
}

const struct elementwise_kernels *elementwise_kernels(void)
{
    return *elementwise_variants();
}
