/* One case in its worker, a straight walk: plan it, check what it computes, open the engine, measure, tell. */
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "harness/base/json.h"
#include "harness/run/answer.h"
#include "harness/run/canary.h"
#include "harness/run/clock.h"
#include "harness/run/eviction.h"
#include "harness/run/measure.h"
#include "harness/run/noise.h"
#include "harness/run/op_times.h"
#include "harness/run/resident.h"
#include "harness/run/values_file.h"
#include "harness/stats/robust.h"
#include "harness/store/fidelity_json.h"
#include "harness/store/op_time.h"
#include "models/catalogue/file_family.h"
#include "models/catalogue/file_weights.h"
#include "models/engine/case.h"
#include "models/engine/engine.h"
#include "models/graph/plan.h"
#include "probes/counters.h"
#include "probes/energy.h"

/* How long the steps may take in which each node is timed. */
static const double OPS_BUDGET_S = 0.5;

enum { SIZE_NAME = 80 };

struct subject {
    struct model_file file; /* that the case's model is of; empty where a family lists it */
    struct family_size size;
    char name[SIZE_NAME];
    struct model_case one;
    struct graph *graph;
    struct plan plan;
    struct engine *engine;
    struct eviction eviction; /* of what the layers that aren't run would have moved */
    uint64_t baseline_bytes;  /* resident before the engine was opened */
    bool peak_is_reset;
};

/* What the check may take, of what is planned: a case that its reduced size makes no smaller, and four copies of what
 * one node touches, which an optimizer's step of one large matrix makes nearly all of it. */
enum { CHECK_TIMES = 6 };

/* Whether that many bytes of address space can't be had now: what tells a want of memory from other failures. */
static bool is_too_large(size_t bytes)
{
    void *place = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED)
        return true;
    munmap(place, bytes);
    return false;
}

/* Beyond what is mapped now. A kernel that allocates what the plan doesn't know of fails here, and not the machine. */
static void limit_address_space(uint64_t more_bytes)
{
    struct rlimit limit;
    uint64_t mapped = resident_bytes("VmSize");
    if (!mapped || getrlimit(RLIMIT_AS, &limit))
        return;
    if (limit.rlim_max == RLIM_INFINITY || mapped + more_bytes < limit.rlim_max)
        limit.rlim_cur = mapped + more_bytes;
    setrlimit(RLIMIT_AS, &limit);
}

/* malloc's arenas and the stacks of threads are reserved far beyond what they use. */
static uint64_t address_margin(const struct job *job)
{
    return (256ull << 20) + (80ull << 20) * job->threads + job->planned_bytes / 8;
}

/* The size that a model's file is: its name is the second part of the case's. */
static bool open_file(const struct job *job, struct subject *subject, struct error *error)
{
    if (!*job->model)
        return true;
    if (!model_file_open(job->model, &subject->file, error))
        return false;
    file_size_of(&subject->file, job->model, subject->name, sizeof subject->name, &subject->size);
    return file_family(&subject->file, &subject->size) ||
           error_set(error, ERROR_INPUT, "%.90s: no family here builds it", job->model);
}

static bool plan_subject(const struct job *job, struct subject *subject, struct error *error)
{
    if (!open_file(job, subject, error) ||
        !case_parse_of(job->subject, *job->model ? &subject->size : NULL, &subject->one, error))
        return false;
    subject->graph = case_build(&subject->one, error);
    return subject->graph && plan_make(subject->graph, (int)job->threads, &subject->plan, error);
}

/* Tells the check's outcome; false when the case is over with it. */
static bool check_subject(const struct job *job, const struct subject *subject, int out, struct error *error)
{
    if (!job->check)
        return true;
    struct check check = {0};
    if (!case_check(&subject->one, (int)job->threads, &check, error))
        return error_prefix(error, "the check");
    json_t *line = answer_event("check");
    json_put_bool(line, "passed", check.passed);
    json_put_real(line, "error", check.error);
    json_put_real(line, "allowed", check.allowed);
    json_put_string(line, "against", check.against);
    answer(out, line);
    return check.passed ||
           error_set(error, ERROR_MEASURE, "the output of %s is wrong: it differs by %.2g from %s, %.2g allowed",
                     check.node, check.error, check.against, check.allowed);
}

