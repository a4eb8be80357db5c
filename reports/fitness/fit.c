#include "reports/fitness/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/base/parse.h"
#include "models/families/family.h"
#include "models/graph/plan.h"
#include "reports/fitness/fit_recipe.h"

/* The planner's measured error: a process holds within this of what was planned. */
static const double PLAN_ERROR_SHARE = 0.02;
static const uint64_t PLAN_ERROR_BYTES = 16ull << 20;

const char *fits_name(enum fits fits)
{
    static const char *const names[] = {"yes", "tight", "no"};
    return names[fits];
}

/* ---- memory ---- */

/* Bytes that the case would hold in all; false when it can't be built (a context beyond its positions). */
static bool plan_case(const struct model_case *one, int threads, struct plan *plan, struct graph **graph,
                      struct error *error)
{
    *graph = case_build(one, error);
    if (!*graph)
        return false;
    if (plan_make(*graph, threads, plan, error))
        return true;
    graph_free(*graph);
    *graph = NULL;
    return false;
}

static uint64_t bytes_of(const struct model_case *one, int threads)
{
    struct plan plan;
    struct graph *graph;
    if (!plan_case(one, threads, &plan, &graph, NULL))
        return UINT64_MAX;
    uint64_t bytes = plan.arena_bytes;
    plan_free(&plan);
    graph_free(graph);
    return bytes;
}

/* The largest batch whose plan fits into `room`; 0 when not even one sequence does. Memory grows nearly linearly with
 * the batch, so a guess in proportion from the last plan is close at once; bisection settles the rest, to the three
 * digits that a person reads. */
static int64_t largest_batch(struct model_case one, uint64_t room, int threads)
{
    int64_t fits = 0, fails = FIT_MOST_BATCH + 1, next = one.batch;
    while (fails - fits > 1 && !(fits > 1000 && fails - fits <= fits / 200)) {
        one.batch = next;
        uint64_t bytes = bytes_of(&one, threads);
        *(bytes <= room ? &fits : &fails) = next;
        int64_t guess = (int64_t)fmin((double)next * ((double)room / (double)bytes), FIT_MOST_BATCH);
        bool narrow = fails <= FIT_MOST_BATCH && fits > 0;
        next = guess > fits && guess < fails && !narrow ? guess : fits + (fails - fits) / 2;
    }
    return fits;
}

static void plan_row(struct fit_row *row, const struct plan *plan, uint64_t runtime_bytes)
{
    row->weights_bytes = plan->weights_bytes;
    row->kv_cache_bytes = plan->kv_cache_bytes;
    row->activations_bytes = plan->activations_bytes;
    row->gradients_bytes = plan->gradients_bytes;
    row->optimizer_bytes = plan->optimizer_bytes;
    row->workspace_bytes = plan->workspace_bytes;
    row->runtime_bytes = runtime_bytes;
    row->total_bytes = plan->arena_bytes + runtime_bytes;
}

/* ---- speed ---- */

static const struct range UNKNOWN = {NAN, NAN, NAN};

/* The latest record of the case that was measured, or NULL. */
static const struct record *find_record(const struct fit_machine *machine, const char *id)
{
    for (size_t i = 0; i < machine->record_count; i++)
        if (status_is_measured(machine->records[i].status) && strcmp(machine->records[i].id, id) == 0)
            return &machine->records[i];
    return NULL;
}

static void set_speed(struct fit_row *row, struct range seconds, const char *bound)
{
    double units = case_units(&row->one);
    row->latency_s = seconds;
    row->throughput = (struct range){units / seconds.median, units / seconds.high, units / seconds.low};
    snprintf(row->bound, sizeof row->bound, "%s", bound);
}

static void judge_speed(struct fit_row *row, const struct graph *graph, const struct fit_machine *machine)
{
    const struct record *record = find_record(machine, row->one.id);
    row->throughput = row->latency_s = UNKNOWN;
    if (record && record->time.median > 0) {
        struct range seconds = {record->time.median, record->time.low, record->time.high};
        set_speed(row, seconds, record->bound);
        row->measured = true;
    } else if (machine->estimator) {
        struct estimate estimate = estimator_estimate(machine->estimator, graph);
        if (!(estimate.seconds > 0))
            return;
        struct range seconds = {estimate.seconds, estimate.low, estimate.high};
        set_speed(row, seconds, bound_name(estimate.bound));
        row->estimated = true;
    }
}

/* ---- the verdict ---- */

static enum fits judge_memory(const struct fit_row *row, const struct fit_machine *machine)
{
    double total = (double)row->total_bytes, room = (double)machine->available_bytes;
    double margin = fmax(PLAN_ERROR_SHARE * total, (double)PLAN_ERROR_BYTES) + (double)machine->drift_bytes;
    return total + margin <= room ? FITS_YES : total - margin <= room ? FITS_TIGHT : FITS_NO;
}

