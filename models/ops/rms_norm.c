/* rms_norm: y = x · rstd · gamma along the last dimension, rstd = 1/√(mean(x²) + ε) (Zhang, Sennrich 2019)
 *
 *   x, y [..., C]; gamma [C]; rstd [...] is kept for the gradient in training; with x̂ = x·rstd and g = dy·gamma:
 *   dx     = rstd · (g − x̂ · mean(g·x̂))   (+ the gradient that reached x along the residual)
 *   dgamma = Σ over rows of dy·x̂
 * A gamma that is stored less 1, as Gemma's are, is made whole at the start of each call. */
#include "models/ops/norm_rows.h"
#include "models/ops/ops.h"

enum { X, GAMMA };

static bool infer_rms_norm(struct graph *graph, struct node *node, struct error *error)
{
    return norm_infer(graph, node, 1, error);
}

/* Floats before the rest of the workspace, for a gamma that has to be made whole. */
static size_t gamma_floats(const struct graph *graph, const struct node *node)
{
    size_t columns = (size_t)tensor_columns(node_input(graph, node, X));
    return node->attributes.less_one ? (columns + 15) / 16 * 16 : 0;
}

/* The call as norm_rows sees it, behind the gamma. */
static struct call with_whole_gamma(const struct call *call)
{
    struct call inner = *call;
    size_t floats = gamma_floats(call->graph, call->node);
    size_t columns = (size_t)tensor_columns(node_input(call->graph, call->node, X));
    inner.workspace = (float *)call->workspace + floats;
    for (size_t c = 0; floats && c < columns; c++)
        ((float *)call->workspace)[c] = 1 + ((const float *)call->inputs[GAMMA])[c];
    return inner;
}

static const float *whole_gamma(const struct call *inner)
{
    size_t floats = gamma_floats(inner->graph, inner->node);
    return floats ? (const float *)inner->workspace - floats : inner->inputs[GAMMA];
}

static size_t workspace_rms_norm(const struct graph *graph, const struct node *node, int threads)
{
    return gamma_floats(graph, node) * sizeof(float) + norm_workspace(graph, node, threads);
}

static void compute_rows(const struct call *call, const float *x, float *y, size_t first, size_t rows)
{
    float *rstd = call->node->output_count > 1 ? (float *)call->outputs[1] + first : NULL;
    size_t columns = (size_t)tensor_columns(node_input(call->graph, call->node, X));
    call_rows(call)->rms_norm(x, whole_gamma(call), y, rstd, rows, columns, call->node->attributes.epsilon);
}

static void run_rms_norm(const struct call *call)
{
    struct call inner = with_whole_gamma(call);
    norm_run(&inner, compute_rows);
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
                               .workspace = workspace_rms_norm,
                               .run = run_rms_norm};

int build_rms_norm(struct graph *graph, const char *name, int x, int gamma, float epsilon)
{
    const struct attributes attributes = {.epsilon = epsilon};
    return node_first_output(graph, graph_append(graph, &op_rms_norm, name, (int[]){x, gamma}, 2, &attributes));
}

int build_rms_norm_less_one(struct graph *graph, const char *name, int x, int gamma, float epsilon)
{
    const struct attributes attributes = {.epsilon = epsilon, .less_one = true};
    return node_first_output(graph, graph_append(graph, &op_rms_norm, name, (int[]){x, gamma}, 2, &attributes));
}

/* ---- gradient ---- */

enum { SAVED_X, SAVED_GAMMA, RSTD, DY, RESIDUAL };

static bool infer_rms_norm_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    return norm_gradient_infer(graph, node, 1);
}

static size_t workspace_rms_norm_gradient(const struct graph *graph, const struct node *node, int threads)
{
    return gamma_floats(graph, node) * sizeof(float) + norm_gradient_workspace(graph, node, threads);
}

static void compute_gradient(const struct call *call, const struct norm_block *block)
{
    const float *rstd = call->inputs[RSTD];
    call_rows(call)->rms_norm_gradient(block->x, whole_gamma(call), rstd + block->first, block->dy, block->residual,
                                       block->dx, block->sums, block->rows, block->columns);
}

static void run_rms_norm_gradient(const struct call *call)
{
    struct call inner = with_whole_gamma(call);
    norm_gradient_run(&inner, compute_gradient);
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
                                               .workspace = workspace_rms_norm_gradient,
                                               .run = run_rms_norm_gradient};
