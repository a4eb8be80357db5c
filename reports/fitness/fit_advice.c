#include "reports/fitness/fit_advice.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/parse.h"
#include "models/families/family.h"

/* A gain that is smaller is within what nobody would notice. */
static const double LEAST_GAIN = 1.05;

/* The case done otherwise, as a row; false where there is no such case. */
static bool make_row(struct model_case one, const struct fit_demands *demands, const struct fit_machine *machine,
                     struct fit_row *row)
{
    struct model_case valid;
    struct fit_demands own = *demands;
    own.shown_only = true;
    case_name(&one);
    *row = (struct fit_row){.one = one};
    return case_parse(one.id, &valid, NULL) && fit_fill_row(row, &own, machine, 0, NULL);
}

static void write_speed(const struct fit_row *row, const struct fit_row *other, char *out, size_t capacity)
{
    struct range gain = range_ratio(other->throughput, row->throughput);
    const char *basis = row->measured && other->measured ? "measured" : row->sheet ? "data sheet" : "estimated";
    if (!(gain.median > 0))
        return;
    if (isnan(gain.low))
        snprintf(out, capacity, "%.2f× the speed (%s)", gain.median, basis);
    else
        snprintf(out, capacity, "%.2f× the speed (%s, %.2f–%.2f)", gain.median, basis, gain.low, gain.high);
}

static void write_memory(const struct fit_row *row, const struct fit_row *other, char *out, size_t capacity)
{
    char difference[24], total[24];
    const bool less = other->total_bytes < row->total_bytes;
    format_size(less ? row->total_bytes - other->total_bytes : other->total_bytes - row->total_bytes, difference,
                sizeof difference);
    format_size(other->total_bytes, total, sizeof total);
    snprintf(out, capacity, "%s %s memory (%s in all)", difference, less ? "less" : "more", total);
}

static bool helps(const struct fit_row *row, const struct fit_row *other)
{
    double speed = other->throughput.median / row->throughput.median;
    double memory = (double)row->total_bytes / (double)other->total_bytes;
    if (other->fits == FITS_NO && row->fits != FITS_NO)
        return false;
    return other->fits < row->fits || speed >= LEAST_GAIN || memory >= LEAST_GAIN;
}

/* "--dtype q8_0: 1.87× the speed (estimated, 1.60–2.19), 4.10 GiB less memory (4.50 GiB in all)" */
static bool advise(struct fit_row *row, const struct fit_row *other, const char *what)
{
    if (row->advice_count == FIT_ADVICE || !helps(row, other))
        return false;
    char speed[96] = "", memory[128];
    write_speed(row, other, speed, sizeof speed);
    write_memory(row, other, memory, sizeof memory);
    snprintf(row->advice[row->advice_count++], sizeof row->advice[0], "%s: %s%s%s%s", what, speed, *speed ? ", " : "",
             memory, other->fits < row->fits ? (other->fits == FITS_YES ? "; that fits" : "; that may fit") : "");
    return true;
}

/* The next smaller types, from the row's on, one after the other: two of them at most. */
static void advise_dtype(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine)
{
    static const char *const ladder[] = {"f32", "bf16", "q8_0", "q4_K_M"};
    enum { RUNGS = sizeof ladder / sizeof *ladder };
    int own = 0, given = 0;
    while (own < RUNGS && strcmp(ladder[own], fit_row_dtype(row)) != 0)
        own++;
    for (int i = own + 1; i < RUNGS && given < 2; i++) {
        struct model_case one = row->one;
        struct fit_row other;
        char what[64];
        snprintf(what, sizeof what, "--dtype %s", ladder[i]);
        given +=
            case_set_dtype(&one, ladder[i]) && make_row(one, demands, machine, &other) && advise(row, &other, what);
    }
}

static void advise_cache(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine)
{
    struct model_case one = row->one;
    struct fit_row other;
    if (!row->kv_cache_bytes || case_kv_dtype(&one) == DTYPE_Q8_0)
        return;
    one.kv_dtype = DTYPE_Q8_0;
    if (make_row(one, demands, machine, &other))
        advise(row, &other, "--kv-dtype q8_0");
}

static void advise_checkpointing(struct fit_row *row, const struct fit_demands *demands,
                                 const struct fit_machine *machine)
{
    struct model_case one = row->one;
    struct fit_row other;
    if (!mode_trains(one.mode) || one.checkpointing || one.family->solves)
        return;
    one.checkpointing = true;
    if (make_row(one, demands, machine, &other))
        advise(row, &other, "--checkpointing");
}

/* More at once reads the weights once for all of them; fewer take less memory. */
static void advise_batch(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine)
{
    struct model_case one = row->one;
    struct fit_row other;
    char what[64];
    if (row->total_bytes > row->available_bytes) {
        one.batch = row->max_batch;
    } else {
        one.batch = row->one.batch * 4;
        if (row->max_batch < one.batch || demands->max_latency_s > 0)
            return;
    }
    if (one.batch < 1 || one.batch == row->one.batch || one.family->solves)
        return;
    snprintf(what, sizeof what, "--batch %lld", (long long)one.batch);
    if (make_row(one, demands, machine, &other))
        advise(row, &other, what);
}

static void advise_distilled(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine)
{
    const struct family_size *size;
    for (size_t s = 0; (size = family_size_at(row->one.family, s)); s++) {
        struct model_case one = row->one;
        struct fit_row other;
        char what[96];
        if (!size->teacher || strcmp(size->teacher, row->one.size->name) != 0 || one.mode == MODE_DISTILL)
            continue;
        one.size = size;
        snprintf(what, sizeof what, "%s, distilled from it", size->name);
        if (one.context <= size->config.max_context && make_row(one, demands, machine, &other))
            advise(row, &other, what);
    }
}

/* What is bound by reading memory may be as fast with fewer threads, or faster. */
static void advise_threads(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine)
{
    struct range gain;
    int threads = machine->tuning ? fit_tuning_threads(machine->tuning, &gain) : 0;
    if (!threads || threads >= demands->threads || strcmp(row->bound, "bandwidth") != 0 ||
        row->advice_count == FIT_ADVICE)
        return;
    snprintf(row->advice[row->advice_count++], sizeof row->advice[0],
             "--threads %d: %.2f× the speed (memory's, as tried: %.2f–%.2f), %d threads left free", threads,
             gain.median, gain.low, gain.high, demands->threads - threads);
}

void fit_advise(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine)
{
    row->advice_count = 0;
    if (row->tensors_only || row->dtype)
        return;
    advise_dtype(row, demands, machine);
    advise_cache(row, demands, machine);
    advise_checkpointing(row, demands, machine);
    advise_batch(row, demands, machine);
    advise_distilled(row, demands, machine);
    advise_threads(row, demands, machine);
}
