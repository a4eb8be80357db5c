/* SQL for any kind of database; see statement.h. */
#include "harness/store/statement.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool store_execute(struct store *store, const char *sql, struct error *error)
{
    return store->database->execute(store, sql, error);
}

bool store_begin(struct store *store, struct error *error)
{
    return store_execute(store, store->database->begin, error);
}

bool store_end(struct store *store, bool right, struct error *error)
{
    if (right && store_execute(store, "COMMIT", error))
        return true;
    struct error later; /* the first failure is the one to tell */
    store_execute(store, "ROLLBACK", &later);
    return false;
}

struct statement statement_prepare(struct store *store, const char *sql, struct error *error)
{
    struct statement statement = {.store = store, .error = error};
    statement.failed = !store->database->prepare(&statement, sql);
    return statement;
}

static void bind(struct statement *statement, struct parameter parameter)
{
    if (!statement->failed)
        statement->failed = !statement->store->database->bind(statement, ++statement->bound, &parameter);
}

void bind_text(struct statement *statement, const char *text)
{
    bind(statement, (struct parameter){.kind = text && *text ? PARAMETER_TEXT : PARAMETER_NULL, .text = text});
}

void bind_count(struct statement *statement, int64_t value)
{
    bind(statement, (struct parameter){.kind = PARAMETER_COUNT, .count = value});
}

void bind_real(struct statement *statement, double value)
{
    bind(statement, (struct parameter){.kind = isfinite(value) ? PARAMETER_REAL : PARAMETER_NULL, .real = value});
}

void bind_null(struct statement *statement)
{
    bind(statement, (struct parameter){.kind = PARAMETER_NULL});
}

bool statement_step(struct statement *statement)
{
    bool row = false;
    if (!statement->failed)
        statement->failed = !statement->store->database->step(statement, &row);
    return row;
}

void statement_rewind(struct statement *statement)
{
    if (!statement->failed)
        statement->failed = !statement->store->database->rewind(statement);
    statement->bound = 0;
}

void statement_repeat(struct statement *statement)
{
    const struct database *database = statement->store->database;
    if (!database->repeat) {
        statement_step(statement);
        statement_rewind(statement);
        return;
    }
    if (!statement->failed)
        statement->failed = !database->repeat(statement);
    statement->bound = 0;
}

bool statement_finish(struct statement *statement)
{
    if (statement->prepared && !statement->store->database->release(statement))
        statement->failed = true;
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
    const struct database *database = statement->store->database;
    const char *text = database->text(statement, column);
    if (!text && !database->is_null(statement, column))
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
    const struct database *database = statement->store->database;
    return database->is_null(statement, column) ? NAN : database->real(statement, column);
}

int64_t column_count(struct statement *statement, int column, int64_t otherwise)
{
    const struct database *database = statement->store->database;
    return database->is_null(statement, column) ? otherwise : database->count(statement, column);
}
