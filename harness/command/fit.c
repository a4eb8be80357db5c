/* `benchmark fit`: which model sizes fit this machine. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/base/json.h"
#include "harness/base/log.h"
#include "harness/base/parse.h"
#include "harness/command/command.h"
#include "harness/command/fit_engine.h"
#include "harness/command/fit_learn.h"
#include "harness/command/fit_others.h"
#include "harness/estimate/known.h"
#include "harness/run/schedule.h"
#include "harness/run/suites.h"
#include "models/catalogue/devices.h"
#include "models/catalogue/file_recipe.h"
#include "models/catalogue/model_file.h"
#include "models/families/family.h"
#include "probes/machine.h"
#include "reports/fitness/fit.h"
#include "reports/fitness/fit_file.h"

static char *task, *mode, *dtype, *context, *batch, *optimizer, *min_throughput, *max_latency, *memory, *reserve,
    *threads, *kv_dtype, *other_machine, *engine;
static int checkpointing, quick, no_calibrate, every_row;

static struct poptOption options[] = {
    {"task", 0, POPT_ARG_STRING, &task, 0, "only models for this: nlp, vision, speech, recsys, sequence, tabular",
     "TASK"},
    {"mode", 0, POPT_ARG_STRING, &mode, 0, "only this: forward, train, prefill, decode or distill", "MODE"},
    {"dtype", 0, POPT_ARG_STRING, &dtype, 0, "only these, with commas: f32, bf16, q8_0, q4_K_M, ...", "D,..."},
    {"kv-dtype", 0, POPT_ARG_STRING, &kv_dtype, 0, "of the cache: f32, bf16, f16 or q8_0", "D"},
    {"context", 0, POPT_ARG_STRING, &context, 0, "positions of a sequence", "N"},
    {"batch", 0, POPT_ARG_STRING, &batch, 0, "sequences, images or rows at once", "N"},
    {"optimizer", 0, POPT_ARG_STRING, &optimizer, 0, "for training: sgd, momentum, rmsprop, adam, adamw", "NAME"},
    {"checkpointing", 0, POPT_ARG_NONE, &checkpointing, 0, "train with gradient checkpointing", NULL},
    {"min-throughput", 0, POPT_ARG_STRING, &min_throughput, 0, "tokens, images or samples a second at the least", "X"},
    {"max-latency", 0, POPT_ARG_STRING, &max_latency, 0, "that a step may take at the most", "DURATION"},
    {"memory", 0, POPT_ARG_STRING, &memory, 0, "as if this much were available", "SIZE"},
    {"reserve", 0, POPT_ARG_STRING, &reserve, 0, "to leave for other programs", "SIZE"},
    {"threads", 0, POPT_ARG_STRING, &threads, 0, "threads to compute with (all CPUs that may be used)", "N"},
    {"machine", 0, POPT_ARG_STRING, &other_machine, 0,
     "another machine: its `probe --json`, a device by its data sheet (`list devices`), catalogue for all devices, or "
     "with --engine one whose results are in the store",
     "FILE|DEVICE"},
    {"engine", 0, POPT_ARG_STRING, &engine, 0,
     "whose speed: native, or one whose results from this machine were imported (llama.cpp)", "NAME"},
    {"all", 0, POPT_ARG_NONE, &every_row, 0, "show every row of a long table", NULL},
    {"quick", 0, POPT_ARG_NONE, &quick, 0, "calibrate in half the time, for wider intervals", NULL},
    {"no-calibrate", 0, POPT_ARG_NONE, &no_calibrate, 0, "measure nothing, even on a machine that isn't known", NULL},
    POPT_TABLEEND,
};

/* ---- what is asked ---- */

enum { MOST_FILES = 64 };
static struct fit_file files[MOST_FILES];
static size_t file_count;

