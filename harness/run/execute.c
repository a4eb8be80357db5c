/* A run from its cases to its finished record; see execute.h. */
#include "harness/run/execute.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/run/ceilings.h"
#include "harness/run/clock.h"
#include "harness/run/lock.h"
#include "harness/run/placement.h"
#include "harness/run/prepare.h"
#include "harness/run/quiet.h"
#include "harness/store/outbox.h"
#include "harness/store/retention.h"
#include "harness/store/unsettled.h"
#include "probes/machine.h"

struct execution {
    const struct run_request *request;
    struct run *run;
    struct store *store; /* the outbox where the database is an address */
    char *outbox_path;   /* NULL where it is a file */
    struct outbox *outbox;
    struct run_lock lock;
    struct machine machine;
    int *cpus;
    size_t cpu_count, threads;
    struct item *items;
    size_t item_count;
    double started_s;
};

static bool is_stopped(const struct execution *execution)
{
    return execution->request->stop && *execution->request->stop;
}

static void enter(const struct execution *execution, enum stage stage, long process)
{
    if (execution->request->entered)
        execution->request->entered(execution->request->state, stage, process);
}

/* ---- the machine ---- */

/* One a CPU that may be used, and no more than a quota lets run at once. */
static size_t usable_threads(const struct execution *execution)
{
    double quota = execution->machine.cpu.quota;
    size_t most = execution->cpu_count;
    if (quota > 0 && ceil(quota) < (double)most)
        most = (size_t)ceil(quota);
    return most ? most : 1;
}

/* Before anything is written or waited for. */
static bool place_threads(struct execution *execution, struct error *error)
{
    if (!placement_find(NULL, &execution->cpus, &execution->cpu_count, error))
        return false;
    size_t asked = (size_t)execution->request->threads;
    return asked <= execution->cpu_count ||
           error_set(error, ERROR_INPUT, "--threads: %zu is more than the %zu CPUs that this process may use", asked,
                     execution->cpu_count);
}

static bool look_at_machine(struct execution *execution, struct error *error)
{
    enter(execution, STAGE_LOOKING, 0);
    if (!machine_probe(&execution->machine, NULL, error))
        return false;
    size_t asked = (size_t)execution->request->threads;
    execution->threads = asked ? asked : usable_threads(execution);
    return true;
}

static void entered_ceilings(void *state)
{
    enter(state, STAGE_CEILINGS, 0);
}

static bool provide_ceilings(struct execution *execution, struct error *error)
{
    const struct ceiling_request request = {.program = execution->request->program,
                                            .cpus = execution->cpus,
                                            .threads = usable_threads(execution),
                                            .budget_s = execution->request->budget_s,
                                            .stop = execution->request->stop,
                                            .measuring = entered_ceilings,
                                            .state = execution};
    return ceilings_provide(execution->store, &execution->machine, &request, error);
}

/* ---- the cases ---- */

static bool prepare_new(struct execution *execution, struct error *error)
{
    const struct case_list *cases = &execution->request->cases;
    execution->items = calloc(cases->count + 1, sizeof *execution->items);
    if (!execution->items)
        return error_set(error, ERROR_SYSTEM, "not enough memory to plan the cases");
    for (size_t i = 0; i < cases->count; i++)
        prepare_item(&cases->cases[i], (int)execution->threads, &execution->machine, &execution->items[i]);
    execution->item_count = cases->count;
    return true;
}

/* What a record had when the run was left is taken over by its item, freshly planned. */
static void go_on(struct item *item, struct record *kept)
{
    item->settled = !kept->unfinished;
    item->visits = kept->sample_count ? 1 : 0;
    item->is_noisy = kept->status == STATUS_NOISY;
    if (item->settled || kept->sample_count) {
        if (isfinite(kept->time.median))
            item->expected_step_s = kept->time.median;
        record_free(&item->record);
        item->record = *kept;
        record_clear(kept); /* it has been moved */
    }
}

static bool prepare_rest(struct execution *execution, struct error *error)
{
    struct run *run = execution->run;
    execution->items = calloc(run->record_count + 1, sizeof *execution->items);
    if (!execution->items)
        return error_set(error, ERROR_SYSTEM, "not enough memory to plan the cases");
    for (size_t i = 0; i < run->record_count; i++) {
        struct record *kept = &run->records[i];
        struct model_case one;
        int threads = kept->threads ? kept->threads : (int)execution->threads;
        if (threads != (int)execution->threads)
            return error_set(error, ERROR_INPUT,
                             "--resume: run %s was measured with %d threads, and this one would be with %zu: say "
                             "--threads %d",
                             run->id, threads, execution->threads, threads);
        if (!case_parse(kept->id, &one, error))
            return error_prefix(error, "--resume: run %s", run->id);
        prepare_item(&one, threads, &execution->machine, &execution->items[i]);
        execution->item_count = i + 1;
        go_on(&execution->items[i], kept);
    }
    return true;
}

