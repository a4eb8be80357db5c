/* rnn: h[b,t,:] = f(x[b,t,:] + h[b,t−1,:] · Uᵀ), h[b,−1,:] = 0: a simple (Elman) layer over the whole sequence
 *
 *   x [B,T,units]: the input's projection, bias included (a linear op before this one); U [units, units];  h as x
 *   backward through time: da[t] = (dh[t] + da[t+1] · U) · f'(h[t]);  dx = da;  dU = Σ da[t]ᵀ · h[t−1]
 *
 * The recurrence computes in f32; x, h and U of other dtypes are widened into the workspace. */
#include "models/kernels/recurrent.h"
#include "models/ops/ops.h"
#include "models/ops/storage.h"
#include "models/ops/widened.h"

enum { X, U };

static bool infer_rnn(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X), u = *node_input(graph, node, U);
    if (x.rank != 3 || u.rank != 2 || u.dims[0] != x.dims[2] || u.dims[1] != x.dims[2])
        return error_set(error, ERROR_INPUT, "takes x [B,T,units] and u [units,units]");
    return graph_output(graph, node, x.dtype, 3, x.dims) != NO_TENSOR;
}

static struct recurrent describe(const struct tensor *x, const struct attributes *attributes)
{
    return (struct recurrent){.batch = (size_t)x->dims[0],
                              .steps = (size_t)x->dims[1],
                              .units = (size_t)x->dims[2],
                              .activation = (enum activation)attributes->activation};
}

static size_t workspace_rnn(const struct graph *graph, const struct node *node, int threads)
{
    const struct tensor *x = node_input(graph, node, X), *u = node_input(graph, node, U);
    struct recurrent recurrent = describe(x, &node->attributes);
    return 2 * widened_bytes(x) + widened_bytes(u) + recurrent_workspace(&recurrent, threads);
}

static void run_rnn(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, X), *u = node_input(call->graph, call->node, U);
    struct recurrent recurrent = describe(x, &call->node->attributes);
    char *room = call->workspace;
    recurrent.x = widened_read(call, x, call->inputs[X], &room);
    recurrent.u = widened_read(call, u, call->inputs[U], &room);
    recurrent.h = widened_target(x, call->outputs[0], &room);
    if (call->reference)
        recurrent_reference(&recurrent);
    else
        recurrent_run(&recurrent, room, call->threads);
    widened_commit(call, x, recurrent.h, call->outputs[0]);
}

static struct cost cost_rnn(const struct graph *graph, const struct node *node)
{
    const struct tensor *x = node_input(graph, node, X);
    return (struct cost){.flops = (double)tensor_rows(x) * 2 * (double)x->dims[2] * (double)x->dims[2]};
}

static const struct op op_rnn_gradient;

static void gradient_rnn(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    int inputs[] = {node->outputs[0], node->inputs[U], dy[0]};
    int made = graph_append(graph, &op_rnn_gradient, node->name, inputs, 3, &node->attributes);
    if (made == NO_NODE)
        return;
    dx[X] = graph->nodes[made].outputs[0];
    dx[U] = graph->nodes[made].outputs[1];
}

const struct op op_rnn = {.name = "rnn",
                          .help = "simple recurrent layer over a whole sequence",
                          .infer = infer_rnn,
                          .cost = cost_rnn,
                          .gradient = gradient_rnn,
                          .in_place = 1 << X,
                          .workspace = workspace_rnn,
                          .run = run_rnn};

int build_rnn(struct graph *graph, const char *name, int x, int u, enum activation activation)
{
    const struct attributes attributes = {.activation = activation};
    return node_first_output(graph, graph_append(graph, &op_rnn, name, (int[]){x, u}, 2, &attributes));
}

/* ---- gradient ---- */

enum { H, SAVED_U, DH };

static bool infer_rnn_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor h = *node_input(graph, node, H);
    graph_output(graph, node, h.dtype, 3, h.dims);
    graph_output(graph, node, DTYPE_F32, 2, (int64_t[]){h.dims[2], h.dims[2]});
    return true;
}

static size_t workspace_rnn_gradient(const struct graph *graph, const struct node *node, int threads)
{
    const struct tensor *h = node_input(graph, node, H), *u = node_input(graph, node, SAVED_U);
    struct recurrent_gradient gradient = {.forward = describe(h, &node->attributes)};
    return 3 * widened_bytes(h) + widened_bytes(u) + recurrent_gradient_workspace(&gradient, threads);
}

static void run_rnn_gradient(const struct call *call)
{
    const struct tensor *h = node_input(call->graph, call->node, H), *u = node_input(call->graph, call->node, SAVED_U);
    struct recurrent_gradient gradient = {.forward = describe(h, &call->node->attributes), .du = call->outputs[1]};
    char *room = call->workspace;
    gradient.forward.h = (float *)widened_read(call, h, call->inputs[H], &room);
    gradient.forward.u = widened_read(call, u, call->inputs[SAVED_U], &room);
    gradient.dh = widened_read(call, h, call->inputs[DH], &room);
    gradient.dx = widened_target(h, call->outputs[0], &room);
    if (call->reference)
        recurrent_gradient_reference(&gradient);
    else
        recurrent_gradient_run(&gradient, room, call->threads);
    widened_commit(call, h, gradient.dx, call->outputs[0]);
}

static struct cost cost_rnn_gradient(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 2 * cost_rnn(graph, node).flops};
}

static const struct op op_rnn_gradient = {.name = "rnn_gradient",
                                          .help = "gradient of rnn: backward through time",
                                          .infer = infer_rnn_gradient,
                                          .cost = cost_rnn_gradient,
                                          .in_place = 1 << DH,
                                          .workspace = workspace_rnn_gradient,
                                          .run = run_rnn_gradient};
