/* Every op: the table, and the calls that append one to a graph. Each op's own file says what it computes.
 *
 * A builder returns the op's (first) output, or NO_TENSOR after an error, which the graph then holds. Optional tensors
 * are NO_TENSOR. Shapes: B batch, T positions, C channels or columns, [...] any leading dimensions. */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include "models/graph/graph.h"
#include "models/graph/op.h"
#include "models/kernels/gemm.h" /* enum activation */

extern const struct op *const ops[]; /* all, by name; NULL-ended */

/* y[..., N] = f(x[..., K] · weight[N, K]ᵀ + bias[N]); y has `dtype`. */
int build_linear(struct graph *graph, const char *name, int x, int weight, int bias, enum activation activation,
                 enum dtype dtype);

/* ---- Routed experts (Shazeer et al. 2017), in the order in which they are used ---- */
/* Of probabilities [..., E] the `chosen` largest, or such as kernels/routing.h says where `skew` isn't 0: weights
 * [..., chosen], renormalised to sum to 1 or not, and *experts i32 likewise. The first row's position is `position`. */
int build_top_k(struct graph *graph, const char *name, int probabilities, int64_t chosen, bool renormalise, float skew,
                int64_t position, int *experts);
/* Rows of x[..., C] once for each expert that they go to, sorted by expert: rows [R·chosen, C]; where each of a row's
 * copies lies, slots [..., chosen] i32; and where each expert's begin, offsets [E + 1] i32. */
struct dispatched {
    int rows, slots, offsets;
};
struct dispatched build_dispatch(struct graph *graph, const char *name, int x, int experts, int64_t expert_count);
/* y[r, N] = f(rows[r, K] · weight[e, N, K]ᵀ) for each row of expert e, of which each came from `chosen` / E rows. */
int build_expert_linear(struct graph *graph, const char *name, int rows, int weight, int offsets,
                        enum activation activation, int64_t chosen, float skew);
/* y[..., C] = Σ_j weights[..., j] · rows[slots[..., j], C]; without weights these are 1; without slots, weights[..., 1]
 * times the row itself. */
int build_combine(struct graph *graph, const char *name, int rows, int weights, int slots);

struct conv_attributes {
    int64_t stride[2], pad[2], dilation[2], groups; /* height, width */
};
/* y[N,OH,OW,OC] = f(conv(x[N,H,W,C], filters[OC,KH,KW,C/groups]) + bias[OC]) */
int build_conv(struct graph *graph, const char *name, int x, int filters, int bias, struct conv_attributes shape,
               enum activation activation);

struct pool_attributes {
    int64_t kernel[2], stride[2], pad[2], dilation[2];
    bool count_padding; /* average only */
};
int build_max_pool(struct graph *graph, const char *name, int x, struct pool_attributes shape);
int build_average_pool(struct graph *graph, const char *name, int x, struct pool_attributes shape);

/* y[B,T,C] = table[tokens[B,T], :] (+ positions[position + t, :]) */
int build_embedding(struct graph *graph, const char *name, int tokens, int table, int positions, int64_t position);
/* y[B,C] = Σ_l table[indices[B,l], :] */
int build_embedding_bag(struct graph *graph, const char *name, int indices, int table);
/* y[B, C + n(n−1)/2]: the first of `count` vectors [B,C], and the dot products of all their pairs */
int build_interaction(struct graph *graph, const char *name, const int *vectors, int count);
int build_layer_norm(struct graph *graph, const char *name, int x, int gamma, int beta, float epsilon);
int build_rms_norm(struct graph *graph, const char *name, int x, int gamma, float epsilon);
/* The same with a gamma that is stored less 1. */
int build_rms_norm_less_one(struct graph *graph, const char *name, int x, int gamma, float epsilon);
/* Turns the query and key heads of qkv[B,T,(heads + 2·kv_heads)·head_dim] by their positions, of which the first is
 * `position`. Queries or keys by themselves are `heads` heads, and no key heads. */
int build_rope(struct graph *graph, const char *name, int qkv, int64_t heads, int64_t kv_heads, int64_t head_dim,
               float theta, int64_t position);
/* The same, stretched as `rope` says, which outlives the graph; NULL: not at all. */
int build_scaled_rope(struct graph *graph, const char *name, int qkv, int64_t heads, int64_t kv_heads, int64_t head_dim,
                      float theta, const struct rope *rope, int64_t position);
