/* gru: a gated recurrent unit layer over the whole sequence, formulas as in kernels/gru.h
 *
 *   x [B,T,3·units]: the input's projection, with all biases but b (a linear op before this one), gates in the order
 *   r, z, n;  U [3·units, units];  b [units], inside the reset gate's product, or none;  h [B,T,units], h[b,−1,:] = 0
 *   In training r, z, n and s = h[t−1]·U₃ᵀ + b are kept; backward through time then makes dx, dU and db.
 *
 * The recurrence computes in f32; tensors of other dtypes are widened into the workspace. */
#include "models/kernels/gru.h"
#include "models/ops/ops.h"
#include "models/ops/widened.h"

enum { X, U, BIAS };
enum { HIDDEN, GATES };

/* What a unit does at a step besides the product with U: six sums, three activations, three products. */
static const double FLOPS_OF_UNIT = 12, GRADIENT_FLOPS_OF_UNIT = 20;

static bool infer_gru(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X), u = *node_input(graph, node, U);
    const struct tensor *bias = node_input(graph, node, BIAS);
    if (x.rank != 3 || u.rank != 2 || u.dims[0] != x.dims[2] || u.dims[0] != 3 * u.dims[1] ||
        (bias && (tensor_elements(bias) != u.dims[1] || bias->dtype != DTYPE_F32)))
        return error_set(error, ERROR_INPUT, "takes x [B,T,3·units], u [3·units,units] and an f32 bias [units]");
    graph_output(graph, node, x.dtype, 3, (int64_t[]){x.dims[0], x.dims[1], u.dims[1]});
    if (graph->training)
        graph_output(graph, node, x.dtype, 3, (int64_t[]){x.dims[0], x.dims[1], 4 * u.dims[1]});
    return true;
}

static struct gru describe(const struct tensor *hidden)
{
    return (struct gru){
        .batch = (size_t)hidden->dims[0], .steps = (size_t)hidden->dims[1], .units = (size_t)hidden->dims[2]};
}

static size_t workspace_gru(const struct graph *graph, const struct node *node, int threads)
{
    const struct tensor *hidden = node_output(graph, node, HIDDEN), *gates = node_output(graph, node, GATES);
    const struct gru gru = describe(hidden);
    return widened_bytes(node_input(graph, node, X)) + widened_bytes(node_input(graph, node, U)) +
           widened_bytes(hidden) + (gates ? widened_bytes(gates) : 0) + gru_workspace(&gru, threads);
}

static void run_gru(const struct call *call)
{
    const struct tensor *hidden = node_output(call->graph, call->node, HIDDEN);
    const struct tensor *gates = node_output(call->graph, call->node, GATES);
    struct gru gru = describe(hidden);
    char *room = call->workspace;
    gru.x = widened_read(call, node_input(call->graph, call->node, X), call->inputs[X], &room);
    gru.u = widened_read(call, node_input(call->graph, call->node, U), call->inputs[U], &room);
    gru.bias = call->inputs[BIAS];
    gru.h = widened_target(hidden, call->outputs[HIDDEN], &room);
    gru.gates = gates ? widened_target(gates, call->outputs[GATES], &room) : NULL;
    if (call->reference)
        gru_reference(&gru);
    else
        gru_run(&gru, room, call->threads);
    widened_commit(call, hidden, gru.h, call->outputs[HIDDEN]);
    if (gates)
        widened_commit(call, gates, gru.gates, call->outputs[GATES]);
}

static struct cost recurrent_cost(const struct tensor *hidden, double per_unit)
{
    double units = (double)tensor_columns(hidden), cells = (double)tensor_elements(hidden);
    return (struct cost){.flops = cells * (2 * 3 * units + per_unit)};
}

static struct cost cost_gru(const struct graph *graph, const struct node *node)
{
    return recurrent_cost(node_output(graph, node, HIDDEN), FLOPS_OF_UNIT);
}

static const struct op op_gru_gradient;

static void gradient_gru(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    const struct attributes attributes = {.bias = node->inputs[BIAS] != NO_TENSOR};
    int inputs[] = {node->outputs[HIDDEN], node->inputs[U], node->outputs[GATES], dy[HIDDEN]};
    int made = graph_append(graph, &op_gru_gradient, node->name, inputs, 4, &attributes);
    for (int i = X; made != NO_NODE && i < graph->nodes[made].output_count; i++)
        dx[i] = graph->nodes[made].outputs[i];
}

