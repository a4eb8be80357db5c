#include "models/families/decoder.h"

#include "models/families/layers.h"

static int head_norm(struct graph *graph, const char *name, int x, const struct decoder_attention *a)
{
    return a->norm_less_one ? layer_rms_norm_less_one(graph, name, x, a->epsilon)
                            : layer_rms_norm(graph, name, x, a->epsilon);
}

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

/* As if an earlier step had stored positions before this step's, or a memory: decoding reads them. */
int decoder_cache(struct graph *graph, const char *name, int64_t positions, int64_t width, const struct model_case *one)
{
    return graph_persistent(graph, name, ROLE_KV_CACHE, case_kv_dtype(one), 3,
                            (int64_t[]){one->batch, positions, width},
                            (struct fill){.kind = FILL_NORMAL, .scale = 1, .like = NO_TENSOR});
}

/* Normalised and turned by their positions: queries, or keys. */
static int place(struct graph *graph, const char *name, int x, int64_t heads, const struct decoder_attention *a,
                 const struct model_case *one)
{
    const char *norm = graph_name(graph, "%s_norm", name);
    if (a->head_norm == HEAD_NORM_ALL) {
        x = head_norm(graph, norm, x, a);
    } else if (a->head_norm == HEAD_NORM_EACH && x != NO_TENSOR) {
        const struct tensor shape = graph->tensors[x];
        x = build_reshape(graph, norm, x, 4, (int64_t[]){shape.dims[0], shape.dims[1], heads, a->head_dim});
        x = head_norm(graph, norm, x, a);
        x = build_reshape(graph, norm, x, shape.rank, shape.dims);
    }
    if (a->rope_theta <= 0)
        return x;
    return build_scaled_rope(graph, graph_name(graph, "%s.rope", name), x, heads, 0, a->head_dim, a->rope_theta,
                             a->rope, decoder_position(one));
}

int decoder_alibi(struct graph *graph, int64_t heads, const struct model_case *one)
{
    int64_t length = decoder_length(one), row = length + decoder_position(one) + length - 1;
    const struct fill fill = {.kind = FILL_ALIBI,
                              .scale = (float)heads,
                              .limit = (uint32_t)(length - 1),
                              .columns = (uint32_t)row,
                              .like = NO_TENSOR};
    for (int t = 0; t < graph->tensor_count; t++) {
        const struct tensor *made = &graph->tensors[t];
        if (made->fill.kind == FILL_ALIBI && made->dims[0] == heads && made->dims[1] == row)
            return t;
    }
    return graph_persistent(graph, graph_name(graph, "alibi.%lld", (long long)heads), ROLE_BUFFER, DTYPE_F32, 2,
                            (int64_t[]){heads, row}, fill);
}

/* *sinks receives the tensor that the scores point to. */
static struct attention_scores scores_of(struct graph *graph, const char *name, const struct decoder_attention *a,
                                         int *sinks)
{
    if (a->sinks)
        *sinks = graph_weight(graph, graph_name(graph, "%s.sinks", name), DTYPE_F32, 1, &a->heads,
                              (struct fill){.kind = FILL_NORMAL, .scale = a->deviation}, false);
    return (struct attention_scores){.window = a->window,
                                     .scale = a->scale,
                                     .softcap = a->softcap,
                                     .distance_bias = a->distance_bias,
                                     .sinks = a->sinks ? sinks : NULL};
}

static int project_query(struct graph *graph, const char *name, int x, const struct decoder_attention *a)
{
    return layer_linear(graph, graph_name(graph, "%s.q", name), x, a->heads * a->head_dim, a->bias,
                        a->query_deviation > 0 ? a->query_deviation : a->deviation, ACTIVATION_NONE);
}

static struct projections project(struct graph *graph, const char *name, int x, const struct decoder_attention *a,
                                  const struct model_case *one)
{
    const char *q = graph_name(graph, "%s.q", name), *k = graph_name(graph, "%s.k", name);
    int64_t width = a->kv_heads * a->head_dim;
    enum matrix_kind keys = a->beside_eight ? MATRIX_BESIDE_EIGHT : MATRIX_PLAIN;
    enum matrix_kind values = a->beside_eight ? MATRIX_BESIDE_EIGHT : MATRIX_VALUE;
    struct projections made = {
        .q = project_query(graph, name, x, a),
        .k = layer_linear_kind(graph, k, keys, x, width, a->bias && !a->bare_keys, a->deviation, ACTIVATION_NONE),
        .v = layer_linear_kind(graph, graph_name(graph, "%s.v", name), values, x, width, a->bias, a->deviation,
                               ACTIVATION_NONE)};
    made.q = place(graph, q, made.q, a->heads, a, one);
    made.k = place(graph, k, made.k, a->kv_heads, a, one);
    return made;
}

