/* `benchmark import`: puts runs from files and folders into the store, each once. A kind of file is one function that
 * reads it and one line in the table. All files are read, and refused, before anything is written; of many only a few
 * are held at a time, and each is read again when its turn comes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "harness/command/command.h"
#include "harness/command/import_folder.h"
#include "harness/store/document.h"
#include "harness/store/llama_bench_run.h"
#include "harness/store/store.h"

static char *from, *engine, *machine_name;
static int skip_bad;

/* A run, and the file that it came from: the list's owner's. */
struct imported {
    struct run run;
    const char *path;
};

struct import_list {
    struct imported *items; /* owned */
    size_t count;
};

static void empty(struct import_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        run_free(&list->items[i].run);
    free(list->items);
    *list = (struct import_list){0};
}

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

/* The runs of one file, appended. */
static bool read_runs(const char *path, const struct import_kind *kind, struct import_list *list, struct error *error)
{
    size_t first = list->count;
    if (!read_file(path, kind, list, error)) {
        while (list->count > first)
            run_free(&list->items[--list->count].run);
        return false;
    }
    for (size_t i = first; engine && i < list->count; i++)
        if (!list->items[i].run.engine)
            list->items[i].run.engine = strdup(engine);
    return true;
}

static bool find_files(const struct invocation *invocation, struct path_list *files, struct error *error)
{
    for (size_t i = 0; i < invocation->argument_count; i++) {
        const char *path = invocation->arguments[i];
        if (!(import_is_folder(path) ? import_folder(path, files, error) : path_list_add(files, path, error)))
            return false;
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

static void report_refused(struct report *report, json_t *refused, const char *path, const struct error *why)
{
    report_sentence(report, TONE_BAD, "Refused: %s", why->message);
    json_t *item = json_object();
    json_put_string(item, "file", path);
    json_put_string(item, "why", why->message);
    json_array_append_new(refused, item);
}

/* What is being imported: `held` has the runs of all files, unless there are too many. */
struct import {
    const struct import_kind *kind;
    struct path_list files;
    bool *bad; /* [files]; owned */
    struct import_list held;
    bool all_held;
    struct report *report; /* refused files are told in it */
    json_t *refused, *runs;
    size_t added, there;
};

/* Reads every file once: what can't be imported is the error, or with --skip-bad told and passed over. */
static bool read_all(struct import *import, struct error *error)
{
    enum { MOST_HELD = 64 };
    import->all_held = import->files.count <= MOST_HELD;
    import->bad = calloc(import->files.count + 1, sizeof *import->bad);
    if (!import->bad)
        return error_set(error, ERROR_SYSTEM, "not enough memory to import");
    for (size_t i = 0; i < import->files.count; i++) {
        const char *path = import->files.paths[i];
        if (!strcmp(path, "-") && !import->all_held)
            return error_set(error, ERROR_INPUT, "- (standard input) is imported by itself or with at most %d files",
                             MOST_HELD - 1);
        struct error why = {0};
        import->bad[i] = !read_runs(path, import->kind, &import->held, &why);
        if (import->bad[i] && skip_bad && why.kind == ERROR_INPUT)
            report_refused(import->report, import->refused, path, &why);
        else if (import->bad[i]) {
            *error = why;
            return false;
        }
        if (!import->all_held)
            empty(&import->held);
    }
    return true;
}

static bool write_runs(struct import *import, struct store *store, struct table *table, struct error *error)
{
    bool right = true;
    for (size_t i = 0; right && i < import->held.count; i++) {
        bool added = false;
        struct imported *one = &import->held.items[i];
        right = store_import_run(store, &one->run, &added, error);
        if (!right)
            break;
        *(added ? &import->added : &import->there) += 1;
        report_one(table, import->runs, one->path, &one->run, added);
    }
    empty(&import->held);
    return right;
}

static bool write_all(struct import *import, const char *database, struct error *error)
{
    struct store *store = store_open(database, STORE_WRITE, error);
    struct table *table = report_table(import->report, NULL, columns, sizeof columns / sizeof *columns);
    bool right = store;
    if (right && import->all_held)
        right = write_runs(import, store, table, error);
    for (size_t i = 0; right && !import->all_held && i < import->files.count; i++)
        right = import->bad[i] || (read_runs(import->files.paths[i], import->kind, &import->held, error) &&
                                   write_runs(import, store, table, error));
    store_close(store);
    return right;
}

static bool import_all(const struct invocation *invocation, struct import *import, struct error *error)
{
    import->report = report_create("Imported runs");
    if (!import->report)
        return error_set(error, ERROR_SYSTEM, "not enough memory to import");
    import->runs = json_array();
    import->refused = json_array();
    json_put_string(import->report->document, "schema", "benchmark.import/1");
    json_put(import->report->document, "runs", import->runs);
    json_put(import->report->document, "refused", import->refused);
    return find_kind(from, &import->kind, error) && find_files(invocation, &import->files, error) &&
           read_all(import, error) && write_all(import, invocation->database, error);
}

static int run_import(const struct invocation *invocation, struct error *error)
{
    struct import import = {0};
    bool right = import_all(invocation, &import, error);
    size_t refused = json_array_size(import.refused);
    if (right) {
        if (import.files.count > 1)
            report_answer(import.report, refused ? TONE_WARNING : TONE_GOOD,
                          "%zu runs were added, %zu were there already, and %zu files were refused.", import.added,
                          import.there, refused);
        right = command_write(invocation, import.report, error) == 0;
    } else {
        report_free(import.report);
    }
    empty(&import.held);
    path_list_free(&import.files);
    free(import.bad);
    return !right ? (int)error->kind : refused ? ERROR_INPUT : 0;
}

static struct poptOption options[] = {
    {"from", 0, POPT_ARG_STRING, &from, 0, "what wrote the files, where they shouldn't be judged by what they hold",
     "benchmark|llama-bench"},
    {"engine", 0, POPT_ARG_STRING, &engine, 0, "the engine that was measured, where the file doesn't say", "NAME"},
    {"machine", 0, POPT_ARG_STRING, &machine_name, 0, "the measured machine's name, for llama-bench's results", "NAME"},
    {"skip-bad", 0, POPT_ARG_NONE, &skip_bad, 0,
     "take the others where some files can't be imported; the exit code is 2 nevertheless", NULL},
    POPT_TABLEEND,
};

const struct command command_import = {
    .name = "import",
    .arguments = "FILE|FOLDER...",
    .help = "take runs from files or folders into the store",
    .details =
        "A run keeps its id; one that is in the store already is left as it is. - reads standard input. Of a folder, "
        "every .json and .jsonl file in it and in folders within it is taken, thousands at once. Nothing is written "
        "when "
        "one can't be (--skip-bad: but the others are).\n\n"
        "Files are runs of this program, or what llama.cpp's llama-bench printed (json, jsonl, csv, md, sql): its "
        "results become cases of the engine llama.cpp, a run for each machine that they were measured on.",
    .options = options,
    .least_arguments = 1,
    .most_arguments = 10000,
    .run = run_import,
};
