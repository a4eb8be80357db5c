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

/* Work of one reduced step: about a second of the specification kernels. */
static const double MOST_FLOPS = 1e9;
enum { TRAIN_STEPS = 3 };
static const double ALLOWED_F32 = 2e-3, ALLOWED_BF16 = 6e-2;

static double flops_of(const struct model_case *one, const struct config *config, struct error *error)
{
    struct graph *graph = case_build_config(one, config, error);
    if (!graph)
        return NAN;
    double flops = graph_cost(graph).flops;
    graph_free(graph);
    return flops;
}

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

/* What a run leaves to be compared: the losses of its steps, and the values of one tensor after another. */
struct outcome {
    double losses[TRAIN_STEPS];
    float *values;
    size_t count;
};

static bool compared(const struct graph *graph, int tensor)
{
    return graph->training ? graph->tensors[tensor].trainable : tensor == graph->output;
}

static bool run(const struct graph *graph, int threads, bool reference, struct outcome *outcome, struct error *error)
{
    struct plan plan;
    if (!plan_make(graph, threads, &plan, error))
        return false;
    const struct engine_options options = {.threads = threads, .reference = reference};
    struct engine *engine = engine_open(graph, &plan, &options, error);
    outcome->count = 0;
    for (int t = 0; t < graph->tensor_count; t++)
        outcome->count += compared(graph, t) ? (size_t)tensor_elements(&graph->tensors[t]) : 0;
    outcome->values = malloc((outcome->count + 1) * sizeof *outcome->values);
    bool right = engine && outcome->values;
    if (engine && !outcome->values)
        error_set(error, ERROR_SYSTEM, "out of memory for the check");
    if (right) {
        for (int step = 0; step < (graph->training ? TRAIN_STEPS : 1); step++) {
            engine_step(engine);
            outcome->losses[step] = engine_loss(engine);
        }
        float *to = outcome->values;
        for (int t = 0; t < graph->tensor_count; t++)
            if (compared(graph, t)) {
                engine_read(engine, t, to);
                to += tensor_elements(&graph->tensors[t]);
            }
    }
    engine_close(engine);
    plan_free(&plan);
    return right;
}

/* Adam divides by √v, so a gradient that is all rounding error still moves its weight by a learning rate. Weights are
 * therefore compared by the mean of their differences, relative to the root mean square of the weights. */
static double distance(const float *a, const float *b, size_t count, bool mean)
{
    double largest = 0, difference = 0, sum = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= 1e30))
            return INFINITY;
        difference = d > difference ? d : difference;
        largest = fabs((double)b[i]) > largest ? fabs((double)b[i]) : largest;
        sum += d;
        square += (double)b[i] * (double)b[i];
    }
    if (mean)
        return square > 0 ? sum / (double)count / sqrt(square / (double)count) : sum;
    return largest > 0 ? difference / largest : difference;
}

static double compare(const struct graph *graph, const struct outcome *fast, const struct outcome *plain)
{
    double worst = 0;
    size_t first = 0;
    for (int step = 0; graph->training && step < TRAIN_STEPS; step++) {
        double d = fabs(fast->losses[step] - plain->losses[step]) / fabs(plain->losses[step]);
        worst = d <= worst ? worst : isnan(d) ? INFINITY : d;
    }
    for (int t = 0; t < graph->tensor_count; t++) {
        if (!compared(graph, t))
            continue;
        size_t count = (size_t)tensor_elements(&graph->tensors[t]);
        double d = distance(fast->values + first, plain->values + first, count, graph->training);
        worst = d > worst ? d : worst;
        first += count;
    }
    return worst;
}

bool case_check(const struct model_case *one, int threads, struct check *check, struct error *error)
{
    struct model_case small = *one;
    struct config config = one->size->config;
    *check = (struct check){.allowed = one->dtype == DTYPE_F32 ? ALLOWED_F32 : ALLOWED_BF16};
    if (!reduce(&small, &config, error))
        return false;
    struct graph *graph = case_build_config(&small, &config, error);
    if (!graph)
        return false;
    struct outcome fast = {0}, plain = {0};
    bool right = run(graph, threads, false, &fast, error) && run(graph, threads, true, &plain, error);
    if (right) {
        check->error = compare(graph, &fast, &plain);
        check->passed = check->error <= check->allowed;
        int used =
            snprintf(check->against, sizeof check->against, "reference kernels at b%lld", (long long)small.batch);
        if (small.context)
            used += snprintf(check->against + used, sizeof check->against - (size_t)used, "/s%lld",
                             (long long)small.context);
        if (config.layers)
            snprintf(check->against + used, sizeof check->against - (size_t)used, ", %lld layers",
                     (long long)config.layers);
    }
    free(fast.values);
    free(plain.values);
    graph_free(graph);
    return right;
}
