/* layer_norm: y = (x − mean) · rstd · gamma + beta along the last dimension (Ba, Kiros, Hinton 2016)
 *
 *   x, y [..., C]; gamma, beta [C]; mean, rstd [...] are kept for the gradient in training; rstd = 1/√(variance + ε)
 *   with x̂ = (x − mean)·rstd and g = dy·gamma:
 *   dx     = rstd · (g − mean(g) − x̂ · mean(g·x̂))   (+ the gradient that reached x along the residual)
 *   dgamma = Σ over rows of dy·x̂,   dbeta = Σ over rows of dy */
#include "models/ops/norm_rows.h"
#include "models/ops/ops.h"

enum { X, GAMMA, BETA };

static bool infer_layer_norm(struct graph *graph, struct node *node, struct error *error)
{
    return norm_infer(graph, node, 2, error);
}

static void compute_rows(const struct call *call, const float *x, float *y, size_t first, size_t rows)
{
    float *mean = call->node->output_count > 1 ? (float *)call->outputs[1] + first : NULL;
    float *rstd = mean ? (float *)call->outputs[2] + first : NULL;
    size_t columns = (size_t)tensor_columns(node_input(call->graph, call->node, X));
    call_rows(call)->layer_norm(x, call->inputs[GAMMA], call->inputs[BETA], y, mean, rstd, rows, columns,
                                call->node->attributes.epsilon);
}

static void run_layer_norm(const struct call *call)
{
    norm_run(call, compute_rows);
}

/* Two passes of multiply-add for the moments, two more operations each to normalise and to scale. */
static struct cost cost_layer_norm(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 8.0 * (double)tensor_elements(node_input(graph, node, X))};
}

static const struct op op_layer_norm_gradient;

static void gradient_layer_norm(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                int *dx)
{
    (void)wanted;
    int inputs[] = {node->inputs[X], node->inputs[GAMMA], node->outputs[1], node->outputs[2], dy[0], dx[X]};
    int made = graph_append(graph, &op_layer_norm_gradient, node->name, inputs, 6, &node->attributes);
    if (made == NO_NODE)
        return;
    const int *outputs = graph->nodes[made].outputs;
    dx[X] = outputs[0];
    dx[GAMMA] = outputs[1];
    dx[BETA] = outputs[2];
}

const struct op op_layer_norm = {.name = "layer_norm",
                                 .help = "normalises each row to mean 0 and variance 1",
                                 .infer = infer_layer_norm,
                                 .cost = cost_layer_norm,
                                 .gradient = gradient_layer_norm,
                                 .accumulates = 1 << X,
                                 .workspace = norm_workspace,
                                 .run = run_layer_norm};

int build_layer_norm(struct graph *graph, const char *name, int x, int gamma, int beta, float epsilon)
{
    const struct attributes attributes = {.epsilon = epsilon};
    return node_first_output(graph, graph_append(graph, &op_layer_norm, name, (int[]){x, gamma, beta}, 3, &attributes));
}

/* ---- gradient ---- */

enum { SAVED_X, SAVED_GAMMA, MEAN, RSTD, DY, RESIDUAL };

static bool infer_layer_norm_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    return norm_gradient_infer(graph, node, 2);
}

static void compute_gradient(const struct call *call, const struct norm_block *block)
{
    const float *mean = call->inputs[MEAN], *rstd = call->inputs[RSTD];
    call_rows(call)->layer_norm_gradient(block->x, call->inputs[SAVED_GAMMA], mean + block->first, rstd + block->first,
                                         block->dy, block->residual, block->dx, block->sums,
                                         block->sums + block->columns, block->rows, block->columns);
}

static void run_layer_norm_gradient(const struct call *call)
{
    norm_gradient_run(call, compute_gradient);
}

static struct cost cost_layer_norm_gradient(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 14.0 * (double)tensor_elements(node_input(graph, node, SAVED_X))};
}

static const struct op op_layer_norm_gradient = {.name = "layer_norm_gradient",
                                                 .help = "gradient of layer_norm",
                                                 .infer = infer_layer_norm_gradient,
                                                 .cost = cost_layer_norm_gradient,
                                                 .in_place = 1 << DY | 1 << RESIDUAL,
                                                 .workspace = norm_gradient_workspace,
                                                 .run = run_layer_norm_gradient};
