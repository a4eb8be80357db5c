/* Which variant of attention runs on this machine. */
#include "models/kernels/attention.h"

#include "models/kernels/attention_variants.h"
#include "models/kernels/variant_table.h"

VARIANT_TABLE(TILED, attention_kernels, attention, attention_)

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
