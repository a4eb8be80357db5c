/* A copy of the store as it was, beside it, before its tables are brought up to date: SQLite's online backup, into a
 * file that has its name only once it is whole and on the disk (https://sqlite.org/backup.html). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/log.h"
#include "harness/base/text.h"
#include "harness/store/statement.h"

enum { MOST_BACKUPS = 1000 };

/* The first of "STORE.version-1", "STORE.version-1.2", … that isn't there: an earlier backup is never replaced. */
static bool choose_name(const struct store *store, int64_t version, struct text *name, struct error *error)
{
    for (int i = 1; i < MOST_BACKUPS; i++) {
        text_free(name);
        text_printf(name, "%s.version-%d", store->path, (int)version);
        if (i > 1)
            text_printf(name, ".%d", i);
        if (name->failed)
            return error_set(error, ERROR_SYSTEM, "%s: not enough memory to back the store up", store->path);
        if (access(text_string(name), F_OK) != 0 && errno == ENOENT)
            return true;
    }
    return error_set(error, ERROR_SYSTEM, "%s: has %d backups beside it (%s, …): move some away", store->path,
                     MOST_BACKUPS - 1, text_string(name));
}

/* All pages at once. The source is another connection than the store's own, which holds the lock for writing: nobody
 * changes anything meanwhile, and a reader sees what was committed. */
static int copy_pages(const char *from, const char *to)
{
    sqlite3 *source = NULL, *copy = NULL;
    int code = sqlite3_open_v2(from, &source, SQLITE_OPEN_READONLY, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_open_v2(to, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (code == SQLITE_OK) {
        sqlite3_backup *backup = sqlite3_backup_init(copy, "main", source, "main");
        if (backup)
            sqlite3_backup_step(backup, -1);
        code = backup ? sqlite3_backup_finish(backup) : sqlite3_errcode(copy);
    }
    sqlite3_close_v2(source);
    int closed = sqlite3_close_v2(copy);
    return code == SQLITE_OK ? closed : code;
}

static bool reach_disk(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool right = file >= 0 && fsync(file) == 0;
    if (file >= 0)
        close(file);
    return right;
}

static bool reach_disk_with_folder(const char *path)
{
    struct text folder = {0};
    const char *slash = strrchr(path, '/');
    text_append_n(&folder, slash ? path : ".", slash ? (size_t)(slash - path) + 1 : 1);
    bool right = !folder.failed && reach_disk(text_string(&folder));
    text_free(&folder);
    return right;
}

/* Left behind by SQLite where a copy fails midway. */
static void remove_parts(const char *path)
{
    static const char *const ends[] = {"", "-journal", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct text name = {0};
        text_printf(&name, "%s%s", path, ends[i]);
        if (!name.failed)
            unlink(name.data);
        text_free(&name);
    }
}

bool store_back_up(struct store *store, int64_t version, struct text *name, struct error *error)
{
    struct text part = {0};
    if (!choose_name(store, version, name, error))
        return false;
    text_printf(&part, "%s.part-%ld", text_string(name), (long)getpid());
    int code = part.failed ? SQLITE_NOMEM : copy_pages(store->path, text_string(&part));
    errno = 0;
    bool right = code == SQLITE_OK && reach_disk(part.data) && rename(part.data, name->data) == 0 &&
                 reach_disk_with_folder(name->data);
    if (!right)
        error_set(error, ERROR_SYSTEM,
                  "%s: made by an older benchmark, and it can't be backed up before it is brought up to date: %s",
                  store->path, code == SQLITE_OK ? strerror(errno) : sqlite3_errstr(code));
    if (!right && part.data)
        remove_parts(part.data);
    text_free(&part);
    return right;
}