const struct op op_gru = {.name = "gru",
                          .help = "gated recurrent unit layer over a whole sequence",
                          .infer = infer_gru,
                          .cost = cost_gru,
                          .gradient = gradient_gru,
                          .workspace = workspace_gru,
                          .run = run_gru};

int build_gru(struct graph *graph, const char *name, int x, int u, int bias)
{
    return node_first_output(graph, graph_append(graph, &op_gru, name, (int[]){x, u, bias}, 3, NULL));
}

/* ---- gradient: outputs dx, dU, db ---- */

enum { KEPT_HIDDEN, KEPT_U, KEPT_GATES, DH };

static bool infer_gru_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor hidden = *node_input(graph, node, KEPT_HIDDEN), u = *node_input(graph, node, KEPT_U);
    graph_output(graph, node, hidden.dtype, 3, (int64_t[]){hidden.dims[0], hidden.dims[1], u.dims[0]});
    graph_output(graph, node, DTYPE_F32, 2, u.dims);
    if (node->attributes.bias)
        graph_output(graph, node, DTYPE_F32, 1, &u.dims[1]);
    return true;
}

/* Room for the gradient of h[t−1]·Uᵀ, which differs from dx in the last of its three parts. */
static size_t dhidden_bytes(const struct tensor *dx)
{
    return ((size_t)tensor_elements(dx) * sizeof(float) + 63) / 64 * 64;
}

static size_t workspace_gru_gradient(const struct graph *graph, const struct node *node, int threads)
{
    const struct tensor *hidden = node_input(graph, node, KEPT_HIDDEN), *dx = node_output(graph, node, X);
    const struct gru_gradient gradient = {.forward = describe(hidden)};
    return 2 * widened_bytes(hidden) + widened_bytes(node_input(graph, node, KEPT_U)) +
           widened_bytes(node_input(graph, node, KEPT_GATES)) + widened_bytes(dx) + dhidden_bytes(dx) +
           gru_gradient_workspace(&gradient, threads);
}

static void run_gru_gradient(const struct call *call)
{
    const struct tensor *hidden = node_input(call->graph, call->node, KEPT_HIDDEN);
    const struct tensor *dx = node_output(call->graph, call->node, X);
    struct gru_gradient gradient = {.forward = describe(hidden),
                                    .du = call->outputs[U],
                                    .dbias = call->node->attributes.bias ? call->outputs[BIAS] : NULL};
    char *room = call->workspace;
    gradient.forward.h = (float *)widened_read(call, hidden, call->inputs[KEPT_HIDDEN], &room);
    gradient.forward.u = widened_read(call, node_input(call->graph, call->node, KEPT_U), call->inputs[KEPT_U], &room);
    gradient.forward.gates =
        (float *)widened_read(call, node_input(call->graph, call->node, KEPT_GATES), call->inputs[KEPT_GATES], &room);
    gradient.dh = widened_read(call, hidden, call->inputs[DH], &room);
    gradient.dx = widened_target(dx, call->outputs[X], &room);
    gradient.dhidden = (float *)room;
    room += dhidden_bytes(dx);
    if (call->reference)
        gru_gradient_reference(&gradient);
    else
        gru_gradient_run(&gradient, room, call->threads);
    widened_commit(call, dx, gradient.dx, call->outputs[X]);
}

static struct cost cost_gru_gradient(const struct graph *graph, const struct node *node)
{
    const struct tensor *hidden = node_input(graph, node, KEPT_HIDDEN);
    struct cost product = recurrent_cost(hidden, 0);
    return (struct cost){.flops = 2 * product.flops + GRADIENT_FLOPS_OF_UNIT * (double)tensor_elements(hidden)};
}

static const struct op op_gru_gradient = {.name = "gru_gradient",
                                          .help = "gradient of gru: backward through time",
                                          .infer = infer_gru_gradient,
                                          .cost = cost_gru_gradient,
                                          .workspace = workspace_gru_gradient,
                                          .run = run_gru_gradient};
