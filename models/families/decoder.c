#include "models/families/decoder.h"

#include "models/families/layers.h"

bool decoder_caches(const struct model_case *one)
{
    return one->mode == MODE_PREFILL || one->mode == MODE_DECODE;
}

int64_t decoder_length(const struct model_case *one)
{
    return one->mode == MODE_DECODE ? 1 : one->context;
}

int64_t decoder_position(const struct model_case *one)
{
    return one->mode == MODE_DECODE ? one->context - 1 : 0;
}

/* As if positions before this step's had been stored: decoding reads them. */
static int cache(struct graph *graph, const char *name, int64_t width, const struct model_case *one)
{
    return graph_persistent(graph, name, ROLE_KV_CACHE, case_kv_dtype(one), 3,
                            (int64_t[]){one->batch, one->context, width},
                            (struct fill){.kind = FILL_NORMAL, .scale = 1, .like = NO_TENSOR});
}

static int turn(struct graph *graph, const char *name, int x, int64_t heads, const struct decoder_attention *a,
                const struct model_case *one)
{
    if (a->rope_theta <= 0)
        return x;
    return build_rope(graph, name, x, heads, 0, a->head_dim, a->rope_theta, decoder_position(one));
}

int decoder_attention(struct graph *graph, const char *name, int x, const struct decoder_attention *a,
                      const struct model_case *one)
{
    int64_t width = a->kv_heads * a->head_dim;
    int q = layer_linear(graph, graph_name(graph, "%s.q", name), x, a->heads * a->head_dim, a->bias, a->deviation,
                         ACTIVATION_NONE);
    int k = layer_linear(graph, graph_name(graph, "%s.k", name), x, width, a->bias, a->deviation, ACTIVATION_NONE);
    int v = layer_linear_kind(graph, graph_name(graph, "%s.v", name), MATRIX_VALUE, x, width, a->bias, a->deviation,
                              ACTIVATION_NONE);
    q = turn(graph, graph_name(graph, "%s.q.rope", name), q, a->heads, a, one);
    k = turn(graph, graph_name(graph, "%s.k.rope", name), k, a->kv_heads, a, one);
    int keys = cache(graph, graph_name(graph, "%s.cache.k", name), width, one);
    int values = cache(graph, graph_name(graph, "%s.cache.v", name), width, one);
    return build_cached_attention(graph, name, q, k, v, keys, values, a->head_dim, decoder_position(one), a->window);
}

int decoder_last(struct graph *graph, int x, const struct model_case *one)
{
    return one->mode == MODE_PREFILL ? build_pick(graph, "last", x, one->context - 1) : x;
}

double decoder_units(const struct model_case *one)
{
    return (double)(one->batch * decoder_length(one));
}
