/* binary_cross_entropy: loss = mean of max(x, 0) − x·t + log(1 + e^−|x|), which is −t·log σ(x) − (1 − t)·log(1 − σ(x))
 *
 *   x [...] logits, targets [...] f32 in [0, 1];  loss [1];  dx = (σ(x) − t) / elements
 *   torch.nn.functional.binary_cross_entropy_with_logits */
#include <math.h>

#include "models/ops/ops.h"
#include "models/ops/pieces.h"

enum { LOGITS, TARGETS };

static bool infer_binary_cross_entropy(struct graph *graph, struct node *node, struct error *error)
{
    const struct tensor *x = node_input(graph, node, LOGITS), *targets = node_input(graph, node, TARGETS);
    if (targets->dtype != DTYPE_F32 || tensor_elements(x) != tensor_elements(targets))
        return error_set(error, ERROR_INPUT, "has %lld logits and %lld targets, which must be as many and f32",
                         (long long)tensor_elements(x), (long long)tensor_elements(targets));
    int64_t one = 1;
    return graph_output(graph, node, DTYPE_F32, 1, &one) != NO_TENSOR;
}

/* Maximum, product, sums, and an exponential and a logarithm as one each. */
static struct cost cost_binary_cross_entropy(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 7.0 * (double)tensor_elements(node_input(graph, node, LOGITS))};
}

/* Summed in double, in order, so that the loss doesn't depend on the number of threads. There is one logit a sample. */
static void run_binary_cross_entropy(const struct call *call)
{
    const struct elementwise_kernels *kernels = call_elementwise(call);
    const struct tensor *x = node_input(call->graph, call->node, LOGITS);
    const float *targets = call->inputs[TARGETS];
    size_t count = (size_t)tensor_elements(x);
    float buffer[STORAGE_PIECE];
    double sum = 0;
    for (size_t first = 0; first < count; first += STORAGE_PIECE) {
        size_t piece = count - first < STORAGE_PIECE ? count - first : STORAGE_PIECE;
        const float *logits = storage_read(kernels, call->inputs[LOGITS], x->dtype, first, piece, buffer);
        for (size_t i = 0; i < piece; i++) {
            double logit = logits[i];
            sum += fmax(logit, 0) - logit * (double)targets[first + i] + log1p(exp(-fabs(logit)));
        }
    }
    *(float *)call->outputs[0] = (float)(sum / (double)count);
}

static void gradient_piece(const struct call *call, const struct elementwise_kernels *kernels, const float *logits,
                           const float *targets, float *y, size_t first, size_t count)
{
    (void)first;
    float scale = 1.0f / (float)tensor_elements(node_input(call->graph, call->node, LOGITS));
    float sigmoids[STORAGE_PIECE];
    kernels->activate(ACTIVATION_SIGMOID, logits, sigmoids, count);
    for (size_t i = 0; i < count; i++)
        y[i] = scale * (sigmoids[i] - targets[i]);
}

static void run_gradient(const struct call *call)
{
    pieces_run(call, gradient_piece);
}

static const struct op op_binary_cross_entropy_gradient = {.name = "binary_cross_entropy_gradient",
                                                           .help = "gradient of binary_cross_entropy",
                                                           .infer = pieces_infer,
                                                           .cost = cost_binary_cross_entropy,
                                                           .in_place = 1 << LOGITS,
                                                           .workspace = pieces_workspace,
                                                           .run = run_gradient};

static void gradient_binary_cross_entropy(struct graph *graph, const struct node *node, const int *dy,
                                          const bool *wanted, int *dx)
{
    (void)dy, (void)wanted; /* the loss's own gradient is 1 */
    dx[LOGITS] = node_first_output(
        graph, graph_append(graph, &op_binary_cross_entropy_gradient, node->name, node->inputs, 2, NULL));
}

const struct op op_binary_cross_entropy = {.name = "binary_cross_entropy",
                                           .help = "negative log-likelihood of yes or no under sigmoid(logits)",
                                           .infer = infer_binary_cross_entropy,
                                           .cost = cost_binary_cross_entropy,
                                           .gradient = gradient_binary_cross_entropy,
                                           .run = run_binary_cross_entropy};

int build_binary_cross_entropy(struct graph *graph, const char *name, int logits, int targets)
{
    return node_first_output(graph,
                             graph_append(graph, &op_binary_cross_entropy, name, (int[]){logits, targets}, 2, NULL));
}
