/* Picks the variant of the recommendation models' kernels; see recommender.h. */
#include "models/kernels/recommender_variants.h"
#include "probes/isa.h"

/* Fastest first, with the flags that each needs. */
static const struct recommender_kernels *const all[] = {
#if defined(__x86_64__)
    &recommender_avx512,
    &recommender_avx2,
#endif
    &recommender_plain,
    NULL,
};
static const unsigned needs[] = {
#if defined(__x86_64__)
    ISA_X86_V4,
    ISA_X86_V3,
#endif
    0,
};

const struct recommender_kernels *const *recommender_variants(void)
{
    return all + isa_first(needs);
}

const struct recommender_kernels *recommender_kernels(void)
{
    return *recommender_variants();
}