/* ---- the run ---- */

static bool find_run(struct execution *execution, struct error *error)
{
    const struct run_request *request = execution->request;
    char id[TEXT_WORD];
    if (execution->outbox) { /* it may be there already, or nowhere: told below */
        struct error none;
        outbox_fetch(execution->outbox, request->resume, execution->machine.fingerprint, &none);
    }
    bool found = *request->resume ? store_find_run(execution->store, request->resume, id, error)
                                  : store_find_unfinished(execution->store, execution->machine.fingerprint, id, error);
    if (!found || !store_get_run(execution->store, id, execution->run, error))
        return false;
    if (strcmp(run_fingerprint(execution->run), execution->machine.fingerprint))
        return error_set(error, ERROR_INPUT,
                         "--resume: run %s was made on another machine (%s), so it can't go on here", id,
                         run_machine_name(execution->run));
    return true;
}

static void begin_run(struct execution *execution)
{
    const struct run_request *request = execution->request;
    struct run *run = execution->run;
    run_make_id(run->id);
    time_stamp(run->started);
    snprintf(run->suite, sizeof run->suite, "%s", request->suite ? request->suite : "");
    run->note = request->note ? strdup(request->note) : NULL;
    run->command = json_incref(request->command);
}

/* The items' records, as the run's; they are the items' still. */
static void lend_records(struct execution *execution, struct record *records)
{
    for (size_t i = 0; i < execution->item_count; i++)
        records[i] = execution->items[i].record;
}

/* The run with all its cases, none of them measured yet, so that --resume knows them whatever happens. */
static bool put_new_run(struct execution *execution, struct error *error)
{
    struct record *records = calloc(execution->item_count + 1, sizeof *records);
    if (!records)
        return error_set(error, ERROR_SYSTEM, "not enough memory to keep the run");
    lend_records(execution, records);
    struct run whole = *execution->run;
    whole.records = records;
    whole.record_count = execution->item_count;
    bool added;
    bool right = store_import_run(execution->store, &whole, &added, error);
    free(records);
    return right;
}

static bool keep_record(void *state, size_t position, const struct record *record, struct error *error)
{
    struct execution *execution = state;
    if (!store_put_case(execution->store, execution->run->id, position, record, error))
        return false;
    if (execution->outbox)
        outbox_case(execution->outbox, execution->run->id, position, record);
    return true;
}

static void pass_progress(void *state, const struct progress *progress)
{
    const struct run_request *request = ((struct execution *)state)->request;
    if (request->progress)
        request->progress(request->state, progress);
}

static bool measure_cases(struct execution *execution, struct error *error)
{
    const struct run_request *request = execution->request;
    const struct memory *memory = &execution->machine.memory;
    struct schedule schedule = {.program = request->program,
                                .cpus = execution->cpus,
                                .threads = execution->threads,
                                .measure = request->measure,
                                .budget_s = request->budget_s,
                                .started_s = execution->started_s,
                                .timeout_s = request->timeout_s,
                                .rounds = request->rounds,
                                .memory_bytes = memory->limit_bytes ? memory->limit_bytes : BYTES_UNKNOWN,
                                .memory_limited_by = memory->limited_by,
                                .stop = request->stop,
                                .keep = keep_record,
                                .progress = pass_progress,
                                .state = execution};
    if (request->memory_bytes < schedule.memory_bytes) {
        schedule.memory_bytes = request->memory_bytes;
        schedule.memory_limited_by = "--memory-limit";
    }
    enter(execution, STAGE_CASES, 0);
    return schedule_run(&schedule, execution->items, execution->item_count, error);
}

/* The records become the run's for good. */
static bool finish_run(struct execution *execution, struct error *error)
{
    struct run *run = execution->run;
    struct record *records = calloc(execution->item_count + 1, sizeof *records);
    if (!records)
        return error_set(error, ERROR_SYSTEM, "not enough memory to report the run");
    lend_records(execution, records);
    for (size_t i = 0; i < run->record_count; i++)
        record_free(&run->records[i]);
    free(run->records);
    run->records = records;
    run->record_count = execution->item_count;
    execution->item_count = 0;
    if (!is_stopped(execution))
        time_stamp(run->finished);
    return store_put_run(execution->store, run, error);
}

/* The medians that tell noise and moves: as many runs as `regress` looks back by default would be read for little. */
enum { RUNS_OF_DOUBT = 12 };

/* NULL: a database that is away. */
static struct store *store_of_history(struct execution *execution)
{
    return execution->outbox ? outbox_remote(execution->outbox) : execution->store;
}

