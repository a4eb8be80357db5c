#include "reports/fitness/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/base/parse.h"
#include "models/engine/case_batches.h"
#include "models/families/family.h"
#include "models/graph/plan.h"
#include "reports/fitness/fit_advice.h"

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
    *graph = case_build_shapes(one, error);
    if (!*graph)
        return false;
    if (plan_make(*graph, threads, plan, error))
        return true;
    graph_free(*graph);
    *graph = NULL;
    return false;
}

/* What a plan may take beside the process itself. */
static uint64_t room_of(const struct fit_machine *machine)
{
    uint64_t runtime = machine->runtime_bytes;
    return machine->available_bytes > runtime ? machine->available_bytes - runtime : 0;
}

/* The longest context that fits, in the modes that keep one. */
static void find_longest_context(struct fit_row *row, const struct plan *plan, const struct fit_machine *machine)
{
    bool cached = row->one.mode == MODE_PREFILL || row->one.mode == MODE_DECODE;
    if (cached && plan->weights_bytes <= room_of(machine))
        row->max_context = solve_context(&row->one, plan, room_of(machine));
}

/* The largest batch that fits beside the process itself. What the graph holds whatever the batch may be too much
 * already. */
static bool find_largest_batch(struct fit_row *row, struct graph *graph, const struct plan *plan,
                               const struct fit_machine *machine, struct error *error)
{
    uint64_t room = room_of(machine);
    struct case_batches batches;
    if (plan->weights_bytes + plan->optimizer_bytes > room || (row->one.batch == 1 && plan->arena_bytes > room))
        return true;
    if (!case_batches_open(&row->one, graph, plan->threads, &batches, error))
        return false;
    row->max_batch = case_batches_largest(&batches, plan, room, FIT_MOST_BATCH);
    case_batches_close(&batches);
    return true;
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
    } else if (machine->limits && limits_known(machine->limits)) {
        const char *bound;
        struct range seconds = limits_seconds(machine->limits, graph, &bound);
        set_speed(row, seconds, bound);
        row->sheet = machine->limits->sheet;
        row->estimated = !row->sheet;
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
        return true;
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

/* Safe to be called by several threads for different rows. */
bool fit_fill_row(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine,
                  uint64_t weights_bytes, struct error *error)
{
    struct plan plan;
    struct graph *graph;
    if (!plan_case(&row->one, demands->threads, &plan, &graph, error))
        return false;
    row->machine = machine->name;
    row->available_bytes = machine->available_bytes;
    row->parameters = graph_parameters(graph);
    row->active_parameters = graph_active_parameters(graph);
    plan_row(row, &plan, machine->runtime_bytes);
    if (weights_bytes) { /* as the file has them */
        row->total_bytes += weights_bytes - row->weights_bytes;
        row->weights_bytes = weights_bytes;
    }
    judge_speed(row, graph, machine);
    fit_judge(row, demands, machine);
    find_longest_context(row, &plan, machine);
    bool right = find_largest_batch(row, graph, &plan, machine, error);
    plan_free(&plan);
    graph_free(graph);
    return right;
}

bool fit_add_row(struct fit *fit, const struct model_case *one, const struct fit_demands *demands,
                 const struct fit_machine *machine, uint64_t weights_bytes, struct error *error)
{
    struct fit_row row = {.one = *one};
    return fit_fill_row(&row, demands, machine, weights_bytes, error) && fit_append(fit, &row, error);
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
    if (mode == MODE_PREFILL || mode == MODE_DECODE)
        one.kv_dtype = demands->kv_dtype;
    one.optimizer = train ? demands->optimizer : -1;
    one.checkpointing = train && demands->checkpointing;
    return one;
}

/* What people run in each mode where they don't say. */
static const char *const usual[] = {"f32", "bf16"}, *const usual_cached[] = {"bf16", "q8_0", "q4_K_M"};

/* Rows of the size's cases, to be filled. */
static bool add_rows_of(struct fit *fit, const struct fit_demands *demands, const struct family *family,
                        const struct family_size *size, struct error *error)
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
            case_set_dtype(&one, names[i]);
            case_name(&one);
            if (!case_parse(one.id, &valid, NULL))
                continue; /* no such case: a trained q4_0, a quantised convolution */
            if (!fit_append(fit, &(struct fit_row){.one = one}, error))
                return false;
        }
    }
    return true;
}

