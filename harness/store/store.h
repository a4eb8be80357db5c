/* The store: runs, their cases and every sample, in one SQLite file (WAL) that its users may query themselves.
 *
 * Each finished case is one committed transaction, and several processes may share a store: a writer waits for another
 * up to ten seconds. Opening never changes a file that isn't a sound store of this version: a damaged, cut, newer or
 * foreign one is an error of the system, and stays as it is. A missing store is made by the first write.
 *
 * Tables (schema.c): machines, runs, cases, samples, ops (each op's time within a case's step), ceilings (what each run
 * rested on), calibration (figures measured once for a machine's fingerprint and software). */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "harness/base/error.h"
#include "harness/store/record.h"

struct store;

enum store_access {
    STORE_READ, /* a missing file: ERROR_INPUT, "no run yet" */
    STORE_WRITE /* a missing file, and its folder, are made */
};
/* `path`: of a file of SQLite's, or an address of PostgreSQL's, postgresql://USER@HOST/DATABASE: the same tables there.
 */
struct store *store_open(const char *path, enum store_access access, struct error *error);
void store_close(struct store *store);
/* Whether it is an address and not a file; and what of it may be shown and kept: without its password. The latter is
 * the caller's to free, NULL without memory. */
bool store_is_address(const char *path);
char *store_shown_name(const char *path);

/* The run without its records; again under the same id, it replaces what is mutable: finished, note, machine, command.
 */
bool store_put_run(struct store *store, const struct run *run, struct error *error);
/* One case of a run that was put, at its place in the run; replaces the one that was there. One transaction. */
bool store_put_case(struct store *store, const char *run_id, size_t position, const struct record *record,
                    struct error *error);
/* A whole run from elsewhere in one transaction. *added is false when a run of that id is there already: nothing is
 * changed then. */
bool store_import_run(struct store *store, const struct run *run, bool *added, struct error *error);
/* A whole run in one transaction, in place of what was there under its id. */
bool store_replace_run(struct store *store, const struct run *run, struct error *error);
bool store_delete_run(struct store *store, const char *id, struct error *error);
/* The run with all records and samples; the id must be whole (store_find_run). */
bool store_get_run(struct store *store, const char *id, struct run *run, struct error *error);

/* A RUN as people write it: an id or its unique beginning, `latest`, `latest~N`. By `started`, latest first. */
bool store_find_run(struct store *store, const char *reference, char id[TEXT_WORD], struct error *error);
/* Ids of the runs of that fingerprint (NULL: of all), latest first, at most `most` (0: all). The caller frees *ids. */
bool store_list_runs(struct store *store, const char *fingerprint, size_t most, char (**ids)[TEXT_WORD], size_t *count,
                     struct error *error);
/* The latest run of that machine that was not finished, or has cases that its budget left out; false with error->kind
 * ERROR_INPUT when there is none. */
bool store_find_unfinished(struct store *store, const char *fingerprint, char id[TEXT_WORD], struct error *error);

/* Figures measured once for a machine and its software. `kind` keeps sorts apart ("ceiling"). */
struct calibration {
    char name[TEXT_NAME];
    double value, low, high;
};
bool store_put_calibration(struct store *store, const char *fingerprint, const char *software, const char *kind,
                           const struct calibration *figures, size_t count, struct error *error);
/* All of that kind, by name; *count is 0 when there are none. The caller frees *figures. */
bool store_get_calibration(struct store *store, const char *fingerprint, const char *software, const char *kind,
                           struct calibration **figures, size_t *count, struct error *error);

#endif