/* What the store has in doubt of this machine is measured first, so that a budget that is too small is spent on it. */
static bool put_doubtful_first(struct execution *execution, struct error *error)
{
    struct unsettled *cases;
    size_t count;
    struct store *store = store_of_history(execution);
    if (!store)
        return true;
    if (!store_list_unsettled(store, execution->machine.fingerprint, RUNS_OF_DOUBT, &cases, &count, error))
        return execution->outbox; /* it went away just now: the run goes on */
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < execution->item_count; j++)
            if (!strcmp(execution->items[j].record.id, cases[i].id))
                execution->items[j].doubt = cases[i].doubt;
    free(cases);
    return true;
}

static bool let_go(struct execution *execution, struct error *error)
{
    size_t removed;
    double age_s = execution->request->keep_samples_s;
    struct store *store = age_s > 0 && !is_stopped(execution) ? store_of_history(execution) : NULL;
    return !store || store_thin_samples(store, execution->machine.fingerprint, age_s, &removed, error) ||
           execution->outbox;
}

static void is_busy(void *state, const struct quiet_look *look)
{
    (void)look;
    enter(state, STAGE_BUSY, 0);
}

static void wait_for_quiet(struct execution *execution)
{
    double patience_s = execution->request->quiet_patience_s;
    if (patience_s > 0)
        quiet_wait(patience_s, execution->cpu_count, execution->request->stop, is_busy, NULL, execution);
}

static bool execute(struct execution *execution, struct error *error)
{
    bool resumes = execution->request->resume;
    if (!look_at_machine(execution, error) || (resumes && !find_run(execution, error)) ||
        !provide_ceilings(execution, error))
        return false;
    if (execution->request->budget_of_cases)
        execution->started_s = clock_now_s();
    json_decref(execution->run->machine);
    execution->run->machine = machine_to_json(&execution->machine);
    if (!(resumes ? prepare_rest(execution, error) : prepare_new(execution, error)))
        return false;
    if (!resumes)
        begin_run(execution);
    if (!put_doubtful_first(execution, error) || !(resumes || put_new_run(execution, error)))
        return false;
    if (execution->outbox)
        outbox_run(execution->outbox, execution->run->id);
    return measure_cases(execution, error) && finish_run(execution, error) && let_go(execution, error);
}

static void waits(void *state, long process)
{
    enter(state, STAGE_WAITING, process);
}

/* The database need not be there. */
static bool open_outbox(struct execution *execution, struct error *error)
{
    const char *address = execution->request->database;
    execution->outbox_path = outbox_path(address);
    if (!execution->outbox_path)
        return error_set(error, ERROR_SYSTEM, "not enough memory to open the outbox");
    execution->store = store_open(execution->outbox_path, STORE_WRITE, error);
    return execution->store && (execution->outbox = outbox_open(execution->store, address, error));
}

/* What is left is told, and is no failure of the run. */
static void deliver(struct execution *execution)
{
    size_t left;
    struct error why = {0};
    const struct run_request *request = execution->request;
    if (execution->outbox && execution->lock.file >= 0 && !outbox_deliver(execution->outbox, &left, &why) &&
        request->undelivered)
        request->undelivered(request->state, execution->outbox_path, why.message);
}

/* A run that goes on needs a store that is there. */
static struct store *open_store(const struct run_request *request, struct error *error)
{
    struct store *there = request->resume ? store_open(request->database, STORE_READ, error) : NULL;
    if (request->resume && !there)
        return NULL;
    store_close(there);
    return store_open(request->database, STORE_WRITE, error);
}

static void free_execution(struct execution *execution)
{
    for (size_t i = 0; i < execution->item_count; i++)
        record_free(&execution->items[i].record);
    free(execution->items);
    free(execution->cpus);
    machine_free(&execution->machine);
    run_lock_release(&execution->lock);
    outbox_close(execution->outbox);
    store_close(execution->store);
    free(execution->outbox_path);
}

bool run_execute(const struct run_request *request, struct run *run, struct error *error)
{
    *run = (struct run){0};
    struct execution execution = {.request = request, .run = run, .lock.file = -1};
    bool is_address = store_is_address(request->database);
    bool right =
        place_threads(&execution, error) &&
        (is_address ? open_outbox(&execution, error) : (execution.store = open_store(request, error)) != NULL) &&
        run_lock_take(&execution.lock, is_address ? execution.outbox_path : request->database,
                      fmax(900, 2 * request->budget_s), request->stop, waits, &execution, error);
    if (right)
        wait_for_quiet(&execution);
    execution.started_s = clock_now_s();
    right = right && execute(&execution, error);
    deliver(&execution);
    free_execution(&execution);
    if (!right)
        run_free(run);
    return right;
}
