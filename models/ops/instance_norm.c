/* instance_norm: y = (x − mean) · rstd · gamma + beta, of each channel over the positions of its own sequence (Ulyanov
 * et al. 2016); group normalisation with as many groups as channels is this
 *
 *   x, y [B,T,C] or [B,H,W,C]; gamma, beta [C]; mean, then rstd = 1/√(variance + ε), [2,B,C], kept for the gradient
 *   with x̂ = (x − mean)·rstd:  dbeta = Σ dy, dgamma = Σ dy·x̂ over a sequence, then over the batch;
 *   dx = rstd · gamma · (dy − (Σ dy + x̂ · Σ dy·x̂) / T) */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "harness/base/sizes.h"
#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { X, GAMMA, BETA };

/* Rows that are read at once: widened, they stay in the second-level cache. */
enum { ROWS = 16 };

/* One sequence of the batch, [rows, columns], from row `first` of x on. */
struct sequence {
    size_t first, rows, columns;
};

static struct sequence sequence_of(const struct call *call, size_t index)
{
    const struct tensor *x = node_input(call->graph, call->node, X);
    size_t rows = (size_t)tensor_rows(x) / (size_t)x->dims[0];
    return (struct sequence){index * rows, rows, (size_t)tensor_columns(x)};
}

static bool infer_instance_norm(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X);
    if (x.rank < 3 || tensor_elements(node_input(graph, node, GAMMA)) != tensor_columns(&x))
        return error_set(error, ERROR_INPUT, "takes [B,T,C] and a gamma of %lld", (long long)tensor_columns(&x));
    graph_output(graph, node, x.dtype, x.rank, x.dims);
    return graph_output(graph, node, DTYPE_F32, 3, (int64_t[]){2, x.dims[0], tensor_columns(&x)}) != NO_TENSOR;
}

/* Two sums of each thread, two rows of what is made of them, and for each thread three blocks of rows. */
static size_t workspace_instance_norm(const struct graph *graph, const struct node *node, int threads)
{
    size_t columns = (size_t)tensor_columns(node_input(graph, node, X));
    return ((size_t)threads * (2 + 3 * ROWS) + 2) * columns * sizeof(float);
}

struct room {
    float *sums, *affine, *buffers;
};

static struct room room_of(const struct call *call, size_t columns)
{
    float *sums = call->workspace, *affine = sums + (size_t)call->threads * 2 * columns;
    return (struct room){sums, affine, affine + 2 * columns};
}

/* What a thread does with `rows` rows from `first` on: adds to its sums, or writes. */
typedef void block_function(const struct call *call, const struct sequence *sequence, size_t first, size_t rows,
                            float *sums, float *buffer);

/* Every block of the sequence; the threads' sums are then added in their order into the first. */
static void each_block(const struct call *call, const struct sequence *s, struct room room, block_function *work)
{
    size_t threads = (size_t)call->threads, width = 2 * s->columns;
    memset(room.sums, 0, threads * width * sizeof *room.sums);
#pragma omp parallel num_threads(call->threads) if (s->rows * s->columns > PARALLEL_FROM)
    {
        size_t me = (size_t)omp_get_thread_num(), team = (size_t)omp_get_num_threads();
        size_t last = s->first + s->rows * (me + 1) / team;
        for (size_t r = s->first + s->rows * me / team; r < last; r += ROWS)
            work(call, s, r, least(last - r, ROWS), room.sums + me * width, room.buffers + me * 3 * ROWS * s->columns);
    }
    for (size_t t = 1; t < threads; t++)
        call_elementwise(call)->add(room.sums, room.sums + t * width, room.sums, width);
}

static const float *rows_of(const struct call *call, int input, const struct sequence *s, size_t first, size_t rows,
                            float *buffer)
{
    return storage_read(call_elementwise(call), call->inputs[input], call_input_dtype(call, input), first * s->columns,
                        rows * s->columns, buffer);
}

