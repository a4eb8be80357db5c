/* batch_norm: y = (x − mean) · rstd · gamma + beta for each channel, over all other dimensions (Ioffe, Szegedy 2015)
 *
 *   x, y [..., C]; gamma, beta [C]; R = the product of the leading dimensions; optionally followed by max(·, 0)
 *   training: mean, variance of this batch (biased); the running ones, buffers, move towards them by `momentum`
 *             (the variance's unbiased estimate, as PyTorch does)
 *   otherwise: the running ones
 *   with x̂ = (x − mean)·rstd:  dgamma = Σ dy·x̂, dbeta = Σ dy,
 *   dx = gamma·rstd · (dy − dbeta/R − x̂ · dgamma/R) */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { X, GAMMA, BETA, MEAN, VARIANCE };

/* Rows given to a kernel at once. */
enum { ROWS = 64 };

static bool infer_batch_norm(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X);
    int64_t columns = tensor_columns(&x);
    for (int i = GAMMA; i <= VARIANCE; i++)
        if (tensor_elements(node_input(graph, node, i)) != columns)
            return error_set(error, ERROR_INPUT, "has %lld channels and a parameter of %lld", (long long)columns,
                             (long long)tensor_elements(node_input(graph, node, i)));
    graph_output(graph, node, x.dtype, x.rank, x.dims);
    if (graph->training)
        graph_output(graph, node, DTYPE_F32, 2, (int64_t[]){2, columns}); /* mean, rstd of this batch */
    return true;
}

static size_t workspace_batch_norm(const struct graph *graph, const struct node *node, int threads)
{
    size_t columns = (size_t)tensor_columns(node_input(graph, node, X));
    return ((size_t)threads * 2 + 2) * columns * sizeof(float) +
           storage_buffers(graph, node, threads, 2 * ROWS * columns);
}

/* The plan gives each call this layout of its workspace. */
struct room {
    float *sums;    /* [threads][2][columns] */
    float *affine;  /* [2][columns] */
    float *buffers; /* [threads][buffers][ROWS · columns], only when something is widened */
};

static struct room room_of(const struct call *call, size_t columns)
{
    float *sums = call->workspace;
    return (struct room){.sums = sums,
                         .affine = sums + (size_t)call->threads * 2 * columns,
                         .buffers = sums + ((size_t)call->threads * 2 + 2) * columns};
}

/* Adds the threads' partial sums, [2][columns] each, in their order into the first. */
static void add_partial_sums(const struct call *call, float *sums, size_t columns)
{
    for (size_t t = 1; t < (size_t)call->threads; t++)
        call_elementwise(call)->add(sums, sums + t * 2 * columns, sums, 2 * columns);
}

/* Mean and rstd of this batch into moments [2][C]. The first row shifts the sums, so that a mean far from 0 costs no
 * precision. */
static void batch_moments(const struct call *call, struct room room, float *moments)
{
    const struct tensor *x = node_input(call->graph, call->node, X);
    const struct elementwise_kernels *convert = call_elementwise(call);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x), threads = (size_t)call->threads;
    float *shift = room.affine;
    memset(room.sums, 0, threads * 2 * columns * sizeof(float));
    const float *first_row = storage_read(convert, call->inputs[X], x->dtype, 0, columns, shift);
    if (first_row != shift)
        memcpy(shift, first_row, columns * sizeof *shift);
#pragma omp parallel num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    {
        size_t me = (size_t)omp_get_thread_num(), team = (size_t)omp_get_num_threads();
        float *sums = room.sums + me * 2 * columns, *buffer = room.buffers + me * 2 * ROWS * columns;
        for (size_t r = rows * me / team, last = rows * (me + 1) / team; r < last; r += ROWS) {
            size_t some = last - r < ROWS ? last - r : ROWS;
            const float *in = storage_read(convert, call->inputs[X], x->dtype, r * columns, some * columns, buffer);
            call_rows(call)->column_moments(in, shift, sums, sums + columns, some, columns);
        }
    }
    add_partial_sums(call, room.sums, columns);
    for (size_t c = 0; c < columns; c++) {
        double mean = (double)room.sums[c] / (double)rows, square = (double)room.sums[columns + c] / (double)rows;
        double variance = square - mean * mean > 0 ? square - mean * mean : 0;
        moments[c] = (float)(mean + (double)shift[c]);
        moments[columns + c] = (float)(1 / sqrt(variance + (double)call->node->attributes.epsilon));
    }
}

