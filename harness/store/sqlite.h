/* The parts of the store that know SQLite. Private to harness/store. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include <sqlite3.h>

#include "harness/store/statement.h"

extern const struct database database_sqlite;
/* *error from what SQLite says of the database, in words a user can act on; false. */
bool sqlite_fail(struct store *store, struct error *error);
/* backup.c */
bool sqlite_back_up(struct store *store, int64_t version, struct text *name, struct error *error);

#endif
