#include "harness/estimate/engine_profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/stats/robust.h"

/* Logarithms all, but for the slopes. The last ones differ by kind of type and by type, for tokens and for prompts. */
enum parameter {
    BANDWIDTH,
    UNPACKING,       /* r */
    LAYER,           /* c */
    PRODUCTS,        /* P */
    ATTENTION,       /* a */
    TOKEN_ATTENTION, /* t */
    ACTIVATION,      /* e */
    TOKEN_SLOPE,
    PROMPT_SLOPE, /* by the logarithm of a model's weights */
    TOKEN_ROUTED,
    PROMPT_ROUTED, /* of models with experts */
    TOKEN_KIND,
    PROMPT_KIND = TOKEN_KIND + KIND_COUNT,
    TOKEN_TYPE = PROMPT_KIND + KIND_COUNT,
    PROMPT_TYPE = TOKEN_TYPE + TYPE_COUNT,
    PARAMETERS = PROMPT_TYPE + TYPE_COUNT
};

enum { MOST_RESULTS = 400, STEPS = 30 };

/* How far results of one test lie from each other, and from what no parameter here says. */
static const double NOISE = 0.025;
/* How far another model of the same type and size lies from where its size would have it: its widths, and what of it
 * stays in a cache. */
static const double OTHER_MODEL = 0.1;
/* And the same one at another length. */
static const double SAME_MODEL = 0.05;
/* Two-sided 90 %. */
static const double QUANTILE = 1.645;
/* As many results' worth of belief that the intervals are right as they are. */
static const double BELIEF = 6;

struct engine_profile {
    double mean[PARAMETERS], deviation[PARAMETERS]; /* the priors */
    double mode[PARAMETERS];
    double factor[PARAMETERS][PARAMETERS]; /* lower Cholesky factor of the posterior's precision */
    double threads, weights;               /* of the results: what the parameters are relative to */
    double widening;
    size_t tokens, prompts;
    enum engine_kind kind;
    double sizes[MOST_RESULTS]; /* weights that a token of each result's model goes through */
    size_t size_count;
    struct engine_result results[MOST_RESULTS]; /* what it was learned from */
    size_t count;
};

/* ---- priors ---- */

static void believe(struct engine_profile *profile, int parameter, double mean, double deviation)
{
    profile->mean[parameter] = mean;
    profile->deviation[parameter] = deviation;
}

static void set_priors(struct engine_profile *profile, const struct engine_limits *limits)
{
    const struct kind_belief *belief = &kind_beliefs[profile->kind];
    bool card = profile->kind == ENGINE_CARD, read = limits->read_gbs > 0, peak = limits->peak_gflops > 0;
    believe(profile, BANDWIDTH, log(read ? 0.85e9 * limits->read_gbs : card ? 500e9 : 50e9), read ? 0.25 : 1.5);
    believe(profile, UNPACKING, log(card ? 1.8 : 1), card ? 0.5 : 0.8);
    believe(profile, LAYER, log(card ? 60e-6 : 12e-6), 0.9);
    believe(profile, PRODUCTS, log(peak ? 0.5e9 * limits->peak_gflops : card ? 5e13 : 5e11), peak ? 0.6 : 2);
    believe(profile, ATTENTION, log(2.2), 0.4);
    believe(profile, TOKEN_ATTENTION, log(belief->token_attention), belief->attention_doubt);
    believe(profile, ACTIVATION, log(belief->activation), belief->activation_doubt);
    believe(profile, TOKEN_SLOPE, 0, 0.03);
    believe(profile, PROMPT_SLOPE, 0, card ? 0.12 : 0.06);
    believe(profile, TOKEN_ROUTED, log(1.1), 0.2);
    believe(profile, PROMPT_ROUTED, log(1.4), 0.4);
    for (int i = 0; i < KIND_COUNT; i++) {
        believe(profile, TOKEN_KIND + i, 0, belief->token_kind);
        believe(profile, PROMPT_KIND + i, 0, belief->prompt_kind);
    }
    for (int i = 0; i < TYPE_COUNT; i++) {
        believe(profile, TOKEN_TYPE + i, 0, belief->token_type);
        believe(profile, PROMPT_TYPE + i, 0, belief->prompt_type);
    }
}

