/* Describing a machine from an XML export that anybody may have written. hwloc's reader trusts its input (a processing
 * unit numbered four billion allocates half a gigabyte, some contradictions end in an assertion), so a child process
 * with limits on memory and time reads it and passes on the machine as JSON, which is checked like any other file. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/json.h"
#include "harness/base/text.h"
#include "probes/topology.h"

enum { FILE_LIMIT = 64 << 20, CHILD_SECONDS = 20 };

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static void limit_child(void)
{
    struct rlimit seconds = {CHILD_SECONDS, CHILD_SECONDS}, core = {0, 0};
    setrlimit(RLIMIT_CPU, &seconds);
    setrlimit(RLIMIT_CORE, &core);
#ifndef SANITIZED /* whose shadow memory alone is terabytes of address space */
    uint64_t pages = 0;
    char *text = text_read_file("/proc/self/statm", 4096);
    if (text)
        pages = strtoull(text, NULL, 10);
    free(text);
    rlim_t most = (rlim_t)(pages * (uint64_t)sysconf(_SC_PAGESIZE) + ((uint64_t)1 << 30));
    struct rlimit space;
    if (getrlimit(RLIMIT_AS, &space) == 0 && (space.rlim_cur == RLIM_INFINITY || space.rlim_cur > most)) {
        space.rlim_cur = most;
        setrlimit(RLIMIT_AS, &space);
    }
#endif
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
    }
}

static bool write_all(int descriptor, const char *bytes, size_t count)
{
    while (count) {
        ssize_t written = write(descriptor, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        count -= (size_t)written;
    }
    return true;
}

/* The child's whole life: never returns. Its answer starts with '+' and the machine, or '-' and a message. */
static _Noreturn void child(int out, const char *xml, size_t length,
                            void (*describe)(hwloc_topology_t, struct machine *), struct machine *machine)
{
    struct error error = {0};
    limit_child();
    hwloc_topology_t topology = topology_load_xml(xml, length, &error);
    if (!topology) {
        bool told = write_all(out, "-", 1) && write_all(out, error.message, strlen(error.message));
        _exit(told ? 0 : 1);
    }
    describe(topology, machine);
    json_t *document = machine_to_json(machine);
    char *text = document ? json_write(document, false) : NULL;
    _exit(text && write_all(out, "+", 1) && write_all(out, text, strlen(text)) ? 0 : 1);
}

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* All that the child writes, until it ends or its time is over. */
static bool read_answer(int in, struct text *answer)
{
    double deadline = now_s() + CHILD_SECONDS;
    for (char bytes[65536];;) {
        double left = deadline - now_s();
        struct pollfd ready = {.fd = in, .events = POLLIN};
        if (left <= 0 || answer->length > FILE_LIMIT)
            return false;
        int events = poll(&ready, 1, (int)(left * 1000) + 1);
        if (events < 0 && errno != EINTR)
            return false;
        if (events <= 0)
            continue;
        ssize_t count = read(in, bytes, sizeof bytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count == 0 && !answer->failed;
        text_append_n(answer, bytes, (size_t)count);
    }
}

static bool judge_answer(const struct text *answer, bool ended_well, struct machine *machine, struct error *error)
{
    if (!ended_well || answer->length < 2)
        return error_set(error, ERROR_INPUT,
                         "hwloc fails on it: its objects contradict each other or are too many; export it again with "
                         "`lstopo --of xml`");
    if (answer->data[0] == '-')
        return error_set(error, ERROR_INPUT, "%s", answer->data + 1);
    json_t *document = json_parse(answer->data + 1, answer->length - 1, "topology", error);
    bool right = document && machine_from_json(machine, document, error);
    json_decref(document);
    return right;
}

static bool describe_in_child(const char *xml, size_t length, void (*describe)(hwloc_topology_t, struct machine *),
                              struct machine *machine, struct error *error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return error_set(error, ERROR_SYSTEM, "cannot make a pipe: %s", strerror(errno));
    pid_t process = fork();
    if (process < 0) {
        close(ends[0]);
        close(ends[1]);
        return error_set(error, ERROR_SYSTEM, "cannot start a process: %s", strerror(errno));
    }
    if (process == 0)
        child(ends[1], xml, length, describe, machine);
    close(ends[1]);
    struct text answer = {0};
    bool whole = read_answer(ends[0], &answer);
    close(ends[0]);
    if (!whole)
        kill(process, SIGKILL);
    int status = 0;
    while (waitpid(process, &status, 0) < 0 && errno == EINTR)
        ;
    bool right = judge_answer(&answer, whole && WIFEXITED(status) && WEXITSTATUS(status) == 0, machine, error);
    text_free(&answer);
    return right;
}

bool topology_file_describe(const char *path, void (*describe)(hwloc_topology_t, struct machine *),
                            struct machine *machine, struct error *error)
{
    bool standard_input = strcmp(path, "-") == 0;
    const char *name = standard_input ? "standard input" : path;
    errno = 0;
    char *xml = text_read_file(standard_input ? "/dev/stdin" : path, FILE_LIMIT);
    if (!xml)
        return error_set(error, ERROR_INPUT, "%s: %s", name,
                         errno ? strerror(errno) : "larger than 64 MiB, which no topology is");
    size_t length = strlen(xml);
    bool right = topology_check_xml(xml, length, error) && describe_in_child(xml, length + 1, describe, machine, error);
    free(xml);
    return right || error_prefix(error, "%s", name);
}