/* Tells what the case's types lose against f32. Once a case, beside the check. */
static bool compare_subject(const struct job *job, const struct subject *subject, int out, struct error *error)
{
    if (!job->check || !case_has_fidelity(&subject->one))
        return true;
    struct fidelity fidelity;
    if (!case_fidelity(&subject->one, (int)job->threads, &fidelity, error))
        return error_prefix(error, "the comparison with f32");
    json_t *line = answer_event("against_f32");
    json_put(line, "figures", fidelity_to_json(&fidelity));
    answer(out, line);
    return true;
}

static bool open_subject(const struct job *job, struct subject *subject, struct error *error)
{
    if (!eviction_make(&subject->one, (int)job->threads, &subject->eviction, error))
        return false;
    malloc_trim(0); /* what the check left behind is no part of an idle worker */
    if (job->planned_bytes)
        limit_address_space(subject->plan.arena_bytes + address_margin(job));
    subject->peak_is_reset = resident_reset_peak();
    subject->baseline_bytes = resident_bytes("VmRSS");
    const struct engine_options options = {.threads = (int)job->threads, .repeats = subject->one.layers > 0};
    subject->engine = engine_open(subject->graph, &subject->plan, &options, error);
    return subject->engine &&
           (!job->weights || file_weights_load(&subject->file, subject->graph, subject->engine, error)) &&
           (!*job->tokens || values_put_tokens(job->tokens, subject->graph, subject->engine, error));
}

static void step_subject(void *state)
{
    engine_step(((struct subject *)state)->engine);
}

static void put_peak(json_t *line, const struct subject *subject)
{
    uint64_t peak = resident_bytes("VmHWM");
    if (subject->peak_is_reset && subject->baseline_bytes && peak > subject->baseline_bytes)
        json_put_count(line, "peak_bytes", peak - subject->baseline_bytes);
}

static void put_samples(const struct measurement *found, int out)
{
    json_t *line = answer_event("samples"), *seconds = json_array();
    for (size_t i = 0; i < found->count; i++)
        json_array_append_new(seconds, json_real(found->samples[i]));
    json_put(line, "seconds", seconds);
    answer(out, line);
}

/* After the samples, so that timing the nodes can't disturb them. */
static void put_ops(const struct measurement *found, struct subject *subject, int out)
{
    double step_s = stats_median(found->samples, found->count);
    size_t count;
    struct op_time *ops = op_times_measure(subject->engine, subject->graph, step_s, OPS_BUDGET_S,
                                           subject->eviction.bytes ? eviction_run : NULL, &subject->eviction, &count);
    if (ops && subject->eviction.size)
        ops[count++] = eviction_op(&subject->eviction);
    json_t *line = answer_event("ops");
    json_put(line, "ops", op_times_to_json(ops, count));
    answer(out, line);
    free(ops);
}

/* What stands beside the clock while a case is timed. */
struct meters {
    struct counters *counters; /* or NULL; both count all threads */
    struct energy *energy;
    struct noise_mark before;
};

static struct meters meters_start(const struct job *job, struct counters *counters)
{
    struct presence why_not;
    struct meters meters = {.counters = counters, .energy = energy_open("", &why_not)};
    meters.before = noise_look(job->cpus, job->threads);
    if (counters && !counters_start(counters))
        meters.counters = NULL;
    return meters;
}

static void put_counters(json_t *line, const struct counter_values *values, double steps)
{
    json_t *counters = json_object();
    json_put_real(counters, "cycles", values->cycles / steps);
    json_put_real(counters, "instructions", values->instructions / steps);
    json_put_real(counters, "cache_misses", values->cache_misses / steps);
    json_put_real(counters, "floating_point_operations", values->floating_point_operations / steps);
    json_put(line, "counters", counters);
}

