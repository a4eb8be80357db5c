/* The store in a PostgreSQL database, through libpq (its manual, "libpq - C Library"); see statement.h. Statements
 * that are repeated go in a pipeline, without a wait for each: a case's samples are hundreds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/store/libpq.h"
#include "harness/store/postgresql_text.h"
#include "harness/store/statement.h"

enum { MOST_PARAMETERS = 64, PIPELINED = 500 };
/* The types' numbers in pg_type.dat; 0 leaves it to the server. */
enum { TYPE_UNKNOWN = 0, TYPE_BIGINT = 20, TYPE_TEXT = 25, TYPE_DOUBLE = 701 };

static const struct libpq *pq; /* once there is a connection */

/* One line of what is said, without the word that begins it. */
static bool fail_with(struct store *store, const char *said, struct error *error)
{
    char line[300];
    const char *colon = strncmp(said, "ERROR:", 6) ? NULL : said + 6 + strspn(said + 6, " ");
    snprintf(line, sizeof line, "%s", colon ? colon : said);
    line[strcspn(line, "\n")] = '\0';
    return error_set(error, ERROR_SYSTEM, "%s: %s", store->path, *line ? line : "the database gives no answer");
}

static bool fail_without_memory(struct store *store, struct error *error)
{
    return error_set(error, ERROR_SYSTEM, "%s: not enough memory to use the store", store->path);
}

