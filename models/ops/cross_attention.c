/* cross_attention: softmax(scale · Q Kᵀ + mask) V for each head, of queries to keys and values of their own length,
 * each a tensor of its own (Vaswani et al. 2017: a decoder's attention to what the encoder made)
 *
 *   q [B,T,H·D];  k, v [B,S,G·D];  y [B,T,H·D];  query head h reads key head h / (H/G)
 *   beside them a bias by distance and sinks, where there are any (attention_terms.h)
 *   causal: query t sees the keys up to t + S − T (of a window, the last of these), so with S = T this is
 *   self-attention over separate projections
 *   log_sum [B,H,T] is kept in training: the gradient recomputes the scores from it, block by block. scale = 1/√D
 *   unless another is given; a softcap may bend the scores (kernels/attention.h). */
#include <math.h>

#include "models/kernels/attention.h"
#include "models/ops/attention_terms.h"
#include "models/ops/ops.h"

enum { Q, K, V, TERMS };

static bool same_shape(const struct tensor *a, const struct tensor *b)
{
    return a->rank == 3 && b->rank == 3 && a->dtype == b->dtype && a->dims[0] == b->dims[0] &&
           a->dims[1] == b->dims[1] && a->dims[2] == b->dims[2];
}

static struct attention describe(const struct graph *graph, const struct node *node, const struct call *call);

static bool infer_cross(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor q = *node_input(graph, node, Q), k = *node_input(graph, node, K),
                        v = *node_input(graph, node, V);
    const struct attributes *a = &node->attributes;
    if (q.rank != 3 || !same_shape(&k, &v) || k.dtype != q.dtype || k.dims[0] != q.dims[0])
        return error_set(error, ERROR_INPUT, "takes queries [B,T,C], and keys and values [B,S,G] of one dtype");
    if (a->head_dim < 1 || q.dims[2] % a->head_dim || k.dims[2] % a->head_dim || q.dims[2] % k.dims[2])
        return error_set(error, ERROR_INPUT,
                         "queries of %lld and keys of %lld aren't whole heads of %lld, "
                         "as many queries to each key",
                         (long long)q.dims[2], (long long)k.dims[2], (long long)a->head_dim);
    if (a->window && !a->causal)
        return error_set(error, ERROR_INPUT, "a window of %lld goes with causal attention", (long long)a->window);
    if (a->causal && k.dims[1] < q.dims[1])
        return error_set(error, ERROR_INPUT, "%lld causal queries have only %lld keys; at least as many are needed",
                         (long long)q.dims[1], (long long)k.dims[1]);
    const struct attention shape = describe(graph, node, NULL);
    if (!attention_check_terms(graph, node, TERMS, &shape, error))
        return false;
    graph_output(graph, node, q.dtype, 3, q.dims);
    if (graph->training)
        graph_output(graph, node, DTYPE_F32, 3, (int64_t[]){q.dims[0], q.dims[2] / a->head_dim, q.dims[1]});
    return true;
}

/* Where call is NULL, only the shape: that's all a workspace depends on. */
static struct attention describe(const struct graph *graph, const struct node *node, const struct call *call)
{
    const struct tensor *q = node_input(graph, node, Q), *k = node_input(graph, node, K);
    size_t head_dim = (size_t)node->attributes.head_dim;
    size_t width = (size_t)q->dims[2], kv_width = (size_t)k->dims[2];
    size_t length = (size_t)q->dims[1], kv_length = (size_t)k->dims[1];
    return (struct attention){.batch = (size_t)q->dims[0],
                              .length = length,
                              .kv_length = kv_length,
                              .heads = width / head_dim,
                              .kv_heads = kv_width / head_dim,
                              .head_dim = head_dim,
                              .causal = node->attributes.causal,
                              .window = (size_t)node->attributes.window,
                              .scale =
                                  node->attributes.scale > 0 ? node->attributes.scale : 1.0f / sqrtf((float)head_dim),
                              .softcap = node->attributes.softcap,
                              .dtype = q->dtype,
                              .kv_dtype = k->dtype,
                              .q = call ? call->inputs[Q] : NULL,
                              .k = call ? call->inputs[K] : NULL,
                              .v = call ? call->inputs[V] : NULL,
                              .q_stride = width,
                              .k_stride = kv_width,
                              .v_stride = kv_width,
                              .q_batch_stride = width * length,
                              .k_batch_stride = kv_width * kv_length,
                              .v_batch_stride = kv_width * kv_length};
}

static size_t workspace_cross(const struct graph *graph, const struct node *node, int threads)
{
    struct attention attention = describe(graph, node, NULL);
    return attention_workspace(&attention, threads);
}

static void run_cross(const struct call *call)
{
    struct attention attention = describe(call->graph, call->node, call);
    attention.out = call->outputs[0];
    attention.log_sum = call->node->output_count > 1 ? call->outputs[1] : NULL;
    attention_set_terms(call->graph, call->node, call, TERMS, &attention);
    if (call->reference)
        attention_reference(&attention);
    else
        attention_run(&attention, call->workspace, call->threads);
}

