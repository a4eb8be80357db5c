/* With c = rms_norm(kv_down · x), r = rope(k_rope · x) one vector of each for all heads, and for head h
 * q = (q_nope · x, rope(q_rope · x)), keys would be (k_up[h]ᵀ c, r) and values v_up[h] · c. Keys and values are not
 * made:
 *
 *   q_nope · (k_up[h]ᵀ c) = (k_up[h] · q_nope) · c      so queries are turned into what meets c itself,
 *   Σ_s p_s v_up[h] c_s   = v_up[h] · Σ_s p_s c_s       and values are made of the sum
 *
 * Thus all heads attend to one key (c, r), of which the values are the first part: attention with a single key head
 * whose cache is (c, r). This is the form in which decoding reads least; the other modes take it too. */
#include "models/families/latent.h"

#include <math.h>

#include "models/families/decoder.h"
#include "models/families/layers.h"

static int turn(struct graph *graph, const char *name, int x, int64_t heads, const struct latent_attention *a,
                const struct model_case *one)
{
    return build_scaled_rope(graph, name, x, heads, 0, a->rope_dim, a->rope_theta, a->rope, decoder_position(one));
}

static int project(struct graph *graph, const char *name, const char *part, int x, int64_t outputs,
                   const struct latent_attention *a)
{
    return layer_linear(graph, graph_name(graph, "%s.%s", name, part), x, outputs, false, a->deviation,
                        ACTIVATION_NONE);
}

/* A matrix for each head. */
static int project_heads(struct graph *graph, const char *name, int x, int64_t outputs, int64_t inputs,
                         const struct latent_attention *a)
{
    if (x == NO_TENSOR)
        return NO_TENSOR;
    int weight = layer_matrix(graph, graph_name(graph, "%s.weight", name), MATRIX_PLAIN, graph->tensors[x].dtype,
                              a->heads * outputs, inputs, a->deviation);
    return build_head_linear(graph, name, x, weight, a->heads);
}

/* Queries of [B,T,heads·(key_rank + rope_dim)]. */
static int make_queries(struct graph *graph, const char *name, int x, const struct latent_attention *a,
                        const struct model_case *one)
{
    if (a->query_rank) {
        x = project(graph, name, "q_down", x, a->query_rank, a);
        x = layer_rms_norm(graph, graph_name(graph, "%s.q_norm", name), x, a->epsilon);
    }
    int plain = project(graph, name, "q_nope", x, a->heads * a->key_dim, a);
    int placed = project(graph, name, "q_rope", x, a->heads * a->rope_dim, a);
    placed = turn(graph, graph_name(graph, "%s.q_rope.turned", name), placed, a->heads, a, one);
    plain = project_heads(graph, graph_name(graph, "%s.k_up", name), plain, a->key_rank, a->key_dim, a);
    return build_join(graph, graph_name(graph, "%s.queries", name), plain, placed, a->heads);
}

/* The one key of each position, [B,T,key_rank + rope_dim]. */
static int make_keys(struct graph *graph, const char *name, int x, const struct latent_attention *a,
                     const struct model_case *one)
{
    int latent = project(graph, name, "kv_down", x, a->key_rank, a);
    latent = layer_rms_norm(graph, graph_name(graph, "%s.kv_norm", name), latent, a->epsilon);
    int placed = project(graph, name, "k_rope", x, a->rope_dim, a);
    placed = turn(graph, graph_name(graph, "%s.k_rope.turned", name), placed, 1, a, one);
    return build_join(graph, graph_name(graph, "%s.keys", name), latent, placed, 1);
}

int latent_attend(struct graph *graph, const char *name, int x, const struct latent_attention *a,
                  const struct model_case *one)
{
    int64_t width = a->key_rank + a->rope_dim;
    const struct attention_scores scores = {.scale =
                                                a->scale > 0 ? a->scale : 1 / sqrtf((float)(a->key_dim + a->rope_dim))};
    int q = make_queries(graph, name, x, a, one), k = make_keys(graph, name, x, a, one), y;
    if (decoder_caches(one)) {
        int cache = decoder_cache(graph, graph_name(graph, "%s.cache", name), one->context, width, one);
        y = build_cached_attention(graph, name, q, k, k, cache, cache, width, decoder_position(one), &scores);
    } else {
        y = build_scored_cross_attention(graph, name, q, k, k, width, true, &scores);
    }
    y = build_part(graph, graph_name(graph, "%s.latent", name), y, a->heads, 0, a->key_rank);
    return project_heads(graph, graph_name(graph, "%s.v_up", name), y, a->value_dim, a->key_rank, a);
}