/* y[B,1+P,C] = (token[C], x[B,P,C]) + positions[1+P,C]: a class token before a sequence of patches */
int build_prepend(struct graph *graph, const char *name, int x, int token, int positions);
/* y[B,C] = x[B,T,C] at one position */
int build_pick(struct graph *graph, const char *name, int x, int64_t position);
struct norm_tensors {
    int gamma, beta, mean, variance; /* [OC] */
};
/* y = f(batch norm of conv(x, filters) with its running statistics + residual), for inference; filters blocked unless
 * depthwise; residual as y or NO_TENSOR */
int build_conv_norm(struct graph *graph, const char *name, int x, int filters, const struct norm_tensors *norm,
                    float epsilon, int residual, struct conv_attributes shape, enum activation activation);
/* Over all dimensions but the last; mean and variance are the running statistics, buffers [C]. */
int build_batch_norm(struct graph *graph, const char *name, int x, int gamma, int beta, int mean, int variance,
                     float epsilon, float momentum, bool relu);
int build_softmax(struct graph *graph, const char *name, int x);
/* What attention makes of its scores. The last two are tensors of f32, or NULL: none. */
struct attention_scores {
    int64_t window; /* 0: all */
    float scale;    /* 0: 1/√head_dim */
    float softcap;  /* 0: none */
    const int
        *distance_bias; /* [heads, T + S − 1] is added, of query t and key s at t − s + S − 1: not to softcapped */
    const int *sinks;   /* [heads]: one score more in each softmax, of a key whose value is 0 */
};
/* T5's biases (Raffel et al. 2020) of `length` queries, the last of `kv_length` positions, from table[buckets, heads]:
 * a bucket is a distance, or several the farther they are, up to `farthest` and all beyond. Causal: to earlier keys
 * alone. y[heads, length + kv_length − 1], as attention_scores' distance_bias. */
int build_relative_bias(struct graph *graph, const char *name, int table, int64_t length, int64_t kv_length,
                        int64_t farthest, bool causal);
/* qkv[B,T,(heads + 2·kv_heads)·head_dim], side by side; y[B,T,heads·head_dim] */
int build_scored_attention(struct graph *graph, const char *name, int qkv, int64_t heads, int64_t kv_heads,
                           int64_t head_dim, bool causal, const struct attention_scores *scores);
int build_attention(struct graph *graph, const char *name, int qkv, int64_t heads, int64_t kv_heads, int64_t head_dim,
                    bool causal, int64_t window);
/* q[B,T,heads·head_dim] attend to k and v [B,S,kv_heads·head_dim]; causal: query t to the keys up to t + S − T. y as q.
 */
int build_cross_attention(struct graph *graph, const char *name, int q, int k, int v, int64_t head_dim, bool causal);
int build_scored_cross_attention(struct graph *graph, const char *name, int q, int k, int v, int64_t head_dim,
                                 bool causal, const struct attention_scores *scores);
/* One step of a sequence with a cache: k and v [B,T,kv_heads·head_dim] are stored in the caches [B,S,kv_heads·head_dim]
 * at `position`, and the queries q[B,T,heads·head_dim] attend to all positions up to their own. y as q. */
int build_cached_attention(struct graph *graph, const char *name, int q, int k, int v, int cache_k, int cache_v,
                           int64_t head_dim, int64_t position, const struct attention_scores *scores);
/* The queries attend to all of the caches [B,S,kv_heads·head_dim], which k and v of their shape fill, or an earlier
 * step has filled (k and v are NO_TENSOR). scale 0: 1/√head_dim. y as q. */
int build_memory_attention(struct graph *graph, const char *name, int q, int k, int v, int cache_k, int cache_v,
                           int64_t head_dim, float scale);
/* y[..., h, N] = weight[h, N, K] · x[..., h, K], the heads side by side; weight [heads·N, K] */
int build_head_linear(struct graph *graph, const char *name, int x, int weight, int64_t heads);
/* Heads of a[..., G·A] and b[..., G·B] side by side, y[..., G·(A+B)]; and columns [first, first + width) of each of x's
 * G heads. */
int build_join(struct graph *graph, const char *name, int a, int b, int64_t groups);
int build_part(struct graph *graph, const char *name, int x, int64_t groups, int64_t first, int64_t width);
int build_activation(struct graph *graph, const char *name, int x, enum activation kind);
int build_activation_gradient(struct graph *graph, const char *name, int x_or_y, int dy, enum activation kind);
/* True when the activation's gradient is computed from its output (relu, tanh, sigmoid, relu6, hard_sigmoid), so that
 * its input need not be kept. */