/* The first row shifts the sums, so that a mean far from 0 costs no precision. */
static void sum_moments(const struct call *call, const struct sequence *s, size_t first, size_t rows, float *sums,
                        float *buffer)
{
    const float *shift = room_of(call, s->columns).affine;
    call_rows(call)->column_moments(rows_of(call, X, s, first, rows, buffer), shift, sums, sums + s->columns, rows,
                                    s->columns);
}

static void normalise(const struct call *call, const struct sequence *s, size_t first, size_t rows, float *sums,
                      float *buffer)
{
    (void)sums;
    const float *affine = room_of(call, s->columns).affine;
    const float *x = rows_of(call, X, s, first, rows, buffer);
    enum dtype dtype = call_output_dtype(call, 0);
    float *y = storage_target(call->outputs[0], dtype, first * s->columns, buffer + ROWS * s->columns);
    call_rows(call)->column_affine(x, affine, affine + s->columns, 0, y, rows, s->columns);
    storage_commit(call_elementwise(call), call->outputs[0], dtype, first * s->columns, rows * s->columns, y);
}

static void run_instance_norm(const struct call *call)
{
    size_t batch = (size_t)node_input(call->graph, call->node, X)->dims[0];
    const float *gamma = call->inputs[GAMMA], *beta = call->inputs[BETA];
    for (size_t b = 0; b < batch; b++) {
        struct sequence s = sequence_of(call, b);
        struct room room = room_of(call, s.columns);
        float *mean = (float *)call->outputs[1] + b * s.columns, *rstd = mean + batch * s.columns;
        const float *shift = rows_of(call, X, &s, s.first, 1, room.buffers);
        memcpy(room.affine, shift, s.columns * sizeof *shift);
        each_block(call, &s, room, sum_moments);
        for (size_t c = 0; c < s.columns; c++) {
            double from_shift = (double)room.sums[c] / (double)s.rows;
            double variance = (double)room.sums[s.columns + c] / (double)s.rows - from_shift * from_shift;
            mean[c] = (float)(from_shift + (double)room.affine[c]);
            rstd[c] = (float)(1 / sqrt(fmax(variance, 0) + (double)call->node->attributes.epsilon));
            room.affine[c] = gamma[c] * rstd[c];
            room.affine[s.columns + c] = beta[c] - mean[c] * room.affine[c];
        }
        each_block(call, &s, room, normalise);
    }
}

static struct cost cost_instance_norm(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 7.0 * (double)tensor_elements(node_input(graph, node, X))};
}

static const struct op op_instance_norm_gradient;

static void gradient_instance_norm(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                   int *dx)
{
    (void)wanted;
    int made = graph_append(graph, &op_instance_norm_gradient, node->name,
                            (int[]){node->inputs[X], node->inputs[GAMMA], node->outputs[1], dy[0]}, 4, NULL);
    for (int i = X; i <= BETA && made != NO_NODE; i++)
        dx[i] = graph->nodes[made].outputs[i];
}

const struct op op_instance_norm = {.name = "instance_norm",
                                    .help = "normalises each channel over its own sequence or image",
                                    .infer = infer_instance_norm,
                                    .cost = cost_instance_norm,
                                    .gradient = gradient_instance_norm,
                                    .workspace = workspace_instance_norm,
                                    .run = run_instance_norm};

int build_instance_norm(struct graph *graph, const char *name, int x, int gamma, int beta, float epsilon)
{
    const struct attributes attributes = {.epsilon = epsilon};
    return node_first_output(graph,
                             graph_append(graph, &op_instance_norm, name, (int[]){x, gamma, beta}, 3, &attributes));
}

/* ---- gradient ---- */

enum { SAVED_GAMMA = 1, MOMENTS, DY };

static bool infer_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor x = *node_input(graph, node, X);
    int64_t columns = tensor_columns(&x);
    graph_output(graph, node, x.dtype, x.rank, x.dims);
    graph_output(graph, node, DTYPE_F32, 1, &columns);
    return graph_output(graph, node, DTYPE_F32, 1, &columns) != NO_TENSOR;
}

