/* rope: rotary position embedding of the query and key heads in packed projections (Su et al. 2021)
 *
 *   x, y [B,T,(heads + 2·kv_heads)·D]: the first heads + kv_heads of D elements are turned, the value heads stay
 *   of a head the first R elements, usually all D, turn; for i < R/2, with angle = (position + t) · frequency[i]:
 *   y[i] = x[i]·cos − x[i + R/2]·sin,   y[i + R/2] = x[i + R/2]·cos + x[i]·sin      (halves, as published models have
 * it) frequency[i] = theta^(−2i/R), or stretched as rope.h says. The gradient turns dy back: the same with −sin. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "models/ops/ops.h"
#include "models/ops/rope.h"
#include "models/ops/storage.h"

static bool infer_rope(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, 0);
    const struct attributes *a = &node->attributes;
    if (x.rank != 3 || x.dims[2] != (a->heads + 2 * a->kv_heads) * a->head_dim || a->head_dim % 2)
        return error_set(error, ERROR_INPUT, "takes [B,T,%lld] with an even head_dim",
                         (long long)((a->heads + 2 * a->kv_heads) * a->head_dim));
    int64_t rotated = rope_rotated(a->rope, a->head_dim);
    if (rotated < 2 || rotated > a->head_dim || rotated % 2)
        return error_set(error, ERROR_INPUT, "can't turn %lld of a head's %lld elements: an even part of them is right",
                         (long long)rotated, (long long)a->head_dim);
    return graph_output(graph, node, x.dtype, x.rank, x.dims) != NO_TENSOR;
}

/* A frequency for each pair in double precision, cos and sin for each position and pair, then each thread's widened
 * row. */
static size_t workspace_rope(const struct graph *graph, const struct node *node, int threads)
{
    const struct tensor *x = node_input(graph, node, 0);
    return (size_t)((1 + x->dims[1]) * node->attributes.head_dim) * sizeof(float) +
           storage_buffers(graph, node, threads, 2 * (size_t)x->dims[2]);
}

/* [T][R/2] cosines, then as many sines, turned the other way when `back`. */
static void fill_table(const struct call *call, double *frequencies, float *table, int64_t length, int64_t half,
                       bool back)
{
    const struct attributes *a = &call->node->attributes;
    int64_t first = a->position;
    double size = rope_frequencies(a->rope, (double)a->scale, 2 * half, first + length, frequencies);
#pragma omp parallel for schedule(static) num_threads(call->threads)
    for (int64_t i = 0; i < half; i++) {
        for (int64_t t = 0; t < length; t++) {
            double angle = (double)(first + t) * frequencies[i];
            table[t * half + i] = (float)(size * cos(angle));
            table[(length + t) * half + i] = (float)(size * (back ? -sin(angle) : sin(angle)));
        }
    }
}

static void turn_row(const float *x, float *y, const float *cosine, const float *sine, int64_t heads, int64_t head_dim,
                     int64_t half)
{
    for (int64_t h = 0; h < heads; h++, x += head_dim, y += head_dim) {
        for (int64_t i = 0; i < half; i++) {
            float first = x[i], second = x[i + half];
            y[i] = first * cosine[i] - second * sine[i];
            y[i + half] = second * cosine[i] + first * sine[i];
        }
        if (x != y)
            memcpy(y + 2 * half, x + 2 * half, (size_t)(head_dim - 2 * half) * sizeof *y);
    }
}

static void run_turned(const struct call *call, bool back)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    const struct tensor *x = node_input(call->graph, call->node, 0);
    const struct attributes *a = &call->node->attributes;
    int64_t length = x->dims[1], half = rope_rotated(a->rope, a->head_dim) / 2,
            turned = (a->heads + a->kv_heads) * a->head_dim;
    int64_t rows = tensor_rows(x);
    size_t columns = (size_t)x->dims[2];
    double *frequencies = call->workspace;
    float *table = (float *)call->workspace + a->head_dim, *buffers = table + length * a->head_dim;
    fill_table(call, frequencies, table, length, half, back);
#pragma omp parallel for schedule(static) num_threads(call->threads)
    for (int64_t r = 0; r < rows; r++) {
        float *buffer = buffers + (size_t)omp_get_thread_num() * 2 * columns;
        size_t first = (size_t)r * columns;
        const float *in = storage_read(kernels, call->inputs[0], x->dtype, first, columns, buffer);
        float *out = storage_target(call->outputs[0], x->dtype, first, buffer + columns);
        const float *cosine = table + r % length * half;
        turn_row(in, out, cosine, cosine + length * half, a->heads + a->kv_heads, a->head_dim, half);
        if (in != out)
            memcpy(out + turned, in + turned, (columns - (size_t)turned) * sizeof *out);
        storage_commit(kernels, call->outputs[0], x->dtype, first, columns, out);
    }
}

static void run_rope(const struct call *call)
{
    run_turned(call, false);
}

static void run_rope_gradient(const struct call *call)
{
    run_turned(call, true);
}

/* Four multiplications and two additions a pair. */
static struct cost cost_rope(const struct graph *graph, const struct node *node)
{
    const struct attributes *a = &node->attributes;
    double turned = (double)((a->heads + a->kv_heads) * rope_rotated(a->rope, a->head_dim));
    return (struct cost){.flops = 3 * turned * (double)tensor_rows(node_input(graph, node, 0))};
}

static const struct op op_rope_gradient = {.name = "rope_gradient",
                                           .help = "gradient of rope: the rotation back",
                                           .infer = infer_rope,
                                           .cost = cost_rope,
                                           .in_place = 1,
                                           .workspace = workspace_rope,
                                           .run = run_rope_gradient};

static void gradient_rope(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    dx[0] = node_first_output(graph, graph_append(graph, &op_rope_gradient, node->name, &dy[0], 1, &node->attributes));
}

const struct op op_rope = {.name = "rope",
                           .help = "rotary position embedding of query and key heads",
                           .infer = infer_rope,
                           .cost = cost_rope,
                           .gradient = gradient_rope,
                           .in_place = 1,
                           .workspace = workspace_rope,
                           .run = run_rope};

int build_scaled_rope(struct graph *graph, const char *name, int qkv, int64_t heads, int64_t kv_heads, int64_t head_dim,
                      float theta, const struct rope *rope, int64_t position)
{
    const struct attributes attributes = {
        .heads = heads, .kv_heads = kv_heads, .head_dim = head_dim, .scale = theta, .rope = rope, .position = position};
    return node_first_output(graph, graph_append(graph, &op_rope, name, &qkv, 1, &attributes));
}

int build_rope(struct graph *graph, const char *name, int qkv, int64_t heads, int64_t kv_heads, int64_t head_dim,
               float theta, int64_t position)
{
    return build_scaled_rope(graph, name, qkv, heads, kv_heads, head_dim, theta, NULL, position);
}
