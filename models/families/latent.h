/* Multi-head latent attention (DeepSeek-AI 2024, "DeepSeek-V2"), for decoders in every mode: keys and values of all
 * heads are made from one narrow vector a position, and the cache holds that vector alone. */
#ifndef FAMILIES_LATENT_H
#define FAMILIES_LATENT_H

#include "models/engine/case.h"
#include "models/graph/graph.h"

struct latent_attention {
    int64_t heads, key_dim, rope_dim, value_dim; /* of a head: without positions, with rotary ones, of values */
    int64_t key_rank, query_rank;                /* of the vector that is kept; of queries' own, 0: none */
    float rope_theta, scale, epsilon, deviation; /* scale of the scores; 0: 1/√(key_dim + rope_dim) */
    const struct rope *rope;
};

/* y[B,T,heads·value_dim], before the output projection; weights are named name.… and the cache name.cache,
 * [B,S,key_rank + rope_dim] */
int latent_attend(struct graph *graph, const char *name, int x, const struct latent_attention *attention,
                  const struct model_case *one);

#endif
