/* The optimizers' steps: one pass over a weight, its gradient and its moments, in place.
 *
 *   sgd, momentum   v = µv + g;  w −= lr·v
 *   rmsprop         s = αs + (1−α)g²;  w −= lr·g / (√s + ε)
 *   adam, adamw     m = β₁m + (1−β₁)g;  v = β₂v + (1−β₂)g²;  w −= lr/(1−β₁ᵗ) · m / (√(v/(1−β₂ᵗ)) + ε)
 *
 * (Tieleman, Hinton 2012; Kingma, Ba 2015; Loshchilov, Hutter 2019.) First the regularisers' gradients are added to g,
 * l1·sign(w) + l2·w, and AdamW shrinks w by lr·decay, both only for weights that decay (matrices; no biases, no norms).
 * A bf16 weight is updated through its f32 master and rounded in the same pass. */
#include <math.h>
#include <omp.h>

#include "models/graph/optimizer.h"
#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { WEIGHT, GRADIENT, MASTER, FIRST, SECOND };

/* Elements of one piece: a thread's share of consecutive memory. */
enum { PIECE = 16384 };

static bool infer_step(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor *weight = node_input(graph, node, WEIGHT), *gradient = node_input(graph, node, GRADIENT);
    if (gradient->dtype != DTYPE_F32 || tensor_elements(gradient) != tensor_elements(weight))
        return error_set(error, ERROR_INPUT, "the gradient of '%s' has another shape or dtype", weight->name);
    return true;
}

static struct optimizer_step step_of(const struct call *call)
{
    const struct optimizer *optimizer = &call->graph->optimizer;
    bool decays = node_input(call->graph, call->node, WEIGHT)->decays;
    bool rmsprop = optimizer->kind == OPTIMIZER_RMSPROP;
    return (struct optimizer_step){.learning_rate = optimizer->learning_rate,
                                   .momentum = optimizer->momentum,
                                   .beta1 = optimizer->beta1,
                                   .beta2 = optimizer->beta2,
                                   .epsilon = optimizer->epsilon,
                                   .decay = rmsprop  ? optimizer->alpha
                                            : decays ? optimizer->decay
                                                     : 0,
                                   .l1 = decays ? optimizer->l1 : 0,
                                   .l2 = decays ? optimizer->l2 : 0,
                                   .gradient_scale = 1,
                                   .bias_correction1 = (float)(1 - pow(optimizer->beta1, (double)call->step)),
                                   .bias_correction2 = (float)(1 - pow(optimizer->beta2, (double)call->step))};
}

static void run_step(const struct call *call)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    const struct optimizer_step step = step_of(call);
    enum optimizer_kind kind = call->graph->optimizer.kind;
    size_t count = (size_t)tensor_elements(node_input(call->graph, call->node, WEIGHT));
    float *weights = call->inputs[MASTER] ? call->inputs[MASTER] : call->inputs[WEIGHT];
    uint16_t *rounded = call->inputs[MASTER] ? call->inputs[WEIGHT] : NULL;
    const float *gradient = call->inputs[GRADIENT];
    float *first = call->inputs[FIRST], *second = call->inputs[SECOND];
#pragma omp parallel for schedule(static) num_threads(call->threads) if (count > PIECE)
    for (size_t i = 0; i < count; i += PIECE) {
        size_t piece = count - i < PIECE ? count - i : PIECE;
        uint16_t *half = rounded ? rounded + i : NULL;
        if (kind == OPTIMIZER_RMSPROP)
            kernels->rmsprop(&step, weights + i, gradient + i, first + i, half, piece);
        else if (kind == OPTIMIZER_ADAM || kind == OPTIMIZER_ADAMW)
            kernels->adam(&step, weights + i, gradient + i, first + i, second + i, half, piece);
        else
            kernels->sgd(&step, weights + i, gradient + i, first ? first + i : NULL, half, piece);
    }
}

/* Reads everything it is given; writes the weight, its rounded copy and the moments, not the gradient. */
static struct cost cost_step(const struct graph *graph, const struct node *node, double flops)
{
    struct cost cost = {.flops = flops * (double)tensor_elements(node_input(graph, node, WEIGHT))};
    for (int i = 0; i < node->input_count; i++) {
        const struct tensor *tensor = node_input(graph, node, i);
        bool copy = i == WEIGHT && node_input(graph, node, MASTER);
        cost.bytes_read += tensor && !copy ? (double)tensor_bytes(tensor) : 0;
        cost.bytes_written += tensor && i != GRADIENT ? (double)tensor_bytes(tensor) : 0;
    }
    return cost;
}

