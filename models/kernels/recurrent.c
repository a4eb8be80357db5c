/* Which variant of the recurrent layers runs on this machine. */
#include "models/kernels/recurrent.h"

#include "models/kernels/recurrent_variants.h"
#include "probes/isa.h"

const struct recurrent_kernels *recurrent_kernels(void)
{
#if defined(__x86_64__)
    unsigned flags = isa_flags();
    if (flags & ISA_AVX512F)
        return &recurrent_avx512;
    if (flags & ISA_AVX2 && flags & ISA_FMA)
        return &recurrent_avx2;
#endif
    return &recurrent_plain;
}

const struct recurrent_kernels *const *recurrent_variants(void)
{
    static const struct recurrent_kernels *const all[] = {
        &recurrent_plain,
#if defined(__x86_64__)
        &recurrent_avx2,
        &recurrent_avx512,
#endif
        NULL,
    };
    static const struct recurrent_kernels *const up_to_avx2[] = {
        &recurrent_plain,
#if defined(__x86_64__)
        &recurrent_avx2,
#endif
        NULL,
    };
    static const struct recurrent_kernels *const only_plain[] = {&recurrent_plain, NULL};
    const struct recurrent_kernels *fastest = recurrent_kernels();
    return fastest == &recurrent_plain ? only_plain : fastest == up_to_avx2[1] ? up_to_avx2 : all;
}

size_t recurrent_workspace(const struct recurrent *recurrent, int threads)
{
    return recurrent_kernels()->workspace(recurrent, threads);
}

void recurrent_run(const struct recurrent *recurrent, void *workspace, int threads)
{
    recurrent_kernels()->run(recurrent, workspace, threads);
}

size_t recurrent_gradient_workspace(const struct recurrent_gradient *gradient, int threads)
{
    return recurrent_kernels()->gradient_workspace(gradient, threads);
}

void recurrent_gradient_run(const struct recurrent_gradient *gradient, void *workspace, int threads)
{
    recurrent_kernels()->gradient_run(gradient, workspace, threads);
}
