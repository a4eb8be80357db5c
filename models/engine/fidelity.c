#include "models/engine/fidelity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/random.h"
#include "models/families/family.h"

/* Of the reduced models. */
enum { LAYERS = 2, VOCABULARY = 1024, CONTEXT = 128, SEQUENCES = 2, SAMPLES = 32, IMAGES = 4, SIDE = 64 };
enum { NARROW = 384, LEAST_WIDTH = 192, MOST_NEURONS = 1024, SUPER = 256, RUN = 32 };
static const double ENTROPY_NATS = 2.303; /* log 10 */

bool case_has_fidelity(const struct model_case *one)
{
    return one->family->quantises && !mode_trains(one->mode) && (one->recipe || one->dtype != DTYPE_F32);
}

/* ---- The reduced model ---- */

/* Rows that fill whole blocks still do, and others still don't, so that a recipe chooses the same types. */
static bool is_alike(int64_t width, int64_t whole)
{
    return (width % SUPER == 0) == (whole % SUPER == 0) && (width % RUN == 0) == (whole % RUN == 0);
}

static int64_t narrowed(int64_t width)
{
    while (width > MOST_NEURONS && width % 2 == 0 && is_alike(width / 2, width))
        width /= 2;
    return width;
}

/* As few heads of the same size as make a width of its kind. */
static void take_heads(struct config *config)
{
    int64_t head = config->hidden / config->heads, whole = config->hidden, heads = config->heads;
    int64_t fewer = (LEAST_WIDTH + head - 1) / head;
    while (fewer < heads && !is_alike(fewer * head, whole))
        fewer++;
    if (fewer >= heads)
        return;
    int64_t shared = config->kv_heads ? heads / config->kv_heads : 1; /* queries to a key head */
    config->heads = fewer;
    config->hidden = fewer * head;
    if (config->kv_heads)
        config->kv_heads = fewer % shared == 0 ? fewer / shared : 1;
    int64_t unit = config->feed_forward % SUPER == 0 ? SUPER : config->feed_forward % RUN == 0 ? RUN : 1;
    int64_t wide = config->feed_forward * config->hidden / whole / unit * unit;
    while (wide && !is_alike(wide, config->feed_forward))
        wide -= unit;
    if (wide)
        config->feed_forward = wide;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void reduce(struct model_case *one, struct config *config)
{
    one->mode = MODE_FORWARD;
    one->kv_dtype = -1;
    one->batch = config->heads ? config->side ? IMAGES : SEQUENCES : SAMPLES;
    if (one->family->has_context)
        one->context = least(config->max_context, CONTEXT);
    config->layers = least(config->layers, LAYERS);
    config->vocabulary = least(config->vocabulary, VOCABULARY);
    config->untied_head = true; /* a generated embedding as the head would mostly repeat the input's token */
    if (config->side)
        config->side = least(config->side, SIDE);
    for (int i = 0; i < 8; i++)
        config->widths[i] = narrowed(config->widths[i]);
    if (config->heads && config->hidden > NARROW)
        take_heads(config);
}

static void describe(const struct model_case *one, const struct config *config, char at[64])
{
    int used = snprintf(at, 64, "b%lld", (long long)one->batch);
    if (one->context)
        used += snprintf(at + used, 64 - (size_t)used, "/s%lld", (long long)one->context);
    if (config->layers)
        used += snprintf(at + used, 64 - (size_t)used, ", %lld layer%s", (long long)config->layers,
                         config->layers == 1 ? "" : "s");
    snprintf(at + used, 64 - (size_t)used, ", width %lld",
             (long long)(config->hidden ? config->hidden : config->widths[1]));
}

static void make_heavy_tailed(struct graph *graph)
{
    for (int t = 0; t < graph->tensor_count; t++)
        if (graph->tensors[t].role == ROLE_WEIGHT && graph->tensors[t].fill.kind == FILL_NORMAL)
            graph->tensors[t].fill.kind = FILL_HEAVY_TAILED;
}

struct output {
    float *values; /* owned */
    size_t count, columns;
};

/* What a step of the model puts out. */
static bool run(const struct model_case *one, const struct config *config, int threads, struct output *output,
                struct error *error)
{
    *output = (struct output){0};
    struct graph *graph = case_build_config(one, config, error);
    if (!graph)
        return false;
    make_heavy_tailed(graph);
    struct plan plan = {0};
    const struct engine_options options = {.threads = threads};
    struct engine *engine = plan_make(graph, threads, &plan, error) ? engine_open(graph, &plan, &options, error) : NULL;
    if (engine) {
        const struct tensor *tensor = &graph->tensors[graph->output];
        output->count = (size_t)tensor_elements(tensor);
        output->columns = (size_t)tensor_columns(tensor);
        output->values = malloc((output->count + 1) * sizeof(float));
        if (output->values) {
            engine_step(engine);
            engine_read(engine, graph->output, output->values);
        } else {
            error_set(error, ERROR_SYSTEM, "out of memory for the comparison with f32");
        }
    }
    engine_close(engine);
    plan_free(&plan);
    graph_free(graph);
    return output->values != NULL;
}

/* ---- Comparing ---- */

double fidelity_output_error(const float *f32, const float *other, size_t count)
{
    double difference = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)other[i] - (double)f32[i]) * ((double)other[i] - (double)f32[i]);
        square += (double)f32[i] * (double)f32[i];
    }
    return difference == 0 ? 0 : sqrt(difference / square);
}