/* ---- the model ---- */

/* Of two things that are done beside each other; smooth where they are near. */
static double larger(double a, double b)
{
    return sqrt(sqrt(pow(a, 4) + pow(b, 4)));
}

static double log_seconds(const struct engine_profile *profile, const double at[PARAMETERS],
                          const struct engine_work *work)
{
    size_t type = type_find(work->type);
    const struct type_cost *cost = &type_costs[type];
    double crew = work->threads > 0 && profile->threads > 0 ? 0.9 * log(work->threads / profile->threads) : 0;
    double size = log(work->read_weights / profile->weights);
    double bandwidth = exp(at[BANDWIDTH]), layers = work->layers * exp(at[LAYER]);
    if (work->decode) {
        double rate = at[BANDWIDTH] + at[UNPACKING] + crew;
        double unpacking = rate - at[TOKEN_KIND + cost->kind] - at[TOKEN_TYPE + type];
        double stream = work->read_bytes / bandwidth;
        double work_s = work->read_weights * cost->of[profile->kind].token / exp(unpacking);
        double matrices = larger(stream, work_s) * exp(at[TOKEN_SLOPE] * size + (work->routed ? at[TOKEN_ROUTED] : 0));
        double attention =
            larger(work->cache_bytes / bandwidth, work->attention_macs * exp(at[TOKEN_ATTENTION] - rate));
        return log(matrices + attention + layers);
    }
    double scale = at[PROMPT_KIND + cost->kind] + at[PROMPT_TYPE + type] + at[PROMPT_SLOPE] * size;
    double flops =
        work->prompt_flops * cost->of[profile->kind].prompt * exp(scale + (work->routed ? at[PROMPT_ROUTED] : 0));
    /* attention multiplies what is in the cache, whatever the weights' type */
    double products = (flops + work->attention_flops * exp(at[ATTENTION]) + work->activations * exp(at[ACTIVATION])) /
                      exp(at[PRODUCTS] + crew);
    return log(products + layers * ceil(work->tokens / 512));
}

/* Of the kinds and types only the work's own move it. */
static void gradient(const struct engine_profile *profile, const double at[PARAMETERS], const struct engine_work *work,
                     double out[PARAMETERS])
{
    size_t type = type_find(work->type);
    double moved[PARAMETERS], base = log_seconds(profile, at, work);
    memcpy(moved, at, sizeof moved);
    for (int i = 0; i < PARAMETERS; i++) {
        out[i] = 0;
        if (i >= TOKEN_KIND && i != TOKEN_KIND + (int)type_costs[type].kind && i != TOKEN_TYPE + (int)type &&
            i != PROMPT_KIND + (int)type_costs[type].kind && i != PROMPT_TYPE + (int)type)
            continue;
        moved[i] += 1e-5;
        out[i] = (log_seconds(profile, moved, work) - base) / 1e-5;
        moved[i] = at[i];
    }
}

/* ---- the posterior ---- */

static void factorise(double matrix[PARAMETERS][PARAMETERS])
{
    bool used[PARAMETERS] = {false}; /* most types are none of the results' */
    for (int i = 0; i < PARAMETERS; i++)
        for (int j = 0; j < i; j++)
            used[i] |= matrix[i][j] != 0;
    for (int i = 0; i < PARAMETERS; i++)
        for (int j = 0; j <= i; j++) {
            double sum = matrix[i][j];
            for (int k = 0; k < j && used[i]; k++)
                sum -= matrix[i][k] * matrix[j][k];
            matrix[i][j] = i == j ? sqrt(fmax(sum, 1e-12)) : sum / matrix[j][j];
        }
}

/* L y = b */
static void solve_lower(const double factor[PARAMETERS][PARAMETERS], double b[PARAMETERS])
{
    for (int i = 0; i < PARAMETERS; i++) {
        for (int k = 0; k < i; k++)
            b[i] -= factor[i][k] * b[k];
        b[i] /= factor[i][i];
    }
}