static bool read_models(const struct invocation *invocation, struct error *error)
{
    size_t names_count = 0;
    for (size_t i = 0; i < invocation->argument_count; i++) {
        if (family_find_size(invocation->arguments[i], NULL)) {
            names_count++;
            continue;
        }
        if (model_file_is_meant(invocation->arguments[i])) {
            if (!fit_file_open(invocation->arguments[i], &files[file_count], error))
                return false;
            file_count++;
            continue;
        }
        char nearest[160];
        family_nearest_sizes(NULL, invocation->arguments[i], nearest, sizeof nearest);
        return error_set(error, ERROR_INPUT, "no model is called '%s'; the nearest are %s", invocation->arguments[i],
                         nearest);
    }
    return !names_count || !file_count ||
           error_set(error, ERROR_INPUT, "models by name and files are asked about one kind at a time");
}

static bool read_task(struct fit_demands *demands, struct error *error)
{
    demands->task = task;
    for (size_t f = 0; task && families[f]; f++)
        if (strcasecmp(task, families[f]->task) == 0)
            return true;
    return !task ||
           error_set(error, ERROR_INPUT,
                     "--task: no model here is for '%s'; nlp, vision, speech, recsys, sequence or tabular", task);
}

static bool read_mode(struct fit_demands *demands, struct error *error)
{
    for (int i = 0; mode && i < MODE_COUNT; i++)
        if (strcasecmp(mode, mode_name((enum mode)i)) == 0)
            demands->modes = 1u << i;
    unsigned offered = 0;
    for (size_t f = 0; families[f]; f++)
        offered |= families[f]->modes;
    if (!mode || demands->modes & offered)
        return true;
    return error_set(error, ERROR_INPUT, "--mode: '%s' is not forward, train, prefill or decode", mode);
}

static bool read_dtypes(struct fit_demands *demands, struct error *error)
{
    for (const char *at = dtype; at && *at;) {
        char word[16] = "";
        size_t length = strcspn(at, ",");
        struct model_case one;
        memcpy(word, at, length < sizeof word - 1 ? length : sizeof word - 1);
        bool runs = case_set_dtype(&one, word);
        const char *name = runs ? case_dtype_name(&one) : file_recipe_name(word);
        if (!name)
            return error_set(error, ERROR_INPUT, "--dtype: '%.*s' is none of %s, nor a recipe of GGUF files: %s",
                             (int)length, at, case_dtype_names(), FILE_RECIPE_NAMES);
        if (demands->dtype_count == FIT_DTYPES)
            return error_set(error, ERROR_INPUT, "--dtype: more than %d of them", FIT_DTYPES);
        demands->dtypes[demands->dtype_count++] = name;
        at += length + (at[length] == ',');
    }
    return !dtype || demands->dtype_count ||
           error_set(error, ERROR_INPUT, "--dtype: names none of %s", case_dtype_names());
}

static bool read_kv_dtype(struct fit_demands *demands, struct error *error)
{
    enum dtype type;
    demands->kv_dtype = -1;
    if (!kv_dtype)
        return true;
    if (!dtype_parse(kv_dtype, &type) ||
        (type != DTYPE_F32 && type != DTYPE_BF16 && type != DTYPE_F16 && type != DTYPE_Q8_0))
        return error_set(error, ERROR_INPUT, "--kv-dtype: '%s' is no type of a cache; f32, bf16, f16 and q8_0 are",
                         kv_dtype);
    demands->kv_dtype = (int)type;
    return true;
}

static bool read_optimizer(struct fit_demands *demands, struct error *error)
{
    demands->optimizer = -1;
    for (int i = 0; optimizer && i < OPTIMIZER_COUNT; i++)
        if (strcasecmp(optimizer, optimizer_name((enum optimizer_kind)i)) == 0)
            demands->optimizer = i;
    return !optimizer || demands->optimizer >= 0 ||
           error_set(error, ERROR_INPUT, "--optimizer: '%s' is not sgd, momentum, rmsprop, adam or adamw", optimizer);
}

static bool is_catalogue(void)
{
    return other_machine && strcasecmp(other_machine, "catalogue") == 0;
}

