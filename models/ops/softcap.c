/* softcap: y = c · tanh(x / c), which keeps logits within ±c (Gemma 2: Riviere et al. 2024);
 * dx = dy · (1 − (y/c)²) */
#include "models/ops/ops.h"
#include "models/ops/pieces.h"

static void softcap_piece(const struct call *call, const struct elementwise_kernels *kernels, const float *a,
                          const float *b, float *y, size_t first, size_t count)
{
    (void)b, (void)first;
    float cap = call->node->attributes.softcap;
    kernels->scale(a, 1 / cap, y, count);
    kernels->activate(ACTIVATION_TANH, y, y, count);
    kernels->scale(y, cap, y, count);
}

static void run_softcap(const struct call *call)
{
    pieces_run(call, softcap_piece);
}

static void gradient_piece(const struct call *call, const struct elementwise_kernels *kernels, const float *a,
                           const float *b, float *y, size_t first, size_t count)
{
    (void)first;
    kernels->scale(a, 1 / call->node->attributes.softcap, y, count);
    kernels->activate_gradient_from_output(ACTIVATION_TANH, y, b, y, count);
}

static void run_gradient(const struct call *call)
{
    pieces_run(call, gradient_piece);
}

/* In the memory of y, not of dy, which is read after the result's has been written to. */
static const struct op op_softcap_gradient = {.name = "softcap_gradient",
                                              .help = "gradient of softcap",
                                              .infer = pieces_infer,
                                              .cost = pieces_cost,
                                              .in_place = 1,
                                              .workspace = pieces_workspace,
                                              .run = run_gradient};

static void gradient_softcap(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    int inputs[] = {node->outputs[0], dy[0]};
    dx[0] =
        node_first_output(graph, graph_append(graph, &op_softcap_gradient, node->name, inputs, 2, &node->attributes));
}

const struct op op_softcap = {.name = "softcap",
                              .help = "bends each element to within a cap",
                              .infer = pieces_infer,
                              .cost = pieces_cost,
                              .gradient = gradient_softcap,
                              .in_place = 1,
                              .workspace = pieces_workspace,
                              .run = run_softcap};

int build_softcap(struct graph *graph, const char *name, int x, float cap)
{
    const struct attributes attributes = {.softcap = cap};
    return node_first_output(graph, graph_append(graph, &op_softcap, name, &x, 1, &attributes));
}
