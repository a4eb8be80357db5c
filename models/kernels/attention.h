/* Scaled dot-product attention over packed projections, blocked so that no [T,T] matrix exists in memory
 * (Dao et al. 2022; online softmax: Milakov, Gimelshein 2018).
 *
 *     O[b,t,h,:] = Σ_s softmax_s( scale · Q[b,t,h,:]·K[b,s,g,:] ) · V[b,s,g,:],   g = h / (heads / kv_heads)
 *
 * where a softcap c > 0 bends the scaled scores x to c · tanh(x / c) (Gemma 2: Riviere et al. 2024),
 * to which a bias may be added by the distance of t from s, as ALiBi (Press et al. 2022) and T5 (Raffel et al. 2020)
 * do, over the s that the mask allows: s <= t + (kv_length − length) when causal, s > t + (kv_length − length) − window
 * when window > 0. A sink, as gpt-oss (OpenAI 2025) has one for each head, is one more score in every softmax, of a key
 * whose value is 0. Each of q, k, v is a matrix whose row is a position ([batch·length, ...] with its own row stride)
 * in which the heads lie side by side: head h starts at element h · head_dim. So they may be parts of one
 * [B,T,(Hq+2Hkv)·D] matrix, or a cache. f32 or bf16, and keys and values also
 * f16 or q8_0 (then head_dim is a multiple of 32); arithmetic is f32. Uses the OpenMP pool; allocates nothing. */
#ifndef KERNELS_ATTENTION_H
#define KERNELS_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>

#include "models/graph/dtype.h"

struct attention {
    size_t batch, length, kv_length; /* query positions; key positions (causal or windowed: >= length) */
    size_t heads, kv_heads, head_dim;
    bool causal;
    size_t window;       /* 0: all */
    float scale;         /* 1/√head_dim usually */
    float softcap;       /* 0: none; goes with no distance_bias */
    enum dtype dtype;    /* of q, out and all gradients */
    enum dtype kv_dtype; /* of k and v; `dtype` where a gradient follows */
    const void *q, *k, *v;
    const float
        *distance_bias; /* [heads, length + kv_length − 1]: of query t and key s at t − s + kv_length − 1; NULL */
    const float *sinks; /* [heads]; NULL: none */
    size_t q_stride, k_stride, v_stride;                   /* elements from one position to the next */
    size_t q_batch_stride, k_batch_stride, v_batch_stride; /* elements from one sequence to the next */
    void *out;                                             /* [batch, length, heads · head_dim] */
    float
        *log_sum; /* [batch, heads, length]: log Σ exp of the scaled (and bent) scores; NULL when no gradient follows */
};

size_t attention_workspace(const struct attention *attention, int threads);
void attention_run(const struct attention *attention, void *workspace, int threads);

/* Biases of one head. */
static inline size_t attention_bias_row(const struct attention *attention)
{
    size_t positions = attention->length + attention->kv_length;
    return positions ? positions - 1 : 0;
}

/* Gradients, recomputing the scores block by block from log_sum:  P = exp(S − log_sum), D = Σ dO·O,
 * dV = Pᵀ dO,  dS = P ∘ (dO Vᵀ − D),  dQ = scale · dS K,  dK = scale · dSᵀ Q;  with a softcap c, dS times 1 − (S/c)².
 * A bias's gradient is the sum of dS over the pairs that it is added to; a sink's is −Σ exp(sink − log_sum) · D over
 * the queries of its head. dq, dk, dv have the strides of q, k, v and are overwritten, as the others are. */
struct attention_gradient {
    struct attention forward; /* with out and log_sum as attention_run left them */
    const void *dout;         /* as out */
    void *dq, *dk, *dv;
    float *ddistance_bias, *dsinks; /* as those; NULL: not asked for */
};

size_t attention_gradient_workspace(const struct attention_gradient *gradient, int threads);
void attention_gradient_run(const struct attention_gradient *gradient, void *workspace, int threads);

/* The specification, plain C with whole score rows: [heads] one after the other. */
void attention_reference(const struct attention *attention);
void attention_gradient_reference(const struct attention_gradient *gradient);

#endif