static bool is_right(const struct pg_result *result)
{
    int status = pq->PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* Frees the result. */
static bool judge(struct store *store, struct pg_result *result, struct error *error)
{
    bool right = result && is_right(result);
    if (!right) {
        const char *said = result ? pq->PQresultErrorMessage(result) : "";
        fail_with(store, *said ? said : pq->PQerrorMessage(store->connection), error);
    }
    pq->PQclear(result);
    return right;
}

static void disconnect(struct store *store)
{
    if (store->connection)
        pq->PQfinish(store->connection);
    store->connection = NULL;
}

static bool execute(struct store *store, const char *sql, struct error *error)
{
    char *text = postgresql_tables(sql);
    if (!text)
        return fail_without_memory(store, error);
    bool right = judge(store, pq->PQexec(store->connection, text), error);
    free(text);
    return right;
}

/* ---- statements ---- */

struct prepared {
    char *sql;
    char *texts[MOST_PARAMETERS]; /* owned; NULL for SQL NULL */
    unsigned types[MOST_PARAMETERS];
    int count;
    struct pg_result *result; /* NULL until it was executed */
    int row, rows;
    int sent; /* in the pipeline, not yet answered */
    bool pipelined;
};

static bool prepare(struct statement *statement, const char *sql)
{
    struct prepared *prepared = calloc(1, sizeof *prepared);
    statement->prepared = prepared;
    if (prepared)
        prepared->sql = postgresql_parameters(sql);
    return (prepared && prepared->sql) || fail_without_memory(statement->store, statement->error);
}

static bool bind(struct statement *statement, int place, const struct parameter *parameter)
{
    struct prepared *prepared = statement->prepared;
    char number[40];
    const char *text = number;
    unsigned type = TYPE_UNKNOWN;
    if (place > MOST_PARAMETERS)
        return error_set(statement->error, ERROR_SYSTEM, "more than %d parameters in a statement", MOST_PARAMETERS);
    if (parameter->kind == PARAMETER_TEXT) {
        text = parameter->text;
        type = TYPE_TEXT;
    } else if (parameter->kind == PARAMETER_COUNT) {
        snprintf(number, sizeof number, "%lld", (long long)parameter->count);
        type = TYPE_BIGINT;
    } else if (parameter->kind == PARAMETER_REAL) {
        snprintf(number, sizeof number, "%.17g", parameter->real);
        type = TYPE_DOUBLE;
    }
    free(prepared->texts[place - 1]);
    bool null = parameter->kind == PARAMETER_NULL;
    prepared->texts[place - 1] = null ? NULL : strdup(text);
    prepared->types[place - 1] = type;
    prepared->count = place > prepared->count ? place : prepared->count;
    return null || prepared->texts[place - 1] || fail_without_memory(statement->store, statement->error);
}

static bool step(struct statement *statement, bool *row)
{
    struct prepared *prepared = statement->prepared;
    if (!prepared->result) {
        struct pg_result *result =
            pq->PQexecParams(statement->store->connection, prepared->sql, prepared->count, prepared->types,
                             (const char *const *)prepared->texts, NULL, NULL, 0);
        if (!result || !is_right(result))
            return judge(statement->store, result, statement->error);
        prepared->result = result;
        prepared->rows = pq->PQntuples(result);
        prepared->row = -1;
    }
    *row = ++prepared->row < prepared->rows;
    return true;
}

static void forget_result(struct prepared *prepared)
{
    pq->PQclear(prepared->result);
    prepared->result = NULL;
}

static bool rewind_statement(struct statement *statement)
{
    forget_result(statement->prepared);
    return true;
}

/* Everything that was sent is answered; the first error is the one to tell. */
static bool drain(struct statement *statement)
{
    struct prepared *prepared = statement->prepared;
    struct pg_conn *connection = statement->store->connection;
    bool right = pq->PQpipelineSync(connection) == 1, synchronised = false;
    if (!right)
        fail_with(statement->store, pq->PQerrorMessage(connection), statement->error);
    while (right && !synchronised) {
        struct pg_result *result = pq->PQgetResult(connection);
        if (!result) { /* between two statements, or the connection is gone */
            right = pq->PQstatus(connection) == CONNECTION_OK ||
                    fail_with(statement->store, pq->PQerrorMessage(connection), statement->error);
            continue;
        }
        synchronised = pq->PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        if (synchronised)
            pq->PQclear(result);
        else
            right = judge(statement->store, result, statement->error);
    }
    /* What follows an error is still to be fetched. */
    while (!synchronised && pq->PQstatus(connection) == CONNECTION_OK) {
        struct pg_result *result = pq->PQgetResult(connection);
        synchronised = result && pq->PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        pq->PQclear(result);
    }
    prepared->sent = 0;
    return right;
}

static bool repeat(struct statement *statement)
{
    struct prepared *prepared = statement->prepared;
    struct pg_conn *connection = statement->store->connection;
    if (!prepared->pipelined && pq->PQenterPipelineMode(connection) != 1)
        return fail_with(statement->store, pq->PQerrorMessage(connection), statement->error);
    prepared->pipelined = true;
    if (pq->PQsendQueryParams(connection, prepared->sql, prepared->count, prepared->types,
                              (const char *const *)prepared->texts, NULL, NULL, 0) != 1)
        return fail_with(statement->store, pq->PQerrorMessage(connection), statement->error);
    return ++prepared->sent < PIPELINED || drain(statement);
}

static bool release(struct statement *statement)
{
    struct prepared *prepared = statement->prepared;
    bool right = !prepared->sent || drain(statement);
    if (prepared->pipelined)
        pq->PQexitPipelineMode(statement->store->connection);
    forget_result(prepared);
    for (int i = 0; i < prepared->count; i++)
        free(prepared->texts[i]);
    free(prepared->sql);
    free(prepared);
    return right;
}

static bool is_null(struct statement *statement, int column)
{
    const struct prepared *prepared = statement->prepared;
    return pq->PQgetisnull(prepared->result, prepared->row, column) == 1;
}

static const char *text(struct statement *statement, int column)
{
    const struct prepared *prepared = statement->prepared;
    return is_null(statement, column) ? NULL : pq->PQgetvalue(prepared->result, prepared->row, column);
}

static int64_t count(struct statement *statement, int column)
{
    return strtoll(text(statement, column), NULL, 10);
}

static double real(struct statement *statement, int column)
{
    return strtod(text(statement, column), NULL);
}

/* ---- the tables' version ---- */

static bool version(struct store *store, int64_t *version, struct error *error)
{
    /* Not to_regclass(): that remembers, within a transaction, what wasn't there before another committed it. */
    struct statement there = statement_prepare(store,
                                               "SELECT 1 FROM pg_tables WHERE tablename = 'benchmark_store' "
                                               "AND schemaname = ANY (current_schemas(false))",
                                               error);
    bool made = statement_step(&there);
    *version = 0;
    if (!statement_finish(&there))
        return false;
    if (!made)
        return true;
    struct statement get = statement_prepare(store, "SELECT version FROM benchmark_store", error);
    *version = statement_step(&get) ? column_count(&get, 0, 0) : 0;
    return statement_finish(&get);
}

static bool set_version(struct store *store, int64_t version, struct error *error)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "CREATE TABLE IF NOT EXISTS benchmark_store (version BIGINT NOT NULL); DELETE FROM benchmark_store; "
             "INSERT INTO benchmark_store VALUES (%d)",
             (int)version);
    return execute(store, sql, error);
}

