/* One worker for one case: its job, and what its lines say; see schedule.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/run/clock.h"
#include "harness/run/job.h"
#include "harness/run/schedule.h"
#include "harness/store/fidelity_json.h"
#include "harness/store/op_time.h"

enum { SAMPLES_MOST = 1 << 20, SAMPLED_WARMUPS = 2 };
static const double most_steal = 0.05, most_delay = 0.10, most_canary = 1.15;

struct hearing {
    struct visit *visit;
    void (*tick)(void *);
    void *tick_state;
};

static bool take_samples(struct visit *visit, const json_t *line)
{
    const json_t *seconds = json_object_get(line, "seconds");
    size_t more = json_array_size(seconds), count = visit->count;
    if (!more || count + more > SAMPLES_MOST)
        return false;
    double *all = realloc(visit->samples, (count + more) * sizeof *all);
    if (!all)
        return false;
    visit->samples = all;
    for (size_t i = 0; i < more; i++) {
        const json_t *value = json_array_get(seconds, i);
        all[count + i] = json_number_value(value);
        if (!json_is_number(value) || !(all[count + i] > 0))
            return false;
    }
    visit->count = count + more;
    return true;
}

static void take_check(struct visit *visit, const json_t *line)
{
    const char *against = json_get_string(line, "against");
    visit->has_check = true;
    visit->check_passed = json_is_true(json_object_get(line, "passed"));
    visit->check_error = json_get_real(line, "error");
    strncpy(visit->check_against, against ? against : "", sizeof visit->check_against - 1);
}

static bool take_fidelity(struct visit *visit, const json_t *line)
{
    return fidelity_from_json(json_object_get(line, "figures"), &visit->fidelity);
}

static bool take_ops(struct visit *visit, const json_t *line)
{
    free(visit->ops);
    return op_times_from_json(json_object_get(line, "ops"), &visit->ops, &visit->op_count);
}

static void take_done(struct visit *visit, const json_t *line)
{
    visit->setup_s = json_get_real(line, "setup_s");
    visit->steal = json_get_real(line, "steal");
    visit->run_delay = json_get_real(line, "run_delay");
    visit->canary_s = json_get_real(line, "canary_s");
    visit->energy_j = json_get_real(line, "energy_j");
    visit->peak_bytes = json_get_count(line, "peak_bytes", BYTES_UNKNOWN);
    visit->cold = json_is_true(json_object_get(line, "cold"));
    const json_t *counters = json_object_get(line, "counters");
    if (json_is_object(counters))
        visit->counters = json_deep_copy(counters);
}

bool visit_take(struct visit *visit, const json_t *line)
{
    const char *event = json_get_string(line, "event");
    if (!event)
        return false;
    if (!strcmp(event, "samples"))
        return take_samples(visit, line);
    if (!strcmp(event, "check"))
        take_check(visit, line);
    else if (!strcmp(event, "against_f32"))
        return take_fidelity(visit, line);
    else if (!strcmp(event, "ops"))
        return take_ops(visit, line);
    else if (!strcmp(event, "done"))
        take_done(visit, line);
    else
        return false;
    return strcmp(event, "done") || visit->count; /* nothing measured is nothing done */
}

static bool take(void *state, const json_t *line)
{
    return visit_take(((struct hearing *)state)->visit, line);
}

static void tick(void *state)
{
    struct hearing *hearing = state;
    if (hearing->tick)
        hearing->tick(hearing->tick_state);
}

/* What the case should take several times over: for a hang, not for a slow machine. */
static double timeout_s(const struct schedule *schedule, const struct item *item, double slice_s)
{
    if (!isnan(schedule->timeout_s))
        return schedule->timeout_s;
    return 30 + 4 * slice_s + 10 * (item->expected_step_s + item->expected_setup_s);
}

struct visit visit_unknown(void)
{
    return (struct visit){.setup_s = NAN,
                          .steal = NAN,
                          .run_delay = NAN,
                          .canary_s = NAN,
                          .energy_j = NAN,
                          .check_error = NAN,
                          .fidelity = fidelity_unknown(),
                          .peak_bytes = BYTES_UNKNOWN};
}

bool visit_item(const struct schedule *schedule, const struct item *item, double slice_s, void (*on_tick)(void *),
                void *tick_state, struct visit *visit, struct error *error)
{
    *visit = visit_unknown();
    double timeout = timeout_s(schedule, item, slice_s), now = clock_now_s();
    struct job job = {.cpus = schedule->cpus, .threads = schedule->threads, .measure = schedule->measure};
    strcpy(job.subject, item->record.id);
    snprintf(job.model, sizeof job.model, "%s", item->model ? item->model : "");
    job.weights = item->weights;
    snprintf(job.tokens, sizeof job.tokens, "%s", item->tokens ? item->tokens : "");
    snprintf(job.output, sizeof job.output, "%s", item->output ? item->output : "");
    job.check = !item->sampled && !item->record.has_check;
    job.ops = !item->record.op_count;
    if (item->record.memory[MEMORY_PLANNED] != BYTES_UNKNOWN)
        job.planned_bytes = item->record.memory[MEMORY_PLANNED];
    job.measure.deadline_s = schedule->started_s + schedule->budget_s;
    /* A worker that measures on until it is killed for it would be measured for nothing. */
    job.measure.until_s = fmin(now + fmin(slice_s, 0.7 * timeout), job.measure.deadline_s);
    if (item->sampled) { /* its ops are asked about, which are timed for a while after the first steps */
        job.measure.warmup = SAMPLED_WARMUPS;
        job.measure.least = job.measure.most = 1;
    }
    struct hearing hearing = {visit, on_tick, tick_state};
    const struct supervision supervision = {.program = schedule->program,
                                            .timeout_s = timeout,
                                            .cpus = schedule->cpus,
                                            .threads = schedule->threads,
                                            .stop = schedule->stop,
                                            .take = take,
                                            .tick = tick,
                                            .state = &hearing};
    json_t *document = job_to_json(&job);
    bool right = supervise(&supervision, document, &visit->fate, visit->reason, sizeof visit->reason, error);
    json_decref(document);
    if (!right)
        visit_free(visit);
    return right;
}

void visit_free(struct visit *visit)
{
    free(visit->samples);
    free(visit->ops);
    json_decref(visit->counters);
    visit->samples = NULL;
    visit->ops = NULL;
    visit->counters = NULL;
}

bool visit_is_noisy(const struct visit *visit, double usual_canary_s)
{
    return visit->steal > most_steal || visit->run_delay > most_delay || visit->canary_s > most_canary * usual_canary_s;
}
