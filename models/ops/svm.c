/* linear_svm_train: the whole training of a linear support vector machine (models/kernels/svm.h)
 *
 *   x [N, F], labels [N] i32 (0 or 1), weight [1, F] and bias [1], which it fills from nothing at every step;
 *   objective [1] = ½ (‖weight‖² + bias²) + C Σ max(0, 1 − y (weight·x + bias))²;  the weight and the bias again
 *
 * Its work depends on the data. The cost counts what a table of many more rows than columns usually takes: three of
 * Newton's steps, each with two passes over the rows of one multiply-add an element, after a first one, and the second
 * derivative, F² / 2 multiply-adds a row, for every row once and for a third again; of memory those passes. */
#include "models/kernels/svm.h"

#include "models/ops/ops.h"

enum { X, LABELS, WEIGHT, BIAS };
enum { OBJECTIVE };

static const double USUAL_STEPS = 3, USUAL_SQUARES = 4.0 / 3;

static bool infer_svm(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X), labels = *node_input(graph, node, LABELS);
    const struct tensor weight = *node_input(graph, node, WEIGHT), bias = *node_input(graph, node, BIAS);
    if (x.dtype != DTYPE_F32 || labels.dtype != DTYPE_I32 || weight.dtype != DTYPE_F32 || bias.dtype != DTYPE_F32)
        return error_set(error, ERROR_INPUT, "takes features and weights in f32 and labels in i32");
    if (tensor_elements(&labels) != tensor_rows(&x) || tensor_elements(&weight) != tensor_columns(&x))
        return error_set(error, ERROR_INPUT, "has %lld rows of %lld features, %lld labels and %lld weights",
                         (long long)tensor_rows(&x), (long long)tensor_columns(&x), (long long)tensor_elements(&labels),
                         (long long)tensor_elements(&weight));
    graph_output(graph, node, DTYPE_F32, 1, (int64_t[]){1});
    graph_alias(graph, graph_output(graph, node, DTYPE_F32, weight.rank, weight.dims), node->inputs[WEIGHT]);
    graph_alias(graph, graph_output(graph, node, DTYPE_F32, bias.rank, bias.dims), node->inputs[BIAS]);
    return true;
}

static size_t weights_bytes(const struct tensor *x)
{
    return ((size_t)tensor_columns(x) + 1 + 15) / 16 * 16 * sizeof(float);
}

static size_t workspace_svm(const struct graph *graph, const struct node *node, int threads)
{
    (void)threads;
    const struct tensor *x = node_input(graph, node, X);
    return weights_bytes(x) + svm_workspace((size_t)tensor_rows(x), (size_t)tensor_columns(x));
}

static void run_svm(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, X);
    const struct svm_problem problem = {.x = call->inputs[X],
                                        .labels = call->inputs[LABELS],
                                        .rows = (size_t)tensor_rows(x),
                                        .columns = (size_t)tensor_columns(x),
                                        .cost = (double)call->node->attributes.scale};
    float *w = call->workspace, *weight = call->inputs[WEIGHT], *bias = call->inputs[BIAS];
    void *room = (char *)call->workspace + weights_bytes(x);
    double objective =
        call->reference ? svm_train_reference(&problem, w, room) : svm_train(&problem, w, room, call->threads);
    for (size_t c = 0; c < problem.columns; c++)
        weight[c] = w[c];
    *bias = w[problem.columns];
    *(float *)call->outputs[OBJECTIVE] = (float)objective;
}

static struct cost cost_svm(const struct graph *graph, const struct node *node)
{
    const struct tensor *x = node_input(graph, node, X);
    double elements = (double)tensor_elements(x), columns = (double)tensor_columns(x);
    return (struct cost){.flops = elements * (USUAL_STEPS * 4 + USUAL_SQUARES * columns),
                         .bytes_read = (USUAL_STEPS * 2 + 1) * (double)tensor_bytes(x),
                         .bytes_written = (columns + 2) * sizeof(float)};
}

const struct op op_linear_svm_train = {.name = "linear_svm_train",
                                       .help = "trains a linear support vector machine (squared hinge loss)",
                                       .infer = infer_svm,
                                       .cost = cost_svm,
                                       .workspace = workspace_svm,
                                       .run = run_svm};

int build_linear_svm_train(struct graph *graph, const char *name, int x, int labels, int weight, int bias, float cost)
{
    const struct attributes attributes = {.scale = cost};
    return node_first_output(
        graph, graph_append(graph, &op_linear_svm_train, name, (int[]){x, labels, weight, bias}, 4, &attributes));
}
