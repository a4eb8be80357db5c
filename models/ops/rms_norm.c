/* rms_norm: y = x · rstd · gamma along the last dimension, rstd = 1/√(mean(x²) + ε) (Zhang, Sennrich 2019)
 *
 *   x, y [..., C]; gamma [C]; rstd [...] is kept for the gradient in training; with x̂ = x·rstd and g = dy·gamma:
 *   dx     = rstd · (g − x̂ · mean(g·x̂))   (+ the gradient that reached x along the residual)
 *   dgamma = Σ over rows of dy·x̂ */
#include "models/ops/norm_rows.h"
#include "models/ops/ops.h"

enum { X, GAMMA };

static bool infer_rms_norm(struct graph *graph, struct node *node, struct error *error)
{
    return norm_infer(graph, node, 1, error);
}

static void compute_rows(const struct call *call, const float *x, float *y, size_t first, size_t rows)
{
    float *rstd = call->node->output_count > 1 ? (float *)call->outputs[1] + first : NULL;
    size_t columns = (size_t)tensor_columns(node_input(call->graph, call->node, X));
    call_rows(call)->rms_norm(x, call->inputs[GAMMA], y, rstd, rows, columns, call->node->attributes.epsilon);
}

static void run_rms_norm(const struct call *call)
{
    norm_run(call, compute_rows);
}

/* A multiply-add for the moment, two more operations to scale. */
static struct cost cost_rms_norm(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 4.0 * (double)tensor_elements(node_input(graph, node, X))};
}

static const struct op op_rms_norm_gradient;

static void gradient_rms_norm(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    int inputs[] = {node->inputs[X], node->inputs[GAMMA], node->outputs[1], dy[0], dx[X]};
    int made = graph_append(graph, &op_rms_norm_gradient, node->name, inputs, 5, &node->attributes);
    if (made == NO_NODE)
        return;
    dx[X] = graph->nodes[made].outputs[0];
    dx[GAMMA] = graph->nodes[made].outputs[1];
}

const struct op op_rms_norm = {.name = "rms_norm",
                               .help = "scales each row to a root mean square of 1",
                               .infer = infer_rms_norm,
                               .cost = cost_rms_norm,
                               .gradient = gradient_rms_norm,
                               .accumulates = 1 << X,
                               .workspace = norm_workspace,
                               .run = run_rms_norm};

int build_rms_norm(struct graph *graph, const char *name, int x, int gamma, float epsilon)
{
    const struct attributes attributes = {.epsilon = epsilon};
    return node_first_output(graph, graph_append(graph, &op_rms_norm, name, (int[]){x, gamma}, 2, &attributes));
}

/* ---- gradient ---- */

enum { SAVED_X, SAVED_GAMMA, RSTD, DY, RESIDUAL };

static bool infer_rms_norm_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    return norm_gradient_infer(graph, node, 1);
}

static void compute_gradient(const struct call *call, const struct norm_block *block)
{
    const float *rstd = call->inputs[RSTD];
    call_rows(call)->rms_norm_gradient(block->x, call->inputs[SAVED_GAMMA], rstd + block->first, block->dy,
                                       block->residual, block->dx, block->sums, block->rows, block->columns);
}

static void run_rms_norm_gradient(const struct call *call)
{
    norm_gradient_run(call, compute_gradient);
}

static struct cost cost_rms_norm_gradient(const struct graph *graph, const struct node *node)
{
    return (struct cost){.flops = 10.0 * (double)tensor_elements(node_input(graph, node, SAVED_X))};
}

static const struct op op_rms_norm_gradient = {.name = "rms_norm_gradient",
                                               .help = "gradient of rms_norm",
                                               .infer = infer_rms_norm_gradient,
                                               .cost = cost_rms_norm_gradient,
                                               .in_place = 1 << DY | 1 << RESIDUAL,
                                               .workspace = norm_gradient_workspace,
                                               .run = run_rms_norm_gradient};
