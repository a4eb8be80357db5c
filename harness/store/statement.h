/* SQLite statements as the store's files use them: prepare, bind in order, step, read columns; every failure is an
 * error of the system with the file's name in it. Private to harness/store. */
#ifndef STORE_STATEMENT_H
#define STORE_STATEMENT_H

#include <sqlite3.h>

#include "harness/base/text.h"
#include "harness/store/store.h"

struct store {
    sqlite3 *database;
    char *path;
    int64_t version; /* of the tables as they are: one that is only read may be older than this program's */
};

/* *error from what SQLite says of the database, in words a user can act on; false. */
bool store_fail(struct store *store, struct error *error);
/* Runs statements without results. */
bool store_execute(struct store *store, const char *sql, struct error *error);
/* BEGIN IMMEDIATE; then store_end commits when `right`, and otherwise rolls back and returns false. */
bool store_begin(struct store *store, struct error *error);
bool store_end(struct store *store, bool right, struct error *error);

/* One statement under way. After the first failure the others do nothing, so a caller looks once, at its end. */
struct statement {
    struct store *store;
    sqlite3_stmt *prepared;
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
/* Steps once and rewinds, for another set of parameters. */
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
/* backup.c: a copy of the committed store, of that version; *name receives the file's name, the caller's to free. */
bool store_back_up(struct store *store, int64_t version, struct text *name, struct error *error);

#endif
