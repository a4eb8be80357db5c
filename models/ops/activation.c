/* y = f(x);  dx = dy · f'(x), from x, or from y where that suffices. Formulas: kernels/elementwise.h. */
#include "models/ops/ops.h"
#include "models/ops/pieces.h"

bool activation_gradient_from_output(enum activation kind)
{
    return kind == ACTIVATION_RELU || kind == ACTIVATION_TANH || kind == ACTIVATION_SIGMOID ||
           kind == ACTIVATION_RELU6 || kind == ACTIVATION_HARD_SIGMOID;
}

static void activation_piece(const struct call *call, const struct elementwise_kernels *kernels, const float *a,
                             const float *b, float *y, size_t first, size_t count)
{
    (void)b, (void)first;
    kernels->activate((enum activation)call->node->attributes.activation, a, y, count);
}

static void run_activation(const struct call *call)
{
    pieces_run(call, activation_piece);
}

static void gradient_activation(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                int *dx)
{
    (void)wanted;
    enum activation kind = (enum activation)node->attributes.activation;
    int saved = activation_gradient_from_output(kind) ? node->outputs[0] : node->inputs[0];
    dx[0] = build_activation_gradient(graph, node->name, saved, dy[0], kind);
}

const struct op op_activation = {.name = "activation",
                                 .help = "relu, gelu, silu, tanh, sigmoid or a relative of theirs, of each element",
                                 .infer = pieces_infer,
                                 .cost = pieces_cost,
                                 .gradient = gradient_activation,
                                 .in_place = 1,
                                 .workspace = pieces_workspace,
                                 .run = run_activation};

int build_activation(struct graph *graph, const char *name, int x, enum activation kind)
{
    const struct attributes attributes = {.activation = kind};
    return node_first_output(graph, graph_append(graph, &op_activation, name, &x, 1, &attributes));
}

static void activation_gradient_piece(const struct call *call, const struct elementwise_kernels *kernels,
                                      const float *a, const float *b, float *y, size_t first, size_t count)
{
    (void)first;
    enum activation kind = (enum activation)call->node->attributes.activation;
    if (activation_gradient_from_output(kind))
        kernels->activate_gradient_from_output(kind, a, b, y, count);
    else
        kernels->activate_gradient(kind, a, b, y, count);
}

static void run_activation_gradient(const struct call *call)
{
    pieces_run(call, activation_gradient_piece);
}

const struct op op_activation_gradient = {.name = "activation_gradient",
                                          .help = "gradient of an activation",
                                          .infer = pieces_infer,
                                          .cost = pieces_cost,
                                          .in_place = 3,
                                          .workspace = pieces_workspace,
                                          .run = run_activation_gradient};

int build_activation_gradient(struct graph *graph, const char *name, int x_or_y, int dy, enum activation kind)
{
    const struct attributes attributes = {.activation = kind};
    return node_first_output(graph,
                             graph_append(graph, &op_activation_gradient, name, (int[]){x_or_y, dy}, 2, &attributes));
}