/* Whether a figure that should be at least `least` is, by its interval; an unknown figure leaves it open. */
static enum fits judge_figure(struct range figure, double least)
{
    double low = isnan(figure.low) ? figure.median : figure.low,
           high = isnan(figure.high) ? figure.median : figure.high;
    return low >= least ? FITS_YES : high < least ? FITS_NO : FITS_TIGHT;
}

static void say_memory(struct fit_row *row, const struct fit_machine *machine)
{
    char total[32], room[32];
    format_size(row->total_bytes, total, sizeof total);
    format_size(machine->available_bytes, room, sizeof room);
    static const char *const verdict[] = {"fits into", "is within the margin of", "does not fit into"};
    snprintf(row->reason, sizeof row->reason, "%s %s the %s available", total, verdict[row->fits], room);
}

void fit_judge(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine)
{
    row->fits = judge_memory(row, machine);
    say_memory(row, machine);
    if (row->fits == FITS_NO)
        return;
    if (demands->min_throughput > 0) {
        enum fits fits = judge_figure(row->throughput, demands->min_throughput);
        if (fits > row->fits) {
            row->fits = fits;
            snprintf(row->reason, sizeof row->reason, "%s: %.3g %s of the %.3g asked for",
                     fits == FITS_NO ? "too slow" : "may be too slow", row->throughput.median,
                     unit_words(case_unit(&row->one)), demands->min_throughput);
        }
    }
    if (demands->max_latency_s > 0) {
        struct range latency = row->latency_s, rate = {1 / latency.median, 1 / latency.high, 1 / latency.low};
        enum fits fits = judge_figure(rate, 1 / demands->max_latency_s);
        if (fits > row->fits) {
            char step[32], most[32];
            row->fits = fits;
            format_duration(latency.median, step, sizeof step);
            format_duration(demands->max_latency_s, most, sizeof most);
            snprintf(row->reason, sizeof row->reason, "%s: a step takes %s of the %s allowed",
                     fits == FITS_NO ? "too slow" : "may be too slow", isnan(latency.median) ? "an unknown time" : step,
                     most);
        }
    }
}

/* ---- the rows ---- */

static bool is_wanted_model(const struct fit_demands *demands, const struct family *family,
                            const struct family_size *size)
{
    if (demands->task && strcasecmp(demands->task, family->task) != 0)
        return false;
    if (!demands->models || !demands->models[0])
        return !size->by_name;
    for (size_t i = 0; demands->models[i]; i++)
        if (family_find_size(demands->models[i], NULL) == size)
            return true;
    return false;
}

bool fit_append(struct fit *fit, const struct fit_row *row, struct error *error)
{
    struct fit_row *rows = realloc(fit->rows, (fit->row_count + 1) * sizeof *rows);
    if (!rows)
        return error_set(error, ERROR_SYSTEM, "out of memory for the fitness table");
    fit->rows = rows;
    rows[fit->row_count++] = *row;
    return true;
}

const char *fit_row_dtype(const struct fit_row *row)
{
    return row->dtype ? row->dtype : case_dtype_name(&row->one);
}

bool fit_add_row(struct fit *fit, const struct model_case *one, const struct fit_demands *demands,
                 const struct fit_machine *machine, uint64_t weights_bytes, struct error *error)
{
    struct fit_row filled = {.one = *one}, *row = &filled;
    struct plan plan;
    struct graph *graph;
    if (!plan_case(one, demands->threads, &plan, &graph, error))
        return false;
    row->parameters = graph_parameters(graph);
    row->active_parameters = graph_active_parameters(graph);
    plan_row(row, &plan, machine->runtime_bytes);
    if (!weights_bytes)
        weights_bytes = fit_recipe_weights(one, row->weights_bytes);
    if (weights_bytes) { /* as the file has them */
        row->total_bytes += weights_bytes - row->weights_bytes;
        row->weights_bytes = weights_bytes;
    }
    judge_speed(row, graph, machine);
    fit_judge(row, demands, machine);
    plan_free(&plan);
    graph_free(graph);
    uint64_t runtime = machine->runtime_bytes;
    uint64_t room = machine->available_bytes > runtime ? machine->available_bytes - runtime : 0;
    row->max_batch = largest_batch(*one, room, demands->threads);
    return fit_append(fit, row, error);
}

/* The shape asked for, or the one that the size is usually measured at in that mode. */
static struct model_case case_of(const struct fit_demands *demands, const struct family *family,
                                 const struct family_size *size, enum mode mode)
{
    bool train = mode_trains(mode) && !family->solves;
    struct model_case one = case_of_size(family, size, mode);
    one.batch = demands->batch ? demands->batch : mode == MODE_DECODE ? 1 : size->batches[0];
    if (family->has_context && demands->context)
        one.context = demands->context;
    one.optimizer = train ? demands->optimizer : -1;
    one.checkpointing = train && demands->checkpointing;
    return one;
}

/* What people run in each mode where they don't say. */
static const char *const usual[] = {"f32", "bf16"}, *const usual_cached[] = {"bf16", "q8_0", "q4_K_M"};

