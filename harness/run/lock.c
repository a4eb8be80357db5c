#include "harness/run/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "harness/base/text.h"
#include "harness/run/clock.h"

static long holder(const char *path)
{
    char *text = text_read_file(path, 64);
    long process = text ? strtol(text, NULL, 10) : 0;
    free(text);
    return process;
}

/* For whoever waits; that it couldn't be written harms nothing. */
static void sign(int file)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(file, 0) == 0 && pwrite(file, text, (size_t)length, 0) < 0)
        errno = 0;
}

bool run_lock_take(struct run_lock *lock, const char *database, double patience_s, volatile sig_atomic_t *stop,
                   void (*waiting)(void *state, long process), void *state, struct error *error)
{
    struct text path = {0};
    text_printf(&path, "%s.lock", database);
    lock->file = open(text_string(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    bool right = lock->file >= 0, told = false;
    if (!right)
        error_set(error, ERROR_SYSTEM, "%s: can't be opened, and it keeps two runs apart: %s", text_string(&path),
                  strerror(errno));
    double end = clock_now_s() + patience_s;
    while (right && flock(lock->file, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            right = error_set(error, ERROR_SYSTEM, "%s: can't be locked: %s", text_string(&path), strerror(errno));
        } else if (stop && *stop) {
            right = false;
        } else if (clock_now_s() >= end) {
            right = error_set(error, ERROR_MEASURE,
                              "another run (process %ld) is still measuring, and each would be the other's noise: "
                              "try again when it has ended",
                              holder(text_string(&path)));
        } else {
            if (!told && waiting)
                waiting(state, holder(text_string(&path)));
            told = true;
            usleep(100000);
        }
    }
    if (right)
        sign(lock->file);
    else
        run_lock_release(lock);
    text_free(&path);
    return right;
}

void run_lock_release(struct run_lock *lock)
{
    if (lock->file >= 0)
        close(lock->file);
    lock->file = -1;
}
