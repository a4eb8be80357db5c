/* The store in a file of SQLite's; see statement.h. Opening it is in open.c. */
#include "harness/store/sqlite.h"

#include <stdio.h>

bool sqlite_fail(struct store *store, struct error *error)
{
    int code = sqlite3_errcode(store->connection);
    const char *said = sqlite3_errmsg(store->connection);
    switch (code & 0xff) {
    case SQLITE_FULL:
        return error_set(error, ERROR_SYSTEM, "%s: no space left to keep results (disk full)", store->path);
    case SQLITE_READONLY:
        return error_set(error, ERROR_SYSTEM, "%s: the store can't be written to (read-only)", store->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(error, ERROR_SYSTEM, "%s: another process has held the store for too long", store->path);
    case SQLITE_CANTOPEN:
        return error_set(error, ERROR_SYSTEM, "%s: the store can't be opened there: is its folder writable?",
                         store->path);
    case SQLITE_NOTADB:
        return error_set(error, ERROR_SYSTEM, "%s: not a store of benchmark's (not an SQLite file)", store->path);
    case SQLITE_CORRUPT:
        return error_set(error, ERROR_SYSTEM, "%s: the store is damaged (%s); move it away or restore a copy",
                         store->path, said);
    default:
        return error_set(error, ERROR_SYSTEM, "%s: the store can't be used: %s", store->path, said);
    }
}

static void disconnect(struct store *store)
{
    sqlite3_close_v2(store->connection);
    store->connection = NULL;
}

static bool execute(struct store *store, const char *sql, struct error *error)
{
    return sqlite3_exec(store->connection, sql, NULL, NULL, NULL) == SQLITE_OK || sqlite_fail(store, error);
}

static bool judge(struct statement *statement, int code)
{
    return code == SQLITE_OK || sqlite_fail(statement->store, statement->error);
}

static bool prepare(struct statement *statement, const char *sql)
{
    sqlite3_stmt *prepared = NULL;
    bool right = judge(statement, sqlite3_prepare_v2(statement->store->connection, sql, -1, &prepared, NULL));
    statement->prepared = prepared;
    return right;
}

static bool bind(struct statement *statement, int place, const struct parameter *parameter)
{
    switch (parameter->kind) {
    case PARAMETER_TEXT:
        return judge(statement, sqlite3_bind_text(statement->prepared, place, parameter->text, -1, SQLITE_TRANSIENT));
    case PARAMETER_COUNT:
        return judge(statement, sqlite3_bind_int64(statement->prepared, place, parameter->count));
    case PARAMETER_REAL:
        return judge(statement, sqlite3_bind_double(statement->prepared, place, parameter->real));
    default:
        return judge(statement, sqlite3_bind_null(statement->prepared, place));
    }
}

static bool step(struct statement *statement, bool *row)
{
    int code = sqlite3_step(statement->prepared);
    *row = code == SQLITE_ROW;
    return *row || code == SQLITE_DONE || judge(statement, code);
}

static bool rewind_statement(struct statement *statement)
{
    return judge(statement, sqlite3_reset(statement->prepared));
}

static bool release(struct statement *statement)
{
    sqlite3_finalize(statement->prepared);
    return true;
}

static bool is_null(struct statement *statement, int column)
{
    return sqlite3_column_type(statement->prepared, column) == SQLITE_NULL;
}

static const char *text(struct statement *statement, int column)
{
    return (const char *)sqlite3_column_text(statement->prepared, column);
}

static int64_t count(struct statement *statement, int column)
{
    return sqlite3_column_int64(statement->prepared, column);
}

static double real(struct statement *statement, int column)
{
    return sqlite3_column_double(statement->prepared, column);
}

static bool version(struct store *store, int64_t *version, struct error *error)
{
    struct statement get = statement_prepare(store, "PRAGMA user_version", error);
    *version = statement_step(&get) ? column_count(&get, 0, 0) : 0;
    return statement_finish(&get);
}

static bool set_version(struct store *store, int64_t version, struct error *error)
{
    char number[64];
    snprintf(number, sizeof number, "PRAGMA user_version = %d", (int)version);
    return execute(store, number, error);
}

const struct database database_sqlite = {
    .begin = "BEGIN IMMEDIATE",
    .disconnect = disconnect,
    .execute = execute,
    .prepare = prepare,
    .bind = bind,
    .step = step,
    .rewind = rewind_statement,
    .release = release,
    .is_null = is_null,
    .text = text,
    .count = count,
    .real = real,
    .version = version,
    .set_version = set_version,
    .back_up = sqlite_back_up,
};
