/* cross_entropy: loss = mean over rows of (log Σ exp(x) − x[target])
 *
 *   x [..., C] logits, targets [...] i32; a negative target's row is ignored and not counted;  loss [1]
 *   log_sum [...] and the number of counted rows [1] are kept for the gradient;
 *   dx = (softmax(x) − onehot(target)) / counted, written over the logits where nobody needs them any more. */
#include <math.h>
#include <omp.h>

#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { LOGITS, TARGETS, LOG_SUM, COUNTED };

static bool infer_cross_entropy(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, LOGITS), targets = *node_input(graph, node, TARGETS);
    if (targets.dtype != DTYPE_I32 || tensor_elements(&targets) != tensor_rows(&x))
        return error_set(error, ERROR_INPUT, "has %lld rows of logits and %lld targets", (long long)tensor_rows(&x),
                         (long long)tensor_elements(&targets));
    int64_t one = 1;
    graph_output(graph, node, DTYPE_F32, 1, &one);
    graph_output(graph, node, DTYPE_F32, 2, (int64_t[]){2, tensor_rows(&x)}); /* log_sum, and each row's loss */
    graph_output(graph, node, DTYPE_F32, 1, &one);
    return true;
}

/* Rows that one call of the kernel takes: with few classes a call a row would cost more than the row. */
static size_t rows_at_once(size_t columns)
{
    return columns < STORAGE_PIECE ? STORAGE_PIECE / columns : 1;
}

static size_t workspace_cross_entropy(const struct graph *graph, const struct node *node, int threads)
{
    size_t columns = (size_t)tensor_columns(node_input(graph, node, LOGITS));
    return storage_buffers(graph, node, threads, rows_at_once(columns) * columns);
}

static void run_cross_entropy(const struct call *call)
{
    const struct elementwise_kernels *convert = call_elementwise(call);
    const struct row_kernels *kernels = call_rows(call);
    const struct tensor *x = node_input(call->graph, call->node, LOGITS);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x), block = rows_at_once(columns);
    const int32_t *targets = call->inputs[TARGETS];
    float *log_sum = call->outputs[1], *losses = log_sum + rows;
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r += block) {
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * block * columns;
        size_t some = rows - r < block ? rows - r : block;
        const float *row = storage_read(convert, call->inputs[LOGITS], x->dtype, r * columns, some * columns, buffer);
        kernels->cross_entropy(row, targets + r, losses + r, log_sum + r, some, columns);
    }
    double sum = 0;
    size_t counted = 0;
    for (size_t r = 0; r < rows; r++) {
        sum += (double)losses[r];
        counted += targets[r] >= 0;
    }
    *(float *)call->outputs[2] = (float)counted;
    *(float *)call->outputs[0] = counted ? (float)(sum / (double)counted) : NAN;
}

static struct cost cost_cross_entropy(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 4.0 * (double)tensor_elements(node_input(graph, node, LOGITS))};
}

static const struct op op_cross_entropy_gradient;

static void gradient_cross_entropy(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                   int *dx)
{
    (void)dy, (void)wanted; /* the loss's own gradient is 1 */
    int inputs[] = {node->inputs[LOGITS], node->inputs[TARGETS], node->outputs[1], node->outputs[2]};
    dx[LOGITS] = node_first_output(graph, graph_append(graph, &op_cross_entropy_gradient, node->name, inputs, 4, NULL));
}

const struct op op_cross_entropy = {.name = "cross_entropy",
                                    .help = "negative log-likelihood of the target under softmax(logits)",
                                    .infer = infer_cross_entropy,
                                    .cost = cost_cross_entropy,
                                    .gradient = gradient_cross_entropy,
                                    .workspace = workspace_cross_entropy,
                                    .run = run_cross_entropy};

int build_cross_entropy(struct graph *graph, const char *name, int logits, int targets)
{
    return node_first_output(graph, graph_append(graph, &op_cross_entropy, name, (int[]){logits, targets}, 2, NULL));
}

/* ---- gradient ---- */

static bool infer_cross_entropy_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor x = *node_input(graph, node, LOGITS);
    return graph_output(graph, node, x.dtype, x.rank, x.dims) != NO_TENSOR;
}

static void run_cross_entropy_gradient(const struct call *call)
{
    const struct elementwise_kernels *convert = call_elementwise(call);
    const struct row_kernels *kernels = call_rows(call);
    const struct tensor *x = node_input(call->graph, call->node, LOGITS);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x), block = rows_at_once(columns);
    const int32_t *targets = call->inputs[TARGETS];
    const float *log_sum = call->inputs[LOG_SUM], counted = *(const float *)call->inputs[COUNTED];
    float scale = counted > 0 ? 1.0f / counted : 0;
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r += block) {
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * block * columns;
        size_t some = rows - r < block ? rows - r : block;
        const float *row = storage_read(convert, call->inputs[LOGITS], x->dtype, r * columns, some * columns, buffer);
        float *out = storage_target(call->outputs[0], x->dtype, r * columns, buffer);
        kernels->cross_entropy_gradient(row, targets + r, log_sum + r, scale, out, some, columns);
        storage_commit(convert, call->outputs[0], x->dtype, r * columns, some * columns, out);
    }
}

static const struct op op_cross_entropy_gradient = {.name = "cross_entropy_gradient",
                                                    .help = "gradient of cross_entropy",
                                                    .infer = infer_cross_entropy_gradient,
                                                    .cost = cost_cross_entropy,
                                                    .in_place = 1 << LOGITS,
                                                    .workspace = workspace_cross_entropy,
                                                    .run = run_cross_entropy_gradient};
