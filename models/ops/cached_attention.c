/* cached_attention: attention of new positions to themselves and to all before them, whose keys and values a cache
 * holds
 *
 *   q [B,T,H·D], k, v [B,T,G·D]; caches [B,S,G·D] of their own dtype;  y [B,T,H·D]
 *   cache[b, position + t, :] = k[b,t,:], v[b,t,:], narrowed to the cache's dtype
 *   beside them a bias by distance and sinks, where there are any (attention_terms.h)
 *   y[b,t] = softmax(q[b,t] · Kᵀ / √D) V over the cache's positions up to position + t (or the last `window` of them)
 *
 * A cache of fewer positions, though not fewer than the window, is a ring: position p lies in row p mod S, where it
 * takes the place of one that no query sees any more. The softmax doesn't ask for an order, so a step of one position
 * attends to the whole ring, which has no bias by distance. A prefill overruns it: its queries attend to k and v
 * themselves, and the last S stay.
 *
 * With T = 1 a step of decoding, with more a prefill. A step may run again: it stores the same. No gradient.
 *
 * Not causal, it is attention to what an encoder made: k, v [B,S,G·D] fill the caches, or are absent where an earlier
 * step has filled them, and every query sees all S positions. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "harness/base/sizes.h"
#include "models/kernels/attention.h"
#include "models/kernels/quant.h"
#include "models/ops/attention_terms.h"
#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { Q, K, V, CACHE_K, CACHE_V, TERMS };

/* Are there more positions than the cache has rows? */
static bool is_ring(const struct attributes *a, const struct tensor *q, const struct tensor *cache)
{
    return a->causal && a->position + q->dims[1] > cache->dims[1];
}

/* A ring that is overrun in one step holds not all that the queries see. */
static bool is_overrun(const struct attributes *a, const struct tensor *q, const struct tensor *cache)
{
    return is_ring(a, q, cache) && q->dims[1] > 1;
}

/* Are these keys' places in the cache, `position` and on, there and theirs? */
static bool stores_right(const struct tensor *k, const struct tensor *cache, const struct attributes *a,
                         struct error *error)
{
    bool ring = a->window && a->window <= cache->dims[1] && (k->dims[1] == 1 || a->position == 0);
    if (k->rank == 3 && k->dims[0] == cache->dims[0] && k->dims[2] == cache->dims[2] &&
        (a->position + k->dims[1] <= cache->dims[1] || ring))
        return true;
    return error_set(error, ERROR_INPUT, "%lld positions from %lld on don't fit a cache of %lld", (long long)k->dims[1],
                     (long long)a->position, (long long)cache->dims[1]);
}

static struct attention describe(const struct graph *graph, const struct node *node, const struct call *call);

static bool infer_cached(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor q = *node_input(graph, node, Q), cache = *node_input(graph, node, CACHE_K);
    const struct tensor *k = node_input(graph, node, K);
    const struct attributes *a = &node->attributes;
    int64_t head_dim = a->head_dim;
    if (q.rank != 3 || cache.rank != 3 || q.dims[2] % head_dim || cache.dims[2] % head_dim || q.dims[2] % cache.dims[2])
        return error_set(error, ERROR_INPUT,
                         "takes queries and keys [B,T,C] of heads of %lld, as many queries to each key",
                         (long long)head_dim);
    if (q.dims[0] != cache.dims[0])
        return error_set(error, ERROR_INPUT, "%lld sequences of queries don't fit a cache of %lld",
                         (long long)q.dims[0], (long long)cache.dims[0]);
    if (a->causal ? !k || k->dims[1] != q.dims[1] : k && k->dims[1] != cache.dims[1])
        return error_set(error, ERROR_INPUT,
                         a->causal ? "causal queries come with as many keys" : "keys of a memory fill its cache");
    if (k && !stores_right(k, &cache, a, error))
        return false;
    const struct dtype_info *info = dtype_info(cache.dtype);
    if (cache.dtype == DTYPE_I32 || (dtype_quantised(cache.dtype) && cache.dtype != DTYPE_Q8_0))
        return error_set(error, ERROR_INPUT, "a cache may be f32, bf16, f16 or q8_0, not %s", info->name);
    if (head_dim % info->block)
        return error_set(error, ERROR_INPUT, "heads of %lld don't fill the cache's blocks of %u (%s); f16 takes any",
                         (long long)head_dim, info->block, info->name);
    if (is_ring(a, &q, &cache) && node_input(graph, node, TERMS))
        return error_set(error, ERROR_INPUT, "a cache of %lld positions of a window has no bias by distance",
                         (long long)cache.dims[1]);
    const struct attention shape = describe(graph, node, NULL);
    return attention_check_terms(graph, node, TERMS, &shape, error) &&
           graph_output(graph, node, q.dtype, 3, q.dims) != NO_TENSOR;
}

