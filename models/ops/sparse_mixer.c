/* sparse_mixer: the two experts that each row goes to, and their weights (Liu et al. 2024, "GRIN: GRadient-INformed
 * MoE", as it is used: the random choice of its training isn't made)
 *
 *   scores [..., E] f32, a router's;  weights [..., 2] f32, experts [..., 2] i32
 *   best first: of the experts i that aren't taken yet the one of the largest score m, with the weight
 *   exp(m) / Σ exp(s_i) over those of them for which (m − s_i) / max(|s_i|, m) ≤ 2ε (attribute epsilon)
 *
 * The gradient takes which experts are in a sum as given. */
#include <math.h>

#include "models/ops/ops.h"
#include "models/ops/storage.h"

enum { CHOICES = 2 };

static bool infer_sparse_mixer(struct graph *graph, struct node *node, struct error *error)
{
    struct tensor scores = *node_input(graph, node, 0);
    if (scores.dtype != DTYPE_F32 || tensor_columns(&scores) < CHOICES)
        return error_set(error, ERROR_INPUT, "takes f32 scores of %d experts or more, not %s of %lld", CHOICES,
                         dtype_info(scores.dtype)->name, (long long)tensor_columns(&scores));
    scores.dims[scores.rank - 1] = CHOICES;
    graph_output(graph, node, DTYPE_F32, scores.rank, scores.dims);
    graph_output(graph, node, DTYPE_I32, scores.rank, scores.dims);
    return true;
}

/* Is expert i in the sum of those that the best one, which isn't `taken`, is weighed against? */
static bool is_near(const float *scores, int32_t i, int32_t best, int32_t taken, float epsilon)
{
    return i != taken && !((scores[best] - scores[i]) / fmaxf(fabsf(scores[i]), scores[best]) > 2 * epsilon);
}

static float total_of(const float *scores, int32_t experts, int32_t best, int32_t taken, float epsilon)
{
    float total = 0;
    for (int32_t i = 0; i < experts; i++)
        if (is_near(scores, i, best, taken, epsilon))
            total += expf(scores[i] - scores[best]);
    return total;
}

static void choose(const float *scores, int32_t experts, float epsilon, float *weights, int32_t *chosen)
{
    int32_t taken = -1;
    for (int choice = 0; choice < CHOICES; choice++) {
        int32_t best = taken == 0 ? 1 : 0;
        for (int32_t i = best + 1; i < experts; i++)
            if (i != taken && scores[i] > scores[best])
                best = i;
        weights[choice] = 1 / total_of(scores, experts, best, taken, epsilon);
        chosen[choice] = taken = best;
    }
}

static void run_sparse_mixer(const struct call *call)
{
    const struct tensor *scores = node_input(call->graph, call->node, 0);
    size_t rows = (size_t)tensor_rows(scores), experts = (size_t)tensor_columns(scores);
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * experts > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r++)
        choose((const float *)call->inputs[0] + r * experts, (int32_t)experts, call->node->attributes.epsilon,
               (float *)call->outputs[0] + r * CHOICES, (int32_t *)call->outputs[1] + r * CHOICES);
}

/* ---- gradient ---- */

enum { SCORES, EXPERTS, DWEIGHTS };

static bool infer_sparse_mixer_gradient(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    const struct tensor scores = *node_input(graph, node, SCORES);
    return graph_output(graph, node, DTYPE_F32, scores.rank, scores.dims) != NO_TENSOR;
}

static void differentiate(const float *scores, int32_t experts, float epsilon, const int32_t *chosen,
                          const float *dweights, float *dscores)
{
    for (int32_t i = 0; i < experts; i++)
        dscores[i] = 0;
    for (int choice = 0; choice < CHOICES; choice++) {
        int32_t best = chosen[choice], taken = choice ? chosen[0] : -1;
        float weight = 1 / total_of(scores, experts, best, taken, epsilon), dweight = dweights[choice] * weight;
        dscores[best] += dweight;
        for (int32_t i = 0; i < experts; i++)
            if (is_near(scores, i, best, taken, epsilon))
                dscores[i] -= dweight * weight * expf(scores[i] - scores[best]);
    }
}

static void run_sparse_mixer_gradient(const struct call *call)
{
    const struct tensor *scores = node_input(call->graph, call->node, SCORES);
    size_t rows = (size_t)tensor_rows(scores), experts = (size_t)tensor_columns(scores);
#pragma omp parallel for schedule(static) num_threads(call->threads) if (rows * experts > PARALLEL_FROM)
    for (size_t r = 0; r < rows; r++)
        differentiate((const float *)call->inputs[SCORES] + r * experts, (int32_t)experts,
                      call->node->attributes.epsilon, (const int32_t *)call->inputs[EXPERTS] + r * CHOICES,
                      (const float *)call->inputs[DWEIGHTS] + r * CHOICES, (float *)call->outputs[0] + r * experts);
}

static const struct op op_sparse_mixer_gradient = {.name = "sparse_mixer_gradient",
                                                   .help = "gradient of sparse_mixer",
                                                   .infer = infer_sparse_mixer_gradient,
                                                   .run = run_sparse_mixer_gradient};

static void gradient_sparse_mixer(struct graph *graph, const struct node *node, const int *dy, const bool *wanted,
                                  int *dx)
{
    (void)wanted;
    int inputs[] = {node->inputs[0], node->outputs[1], dy[0]};
    dx[0] = node_first_output(graph,
                              graph_append(graph, &op_sparse_mixer_gradient, node->name, inputs, 3, &node->attributes));
}

const struct op op_sparse_mixer = {.name = "sparse_mixer",
                                   .help = "two experts for each row, each weighed against those near it",
                                   .infer = infer_sparse_mixer,
                                   .gradient = gradient_sparse_mixer,
                                   .run = run_sparse_mixer};

int build_sparse_mixer(struct graph *graph, const char *name, int scores, float epsilon, int *experts)
{
    const struct attributes attributes = {.epsilon = epsilon};
    int made = graph_append(graph, &op_sparse_mixer, name, &scores, 1, &attributes);
    *experts = made == NO_NODE ? NO_TENSOR : graph->nodes[made].outputs[1];
    return node_first_output(graph, made);
}