/* What only the document has, all rows' most batches and contexts, needn't be found for the other formats. */
static bool is_format(const struct invocation *invocation, const char *name)
{
    return invocation->format && strcmp(invocation->format, name) == 0;
}

static bool read_demands(const struct invocation *invocation, struct fit_demands *demands, struct error *error)
{
    uint64_t value = 0;
    *demands = (struct fit_demands){.models = invocation->arguments,
                                    .checkpointing = checkpointing,
                                    .every_row = every_row || is_format(invocation, "csv"),
                                    .shown_only = !is_format(invocation, "json")};
    demands->shown_only &= !demands->every_row && !is_catalogue();
    if (!read_models(invocation, error) || !read_task(demands, error) || !read_mode(demands, error) ||
        !read_dtypes(demands, error) || !read_kv_dtype(demands, error) || !read_optimizer(demands, error))
        return false;
    if (context && !parse_count(context, "--context", 1, 1 << 24, &value, error))
        return false;
    demands->context = context ? (int64_t)value : 0;
    if (batch && !parse_count(batch, "--batch", 1, 1 << 20, &value, error))
        return false;
    demands->batch = batch ? (int64_t)value : 0;
    if (threads && !parse_count(threads, "--threads", 1, 4096, &value, error))
        return false;
    demands->threads = threads ? (int)value : 0;
    if (fit_engine_is_other(engine) && !demands->modes)
        demands->modes = FIT_ENGINE_MODES;
    return (!min_throughput ||
            parse_number(min_throughput, "--min-throughput", 1e-9, INFINITY, &demands->min_throughput, error)) &&
           (!max_latency || parse_duration(max_latency, "--max-latency", &demands->max_latency_s, error));
}

/* ---- the machine ---- */

/* What may be held: what is free now, within every limit; or what --memory says; less the reserve. */
static bool judge_room(uint64_t available, struct fit_machine *room, struct error *error)
{
    uint64_t kept = 0, given = 0;
    if ((memory && !parse_size(memory, "--memory", &given, error)) ||
        (reserve && !parse_size(reserve, "--reserve", &kept, error)))
        return false;
    if (memory)
        available = given;
    else if (!available)
        return error_set(error, ERROR_SYSTEM,
                         "how much memory is available can't be told here; --memory 8GiB says how much to count on");
    room->available_bytes = available > kept ? available - kept : 0;
    return true;
}

static uint64_t available_bytes(const struct machine *machine)
{
    uint64_t available =
        machine->memory.available_known ? machine->memory.available_bytes : machine->memory.limit_bytes;
    if (!available && machine->foreign && machine->memory.total_known)
        available = machine->memory.total_bytes;
    return machine->memory.limit_bytes && machine->memory.limit_bytes < available ? machine->memory.limit_bytes
                                                                                  : available;
}

/* How far free memory moves by itself between two looks, a moment apart: nothing when --memory was given. */
static uint64_t drift_bytes(const struct machine *first)
{
    struct machine second;
    if (memory || first->foreign || !first->memory.available_known || !machine_probe(&second, NULL, NULL))
        return 0;
    uint64_t a = first->memory.available_bytes, b = second.memory.available_bytes;
    machine_free(&second);
    return a > b ? a - b : b - a;
}

static int stopped_by;

/* ---- other machines ---- */

/* The device of --machine, or NULL where that names a file or the catalogue. */
static const struct device *asked_device(void)
{
    return other_machine ? device_find(other_machine) : NULL;
}

static bool read_machine_file(struct machine *machine, struct error *error)
{
    enum { LIMIT = 4 << 20 };
    if (!model_file_is_meant(other_machine)) {
        char nearest[200];
        device_nearest(other_machine, nearest, sizeof nearest);
        return error_set(error, ERROR_INPUT,
                         "--machine: '%s' is neither a file, 'catalogue' nor a device; the nearest are %s",
                         other_machine, nearest);
    }
    char *text = text_read_file(other_machine, LIMIT);
    if (!text)
        return error_set(error, ERROR_INPUT, "--machine: %s can't be read, or isn't a file of at most 4 MiB",
                         other_machine);
    json_t *document = json_parse(text, strlen(text), other_machine, error);
    bool right = document && machine_from_json(machine, document, error);
    if (document && !right)
        error_prefix(error, "--machine: %s", other_machine);
    json_decref(document);
    free(text);
    return right;
}

