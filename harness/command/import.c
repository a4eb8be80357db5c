/* `benchmark import`: puts runs from files into the store, each once. A kind of file is one function that reads it and
 * one line in the table. All files are read, and refused, before anything is written. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "harness/command/command.h"
#include "harness/store/document.h"
#include "harness/store/llama_bench_run.h"
#include "harness/store/store.h"

static char *from, *engine, *machine_name;

/* A run, and the file that it came from: the invocation's. */
struct imported {
    struct run run;
    const char *path;
};

struct import_list {
    struct imported *items; /* owned */
    size_t count;
};

/* Takes the run over. */
static bool add_run(struct import_list *list, struct run *run, const char *path, struct error *error)
{
    struct imported *more = realloc(list->items, (list->count + 1) * sizeof *more);
    if (!more) {
        run_free(run);
        return error_set(error, ERROR_SYSTEM, "not enough memory to import");
    }
    list->items = more;
    more[list->count++] = (struct imported){*run, path};
    return true;
}

/* A kind: whether the text looks like it, where --from doesn't say, and its runs. `name` opens errors. */
struct import_kind {
    const char *name, *help;
    bool (*looks)(const char *text);
    bool (*read)(const char *text, const char *name, const char *path, struct import_list *list, struct error *error);
};

static bool looks_like_document(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '{';
}

static bool read_document(const char *text, const char *name, const char *path, struct import_list *list,
                          struct error *error)
{
    struct run run;
    json_t *document = json_parse(text, strlen(text), name, error);
    bool right = document && run_from_json(&run, document, name, error);
    json_decref(document);
    return right && add_run(list, &run, path, error);
}

static bool read_bench(const char *text, const char *name, const char *path, struct import_list *list,
                       struct error *error)
{
    struct bench_rows rows;
    struct run *runs;
    size_t count, taken = 0;
    if (!bench_read(text, name, &rows, error))
        return false;
    bool right = bench_runs(&rows, name, machine_name, &runs, &count, error);
    bench_rows_free(&rows);
    if (!right)
        return false;
    while (right && taken < count)
        right = add_run(list, &runs[taken++], path, error);
    while (taken < count)
        run_free(&runs[taken++]);
    free(runs);
    return right;
}

static const struct import_kind kinds[] = {
    {"llama-bench", "what llama.cpp's llama-bench prints: json, jsonl, csv, md or sql", bench_looks_like, read_bench},
    {"benchmark", "this program's own runs, as `benchmark export` and `run --json` write them", looks_like_document,
     read_document},
};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

static bool find_kind(const char *name, const struct import_kind **kind, struct error *error)
{
    const char *names[KIND_COUNT];
    *kind = NULL;
    for (size_t i = 0; name && i < KIND_COUNT; i++) {
        if (!strcmp(kinds[i].name, name)) {
            *kind = &kinds[i];
            return true;
        }
        names[i] = kinds[i].name;
    }
    if (!name)
        return true;
    char near[160];
    nearest_names(name, names, KIND_COUNT, 3, near, sizeof near);
    return error_set(error, ERROR_INPUT, "--from: '%s' can't be imported; these can: %s", name, near);
}

/* One file, by the kind that --from names or else the first that it looks like. */
static bool read_file(const char *path, const struct import_kind *kind, struct import_list *list, struct error *error)
{
    static const size_t most_bytes = 256u << 20;
    const char *name = strcmp(path, "-") ? path : "standard input";
    errno = 0;
    char *text = text_read_file(strcmp(path, "-") ? path : "/dev/stdin", most_bytes);
    if (!text)
        return error_set(error, ERROR_INPUT, "%s: %s", name, errno ? strerror(errno) : "larger than 256 MiB");
    for (size_t i = 0; !kind && i < KIND_COUNT; i++)
        if (kinds[i].looks(text))
            kind = &kinds[i];
    bool right = kind ? kind->read(text, name, path, list, error)
                      : error_set(error, ERROR_INPUT,
                                  "%s: line 1: neither a run of this program nor output of llama-bench (json, jsonl, "
                                  "csv, md, sql)",
                                  name);
    free(text);
    return right;
}

