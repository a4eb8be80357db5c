/* weight_norm: w[o,k,0,d] = g[k] · v[o,k,0,d] / ‖v[:,k,0,:]‖, of filters over time (Salimans, Kingma 2016; each tap has
 * a norm of its own, as wav2vec 2.0's positions have them)
 *
 *   v, w [O,K,1,D], g [K] f32;  with s[k] = Σ_{o,d} dw · v, n[k] = ‖v[:,k,0,:]‖:
 *   dg = s / n,   dv = g / n · dw − g · s / n³ · v */
#include <math.h>
#include <string.h>

#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { V, G };

static bool infer_weight_norm(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor v = *node_input(graph, node, V), g = *node_input(graph, node, G);
    if (v.rank != 4 || v.dims[2] != 1 || tensor_elements(&g) != v.dims[1] || g.dtype != DTYPE_F32)
        return error_set(error, ERROR_INPUT, "takes filters [O,K,1,D] and f32 [K], not %lld numbers of %s",
                         (long long)tensor_elements(&g), dtype_info(g.dtype)->name);
    return graph_output(graph, node, v.dtype, 4, v.dims) != NO_TENSOR;
}

/* A row is what one output channel has: K taps of D channels. */
struct filters {
    size_t outputs, taps, depth, row;
};

static struct filters filters_of(const struct tensor *v)
{
    size_t taps = (size_t)v->dims[1], depth = (size_t)v->dims[3];
    return (struct filters){(size_t)v->dims[0], taps, depth, taps * depth};
}

/* Three rows of sums and factors, and one for each input that is widened. */
static size_t workspace_weight_norm(const struct graph *graph, const struct node *node, int threads)
{
    (void)threads;
    return 6 * filters_of(node_input(graph, node, V)).row * sizeof(float);
}

static const float *row_of(const struct call *call, int input, size_t row, size_t width, float *buffer)
{
    return storage_read(call_elementwise(call), call->inputs[input], call_input_dtype(call, input), row * width, width,
                        buffer);
}

/* sums[k·D] = Σ_{o,d} of the products of two inputs at tap k; the others of a tap are left as they come. */
static void sum_taps(const struct call *call, const struct filters *f, int a, int b, float *sums, float *buffers)
{
    memset(sums, 0, f->row * sizeof *sums);
    for (size_t o = 0; o < f->outputs; o++) {
        const float *left = row_of(call, a, o, f->row, buffers), *right = left;
        if (b != a)
            right = row_of(call, b, o, f->row, buffers + f->row);
        call_rows(call)->column_products(left, right, sums, 1, f->row);
    }
    for (size_t k = 0; k < f->taps; k++) {
        double sum = 0;
        for (size_t d = 0; d < f->depth; d++)
            sum += (double)sums[k * f->depth + d];
        sums[k * f->depth] = (float)sum;
    }
}

static void run_weight_norm(const struct call *call)
{
    const struct filters f = filters_of(node_input(call->graph, call->node, V));
    const struct elementwise_kernels *kernels = call_elementwise(call);
    float *factors = call->workspace, *buffers = factors + f.row;
    const float *g = call->inputs[G];
    sum_taps(call, &f, V, V, factors, buffers);
    for (size_t k = 0; k < f.taps; k++)
        kernels->fill(factors + k * f.depth, g[k] / sqrtf(factors[k * f.depth]), f.depth);
    enum dtype dtype = call_output_dtype(call, 0);
    for (size_t o = 0; o < f.outputs; o++) {
        const float *v = row_of(call, V, o, f.row, buffers);
        float *w = storage_target(call->outputs[0], dtype, o * f.row, buffers + f.row);
        kernels->multiply(v, factors, w, f.row);
        storage_commit(kernels, call->outputs[0], dtype, o * f.row, f.row, w);
    }
}

static struct cost cost_weight_norm(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 3.0 * (double)tensor_elements(node_input(graph, node, V))};
}

static const struct op op_weight_norm_gradient;

static void gradient_weight_norm(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                 int *dx)
{
    (void)wanted;
    int made = graph_append(graph, &op_weight_norm_gradient, node->name,
                            (int[]){node->inputs[V], node->inputs[G], dy[0]}, 3, NULL);
    for (int i = V; i <= G && made != NO_NODE; i++)
        dx[i] = graph->nodes[made].outputs[i];
}

const struct op op_weight_norm = {.name = "weight_norm",
                                  .help = "filters over time, each tap of a norm that is given",
                                  .infer = infer_weight_norm,
                                  .cost = cost_weight_norm,
                                  .gradient = gradient_weight_norm,
                                  .workspace = workspace_weight_norm,
                                  .run = run_weight_norm};

int build_weight_norm(struct graph *graph, const char *name, int v, int g)
{
    return node_first_output(graph, graph_append(graph, &op_weight_norm, name, (int[]){v, g}, 2, NULL));
}

/* ---- gradient: inputs v, g and dw; outputs dv and dg in f32 ---- */

enum { DW = 2 };

static bool infer_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor v = *node_input(graph, node, V);
    graph_output(graph, node, DTYPE_F32, 4, v.dims);
    return graph_output(graph, node, DTYPE_F32, 1, &v.dims[1]) != NO_TENSOR;
}

static void run_gradient(const struct call *call)
{
    const struct filters f = filters_of(node_input(call->graph, call->node, V));
    float *of_dw = call->workspace, *of_v = of_dw + f.row, *buffers = of_v + f.row, *dg = call->outputs[1];
    const float *g = call->inputs[G];
    sum_taps(call, &f, V, V, of_v, buffers);
    sum_taps(call, &f, V, DW, of_dw, buffers);
    for (size_t k = 0; k < f.taps; k++) {
        float norm = sqrtf(of_v[k * f.depth]), sum = of_dw[k * f.depth], factor = g[k] / norm;
        dg[k] = sum / norm;
        call_elementwise(call)->fill(of_dw + k * f.depth, factor, f.depth);
        call_elementwise(call)->fill(of_v + k * f.depth, -factor * sum / (norm * norm), f.depth);
    }
    for (size_t o = 0; o < f.outputs; o++) {
        const float *v = row_of(call, V, o, f.row, buffers), *dw = row_of(call, DW, o, f.row, buffers + f.row);
        float *dv = (float *)call->outputs[0] + o * f.row;
        for (size_t i = 0; i < f.row; i++)
            dv[i] = of_dw[i] * dw[i] + of_v[i] * v[i];
    }
}

static struct cost cost_gradient(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 7.0 * (double)tensor_elements(node_input(graph, node, V))};
}

static const struct op op_weight_norm_gradient = {.name = "weight_norm_gradient",
                                                  .help = "gradient of weight_norm",
                                                  .infer = infer_gradient,
                                                  .cost = cost_gradient,
                                                  .workspace = workspace_weight_norm,
                                                  .run = run_gradient};
