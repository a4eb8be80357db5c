/* Faults on demand: SQLite's files go through a shim of its VFS (https://sqlite.org/vfs.html), its memory through
 * SQLITE_CONFIG_MALLOC, jansson's through its hooks, and the program's own through the linker's --wrap. */
#include "faults.h"

#include <errno.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdlib.h>

const char *const fault_names[FAULT_COUNT] = {
    "open",      "read", "write", "write (disk full)",   "fsync",
    "truncate",  "lock", "map",   "SQLite's allocation", "jansson's allocation",
    "allocation"};

static enum fault armed = FAULT_COUNT;
static long countdown;
bool fault_struck;

/* Whether this is the one that fails; none after it does. */
static bool strikes(enum fault fault)
{
    if (fault != armed || fault_struck || --countdown > 0)
        return false;
    return fault_struck = true;
}

void fault_arm(enum fault fault, long place)
{
    armed = fault;
    countdown = place;
    fault_struck = false;
}

void fault_disarm(void)
{
    armed = FAULT_COUNT;
}

/* ---- allocations ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size)
{
    return strikes(FAULT_ALLOCATION) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return strikes(FAULT_ALLOCATION) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return strikes(FAULT_ALLOCATION) ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return strikes(FAULT_ALLOCATION) ? NULL : __real_strdup(text);
}

/* Nothing here depends on what really reached the disk, and a disk that is asked ten thousand times takes minutes. */
int __wrap_fsync(int file);
int __wrap_fsync(int file)
{
    (void)file;
    if (!strikes(FAULT_SYNC))
        return 0;
    errno = EIO;
    return -1;
}

static void *json_allocate(size_t size)
{
    return strikes(FAULT_JSON_ALLOCATION) ? NULL : __real_malloc(size);
}

static sqlite3_mem_methods memory;

static void *sqlite_allocate(int size)
{
    return strikes(FAULT_SQLITE_ALLOCATION) ? NULL : memory.xMalloc(size);
}

static void *sqlite_reallocate(void *old, int size)
{
    return strikes(FAULT_SQLITE_ALLOCATION) ? NULL : memory.xRealloc(old, size);
}

/* ---- files ---- */

struct shim_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
};

#define REAL(file) (((struct shim_file *)(file))->real)
#define PASS(method, ...) (REAL(file)->pMethods->method(REAL(file), ##__VA_ARGS__))

static int shim_close(sqlite3_file *file)
{
    return PASS(xClose);
}

static int shim_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 place)
{
    return strikes(FAULT_READ) ? SQLITE_IOERR_READ : PASS(xRead, bytes, count, place);
}

static int shim_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 place)
{
    if (strikes(FAULT_FULL)) { /* half of it is written, as by a disk that fills up */
        PASS(xWrite, bytes, count / 2, place);
        return SQLITE_FULL;
    }
    return strikes(FAULT_WRITE) ? SQLITE_IOERR_WRITE : PASS(xWrite, bytes, count, place);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return strikes(FAULT_TRUNCATE) ? SQLITE_IOERR_TRUNCATE : PASS(xTruncate, size);
}

/* See __wrap_fsync. */
static int shim_sync(sqlite3_file *file, int flags)
{
    (void)file;
    (void)flags;
    return strikes(FAULT_SYNC) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return PASS(xFileSize, size);
}

static int shim_lock(sqlite3_file *file, int level)
{
    return strikes(FAULT_LOCK) ? SQLITE_IOERR_LOCK : PASS(xLock, level);
}

static int shim_unlock(sqlite3_file *file, int level)
{
    return PASS(xUnlock, level);
}

static int shim_reserved(sqlite3_file *file, int *reserved)
{
    return PASS(xCheckReservedLock, reserved);
}

static int shim_control(sqlite3_file *file, int what, void *with)
{
    return PASS(xFileControl, what, with);
}

static int shim_sector(sqlite3_file *file)
{
    return PASS(xSectorSize);
}

static int shim_device(sqlite3_file *file)
{
    return PASS(xDeviceCharacteristics);
}

static int shim_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory_of)
{
    return strikes(FAULT_SHARED_MEMORY) ? SQLITE_IOERR_SHMMAP : PASS(xShmMap, page, size, extend, memory_of);
}

static int shim_map_lock(sqlite3_file *file, int offset, int count, int flags)
{
    bool takes = flags & SQLITE_SHM_LOCK; /* letting go of one doesn't fail */
    return takes && strikes(FAULT_LOCK) ? SQLITE_IOERR_SHMLOCK : PASS(xShmLock, offset, count, flags);
}

static void shim_barrier(sqlite3_file *file)
{
    PASS(xShmBarrier);
}

static int shim_unmap(sqlite3_file *file, int remove)
{
    return PASS(xShmUnmap, remove);
}

static const sqlite3_io_methods shim_methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_device,
    .xShmMap = shim_map,
    .xShmLock = shim_map_lock,
    .xShmBarrier = shim_barrier,
    .xShmUnmap = shim_unmap,
};

static sqlite3_vfs shim;

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    sqlite3_vfs *real = vfs->pAppData;
    struct shim_file *own = (struct shim_file *)file;
    own->base.pMethods = NULL;
    own->real = (sqlite3_file *)(own + 1);
    if (strikes(FAULT_OPEN))
        return SQLITE_CANTOPEN;
    int code = real->xOpen(real, name, own->real, flags, out_flags);
    if (own->real->pMethods)
        own->base.pMethods = &shim_methods;
    return code;
}

void faults_take_over(void)
{
    sqlite3_mem_methods own;
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory);
    own = memory;
    own.xMalloc = sqlite_allocate;
    own.xRealloc = sqlite_reallocate;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &own);
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    shim = *real;
    shim.zName = "faults";
    shim.pAppData = real;
    shim.szOsFile += (int)sizeof(struct shim_file);
    shim.xOpen = shim_open;
    sqlite3_vfs_register(&shim, 1);
    json_set_alloc_funcs(json_allocate, free);
}
