/* See engine_bench.h. */
#include "harness/run/engine_bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "harness/base/random.h"
#include "harness/run/clock.h"
#include "harness/run/lock.h"
#include "harness/run/noise.h"
#include "harness/run/placement.h"
#include "harness/run/program.h"
#include "harness/run/quiet.h"
#include "harness/store/llama_bench_model.h"
#include "harness/store/llama_bench_run.h"
#include "probes/machine.h"

enum { MOST_OUTPUT = 4 << 20, MOST_WORDS = 20, ROUNDS = 2, USUAL_REPETITIONS = 3 };

/* Cheap ones first, and at the contexts that this program's own cases have: llama-bench's 128 tokens attend to 64 on
 * the average. Early versions know no -d, so it is given only where there is a depth. */
const struct engine_test engine_tests[] = {{0, 128, 0}, {64, 0, 0}, {512, 0, 0}, {0, 64, 480}, {0, 32, 2032}};
const size_t engine_test_count = sizeof engine_tests / sizeof *engine_tests;

/* Slower than these no machine is that a model is run on: what the time limit rests on. */
static const double slow_read_gbs = 1, slow_gflops = 10, start_s = 60;

struct bench {
    const struct engine_request *request;
    struct run *run; /* its records: model by model within test by test */
    struct store *store;
    struct run_lock lock;
    struct machine machine;
    int *cpus;
    size_t cpu_count;
    int threads;
    double started_s;
    double *visit_s; /* owned: what each record's last visit took; NaN */
    char build[48];
    struct progress progress;
};

static const struct engine_test *test_of(const struct bench *bench, size_t at)
{
    return &engine_tests[at / bench->request->model_count];
}

static const struct engine_model *model_of(const struct bench *bench, size_t at)
{
    return &bench->request->models[at % bench->request->model_count];
}

static bool is_stopped(const struct bench *bench)
{
    return bench->request->run->stop && *bench->request->run->stop;
}

static double left_s(const struct bench *bench)
{
    return bench->request->run->budget_s - (clock_now_s() - bench->started_s);
}

/* ---- the run ---- */

/* One a CPU that may be used, and no more than a quota lets run at once. */
static bool look_at_machine(struct bench *bench, struct error *error)
{
    const struct run_request *request = bench->request->run;
    if (request->entered)
        request->entered(request->state, STAGE_LOOKING, 0);
    if (!machine_probe(&bench->machine, NULL, error))
        return false;
    double quota = bench->machine.cpu.quota;
    bench->threads = request->threads ? request->threads : (int)bench->cpu_count;
    if (!request->threads && quota > 0 && ceil(quota) < bench->threads)
        bench->threads = (int)ceil(quota);
    return true;
}

/* A series of another engine's figures is none of this program's own: its fingerprint holds the engine too. */
static void describe_machine(struct bench *bench)
{
    char fingerprint[33], whole[80];
    json_t *document = machine_to_json(&bench->machine), *software = json_object_get(document, "software");
    snprintf(whole, sizeof whole, "%s|" ENGINE_LLAMA_CPP, bench->machine.fingerprint);
    snprintf(fingerprint, sizeof fingerprint, "%016llx%016llx", (unsigned long long)random_key(1, whole),
             (unsigned long long)random_key(2, whole));
    json_put_string(document, "fingerprint", fingerprint);
    if (*bench->build)
        json_put_string(software, "llama_cpp", bench->build);
    json_decref(bench->run->machine);
    bench->run->machine = document;
}

/* What the record is called until the program has said how it calls its model. */
static bool name_record(const struct bench *bench, size_t at, struct record *record, struct error *error)
{
    const struct engine_test *test = test_of(bench, at);
    const struct engine_model *model = model_of(bench, at);
    struct bench_row row = {.prompt = test->prompt,
                            .generated = test->generated,
                            .depth = test->depth,
                            .threads = bench->threads,
                            .parameters = (double)model->parameters,
                            .model_bytes = NAN,
                            .rate = NAN};
    snprintf(row.file, sizeof row.file, "%s", model->path);
    snprintf(row.model, sizeof row.model, "%s", model->architecture);
    snprintf(row.type, sizeof row.type, "%s", model->dtype);
    if (!bench_record(&row, record, error))
        return false;
    record->time = (struct interval){NAN, NAN, NAN, NAN};
    record->throughput = NAN;
    record->status = STATUS_SKIPPED;
    snprintf(record->reason, sizeof record->reason, "the run ended before its turn came");
    return true;
}