static bool add_rows_of(struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine,
                        const struct family *family, const struct family_size *size, struct error *error)
{
    unsigned modes = demands->modes ? demands->modes : ~0u;
    if (family->has_context && demands->context > size->config.max_context)
        return true; /* the model has no positions for that context: no row of it can answer */
    for (int mode = 0; mode < MODE_COUNT; mode++) {
        bool cached = mode == MODE_PREFILL || mode == MODE_DECODE;
        const char *const *names = cached ? usual_cached : usual;
        size_t count = cached ? sizeof usual_cached / sizeof *usual_cached : sizeof usual / sizeof *usual;
        if (demands->dtype_count) {
            names = demands->dtypes;
            count = demands->dtype_count;
        }
        struct model_case one = case_of(demands, family, size, (enum mode)mode), valid;
        for (size_t i = 0; i < count && modes >> mode & 1 && family_has_mode(family, size, (enum mode)mode); i++) {
            uint64_t weights_bytes = 0;
            bool runs = case_set_dtype(&one, names[i]);
            if (!runs) { /* a recipe that no kernel runs: memory is its file's, the rest as the nearest that does */
                weights_bytes = fit_recipe_bytes(family, size, names[i]);
                if (!weights_bytes || mode_trains((enum mode)mode))
                    continue;
                case_set_dtype(&one, fit_recipe_stand_in(family, size, weights_bytes));
            }
            case_name(&one);
            if (!case_parse(one.id, &valid, NULL))
                continue; /* no such case: a trained q4_0, a quantised convolution */
            if (!fit_add_row(fit, &one, demands, machine, weights_bytes, error))
                return false;
            fit->rows[fit->row_count - 1].dtype = runs ? NULL : names[i];
        }
    }
    return true;
}

/* With demands the answer comes first: what fits, the largest of it. Without, the table reads as a ladder, family by
 * family. */
static int by_answer(const void *a, const void *b)
{
    const struct fit_row *left = a, *right = b;
    if (left->fits != right->fits)
        return left->fits < right->fits ? -1 : 1;
    if (left->parameters != right->parameters)
        return left->parameters > right->parameters ? -1 : 1;
    return strcmp(left->one.id, right->one.id);
}

static size_t find_answer(const struct fit *fit)
{
    size_t best = fit->row_count;
    for (size_t i = 0; i < fit->row_count; i++) {
        const struct fit_row *row = &fit->rows[i], *so_far = best < fit->row_count ? &fit->rows[best] : NULL;
        bool better =
            !so_far || row->parameters > so_far->parameters ||
            (row->parameters == so_far->parameters && row->one.mode == MODE_TRAIN && so_far->one.mode != MODE_TRAIN);
        if (row->fits == FITS_YES && better)
            best = i;
    }
    return best;
}

static void explain_answer(struct fit *fit, const struct fit_machine *machine)
{
    char room[32], total[32];
    format_size(machine->available_bytes, room, sizeof room);
    if (fit->answer == fit->row_count) {
        const struct fit_row *smallest = NULL;
        for (size_t i = 0; i < fit->row_count; i++)
            if (!smallest || fit->rows[i].total_bytes < smallest->total_bytes)
                smallest = &fit->rows[i];
        snprintf(fit->why, sizeof fit->why, "nothing fits: the nearest, %s, %s",
                 smallest ? smallest->one.id : "of which there is none", smallest ? smallest->reason : "");
        return;
    }
    const struct fit_row *row = &fit->rows[fit->answer];
    format_size(row->total_bytes, total, sizeof total);
    int used = snprintf(fit->why, sizeof fit->why, "the largest that fits: %s of the %s available", total, room);
    if (row->measured || row->estimated)
        snprintf(fit->why + used, sizeof fit->why - (size_t)used, ", %s%.3g %s",
                 row->measured ? "measured at " : "about ", row->throughput.median, unit_words(case_unit(&row->one)));
}

void fit_conclude(struct fit *fit, const struct fit_machine *machine)
{
    if (fit->asks && fit->row_count)
        qsort(fit->rows, fit->row_count, sizeof *fit->rows, by_answer);
    fit->answer = find_answer(fit);
    explain_answer(fit, machine);
}

bool fit_make(const struct fit_demands *demands, const struct fit_machine *machine, struct fit *fit,
              struct error *error)
{
    *fit = (struct fit){.asks = demands->min_throughput > 0 || demands->max_latency_s > 0};
    for (size_t f = 0; families[f]; f++)
        for (size_t s = 0; s < families[f]->size_count; s++) {
            const struct family_size *size = &families[f]->sizes[s];
            if (is_wanted_model(demands, families[f], size) &&
                !add_rows_of(fit, demands, machine, families[f], size, error)) {
                fit_free(fit);
                return false;
            }
        }
    fit_conclude(fit, machine);
    return true;
}

void fit_free(struct fit *fit)
{
    free(fit->rows);
    *fit = (struct fit){0};
}