static struct cost cost_sgd(const struct graph *graph, const struct node *node)
{
    return cost_step(graph, node, 4);
}

static struct cost cost_rmsprop(const struct graph *graph, const struct node *node)
{
    return cost_step(graph, node, 9);
}

static struct cost cost_adam(const struct graph *graph, const struct node *node)
{
    return cost_step(graph, node, 14);
}

const struct op op_sgd = {.name = "sgd",
                          .help = "stochastic gradient descent, with or without momentum",
                          .infer = infer_step,
                          .cost = cost_sgd,
                          .run = run_step};
const struct op op_rmsprop = {
    .name = "rmsprop", .help = "RMSprop's update", .infer = infer_step, .cost = cost_rmsprop, .run = run_step};
const struct op op_adam = {.name = "adam",
                           .help = "Adam's update, and AdamW's with decoupled decay",
                           .infer = infer_step,
                           .cost = cost_adam,
                           .run = run_step};

/* How many moments each optimizer keeps, and PyTorch's defaults. */
static const struct {
    const char *name;
    const struct op *op;
    int moments;
    struct optimizer defaults;
} optimizers[OPTIMIZER_COUNT] = {
    [OPTIMIZER_SGD] = {"sgd", &op_sgd, 0, {.learning_rate = 1e-3f}},
    [OPTIMIZER_MOMENTUM] = {"momentum", &op_sgd, 1, {.learning_rate = 1e-3f, .momentum = 0.9f}},
    [OPTIMIZER_RMSPROP] = {"rmsprop", &op_rmsprop, 1, {.learning_rate = 1e-3f, .alpha = 0.99f, .epsilon = 1e-8f}},
    [OPTIMIZER_ADAM] = {"adam",
                        &op_adam,
                        2,
                        {.learning_rate = 1e-3f, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f}},
    [OPTIMIZER_ADAMW] = {"adamw",
                         &op_adam,
                         2,
                         {.learning_rate = 1e-3f, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f, .decay = 0.01f}},
};

struct optimizer optimizer_defaults(enum optimizer_kind kind)
{
    struct optimizer optimizer = optimizers[kind].defaults;
    optimizer.kind = kind;
    return optimizer;
}

const char *optimizer_name(enum optimizer_kind kind)
{
    return optimizers[kind].name;
}

/* Where plain gradient descent reads a gradient of few rows that the last node made, a step on these rows alone takes
 * that node's place; the gradient is never made. */
static bool append_row_step(struct graph *graph, int weight, int gradient)
{
    const struct optimizer *optimizer = &graph->optimizer;
    const struct tensor *of = &graph->tensors[weight];
    bool plain = optimizer->kind == OPTIMIZER_SGD && !(of->decays && (optimizer->l1 != 0 || optimizer->l2 != 0));
    if (!plain || graph->tensors[gradient].producer != graph->node_count - 1)
        return false;
    const struct node made = graph->nodes[graph->node_count - 1];
    if (!made.op->step || made.outputs[0] != gradient)
        return false;
    int inputs[MAX_INPUTS], count = made.input_count, master = of->master;
    for (int i = 0; i < count; i++)
        inputs[i] = made.inputs[i];
    inputs[count++] = weight;
    inputs[count++] = master;
    graph->node_count--;
    graph_append(graph, made.op->step, of->name, inputs, count, NULL);
    return true;
}

void optimizer_append_step(struct graph *graph, int weight, int gradient)
{
    if (append_row_step(graph, weight, gradient))
        return;
    enum optimizer_kind kind = graph->optimizer.kind;
    int master = graph->tensors[weight].master, moments[2] = {NO_TENSOR, NO_TENSOR};
    struct tensor like = graph->tensors[weight];
    for (int i = 0; i < optimizers[kind].moments; i++)
        moments[i] = graph_persistent(graph, graph_name(graph, "%s (moment %d)", like.name, i + 1), ROLE_OPTIMIZER,
                                      DTYPE_F32, like.rank, like.dims, (struct fill){.kind = FILL_ZERO});
    graph_append(graph, optimizers[kind].op, like.name, (int[]){weight, gradient, master, moments[0], moments[1]}, 5,
                 NULL);
}