/* Lᵀ x = y */
static void solve_upper(const double factor[PARAMETERS][PARAMETERS], double b[PARAMETERS])
{
    for (int i = PARAMETERS - 1; i >= 0; i--) {
        for (int k = i + 1; k < PARAMETERS; k++)
            b[i] -= factor[k][i] * b[k];
        b[i] /= factor[i][i];
    }
}

static double variance(const struct engine_profile *profile, double slope[PARAMETERS])
{
    double sum = 0;
    solve_lower(profile->factor, slope);
    for (int i = 0; i < PARAMETERS; i++)
        sum += slope[i] * slope[i];
    return sum;
}

/* The negative logarithm of the posterior, twice. */
static double misfit(const struct engine_profile *profile, const double at[PARAMETERS],
                     const struct engine_result *results, size_t count)
{
    double sum = 0;
    for (int i = 0; i < PARAMETERS; i++)
        sum += pow((at[i] - profile->mean[i]) / profile->deviation[i], 2);
    for (size_t i = 0; i < count; i++)
        sum += pow((log(results[i].seconds) - log_seconds(profile, at, &results[i].work)) / NOISE, 2);
    return sum;
}

/* Precision and direction of a Gauss-Newton step at the mode so far; leaves the precision's factor. */
static void find_step(struct engine_profile *profile, const struct engine_result *results, size_t count,
                      double step[PARAMETERS])
{
    memset(profile->factor, 0, sizeof profile->factor);
    for (int i = 0; i < PARAMETERS; i++) {
        double precision = 1 / (profile->deviation[i] * profile->deviation[i]);
        profile->factor[i][i] = precision;
        step[i] = precision * (profile->mean[i] - profile->mode[i]);
    }
    for (size_t n = 0; n < count; n++) {
        double slope[PARAMETERS];
        double residual = log(results[n].seconds) - log_seconds(profile, profile->mode, &results[n].work);
        gradient(profile, profile->mode, &results[n].work, slope);
        for (int i = 0; i < PARAMETERS; i++) {
            step[i] += slope[i] * residual / (NOISE * NOISE);
            for (int j = 0; j <= i && slope[i] != 0; j++)
                profile->factor[i][j] += slope[i] * slope[j] / (NOISE * NOISE);
        }
    }
    factorise(profile->factor);
    solve_lower(profile->factor, step);
    solve_upper(profile->factor, step);
}

static void find_mode(struct engine_profile *profile, const struct engine_result *results, size_t count)
{
    double step[PARAMETERS], tried[PARAMETERS];
    memcpy(profile->mode, profile->mean, sizeof profile->mode);
    double best = misfit(profile, profile->mode, results, count);
    for (int round = 0; round < STEPS; round++) {
        double length = 1, fit = INFINITY;
        find_step(profile, results, count, step);
        for (; length > 1e-3; length /= 2) {
            for (int i = 0; i < PARAMETERS; i++)
                tried[i] = profile->mode[i] + length * step[i];
            fit = misfit(profile, tried, results, count);
            if (fit < best)
                break;
        }
        if (!(fit < best))
            break;
        memcpy(profile->mode, tried, sizeof tried);
        bool settled = best - fit < 1e-6;
        best = fit;
        if (settled)
            break;
    }
    find_step(profile, results, count, step);
}

/* Each result's leave-one-out error over the deviation that it should have: e / (noise √(1 − leverage)). */
static double judge_widening(const struct engine_profile *profile, const struct engine_result *results, size_t count)
{
    double sum = 0;
    for (size_t n = 0; n < count; n++) {
        double slope[PARAMETERS];
        double residual = log(results[n].seconds) - log_seconds(profile, profile->mode, &results[n].work);
        gradient(profile, profile->mode, &results[n].work, slope);
        double leverage = fmin(variance(profile, slope) / (NOISE * NOISE), 0.999);
        sum += residual * residual / (NOISE * NOISE * (1 - leverage));
    }
    return sqrt((sum + BELIEF) / ((double)count + BELIEF));
}