bool activation_gradient_from_output(enum activation kind);
/* b may be of a's last dimensions only: then it is added to each of what stands before them. */
int build_add(struct graph *graph, const char *name, int a, int b);
int build_multiply(struct graph *graph, const char *name, int a, int b);
/* y[..., c] = x[..., c] · factors[g, c]: x's rows are as many groups as factors has rows. */
int build_channel_scale(struct graph *graph, const char *name, int x, int factors);
/* factor · x */
int build_scale(struct graph *graph, const char *name, int x, float factor);
/* exp(temperature[1]) · x, in f32 */
int build_exp_scale(struct graph *graph, const char *name, int x, int temperature);
/* cap · tanh(x / cap) */
int build_softcap(struct graph *graph, const char *name, int x, float cap);
/* The same elements in another shape: a view. One dimension may be -1: what is left. */
int build_reshape(struct graph *graph, const char *name, int x, int rank, const int64_t *dims);
int build_cast(struct graph *graph, const char *name, int x, enum dtype dtype);
/* x[..., K] f32 in blocks of `dtype`, and such a tensor as f32 again; K is a multiple of the block. */
int build_quantise(struct graph *graph, const char *name, int x, enum dtype dtype);
int build_dequantise(struct graph *graph, const char *name, int x);
/* Simple recurrent layer over time: h[b,t,:] = f(x[b,t,:] + h[b,t-1,:] · u[U,U]ᵀ); x already holds bias and input part
 */
int build_rnn(struct graph *graph, const char *name, int x, int u, enum activation activation);
/* Long short-term memory and gated recurrent layers over time, gates as PyTorch orders them: x[B,T,4U] with u[4U,U],
 * x[B,T,3U] with u[3U,U] and bias[U]. x already holds the input's projection and its bias; h [B,T,U]. */
int build_lstm(struct graph *graph, const char *name, int x, int u);
int build_gru(struct graph *graph, const char *name, int x, int u, int bias);
/* In training: zero with probability `rate`, else x / (1 − rate). In other modes x itself. */
int build_dropout(struct graph *graph, const char *name, int x, float rate);

/* Scalars, and the graph's loss when it is asked for. */
/* Mean over rows of −log softmax(logits[..., C])[target]; targets i32 [...], negative ones ignored (not counted). */
int build_cross_entropy(struct graph *graph, const char *name, int logits, int targets);
/* Of logits [B,B], of which row and column i belong together: the mean of the cross-entropies of the rows and of the
 * columns. */
int build_contrastive(struct graph *graph, const char *name, int logits);
/* Mean of −log of the probability that sigmoid(logits) gives to the targets, f32 in [0,1]. */
int build_binary_cross_entropy(struct graph *graph, const char *name, int logits, int targets);
/* Mean of (x − target)² over all elements. */
int build_mean_squared_error(struct graph *graph, const char *name, int x, int target);

/* ½ · cross-entropy + ½ · T² · the divergence of the student's from the teacher's distribution, at T = 2. */
int build_distillation(struct graph *graph, const char *name, int student, int teacher, int targets);

/* Trainings that are one op's work, for x [N,F] and labels [N] of 0 and 1. */
/* Fills weight [1,F] and bias [1]; returns the objective [1]. cost: C. */
int build_linear_svm_train(struct graph *graph, const char *name, int x, int labels, int weight, int bias, float cost);
/* Fills forest [trees, capacity, 2] i32 (models/kernels/forest.h); returns it. */
int build_random_forest_train(struct graph *graph, const char *name, int x, int labels, int forest);
/* y[N,1]: the mean over the trees of class 1's share. */
int build_random_forest_predict(struct graph *graph, const char *name, int x, int forest);

/* Of differentially private training: private.c. previous and norm may be NO_TENSOR. */
int build_select_sample(struct graph *graph, const char *name, int x, int64_t sample);
int build_square_sum(struct graph *graph, const char *name, int gradient, int previous);
int build_clipped_sum(struct graph *graph, const char *name, int gradient, int previous, int norm, float factor);
int build_gaussian_noise(struct graph *graph, const char *name, int sum, float deviation, float factor);

/* Optimizer updates, appended by optimizer_append_step: see optimizer.c. */
extern const struct op op_sgd, op_rmsprop, op_adam;

#endif
