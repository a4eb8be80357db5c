/* The store's tables. Users may query them: names are CONTRACT.md's, units are in the names, unknown is NULL.
 * A new version appends a step to `steps`; nothing that was released is ever edited. */
#include "harness/store/statement.h"

#include <stdio.h>

#include "harness/base/log.h"

static const char *const steps[] = {
    /* 0 -> 1 */
    "PRAGMA application_id = 0x626e6368;" /* 'bnch' */
    "CREATE TABLE machines ("
    "  fingerprint TEXT PRIMARY KEY NOT NULL, name TEXT, cpu TEXT, threads INTEGER, memory_bytes INTEGER"
    ") WITHOUT ROWID;"
    "CREATE TABLE runs ("
    "  id TEXT PRIMARY KEY NOT NULL, started TEXT NOT NULL, finished TEXT, suite TEXT, note TEXT, engine TEXT,"
    "  fingerprint TEXT REFERENCES machines(fingerprint),"
    "  command TEXT, machine TEXT NOT NULL" /* JSON documents */
    ") WITHOUT ROWID;"
    "CREATE INDEX runs_by_machine ON runs(fingerprint, started);"
    "CREATE TABLE cases ("
    "  key INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, position INTEGER NOT NULL,"
    "  id TEXT NOT NULL, family TEXT, model TEXT, task TEXT, mode TEXT, dtype TEXT, batch INTEGER, context INTEGER,"
    "  device TEXT, threads INTEGER, status TEXT NOT NULL, reason TEXT, unfinished INTEGER NOT NULL,"
    "  parameters INTEGER, flops REAL, bytes REAL,"
    "  planned_bytes INTEGER, peak_bytes INTEGER, weights_bytes INTEGER, activations_bytes INTEGER,"
    "  gradients_bytes INTEGER, optimizer_bytes INTEGER, kv_cache_bytes INTEGER, workspace_bytes INTEGER,"
    "  median_s REAL, low_s REAL, high_s REAL, confidence REAL,"
    "  estimate_median_s REAL, estimate_low_s REAL, estimate_high_s REAL, estimate_confidence REAL,"
    "  throughput REAL, unit TEXT, gflops REAL, mfu REAL, mbu REAL, bound TEXT,"
    "  check_passed INTEGER, check_error REAL, check_against TEXT, counters TEXT, energy_j REAL,"
    "  steal REAL, run_delay REAL, canary_s REAL, canary REAL,"
    "  UNIQUE (run, position)"
    ");"
    "CREATE INDEX cases_by_id ON cases(id);"
    "CREATE TABLE samples ("
    "  case_key INTEGER NOT NULL REFERENCES cases(key) ON DELETE CASCADE, position INTEGER NOT NULL,"
    "  seconds REAL NOT NULL, PRIMARY KEY (case_key, position)"
    ") WITHOUT ROWID;"
    "CREATE TABLE ops ("
    "  case_key INTEGER NOT NULL REFERENCES cases(key) ON DELETE CASCADE, position INTEGER NOT NULL,"
    "  op TEXT NOT NULL, dtype TEXT NOT NULL, flops REAL NOT NULL, bytes REAL NOT NULL, rows REAL NOT NULL,"
    "  columns REAL NOT NULL, count REAL NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (case_key, position)"
    ") WITHOUT ROWID;"
    "CREATE TABLE ceilings ("
    "  run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, name TEXT NOT NULL, value REAL NOT NULL,"
    "  PRIMARY KEY (run, name)"
    ") WITHOUT ROWID;"
    "CREATE TABLE calibration ("
    "  fingerprint TEXT NOT NULL, software TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,"
    "  value REAL NOT NULL, low REAL, high REAL, measured TEXT NOT NULL,"
    "  PRIMARY KEY (fingerprint, software, kind, name)"
    ") WITHOUT ROWID;",
    /* 1 -> 2 */
    "ALTER TABLE cases ADD COLUMN against_f32 TEXT;", /* a JSON document */
    /* 2 -> 3 */
    "CREATE TABLE accepted (" /* changes that are known: a case's figure is another from that run on */
    "  fingerprint TEXT NOT NULL, id TEXT NOT NULL, quantity TEXT NOT NULL, run TEXT NOT NULL, accepted TEXT NOT NULL,"
    "  PRIMARY KEY (fingerprint, id, quantity, run)"
    ") WITHOUT ROWID;",
};

const int schema_version = sizeof steps / sizeof *steps;

/* The version within the transaction: another process may have made the tables since we looked. */
static bool version_now(struct store *store, int64_t *version, struct error *error)
{
    struct statement statement = statement_prepare(store, "PRAGMA user_version", error);
    *version = statement_step(&statement) ? column_count(&statement, 0, 0) : 0;
    return statement_finish(&statement);
}

/* From `version`, within the transaction. */
static bool climb(struct store *store, int64_t version, struct error *error)
{
    for (; version < schema_version; version++) {
        char number[64];
        snprintf(number, sizeof number, "PRAGMA user_version = %d", (int)version + 1);
        if (!store_execute(store, steps[version], error) || !store_execute(store, number, error))
            return false;
    }
    return true;
}

/* What was there is backed up first; *backup is "" where nothing was, or nothing is to be done. */
static bool bring_up_to_date(struct store *store, int64_t *before, struct text *backup, struct error *error)
{
    if (!version_now(store, before, error))
        return false;
    if (*before > schema_version) /* another process's, since we looked */
        return error_set(error, ERROR_SYSTEM,
                         "%s: made by a newer benchmark (version %d of the store, this one reads %d)", store->path,
                         (int)*before, schema_version);
    if (*before && *before < schema_version && !store_back_up(store, *before, backup, error))
        return false;
    return climb(store, *before, error);
}

bool schema_make(struct store *store, struct error *error)
{
    int64_t before = 0;
    struct text backup = {0};
    bool right = store_begin(store, error) && store_end(store, bring_up_to_date(store, &before, &backup, error), error);
    if (right && backup.length)
        log_warning("%s: brought up to date (from version %d of the store to %d); as it was, it is in %s", store->path,
                    (int)before, schema_version, text_string(&backup));
    text_free(&backup);
    store->version = schema_version;
    return right;
}
