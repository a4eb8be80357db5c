/* The table entry of one instruction set's attention, and its choice between the two ways to go forward. */
#include "models/kernels/attention_tile.h"
#include "models/kernels/attention_variants.h"

static bool is_empty(const struct attention *a)
{
    return !a->batch || !a->length || !a->heads || !a->head_dim;
}

/* With less than half a vector of queries, tiles would mostly compute padding. */
static bool is_decode(const struct attention *a)
{
    return a->length * 2 <= LANES;
}

static size_t workspace_bytes(const struct attention *a, int threads)
{
    threads = threads > 1 ? threads : 1;
    return is_empty(a)    ? 0
           : is_decode(a) ? attention_decode_workspace(a, threads)
                          : attention_forward_workspace(a, threads);
}

static void run(const struct attention *a, void *workspace, int threads)
{
    threads = threads > 1 ? threads : 1;
    if (is_empty(a))
        return;
    if (is_decode(a))
        attention_decode(a, workspace, threads);
    else
        attention_forward(a, workspace, threads);
}

static size_t gradient_workspace_bytes(const struct attention_gradient *g, int threads)
{
    return is_empty(&g->forward) ? 0 : attention_backward_workspace(g, threads > 1 ? threads : 1);
}

static void zero_all(const struct attention_gradient *g)
{
    const struct attention *a = &g->forward;
    size_t bytes = a->kv_heads * a->head_dim * (a->dtype == DTYPE_F32 ? 4 : 2);
    if (g->ddistance_bias)
        memset(g->ddistance_bias, 0, a->heads * attention_bias_row(a) * sizeof(float));
    if (g->dsinks)
        memset(g->dsinks, 0, a->heads * sizeof(float));
    for (size_t b = 0; b < a->batch; b++)
        for (size_t s = 0; s < a->kv_length; s++) {
            memset((void *)element_at(g->dk, a->dtype, b * a->k_batch_stride + s * a->k_stride), 0, bytes);
            memset((void *)element_at(g->dv, a->dtype, b * a->v_batch_stride + s * a->v_stride), 0, bytes);
        }
}

static void gradient_run(const struct attention_gradient *g, void *workspace, int threads)
{
    if (is_empty(&g->forward))
        zero_all(g);
    else
        attention_backward(g, workspace, threads > 1 ? threads : 1);
}

const struct attention_kernels VARIANT_NAME(attention) = {
    .name = VARIANT_STRING,
    .workspace = workspace_bytes,
    .run = run,
    .gradient_workspace = gradient_workspace_bytes,
    .gradient_run = gradient_run,
};