/* Reads them all into the line, as figures of one step. */
static void meters_stop(struct meters *meters, const struct job *job, double steps, json_t *line)
{
    if (meters->counters) {
        struct counter_values values = counters_stop(meters->counters);
        put_counters(line, &values, steps);
    }
    if (meters->energy)
        json_put_real(line, "energy_j", energy_read(meters->energy) / steps);
    energy_close(meters->energy);
    struct noise_mark after = noise_look(job->cpus, job->threads);
    json_put_real(line, "measured_s", after.time_s - meters->before.time_s);
    json_put_real(line, "steal", noise_steal(&meters->before, &after, job->threads));
    json_put_real(line, "run_delay", noise_delay(&meters->before, &after, (int)job->threads));
}

static bool is_sound(const struct subject *subject)
{
    double loss = engine_loss(subject->engine);
    return subject->graph->loss == NO_TENSOR || isfinite(loss);
}

static bool measure_subject(const struct job *job, struct subject *subject, struct counters *counters,
                            double canary_before_s, double started_s, int out, struct error *error)
{
    double ready_s = clock_now_s();
    struct meters meters = meters_start(job, counters);
    struct measurement found;
    struct measure_options options = job->measure;
    options.before = subject->eviction.bytes ? eviction_run : NULL;
    options.before_state = &subject->eviction;
    json_t *line = answer_event("done");
    bool right = measure(step_subject, subject, &options, &found, error);
    double steps = (double)(found.steps + found.warmups);
    meters_stop(&meters, job, steps, line);
    if (right && !is_sound(subject)) {
        right =
            error_set(error, ERROR_MEASURE, "the loss is no number after %.0f steps: what it computes is wrong", steps);
        measurement_free(&found);
    }
    if (!right) {
        json_decref(line);
        return false;
    }
    put_peak(line, subject);
    if (*job->output && !values_save_output(job->output, subject->graph, subject->engine, error)) {
        json_decref(line);
        measurement_free(&found);
        return false;
    }
    json_put_real(line, "setup_s", ready_s - started_s);
    json_put_count(line, "warmups", found.warmups);
    json_put_count(line, "batch", found.batch);
    json_put_bool(line, "steady", found.steady);
    json_put_bool(line, "cold", found.cold);
    json_put_real(line, "canary_s", fmax(canary_before_s, canary_run_s((int)job->threads)));
    put_samples(&found, out);
    if (job->ops && clock_now_s() < job->measure.deadline_s) /* never beyond the budget */
        put_ops(&found, subject, out);
    answer(out, line);
    measurement_free(&found);
    return true;
}

static const char *failed_status(const struct subject *subject, const struct error *error)
{
    bool memory = error->kind == ERROR_SYSTEM && subject->plan.arena_bytes && is_too_large(subject->plan.arena_bytes);
    return memory ? "out_of_memory" : "failed";
}

void worker_measure_case(const struct job *job, struct counters *counters, int out)
{
    double started_s = clock_now_s();
    struct subject subject = {0};
    struct error error = {0};
    double canary_s = canary_run_s((int)job->threads);
    if (job->planned_bytes)
        limit_address_space(CHECK_TIMES * job->planned_bytes + address_margin(job));
    if (!plan_subject(job, &subject, &error) || !check_subject(job, &subject, out, &error) ||
        !compare_subject(job, &subject, out, &error)) {
        answer_failed(out, failed_status(&subject, &error), error.message);
    } else if (clock_now_s() >= job->measure.deadline_s) {
        answer_failed(out, "skipped", "the run's budget was spent while it was set up");
    } else if (!open_subject(job, &subject, &error) ||
               !measure_subject(job, &subject, counters, canary_s, started_s, out, &error)) {
        answer_failed(out, failed_status(&subject, &error), error.message);
    }
    if (subject.engine)
        engine_close(subject.engine);
    eviction_free(&subject.eviction);
    plan_free(&subject.plan);
    graph_free(subject.graph);
    model_file_close(&subject.file);
}
