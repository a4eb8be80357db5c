/* exp_scale: y = exp(s) · x, s [1] f32 a learned temperature;  dx = exp(s) · dy, ds = Σ dy · y */
#include <math.h>

#include "harness/base/sizes.h"
#include "models/ops/ops.h"
#include "models/ops/pieces.h"

enum { X, TEMPERATURE };

static bool infer_exp_scale(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor x = *node_input(graph, node, X), s = *node_input(graph, node, TEMPERATURE);
    if (x.dtype != DTYPE_F32 || s.dtype != DTYPE_F32 || tensor_elements(&s) != 1)
        return error_set(error, ERROR_INPUT, "takes f32 and one number, not %lld of %s", (long long)tensor_elements(&s),
                         dtype_info(s.dtype)->name);
    return graph_output(graph, node, x.dtype, x.rank, x.dims) != NO_TENSOR;
}

static void run_exp_scale(const struct call *call)
{
    size_t count = (size_t)tensor_elements(node_output(call->graph, call->node, 0));
    float factor = expf(*(const float *)call->inputs[TEMPERATURE]);
    call_elementwise(call)->scale(call->inputs[X], factor, call->outputs[0], count);
}

static const struct op op_exp_scale_gradient;

static void gradient_exp_scale(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    if (wanted[TEMPERATURE])
        dx[TEMPERATURE] = node_first_output(
            graph, graph_append(graph, &op_exp_scale_gradient, node->name, (int[]){node->outputs[0], dy[0]}, 2, NULL));
    if (wanted[X])
        dx[X] = build_exp_scale(graph, node->name, dy[0], node->inputs[TEMPERATURE]);
}

const struct op op_exp_scale = {.name = "exp_scale",
                                .help = "a tensor times the exponential of a number",
                                .infer = infer_exp_scale,
                                .cost = pieces_cost,
                                .gradient = gradient_exp_scale,
                                .in_place = 1 << X,
                                .run = run_exp_scale};

int build_exp_scale(struct graph *graph, const char *name, int x, int temperature)
{
    return node_first_output(graph, graph_append(graph, &op_exp_scale, name, (int[]){x, temperature}, 2, NULL));
}

static bool infer_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    int64_t one = 1;
    return graph_output(graph, node, DTYPE_F32, 1, &one) != NO_TENSOR;
}

static void run_gradient(const struct call *call)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    size_t count = (size_t)tensor_elements(node_input(call->graph, call->node, 0));
    const float *y = call->inputs[0], *dy = call->inputs[1];
    float products[STORAGE_PIECE];
    double sum = 0;
    for (size_t i = 0; i < count; i += STORAGE_PIECE) {
        size_t some = least(count - i, STORAGE_PIECE);
        kernels->multiply(y + i, dy + i, products, some);
        sum += (double)kernels->sum(products, some);
    }
    *(float *)call->outputs[0] = (float)sum;
}

static struct cost cost_gradient(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 2 * (double)tensor_elements(node_input(graph, node, 0))};
}

static const struct op op_exp_scale_gradient = {.name = "exp_scale_gradient",
                                                .help = "gradient of exp_scale's number",
                                                .infer = infer_gradient,
                                                .cost = cost_gradient,
                                                .run = run_gradient};
