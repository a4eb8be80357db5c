/* Which variant of attention runs on this machine. */
#include "models/kernels/attention.h"

#include "models/kernels/attention_variants.h"
#include "probes/isa.h"

const struct attention_kernels *attention_kernels(void)
{
#if defined(__x86_64__)
    unsigned flags = isa_flags();
    if (flags & ISA_AVX512F)
        return &attention_avx512;
    if (flags & ISA_AVX2 && flags & ISA_FMA)
        return &attention_avx2;
#endif
    return &attention_plain;
}

const struct attention_kernels *const *attention_variants(void)
{
    static const struct attention_kernels *const all[] = {
        &attention_plain,
#if defined(__x86_64__)
        &attention_avx2,
        &attention_avx512,
#endif
        NULL,
    };
    static const struct attention_kernels *const up_to_avx2[] = {
        &attention_plain,
#if defined(__x86_64__)
        &attention_avx2,
#endif
        NULL,
    };
    static const struct attention_kernels *const only_plain[] = {&attention_plain, NULL};
    const struct attention_kernels *fastest = attention_kernels();
    return fastest == &attention_plain ? only_plain : fastest == up_to_avx2[1] ? up_to_avx2 : all;
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
