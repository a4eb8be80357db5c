/* Which variant of attention runs on this machine. */
#include "models/kernels/attention.h"

#include "models/kernels/attention_variants.h"
#include "probes/isa.h"

/* Fastest first, with the flags that each needs. */
static const struct attention_kernels *const all[] = {
#if defined(__x86_64__)
    &attention_avx512,
    &attention_avx2,
#endif
    &attention_plain,
    NULL,
};
static const unsigned needs[] = {
#if defined(__x86_64__)
    ISA_X86_V4,
    ISA_X86_V3,
#endif
    0,
};

const struct attention_kernels *const *attention_variants(void)
{
    return all + isa_first(needs);
}

const struct attention_kernels *attention_kernels(void)
{
    return *attention_variants();
}

size_t attention_workspace(const struct attention *attention, int threads)
{
    return attention_kernels()->workspace(attention, threads);
}

void attention_run(const struct attention *attention, void *workspace, int threads)
{
    attention_kernels()->run(attention, workspace, threads);
}

size_t attention_gradient_workspace(const struct attention_gradient *gradient, int threads)
{
    return attention_kernels()->gradient_workspace(gradient, threads);
}

void attention_gradient_run(const struct attention_gradient *gradient, void *workspace, int threads)
{
    attention_kernels()->gradient_run(gradient, workspace, threads);
}