static bool begin_run(struct bench *bench, struct error *error)
{
    const struct run_request *request = bench->request->run;
    struct run *run = bench->run;
    size_t count = engine_test_count * bench->request->model_count;
    run_make_id(run->id);
    time_stamp(run->started);
    strcpy(run->suite, "llama-bench");
    run->note = request->note ? strdup(request->note) : NULL;
    run->engine = strdup(ENGINE_LLAMA_CPP);
    run->command = json_incref(request->command);
    run->records = calloc(count + 1, sizeof *run->records);
    bench->visit_s = calloc(count + 1, sizeof *bench->visit_s);
    if (!run->engine || !run->records || !bench->visit_s)
        return error_set(error, ERROR_SYSTEM, "not enough memory to keep the run");
    describe_machine(bench);
    for (; run->record_count < count; run->record_count++) {
        bench->visit_s[run->record_count] = NAN;
        if (!name_record(bench, run->record_count, &run->records[run->record_count], error))
            return false;
    }
    bool added;
    return store_import_run(bench->store, run, &added, error);
}

/* ---- one test ---- */

static double repetitions(const struct bench *bench)
{
    return bench->request->run->measure.least ? (double)bench->request->run->measure.least : USUAL_REPETITIONS;
}

/* What a slow machine takes, a repetition to warm up included. */
static double limit_s(const struct bench *bench, size_t at)
{
    const struct engine_test *test = test_of(bench, at);
    const struct engine_model *model = model_of(bench, at);
    double read = (double)model->file_bytes / (slow_read_gbs * 1e9),
           prompt = 2 * (double)model->parameters / (slow_gflops * 1e9);
    double once = test->generated * read + (test->prompt + test->depth) * prompt;
    double limit = bench->request->run->timeout_s;
    return isnan(limit) ? start_s + read + (1 + repetitions(bench)) * once : limit;
}

struct command_words {
    char numbers[5][16];
    const char *words[MOST_WORDS];
};

static void put_command(const struct bench *bench, size_t at, struct command_words *out)
{
    const struct engine_test *test = test_of(bench, at);
    const int values[5] = {test->prompt, test->generated, test->depth, (int)repetitions(bench), bench->threads};
    static const char *const flags[5] = {"-p", "-n", "-d", "-r", "-t"};
    size_t count = 0;
    out->words[count++] = "llama-bench";
    out->words[count++] = "-m";
    out->words[count++] = model_of(bench, at)->path;
    for (int i = 0; i < 5; i++) {
        snprintf(out->numbers[i], sizeof out->numbers[i], "%d", values[i]);
        if (i == 2 && !values[i])
            continue;
        out->words[count++] = flags[i];
        out->words[count++] = out->numbers[i];
    }
    out->words[count++] = "-o";
    out->words[count++] = "json";
    out->words[count] = NULL;
}

/* Whether the program did what it was asked for: one result, of that test, with its samples. */
static bool is_answer(const struct bench *bench, size_t at, const struct bench_rows *rows, char *reason, size_t size)
{
    const struct engine_test *test = test_of(bench, at);
    const struct bench_row *row = rows->rows;
    if (rows->count != 1)
        snprintf(reason, size, "llama-bench printed %zu results where one was asked for", rows->count);
    else if (row->prompt != test->prompt || row->generated != test->generated || row->depth != test->depth)
        snprintf(reason, size,
                 "llama-bench printed a test of %.0f+%.0f tokens after %.0f where %d+%d after %d were asked for",
                 row->prompt, row->generated, row->depth, test->prompt, test->generated, test->depth);
    else if (!row->sample_count)
        snprintf(reason, size, "llama-bench printed no samples_ns: it is older than this program reads");
    else
        return true;
    return false;
}

