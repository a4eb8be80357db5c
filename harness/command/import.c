/* `benchmark import`: puts runs from files into the store, each once. A kind of file is one function that reads it and
 * one line in the table. All files are read, and refused, before anything is written. */
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "harness/command/command.h"
#include "harness/store/document.h"
#include "harness/store/store.h"

static char *from, *engine;

struct import_kind {
    const char *name, *help;
    bool (*read)(struct run *run, const char *path, struct error *error);
};

static const struct import_kind kinds[] = {
    {"benchmark", "this program's own runs, as `benchmark export` and `run --json` write them", run_read_file},
};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

static const struct import_kind *find_kind(const char *name, struct error *error)
{
    const char *names[KIND_COUNT];
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
        names[i] = kinds[i].name;
    }
    char near[160];
    nearest_names(name, names, KIND_COUNT, 3, near, sizeof near);
    error_set(error, ERROR_INPUT, "--from: '%s' can't be imported; these can: %s", name, near);
    return NULL;
}

static bool read_all(const struct invocation *invocation, const struct import_kind *kind, struct run *runs,
                     struct error *error)
{
    for (size_t i = 0; i < invocation->argument_count; i++) {
        if (!kind->read(&runs[i], invocation->arguments[i], error))
            return false;
        if (engine && !runs[i].engine)
            runs[i].engine = strdup(engine);
    }
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

static int write_all(const struct invocation *invocation, const struct run *runs, struct error *error)
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
    for (size_t i = 0; right && i < invocation->argument_count; i++) {
        bool added = false;
        right = store_import_run(store, &runs[i], &added, error);
        if (right)
            report_one(table, items, invocation->arguments[i], &runs[i], added);
    }
    store_close(store);
    if (right)
        return command_write(invocation, report, error);
    report_free(report);
    return (int)error->kind;
}

static int run_import(const struct invocation *invocation, struct error *error)
{
    const struct import_kind *kind = find_kind(from ? from : "benchmark", error);
    struct run *runs = calloc(invocation->argument_count + 1, sizeof *runs);
    int code = ERROR_SYSTEM;
    if (!runs)
        error_set(error, ERROR_SYSTEM, "not enough memory to import");
    else if (!kind || !read_all(invocation, kind, runs, error))
        code = (int)error->kind;
    else
        code = write_all(invocation, runs, error);
    for (size_t i = 0; runs && i < invocation->argument_count; i++)
        run_free(&runs[i]);
    free(runs);
    return code;
}

static struct poptOption options[] = {
    {"from", 0, POPT_ARG_STRING, &from, 0, "what wrote the files (benchmark, when left out)", "benchmark"},
    {"engine", 0, POPT_ARG_STRING, &engine, 0, "the engine that was measured, where the file doesn't say", "NAME"},
    POPT_TABLEEND,
};

const struct command command_import = {
    .name = "import",
    .arguments = "FILE...",
    .help = "take runs from files into the store",
    .details = "A run keeps its id; one that is in the store already is left as it is. - reads standard input.",
    .options = options,
    .least_arguments = 1,
    .most_arguments = 10000,
    .run = run_import,
};
