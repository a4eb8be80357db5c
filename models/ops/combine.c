/* combine: what a row's experts made, weighted and summed
 *
 *   rows [R·k, C], weights [..., k] f32, slots [..., k] i32;  y [..., C]
 *   y[r, :] = Σ_j weights[r,j] · rows[slots[r,j], :]
 *   drows[slots[r,j], :] = weights[r,j] · dy[r, :],  dweights[r,j] = Σ_c dy[r,c] · rows[slots[r,j], c]
 *
 * Without weights they are all 1; without slots rows lie as they are: weights [..., 1] scale each. */
#include <omp.h>
#include <string.h>

#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { ROWS, WEIGHTS, SLOTS };

static bool infer_combine(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor rows = *node_input(graph, node, ROWS);
    const struct tensor *weights = node_input(graph, node, WEIGHTS), *slots = node_input(graph, node, SLOTS);
    const struct tensor *each = weights ? weights : slots;
    if (!each || tensor_elements(each) != tensor_rows(&rows) ||
        (weights && slots && tensor_elements(weights) != tensor_elements(slots)))
        return error_set(error, ERROR_INPUT, "has %lld rows, and weights or slots for %lld",
                         (long long)tensor_rows(&rows), (long long)(each ? tensor_elements(each) : 0));
    if ((weights && weights->dtype != DTYPE_F32) || (slots && slots->dtype != DTYPE_I32))
        return error_set(error, ERROR_INPUT, "takes weights in f32 and slots in i32");
    if (!slots && tensor_columns(weights) != 1)
        return error_set(error, ERROR_INPUT, "without slots has one weight for each row, not %lld",
                         (long long)tensor_columns(weights));
    struct tensor shape = *each;
    shape.dims[shape.rank - 1] = tensor_columns(&rows);
    return graph_output(graph, node, rows.dtype, shape.rank, shape.dims) != NO_TENSOR;
}

/* A row of `rows`, and the sum, as f32. */
static size_t workspace_combine(const struct graph *graph, const struct node *node, int threads)
{
    return storage_buffers(graph, node, threads, 2 * (size_t)tensor_columns(node_input(graph, node, ROWS)));
}

/* y += weight · x, a piece at a time. */
static void add_scaled(const struct elementwise_kernels *kernels, const float *x, float weight, float *y, size_t count)
{
    float scaled[STORAGE_PIECE];
    for (size_t c = 0; c < count; c += STORAGE_PIECE) {
        size_t some = count - c < STORAGE_PIECE ? count - c : STORAGE_PIECE;
        kernels->scale(x + c, weight, scaled, some);
        kernels->add(y + c, scaled, y + c, some);
    }
}

static void run_combine(const struct call *call)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    const struct tensor *y = node_output(call->graph, call->node, 0);
    size_t columns = (size_t)tensor_columns(y), rows = (size_t)tensor_rows(y);
    size_t chosen = (size_t)tensor_rows(node_input(call->graph, call->node, ROWS)) / (rows ? rows : 1);
    const float *weights = call->inputs[WEIGHTS];
    const int32_t *slots = call->inputs[SLOTS];
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * chosen * columns > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r++) {
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * 2 * columns;
        float *sum = storage_target(call->outputs[0], y->dtype, r * columns, buffer);
        for (size_t i = r * chosen; i < (r + 1) * chosen; i++) {
            size_t slot = slots ? (size_t)slots[i] : i;
            const float *row =
                storage_read(kernels, call->inputs[ROWS], y->dtype, slot * columns, columns, buffer + columns);
            if (i == r * chosen)
                kernels->scale(row, weights ? weights[i] : 1, sum, columns);
            else
                add_scaled(kernels, row, weights ? weights[i] : 1, sum, columns);
        }
        storage_commit(kernels, call->outputs[0], y->dtype, r * columns, columns, sum);
    }
}

static struct cost cost_combine(const struct graph *graph, const struct node *node)
{
    double each = node_input(graph, node, WEIGHTS) ? 2 : 1;
    return (struct cost){.flops = each * (double)tensor_elements(node_input(graph, node, ROWS))};
}

