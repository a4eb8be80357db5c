/* SQLite statements; see statement.h. */
#include "harness/store/statement.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool store_fail(struct store *store, struct error *error)
{
    int code = sqlite3_errcode(store->database);
    const char *said = sqlite3_errmsg(store->database);
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

bool store_execute(struct store *store, const char *sql, struct error *error)
{
    return sqlite3_exec(store->database, sql, NULL, NULL, NULL) == SQLITE_OK || store_fail(store, error);
}

bool store_begin(struct store *store, struct error *error)
{
    return store_execute(store, "BEGIN IMMEDIATE", error);
}

bool store_end(struct store *store, bool right, struct error *error)
{
    if (right && store_execute(store, "COMMIT", error))
        return true;
    sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL); /* the first failure is the one to tell */
    return false;
}

struct statement statement_prepare(struct store *store, const char *sql, struct error *error)
{
    struct statement statement = {.store = store, .error = error};
    if (sqlite3_prepare_v2(store->database, sql, -1, &statement.prepared, NULL) != SQLITE_OK)
        statement.failed = !store_fail(store, error);
    return statement;
}

static void judge(struct statement *statement, int code)
{
    if (code != SQLITE_OK && !statement->failed)
        statement->failed = !store_fail(statement->store, statement->error);
}

void bind_text(struct statement *statement, const char *text)
{
    if (!text || !*text)
        bind_null(statement);
    else if (!statement->failed)
        judge(statement, sqlite3_bind_text(statement->prepared, ++statement->bound, text, -1, SQLITE_TRANSIENT));
}

void bind_count(struct statement *statement, int64_t value)
{
    if (!statement->failed)
        judge(statement, sqlite3_bind_int64(statement->prepared, ++statement->bound, value));
}

void bind_real(struct statement *statement, double value)
{
    if (!isfinite(value))
        bind_null(statement);
    else if (!statement->failed)
        judge(statement, sqlite3_bind_double(statement->prepared, ++statement->bound, value));
}

void bind_null(struct statement *statement)
{
    if (!statement->failed)
        judge(statement, sqlite3_bind_null(statement->prepared, ++statement->bound));
}

bool statement_step(struct statement *statement)
{
    if (statement->failed)
        return false;
    int code = sqlite3_step(statement->prepared);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        judge(statement, code);
    return code == SQLITE_ROW;
}

void statement_repeat(struct statement *statement)
{
    statement_step(statement);
    if (!statement->failed)
        judge(statement, sqlite3_reset(statement->prepared));
    statement->bound = 0;
}

bool statement_finish(struct statement *statement)
{
    sqlite3_finalize(statement->prepared);
    statement->prepared = NULL;
    return !statement->failed;
}

void statement_fail(struct statement *statement, const char *why)
{
    if (!statement->failed)
        error_set(statement->error, ERROR_SYSTEM, "%s: %s", statement->store->path, why);
    statement->failed = true;
}

void statement_lacks_memory(struct statement *statement)
{
    statement_fail(statement, "not enough memory to use the store");
}

/* NULL for SQL NULL, and where there is no memory for the text. */
static const char *text_of(struct statement *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement->prepared, column);
    if (!text && sqlite3_column_type(statement->prepared, column) != SQLITE_NULL)
        statement_lacks_memory(statement);
    return text;
}

void column_text(struct statement *statement, int column, char *out, size_t capacity)
{
    const char *text = text_of(statement, column);
    snprintf(out, capacity, "%s", text ? text : "");
}

char *column_long_text(struct statement *statement, int column)
{
    const char *text = text_of(statement, column);
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        statement_lacks_memory(statement);
    return copy;
}

double column_real(struct statement *statement, int column)
{
    if (sqlite3_column_type(statement->prepared, column) == SQLITE_NULL)
        return NAN;
    return sqlite3_column_double(statement->prepared, column);
}

int64_t column_count(struct statement *statement, int column, int64_t otherwise)
{
    if (sqlite3_column_type(statement->prepared, column) == SQLITE_NULL)
        return otherwise;
    return sqlite3_column_int64(statement->prepared, column);
}
