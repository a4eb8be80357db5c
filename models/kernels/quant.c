/* The choice among the quantised types' builds. */
#include "models/kernels/quant.h"

#include <assert.h>

#include "probes/isa.h"

extern const struct quant_types quant_types_plain;
#if defined(__x86_64__)
extern const struct quant_types quant_types_avx2, quant_types_avx512;
static const struct quant_types *const all[] = {&quant_types_avx512, &quant_types_avx2, &quant_types_plain, NULL};
static const unsigned needs[] = {ISA_X86_V4, ISA_X86_V3, 0};
#else
static const struct quant_types *const all[] = {&quant_types_plain, NULL};
static const unsigned needs[] = {0};
#endif

const struct quant_types *const *quant_types(void)
{
    return all + isa_first(needs);
}

void quantise_row(enum dtype dtype, const float *x, void *blocks, size_t count)
{
    assert(dtype_quantised(dtype) && count % dtype_info(dtype)->block == 0);
    (*quant_types())->quantise[dtype](x, blocks, count);
}

void dequantise_row(enum dtype dtype, const void *blocks, float *x, size_t count)
{
    assert(dtype_quantised(dtype) && count % dtype_info(dtype)->block == 0);
    (*quant_types())->dequantise[dtype](blocks, x, count);
}
