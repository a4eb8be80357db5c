/* `benchmark export`: a run as a document that `import` reads, here or on another machine; or all runs of the store, as
 * a folder of such documents or as one table. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/command/command.h"
#include "harness/command/run_reference.h"
#include "harness/store/document.h"
#include "harness/store/store.h"
#include "reports/format/format.h"
#include "reports/run_table.h"

static int all;

static struct poptOption options[] = {
    {"all", 0, POPT_ARG_NONE, &all, 0,
     "every run of the store: a folder of documents, made where -o says, or with --format csv one table", NULL},
    POPT_TABLEEND,
};

/* Something done with each run of the store, latest first. */
typedef bool (*run_use)(const struct run *run, void *state, struct error *error);

static bool use_all(const char *database, run_use use, void *state, size_t *count, struct error *error)
{
    struct store *store = store_open(database, STORE_READ, error);
    char(*ids)[TEXT_WORD] = NULL;
    *count = 0;
    bool right = store && store_list_runs(store, NULL, 0, &ids, count, error);
    for (size_t i = 0; right && i < *count; i++) {
        struct run run;
        right = store_get_run(store, ids[i], &run, error);
        if (!right)
            break;
        right = use(&run, state, error);
        run_free(&run);
    }
    free(ids);
    store_close(store);
    return right;
}

/* A store is anyone's file, and an id becomes a file's name. */
static bool is_plain(const char *id)
{
    return *id && !id[strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_")];
}

static bool write_document(const struct run *run, void *state, struct error *error)
{
    const char *folder = state;
    char path[4096];
    if (!is_plain(run->id))
        return error_set(error, ERROR_INPUT, "run '%s' has a name that no file can have", run->id);
    if ((size_t)snprintf(path, sizeof path, "%s/%s.json", folder, run->id) >= sizeof path)
        return error_set(error, ERROR_INPUT, "%.200s: too long for a folder's name", folder);
    struct report *report = report_create("Run");
    if (report) {
        json_decref(report->document);
        report->document = run_to_json(run);
    }
    bool right = report ? format_write(report, "json", path, false, error)
                        : error_set(error, ERROR_SYSTEM, "not enough memory to export");
    report_free(report);
    return right;
}

static int export_folder(const struct invocation *invocation, struct error *error)
{
    const char *folder = invocation->output;
    struct stat status;
    size_t count;
    if (!folder || !strcmp(folder, "-"))
        error_set(error, ERROR_INPUT,
                  "--all writes a document for each run: -o FOLDER says where (--format csv writes "
                  "one table)");
    else if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        error_set(error, ERROR_SYSTEM, "%s: %s", folder, strerror(errno));
    else if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode))
        error_set(error, ERROR_INPUT, "%s: is there, and isn't a folder", folder);
    else if (use_all(invocation->database, write_document, (void *)folder, &count, error))
        return 0;
    return (int)error->kind;
}

static bool add_rows(const struct run *run, void *state, struct error *error)
{
    (void)error;
    run_table_add(state, run);
    return true;
}

static int export_table(const struct invocation *invocation, struct error *error)
{
    struct table *table = NULL;
    struct report *report = run_table_create(&table);
    size_t count;
    if (report && use_all(invocation->database, add_rows, table, &count, error))
        return command_write(invocation, report, error);
    if (!report)
        error_set(error, ERROR_SYSTEM, "not enough memory to export");
    report_free(report);
    return (int)error->kind;
}

static int run_export(const struct invocation *invocation, struct error *error)
{
    if (!all)
        return run_show(invocation, error);
    if (invocation->argument_count) {
        error_set(error, ERROR_INPUT, "--all exports every run: '%s' isn't to be named beside it",
                  invocation->arguments[0]);
        return (int)error->kind;
    }
    return strcmp(invocation->format, "json") ? export_table(invocation, error) : export_folder(invocation, error);
}

const struct command command_export = {
    .name = "export",
    .arguments = "[RUN]",
    .help = "write a run, or all, as JSON (or another format) to keep or to move",
    .details =
        "RUN is a run's id or its beginning, latest (when left out), latest~N, or a JSON file. What is written "
        "as JSON, `benchmark import` reads.\n\n"
        "--all -o FOLDER writes each run of the store into a file of its own, ID.json: `benchmark import FOLDER` "
        "makes a store of them that says the same. --all --format csv is one table, a row a case.",
    .options = options,
    .most_arguments = 1,
    .format = "json",
    .run = run_export,
};