static const struct op op_combine_gradient;

static void gradient_combine(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    int inputs[] = {node->inputs[ROWS], node->inputs[WEIGHTS], node->inputs[SLOTS], dy[0]};
    int made = graph_append(graph, &op_combine_gradient, node->name, inputs, 4, NULL);
    if (made == NO_NODE)
        return;
    dx[ROWS] = graph->nodes[made].outputs[0];
    dx[WEIGHTS] = graph->nodes[made].outputs[1];
}

const struct op op_combine = {.name = "combine",
                              .help = "the weighted sum of what a row's experts made",
                              .infer = infer_combine,
                              .cost = cost_combine,
                              .gradient = gradient_combine,
                              .workspace = workspace_combine,
                              .run = run_combine};

int build_combine(struct graph *graph, const char *name, int rows, int weights, int slots)
{
    return node_first_output(graph, graph_append(graph, &op_combine, name, (int[]){rows, weights, slots}, 3, NULL));
}

/* ---- gradient, of a combination with weights ---- */

enum { DY = 3 };

static bool infer_combine_gradient(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor rows = *node_input(graph, node, ROWS), *weights = node_input(graph, node, WEIGHTS);
    if (!weights)
        return error_set(error, ERROR_INPUT, "is differentiated with weights only");
    graph_output(graph, node, rows.dtype, rows.rank, rows.dims);
    graph_output(graph, node, DTYPE_F32, node_input(graph, node, WEIGHTS)->rank,
                 node_input(graph, node, WEIGHTS)->dims);
    return true;
}

/* dy, a row, and its gradient. */
static size_t workspace_combine_gradient(const struct graph *graph, const struct node *node, int threads)
{
    return storage_buffers(graph, node, threads, 3 * (size_t)tensor_columns(node_input(graph, node, ROWS)));
}

static float inner_product(const struct elementwise_kernels *kernels, const float *a, const float *b, size_t count)
{
    float products[STORAGE_PIECE], sum = 0;
    for (size_t c = 0; c < count; c += STORAGE_PIECE) {
        size_t some = count - c < STORAGE_PIECE ? count - c : STORAGE_PIECE;
        kernels->multiply(a + c, b + c, products, some);
        sum += kernels->sum(products, some);
    }
    return sum;
}

static void run_combine_gradient(const struct call *call)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    const struct tensor *all = node_input(call->graph, call->node, ROWS);
    size_t count = (size_t)tensor_rows(all), columns = (size_t)tensor_columns(all);
    size_t chosen = count / (size_t)tensor_rows(node_input(call->graph, call->node, DY));
    const float *weights = call->inputs[WEIGHTS];
    const int32_t *slots = call->inputs[SLOTS];
#pragma omp parallel for schedule(static) num_threads(call->threads) if (count * columns > PARALLEL_FROM)
    for (size_t i = 0; i < count; i++) {
        float *buffer = (float *)call->workspace + (size_t)omp_get_thread_num() * 3 * columns;
        size_t slot = slots ? (size_t)slots[i] : i;
        const float *dy = storage_read(kernels, call->inputs[DY], all->dtype, i / chosen * columns, columns, buffer);
        const float *row =
            storage_read(kernels, call->inputs[ROWS], all->dtype, slot * columns, columns, buffer + columns);
        ((float *)call->outputs[1])[i] = inner_product(kernels, row, dy, columns);
        float *drow = storage_target(call->outputs[0], all->dtype, slot * columns, buffer + 2 * columns);
        kernels->scale(dy, weights[i], drow, columns);
        storage_commit(kernels, call->outputs[0], all->dtype, slot * columns, columns, drow);
    }
}

static struct cost cost_combine_gradient(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 3.0 * (double)tensor_elements(node_input(graph, node, ROWS))};
}

static const struct op op_combine_gradient = {.name = "combine_gradient",
                                              .help = "gradient of combine",
                                              .infer = infer_combine_gradient,
                                              .cost = cost_combine_gradient,
                                              .in_place = 1 << ROWS,
                                              .workspace = workspace_combine_gradient,
                                              .run = run_combine_gradient};