static bool describe_device(const struct device *device, struct fit_limits *limits, struct fit_machine *room,
                            struct error *error)
{
    *limits = limits_of_device(device);
    *room = (struct fit_machine){.name = device->name,
                                 .cpu = device->name,
                                 .runtime_bytes = worker_idle_bytes(1),
                                 .limits = limits,
                                 .read_gbs = NAN};
    return judge_room((uint64_t)(device->memory_gib * (double)(1ull << 30)), room, error);
}

/* ---- the command ---- */

static bool make_rows(const struct fit_demands *demands, const struct fit_machine *room, struct fit *fit,
                      struct error *error)
{
    *fit = (struct fit){.asks = demands->min_throughput > 0 || demands->max_latency_s > 0};
    bool right = true;
    if (is_catalogue()) {
        for (size_t i = 0; right && i < device_count; i++) {
            struct fit_limits limits;
            struct fit_machine device;
            right =
                describe_device(&devices[i], &limits, &device, error) && fit_add_machine(fit, demands, &device, error);
        }
    } else if (!file_count) {
        return fit_make(demands, room, fit, error);
    }
    for (size_t i = 0; right && i < file_count; i++)
        right = fit_file_add(fit, &files[i], demands, room, error);
    if (right)
        fit_conclude(fit, demands, room);
    else
        fit_free(fit);
    return right;
}

/* Takes the rows and the document over. */
static int tell(const struct invocation *invocation, const struct fit_demands *demands, const struct fit_machine *room,
                struct fit *fit, json_t *machine_document, struct error *error)
{
    bool fits = fit->answer < fit->row_count;
    int code = fit->row_count ? command_write(invocation, fit_report(fit, demands, room, machine_document), error)
                              : (int)ERROR_INPUT;
    if (!fit->row_count) {
        json_decref(machine_document);
        error_set(error, ERROR_INPUT,
                  "no model has that mode, dtype and context together; `benchmark list models` shows all");
    }
    fit_free(fit);
    return code ? code : fits ? 0 : 1;
}

/* Takes the document over. */
static int answer(const struct invocation *invocation, const struct fit_demands *demands,
                  const struct fit_machine *room, json_t *machine_document, struct error *error)
{
    struct fit fit;
    if (make_rows(demands, room, &fit, error))
        return tell(invocation, demands, room, &fit, machine_document, error);
    json_decref(machine_document);
    return (int)error->kind;
}

static bool decodes(const char *model)
{
    const struct family *family;
    return family_find_size(model, &family) && family->modes >> MODE_DECODE & 1;
}

/* By data sheets: a device, or all of them. */
static int answer_devices(const struct invocation *invocation, struct fit_demands *demands, struct error *error)
{
    struct fit_limits limits;
    struct fit_machine room = {.name = "catalogue", .cpu = ""};
    struct engine_profile *profile = NULL;
    if (is_catalogue() && (!demands->models || !demands->models[0] || file_count)) {
        error_set(error, ERROR_INPUT, "--machine catalogue takes the name of a model: which hardware runs it");
        return (int)error->kind;
    }
    if (is_catalogue() && !demands->modes)
        demands->modes = 1u << (decodes(demands->models[0]) ? MODE_DECODE : MODE_FORWARD);
    if (!is_catalogue() && (!describe_device(asked_device(), &limits, &room, error) ||
                            !fit_engine_learn(invocation->database, engine, room.name, NAN, &room, &profile, error)))
        return (int)error->kind;
    room.engine_threads = threads ? demands->threads : 0;
    json_t *document = json_object();
    json_put_string(document, "name", room.name);
    json_put_string(document, "basis", profile ? "results of its own" : "data sheet");
    int code = answer(invocation, demands, &room, document, error);
    engine_profile_free(profile);
    return code;
}

