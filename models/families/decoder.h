/* What decoders share in the modes that keep keys and values: prefill, which computes a whole context at once and the
 * logits of its last position, and decode, which computes the position after those that the cache holds. */
#ifndef FAMILIES_DECODER_H
#define FAMILIES_DECODER_H

#include "models/engine/case.h"
#include "models/graph/graph.h"

/* True in the modes with a cache. */
bool decoder_caches(const struct model_case *one);
/* Positions that a step computes, and where the first of them stands. A context of N in decode is a cache of N
 * positions, of which the step computes the last. */
int64_t decoder_length(const struct model_case *one);
int64_t decoder_position(const struct model_case *one);

/* What queries and keys are scaled to a root mean square of 1 over, before their rotation. */
enum head_norm {
    HEAD_NORM_NONE,
    HEAD_NORM_EACH /* head by head, with one gamma */,
    HEAD_NORM_ALL /* all heads at once */
};

/* A cache [batch, positions, width], as if earlier steps had filled it. */
int decoder_cache(struct graph *graph, const char *name, int64_t positions, int64_t width,
                  const struct model_case *one);

/* ALiBi (Press et al. 2022), positions as a bias by distance, of a step's queries: once for all layers. */
int decoder_alibi(struct graph *graph, int64_t heads, const struct model_case *one);

struct decoder_attention {
    int64_t heads, kv_heads, head_dim, window; /* window 0: all. The cache holds no more positions than it */
    bool bias, bare_keys;                      /* bare: the key projection has no bias nevertheless */
    float rope_theta;                          /* 0: no rotary positions */
    const struct rope *rope;                   /* how they are stretched; NULL: not at all */
    float scale, softcap;                      /* of the scores; 0: 1/√head_dim, none */
    const int *distance_bias;                  /* added to them (ops.h's attention_scores); NULL: none */
    bool sinks;                                /* name.sinks, one a head, are beside them */
    float deviation, query_deviation;          /* of the weights, and of queries' own; 0: the same */
    bool beside_eight;                         /* experts: what recipes make of keys and values then */
    int head_norm;      /* enum head_norm, named name.q_norm and name.k_norm; `epsilon` is theirs */
    bool norm_less_one; /* their gammas are stored less 1 */
    float epsilon;
};

/* Projections name.q of x[B,T,C], name.k and name.v of what it attends to, memory[B,S,C]. */
struct projections {
    int q, k, v;
};
struct projections decoder_project(struct graph *graph, const char *name, int x, int memory,
                                   const struct decoder_attention *attention);
/* These projections of x, rotary positions, and attention to the caches name.cache.k and name.cache.v;
 * y[B,T,heads·head_dim], before the output projection. */
int decoder_attention(struct graph *graph, const char *name, int x, const struct decoder_attention *attention,
                      const struct model_case *one);
/* The same in every mode: where nothing is cached, the projections lie side by side as name.qkv, unless queries and
 * keys are normalised by themselves. */
int decoder_attend(struct graph *graph, const char *name, int x, const struct decoder_attention *attention,
                   const struct model_case *one);
/* Attention of x[B,T,C] to memory[B,S,C], which an encoder made once for each sequence: a prefill projects it into the
 * caches name.cache.k and name.cache.v, decoding reads them. No rotary positions, no mask; y as above. */
int decoder_memory_attention(struct graph *graph, const char *name, int x, int memory,
                             const struct decoder_attention *attention, const struct model_case *one);
/* The positions whose logits are asked for: the last. */
int decoder_last(struct graph *graph, int x, const struct model_case *one);
/* Tokens of a step. */
double decoder_units(const struct model_case *one);

#endif