/* The commonest number of threads, and the weights in the middle. */
static void find_references(struct engine_profile *profile, const struct engine_result *results, size_t count)
{
    double logs = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        double same = 0;
        for (size_t k = 0; k < count; k++)
            same += results[k].work.threads == results[i].work.threads;
        if (results[i].work.threads > 0 && same > most) {
            most = same;
            profile->threads = results[i].work.threads;
        }
        logs += log(results[i].work.read_weights);
        profile->sizes[profile->size_count++] = results[i].work.read_weights;
        *(results[i].work.decode ? &profile->tokens : &profile->prompts) += 1;
    }
    profile->weights = count ? exp(logs / (double)count) : 1e9;
}

struct engine_profile *engine_profile_create(const struct engine_result *results, size_t count,
                                             const struct engine_limits *limits, struct error *error)
{
    struct engine_profile *profile = calloc(1, sizeof *profile);
    if (!profile) {
        error_set(error, ERROR_SYSTEM, "not enough memory for the engine's profile");
        return NULL;
    }
    if (count > MOST_RESULTS)
        count = MOST_RESULTS;
    profile->kind = count && results[0].work.card ? ENGINE_CARD : limits->kind;
    profile->count = count;
    if (count)
        memcpy(profile->results, results, count * sizeof *results);
    set_priors(profile, limits);
    find_references(profile, results, count);
    find_mode(profile, results, count);
    profile->widening = judge_widening(profile, results, count);
    return profile;
}

void engine_profile_free(struct engine_profile *profile)
{
    free(profile);
}

size_t engine_profile_results(const struct engine_profile *profile, bool decode)
{
    return decode ? profile->tokens : profile->prompts;
}

/* Whether a result is of a model as large: of the same, as far as can be told. */
static bool has_size(const struct engine_profile *profile, double weights)
{
    for (size_t i = 0; i < profile->size_count; i++)
        if (fabs(log(profile->sizes[i] / weights)) < 0.02)
            return true;
    return false;
}

struct engine_speed engine_profile_predict(const struct engine_profile *profile, const struct engine_work *work)
{
    if (!engine_profile_results(profile, work->decode))
        return (struct engine_speed){NAN, NAN, NAN};
    double slope[PARAMETERS];
    double seconds = exp(log_seconds(profile, profile->mode, work));
    gradient(profile, profile->mode, work, slope);
    double other = has_size(profile, work->read_weights) ? SAME_MODEL : OTHER_MODEL;
    double deviation = sqrt(variance(profile, slope) + NOISE * NOISE + other * other) * profile->widening;
    return (struct engine_speed){seconds, seconds * exp(-QUANTILE * deviation), seconds * exp(QUANTILE * deviation)};
}

static bool is_same(double a, double b)
{
    return fabs(a - b) <= 2e-3 * fabs(b);
}

/* Bytes of a table are rounded to three digits. */
static bool is_same_work(const struct engine_work *a, const struct engine_work *b)
{
    return a->decode == b->decode && a->tokens == b->tokens && strcasecmp(a->type, b->type) == 0 &&
           a->layers == b->layers && is_same(a->cache_bytes, b->cache_bytes) &&
           is_same(a->read_weights, b->read_weights) && is_same(a->read_bytes, b->read_bytes) &&
           (!a->threads || a->threads == b->threads);
}

struct engine_speed engine_profile_measured(const struct engine_profile *profile, const struct engine_work *work)
{
    double seconds[MOST_RESULTS];
    size_t count = 0;
    for (size_t i = 0; i < profile->count; i++)
        if (is_same_work(work, &profile->results[i].work))
            seconds[count++] = profile->results[i].seconds;
    if (!count)
        return (struct engine_speed){NAN, NAN, NAN};
    return (struct engine_speed){stats_median(seconds, count),
                                 stats_quantile(seconds, count, 0) * exp(-QUANTILE * NOISE),
                                 stats_quantile(seconds, count, 1) * exp(QUANTILE * NOISE)};
}
