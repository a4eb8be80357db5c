/* y = a · b;  da = dy · b, db = dy · a */
#include "models/ops/ops.h"
#include "models/ops/pieces.h"

static void multiply_piece(const struct call *call, const struct elementwise_kernels *kernels, const float *a,
                           const float *b, float *y, size_t first, size_t count)
{
    (void)call, (void)first;
    kernels->multiply(a, b, y, count);
}

static void run_multiply(const struct call *call)
{
    pieces_run(call, multiply_piece);
}

static void gradient_multiply(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    if (wanted[0])
        dx[0] = build_multiply(graph, node->name, dy[0], node->inputs[1]);
    if (wanted[1])
        dx[1] = build_multiply(graph, node->name, dy[0], node->inputs[0]);
}

const struct op op_multiply = {.name = "multiply",
                               .help = "product of two tensors, element by element",
                               .infer = pieces_infer,
                               .cost = pieces_cost,
                               .gradient = gradient_multiply,
                               .in_place = 3,
                               .workspace = pieces_workspace,
                               .run = run_multiply};

int build_multiply(struct graph *graph, const char *name, int a, int b)
{
    return node_first_output(graph, graph_append(graph, &op_multiply, name, (int[]){a, b}, 2, NULL));
}
