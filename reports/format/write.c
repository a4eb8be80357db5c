#include "reports/format/write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool write_descriptor(int descriptor, const char *bytes, size_t count, const char *name, struct error *error)
{
    while (count) {
        ssize_t written = write(descriptor, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_set(error, ERROR_SYSTEM, "%s: could not write the results: %s", name, strerror(errno));
        bytes += written;
        count -= (size_t)written;
    }
    return true;
}

/* Devices and pipes, and the names that stand for a descriptor: replacing those would cut them off. */
static bool is_direct(const char *path, const struct stat *status)
{
    return !S_ISREG(status->st_mode) || strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
}

static bool write_direct(const char *path, const char *bytes, size_t count, struct error *error)
{
    int file = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_APPEND);
    if (file < 0)
        return error_set(error, ERROR_SYSTEM, "%s: could not open for writing: %s", path, strerror(errno));
    bool right = write_descriptor(file, bytes, count, path, error);
    if (close(file) != 0 && right)
        right = error_set(error, ERROR_SYSTEM, "%s: could not write the results: %s", path, strerror(errno));
    return right;
}

/* Makes a file that no one else has in the folder of `path`. */
static int open_temporary(const char *path, char *temporary, size_t capacity)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path + 1) : 0;
    for (unsigned i = 0; i < 100; i++) {
        int length = snprintf(temporary, capacity, "%.*s.benchmark-%ld-%u.tmp", folder, path, (long)getpid(), i);
        if (length < 0 || (size_t)length >= capacity) {
            errno = ENAMETOOLONG;
            return -1;
        }
        int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (file >= 0 || errno != EEXIST)
            return file;
    }
    return -1;
}

static bool replace_file(const char *path, const struct stat *old, const char *bytes, size_t count, struct error *error)
{
    char temporary[PATH_MAX];
    int file = open_temporary(path, temporary, sizeof temporary);
    if (file < 0)
        return error_set(error, ERROR_SYSTEM, "%s: could not make a file there: %s", path, strerror(errno));
    bool right = write_descriptor(file, bytes, count, path, error);
    if (right && old) {
        /* Only root can give a file away; for others the new file is theirs, as with any editor. */
        if (fchown(file, old->st_uid, old->st_gid) != 0)
            errno = 0;
        if (fchmod(file, old->st_mode & 07777) != 0)
            right = error_set(error, ERROR_SYSTEM, "%s: could not keep its mode: %s", path, strerror(errno));
    }
    /* Some file systems have no fsync; a disk that is full may only say so here. */
    if (right && fsync(file) != 0 && errno != EINVAL && errno != ENOSYS)
        right = error_set(error, ERROR_SYSTEM, "%s: could not write the results: %s", path, strerror(errno));
    if (close(file) != 0 && right)
        right = error_set(error, ERROR_SYSTEM, "%s: could not write the results: %s", path, strerror(errno));
    if (right && rename(temporary, path) != 0)
        right = error_set(error, ERROR_SYSTEM, "%s: could not put the results there: %s", path, strerror(errno));
    if (!right)
        unlink(temporary);
    return right;
}

bool write_file(const char *path, const char *bytes, size_t count, struct error *error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return replace_file(path, NULL, bytes, count, error);
    if (is_direct(path, &status))
        return write_direct(path, bytes, count, error);
    char *real = realpath(path, NULL);
    bool right = replace_file(real ? real : path, &status, bytes, count, error);
    free(real);
    return right;
}

bool write_file_possible(const char *path, struct error *error)
{
    struct stat status;
    size_t length = strlen(path);
    if (stat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode))
            return error_set(error, ERROR_INPUT, "-o %s: that is a folder; name a file in it", path);
        if (access(path, W_OK) != 0)
            return error_set(error, ERROR_SYSTEM, "-o %s: may not be written: %s", path, strerror(errno));
        return true;
    }
    if (errno != ENOENT)
        return error_set(error, ERROR_INPUT, "-o %s: %s", path, strerror(errno));
    if (length == 0 || path[length - 1] == '/')
        return error_set(error, ERROR_INPUT, "-o '%s': is not the name of a file", path);
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
    if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode))
        return error_set(error, ERROR_INPUT, "-o %s: there is no folder %s", path, folder);
    if (access(folder, W_OK) != 0)
        return error_set(error, ERROR_SYSTEM, "-o %s: may not be written: %s", path, strerror(errno));
    return true;
}
