#include "reports/fitness/demand_answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/run/schedule.h"
#include "models/families/family.h"

/* A document may claim any number; plans and work here go by it. */
enum { MOST_THREADS = 64, MOST_ESTIMATED = 5000 };

static int threads_of(const struct run *run)
{
    uint64_t threads = json_get_count(json_object_get(run->machine, "cpu"), "usable_threads", 1);
    for (size_t i = 0; i < run->record_count; i++)
        if (status_is_measured(run->records[i].status) && run->records[i].threads) {
            threads = (uint64_t)run->records[i].threads;
            break;
        }
    return threads < 1 ? 1 : threads > MOST_THREADS ? MOST_THREADS : (int)threads;
}

bool demanded_machine_open(const struct run *run, const struct device *device, struct demanded_machine *machine,
                           struct error *error)
{
    const json_t *memory = json_object_get(run->machine, "memory");
    *machine = (struct demanded_machine){.run = run, .threads = device ? 1 : threads_of(run)};
    machine->room = (struct fit_machine){.name = run_machine_name(run), .cpu = "", .read_gbs = NAN};
    machine->room.available_bytes = json_get_count(memory, "limit_bytes", json_get_count(memory, "total_bytes", 0));
    machine->room.runtime_bytes = worker_idle_bytes((size_t)machine->threads);
    machine->room.limits = &machine->limits;
    if (device) {
        machine->limits = limits_of_device(device);
        return true;
    }
    struct machine described;
    machine->limits = (struct fit_limits){.f32_flops = NAN, .half_flops = NAN, .bytes_per_s = NAN};
    if (machine_from_json(&described, run->machine, NULL)) {
        machine->limits = limits_of_machine(&described);
        machine_free(&described);
    }
    if (!run->engine && run->record_count <= MOST_ESTIMATED &&
        !known_of_run(run, machine->threads, &machine->known, error))
        return false;
    machine->room.estimator = machine->known.estimator;
    return true;
}

void demanded_machine_close(struct demanded_machine *machine)
{
    known_free(&machine->known);
}

/* ---- verdicts ---- */

static enum verdict judge(const struct demand *demand, const struct interval *throughput)
{
    double low = isnan(throughput->low) ? throughput->median : throughput->low,
           high = isnan(throughput->high) ? throughput->median : throughput->high;
    if (!(throughput->median > 0))
        return VERDICT_UNKNOWN;
    if (demand->total) /* by as many as it takes */
        return VERDICT_YES;
    return low >= demand->least ? VERDICT_YES : high < demand->least ? VERDICT_NO : VERDICT_MAYBE;
}

/* Keeps what comes nearer to the demand: the better verdict, then the greater speed. */
static void offer(struct demand_answer *best, const struct demand_answer *other)
{
    bool better = !*best->basis || other->verdict < best->verdict ||
                  (other->verdict == best->verdict && other->throughput.median > best->throughput.median);
    if (better)
        *best = *other;
}

static void say_speed(struct demand_answer *answer, const struct demand *demand)
{
    static const char *const words[] = {"reaches", "may reach", "does not reach", "is not known to reach"};
    if (demand->total)
        snprintf(answer->reason, sizeof answer->reason, "%.4g %s each", answer->throughput.median, demand->unit);
    else
        snprintf(answer->reason, sizeof answer->reason, "%.4g %s %s the %.4g demanded", answer->throughput.median,
                 demand->unit, words[answer->verdict], demand->least);
}

/* ---- what was measured ---- */

static void take_record(const struct demand *demand, const struct record *record, bool sheet,
                        struct demand_answer *best)
{
    struct demand_answer own = {.throughput = compare_throughput(record)};
    own.verdict = judge(demand, &own.throughput);
    snprintf(own.basis, sizeof own.basis, "%s", sheet ? "data sheet" : "measured");
    snprintf(own.id, sizeof own.id, "%s", record->id);
    say_speed(&own, demand);
    if (record->status == STATUS_NOISY && own.verdict == VERDICT_YES && !demand->total)
        own.verdict = VERDICT_MAYBE; /* the machine was busy: nothing is certain by it */
    offer(best, &own);
}

/* What could not be run, by dtype: estimates say no more about that. */
struct unable {
    char dtypes[FIT_DTYPES][TEXT_WORD];
    size_t count;
};

static bool was_unable(const struct unable *unable, const char *dtype)
{
    for (size_t i = 0; i < unable->count; i++)
        if (!strcmp(unable->dtypes[i], dtype))
            return true;
    return false;
}