/* x̂ of a block of rows, at the buffer's third part; `affine` has rstd and −mean · rstd. */
static const float *normalised(const struct call *call, const struct sequence *s, size_t first, size_t rows,
                               float *buffer)
{
    const float *affine = room_of(call, s->columns).affine, *x = rows_of(call, X, s, first, rows, buffer);
    float *normal = buffer + 2 * ROWS * s->columns;
    call_rows(call)->column_affine(x, affine, affine + s->columns, 0, normal, rows, s->columns);
    return normal;
}

static void sum_gradients(const struct call *call, const struct sequence *s, size_t first, size_t rows, float *sums,
                          float *buffer)
{
    const float *normal = normalised(call, s, first, rows, buffer);
    const float *dy = rows_of(call, DY, s, first, rows, buffer + ROWS * s->columns);
    call_rows(call)->column_products(dy, normal, sums, rows, s->columns);
    call_rows(call)->column_sums(dy, sums + s->columns, rows, s->columns, s->columns);
}

/* The sums stay where the first pass left them: each thread's own part is the buffers'. */
static void apply_gradients(const struct call *call, const struct sequence *s, size_t first, size_t rows,
                            const float *sums, float *buffer)
{
    const float *normal = normalised(call, s, first, rows, buffer), *gamma = call->inputs[SAVED_GAMMA];
    const float *dy = rows_of(call, DY, s, first, rows, buffer + ROWS * s->columns);
    const float *rstd = room_of(call, s->columns).affine;
    enum dtype dtype = call_output_dtype(call, 0);
    float *dx = storage_target(call->outputs[0], dtype, first * s->columns, buffer), share = 1.0f / (float)s->rows;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < s->columns; c++) {
            size_t at = r * s->columns + c;
            float common = sums[s->columns + c] + normal[at] * sums[c];
            dx[at] = gamma[c] * rstd[c] * (dy[at] - share * common);
        }
    storage_commit(call_elementwise(call), call->outputs[0], dtype, first * s->columns, rows * s->columns, dx);
}

static void run_gradient(const struct call *call)
{
    size_t batch = (size_t)node_input(call->graph, call->node, X)->dims[0];
    for (size_t b = 0; b < batch; b++) {
        struct sequence s = sequence_of(call, b);
        struct room room = room_of(call, s.columns);
        const float *mean = (const float *)call->inputs[MOMENTS] + b * s.columns, *rstd = mean + batch * s.columns;
        for (size_t c = 0; c < s.columns; c++) {
            room.affine[c] = rstd[c];
            room.affine[s.columns + c] = -mean[c] * rstd[c];
        }
        each_block(call, &s, room, sum_gradients);
        for (int i = 0; i < 2; i++) {
            float *total = call->outputs[1 + i], *sum = room.sums + (size_t)i * s.columns;
            if (b == 0)
                memcpy(total, sum, s.columns * sizeof *sum);
            else
                call_elementwise(call)->add(total, sum, total, s.columns);
        }
#pragma omp parallel for schedule(static) num_threads(call->threads) if (s.rows * s.columns > PARALLEL_FROM)
        for (size_t r = 0; r < s.rows; r += ROWS)
            apply_gradients(call, &s, s.first + r, least(s.rows - r, ROWS), room.sums,
                            room.buffers + (size_t)omp_get_thread_num() * 3 * ROWS * s.columns);
    }
}

static struct cost cost_gradient(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 11.0 * (double)tensor_elements(node_input(graph, node, X))};
}

static const struct op op_instance_norm_gradient = {.name = "instance_norm_gradient",
                                                    .help = "gradient of instance_norm",
                                                    .infer = infer_gradient,
                                                    .cost = cost_gradient,
                                                    .workspace = workspace_instance_norm,
                                                    .run = run_gradient};
