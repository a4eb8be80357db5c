/* PostgreSQL's client library, opened when a store is asked for that needs it, so that a machine without it works. The
 * names and numbers are those of its stable interface (PostgreSQL's manual, libpq; version 14 and later, for
 * pipelines).
 */
#ifndef STORE_LIBPQ_H
#define STORE_LIBPQ_H

#include "harness/base/error.h"

struct pg_conn;
struct pg_result;

enum { CONNECTION_OK = 0 };
enum { PGRES_COMMAND_OK = 1, PGRES_TUPLES_OK = 2, PGRES_PIPELINE_SYNC = 10, PGRES_PIPELINE_ABORTED = 11 };

/* Each function of the library by its name: result, name, parameters. */
#define LIBPQ_FUNCTIONS(X)                                                                                             \
    X(struct pg_conn *, PQconnectdbParams, (const char *const *words, const char *const *values, int expand))          \
    X(int, PQstatus, (const struct pg_conn *))                                                                         \
    X(void, PQfinish, (struct pg_conn *))                                                                              \
    X(char *, PQerrorMessage, (const struct pg_conn *))                                                                \
    X(struct pg_result *, PQexec, (struct pg_conn *, const char *sql))                                                 \
    X(struct pg_result *, PQexecParams,                                                                                \
      (struct pg_conn *, const char *sql, int count, const unsigned *types, const char *const *values,                 \
       const int *lengths, const int *formats, int result_format))                                                     \
    X(int, PQsendQueryParams,                                                                                          \
      (struct pg_conn *, const char *sql, int count, const unsigned *types, const char *const *values,                 \
       const int *lengths, const int *formats, int result_format))                                                     \
    X(int, PQenterPipelineMode, (struct pg_conn *))                                                                    \
    X(int, PQexitPipelineMode, (struct pg_conn *))                                                                     \
    X(int, PQpipelineSync, (struct pg_conn *))                                                                         \
    X(struct pg_result *, PQgetResult, (struct pg_conn *))                                                             \
    X(int, PQresultStatus, (const struct pg_result *))                                                                 \
    X(char *, PQresultErrorMessage, (const struct pg_result *))                                                        \
    X(void, PQclear, (struct pg_result *))                                                                             \
    X(int, PQntuples, (const struct pg_result *))                                                                      \
    X(int, PQgetisnull, (const struct pg_result *, int row, int column))                                               \
    X(char *, PQgetvalue, (const struct pg_result *, int row, int column))                                             \
    X(void *, PQsetNoticeProcessor, (struct pg_conn *, void (*)(void *, const char *), void *))

struct libpq {
#define DECLARE(result, name, parameters) result(*name) parameters;
    LIBPQ_FUNCTIONS(DECLARE)
#undef DECLARE
};

/* The library; NULL with an error that says which package has it where it isn't there. */
const struct libpq *libpq_open(struct error *error);

#endif