/* A schema beside the tables, in the transaction that then changes them. */
static bool back_up(struct store *store, int64_t version, struct text *name, struct error *error)
{
    struct text sql = {0};
    text_printf(name, "schema benchmark_version_%d of that database", (int)version);
    text_printf(&sql,
                "DO $do$ DECLARE one RECORD; BEGIN CREATE SCHEMA benchmark_version_%d; FOR one IN SELECT tablename "
                "FROM pg_tables WHERE schemaname = current_schema() AND tablename IN ('machines', 'runs', 'cases', "
                "'samples', 'ops', 'ceilings', 'calibration', 'accepted') LOOP EXECUTE "
                "format('CREATE TABLE benchmark_version_%d.%%I AS TABLE %%I', one.tablename, one.tablename); "
                "END LOOP; END $do$",
                (int)version, (int)version);
    bool right =
        !sql.failed && !name->failed ? execute(store, text_string(&sql), error) : fail_without_memory(store, error);
    text_free(&sql);
    return right;
}

static const struct database database_postgresql = {
    .begin = "BEGIN",
    .making = "SELECT pg_advisory_xact_lock(1651401576)", /* 'bnch' */
    .disconnect = disconnect,
    .execute = execute,
    .prepare = prepare,
    .bind = bind,
    .step = step,
    .rewind = rewind_statement,
    .repeat = repeat,
    .release = release,
    .is_null = is_null,
    .text = text,
    .count = count,
    .real = real,
    .version = version,
    .set_version = set_version,
    .back_up = back_up,
};

/* ---- opening ---- */

static void ignore_notice(void *state, const char *notice)
{
    (void)state;
    (void)notice;
}

/* A server that doesn't answer is away; one that stops answering is so after as long. What the address says goes first.
 */
static bool connect_to(struct store *store, const char *address, struct error *error)
{
    static const char *const words[] = {"connect_timeout",           "tcp_user_timeout", "client_encoding",
                                        "fallback_application_name", "dbname",           NULL};
    const char *const values[] = {"10", "15000", "UTF8", "benchmark", address, NULL};
    store->connection = pq->PQconnectdbParams(words, values, 1);
    if (!store->connection)
        return fail_without_memory(store, error);
    if (pq->PQstatus(store->connection) != CONNECTION_OK)
        return fail_with(store, pq->PQerrorMessage(store->connection), error);
    pq->PQsetNoticeProcessor(store->connection, ignore_notice, NULL);
    return true;
}

bool postgresql_open(struct store *store, const char *address, enum store_access wanted, struct error *error)
{
    store->database = &database_postgresql;
    pq = libpq_open(error);
    if (!pq || !connect_to(store, address, error) || !version(store, &store->version, error))
        return false;
    if (!schema_is_known(store, store->version, error))
        return false;
    if (wanted == STORE_READ)
        return store->version > 0 ||
               error_set(error, ERROR_INPUT, "%s: no run yet: `benchmark run` makes the first", store->path);
    return store->version == schema_version || schema_make(store, error);
}
