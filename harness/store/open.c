/* Opening a store, and refusing one that isn't sound before anything could change it; see store.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/text.h"
#include "harness/store/statement.h"

enum { BUSY_MS = 10000, APPLICATION = 0x626e6368 };
/* Beyond this a check of every page would take longer than people wait; SQLite then finds damage where it reads. */
static const off_t most_checked_bytes = 256 << 20;

/* Waits for other processes even where SQLite gives up at once (turning on WAL, recovering it). */
static bool execute_patiently(struct store *store, const char *sql, struct error *error)
{
    for (int tried_ms = 0;; tried_ms += 20) {
        int code = sqlite3_exec(store->database, sql, NULL, NULL, NULL);
        if (code == SQLITE_OK)
            return true;
        if (((code & 0xff) != SQLITE_BUSY && (code & 0xff) != SQLITE_LOCKED) || tried_ms >= BUSY_MS)
            return store_fail(store, error);
        usleep(20000);
    }
}

/* `path` as a URI with everything but plain characters escaped, and `options` after it. */
static void append_uri(struct text *uri, const char *path, const char *options)
{
    text_append(uri, "file:");
    for (const unsigned char *c = (const unsigned char *)path; *c; c++)
        if (strchr("/.-_", *c) || (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z'))
            text_append_n(uri, (const char *)c, 1);
        else
            text_printf(uri, "%%%02x", *c);
    text_append(uri, options);
}

static bool connect(struct store *store, const char *options, int flags, struct error *error)
{
    struct text uri = {0};
    append_uri(&uri, store->path, options);
    if (uri.failed) {
        text_free(&uri);
        return error_set(error, ERROR_SYSTEM, "%s: not enough memory to open the store", store->path);
    }
    int code = sqlite3_open_v2(text_string(&uri), &store->database, flags | SQLITE_OPEN_URI, NULL);
    text_free(&uri);
    if (code != SQLITE_OK)
        return store_fail(store, error);
    sqlite3_busy_timeout(store->database, BUSY_MS);
    sqlite3_extended_result_codes(store->database, 0);
    return true;
}

static void disconnect(struct store *store)
{
    sqlite3_close_v2(store->database);
    store->database = NULL;
}

static bool pragma_number(struct store *store, const char *sql, int64_t *value, struct error *error)
{
    struct statement statement = statement_prepare(store, sql, error);
    *value = statement_step(&statement) ? column_count(&statement, 0, 0) : 0;
    return statement_finish(&statement);
}

/* Our application's mark, a version that we know, and pages that hang together. */
static bool judge_contents(struct store *store, off_t bytes, struct error *error)
{
    int64_t version = 0, application, tables;
    if (!pragma_number(store, "PRAGMA user_version", &version, error) ||
        !pragma_number(store, "PRAGMA application_id", &application, error) ||
        !pragma_number(store, "SELECT count(*) FROM sqlite_schema", &tables, error))
        return false;
    if (application != APPLICATION && (version || tables))
        return error_set(error, ERROR_SYSTEM, "%s: a database of another program, not a store of benchmark's",
                         store->path);
    if (version > schema_version)
        return error_set(error, ERROR_SYSTEM,
                         "%s: made by a newer benchmark (version %d of the store, this one reads %d)", store->path,
                         (int)version, schema_version);
    store->version = version;
    if (bytes > most_checked_bytes)
        return true;
    struct statement check = statement_prepare(store, "PRAGMA quick_check(1)", error);
    char said[200] = "";
    if (statement_step(&check))
        column_text(&check, 0, said, sizeof said);
    if (!statement_finish(&check))
        return false;
    if (strcmp(said, "ok"))
        return error_set(error, ERROR_SYSTEM, "%s: the store is damaged (%s); move it away or restore a copy",
                         store->path, said);
    return true;
}

/* Opens without the power to change anything. A folder that can't be written holds no -shm file for WAL: the store is
 * then read as it lies. */
static bool open_to_read(struct store *store, off_t bytes, struct error *error)
{
    struct error first = {0};
    if (connect(store, "?mode=ro", SQLITE_OPEN_READONLY, &first) && judge_contents(store, bytes, &first))
        return true;
    int code = sqlite3_errcode(store->database) & 0xff;
    if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) {
        disconnect(store);
        if (connect(store, "?immutable=1", SQLITE_OPEN_READONLY, error) && judge_contents(store, bytes, error))
            return true;
        return false;
    }
    *error = first;
    return false;
}

static bool make_folders(const char *path, struct error *error)
{
    char *folder = strdup(path);
    bool right = folder;
    for (char *slash = right ? strchr(folder + 1, '/') : NULL; right && slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        right = mkdir(folder, 0777) == 0 || errno == EEXIST;
        if (!right)
            error_set(error, ERROR_SYSTEM, "%s: the folder for the store can't be made: %s", folder, strerror(errno));
        *slash = '/';
    }
    free(folder);
    return folder ? right : error_set(error, ERROR_SYSTEM, "%s: not enough memory to open the store", path);
}

static bool open_to_write(struct store *store, struct error *error)
{
    /* A file-size limit is then an error like a full disk, not the end of the process. */
    signal(SIGXFSZ, SIG_IGN);
    if (!make_folders(store->path, error))
        return false;
    if (!connect(store, "", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error))
        return false;
    return execute_patiently(store, "PRAGMA journal_mode = WAL", error) &&
           execute_patiently(store, "PRAGMA synchronous = FULL", error) &&
           execute_patiently(store, "PRAGMA foreign_keys = ON", error) && schema_make(store, error);
}

static bool open_file(struct store *store, enum store_access wanted, struct error *error)
{
    struct stat file;
    bool there = stat(store->path, &file) == 0;
    if (!there && errno != ENOENT && errno != ENOTDIR)
        return error_set(error, ERROR_SYSTEM, "%s: the store can't be read: %s", store->path, strerror(errno));
    if (there && !S_ISREG(file.st_mode))
        return error_set(error, ERROR_SYSTEM, "%s: not a store: %s", store->path,
                         S_ISDIR(file.st_mode) ? "it is a folder" : "it is not a plain file");
    if (wanted == STORE_READ && (!there || !file.st_size))
        return error_set(error, ERROR_INPUT, "%s: no run yet: `benchmark run` makes the first", store->path);
    if (there && access(store->path, R_OK))
        return error_set(error, ERROR_SYSTEM, "%s: the store can't be read: %s", store->path, strerror(errno));
    if (there && file.st_size) {
        if (!open_to_read(store, file.st_size, error))
            return false;
        if (wanted == STORE_READ)
            return true;
        disconnect(store);
    }
    return open_to_write(store, error);
}

struct store *store_open(const char *path, enum store_access wanted, struct error *error)
{
    struct store *store = calloc(1, sizeof *store);
    char *copy = strdup(path);
    if (!store || !copy) {
        error_set(error, ERROR_SYSTEM, "%s: not enough memory to open the store", path);
        free(store);
        free(copy);
        return NULL;
    }
    store->path = copy;
    if (open_file(store, wanted, error))
        return store;
    store_close(store);
    return NULL;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    disconnect(store);
    free(store->path);
    free(store);
}