static void project_memory(struct graph *graph, const char *name, int memory, const struct decoder_attention *a,
                           struct projections *made)
{
    int64_t width = a->kv_heads * a->head_dim;
    made->k = layer_linear(graph, graph_name(graph, "%s.k", name), memory, width, a->bias && !a->bare_keys,
                           a->deviation, ACTIVATION_NONE);
    made->v = layer_linear_kind(graph, graph_name(graph, "%s.v", name), MATRIX_VALUE, memory, width, a->bias,
                                a->deviation, ACTIVATION_NONE);
}

struct projections decoder_project(struct graph *graph, const char *name, int x, int memory,
                                   const struct decoder_attention *a)
{
    struct projections made = {.q = project_query(graph, name, x, a)};
    project_memory(graph, name, memory, a, &made);
    return made;
}

int decoder_attention(struct graph *graph, const char *name, int x, const struct decoder_attention *a,
                      const struct model_case *one)
{
    int64_t width = a->kv_heads * a->head_dim;
    int sinks = NO_TENSOR;
    const struct attention_scores scores = scores_of(graph, name, a, &sinks);
    struct projections made = project(graph, name, x, a, one);
    int64_t positions = a->window && a->window < one->context ? a->window : one->context;
    int keys = decoder_cache(graph, graph_name(graph, "%s.cache.k", name), positions, width, one);
    int values = decoder_cache(graph, graph_name(graph, "%s.cache.v", name), positions, width, one);
    return build_cached_attention(graph, name, made.q, made.k, made.v, keys, values, a->head_dim, decoder_position(one),
                                  &scores);
}

/* Has the model's file the three projections in different types? Then they can't lie side by side. */
static bool is_mixed(struct graph *graph, const char *name, int x)
{
    if (!graph->stored || x == NO_TENSOR)
        return false;
    int64_t columns = tensor_columns(&graph->tensors[x]);
    enum dtype types[3];
    for (int i = 0; i < 3; i++)
        types[i] =
            layer_dtype(graph, graph_name(graph, "%s.%c.weight", name, "qkv"[i]), MATRIX_PLAIN, DTYPE_F32, columns);
    return types[0] != types[1] || types[0] != types[2];
}

int decoder_attend(struct graph *graph, const char *name, int x, const struct decoder_attention *a,
                   const struct model_case *one)
{
    if (decoder_caches(one))
        return decoder_attention(graph, name, x, a, one);
    int sinks = NO_TENSOR;
    const struct attention_scores scores = scores_of(graph, name, a, &sinks);
    if (a->head_norm != HEAD_NORM_NONE || is_mixed(graph, name, x)) {
        struct projections made = project(graph, name, x, a, one);
        return build_scored_cross_attention(graph, name, made.q, made.k, made.v, a->head_dim, true, &scores);
    }
    x = layer_linear_kind(graph, graph_name(graph, "%s.qkv", name), MATRIX_VALUE, x,
                          (a->heads + 2 * a->kv_heads) * a->head_dim, a->bias, a->deviation, ACTIVATION_NONE);
    if (a->rope_theta > 0)
        x = build_scaled_rope(graph, graph_name(graph, "%s.rope", name), x, a->heads, a->kv_heads, a->head_dim,
                              a->rope_theta, a->rope, 0);
    return build_scored_attention(graph, name, x, a->heads, a->kv_heads, a->head_dim, true, &scores);
}

/* In decode the projections of the memory had their turn in the prefill. */
int decoder_memory_attention(struct graph *graph, const char *name, int x, int memory,
                             const struct decoder_attention *a, const struct model_case *one)
{
    if (memory == NO_TENSOR)
        return NO_TENSOR;
    bool decodes = one->mode == MODE_DECODE;
    int64_t width = a->kv_heads * a->head_dim, positions = graph->tensors[memory].dims[1];
    struct projections made = {.q = project_query(graph, name, x, a)};
    graph->resting = decodes;
    project_memory(graph, name, memory, a, &made);
    graph->resting = false;
    if (decodes)
        made.k = made.v = NO_TENSOR;
    int keys = decoder_cache(graph, graph_name(graph, "%s.cache.k", name), positions, width, one);
    int values = decoder_cache(graph, graph_name(graph, "%s.cache.v", name), positions, width, one);
    return build_memory_attention(graph, name, made.q, made.k, made.v, keys, values, a->head_dim, a->scale);
}

int decoder_last(struct graph *graph, int x, const struct model_case *one)
{
    return one->mode == MODE_PREFILL ? build_pick(graph, "last", x, one->context - 1) : x;
}

double decoder_units(const struct model_case *one)
{
    return (double)(one->batch * decoder_length(one));
}