/* The samples so far, and what they come to. */
static bool take_row(struct bench *bench, size_t at, const struct bench_row *row, const struct program_end *end,
                     double steal, struct error *error)
{
    struct record fresh, *kept = &bench->run->records[at];
    if (!bench_record(row, &fresh, error))
        return false;
    if (!record_add_samples(&fresh, kept->samples, kept->sample_count)) {
        record_free(&fresh);
        return error_set(error, ERROR_SYSTEM, "not enough memory for the samples");
    }
    bool first = !kept->sample_count;
    fresh.steal = first || !(steal < kept->steal) ? steal : kept->steal;
    fresh.memory[MEMORY_PEAK] = end->peak_bytes;
    record_free(kept);
    struct item item = {.record = fresh,
                        .units = row->prompt > 0 ? row->prompt : 1,
                        .roof = {.peak_gflops = NAN, .read_gbs = NAN, .floor_s = NAN}};
    judge_record(&item);
    *kept = item.record;
    if (first && !*bench->build)
        snprintf(bench->build, sizeof bench->build, "%s", row->build);
    return true;
}

/* What was measured before stays, whatever becomes of a later visit. */
static void note_failure(struct record *record, enum fate fate, const char *reason)
{
    if (record->sample_count)
        return;
    record->status = fate == FATE_TIMEOUT         ? STATUS_TIMEOUT
                     : fate == FATE_OUT_OF_MEMORY ? STATUS_OUT_OF_MEMORY
                     : fate == FATE_STOPPED       ? STATUS_SKIPPED
                     : fate == FATE_SKIPPED       ? STATUS_SKIPPED
                                                  : STATUS_FAILED;
    snprintf(record->reason, sizeof record->reason, "%.399s", reason);
}

static bool judge_answer(struct bench *bench, size_t at, struct program_end *end, double steal, struct error *error)
{
    struct record *record = &bench->run->records[at];
    struct error unread = {0};
    struct bench_rows rows;
    if (end->fate != FATE_DONE) {
        note_failure(record, end->fate, end->reason);
        return true;
    }
    if (!bench_read(text_string(&end->out), "llama-bench's output", &rows, &unread)) {
        note_failure(record, FATE_FAILED, unread.message);
        return unread.kind != ERROR_SYSTEM || error_set(error, unread.kind, "%s", unread.message);
    }
    bool right = true;
    if (is_answer(bench, at, &rows, end->reason, sizeof end->reason))
        right = take_row(bench, at, rows.rows, end, steal, error);
    else
        note_failure(record, FATE_FAILED, end->reason);
    bench_rows_free(&rows);
    return right;
}

static void tick(void *state)
{
    struct bench *bench = state;
    bench->progress.left_s = left_s(bench);
    if (bench->request->run->progress)
        bench->request->run->progress(bench->request->run->state, &bench->progress);
}

static bool visit(struct bench *bench, size_t at, struct error *error)
{
    struct record *record = &bench->run->records[at];
    struct command_words command;
    struct program_end end;
    put_command(bench, at, &command);
    struct program_call call = {.path = bench->request->program,
                                .arguments = command.words,
                                .timeout_s = fmin(limit_s(bench, at), fmax(1, left_s(bench))),
                                .most_bytes = MOST_OUTPUT,
                                .stop = bench->request->run->stop,
                                .tick = tick,
                                .state = bench};
    bench->progress.id = record->id;
    bench->progress.last = NULL;
    tick(bench);
    struct noise_mark before = noise_look(bench->cpus, bench->cpu_count);
    if (!program_run(&call, &end, error))
        return false;
    struct noise_mark after = noise_look(bench->cpus, bench->cpu_count);
    bench->visit_s[at] = end.seconds;
    if (end.fate == FATE_TIMEOUT && call.timeout_s < limit_s(bench, at)) {
        end.fate = FATE_SKIPPED;
        snprintf(end.reason, sizeof end.reason, "the budget was spent before it ended; --budget gives more");
    }
    bool right = judge_answer(bench, at, &end, noise_steal(&before, &after, bench->cpu_count), error);
    text_free(&end.out);
    bench->progress.last = record;
    tick(bench);
    return right && store_put_case(bench->store, bench->run->id, at, record, error);
}

/* ---- all of them ---- */

