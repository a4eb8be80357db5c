/* relative_bias: T5's biases of attention by distance (Raffel et al. 2020), of T queries, the last of S positions
 *
 *   table [N,H] f32;  y [H, T+S−1] f32: of query t and key s at t − s + S − 1, which are i − (T − 1) apart at i
 *   y[h,i] = table[bucket(i − (T − 1)), h];  dtable[n,h] = Σ dy[h,i] over the i of bucket n
 *
 * Of M buckets, half are one distance each, 0 to M/2 − 1; the rest widen by equal ratios up to `farthest` (attribute
 * window), and the last holds all beyond. Causal, M = N, and later keys, which are hidden, count as distance 0. Else
 * the second half of the table is of later keys, and M = N/2. */
#include <math.h>

#include "models/ops/ops.h"

static bool infer_relative_bias(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor table = *node_input(graph, node, 0);
    const struct attributes *a = &node->attributes;
    int64_t buckets = table.rank == 2 ? table.dims[0] / (a->causal ? 1 : 2) : 0;
    if (table.dtype != DTYPE_F32 || buckets < 2 || a->window <= buckets / 2)
        return error_set(error, ERROR_INPUT,
                         "takes a table [buckets,heads] in f32 of %d buckets or more, and a farthest distance beyond "
                         "half of them, not %lld",
                         a->causal ? 2 : 4, (long long)a->window);
    if (a->dims[0] < 1 || a->dims[1] < a->dims[0])
        return error_set(error, ERROR_INPUT, "%lld queries aren't the last of %lld positions", (long long)a->dims[0],
                         (long long)a->dims[1]);
    return graph_output(graph, node, DTYPE_F32, 2, (int64_t[]){table.dims[1], a->dims[0] + a->dims[1] - 1}) !=
           NO_TENSOR;
}

/* In f32, as T5's own code has it: where a bucket begins depends on the rounding. */
static int64_t bucket_of(const struct attributes *a, int64_t buckets, int64_t apart)
{
    int64_t first = 0;
    if (!a->causal) {
        buckets /= 2;
        first = apart < 0 ? buckets : 0;
    }
    int64_t distance = apart >= 0 ? apart : a->causal ? 0 : -apart, near = buckets / 2;
    if (distance < near)
        return first + distance;
    float ratio = logf((float)distance / (float)near) / (float)log((double)a->window / (double)near);
    int64_t far = near + (int64_t)(ratio * (float)(buckets - near));
    return first + (far < buckets ? far : buckets - 1);
}

static size_t workspace_relative_bias(const struct graph *graph, const struct node *node, int threads)
{
    (void)graph, (void)threads;
    return (size_t)(node->attributes.dims[0] + node->attributes.dims[1]) * sizeof(int32_t);
}

/* The bucket of each distance into the workspace. */
static const int32_t *find_buckets(const struct call *call, int64_t buckets, int64_t row)
{
    const struct attributes *a = &call->node->attributes;
    int32_t *found = call->workspace;
    for (int64_t i = 0; i < row; i++)
        found[i] = (int32_t)bucket_of(a, buckets, i - (a->dims[0] - 1));
    return found;
}

static void run_relative_bias(const struct call *call)
{
    const struct tensor *table = node_input(call->graph, call->node, 0), *y = node_output(call->graph, call->node, 0);
    int64_t heads = y->dims[0], row = y->dims[1];
    const int32_t *bucket = find_buckets(call, table->dims[0], row);
    const float *from = call->inputs[0];
    float *to = call->outputs[0];
#pragma omp parallel for schedule(static) num_threads(call->threads) if (heads * row > 1 << 14)
    for (int64_t h = 0; h < heads; h++)
        for (int64_t i = 0; i < row; i++)
            to[h * row + i] = from[bucket[i] * heads + h];
}

/* ---- gradient ---- */

static bool infer_relative_bias_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor dy = *node_input(graph, node, 0);
    return graph_output(graph, node, DTYPE_F32, 2, (int64_t[]){node->attributes.chosen, dy.dims[0]}) != NO_TENSOR;
}

static void run_relative_bias_gradient(const struct call *call)
{
    const struct tensor *dtable = node_output(call->graph, call->node, 0), *dy = node_input(call->graph, call->node, 0);
    int64_t heads = dy->dims[0], row = dy->dims[1], buckets = dtable->dims[0];
    const int32_t *bucket = find_buckets(call, buckets, row);
    const float *from = call->inputs[0];
    float *to = call->outputs[0];
    for (int64_t n = 0; n < buckets * heads; n++)
        to[n] = 0;
    for (int64_t h = 0; h < heads; h++)
        for (int64_t i = 0; i < row; i++)
            to[bucket[i] * heads + h] += from[h * row + i];
}

/* Attribute chosen: the buckets. */
static const struct op op_relative_bias_gradient = {.name = "relative_bias_gradient",
                                                    .help = "gradient of relative_bias",
                                                    .infer = infer_relative_bias_gradient,
                                                    .workspace = workspace_relative_bias,
                                                    .run = run_relative_bias_gradient};

static void gradient_relative_bias(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                   int *dx)
{
    (void)wanted;
    struct attributes attributes = node->attributes;
    attributes.chosen = node_input(graph, node, 0)->dims[0];
    dx[0] = node_first_output(graph, graph_append(graph, &op_relative_bias_gradient, node->name, dy, 1, &attributes));
}

const struct op op_relative_bias = {.name = "relative_bias",
                                    .help = "biases of attention by distance, from a table of buckets",
                                    .infer = infer_relative_bias,
                                    .gradient = gradient_relative_bias,
                                    .workspace = workspace_relative_bias,
                                    .run = run_relative_bias};

int build_relative_bias(struct graph *graph, const char *name, int table, int64_t length, int64_t kv_length,
                        int64_t farthest, bool causal)
{
    const struct attributes attributes = {.dims = {length, kv_length}, .window = farthest, .causal = causal};
    return node_first_output(graph, graph_append(graph, &op_relative_bias, name, &table, 1, &attributes));
}
