/* y = a + b;  da = dy, db = dy */
#include "models/ops/ops.h"
#include "models/ops/pieces.h"

static void add_piece(const struct call *call, const struct elementwise_kernels *kernels, const float *a,
                      const float *b, float *y, size_t first, size_t count)
{
    (void)call, (void)first;
    kernels->add(a, b, y, count);
}

static void run_add(const struct call *call)
{
    pieces_run(call, add_piece);
}

static void gradient_add(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)graph, (void)node, (void)wanted;
    dx[0] = dx[1] = dy[0];
}

const struct op op_add = {.name = "add",
                          .help = "sum of two tensors",
                          .infer = pieces_infer,
                          .cost = pieces_cost,
                          .gradient = gradient_add,
                          .in_place = 3,
                          .workspace = pieces_workspace,
                          .run = run_add};

int build_add(struct graph *graph, const char *name, int a, int b)
{
    return node_first_output(graph, graph_append(graph, &op_add, name, (int[]){a, b}, 2, NULL));
}