static struct attention describe(const struct graph *graph, const struct node *node, const struct call *call)
{
    const struct tensor *q = node_input(graph, node, Q), *cache = node_input(graph, node, CACHE_K);
    const struct attributes *a = &node->attributes;
    size_t width = (size_t)q->dims[2], kv_width = (size_t)cache->dims[2], length = (size_t)q->dims[1];
    bool overrun = is_overrun(a, q, cache);
    const struct tensor *keys = overrun ? node_input(graph, node, K) : cache;
    size_t rows = (size_t)keys->dims[1], seen = (size_t)a->position + length;
    return (struct attention){.batch = (size_t)q->dims[0],
                              .length = length,
                              .kv_length = a->causal && seen < rows ? seen : rows,
                              .heads = width / (size_t)a->head_dim,
                              .kv_heads = kv_width / (size_t)a->head_dim,
                              .head_dim = (size_t)a->head_dim,
                              .causal = a->causal,
                              .window = (size_t)a->window,
                              .scale = a->scale > 0 ? a->scale : 1.0f / sqrtf((float)a->head_dim),
                              .softcap = a->softcap,
                              .dtype = q->dtype,
                              .kv_dtype = keys->dtype,
                              .q = call ? call->inputs[Q] : NULL,
                              .k = call ? call->inputs[overrun ? K : CACHE_K] : NULL,
                              .v = call ? call->inputs[overrun ? V : CACHE_V] : NULL,
                              .q_stride = width,
                              .k_stride = kv_width,
                              .v_stride = kv_width,
                              .q_batch_stride = width * length,
                              .k_batch_stride = kv_width * rows,
                              .v_batch_stride = kv_width * rows,
                              .out = call ? call->outputs[0] : NULL};
}

/* The attention's own, or a row for each thread to be widened in. */
static size_t workspace_cached(const struct graph *graph, const struct node *node, int threads)
{
    struct attention attention = describe(graph, node, NULL);
    size_t rows = storage_buffers(graph, node, threads, (size_t)node_input(graph, node, CACHE_K)->dims[2]);
    size_t own = attention_workspace(&attention, threads);
    return own > rows ? own : rows;
}

/* k or v to the cache, from its position on; of what overruns a ring, the last positions. */
static void store(const struct call *call, int input, int cache_input)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    const struct tensor *from = node_input(call->graph, call->node, input);
    const struct tensor *cache = node_input(call->graph, call->node, cache_input);
    size_t length = (size_t)from->dims[1], width = (size_t)from->dims[2];
    size_t capacity = (size_t)cache->dims[1], position = (size_t)call->node->attributes.position;
    size_t stored = least(length, capacity), rows = (size_t)from->dims[0] * stored, first = length - stored;
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * width > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r++) {
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * width;
        size_t b = r / stored, t = first + r % stored;
        size_t at = (b * capacity + (position + t) % capacity) * width;
        const float *row =
            storage_read(kernels, call->inputs[input], from->dtype, (b * length + t) * width, width, buffer);
        if (cache->dtype == DTYPE_Q8_0)
            quantise_row(cache->dtype, row, (char *)call->inputs[cache_input] + dtype_bytes(cache->dtype, at), width);
        else if (cache->dtype == DTYPE_F32)
            memcpy((float *)call->inputs[cache_input] + at, row, width * sizeof *row);
        else
            storage_commit(kernels, call->inputs[cache_input], cache->dtype, at, width, row);
    }
}