static int by_number(double left, double right)
{
    return (left > right) - (left < right);
}

/* Whoever wants so many a second without saying of what wants text written, else the model's answers: training, and a
 * decoder's other modes, come after these. */
static int turn_of(const struct fit_row *row)
{
    return row->one.mode == MODE_DECODE                                              ? 0
           : mode_trains(row->one.mode) || row->one.family->modes >> MODE_DECODE & 1 ? 2
                                                                                     : 1;
}

/* With demands the answer comes first: what fits, the largest of it, the fastest way to run that. Without, the table
 * reads as a ladder, family by family. */
static int by_answer(const void *a, const void *b)
{
    const struct fit_row *left = a, *right = b;
    if (left->fits != right->fits)
        return left->fits < right->fits ? -1 : 1;
    if (turn_of(left) != turn_of(right))
        return turn_of(left) < turn_of(right) ? -1 : 1;
    if (left->parameters != right->parameters) /* of what doesn't fit the nearest to it: the smallest */
        return (left->parameters > right->parameters) == (left->fits != FITS_NO) ? -1 : 1;
    int faster = by_number(right->throughput.median, left->throughput.median);
    return faster ? faster : strcmp(left->one.id, right->one.id);
}

/* Of machines: those that run it, the one with the least memory first. */
static int by_machine(const void *a, const void *b)
{
    const struct fit_row *left = a, *right = b;
    if (left->fits != right->fits)
        return left->fits < right->fits ? -1 : 1;
    if (left->available_bytes != right->available_bytes)
        return left->available_bytes < right->available_bytes ? -1 : 1;
    int faster = by_number(right->throughput.median, left->throughput.median);
    return faster ? faster : strcmp(left->machine, right->machine);
}

static size_t find_answer(const struct fit *fit)
{
    /* who can train a model can do all; who decodes has prefilled */
    static const int rank[MODE_COUNT] = {[MODE_FORWARD] = 1, [MODE_DECODE] = 2, [MODE_TRAIN] = 3};
    size_t best = fit->row_count;
    if ((fit->asks || fit->machines) && fit->row_count)
        return fit->rows[0].fits == FITS_YES ? 0 : best;
    for (size_t i = 0; i < fit->row_count; i++) {
        const struct fit_row *row = &fit->rows[i], *so_far = best < fit->row_count ? &fit->rows[best] : NULL;
        bool better = !so_far || row->parameters > so_far->parameters ||
                      (row->parameters == so_far->parameters && rank[row->one.mode] > rank[so_far->one.mode]);
        if (row->fits == FITS_YES && better)
            best = i;
    }
    return best;
}

static size_t find_nearest(const struct fit *fit)
{
    size_t nearest = 0;
    for (size_t i = 1; i < fit->row_count && !fit->asks; i++) { /* sorted by it, with demands */
        const struct fit_row *row = &fit->rows[i], *so_far = &fit->rows[nearest];
        if (row->fits < so_far->fits || (row->fits == so_far->fits && row->total_bytes < so_far->total_bytes))
            nearest = i;
    }
    return nearest;
}

static void explain_answer(struct fit *fit)
{
    char room[32], total[32];
    fit->nearest = fit->answer < fit->row_count ? fit->answer : find_nearest(fit);
    if (fit->answer == fit->row_count) {
        const struct fit_row *nearest = fit->row_count ? &fit->rows[fit->nearest] : NULL;
        snprintf(fit->why, sizeof fit->why, "nothing fits for certain: the nearest, %s%s%s, %s",
                 nearest ? nearest->one.id : "of which there is none", nearest && fit->machines ? " on " : "",
                 nearest && fit->machines ? nearest->machine : "", nearest ? nearest->reason : "");
        return;
    }
    const struct fit_row *row = &fit->rows[fit->answer];
    format_size(row->total_bytes, total, sizeof total);
    format_size(row->available_bytes, room, sizeof room);
    int used = snprintf(fit->why, sizeof fit->why, "%s: %s of the %s available",
                        fit->machines ? "the machine with the least memory that runs it"
                        : fit->asks   ? "the largest that fits and meets the demands"
                                      : "the largest that fits",
                        total, room);
    if (row->throughput.median > 0)
        snprintf(fit->why + used, sizeof fit->why - (size_t)used, ", %s%.3g %s",
                 row->measured ? "measured at " : "about ", row->throughput.median, unit_words(case_unit(&row->one)));
}

