/* lstm: a long short-term memory layer over the whole sequence, formulas as in kernels/lstm.h
 *
 *   x [B,T,4·units]: the input's projection, bias included (a linear op before this one), gates in the order i, f, g, o
 *   U [4·units, units];  h [B,T,units], h[b,−1,:] = c[b,−1,:] = 0
 *   In training the gates, which take x's memory where nobody else reads it, and the cells c are kept; backward through
 *   time then makes dx in the gates' memory, and dU.
 *
 * The recurrence computes in f32; tensors of other dtypes are widened into the workspace. */
#include "models/kernels/lstm.h"
#include "models/ops/ops.h"
#include "models/ops/widened.h"

enum { X, U };
/* Outputs: the hidden states alone, or, in training, these. The gates come first: they may live in x's memory. */
enum { GATES, HIDDEN, CELLS };

/* What a unit does at a step besides the product with U: four sums and their activations, tanh(c), three products and a
 * sum. */
static const double FLOPS_OF_UNIT = 13, GRADIENT_FLOPS_OF_UNIT = 26;

static bool infer_lstm(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X), u = *node_input(graph, node, U);
    if (x.rank != 3 || u.rank != 2 || u.dims[0] != x.dims[2] || u.dims[0] != 4 * u.dims[1])
        return error_set(error, ERROR_INPUT, "takes x [B,T,4·units] and u [4·units,units]");
    const int64_t hidden[] = {x.dims[0], x.dims[1], u.dims[1]};
    if (graph->training)
        graph_output(graph, node, x.dtype, 3, x.dims);
    graph_output(graph, node, x.dtype, 3, hidden);
    if (graph->training)
        graph_output(graph, node, x.dtype, 3, hidden);
    return true;
}

static int hidden_output(const struct node *node)
{
    return node->output_count > 1 ? HIDDEN : 0;
}

static struct lstm describe(const struct tensor *hidden)
{
    return (struct lstm){
        .batch = (size_t)hidden->dims[0], .steps = (size_t)hidden->dims[1], .units = (size_t)hidden->dims[2]};
}

/* Room of the cells when nobody keeps them. */
static size_t cells_bytes(const struct tensor *hidden)
{
    return ((size_t)tensor_elements(hidden) * sizeof(float) + 63) / 64 * 64;
}

static size_t workspace_lstm(const struct graph *graph, const struct node *node, int threads)
{
    const struct tensor *x = node_input(graph, node, X), *u = node_input(graph, node, U);
    const struct tensor *hidden = node_output(graph, node, hidden_output(node));
    const struct lstm lstm = describe(hidden);
    return 2 * widened_bytes(x) + widened_bytes(u) + widened_bytes(hidden) + cells_bytes(hidden) +
           lstm_workspace(&lstm, threads);
}

static void run_lstm(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, X), *u = node_input(call->graph, call->node, U);
    const int at = hidden_output(call->node);
    const struct tensor *hidden = node_output(call->graph, call->node, at);
    const bool keeps = call->node->output_count > 1;
    struct lstm lstm = describe(hidden);
    char *room = call->workspace;
    lstm.x = widened_read(call, x, call->inputs[X], &room);
    lstm.u = widened_read(call, u, call->inputs[U], &room);
    lstm.h = widened_target(hidden, call->outputs[at], &room);
    if (keeps) {
        lstm.gates = widened_target(x, call->outputs[GATES], &room);
        lstm.c = widened_target(hidden, call->outputs[CELLS], &room);
    } else {
        lstm.c = (float *)room;
        room += cells_bytes(hidden);
    }
    if (call->reference)
        lstm_reference(&lstm);
    else
        lstm_run(&lstm, room, call->threads);
    widened_commit(call, hidden, lstm.h, call->outputs[at]);
    if (keeps) {
        widened_commit(call, x, lstm.gates, call->outputs[GATES]);
        widened_commit(call, hidden, lstm.c, call->outputs[CELLS]);
    }
}

static struct cost recurrent_cost(const struct tensor *hidden, double per_unit)
{
    double units = (double)tensor_columns(hidden), cells = (double)tensor_elements(hidden);
    return (struct cost){.flops = cells * (2 * 4 * units + per_unit)};
}