/* Are keys and values the same vectors, in one cache? */
static bool is_one(const struct node *node)
{
    return node->inputs[CACHE_K] == node->inputs[CACHE_V];
}

static void run_cached(const struct call *call)
{
    if (call->inputs[K]) {
        store(call, K, CACHE_K);
        if (!is_one(call->node))
            store(call, V, CACHE_V);
    }
    struct attention attention = describe(call->graph, call->node, call);
    attention_set_terms(call->graph, call->node, call, TERMS, &attention);
    if (call->reference)
        attention_reference(&attention);
    else
        attention_run(&attention, call->workspace, call->threads);
}

/* Pairs (query, key) of a sequence that the mask lets through. */
static double visible_pairs(const struct attributes *a, double length, double seen, double window)
{
    double pairs = a->causal ? 0 : length * seen;
    for (double t = seen - length + 1; a->causal && t <= seen; t++)
        pairs += fmin(t, window);
    return pairs;
}

/* Of the caches only the rows that are seen are read, and those of the new positions written: as many as there are. */
static struct cost cost_cached(const struct graph *graph, const struct node *node)
{
    const struct attention shape = describe(graph, node, NULL);
    const struct tensor *q = node_input(graph, node, Q), *k = node_input(graph, node, K);
    double batch = (double)shape.batch, length = (double)shape.length, seen = (double)shape.kv_length;
    double window = shape.window ? (double)shape.window : seen;
    double row = (double)dtype_bytes(shape.kv_dtype, shape.k_stride), rows = fmin(seen, window + length - 1);
    double caches = is_one(node) ? 1 : 2;
    double new_bytes = k ? caches * (double)tensor_bytes(k) : 0;
    const struct tensor *cache = node_input(graph, node, CACHE_K);
    double stored = k ? fmin((double)k->dims[1], (double)cache->dims[1]) : 0;
    double written = caches * batch * stored * (double)dtype_bytes(cache->dtype, (size_t)cache->dims[2]);
    double pairs = visible_pairs(&node->attributes, length, seen, window), terms = 0;
    for (int i = TERMS; i < node->input_count; i++)
        terms += node_input(graph, node, i) ? (double)tensor_bytes(node_input(graph, node, i)) : 0;
    return (struct cost){.flops = 4 * batch * pairs * (double)q->dims[2],
                         .bytes_read = (double)tensor_bytes(q) + new_bytes + caches * batch * rows * row + terms,
                         .bytes_written = (double)tensor_bytes(q) + written};
}

const struct op op_cached_attention = {.name = "cached_attention",
                                       .help = "attention of new positions to a cache of keys and values",
                                       .infer = infer_cached,
                                       .cost = cost_cached,
                                       .packed = 1 << CACHE_K | 1 << CACHE_V,
                                       .workspace = workspace_cached,
                                       .run = run_cached};

int build_cached_attention(struct graph *graph, const char *name, int q, int k, int v, int cache_k, int cache_v,
                           int64_t head_dim, int64_t position, const struct attention_scores *scores)
{
    const struct attributes attributes = {.head_dim = head_dim,
                                          .position = position,
                                          .causal = true,
                                          .window = scores->window,
                                          .scale = scores->scale,
                                          .softcap = scores->softcap};
    int inputs[TERMS + 2] = {q, k, v, cache_k, cache_v}, count = attention_add_terms(scores, inputs, TERMS);
    return node_first_output(graph, graph_append(graph, &op_cached_attention, name, inputs, count, &attributes));
}

int build_memory_attention(struct graph *graph, const char *name, int q, int k, int v, int cache_k, int cache_v,
                           int64_t head_dim, float scale)
{
    const struct attributes attributes = {.head_dim = head_dim, .scale = scale};
    return node_first_output(
        graph, graph_append(graph, &op_cached_attention, name, (int[]){q, k, v, cache_k, cache_v}, 5, &attributes));
}