/* A recomputed node leaves them alone: its first run has moved them. */
static void move_running(const struct call *call, const float *moments, size_t rows, size_t columns)
{
    float *mean = call->inputs[MEAN], *variance = call->inputs[VARIANCE];
    float momentum = call->node->attributes.momentum, epsilon = call->node->attributes.epsilon;
    float unbiased = rows > 1 ? (float)rows / (float)(rows - 1) : 1;
    for (size_t c = 0; c < columns && !call->node->recomputed; c++) {
        float of_batch = 1 / (moments[columns + c] * moments[columns + c]) - epsilon;
        mean[c] += momentum * (moments[c] - mean[c]);
        variance[c] += momentum * (of_batch * unbiased - variance[c]);
    }
}

static void run_batch_norm(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, X);
    const struct elementwise_kernels *convert = call_elementwise(call);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x);
    struct room room = room_of(call, columns);
    const float *gamma = call->inputs[GAMMA], *beta = call->inputs[BETA];
    const float *mean = call->inputs[MEAN], *variance = call->inputs[VARIANCE];
    float *moments = call->node->output_count > 1 ? call->outputs[1] : NULL;
    if (moments) {
        batch_moments(call, room, moments);
        move_running(call, moments, rows, columns);
        mean = moments;
    }
    float *scale = room.affine, *shift = room.affine + columns;
    for (size_t c = 0; c < columns; c++) {
        float rstd = moments ? moments[columns + c] : 1 / sqrtf(variance[c] + call->node->attributes.epsilon);
        scale[c] = gamma[c] * rstd;
        shift[c] = beta[c] - mean[c] * scale[c];
    }
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r += ROWS) {
        float *buffer = room.buffers + (size_t)omp_get_thread_num() * 2 * ROWS * columns;
        size_t some = rows - r < ROWS ? rows - r : ROWS;
        const float *in = storage_read(convert, call->inputs[X], x->dtype, r * columns, some * columns, buffer);
        float *out = storage_target(call->outputs[0], x->dtype, r * columns, buffer + ROWS * columns);
        call_rows(call)->column_affine(in, scale, shift, call->node->attributes.relu, out, some, columns);
        storage_commit(convert, call->outputs[0], x->dtype, r * columns, some * columns, out);
    }
}

static struct cost cost_batch_norm(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = (graph->training ? 7.0 : 2.0) * (double)tensor_elements(node_input(graph, node, X))};
}

static const struct op op_batch_norm_gradient;

static void gradient_batch_norm(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                int *dx)
{
    (void)wanted;
    int dz = dy[0];
    if (node->attributes.relu)
        dz = build_activation_gradient(graph, node->name, node->outputs[0], dz, ACTIVATION_RELU);
    int inputs[] = {node->inputs[X], node->inputs[GAMMA], node->outputs[1], dz};
    int made = graph_append(graph, &op_batch_norm_gradient, node->name, inputs, 4, &node->attributes);
    if (made == NO_NODE)
        return;
    for (int i = X; i <= BETA; i++)
        dx[i] = graph->nodes[made].outputs[i];
}

const struct op op_batch_norm = {.name = "batch_norm",
                                 .help = "normalises each channel over the batch",
                                 .infer = infer_batch_norm,
                                 .cost = cost_batch_norm,
                                 .gradient = gradient_batch_norm,
                                 .workspace = workspace_batch_norm,
                                 .run = run_batch_norm};

int build_batch_norm(struct graph *graph, const char *name, int x, int gamma, int beta, int mean, int variance,
                     float epsilon, float momentum, bool relu)
{
    const struct attributes attributes = {.epsilon = epsilon, .momentum = momentum, .relu = relu};
    return node_first_output(
        graph, graph_append(graph, &op_batch_norm, name, (int[]){x, gamma, beta, mean, variance}, 5, &attributes));
}

/* ---- gradient: outputs dx, dgamma, dbeta ---- */

enum { SAVED_X, SAVED_GAMMA, MOMENTS, DZ };

