/* clamp: y = min(max(x, −L), L) + c;  clamped_swish: y = g · σ(αg), g = min(x, L)
 *
 * Their product, of up and gate, is gpt-oss's gated feed-forward (OpenAI 2025), with L = 7, c = 1, α = 1.702. Attribute
 * softcap: L; scale: c, or α. dx = dy, or dy · (σ(αg) + αg · σ(αg) · (1 − σ(αg))), where x is within; 0 where it isn't.
 */
#include "models/ops/ops.h"
#include "models/ops/pieces.h"

static void clamp_piece(const struct call *call, const struct elementwise_kernels *kernels, const float *a,
                        const float *b, float *y, size_t first, size_t count)
{
    (void)kernels, (void)b, (void)first;
    const float limit = call->node->attributes.softcap, offset = call->node->attributes.scale;
    for (size_t i = 0; i < count; i++) { /* NaN stays NaN */
        float x = a[i] > limit ? limit : a[i];
        y[i] = (x < -limit ? -limit : x) + offset;
    }
}

static void run_clamp(const struct call *call)
{
    pieces_run(call, clamp_piece);
}

static void clamp_gradient_piece(const struct call *call, const struct elementwise_kernels *kernels, const float *a,
                                 const float *b, float *y, size_t first, size_t count)
{
    (void)kernels, (void)first;
    const float limit = call->node->attributes.softcap;
    for (size_t i = 0; i < count; i++)
        y[i] = a[i] > limit || a[i] < -limit ? 0 : b[i];
}

static void run_clamp_gradient(const struct call *call)
{
    pieces_run(call, clamp_gradient_piece);
}

/* α · min(x, L), the argument of a silu. */
static void bound(const struct call *call, const float *x, float *y, size_t count)
{
    const float limit = call->node->attributes.softcap, alpha = call->node->attributes.scale;
    for (size_t i = 0; i < count; i++)
        y[i] = alpha * (x[i] > limit ? limit : x[i]);
}

static void swish_piece(const struct call *call, const struct elementwise_kernels *kernels, const float *a,
                        const float *b, float *y, size_t first, size_t count)
{
    (void)b, (void)first;
    bound(call, a, y, count);
    kernels->activate(ACTIVATION_SILU, y, y, count);
    kernels->scale(y, 1 / call->node->attributes.scale, y, count);
}

static void run_swish(const struct call *call)
{
    pieces_run(call, swish_piece);
}

/* The slope of (1/α) · silu(αg) is silu's at αg. */
static void swish_gradient_piece(const struct call *call, const struct elementwise_kernels *kernels, const float *a,
                                 const float *b, float *y, size_t first, size_t count)
{
    float arguments[STORAGE_PIECE], within[STORAGE_PIECE];
    (void)first;
    bound(call, a, arguments, count);
    const float limit = call->node->attributes.softcap;
    for (size_t i = 0; i < count; i++)
        within[i] = a[i] > limit ? 0 : b[i];
    kernels->activate_gradient(ACTIVATION_SILU, arguments, within, y, count);
}

static void run_swish_gradient(const struct call *call)
{
    pieces_run(call, swish_gradient_piece);
}

static const struct op op_clamp_gradient = {.name = "clamp_gradient",
                                            .help = "gradient of clamp",
                                            .infer = pieces_infer,
                                            .cost = pieces_cost,
                                            .workspace = pieces_workspace,
                                            .run = run_clamp_gradient};

static const struct op op_clamped_swish_gradient = {.name = "clamped_swish_gradient",
                                                    .help = "gradient of clamped_swish",
                                                    .infer = pieces_infer,
                                                    .cost = pieces_cost,
                                                    .workspace = pieces_workspace,
                                                    .run = run_swish_gradient};

static void gradient_of(struct graph *graph, const struct op *op, const struct node *node, int dy, int *dx)
{
    int inputs[] = {node->inputs[0], dy};
    *dx = node_first_output(graph, graph_append(graph, op, node->name, inputs, 2, &node->attributes));
}

static void gradient_clamp(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    gradient_of(graph, &op_clamp_gradient, node, dy[0], dx);
}

static void gradient_swish(struct graph *graph, const struct node *node, const int *dy, const bool *wanted, int *dx)
{
    (void)wanted;
    gradient_of(graph, &op_clamped_swish_gradient, node, dy[0], dx);
}

const struct op op_clamp = {.name = "clamp",
                            .help = "each element brought within a limit",
                            .infer = pieces_infer,
                            .cost = pieces_cost,
                            .gradient = gradient_clamp,
                            .in_place = 1,
                            .workspace = pieces_workspace,
                            .run = run_clamp};

const struct op op_clamped_swish = {.name = "clamped_swish",
                                    .help = "x times the sigmoid of a multiple of it, up to a limit",
                                    .infer = pieces_infer,
                                    .cost = pieces_cost,
                                    .gradient = gradient_swish,
                                    .in_place = 1,
                                    .workspace = pieces_workspace,
                                    .run = run_swish};

int build_clamp(struct graph *graph, const char *name, int x, float limit, float offset)
{
    const struct attributes attributes = {.softcap = limit, .scale = offset};
    return node_first_output(graph, graph_append(graph, &op_clamp, name, &x, 1, &attributes));
}

int build_clamped_swish(struct graph *graph, const char *name, int x, float limit, float alpha)
{
    const struct attributes attributes = {.softcap = limit, .scale = alpha};
    return node_first_output(graph, graph_append(graph, &op_clamped_swish, name, &x, 1, &attributes));
}
