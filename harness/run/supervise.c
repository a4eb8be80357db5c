/* The parent's side of one worker; see supervise.h. */
#include "harness/run/supervise.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "harness/base/text.h"
#include "harness/run/clock.h"
#include "harness/run/process_end.h"
#include "harness/run/spawn.h"

enum { TICK_MS = 1000, LINE_MOST = 16 << 20, SAID_MOST = 2048 };

struct watch {
    const struct supervision *supervision;
    struct worker_process process;
    struct text in; /* the job, and how much of it was handed over */
    size_t in_done;
    struct text line; /* what came of the line under way */
    struct text said; /* the last it wrote on stderr */
    bool done, nonsense, failed;
    enum fate said_fate; /* of a worker that said "failed" */
    char why[400];       /* of nonsense and failed */
};

static void take_line(struct watch *watch, const char *bytes, size_t length)
{
    struct error error;
    json_t *line = json_parse(bytes, length, "worker", &error);
    const char *event = json_get_string(line, "event");
    if (event && !strcmp(event, "failed")) {
        const char *reason = json_get_string(line, "reason"), *status = json_get_string(line, "status");
        watch->failed = true;
        watch->said_fate = status && !strcmp(status, "out_of_memory") ? FATE_OUT_OF_MEMORY
                           : status && !strcmp(status, "skipped")     ? FATE_SKIPPED
                                                                      : FATE_FAILED;
        snprintf(watch->why, sizeof watch->why, "%s", reason ? reason : "the worker did not say why");
    } else if (!event || watch->done || !watch->supervision->take(watch->supervision->state, line)) {
        struct error shown; /* what it wrote, without control characters */
        error_set(&shown, ERROR_MEASURE, "the worker wrote something that is no record: %.*s",
                  (int)(length < 60 ? length : 60), bytes);
        snprintf(watch->why, sizeof watch->why, "%.399s", shown.message);
        watch->nonsense = true;
    } else if (!strcmp(event, "done")) {
        watch->done = true;
    }
    json_decref(line);
}

static void take_bytes(struct watch *watch, const char *bytes, size_t count)
{
    while (count && !watch->nonsense) {
        const char *end = memchr(bytes, '\n', count);
        size_t length = end ? (size_t)(end - bytes) : count;
        text_append_n(&watch->line, bytes, length);
        if (watch->line.length > LINE_MOST || watch->line.failed) {
            snprintf(watch->why, sizeof watch->why, "the worker wrote a line without end");
            watch->nonsense = true;
        } else if (end) {
            take_line(watch, text_string(&watch->line), watch->line.length);
            watch->line.length = 0;
        }
        bytes += length + (end != NULL);
        count -= length + (end != NULL);
    }
}

static void keep_said(struct watch *watch, const char *bytes, size_t count)
{
    text_append_n(&watch->said, bytes, count);
    if (watch->said.length > SAID_MOST) {
        size_t surplus = watch->said.length - SAID_MOST;
        memmove(watch->said.data, watch->said.data + surplus, SAID_MOST);
        watch->said.length = SAID_MOST;
        watch->said.data[SAID_MOST] = '\0';
    }
}

/* Reads what is there; closes the pipe at its end. */
static void drain(struct watch *watch, int *pipe, void (*take)(struct watch *, const char *, size_t))
{
    char block[65536];
    ssize_t count;
    while (*pipe >= 0 && !watch->nonsense && (count = read(*pipe, block, sizeof block)) != -1) {
        if (count > 0) {
            take(watch, block, (size_t)count);
            continue;
        }
        close(*pipe);
        *pipe = -1;
    }
}

/* A worker that has gone away shows by its end, not by our writing to it (SIGPIPE is ignored meanwhile). */
static void hand_over(struct watch *watch)
{
    if (watch->process.in < 0)
        return;
    ssize_t count = write(watch->process.in, watch->in.data + watch->in_done, watch->in.length - watch->in_done);
    if (count > 0)
        watch->in_done += (size_t)count;
    if (watch->in_done == watch->in.length || (count < 0 && errno != EAGAIN && errno != EINTR)) {
        close(watch->process.in);
        watch->process.in = -1;
    }
}

