/* Is what the fast kernels compute right? A case is run beside its timing at a reduced size (full width, few layers,
 * few sequences, short context), once with the fast kernels and once with the plain-C specification, from the same
 * weights and inputs. For training, several whole steps are compared, so that forward, backward and optimizer all
 * count: the losses, and every weight at the end. Otherwise the model's output is compared.
 *
 * The error is the largest difference relative to the largest magnitude of the compared tensor. What is allowed follows
 * from the arithmetic: f32 sums of up to 10^5 terms in another order, and bf16's 8 bits of mantissa. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "models/engine/case.h"
#include "models/families/family.h"
#include "models/graph/cost.h"

/* Work of one reduced step: some tenths of a second of the specification kernels. */
static const double MOST_FLOPS = 3e8;
enum { TRAIN_STEPS = 2 };
static const double ALLOWED_F32 = 1e-4, ALLOWED_BF16 = 5e-2;

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
enum { LEAST_SIDE = 64 };

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
        if (flops <= MOST_FLOPS)
            return true;
        if (config->layers > 2)
            config->layers = 2;
        else if (config->vocabulary > 1000)
            config->vocabulary = halve(config->vocabulary, 1000);
        else if (one->batch > 2)
            one->batch = halve(one->batch, 2);
        else if (config->side > LEAST_SIDE)
            config->side = halve(config->side, LEAST_SIDE);
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

/* What a run leaves to be compared: the losses of its steps, and tensors' values one after another. */
struct outcome {
    double losses[TRAIN_STEPS];
    float *values;
    size_t count;
};

/* One step of `graph`, or TRAIN_STEPS where it trains, keeping the values of the tensors marked in `kept`. */
static bool run(const struct graph *graph, const int *kept, int kept_count, bool updates,
                const struct engine_options *options, struct outcome *outcome, struct error *error)
{
    struct plan plan;
    if (!plan_make(graph, options->threads, &plan, error))
        return false;
    struct engine *engine = engine_open(graph, &plan, options, error);
    outcome->count = 0;
    for (int i = 0; i < kept_count; i++)
        outcome->count += (size_t)tensor_elements(&graph->tensors[kept[i]]);
    outcome->values = malloc((outcome->count + 1) * sizeof *outcome->values);
    if (engine && !outcome->values)
        error_set(error, ERROR_SYSTEM, "out of memory for the check");
    bool right = engine && outcome->values;
    float *to = outcome->values;
    for (int step = 0; right && step < (updates ? TRAIN_STEPS : 1); step++) {
        engine_step(engine);
        outcome->losses[step] = engine_loss(engine);
    }
    for (int i = 0; right && i < kept_count; i++) {
        engine_read(engine, kept[i], to);
        to += tensor_elements(&graph->tensors[kept[i]]);
    }
    engine_close(engine);
    plan_free(&plan);
    return right;
}

/* Root mean square of the differences over that of the reference; infinite when anything isn't a number. */
static double distance(const float *fast, const float *plain, size_t count)
{
    double difference = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        double d = (double)fast[i] - (double)plain[i];
        difference += d * d;
        square += (double)plain[i] * (double)plain[i];
    }
    if (!(difference < 1e30))
        return INFINITY;
    return square > 0 ? sqrt(difference / square) : sqrt(difference);
}

static double compare(const struct graph *graph, const int *kept, int kept_count, bool updates,
                      const struct outcome *fast, const struct outcome *plain)
{
    double worst = 0;
    size_t first = 0;
    for (int step = 0; graph->loss != NO_TENSOR && step < (updates ? TRAIN_STEPS : 1); step++) {
        /* Relative to where training began: a loss that is nearly learned away is all rounding. */
        double d = fabs(fast->losses[step] - plain->losses[step]) / fabs(plain->losses[0]);
        worst = d <= worst ? worst : isnan(d) ? INFINITY : d;
    }
    for (int i = 0; i < kept_count; i++) {
        size_t count = (size_t)tensor_elements(&graph->tensors[kept[i]]);
        double d = distance(fast->values + first, plain->values + first, count);
        worst = d > worst ? d : worst;
        first += count;
    }
    return worst;
}

/* Runs the graph both ways; *worst becomes the larger of itself and the error found. */
static bool run_both(const struct graph *graph, const int *kept, int kept_count, bool updates, int threads,
                     double *worst, struct error *error)
{
    struct outcome fast = {0}, plain = {0};
    const struct engine_options quick = {.threads = threads}, slow = {.threads = threads, .reference = true};
    bool right = run(graph, kept, kept_count, updates, &quick, &fast, error) &&
                 run(graph, kept, kept_count, updates, &slow, &plain, error);
    if (right) {
        double found = compare(graph, kept, kept_count, updates, &fast, &plain);
        *worst = found > *worst ? found : *worst;
    }
    free(fast.values);
    free(plain.values);
    return right;
}

/* The gradient of every weight, from a graph that keeps them instead of updating. */
static bool check_gradients(const struct model_case *one, const struct config *config, int threads, double *worst,
                            struct error *error)
{
    struct graph *graph = case_build_untrained(one, config, error);
    if (!graph)
        return false;
    int forward_tensors = graph->tensor_count, kept_count = 0;
    int *gradients = malloc(((size_t)forward_tensors + 1) * sizeof *gradients);
    bool right = gradients || error_set(error, ERROR_SYSTEM, "out of memory for the check");
    const struct training training = {0};
    right = right && graph_train(graph, &training, gradients, error);
    for (int t = 0; right && t < forward_tensors; t++)
        if (graph->tensors[t].trainable && gradients[t] != NO_TENSOR)
            gradients[kept_count++] = gradients[t];
    right = right && run_both(graph, gradients, kept_count, false, threads, worst, error);
    free(gradients);
    graph_free(graph);
    return right;
}

/* A whole case: the losses of a few steps of training, or else the output. */
static bool check_case(const struct model_case *one, const struct config *config, int threads, double *worst,
                       struct error *error)
{
    struct graph *graph = case_build_config(one, config, error);
    if (!graph)
        return false;
    bool updates = one->mode == MODE_TRAIN;
    bool right = run_both(graph, &graph->output, updates ? 0 : 1, updates, threads, worst, error);
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
    if (config->layers)
        snprintf(check->against + used, sizeof check->against - (size_t)used, ", %lld layer%s",
                 (long long)config->layers, config->layers == 1 ? "" : "s");
}

bool case_check(const struct model_case *one, int threads, struct check *check, struct error *error)
{
    struct model_case small = *one;
    struct config config = one->size->config;
    *check = (struct check){.allowed = one->dtype == DTYPE_F32 ? ALLOWED_F32 : ALLOWED_BF16};
    if (!reduce(&small, &config, error))
        return false;
    if (one->mode == MODE_TRAIN && !check_gradients(&small, &config, threads, &check->error, error))
        return false;
    if (!check_case(&small, &config, threads, &check->error, error))
        return false;
    check->passed = check->error <= check->allowed;
    describe(&small, &config, check);
    return true;
}