static bool infer_batch_norm_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor x = *node_input(graph, node, SAVED_X);
    int64_t columns = tensor_columns(&x);
    graph_output(graph, node, x.dtype, x.rank, x.dims);
    graph_output(graph, node, DTYPE_F32, 1, &columns);
    graph_output(graph, node, DTYPE_F32, 1, &columns);
    return true;
}

/* dgamma and dbeta of the rows [first, last) into sums [2][C]. */
static void sum_gradients(const struct call *call, size_t first, size_t last, float *sums, float *buffer)
{
    const struct tensor *x = node_input(call->graph, call->node, SAVED_X);
    const struct elementwise_kernels *convert = call_elementwise(call);
    size_t columns = (size_t)tensor_columns(x);
    const float *mean = call->inputs[MOMENTS], *rstd = mean + columns;
    for (size_t r = first; r < last; r++) {
        const float *in = storage_read(convert, call->inputs[SAVED_X], x->dtype, r * columns, columns, buffer);
        const float *dz = storage_read(convert, call->inputs[DZ], x->dtype, r * columns, columns, buffer + columns);
        for (size_t c = 0; c < columns; c++) {
            sums[c] += dz[c] * (in[c] - mean[c]) * rstd[c];
            sums[columns + c] += dz[c];
        }
    }
}

static void apply_gradients(const struct call *call, size_t first, size_t last, const float *sums, float *buffer)
{
    const struct tensor *x = node_input(call->graph, call->node, SAVED_X);
    const struct elementwise_kernels *convert = call_elementwise(call);
    size_t columns = (size_t)tensor_columns(x);
    const float *gamma = call->inputs[SAVED_GAMMA], *mean = call->inputs[MOMENTS], *rstd = mean + columns;
    float share = 1.0f / (float)tensor_rows(x);
    for (size_t r = first; r < last; r++) {
        const float *in = storage_read(convert, call->inputs[SAVED_X], x->dtype, r * columns, columns, buffer);
        const float *dz = storage_read(convert, call->inputs[DZ], x->dtype, r * columns, columns, buffer + columns);
        float *dx = storage_target(call->outputs[0], x->dtype, r * columns, buffer);
        for (size_t c = 0; c < columns; c++) {
            float normalised = (in[c] - mean[c]) * rstd[c];
            dx[c] = gamma[c] * rstd[c] * (dz[c] - share * (sums[columns + c] + normalised * sums[c]));
        }
        storage_commit(convert, call->outputs[0], x->dtype, r * columns, columns, dx);
    }
}

static void run_batch_norm_gradient(const struct call *call)
{
    const struct tensor *x = node_input(call->graph, call->node, SAVED_X);
    size_t rows = (size_t)tensor_rows(x), columns = (size_t)tensor_columns(x);
    struct room room = room_of(call, columns);
    memset(room.sums, 0, (size_t)call->threads * 2 * columns * sizeof(float));
#pragma omp parallel num_threads(call->threads) if (rows * columns > PARALLEL_FROM)
    {
        size_t me = (size_t)omp_get_thread_num(), team = (size_t)omp_get_num_threads();
        size_t first = rows * me / team, last = rows * (me + 1) / team;
        float *buffer = room.buffers + me * 2 * ROWS * columns;
        sum_gradients(call, first, last, room.sums + me * 2 * columns, buffer);
#pragma omp barrier
#pragma omp single
        add_partial_sums(call, room.sums, columns);
        apply_gradients(call, first, last, room.sums, buffer);
    }
    memcpy(call->outputs[1], room.sums, columns * sizeof(float));
    memcpy(call->outputs[2], room.sums + columns, columns * sizeof(float));
}

static struct cost cost_batch_norm_gradient(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 11.0 * (double)tensor_elements(node_input(graph, node, SAVED_X))};
}

static const struct op op_batch_norm_gradient = {.name = "batch_norm_gradient",
                                                 .help = "gradient of batch_norm",
                                                 .infer = infer_batch_norm_gradient,
                                                 .cost = cost_batch_norm_gradient,
                                                 .in_place = 1 << DZ,
                                                 .workspace = workspace_batch_norm,
                                                 .run = run_batch_norm_gradient};
