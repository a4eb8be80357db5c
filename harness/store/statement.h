/* SQL as the store's files use it: prepare, bind in order, step, read columns; every failure is an error of the system
 * with the store's name in it. The same statements go to any kind of database, by the functions in its struct.
 * Private to harness/store. */
#ifndef STORE_STATEMENT_H
#define STORE_STATEMENT_H

#include "harness/base/text.h"
#include "harness/store/store.h"

struct statement;

enum parameter_kind { PARAMETER_NULL, PARAMETER_TEXT, PARAMETER_COUNT, PARAMETER_REAL };
struct parameter {
    enum parameter_kind kind;
    const char *text; /* the caller's: copied */
    int64_t count;
    double real;
};

/* A kind of database: one file of implementation, one struct. What can fail fills *error (a statement's own), in words
 * that a user can act on, and returns false. */
struct database {
    const char *begin;  /* a transaction that writes */
    const char *making; /* what else it begins with when the tables are made or changed; or NULL */
    void (*disconnect)(struct store *store);
    /* Statements without parameters or results, several with semicolons; those of schema.c too. */
    bool (*execute)(struct store *store, const char *sql, struct error *error);

    /* Parameters are `?` in their order, or ?1, ?2, …; they are bound from 1 on. */
    bool (*prepare)(struct statement *statement, const char *sql);
    bool (*bind)(struct statement *statement, int place, const struct parameter *parameter);
    bool (*step)(struct statement *statement, bool *row);
    bool (*rewind)(struct statement *statement); /* for another set of parameters */
    /* Executes without results and rewinds; a failure may be told only by `release`. NULL: step, and rewind. */
    bool (*repeat)(struct statement *statement);
    bool (*release)(struct statement *statement);
    bool (*is_null)(struct statement *statement, int column);
    const char *(*text)(struct statement *statement, int column); /* NULL: SQL NULL, or no memory */
    int64_t (*count)(struct statement *statement, int column);
    double (*real)(struct statement *statement, int column);

    /* Of the tables: 0 when there are none. Both within the transaction that brings them up to date. */
    bool (*version)(struct store *store, int64_t *version, struct error *error);
    bool (*set_version)(struct store *store, int64_t version, struct error *error);
    /* A copy of the committed store, which is of that version; *name receives where it is, the caller's to free. */
    bool (*back_up)(struct store *store, int64_t version, struct text *name, struct error *error);
};

struct store {
    const struct database *database;
    void *connection;
    char *path;      /* as errors name it */
    int64_t version; /* of the tables as they are: one that is only read may be older than this program's */
};

/* Runs statements without results. */
bool store_execute(struct store *store, const char *sql, struct error *error);
/* Begins a transaction; then store_end commits when `right`, and otherwise rolls back and returns false. */
bool store_begin(struct store *store, struct error *error);
bool store_end(struct store *store, bool right, struct error *error);

/* One statement under way. After the first failure the others do nothing, so a caller looks once, at its end. */
struct statement {
    struct store *store;
    void *prepared;
    int bound; /* parameters so far */
    bool failed;
    struct error *error;
};
struct statement statement_prepare(struct store *store, const char *sql, struct error *error);
void bind_text(struct statement *statement, const char *text); /* NULL and "": SQL NULL */
void bind_count(struct statement *statement, int64_t value);
void bind_real(struct statement *statement, double value); /* not finite: SQL NULL */
void bind_null(struct statement *statement);
/* True while there is a row. */
bool statement_step(struct statement *statement);
/* For another set of parameters. */
void statement_rewind(struct statement *statement);
/* Executes once and rewinds. */
void statement_repeat(struct statement *statement);
/* The statement fails, for that reason. */
void statement_fail(struct statement *statement, const char *why);
void statement_lacks_memory(struct statement *statement);
/* False when anything failed since the start; releases it. */
bool statement_finish(struct statement *statement);

/* Columns of the current row. */
void column_text(struct statement *statement, int column, char *out, size_t capacity);
/* NULL for SQL NULL, and when there is no memory: the statement has then failed. Owned by the caller. */
char *column_long_text(struct statement *statement, int column);
double column_real(struct statement *statement, int column); /* NaN for SQL NULL */
int64_t column_count(struct statement *statement, int column, int64_t otherwise);

/* schema.c: makes or brings up to date the tables of a store that was opened for writing. */
extern const int schema_version;
bool schema_make(struct store *store, struct error *error);
/* False, with the error that the store was made by a newer program, when it was. */
bool schema_is_known(struct store *store, int64_t version, struct error *error);

/* open.c, for files of SQLite; postgresql.c, for addresses of PostgreSQL's. Both fill a store that is empty. */
bool sqlite_open(struct store *store, enum store_access wanted, struct error *error);
bool postgresql_open(struct store *store, const char *address, enum store_access wanted, struct error *error);

#endif