enum watched { ENDED, STOPPED, TIMED_OUT, SPOKE_NONSENSE };

static bool has_ended(const struct watch *watch, int *status, bool *reaped)
{
    /* Without a pidfd, the end of its output stands for its end. */
    if (watch->process.pidfd < 0 && watch->process.out >= 0)
        return false;
    *reaped = waitpid(watch->process.id, status, WNOHANG) == watch->process.id;
    return *reaped;
}

static enum watched watch_worker(struct watch *watch, int *status, bool *reaped)
{
    const struct supervision *supervision = watch->supervision;
    double end = clock_now_s() + supervision->timeout_s;
    while (true) {
        struct pollfd polled[] = {{watch->process.out, POLLIN, 0},
                                  {watch->process.err, POLLIN, 0},
                                  {watch->process.in, POLLOUT, 0},
                                  {watch->process.pidfd, POLLIN, 0}};
        double left_ms = fmin(TICK_MS, ceil((end - clock_now_s()) * 1000));
        if (left_ms > 0)
            poll(polled, 4, (int)left_ms);
        hand_over(watch);
        drain(watch, &watch->process.out, take_bytes);
        drain(watch, &watch->process.err, keep_said);
        if (watch->nonsense)
            return SPOKE_NONSENSE;
        if (has_ended(watch, status, reaped)) {
            drain(watch, &watch->process.out, take_bytes);
            drain(watch, &watch->process.err, keep_said);
            return watch->nonsense ? SPOKE_NONSENSE : ENDED;
        }
        if (supervision->stop && *supervision->stop)
            return STOPPED;
        if (clock_now_s() >= end)
            return TIMED_OUT;
        if (supervision->tick)
            supervision->tick(supervision->state);
    }
}

static enum fate judge_end(const struct watch *watch, int status, bool killed_for_memory, char *reason, size_t size)
{
    if (watch->failed) {
        snprintf(reason, size, "%s", watch->why);
        return watch->said_fate;
    }
    if (watch->done && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return FATE_DONE;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        snprintf(reason, size, "the worker ended before its case was done");
    return process_end_fate("the worker", status, killed_for_memory, text_string(&watch->said), reason, size);
}

static enum fate end_worker(struct watch *watch, enum watched how, int status, bool reaped,
                            unsigned long long kills_before, char *reason, size_t size)
{
    if (!reaped) {
        kill(watch->process.id, SIGKILL);
        while (waitpid(watch->process.id, &status, 0) < 0 && errno == EINTR)
            ;
    }
    if (how == STOPPED || how == TIMED_OUT)
        return process_cut_short(how == STOPPED, watch->supervision->timeout_s, reason, size);
    if (how == SPOKE_NONSENSE) {
        snprintf(reason, size, "%s", watch->why);
        return FATE_FAILED;
    }
    return judge_end(watch, status, process_kills_for_memory() > kills_before, reason, size);
}

bool supervise(const struct supervision *supervision, const json_t *job, enum fate *fate, char *reason,
               size_t reason_size, struct error *error)
{
    struct watch watch = {.supervision = supervision};
    char *bytes = json_write(job, false);
    text_append(&watch.in, bytes ? bytes : "");
    text_append(&watch.in, "\n");
    free(bytes);
    unsigned long long kills = process_kills_for_memory();
    void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN);
    bool started = spawn_worker(&supervision->program, supervision->cpus, supervision->threads, &watch.process, error);
    if (started) {
        int status = 0;
        bool reaped = false;
        enum watched how = watch_worker(&watch, &status, &reaped);
        *reason = '\0';
        *fate = end_worker(&watch, how, status, reaped, kills, reason, reason_size);
        const int ends[] = {watch.process.in, watch.process.out, watch.process.err, watch.process.pidfd};
        for (int i = 0; i < 4; i++)
            if (ends[i] >= 0)
                close(ends[i]);
    }
    signal(SIGPIPE, pipe_before);
    text_free(&watch.in);
    text_free(&watch.line);
    text_free(&watch.said);
    return started;
}
