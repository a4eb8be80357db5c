/* Is what the fast kernels compute right? A case is run beside its timing at a reduced size (full width, few layers,
 * few sequences, short context), and every node of a step is compared with the plain-C specification; for training in
 * two whole steps, so that forward, backward and optimizer all count.
 *
 * What is allowed follows from the arithmetic: f32 sums of up to 10^5 terms in another order, bf16's 8 bits of
 * mantissa, and the 8 bits to which activations are rounded before they meet a packed weight. */
#include <math.h>
#include <stdio.h>

#include "models/engine/case.h"
#include "models/engine/check_nodes.h"
#include "models/families/family.h"
#include "models/graph/cost.h"
#include "models/graph/op.h"

/* Work of one reduced step: some tenths of a second of the specification kernels. */
static const double MOST_FLOPS = 3e8;
/* A support vector machine's specification does each of Newton's steps whole; a forest's looks through all rows for
 * every node. */
static const double MOST_FLOPS_SOLVED = 3e7;
enum { MOST_FOREST_ROWS = 1000 };
enum { TRAIN_STEPS = 2 };
static const double ALLOWED_F32 = 1e-4, ALLOWED_BF16 = 1e-2, ALLOWED_RECIPE = 3e-2;

static double flops_of(const struct model_case *one, const struct config *config, struct error *error)
{
    struct graph *graph = case_build_config(one, config, error);
    if (!graph)
        return NAN;
    double flops = graph_cost(graph).flops;
    graph_free(graph);
    return flops;
}

/* Five halvings on, as in a residual network, a batch norm must still see more than one pixel; a multiple of a patch.
 */
enum { LEAST_SIDE = 64, LEAST_FRAMES = 64 };

static int64_t halve(int64_t value, int64_t least)
{
    return value / 2 > least ? value / 2 : least;
}

/* Makes the case smaller, the least telling dimension first, until it is cheap; widths stay. False after an error. */
static bool reduce(struct model_case *one, struct config *config, struct error *error)
{
    for (;;) {
        double flops = flops_of(one, config, error);
        if (isnan(flops))
            return false;
        bool searched = config->trees && one->batch > MOST_FOREST_ROWS;
        if (flops <= (one->family->solves ? MOST_FLOPS_SOLVED : MOST_FLOPS) && !searched)
            return true;
        if (config->layers > 2)
            config->layers = 2;
        else if (config->trees > 2)
            config->trees = halve(config->trees, 2);
        else if (config->vocabulary > 1000)
            config->vocabulary = halve(config->vocabulary, 1000);
        else if (one->batch > 2)
            one->batch = halve(one->batch, 2);
        else if (config->side > LEAST_SIDE)
            config->side = halve(config->side, LEAST_SIDE);
        else if (config->frames > LEAST_FRAMES)
            config->frames = halve(config->frames, LEAST_FRAMES) / 2 * 2;
        else if (one->context > 32)
            one->context = halve(one->context, 32);
        else if (config->layers > 1)
            config->layers = 1;
        else if (one->context > 8)
            one->context = halve(one->context, 8);
        else if (one->batch > 1)
            one->batch = 1;
        else
            return true; /* the width alone is this much: slow, but checked */
    }
}

/* The largest error of any node in a step, or in each of TRAIN_STEPS where the case trains. */
static bool check_steps(const struct model_case *one, const struct config *config, int threads, struct check *check,
                        struct error *error)
{
    struct graph *graph = case_build_config(one, config, error);
    if (!graph)
        return false;
    struct plan plan = {0};
    const struct engine_options options = {.threads = threads};
    struct engine *engine = plan_make(graph, threads, &plan, error) ? engine_open(graph, &plan, &options, error) : NULL;
    struct node_check worst = {.node = NO_NODE};
    bool right = engine != NULL;
    for (int step = 0; right && step < (mode_trains(one->mode) ? TRAIN_STEPS : 1); step++)
        right = check_nodes(engine, graph, check->allowed, &worst, error);
    check->error = worst.error;
    if (worst.node != NO_NODE)
        snprintf(check->node, sizeof check->node, "%s %s", graph->nodes[worst.node].op->name,
                 graph->nodes[worst.node].name);
    engine_close(engine);
    plan_free(&plan);
    graph_free(graph);
    return right;
}

static void describe(const struct model_case *one, const struct config *config, struct check *check)
{
    int used = snprintf(check->against, sizeof check->against, "reference kernels at b%lld", (long long)one->batch);
    if (one->context)
        used +=
            snprintf(check->against + used, sizeof check->against - (size_t)used, "/s%lld", (long long)one->context);
    if (config->side)
        used += snprintf(check->against + used, sizeof check->against - (size_t)used, ", %lldx%lld pixels",
                         (long long)config->side, (long long)config->side);
    if (config->frames)
        used += snprintf(check->against + used, sizeof check->against - (size_t)used, ", %lld frames",
                         (long long)config->frames);
    if (config->trees)
        used += snprintf(check->against + used, sizeof check->against - (size_t)used, ", %lld trees",
                         (long long)config->trees);
    if (config->layers)
        snprintf(check->against + used, sizeof check->against - (size_t)used, ", %lld layer%s",
                 (long long)config->layers, config->layers == 1 ? "" : "s");
}

bool case_check(const struct model_case *one, int threads, struct check *check, struct error *error)
{
    struct model_case small = *one;
    struct config config = case_config(one);
    *check = (struct check){.allowed = one->recipe               ? ALLOWED_RECIPE
                                       : one->dtype == DTYPE_F32 ? ALLOWED_F32
                                                                 : ALLOWED_BF16};
    if (!reduce(&small, &config, error))
        return false;
    if (!check_steps(&small, &config, threads, check, error))
        return false;
    check->passed = check->error <= check->allowed;
    describe(&small, &config, check);
    return true;
}
