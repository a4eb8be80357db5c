/* y = factor · x;  dx = factor · dy */
#include "models/ops/ops.h"
#include "models/ops/pieces.h"

static void scale_piece(const struct call *call, const struct elementwise_kernels *kernels, const float *a,
                        const float *b, float *y, size_t first, size_t count)
{
    (void)b, (void)first;
    kernels->scale(a, call->node->attributes.scale, y, count);
}

static void run_scale(const struct call *call)
{
    pieces_run(call, scale_piece);
}

static void gradient_scale(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    dx[0] = build_scale(graph, node->name, dy[0], node->attributes.scale);
}

const struct op op_scale = {.name = "scale",
                            .help = "a tensor times a number",
                            .infer = pieces_infer,
                            .cost = pieces_cost,
                            .gradient = gradient_scale,
                            .in_place = 1,
                            .workspace = pieces_workspace,
                            .run = run_scale};

int build_scale(struct graph *graph, const char *name, int x, float factor)
{
    const struct attributes attributes = {.scale = factor};
    return node_first_output(graph, graph_append(graph, &op_scale, name, &x, 1, &attributes));
}
