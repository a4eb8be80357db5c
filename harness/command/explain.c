/* `benchmark explain`: where a case's time goes, op by op. */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/log.h"
#include "harness/base/parse.h"
#include "harness/command/command.h"
#include "harness/command/progress.h"
#include "harness/estimate/known.h"
#include "harness/run/execute.h"
#include "models/families/family.h"
#include "models/graph/plan.h"
#include "reports/explain.h"
#include "reports/fitness/fit_file.h"

static char *threads, *budget;
static int no_calibrate;

static struct poptOption options[] = {
    {"threads", 0, POPT_ARG_STRING, &threads, 0, "threads to compute with (all CPUs that may be used)", "N"},
    {"budget", 0, POPT_ARG_STRING, &budget, 0, "for measuring a case that wasn't measured yet (20s)", "DURATION"},
    {"no-calibrate", 0, POPT_ARG_NONE, &no_calibrate, 0, "measure nothing: estimate what isn't known", NULL},
    POPT_TABLEEND,
};

/* ---- which case ---- */

struct matches {
    char first[CASE_ID_SIZE];
    char near[240]; /* the first few */
    size_t count;
};

static void add_match(struct matches *matches, const char *id)
{
    if (!matches->count)
        snprintf(matches->first, sizeof matches->first, "%s", id);
    size_t used = strlen(matches->near);
    if (matches->count < 3)
        snprintf(matches->near + used, sizeof matches->near - used, "%s%s", matches->count ? ", " : "", id);
    matches->count++;
}

/* Among the cases that were measured here, and where none of these match, among all that suites have. */
static bool match_glob(const char *glob, const struct known *known, struct model_case *one, struct error *error)
{
    struct matches matches = {0};
    struct case_list all = {0};
    for (size_t i = 0; i < known->record_count; i++)
        if (glob_match(glob, known->records[i].id))
            add_match(&matches, known->records[i].id);
    if (!matches.count && !suite_cases(suite_find("all"), &all, error))
        return false;
    for (size_t i = 0; i < all.count; i++)
        if (glob_match(glob, all.cases[i].id))
            add_match(&matches, all.cases[i].id);
    case_list_free(&all);
    if (!matches.count)
        return error_set(error, ERROR_INPUT, "%s: no case matches that; 'benchmark list cases' shows them", glob);
    if (matches.count > 1)
        return error_set(error, ERROR_INPUT, "%s: %zu cases match, and one is explained at a time: %s%s", glob,
                         matches.count, matches.near, matches.count > 3 ? ", ..." : "");
    return case_parse(matches.first, one, error);
}

static struct fit_file file;
static struct family file_family;

static bool names_file(const char *argument)
{
    const char *dot = strrchr(argument, '.');
    return dot && (strcmp(dot, ".gguf") == 0 || strcmp(dot, ".json") == 0 || strcmp(dot, ".safetensors") == 0);
}

/* A file's model decodes one sequence, or runs forward where its family doesn't decode. */
static bool case_of_file(const char *path, struct model_case *one, struct error *error)
{
    if (!fit_file_open(path, &file, error))
        return false;
    if (!file.same)
        return error_set(error, ERROR_INPUT,
                         "%s: no family here builds this %s, so its ops aren't known; 'benchmark fit' tells its memory",
                         path, file.family.name);
    file_family = *file.same;
    bool decodes = family_has_mode(file.same, &file.size, MODE_DECODE);
    *one = case_of_size(&file_family, &file.size, decodes ? MODE_DECODE : MODE_FORWARD);
    if (!case_set_dtype(one, file.dtype))
        return error_set(error, ERROR_INPUT, "%s: its weights are %s, for which there is no kernel here", path,
                         file.dtype);
    case_name(one);
    return true;
}

static bool find_case(const char *argument, const struct known *known, struct model_case *one, struct error *error)
{
    if (names_file(argument))
        return case_of_file(argument, one, error);
    if (strpbrk(argument, "*?"))
        return match_glob(argument, known, one, error);
    if (family_find_size(argument, NULL))
        return error_set(error, ERROR_INPUT,
                         "%s is a model; a case says how it is run, as in '%s'; 'benchmark list "
                         "cases' shows them",
                         argument, "gpt2/gpt2-124m/decode/f32/b1/s64");
    return case_parse(argument, one, error);
}

/* ---- measuring ---- */

static volatile sig_atomic_t stopped_by;

static void stop(int number)
{
    stopped_by = number;
}

static bool has_ops(const struct known *known, const char *id)
{
    for (size_t i = 0; i < known->record_count; i++)
        if (strcmp(known->records[i].id, id) == 0 && known->records[i].op_count)
            return true;
    return false;
}