static size_t largest(const float *logits, size_t tokens)
{
    size_t best = 0;
    for (size_t v = 1; v < tokens; v++)
        best = logits[v] > logits[best] ? v : best;
    return best;
}

/* log Σ exp(factor · logits), to be subtracted from factor · logits for logarithms of probabilities. */
static double log_sum(const float *logits, size_t tokens, double factor)
{
    double most = factor * (double)logits[largest(logits, tokens)], sum = 0;
    for (size_t v = 0; v < tokens; v++)
        sum += exp(factor * (double)logits[v] - most);
    return most + log(sum);
}

/* Of the distribution that softmax makes of factor · logits. */
static double entropy(const float *logits, size_t tokens, double factor)
{
    double sum = log_sum(logits, tokens, factor), found = 0;
    for (size_t v = 0; v < tokens; v++) {
        double log_p = factor * (double)logits[v] - sum;
        found -= exp(log_p) * log_p;
    }
    return found;
}

static double mean_entropy(const float *logits, size_t positions, size_t tokens, double factor)
{
    double sum = 0;
    for (size_t p = 0; p < positions; p++)
        sum += entropy(logits + p * tokens, tokens, factor);
    return sum / (double)positions;
}

/* By bisection, as entropy falls while the factor grows; 1 where no factor does it. */
static double sharpening_factor(const float *logits, size_t positions, size_t tokens)
{
    double low = -20, high = 20; /* logarithms of base 2 */
    if (!(mean_entropy(logits, positions, tokens, exp2(low)) > ENTROPY_NATS) ||
        !(mean_entropy(logits, positions, tokens, exp2(high)) < ENTROPY_NATS))
        return 1;
    while (high - low > 0.001) {
        double middle = (low + high) / 2;
        if (mean_entropy(logits, positions, tokens, exp2(middle)) > ENTROPY_NATS)
            low = middle;
        else
            high = middle;
    }
    return exp2(low);
}

struct position {
    double divergence, loss_f32, loss_difference;
};

/* `u` in [0, 1) draws the token: the first at which the cumulative distribution exceeds it. */
static struct position compare_position(const float *f32, const float *other, size_t tokens, double factor, double u)
{
    double p_sum = log_sum(f32, tokens, factor), q_sum = log_sum(other, tokens, factor), cumulative = 0;
    struct position found = {0};
    bool drawn = false;
    for (size_t v = 0; v < tokens; v++) {
        double log_p = factor * (double)f32[v] - p_sum, log_q = factor * (double)other[v] - q_sum, p = exp(log_p);
        found.divergence += p * (log_p - log_q);
        cumulative += p;
        if (!drawn && (cumulative > u || v + 1 == tokens)) {
            drawn = true;
            found.loss_f32 = -log_p;
            found.loss_difference = log_p - log_q;
        }
    }
    return found;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The smallest that 99 of 100 don't exceed. Sorts. */
static double percentile_99(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return values[(99 * count + 99) / 100 - 1];
}

void fidelity_compare(const float *f32, const float *other, size_t positions, size_t tokens, uint64_t key,
                      struct fidelity *fidelity)
{
    double *divergences = positions && tokens ? malloc(positions * sizeof *divergences) : NULL;
    fidelity->divergence_nats = fidelity->divergence_p99_nats = fidelity->loss_f32_nats = NAN;
    fidelity->loss_difference_nats = fidelity->agreement = NAN;
    fidelity->positions = 0;
    if (!divergences)
        return;
    double factor = sharpening_factor(f32, positions, tokens), count = (double)positions;
    struct position sum = {0};
    size_t agreed = 0;
    for (size_t p = 0; p < positions; p++) {
        const float *a = f32 + p * tokens, *b = other + p * tokens;
        struct position one = compare_position(a, b, tokens, factor, (double)random_uniform(key, p));
        divergences[p] = one.divergence;
        sum.divergence += one.divergence;
        sum.loss_f32 += one.loss_f32;
        sum.loss_difference += one.loss_difference;
        agreed += largest(a, tokens) == largest(b, tokens);
    }
    fidelity->divergence_nats = sum.divergence / count;
    fidelity->divergence_p99_nats = percentile_99(divergences, positions);
    fidelity->loss_f32_nats = sum.loss_f32 / count;
    fidelity->loss_difference_nats = sum.loss_difference / count;
    fidelity->agreement = (double)agreed / count;
    fidelity->positions = positions;
    free(divergences);
}

bool case_fidelity(const struct model_case *one, int threads, struct fidelity *fidelity, struct error *error)
{
    struct model_case small = *one, plain;
    struct config config = case_config(one);
    struct output f32, other = {0};
    *fidelity = (struct fidelity){.output_error = NAN};
    reduce(&small, &config);
    plain = small;
    plain.dtype = DTYPE_F32;
    plain.recipe = NULL;
    bool right = run(&plain, &config, threads, &f32, error) && run(&small, &config, threads, &other, error);
    if (right) {
        bool tokens = config.vocabulary && f32.columns == (size_t)config.vocabulary;
        fidelity->output_error = fidelity_output_error(f32.values, other.values, f32.count);
        fidelity_compare(f32.values, other.values, tokens ? f32.count / f32.columns : 0, f32.columns,
                         random_key(1, "drawn tokens"), fidelity);
        describe(&small, &config, fidelity->at);
    }
    free(f32.values);
    free(other.values);
    return right;
}