static bool read_all(const struct invocation *invocation, struct import_list *list, struct error *error)
{
    const struct import_kind *kind;
    if (!find_kind(from, &kind, error))
        return false;
    for (size_t i = 0; i < invocation->argument_count; i++)
        if (!read_file(invocation->arguments[i], kind, list, error))
            return false;
    for (size_t i = 0; engine && i < list->count; i++)
        if (!list->items[i].run.engine)
            list->items[i].run.engine = strdup(engine);
    return true;
}

static const struct column columns[] = {{"run", "Run", false, 0},
                                        {"file", "File", false, 1},
                                        {"machine", "Machine", false, 2},
                                        {"cases", "Cases", true, 0},
                                        {"added", "Added", false, 0}};

static void report_one(struct table *table, json_t *items, const char *path, const struct run *run, bool added)
{
    struct cell *row = table_row(table);
    cell_text(&row[0], TONE_PLAIN, "%s", run->id);
    cell_text(&row[1], TONE_PLAIN, "%s", path);
    cell_text(&row[2], TONE_PLAIN, "%s", run_machine_name(run));
    cell_number(&row[3], (double)run->record_count, "%zu", run->record_count);
    cell_text(&row[4], added ? TONE_GOOD : TONE_FAINT, added ? "yes" : "no: it is there already");
    json_t *item = json_object();
    json_put_string(item, "run", run->id);
    json_put_string(item, "file", path);
    json_put_bool(item, "added", added);
    json_array_append_new(items, item);
}

static int write_all(const struct invocation *invocation, const struct import_list *list, struct error *error)
{
    struct store *store = store_open(invocation->database, STORE_WRITE, error);
    struct report *report = store ? report_create("Imported runs") : NULL;
    if (!report) {
        store_close(store);
        return store ? (error_set(error, ERROR_SYSTEM, "not enough memory to report"), ERROR_SYSTEM) : (int)error->kind;
    }
    json_t *items = json_array();
    json_put_string(report->document, "schema", "benchmark.import/1");
    json_put(report->document, "runs", items);
    struct table *table = report_table(report, NULL, columns, sizeof columns / sizeof *columns);
    bool right = true;
    for (size_t i = 0; right && i < list->count; i++) {
        bool added = false;
        right = store_import_run(store, &list->items[i].run, &added, error);
        if (right)
            report_one(table, items, list->items[i].path, &list->items[i].run, added);
    }
    store_close(store);
    if (right)
        return command_write(invocation, report, error);
    report_free(report);
    return (int)error->kind;
}

static int run_import(const struct invocation *invocation, struct error *error)
{
    struct import_list list = {0};
    int code = read_all(invocation, &list, error) ? write_all(invocation, &list, error) : (int)error->kind;
    for (size_t i = 0; i < list.count; i++)
        run_free(&list.items[i].run);
    free(list.items);
    return code;
}

static struct poptOption options[] = {
    {"from", 0, POPT_ARG_STRING, &from, 0, "what wrote the files, where they shouldn't be judged by what they hold",
     "benchmark|llama-bench"},
    {"engine", 0, POPT_ARG_STRING, &engine, 0, "the engine that was measured, where the file doesn't say", "NAME"},
    {"machine", 0, POPT_ARG_STRING, &machine_name, 0, "the measured machine's name, for llama-bench's results", "NAME"},
    POPT_TABLEEND,
};

const struct command command_import = {
    .name = "import",
    .arguments = "FILE...",
    .help = "take runs from files into the store",
    .details =
        "A run keeps its id; one that is in the store already is left as it is. - reads standard input.\n\n"
        "Files are runs of this program, or what llama.cpp's llama-bench printed (json, jsonl, csv, md, sql): its "
        "results become cases of the engine llama.cpp, a run for each machine that they were measured on.",
    .options = options,
    .least_arguments = 1,
    .most_arguments = 10000,
    .run = run_import,
};