static void look_at_records(const struct demand *demand, const struct run *run, bool sheet, struct unable *unable,
                            struct demand_answer *answer)
{
    for (size_t i = 0; i < run->record_count; i++) {
        const struct record *record = &run->records[i];
        struct model_case one;
        if (!strstr(record->id, mode_name(demand->mode)) || !case_parse(record->id, &one, NULL) ||
            !demand_is_about(demand, &one))
            continue;
        if (status_is_measured(record->status) && record->throughput > 0) {
            take_record(demand, record, sheet, answer);
        } else if (record->status != STATUS_SKIPPED && unable->count < FIT_DTYPES) {
            snprintf(unable->dtypes[unable->count++], TEXT_WORD, "%s", case_dtype_name(&one));
            if (*answer->basis)
                continue;
            snprintf(answer->id, sizeof answer->id, "%s", record->id);
            snprintf(answer->reason, sizeof answer->reason, "%s%s%.300s", status_name(record->status),
                     *record->reason ? ": " : "", record->reason);
        }
    }
}

/* ---- what is estimated ---- */

static void take_row(const struct demand *demand, const struct fit_row *row, struct demand_answer *best)
{
    struct demand_answer own = {.throughput = {row->throughput.median, row->throughput.low, row->throughput.high, 0.9}};
    snprintf(own.id, sizeof own.id, "%s", row->one.id);
    snprintf(own.basis, sizeof own.basis, "%s", row->sheet ? "data sheet" : "estimated");
    own.verdict = judge(demand, &own.throughput);
    if (own.verdict == VERDICT_UNKNOWN)
        snprintf(own.reason, sizeof own.reason, "nothing that is like it was measured there");
    else
        say_speed(&own, demand);
    if (row->fits == FITS_NO || (row->fits == FITS_TIGHT && own.verdict == VERDICT_YES)) {
        own.verdict = row->fits == FITS_NO ? VERDICT_NO : VERDICT_MAYBE;
        own.throughput = row->fits == FITS_NO ? (struct interval){NAN, NAN, NAN, NAN} : own.throughput;
        snprintf(own.reason, sizeof own.reason, "%s", row->reason);
    }
    offer(best, &own);
}

static bool estimate(const struct demand *demand, const struct demanded_machine *machine, const char *dtype,
                     struct demand_answer *answer, struct error *error)
{
    const char *const models[] = {demand->size->name, NULL};
    struct fit_demands asked = {.models = models,
                                .modes = 1u << demand->mode,
                                .dtypes = {dtype},
                                .dtype_count = 1,
                                .context = demand->context,
                                .batch = demand->batch,
                                .kv_dtype = -1,
                                .optimizer = -1,
                                .threads = machine->threads};
    struct fit fit = {0};
    bool right = fit_add_machine(&fit, &asked, &machine->room, error);
    for (size_t i = 0; right && i < fit.row_count; i++)
        take_row(demand, &fit.rows[i], answer);
    fit_free(&fit);
    return right;
}

static bool estimate_all(const struct demand *demand, const struct demanded_machine *machine,
                         const struct unable *unable, struct demand_answer *answer, struct error *error)
{
    static const char *const usual[] = {"f32", "bf16"}, *const cached[] = {"bf16", "q8_0", "q4_K_M"};
    bool caches = demand->mode == MODE_PREFILL || demand->mode == MODE_DECODE, right = true;
    const char *own = demand->dtype, *const *names = *own ? &own : caches ? cached : usual;
    size_t count = *own ? 1 : caches ? 3 : 2;
    for (size_t i = 0; right && i < count; i++)
        if (!was_unable(unable, names[i]))
            right = estimate(demand, machine, names[i], answer, error);
    return right;
}

bool demand_answer(const struct demand *demand, const struct demanded_machine *machine, struct demand_answer *answer,
                   struct error *error)
{
    struct unable unable = {.count = 0};
    *answer = (struct demand_answer){
        .verdict = VERDICT_UNKNOWN, .throughput = {NAN, NAN, NAN, NAN}, .machines = NAN, .machines_most = NAN};
    look_at_records(demand, machine->run, machine->limits.sheet, &unable, answer);
    if (*answer->basis)
        return true;
    if (!machine->room.available_bytes) {
        snprintf(answer->reason, sizeof answer->reason, "it wasn't run there, and its memory isn't known");
        return true;
    }
    if (!estimate_all(demand, machine, &unable, answer, error))
        return false;
    if (!*answer->basis && unable.count)
        answer->verdict = VERDICT_NO;
    else if (!*answer->basis)
        snprintf(answer->reason, sizeof answer->reason, "no such case can be built of %s", demand->size->name);
    return true;
}