/* Of each family the widest like its largest size that fits, else its smallest: in that row's mode and dtype. */
static void find_widths(struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine)
{
    for (size_t f = 0; families[f] && fit->width_count < FIT_WIDTHS; f++) {
        const struct fit_row *best = NULL;
        for (size_t i = 0; i < fit->row_count; i++) {
            const struct fit_row *row = &fit->rows[i];
            bool fits = row->fits == FITS_YES,
                 better = !best || (best->fits != FITS_YES && fits) || (row->parameters > best->parameters && fits);
            if (row->one.family == families[f] && better && !row->tensors_only && !row->dtype)
                best = row;
        }
        if (best && solve_width(&best->one, room_of(machine), demands->threads, &fit->widths[fit->width_count]))
            fit->width_count++;
    }
}

/* Advice for every row of a short table, else for the answer and what stands next to it. */
static void find_advice(struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine)
{
    enum { SHORT = 12, NEXT = 3 };
    size_t from = 0, to = fit->row_count;
    if (to > SHORT) {
        from = fit->nearest;
        to = fit->asks && from + NEXT < to ? from + NEXT : from + 1;
    }
#pragma omp parallel for schedule(dynamic, 1) num_threads(demands->threads)
    for (size_t i = from; i < to; i++)
        fit_advise(&fit->rows[i], demands, machine);
}

void fit_conclude(struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine)
{
    if ((fit->asks || fit->machines) && fit->row_count)
        qsort(fit->rows, fit->row_count, sizeof *fit->rows, fit->machines ? by_machine : by_answer);
    fit->answer = find_answer(fit);
    explain_answer(fit);
    if (fit->machines)
        return;
    find_widths(fit, demands, machine);
    find_advice(fit, demands, machine);
}

/* Each row is its own work: as many at once as there are threads to measure with, and the first error of them all. A
 * row that can't have the cache's type asked for is left out. */
static bool fill_rows(struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine,
                      struct error *error)
{
    bool right = true;
#pragma omp parallel for schedule(dynamic, 4) num_threads(demands->threads)
    for (size_t i = 0; i < fit->row_count; i++) {
        struct error own = {0};
        if (fit_fill_row(&fit->rows[i], demands, machine, 0, &own) ||
            (demands->kv_dtype >= 0 && own.kind == ERROR_INPUT))
            continue;
#pragma omp critical(fit_error)
        {
            if (right && error)
                *error = own;
            right = false;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < fit->row_count; i++)
        if (fit->rows[i].machine)
            fit->rows[kept++] = fit->rows[i];
    fit->row_count = kept;
    return right;
}

static bool make_rows(struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine,
                      struct error *error)
{
    const struct family_size *size;
    bool right = true;
    for (size_t f = 0; right && families[f]; f++)
        for (size_t s = 0; right && (size = family_size_at(families[f], s)); s++)
            if (is_wanted_model(demands, families[f], size))
                right = add_rows_of(fit, demands, families[f], size, error);
    return right && fill_rows(fit, demands, machine, error);
}

bool fit_make(const struct fit_demands *demands, const struct fit_machine *machine, struct fit *fit,
              struct error *error)
{
    *fit = (struct fit){.asks = demands->min_throughput > 0 || demands->max_latency_s > 0};
    if (!make_rows(fit, demands, machine, error)) {
        fit_free(fit);
        return false;
    }
    fit_conclude(fit, demands, machine);
    return true;
}

bool fit_add_machine(struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine,
                     struct error *error)
{
    struct fit own = {0};
    bool right = make_rows(&own, demands, machine, error);
    fit->machines = true;
    for (size_t i = 0; right && i < own.row_count; i++) {
        const struct fit_row *row = &own.rows[i];
        size_t last = fit->row_count;
        bool again =
            last && fit->rows[last - 1].one.size == row->one.size && fit->rows[last - 1].machine == row->machine;
        if (!again)
            right = fit_append(fit, row, error);
        else if (row->fits < fit->rows[last - 1].fits)
            fit->rows[last - 1] = *row;
    }
    fit_free(&own);
    return right;
}

void fit_free(struct fit *fit)
{
    free(fit->rows);
    *fit = (struct fit){0};
}
