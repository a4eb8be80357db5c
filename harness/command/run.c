/* `benchmark run`: measures cases on this machine and keeps what it found. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "harness/command/command.h"
#include "harness/command/progress.h"
#include "harness/command/run_engine.h"
#include "harness/command/run_files.h"
#include "harness/run/execute.h"
#include "reports/run.h"

/* popt leaves this where --resume isn't given, and NULL where it is given without a RUN. */
static char not_resumed[] = "";
static int weights;
static char *tokens, *output;
static char *suite, **filters, **excludes, **models, *budget, *threads, *least, *most, *warmup, *timeout, *memory,
    *resume = not_resumed, *note, *quiet, *keep_samples, *engine;

static struct poptOption options[] = {
    {"suite", 0, POPT_ARG_STRING, &suite, 0, "what is measured: suites, families and cases, with commas (all)",
     "NAME,..."},
    {"filter", 0, POPT_ARG_ARGV, &filters, 0, "only cases that a pattern matches (* and ?)", "GLOB"},
    {"exclude", 0, POPT_ARG_ARGV, &excludes, 0, "no cases that a pattern matches", "GLOB"},
    {"model", 0, POPT_ARG_ARGV, &models, 0,
     "only cases of this model, or of the one in a file (GGUF, safetensors, config.json); without --suite, all that it "
     "offers",
     "NAME|FILE"},
    {"weights", 0, POPT_ARG_NONE, &weights, 0, "run the weights of --model's file instead of generated ones", NULL},
    {"engine", 0, POPT_ARG_STRING, &engine, 0,
     "whose speed is measured: native, or llama-bench, llama.cpp's own program, on --model's GGUF files",
     "native|llama-bench[=PATH]"},
    {"tokens", 0, POPT_ARG_STRING, &tokens, 0, "what --model's file reads: numbers of words, with commas", "N,..."},
    {"save-output", 0, POPT_ARG_STRING, &output, 0, "keep what a case of it computed, as NumPy's .npy", "FILE"},
    {"budget", 0, POPT_ARG_STRING, &budget, 0, "how long the whole run may take (90s, 10m)", "DURATION"},
    {"threads", 0, POPT_ARG_STRING, &threads, 0, "threads to compute with (all CPUs that may be used)", "N"},
    {"min-runs", 0, POPT_ARG_STRING, &least, 0, "samples of a case at the least (3)", "N"},
    {"max-runs", 0, POPT_ARG_STRING, &most, 0, "samples of a case in one go at the most", "N"},
    {"warmup", 0, POPT_ARG_STRING, &warmup, 0, "steps before the first sample (until the times settle)", "N"},
    {"timeout", 0, POPT_ARG_STRING, &timeout, 0, "after which a case is given up (several times what it should take)",
     "DURATION"},
    {"memory-limit", 0, POPT_ARG_STRING, &memory, 0, "memory that a case may need (8GiB)", "SIZE"},
    {"resume", 0, POPT_ARG_STRING | POPT_ARGFLAG_OPTIONAL, &resume, 0,
     "go on with a run that was interrupted or whose budget was spent (the latest)", "RUN"},
    {"wait-quiet", 0, POPT_ARG_STRING, &quiet, 0,
     "how long to wait for other programs to end before anything is measured (no wait)", "DURATION"},
    {"keep-samples", 0, POPT_ARG_STRING, &keep_samples, 0,
     "afterwards, keep nine samples a case of this machine's runs that are older (90d); their medians, intervals and "
     "ops stay",
     "DURATION"},
    {"note", 0, POPT_ARG_STRING, &note, 0, "kept with the run; name=NAME in it names the run in comparisons", "TEXT"},
    POPT_TABLEEND,
};

static volatile sig_atomic_t stopped_by;