/* Why it isn't begun; "" when it is. */
static void find_hindrance(const struct bench *bench, size_t at, char *reason, size_t size)
{
    const struct engine_test *test = test_of(bench, at);
    const struct engine_model *model = model_of(bench, at);
    uint64_t room = bench->machine.memory.limit_bytes, asked = bench->request->run->memory_bytes;
    uint64_t tokens = (uint64_t)(test->prompt + test->generated + test->depth);
    char needed[32], there[32];
    *reason = '\0';
    if (asked < room || !room)
        room = asked;
    format_size(model->file_bytes, needed, sizeof needed);
    format_size(room, there, sizeof there);
    if (model->most_context && tokens > model->most_context)
        snprintf(reason, size, "the model has %llu positions, and the test takes %llu",
                 (unsigned long long)model->most_context, (unsigned long long)tokens);
    else if (room < model->file_bytes)
        snprintf(reason, size, "the model's weights take %s, and %s is the limit", needed, there);
    else if (left_s(bench) <= 0)
        snprintf(reason, size, "the budget was spent before its turn came; --budget gives more");
}

/* In the first round all, in later ones those that were measured and that the budget has room for. */
static bool visit_round(struct bench *bench, int round, struct error *error)
{
    struct run *run = bench->run;
    for (size_t at = 0; at < run->record_count && !is_stopped(bench); at++) {
        struct record *record = &run->records[at];
        char reason[TEXT_REASON];
        if (round > 0 && (!record->sample_count || 1.2 * bench->visit_s[at] > left_s(bench)))
            continue;
        if (round == 0) {
            find_hindrance(bench, at, reason, sizeof reason);
            bench->progress.settled++;
            if (*reason) {
                snprintf(record->reason, sizeof record->reason, "%.399s", reason);
                if (!store_put_case(bench->store, run->id, at, record, error))
                    return false;
                continue;
            }
        }
        if (!visit(bench, at, error))
            return false;
    }
    return true;
}

static bool measure_all(struct bench *bench, struct error *error)
{
    const struct run_request *request = bench->request->run;
    if (request->entered)
        request->entered(request->state, STAGE_CASES, 0);
    bench->progress.count = bench->run->record_count;
    for (int round = 0; round < ROUNDS && !is_stopped(bench); round++)
        if (!visit_round(bench, round, error))
            return false;
    if (!is_stopped(bench))
        time_stamp(bench->run->finished);
    describe_machine(bench);
    return store_put_run(bench->store, bench->run, error);
}

static void is_busy(void *state, const struct quiet_look *look)
{
    const struct run_request *request = ((struct bench *)state)->request->run;
    (void)look;
    if (request->entered)
        request->entered(request->state, STAGE_BUSY, 0);
}

static void waits(void *state, long process)
{
    const struct run_request *request = ((struct bench *)state)->request->run;
    if (request->entered)
        request->entered(request->state, STAGE_WAITING, process);
}

bool engine_bench(const struct engine_request *request, struct run *run, struct error *error)
{
    const struct run_request *of = request->run;
    struct bench bench = {.request = request, .run = run, .lock.file = -1};
    *run = (struct run){0};
    bool right = placement_find(NULL, &bench.cpus, &bench.cpu_count, error);
    if (right && (size_t)of->threads > bench.cpu_count)
        right = error_set(error, ERROR_INPUT, "--threads: %d is more than the %zu CPUs that this process may use",
                          of->threads, bench.cpu_count);
    right = right && (bench.store = store_open(of->database, STORE_WRITE, error)) &&
            run_lock_take(&bench.lock, of->database, fmax(900, 2 * of->budget_s), of->stop, waits, &bench, error);
    if (right && of->quiet_patience_s > 0)
        quiet_wait(of->quiet_patience_s, bench.cpu_count, of->stop, is_busy, NULL, &bench);
    bench.started_s = clock_now_s();
    right = right && look_at_machine(&bench, error) && begin_run(&bench, error) && measure_all(&bench, error);
    free(bench.cpus);
    free(bench.visit_s);
    machine_free(&bench.machine);
    run_lock_release(&bench.lock);
    store_close(bench.store);
    if (!right)
        run_free(run);
    return right;
}