/* One that has no data sheet and no probe here, but results of the engine that is asked about. */
static int answer_known(const struct invocation *invocation, const struct fit_demands *demands,
                        const struct engine_machine *known, struct error *error)
{
    struct fit_machine room = {.name = known->name,
                               .cpu = known->name,
                               .runtime_bytes = worker_idle_bytes(1),
                               .read_gbs = NAN,
                               .engine_threads = threads ? demands->threads : 0};
    struct engine_profile *profile = NULL;
    if (!known->memory_bytes && !memory)
        error_set(error, ERROR_INPUT,
                  "--machine: results of %s don't say how much memory it has; --memory 16GiB says what to count on",
                  known->name);
    if ((!known->memory_bytes && !memory) || !judge_room(known->memory_bytes, &room, error) ||
        !fit_engine_learn(invocation->database, engine, known->name, NAN, &room, &profile, error))
        return (int)error->kind;
    json_t *document = json_object();
    json_put_string(document, "name", room.name);
    json_put_string(document, "basis", "results of its own");
    int code = answer(invocation, demands, &room, document, error);
    engine_profile_free(profile);
    return code;
}

/* What was tried on the machine, by the latest of its runs that measured its limits. */
static const json_t *tried_document(const struct known *known)
{
    for (size_t i = 0; i < known->run_count; i++)
        if (json_is_number(json_object_get(json_object_get(known->runs[i].machine, "ceilings"), "read_gbs")))
            return known->runs[i].machine;
    return NULL;
}

/* For a foreign machine of which only limits are known: what the others' ops reach of theirs. */
static bool learn_others(const struct invocation *invocation, const struct machine *machine, const struct known *known,
                         const struct fit_limits *limits, struct others *others, struct error *error)
{
    return !machine->foreign || known->estimator || !limits_known(limits) ||
           others_load(invocation->database, limits, others, error);
}

/* What there is of this machine while the answer is made up. */
struct here {
    const struct invocation *invocation;
    const struct fit_demands *demands;
    const struct machine *machine;
    struct fit_question question;
    struct fit_limits limits;
    struct known known;
    struct others others;
    struct fit_tuning tuning;
    struct engine_profile *profile;
    struct fit_machine room;
};

/* What is known becomes what the rows go by; once more when more is known. */
static bool take_known(struct here *here, struct error *error)
{
    struct fit_machine *room = &here->room;
    const struct known *known = &here->known;
    room->records = known->records;
    room->record_count = known->record_count;
    room->estimator = known->estimator;
    room->limits = here->machine->foreign && !known->estimator ? &here->limits : NULL;
    room->transfer = here->others.transfer.source_count ? &here->others.transfer : NULL;
    room->read_gbs = known->limits.read_gbs;
    const json_t *tried = tried_document(known);
    here->tuning = fit_tuning_of(tried, here->demands->threads);
    room->tuning = tried ? &here->tuning : NULL;
    room->engine_threads = threads ? here->demands->threads : 0;
    engine_profile_free(here->profile);
    here->profile = NULL;
    return fit_engine_learn(here->invocation->database, engine, room->cpu, known->limits.peak_f32_gflops, room,
                            &here->profile, error);
}

/* The rows; of those that are told first the samples are measured where they lack, and then all rows made anew. */
static bool make_rows_here(struct here *here, struct fit *fit, struct error *error)
{
    bool learned = false;
    if (!make_rows(here->demands, &here->room, fit, error))
        return false;
    if (fit_learn_told(here->invocation, &here->question, here->machine, fit, &here->known, &learned, &stopped_by,
                       error)) {
        if (!learned)
            return true;
        fit_free(fit);
        return take_known(here, error) && make_rows(here->demands, &here->room, fit, error);
    }
    fit_free(fit);
    return false;
}

