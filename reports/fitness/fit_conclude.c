/* The order of the rows, the recommendation, and what is solved and advised around it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/parse.h"
#include "models/families/family.h"
#include "reports/fitness/fit.h"
#include "reports/fitness/fit_advice.h"

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

/* With demands the answer comes first: what fits, the largest of it, the fastest way to run that. */
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

/* What people ask about comes first: what writes, then what sees and hears, recommends, and reads tables. */
int fit_turn_of(const struct family *family)
{
    static const char *const first[] = {"llama", "moe"};
    static const char *const tasks[] = {"nlp", "vision", "speech", "recsys", "sequence", "tabular"};
    enum { FIRST = sizeof first / sizeof *first, TASKS = sizeof tasks / sizeof *tasks };
    int turn = 0, place = FIRST;
    while (turn < TASKS && strcmp(tasks[turn], family->task) != 0)
        turn++;
    for (int i = 0; i < FIRST; i++)
        if (strcmp(first[i], family->name) == 0)
            place = i;
    return turn * 100 + place * 10 + !(family->modes >> MODE_DECODE & 1);
}

/* The types that people ask for, the widest first; others come after them. */
static int turn_of_dtype(const struct fit_row *row)
{
    static const char *const types[] = {"f32", "bf16", "f16", "q8_0", "q6_K", "q4_K_M", "q4_0"};
    enum { TYPES = sizeof types / sizeof *types };
    int turn = 0;
    while (turn < TYPES && strcmp(types[turn], fit_row_dtype(row)) != 0)
        turn++;
    return turn;
}

/* Without demands the table is a ladder: of a family each mode from small to large, of a size's types the widest first.
 */
static int by_ladder(const void *a, const void *b)
{
    static const int turns[MODE_COUNT] = {
        [MODE_DECODE] = 0, [MODE_PREFILL] = 1, [MODE_FORWARD] = 2, [MODE_TRAIN] = 3, [MODE_DISTILL] = 4};
    const struct fit_row *left = a, *right = b;
    int turn = fit_turn_of(left->one.family) - fit_turn_of(right->one.family);
    if (!turn && left->one.family != right->one.family)
        turn = strcmp(left->one.family->name, right->one.family->name);
    if (!turn)
        turn = turns[left->one.mode] - turns[right->one.mode];
    if (!turn)
        turn = by_number((double)left->parameters, (double)right->parameters);
    if (!turn)
        turn = strcmp(left->one.size->name, right->one.size->name);
    if (!turn)
        turn = turn_of_dtype(left) - turn_of_dtype(right);
    if (!turn)
        turn = by_number((double)right->total_bytes, (double)left->total_bytes);
    return turn ? turn : strcmp(left->one.id, right->one.id);
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
    if (fit->asks) /* they are sorted by it */
        return 0;
    for (size_t i = 1; i < fit->row_count; i++) {
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

/* The family's largest size that fits, else its smallest; NULL where none is among the rows. */
static const struct fit_row *row_to_widen(const struct fit *fit, const struct family *family)
{
    const struct fit_row *best = NULL;
    for (size_t i = 0; i < fit->row_count; i++) {
        const struct fit_row *row = &fit->rows[i];
        bool fits = row->fits == FITS_YES,
             better = !best || (best->fits != FITS_YES && fits) || (row->parameters > best->parameters && fits);
        if (row->one.family == family && better && !row->tensors_only && !row->dtype)
            best = row;
    }
    return best;
}

/* Of each family the widest like that size: in that row's mode and dtype. */
static void find_widths(struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine)
{
    const struct fit_row *rows[FIT_WIDTHS];
    struct width widths[FIT_WIDTHS];
    bool found[FIT_WIDTHS];
    int count = 0;
    for (size_t f = 0; families[f] && count < FIT_WIDTHS; f++) {
        const struct fit_row *row = row_to_widen(fit, families[f]);
        if (row && has_width(&row->one))
            rows[count++] = row;
    }
#pragma omp parallel for schedule(dynamic, 1) num_threads(demands->threads)
    for (int i = 0; i < count; i++)
        found[i] = solve_width(&rows[i]->one, fit_room(machine), demands->threads, &widths[i]);
    for (int i = 0; i < count; i++)
        if (found[i])
            fit->widths[fit->width_count++] = widths[i];
}

/* The most that fits of the rows that people are shown; what can't be solved stays 0, as what doesn't fit. */
static void solve_shown(struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine)
{
#pragma omp parallel for schedule(dynamic, 1) num_threads(demands->threads)
    for (size_t i = 0; i < fit->row_count; i++)
        if ((fit->rows[i].shown || i == fit->nearest) && !fit->rows[i].tensors_only)
            fit_solve_row(&fit->rows[i], demands, machine, NULL);
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
    if (fit->row_count)
        qsort(fit->rows, fit->row_count, sizeof *fit->rows,
              fit->machines ? by_machine
              : fit->asks   ? by_answer
                            : by_ladder);
    fit->answer = find_answer(fit);
    explain_answer(fit);
    fit_choose_shown(fit, demands);
    if (demands->shown_only)
        solve_shown(fit, demands, machine);
    if (fit->machines)
        return;
    find_widths(fit, demands, machine);
    find_advice(fit, demands, machine);
}
