#include "harness/run/program.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/parse.h"
#include "harness/run/clock.h"
#include "harness/run/process_end.h"

extern char **environ;

enum { TICK_MS = 1000, BLIND_TICK_MS = 50, SAID_MOST = 2048 };

struct foreign {
    const struct program_call *call;
    pid_t id;
    int out, err, pidfd; /* -1 when closed, or where the kernel has no pidfd */
    struct text *written, said;
};

enum watched { ENDED, STOPPED, TIMED_OUT, WROTE_TOO_MUCH };

/* ---- finding it ---- */

static bool is_program(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

bool program_find(const char *name, char *path, size_t size)
{
    if (strchr(name, '/'))
        return (size_t)snprintf(path, size, "%s", name) < size && is_program(path);
    const char *folders = getenv("PATH");
    for (const char *at = folders && *name ? folders : ""; *at;) {
        size_t length = strcspn(at, ":");
        int needed = snprintf(path, size, "%.*s/%s", (int)length, at, name);
        if (length > 0 && needed > 0 && (size_t)needed < size && is_program(path))
            return true;
        at += length + (at[length] == ':');
    }
    return false;
}

/* ---- starting it ---- */

/* A group of its own, so that what it starts can be ended with it; signals as any program expects them. */
static bool set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGTERM);
    sigaddset(&defaults, SIGPIPE);
    short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    return posix_spawnattr_setpgroup(attributes, 0) == 0 && posix_spawnattr_setsigmask(attributes, &none) == 0 &&
           posix_spawnattr_setsigdefault(attributes, &defaults) == 0 &&
           posix_spawnattr_setflags(attributes, flags) == 0;
}

/* Returns an errno. */
static int spawn(struct foreign *foreign, int out, int err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int why = posix_spawn_file_actions_init(&actions);
    if (why)
        return why;
    why = posix_spawnattr_init(&attributes);
    if (!why) {
        why = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        why = why ? why : posix_spawn_file_actions_adddup2(&actions, out, 1);
        why = why ? why : posix_spawn_file_actions_adddup2(&actions, err, 2);
        why = why || set_attributes(&attributes) ? why : ENOMEM;
        why = why ? why
                  : posix_spawn(&foreign->id, foreign->call->path, &actions, &attributes,
                                (char *const *)foreign->call->arguments, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return why;
}

static void close_end(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

static bool start(struct foreign *foreign, struct error *error)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    int why = pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) ? errno : spawn(foreign, out[1], err[1]);
    close_end(&out[1]);
    close_end(&err[1]);
    if (why) {
        close_end(&out[0]);
        close_end(&err[0]);
        return error_set(error, ERROR_INPUT, "%s can't be started: %s", foreign->call->path, strerror(why));
    }
    foreign->out = out[0];
    foreign->err = err[0];
    fcntl(foreign->out, F_SETFL, O_NONBLOCK);
    fcntl(foreign->err, F_SETFL, O_NONBLOCK);
    foreign->pidfd = (int)syscall(SYS_pidfd_open, foreign->id, 0);
    return true;
}

/* ---- watching it ---- */

/* Reads what is there into `text`, of which no more than `most` bytes are kept at a time: the last ones. */
static void drain(int *pipe, struct text *text, size_t most)
{
    char block[65536];
    ssize_t count;
    while (*pipe >= 0 && (count = read(*pipe, block, sizeof block)) != -1) {
        if (count == 0) {
            close_end(pipe);
            break;
        }
        text_append_n(text, block, (size_t)count);
        if (text->length > 2 * most) {
            memmove(text->data, text->data + text->length - most, most + 1);
            text->length = most;
        }
    }
}

static bool took_too_much(struct foreign *foreign)
{
    drain(&foreign->err, &foreign->said, SAID_MOST);
    drain(&foreign->out, foreign->written, foreign->call->most_bytes);
    return foreign->written->length > foreign->call->most_bytes || foreign->written->failed;
}

/* It stays to be waited for, so that its number, and its group's, are nobody else's. */
static bool has_ended(const struct foreign *foreign)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)foreign->id, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == foreign->id;
}

static enum watched watch(struct foreign *foreign)
{
    const struct program_call *call = foreign->call;
    double end = clock_now_s() + call->timeout_s;
    while (true) {
        struct pollfd polled[] = {{foreign->out, POLLIN, 0}, {foreign->err, POLLIN, 0}, {foreign->pidfd, POLLIN, 0}};
        double left_ms = fmin(foreign->pidfd < 0 ? BLIND_TICK_MS : TICK_MS, ceil((end - clock_now_s()) * 1000));
        if (left_ms > 0)
            poll(polled, 3, (int)left_ms);
        bool ended = has_ended(foreign);
        if (took_too_much(foreign))
            return WROTE_TOO_MUCH;
        if (ended)
            return ENDED;
        if (call->stop && *call->stop)
            return STOPPED;
        if (clock_now_s() >= end)
            return TIMED_OUT;
        if (call->tick)
            call->tick(call->state);
    }
}

static enum fate judge(const struct foreign *foreign, enum watched how, int status, bool killed_for_memory,
                       char *reason, size_t size)
{
    const char *name = foreign->call->arguments[0];
    if (how == STOPPED || how == TIMED_OUT)
        return process_cut_short(how == STOPPED, foreign->call->timeout_s, reason, size);
    if (how == WROTE_TOO_MUCH) {
        char limit[32];
        format_size(foreign->call->most_bytes, limit, sizeof limit);
        snprintf(reason, size, "%s wrote more than %s: killed", name, limit);
        return FATE_FAILED;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return FATE_DONE;
    return process_end_fate(name, status, killed_for_memory, text_string(&foreign->said), reason, size);
}

bool program_run(const struct program_call *call, struct program_end *end, struct error *error)
{
    *end = (struct program_end){.peak_bytes = BYTES_UNKNOWN};
    struct foreign foreign = {.call = call, .out = -1, .err = -1, .pidfd = -1, .written = &end->out};
    unsigned long long kills = process_kills_for_memory();
    double begin = clock_now_s();
    if (!start(&foreign, error))
        return false;
    int status = 0;
    struct rusage usage = {0};
    enum watched how = watch(&foreign);
    kill(-foreign.id, SIGKILL); /* what it started too */
    while (wait4(foreign.id, &status, 0, &usage) < 0 && errno == EINTR)
        ;
    end->seconds = clock_now_s() - begin;
    if (usage.ru_maxrss > 0)
        end->peak_bytes = (uint64_t)usage.ru_maxrss << 10;
    end->fate = judge(&foreign, how, status, process_kills_for_memory() > kills, end->reason, sizeof end->reason);
    close_end(&foreign.out);
    close_end(&foreign.err);
    close_end(&foreign.pidfd);
    text_free(&foreign.said);
    return true;
}