static int answer_here(struct here *here, struct error *error)
{
    const struct machine *machine = here->machine;
    struct fit fit;
    if (!judge_room(available_bytes(machine), &here->room, error) ||
        !fit_learn(here->invocation, &here->question, machine, &here->known, &stopped_by, error) ||
        !learn_others(here->invocation, machine, &here->known, &here->limits, &here->others, error))
        return (int)error->kind;
    here->room.drift_bytes = drift_bytes(machine);
    if (!take_known(here, error) || !make_rows_here(here, &fit, error))
        return (int)error->kind;
    return tell(here->invocation, here->demands, &here->room, &fit, machine_to_json(machine), error);
}

static int answer_machine(const struct invocation *invocation, struct fit_demands *demands,
                          const struct machine *machine, struct error *error)
{
    if (!demands->threads)
        demands->threads = machine->cpu.usable_threads > 0 ? machine->cpu.usable_threads : 1;
    struct here here = {.invocation = invocation,
                        .demands = demands,
                        .machine = machine,
                        .question = {.demands = demands,
                                     .files = files,
                                     .file_count = file_count,
                                     .engine = engine,
                                     .memory_bytes = available_bytes(machine),
                                     .quick = quick,
                                     .measures = !no_calibrate && !machine->foreign},
                        .limits = limits_of_machine(machine),
                        .room = {.name = machine->name,
                                 .cpu = machine->cpu.model[0] ? machine->cpu.model : "an unknown processor",
                                 .runtime_bytes = worker_idle_bytes((size_t)demands->threads),
                                 .read_gbs = NAN}};
    int code = answer_here(&here, error);
    engine_profile_free(here.profile);
    others_free(&here.others);
    known_free(&here.known);
    return stopped_by ? 128 + stopped_by : code;
}

static int run_fit(const struct invocation *invocation, struct error *error)
{
    struct fit_demands demands;
    struct machine machine;
    bool sheets = is_catalogue() || asked_device();
    struct engine_machine theirs = {0};
    if (!read_demands(invocation, &demands, error) ||
        (fit_engine_is_other(engine) && other_machine && !sheets && !model_file_is_meant(other_machine) &&
         !engine_known_machine(invocation->database, engine, other_machine, &theirs, error)))
        return (int)error->kind;
    if (*theirs.nearest) {
        error_set(error, ERROR_INPUT,
                  "--machine: '%s' is no file, no device and no machine with results of %s; these have: %s",
                  other_machine, engine, theirs.nearest);
        return (int)error->kind;
    }
    sheets |= theirs.known;
    if (!(other_machine && !sheets ? read_machine_file(&machine, error) : machine_probe(&machine, NULL, error)))
        return (int)error->kind;
    machine.foreign |= other_machine && !sheets;
    if (sheets && !demands.threads)
        demands.threads = machine.cpu.usable_threads > 0 ? machine.cpu.usable_threads : 1;
    int code = theirs.known ? answer_known(invocation, &demands, &theirs, error)
               : sheets     ? answer_devices(invocation, &demands, error)
                            : answer_machine(invocation, &demands, &machine, error);
    machine_free(&machine);
    for (size_t i = 0; i < file_count; i++)
        fit_file_close(&files[i]);
    return code;
}

const struct command command_fit = {
    .name = "fit",
    .arguments = "[MODEL|FILE]...",
    .help = "which model sizes fit this machine, and how fast they will be",
    .details =
        "Memory is planned to the byte. Speed is what was measured on this machine, or else an estimate from the "
        "time that each op took in the cases that were measured, with a 90 % interval. On a machine that isn't "
        "known yet half a minute of measuring comes first (--no-calibrate: not).\n\n"
        "With demands (--min-throughput, --max-latency) what meets them comes first. --machine asks about another "
        "machine and never measures: by its own probe, or by a data sheet, with the wide interval that this has.\n\n"
        "Exit codes: 0 something fits (and meets the demands); 1 nothing does.",
    .options = options,
    .most_arguments = 64,
    .run = run_fit,
};