static bool fits(const struct model_case *one, int thread_count, const struct machine *machine)
{
    struct plan plan = {0};
    struct graph *graph = case_build(one, NULL);
    bool right = graph && plan_make(graph, thread_count, &plan, NULL) &&
                 (!machine->memory.available_known || plan.arena_bytes < machine->memory.available_bytes / 10 * 9);
    plan_free(&plan);
    graph_free(graph);
    return right;
}

/* Measured like any other case, in a run of its own that stays in the store. */
static bool measure_case(const struct invocation *invocation, const struct model_case *one, int thread_count,
                         double budget_s, struct error *error)
{
    struct progress_line line = {.drawn_on = invocation->progress};
    struct model_case cases[] = {*one};
    struct run run;
    const struct run_request request = {.program = {"/proc/self/exe", "worker"},
                                        .database = invocation->database,
                                        .suite = one->id,
                                        .cases = {cases, 1},
                                        .measure = measure_defaults(),
                                        .budget_s = budget_s,
                                        .timeout_s = NAN,
                                        .rounds = 1,
                                        .memory_bytes = BYTES_UNKNOWN,
                                        .threads = thread_count,
                                        .stop = &stopped_by,
                                        .entered = progress_entered,
                                        .progress = progress_moved,
                                        .state = &line};
    struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    bool right = run_execute(&request, &run, error);
    progress_clear(&line);
    if (!right)
        return false;
    if (run.record_count && !status_is_measured(run.records[0].status) && !stopped_by)
        log_warning("%s could not be measured: %s", one->id, run.records[0].reason);
    run_free(&run);
    return !stopped_by;
}

/* What the store knows, with this case measured first where it wasn't, can be, and may be. */
static bool learn(const struct invocation *invocation, const struct model_case *one, const struct machine *machine,
                  int thread_count, double budget_s, struct known *known, struct error *error)
{
    if (no_calibrate || has_ops(known, one->id) || file.same || !fits(one, thread_count, machine))
        return true;
    known_free(known);
    return measure_case(invocation, one, thread_count, budget_s, error) &&
           known_load(invocation->database, machine->fingerprint, thread_count, known, error);
}

/* The ceilings that the latest run with any was made under. */
static void add_ceilings(struct machine *machine, const struct known *known)
{
    for (size_t i = 0; i < known->run_count && !machine->ceiling_count; i++) {
        const char *name;
        json_t *value;
        json_object_foreach(json_object_get(known->runs[i].machine, "ceilings"), name,
                            value) if (json_is_number(value) && strlen(name) < sizeof machine->ceilings->name)
            machine_add_ceiling(machine, name, json_number_value(value), NAN, NAN);
    }
}

/* ---- the command ---- */

static int explain(const struct invocation *invocation, struct machine *machine, int thread_count, double budget_s,
                   struct known *known, struct error *error)
{
    struct model_case one;
    struct explanation explanation;
    if (!known_load(invocation->database, machine->fingerprint, thread_count, known, error) ||
        !find_case(invocation->arguments[0], known, &one, error) ||
        !learn(invocation, &one, machine, thread_count, budget_s, known, error))
        return stopped_by ? 128 + stopped_by : (int)error->kind;
    add_ceilings(machine, known);
    const struct explain_basis basis = {.machine = machine,
                                        .records = known->records,
                                        .record_count = known->record_count,
                                        .estimator = known->estimator,
                                        .limits = known->limits,
                                        .threads = thread_count};
    if (!explain_case(&one, &basis, &explanation, error))
        return (int)error->kind;
    int code = command_write(invocation, explain_report(&explanation, &basis), error);
    explanation_free(&explanation);
    return code;
}

static int run_explain(const struct invocation *invocation, struct error *error)
{
    struct machine machine;
    struct known known = {0};
    uint64_t asked = 0;
    double budget_s = 20;
    if ((threads && !parse_count(threads, "--threads", 1, 4096, &asked, error)) ||
        (budget && !parse_duration(budget, "--budget", &budget_s, error)) || !machine_probe(&machine, NULL, error))
        return (int)error->kind;
    int usable = machine.cpu.usable_threads > 0 ? machine.cpu.usable_threads : 1;
    int code = explain(invocation, &machine, asked ? (int)asked : usable, budget_s, &known, error);
    known_free(&known);
    machine_free(&machine);
    fit_file_close(&file);
    return code;
}

const struct command command_explain = {
    .name = "explain",
    .arguments = "CASE|FILE",
    .argument_words = "cases",
    .help = "where a case's time goes, op by op, and what would help",
    .details =
        "CASE is a case's name, or a pattern (with * and ?) that matches one; FILE is a model's file, which is "
        "explained "
        "decoding. Equal ops of equal layers are told as one, with their count. Times are those that each op took "
        "within "
        "the measured step; a case that wasn't measured yet is measured first (--no-calibrate: not), and one that "
        "doesn't fit the machine is explained from estimates alone.",
    .options = options,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run_explain,
};
