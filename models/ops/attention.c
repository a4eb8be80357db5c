/* attention: softmax(scale · Q Kᵀ + mask) V for each head, over packed projections
 *
 *   qkv [B,T,(H + 2G)·D]: H query heads, then G key heads, then G value heads, each D wide;  y [B,T,H·D]
 *   beside it a bias by distance and sinks, where there are any (attention_terms.h)
 *   log_sum [B,H,T] is kept in training: the gradient recomputes the scores from it, block by block, so that no [T,T]
 *   matrix ever exists (Dao et al. 2022). scale = 1/√D unless another is given; a
 *   softcap may bend the scores (kernels/attention.h). Query head h reads key head h / (H/G). */
#include <math.h>

#include "models/kernels/attention.h"
#include "models/ops/attention_terms.h"
#include "models/ops/ops.h"

enum { TERMS = 1 }; /* the first of attention_terms.h's inputs */

static struct attention describe(const struct tensor *qkv, const struct attributes *a, void *data, void *out,
                                 float *log_sum);

static bool infer_attention(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor qkv = *node_input(graph, node, 0);
    const struct attributes *a = &node->attributes;
    int64_t width = (a->heads + 2 * a->kv_heads) * a->head_dim;
    if (qkv.rank != 3 || qkv.dims[2] != width || a->kv_heads < 1 || a->heads % a->kv_heads)
        return error_set(error, ERROR_INPUT, "takes [B,T,%lld] for %lld heads, %lld key heads of %lld",
                         (long long)width, (long long)a->heads, (long long)a->kv_heads, (long long)a->head_dim);
    int64_t batch = qkv.dims[0], length = qkv.dims[1];
    const struct attention shape = describe(&qkv, a, NULL, NULL, NULL);
    if (!attention_check_terms(graph, node, TERMS, &shape, error))
        return false;
    graph_output(graph, node, qkv.dtype, 3, (int64_t[]){batch, length, a->heads * a->head_dim});
    if (graph->training)
        graph_output(graph, node, DTYPE_F32, 3, (int64_t[]){batch, a->heads, length});
    return true;
}

/* The element where the keys and the values start within a position. */
static size_t key_offset(const struct attributes *a)
{
    return (size_t)(a->heads * a->head_dim);
}

static size_t value_offset(const struct attributes *a)
{
    return (size_t)((a->heads + a->kv_heads) * a->head_dim);
}

/* Element `offset` of a tensor's memory; NULL stays NULL (when only the workspace is asked for). */
static void *element(void *data, enum dtype dtype, size_t offset)
{
    return data ? (char *)data + dtype_bytes(dtype, offset) : NULL;
}

static struct attention describe(const struct tensor *qkv, const struct attributes *a, void *data, void *out,
                                 float *log_sum)
{
    size_t stride = (size_t)qkv->dims[2], length = (size_t)qkv->dims[1];
    return (struct attention){.batch = (size_t)qkv->dims[0],
                              .length = length,
                              .kv_length = length,
                              .heads = (size_t)a->heads,
                              .kv_heads = (size_t)a->kv_heads,
                              .head_dim = (size_t)a->head_dim,
                              .causal = a->causal,
                              .window = (size_t)a->window,
                              .scale = a->scale > 0 ? a->scale : 1.0f / sqrtf((float)a->head_dim),
                              .softcap = a->softcap,
                              .dtype = qkv->dtype,
                              .kv_dtype = qkv->dtype,
                              .q = data,
                              .k = element(data, qkv->dtype, key_offset(a)),
                              .v = element(data, qkv->dtype, value_offset(a)),
                              .q_stride = stride,
                              .k_stride = stride,
                              .v_stride = stride,
                              .q_batch_stride = stride * length,
                              .k_batch_stride = stride * length,
                              .v_batch_stride = stride * length,
                              .out = out,
                              .log_sum = log_sum};
}

static size_t workspace_attention(const struct graph *graph, const struct node *node, int threads)
{
    struct attention attention = describe(node_input(graph, node, 0), &node->attributes, NULL, NULL, NULL);
    return attention_workspace(&attention, threads);
}

static void run_attention(const struct call *call)
{
    float *log_sum = call->node->output_count > 1 ? call->outputs[1] : NULL;
    struct attention attention = describe(node_input(call->graph, call->node, 0), &call->node->attributes,
                                          call->inputs[0], call->outputs[0], log_sum);
    attention_set_terms(call->graph, call->node, call, TERMS, &attention);
    if (call->reference)
        attention_reference(&attention);
    else
        attention_run(&attention, call->workspace, call->threads);
}

/* Pairs (query, key) that the mask lets through, in one sequence of T. */
static double visible_pairs(const struct attributes *a, double length)
{
    if (!a->causal)
        return length * length;
    double window = a->window > 0 && (double)a->window < length ? (double)a->window : length;
    return window * (window + 1) / 2 + (length - window) * window;
}

