/* In training y = keep ? x / (1 − rate) : 0, keep drawn by a counter-based generator keyed by name and step, so that
 * the gradient (and a recomputed forward) sees the same mask: dx = keep ? dy / (1 − rate) : 0.  (Srivastava et al.
 * 2014) */
#include "harness/base/random.h"
#include "models/ops/ops.h"
#include "models/ops/pieces.h"

static void dropout_piece(const struct call *call, const struct elementwise_kernels *kernels, const float *a,
                          const float *b, float *y, size_t first, size_t count)
{
    (void)b;
    const struct attributes *attributes = &call->node->attributes;
    kernels->dropout(random_mix(attributes->key + call->step), first, attributes->rate, a, y, count);
}

static void run_dropout(const struct call *call)
{
    pieces_run(call, dropout_piece);
}

static void gradient_dropout(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    dx[0] = node_first_output(graph, graph_append(graph, node->op, node->name, &dy[0], 1, &node->attributes));
}

const struct op op_dropout = {.name = "dropout",
                              .help = "zeroes elements at random in training",
                              .infer = pieces_infer,
                              .cost = pieces_cost,
                              .gradient = gradient_dropout,
                              .in_place = 1,
                              .workspace = pieces_workspace,
                              .run = run_dropout};

int build_dropout(struct graph *graph, const char *name, int x, float rate)
{
    if (!graph->training || rate <= 0)
        return x;
    if (!(rate < 1)) {
        error_set(&graph->error, ERROR_INPUT, "%s (dropout): rate %g is not below 1", name, (double)rate);
        return NO_TENSOR;
    }
    const struct attributes attributes = {.rate = rate, .key = random_key(graph->seed, name)};
    return node_first_output(graph, graph_append(graph, &op_dropout, name, &x, 1, &attributes));
}