/* The first asks the run to end, and is enough: the second ends the program as if it weren't caught. */
static void stop(int number)
{
    stopped_by = number;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static bool read_counts(struct run_request *request, struct error *error)
{
    uint64_t value;
    if (threads) {
        if (!parse_count(threads, "--threads", 1, 4096, &value, error))
            return false;
        request->threads = (int)value;
    }
    if (least) {
        if (!parse_count(least, "--min-runs", 1, 1000000, &value, error))
            return false;
        request->measure.least = value;
    }
    if (most) {
        if (!parse_count(most, "--max-runs", 1, 1000000, &value, error))
            return false;
        request->measure.most = value;
        if (!least && request->measure.least > value)
            request->measure.least = value;
    }
    if (request->measure.least > request->measure.most && least && most)
        return error_set(error, ERROR_INPUT, "--min-runs: %s is more than --max-runs %s", least, most);
    if (request->measure.least > request->measure.most)
        request->measure.most = request->measure.least;
    if (warmup) {
        if (!parse_count(warmup, "--warmup", 0, 1000000, &value, error))
            return false;
        request->measure.warmup = (long)value;
    }
    return true;
}

static bool read_limits(struct run_request *request, struct error *error)
{
    return (!budget || parse_duration(budget, "--budget", &request->budget_s, error)) &&
           (!quiet || parse_duration(quiet, "--wait-quiet", &request->quiet_patience_s, error)) &&
           (!keep_samples || parse_duration(keep_samples, "--keep-samples", &request->keep_samples_s, error)) &&
           (!timeout || parse_duration(timeout, "--timeout", &request->timeout_s, error)) &&
           (!memory || parse_size(memory, "--memory-limit", &request->memory_bytes, error));
}

/* Another engine's program takes files, and has tests of its own. */
static bool read_engine(struct engine_request *bench, struct error *error)
{
    if (suite || filters || excludes || weights || tokens || output || warmup || most || keep_samples ||
        resume != not_resumed)
        return error_set(error, ERROR_INPUT,
                         "--engine: %s runs its own tests of --model's files, so only --threads, --min-runs, --budget, "
                         "--timeout, --memory-limit, --wait-quiet and --note go with it",
                         engine);
    return run_engine_open(engine, (const char *const *)models, bench, error);
}

static bool read_selection(struct run_request *request, struct engine_request *bench, struct error *error)
{
    const struct suite *first = suite_find("all");
    request->budget_s = first->budget_s;
    request->rounds = first->rounds;
    if (engine && strcasecmp(engine, "native"))
        return read_engine(bench, error);
    if (resume != not_resumed) {
        request->resume = resume ? resume : "";
        if (suite || filters || excludes || models)
            return error_set(
                error, ERROR_INPUT,
                "--resume: goes on with the cases of that run, so it can't be given with --suite, --model, "
                "--filter or --exclude");
    } else {
        const struct file_wishes wishes = {weights, tokens, output};
        struct selection selection = {.suites = suite,
                                      .models = (const char *const *)models,
                                      .filters = (const char *const *)filters,
                                      .excludes = (const char *const *)excludes};
        if (!run_files_open(selection.models, &wishes, &selection, error) ||
            !selection_cases(&selection, &request->cases, &first, error))
            return false;
        if (output && request->cases.count > 1)
            return error_set(error, ERROR_INPUT,
                             "--save-output: keeps what one case computed, and these are %zu, such as %s; --filter "
                             "chooses one",
                             request->cases.count, request->cases.cases[0].id);
    }
    request->suite = suite ? suite : models ? "" : first->name;
    request->budget_s = first->budget_s;
    request->rounds = first->rounds;
    return true;
}

static json_t *command_line(const struct invocation *invocation)
{
    json_t *list = json_array();
    for (size_t i = 0; invocation->command_line[i]; i++) {
        json_t *holder = json_object(); /* words that aren't UTF-8 are made so */
        json_put_string(holder, "word", i ? invocation->command_line[i] : "benchmark");
        json_array_append(list, json_object_get(holder, "word"));
        json_decref(holder);
    }
    return list;
}

static const char *first_failure(const struct run *run)
{
    for (size_t i = 0; i < run->record_count; i++)
        if (!status_is_measured(run->records[i].status) && run->records[i].status != STATUS_SKIPPED)
            return run->records[i].reason;
    return "";
}

/* 3 when a case failed, when nothing could be measured, or when most of what was is noisy. */
static int judge(const struct run *run, struct error *error)
{
    struct run_counts counts = run_count(run);
    size_t failed = counts.of[STATUS_FAILED] + counts.of[STATUS_TIMEOUT] + counts.of[STATUS_OUT_OF_MEMORY];
    if (stopped_by) {
        error_set(error, ERROR_MEASURE, "interrupted: %zu of %zu cases are kept", counts.measured, counts.all);
        if (!run->engine)
            error_set(error, ERROR_MEASURE,
                      "interrupted: %zu of %zu cases are kept; to go on: benchmark run --resume %s", counts.measured,
                      counts.all, run->id);
        return 128 + stopped_by;
    }
    if (failed)
        error_set(error, ERROR_MEASURE, "%zu of %zu cases failed%s%s", failed, counts.all, run->engine ? ": " : "",
                  run->engine ? first_failure(run) : "");
    else if (!counts.measured)
        error_set(error, ERROR_MEASURE, "none of %zu cases could be measured", counts.all);
    else if (2 * counts.of[STATUS_NOISY] > counts.measured)
        error_set(error, ERROR_MEASURE, "the machine was too noisy to judge: %zu of %zu measured cases are noisy",
                  counts.of[STATUS_NOISY], counts.measured);
    else
        return 0;
    return ERROR_MEASURE;
}

static int execute(const struct invocation *invocation, struct run_request *request, const struct engine_request *bench,
                   struct error *error)
{
    struct progress_line line = {.drawn_on = invocation->progress};
    struct run run;
    request->command = command_line(invocation);
    request->entered = progress_entered;
    request->progress = progress_moved;
    request->state = &line;
    catch_signals();
    bool right = bench->program ? engine_bench(bench, &run, error) : run_execute(request, &run, error);
    progress_clear(&line);
    json_decref(request->command);
    if (!right && stopped_by && error->kind == ERROR_NONE)
        error_set(error, ERROR_MEASURE, "interrupted before anything was measured");
    if (!right)
        return stopped_by ? 128 + stopped_by : (int)error->kind;
    int code = judge(&run, error);
    struct error unwritten = {0};
    int written = command_write(invocation, run_report(&run), &unwritten);
    run_free(&run);
    if (written)
        *error = unwritten;
    return written ? written : code;
}

static int run_run(const struct invocation *invocation, struct error *error)
{
    struct run_request request = {.program = {"/proc/self/exe", "worker"},
                                  .database = invocation->database,
                                  .note = note,
                                  .measure = measure_defaults(),
                                  .timeout_s = NAN,
                                  .memory_bytes = BYTES_UNKNOWN,
                                  .stop = &stopped_by};
    struct engine_request bench = {.run = &request};
    int code = ERROR_INPUT;
    if (read_counts(&request, error) && read_selection(&request, &bench, error) && read_limits(&request, error))
        code = execute(invocation, &request, &bench, error);
    else
        code = (int)error->kind;
    case_list_free(&request.cases);
    run_files_close();
    run_engine_close();
    return code;
}

const struct command command_run = {
    .name = "run",
    .help = "measure models on this machine, and keep what was found",
    .details =
        "Each case runs in a process of its own: one that fails costs itself alone. Cases are measured in rounds until "
        "the median of each is known within 2 %, or the budget is spent. What is finished is kept at once; a run that "
        "was interrupted goes on with --resume.\n\n"
        "--engine llama-bench measures llama.cpp by its own program, found on PATH or named, on GGUF files: reading "
        "prompts and generating at a few lengths, each test in a process of its own. `fit --engine llama.cpp` then "
        "tells "
        "the speed of other models there.\n\n"
        "Exit codes: 0 done; 3 cases failed, or the machine was too noisy to judge; 130 or 143 interrupted.",
    .options = options,
    .run = run_run,
};