/* Q·K and P·V: one multiply-add each per pair and element; the softmax itself is counted as nothing, as is usual. */
static struct cost cost_attention(const struct graph *graph, const struct node *node)
{
    const struct tensor *qkv = node_input(graph, node, 0);
    const struct attributes *a = &node->attributes;
    double pairs = (double)qkv->dims[0] * (double)a->heads * visible_pairs(a, (double)qkv->dims[1]);
    return (struct cost){.flops = 4 * pairs * (double)a->head_dim};
}

static const struct op op_attention_gradient;
enum { QKV, OUT, LOG_SUM, DOUT, GRADIENT_TERMS };

static void gradient_attention(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    int inputs[GRADIENT_TERMS + 2] = {node->inputs[0], node->outputs[0], node->outputs[1], dy[0]};
    int count = GRADIENT_TERMS;
    for (int i = TERMS; i < node->input_count; i++)
        inputs[count++] = node->inputs[i];
    int made = graph_append(graph, &op_attention_gradient, node->name, inputs, count, &node->attributes);
    dx[0] = node_first_output(graph, made);
    attention_give_term_gradients(graph, node, made, TERMS, 1, wanted, dx);
}

const struct op op_attention = {.name = "attention",
                                .help = "scaled dot-product attention, causal or windowed, with grouped key heads",
                                .infer = infer_attention,
                                .cost = cost_attention,
                                .gradient = gradient_attention,
                                .workspace = workspace_attention,
                                .run = run_attention};

int build_scored_attention(struct graph *graph, const char *name, int qkv, int64_t heads, int64_t kv_heads,
                           int64_t head_dim, bool causal, const struct attention_scores *scores)
{
    const struct attributes attributes = {.heads = heads,
                                          .kv_heads = kv_heads,
                                          .head_dim = head_dim,
                                          .causal = causal,
                                          .window = scores->window,
                                          .scale = scores->scale,
                                          .softcap = scores->softcap};
    int inputs[TERMS + 2] = {qkv}, count = attention_add_terms(scores, inputs, TERMS);
    return node_first_output(graph, graph_append(graph, &op_attention, name, inputs, count, &attributes));
}

int build_attention(struct graph *graph, const char *name, int qkv, int64_t heads, int64_t kv_heads, int64_t head_dim,
                    bool causal, int64_t window)
{
    return build_scored_attention(graph, name, qkv, heads, kv_heads, head_dim, causal,
                                  &(struct attention_scores){.window = window});
}

/* ---- gradient ---- */

static bool infer_attention_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor qkv = *node_input(graph, node, QKV);
    graph_output(graph, node, qkv.dtype, qkv.rank, qkv.dims);
    attention_make_term_gradients(graph, node, GRADIENT_TERMS);
    return true;
}

static struct attention_gradient describe_gradient(const struct graph *graph, const struct node *node,
                                                   const struct call *call)
{
    const struct tensor *qkv = node_input(graph, node, QKV);
    const struct attributes *a = &node->attributes;
    void *dqkv = call ? call->outputs[0] : NULL;
    struct attention_gradient gradient = {.forward = describe(qkv, a, call ? call->inputs[QKV] : NULL,
                                                              call ? call->inputs[OUT] : NULL,
                                                              call ? call->inputs[LOG_SUM] : NULL),
                                          .dout = call ? call->inputs[DOUT] : NULL,
                                          .dq = dqkv,
                                          .dk = element(dqkv, qkv->dtype, key_offset(a)),
                                          .dv = element(dqkv, qkv->dtype, value_offset(a))};
    attention_set_terms(graph, node, call, GRADIENT_TERMS, &gradient.forward);
    attention_set_term_gradients(graph, node, call, GRADIENT_TERMS, 1, &gradient);
    return gradient;
}

static size_t workspace_attention_gradient(const struct graph *graph, const struct node *node, int threads)
{
    struct attention_gradient gradient = describe_gradient(graph, node, NULL);
    return attention_gradient_workspace(&gradient, threads);
}

static void run_attention_gradient(const struct call *call)
{
    struct attention_gradient gradient = describe_gradient(call->graph, call->node, call);
    if (call->reference)
        attention_gradient_reference(&gradient);
    else
        attention_gradient_run(&gradient, call->workspace, call->threads);
}

/* Five products over the visible pairs: S again, dP, dV, dQ, dK. */
static struct cost cost_attention_gradient(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 2.5 * cost_attention(graph, node).flops};
}

static const struct op op_attention_gradient = {.name = "attention_gradient",
                                                .help = "gradient of attention",
                                                .infer = infer_attention_gradient,
                                                .cost = cost_attention_gradient,
                                                .workspace = workspace_attention_gradient,
                                                .run = run_attention_gradient};