static struct cost cost_lstm(const struct graph *graph, const struct node *node)
{
    return recurrent_cost(node_output(graph, node, hidden_output(node)), FLOPS_OF_UNIT);
}

static const struct op op_lstm_gradient;

static void gradient_lstm(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    int inputs[] = {node->outputs[GATES], node->inputs[U], node->outputs[HIDDEN], node->outputs[CELLS], dy[HIDDEN]};
    int made = graph_append(graph, &op_lstm_gradient, node->name, inputs, 5, NULL);
    if (made == NO_NODE)
        return;
    dx[X] = graph->nodes[made].outputs[0];
    dx[U] = graph->nodes[made].outputs[1];
}

const struct op op_lstm = {.name = "lstm",
                           .help = "long short-term memory layer over a whole sequence",
                           .infer = infer_lstm,
                           .cost = cost_lstm,
                           .gradient = gradient_lstm,
                           .in_place = 1 << X,
                           .workspace = workspace_lstm,
                           .run = run_lstm};

int build_lstm(struct graph *graph, const char *name, int x, int u)
{
    int made = graph_append(graph, &op_lstm, name, (int[]){x, u}, 2, NULL);
    return made == NO_NODE ? NO_TENSOR : graph->nodes[made].outputs[hidden_output(&graph->nodes[made])];
}

/* ---- gradient ---- */

enum { KEPT_GATES, KEPT_U, KEPT_HIDDEN, KEPT_CELLS, DH };

static bool infer_lstm_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor gates = *node_input(graph, node, KEPT_GATES), u = *node_input(graph, node, KEPT_U);
    graph_output(graph, node, gates.dtype, 3, gates.dims);
    graph_output(graph, node, DTYPE_F32, 2, u.dims);
    return true;
}

static size_t workspace_lstm_gradient(const struct graph *graph, const struct node *node, int threads)
{
    const struct tensor *hidden = node_input(graph, node, KEPT_HIDDEN);
    const struct lstm_gradient gradient = {.forward = describe(hidden)};
    return 2 * widened_bytes(node_input(graph, node, KEPT_GATES)) + widened_bytes(node_input(graph, node, KEPT_U)) +
           3 * widened_bytes(hidden) + lstm_gradient_workspace(&gradient, threads);
}

static void run_lstm_gradient(const struct call *call)
{
    const struct tensor *gates = node_input(call->graph, call->node, KEPT_GATES);
    const struct tensor *u = node_input(call->graph, call->node, KEPT_U);
    const struct tensor *hidden = node_input(call->graph, call->node, KEPT_HIDDEN);
    struct lstm_gradient gradient = {.forward = describe(hidden), .du = call->outputs[1]};
    char *room = call->workspace;
    gradient.forward.gates = (float *)widened_read(call, gates, call->inputs[KEPT_GATES], &room);
    gradient.forward.u = widened_read(call, u, call->inputs[KEPT_U], &room);
    gradient.forward.h = (float *)widened_read(call, hidden, call->inputs[KEPT_HIDDEN], &room);
    gradient.forward.c = (float *)widened_read(call, hidden, call->inputs[KEPT_CELLS], &room);
    gradient.dh = widened_read(call, hidden, call->inputs[DH], &room);
    gradient.dx = widened_target(gates, call->outputs[0], &room);
    if (call->reference)
        lstm_gradient_reference(&gradient);
    else
        lstm_gradient_run(&gradient, room, call->threads);
    widened_commit(call, gates, gradient.dx, call->outputs[0]);
}

static struct cost cost_lstm_gradient(const struct graph *graph, const struct node *node)
{
    const struct tensor *hidden = node_input(graph, node, KEPT_HIDDEN);
    struct cost product = recurrent_cost(hidden, 0);
    return (struct cost){.flops = 2 * product.flops + GRADIENT_FLOPS_OF_UNIT * (double)tensor_elements(hidden)};
}

static const struct op op_lstm_gradient = {.name = "lstm_gradient",
                                           .help = "gradient of lstm: backward through time",
                                           .infer = infer_lstm_gradient,
                                           .cost = cost_lstm_gradient,
                                           .in_place = 1 << KEPT_GATES,
                                           .workspace = workspace_lstm_gradient,
                                           .run = run_lstm_gradient};