/* Q·K and P·V: one multiply-add each per visible pair and element. */
static struct cost cost_cross(const struct graph *graph, const struct node *node)
{
    const struct tensor *q = node_input(graph, node, Q);
    double length = (double)q->dims[1], kv_length = (double)node_input(graph, node, K)->dims[1];
    double pairs = length * kv_length, window = (double)node->attributes.window, first = kv_length - length + 1;
    if (node->attributes.causal)
        pairs -= length * (length - 1) / 2;
    for (double seen = first; window > 0 && seen <= kv_length; seen++)
        pairs -= fmax(0, seen - window);
    return (struct cost){.flops = 4 * (double)q->dims[0] * (double)q->dims[2] * pairs};
}

static const struct op op_cross_attention_gradient;
enum { OUT = V + 1, LOG_SUM, DOUT, GRADIENT_TERMS };

static void gradient_cross(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    int inputs[GRADIENT_TERMS + 2] = {node->inputs[Q],  node->inputs[K],  node->inputs[V],
                                      node->outputs[0], node->outputs[1], dy[0]};
    int count = GRADIENT_TERMS;
    for (int i = TERMS; i < node->input_count; i++)
        inputs[count++] = node->inputs[i];
    int made = graph_append(graph, &op_cross_attention_gradient, node->name, inputs, count, &node->attributes);
    for (int i = Q; made != NO_NODE && i <= V; i++)
        if (wanted[i])
            dx[i] = graph->nodes[made].outputs[i];
    attention_give_term_gradients(graph, node, made, TERMS, V + 1, wanted, dx);
}

const struct op op_cross_attention = {.name = "cross_attention",
                                      .help = "attention of queries to keys and values of another length",
                                      .infer = infer_cross,
                                      .cost = cost_cross,
                                      .gradient = gradient_cross,
                                      .workspace = workspace_cross,
                                      .run = run_cross};

int build_scored_cross_attention(struct graph *graph, const char *name, int q, int k, int v, int64_t head_dim,
                                 bool causal, const struct attention_scores *scores)
{
    const struct attributes attributes = {.head_dim = head_dim,
                                          .causal = causal,
                                          .window = scores->window,
                                          .scale = scores->scale,
                                          .softcap = scores->softcap};
    int inputs[TERMS + 2] = {q, k, v}, count = attention_add_terms(scores, inputs, TERMS);
    return node_first_output(graph, graph_append(graph, &op_cross_attention, name, inputs, count, &attributes));
}

int build_cross_attention(struct graph *graph, const char *name, int q, int k, int v, int64_t head_dim, bool causal)
{
    return build_scored_cross_attention(graph, name, q, k, v, head_dim, causal, &(struct attention_scores){0});
}

/* ---- gradient ---- */

static bool infer_cross_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    for (int i = Q; i <= V; i++) {
        const struct tensor input = *node_input(graph, node, i);
        if (graph_output(graph, node, input.dtype, input.rank, input.dims) == NO_TENSOR)
            return false;
    }
    attention_make_term_gradients(graph, node, GRADIENT_TERMS);
    return true;
}

/* Where call is NULL, only what a workspace depends on. */
static struct attention_gradient describe_gradient(const struct graph *graph, const struct node *node,
                                                   const struct call *call)
{
    struct attention_gradient gradient = {.forward = describe(graph, node, call)};
    attention_set_terms(graph, node, call, GRADIENT_TERMS, &gradient.forward);
    attention_set_term_gradients(graph, node, call, GRADIENT_TERMS, V + 1, &gradient);
    return gradient;
}

static size_t workspace_cross_gradient(const struct graph *graph, const struct node *node, int threads)
{
    struct attention_gradient gradient = describe_gradient(graph, node, NULL);
    return attention_gradient_workspace(&gradient, threads);
}

static void run_cross_gradient(const struct call *call)
{
    struct attention_gradient gradient = describe_gradient(call->graph, call->node, call);
    gradient.dout = call->inputs[DOUT];
    gradient.dq = call->outputs[Q];
    gradient.dk = call->outputs[K];
    gradient.dv = call->outputs[V];
    gradient.forward.out = call->inputs[OUT];
    gradient.forward.log_sum = call->inputs[LOG_SUM];
    if (call->reference)
        attention_gradient_reference(&gradient);
    else
        attention_gradient_run(&gradient, call->workspace, call->threads);
}

/* Five products over the visible pairs: S again, dP, dV, dQ, dK. */
static struct cost cost_cross_gradient(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 2.5 * cost_cross(graph, node).flops};
}

static const struct op op_cross_attention_gradient = {.name = "cross_attention_gradient",
                                                      .help = "gradient of cross_attention",
                                                      .infer = infer_cross_gradient,
                                                      .cost = cost_cross_gradient,
                                                      .workspace = workspace_cross_gradient,
                                                      .run = run_cross_gradient};
