/* The store's SQL as PostgreSQL takes it. Private to harness/store. */
#ifndef STORE_POSTGRESQL_TEXT_H
#define STORE_POSTGRESQL_TEXT_H

/* A statement with parameters: `?` become $1, $2, … and ?N becomes $N, outside of quotes. NULL without memory. */
char *postgresql_parameters(const char *sql);
/* A step of schema.c: types and clauses that only SQLite has become PostgreSQL's. NULL without memory. */
char *postgresql_tables(const char *sql);

#endif
