/* random_forest_train, random_forest_predict: models/kernels/forest.h, as ops
 *
 *   train:    x [N, F], labels [N] i32, forest [trees, capacity, 2] i32, grown anew at every step; the forest again
 *   predict:  x [N, F], forest;  y [N, 1] = mean over the trees of class 1's share in the leaf
 *
 * Both depend on the data. The cost counts trees that halve their rows down to single ones, log₂ of the rows deep,
 * which is less than what grows from noisy labels. Training: at every depth each of a bootstrap sample's different
 * rows, 63 % of N, is counted for √F features, 2 operations (a row, and its class) and a byte of code each. Prediction:
 * at every depth a comparison and a step to a child, 2 operations, for each row and tree. Memory: every tensor once. */
#include "models/kernels/forest.h"

#include <math.h>
#include <omp.h>

#include "harness/base/random.h"
#include "models/ops/ops.h"

static const double SAMPLE = 0.632; /* 1 − 1/e */

static bool fits(const struct tensor *x, const struct tensor *forest, struct error *error)
{
    if (x->dtype != DTYPE_F32 || forest->dtype != DTYPE_I32 || forest->rank != 3 || forest->dims[2] != 2)
        return error_set(error, ERROR_INPUT, "takes features in f32 and a forest of i32 [trees, nodes, 2]");
    if (tensor_columns(x) > FOREST_MOST_COLUMNS || tensor_rows(x) > FOREST_MOST_ROWS)
        return error_set(error, ERROR_INPUT, "takes at most %d rows of %d features, not %lld of %lld", FOREST_MOST_ROWS,
                         FOREST_MOST_COLUMNS, (long long)tensor_rows(x), (long long)tensor_columns(x));
    return true;
}

/* ---- train ---- */

enum { X, LABELS, FOREST };

static bool infer_train(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X), labels = *node_input(graph, node, LABELS);
    const struct tensor forest = *node_input(graph, node, FOREST);
    if (!fits(&x, &forest, error))
        return false;
    if (labels.dtype != DTYPE_I32 || tensor_elements(&labels) != tensor_rows(&x))
        return error_set(error, ERROR_INPUT, "has %lld rows and %lld labels", (long long)tensor_rows(&x),
                         (long long)tensor_elements(&labels));
    graph_alias(graph, graph_output(graph, node, DTYPE_I32, forest.rank, forest.dims), node->inputs[FOREST]);
    return true;
}

static size_t workspace_train(const struct graph *graph, const struct node *node, int threads)
{
    const struct tensor *x = node_input(graph, node, X), *forest = node_input(graph, node, FOREST);
    return forest_workspace((size_t)tensor_rows(x), (size_t)tensor_columns(x), (size_t)forest->dims[1], threads);
}

static void run_train(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, X);
    const struct tensor *forest = node_input(call->graph, call->node, FOREST);
    const struct forest_problem problem = {.x = call->inputs[X],
                                           .labels = call->inputs[LABELS],
                                           .rows = (size_t)tensor_rows(x),
                                           .columns = (size_t)tensor_columns(x),
                                           .trees = (size_t)forest->dims[0],
                                           .capacity = (size_t)forest->dims[1],
                                           .key = call->node->attributes.key};
    if (call->reference)
        forest_train_reference(&problem, call->inputs[FOREST], call->workspace);
    else
        forest_train(&problem, call->inputs[FOREST], call->workspace, call->threads);
}

static double depth_of(double rows)
{
    return rows > 2 ? log2(rows) : 1;
}

static struct cost cost_train(const struct graph *graph, const struct node *node)
{
    const struct tensor *x = node_input(graph, node, X), *forest = node_input(graph, node, FOREST);
    double sample = SAMPLE * (double)tensor_rows(x), trees = (double)forest->dims[0];
    double visits = trees * depth_of(sample) * sample * (double)forest_draws((size_t)tensor_columns(x));
    return (struct cost){.flops = 2 * visits,
                         .bytes_read =
                             (double)tensor_bytes(x) + (double)tensor_bytes(node_input(graph, node, LABELS)) + visits,
                         .bytes_written = (double)tensor_bytes(forest)};
}

const struct op op_random_forest_train = {.name = "random_forest_train",
                                          .help = "grows the trees of a random forest",
                                          .infer = infer_train,
                                          .cost = cost_train,
                                          .workspace = workspace_train,
                                          .run = run_train};

int build_random_forest_train(struct graph *graph, const char *name, int x, int labels, int forest)
{
    const struct attributes attributes = {.key = random_key(graph->seed, name)};
    return node_first_output(
        graph, graph_append(graph, &op_random_forest_train, name, (int[]){x, labels, forest}, 3, &attributes));
}

/* ---- predict ---- */

enum { TREES = 1 };
/* Rows of a thread's turn. */
static const size_t TURN = 1024;

static bool infer_predict(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X), forest = *node_input(graph, node, TREES);
    return fits(&x, &forest, error) &&
           graph_output(graph, node, DTYPE_F32, 2, (int64_t[]){tensor_rows(&x), 1}) != NO_TENSOR;
}

static void run_predict(const struct call *call)
{
    const struct forest_kernels *kernels = call->reference ? &forest_kernels_plain : forest_kernels();
    const struct tensor *x = node_input(call->graph, call->node, X);
    const struct tensor *forest = node_input(call->graph, call->node, TREES);
    const size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x), threads = (size_t)call->threads;
    /* A turn is what stays in cache, or each thread's even share of fewer rows. */
    const size_t share = (rows + threads - 1) / threads, turn = share < TURN ? (share + 15) / 16 * 16 : TURN;
#pragma omp parallel for schedule(dynamic, 1) num_threads(call->threads) if (rows > turn)
    for (size_t first = 0; first < rows; first += turn)
        kernels->predict(call->inputs[TREES], (size_t)forest->dims[0], (size_t)forest->dims[1],
                         (const float *)call->inputs[X] + first * columns, rows - first < turn ? rows - first : turn,
                         columns, (float *)call->outputs[0] + first);
}

static struct cost cost_predict(const struct graph *graph, const struct node *node)
{
    const struct tensor *x = node_input(graph, node, X), *forest = node_input(graph, node, TREES);
    double depth = depth_of((double)forest->dims[1] / 2);
    return (struct cost){.flops = 2 * depth * (double)tensor_rows(x) * (double)forest->dims[0]};
}

const struct op op_random_forest_predict = {.name = "random_forest_predict",
                                            .help = "mean over the trees of the leaf that each row comes to",
                                            .infer = infer_predict,
                                            .cost = cost_predict,
                                            .run = run_predict};

int build_random_forest_predict(struct graph *graph, const char *name, int x, int forest)
{
    return node_first_output(graph, graph_append(graph, &op_random_forest_predict, name, (int[]){x, forest}, 2, NULL));
}
