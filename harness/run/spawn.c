/* Starting a worker; see spawn.h. */
#include "harness/run/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/base/text.h"

extern char **environ;

/* Thread settings of the user's shell that would undo the pool's size and place. */
static const char *const dropped[] = {
    "OMP_NUM_THREADS=", "OMP_THREAD_LIMIT=",  "OMP_DYNAMIC=",       "OMP_PLACES=",           "OMP_PROC_BIND=",
    "OMP_SCHEDULE=",    "GOMP_CPU_AFFINITY=", "KMP_AFFINITY=",      "OPENBLAS_NUM_THREADS=", "GOTO_NUM_THREADS=",
    "MKL_NUM_THREADS=", "BLIS_NUM_THREADS=",  "OPENBLAS_MAIN_FREE="};

static bool is_dropped(const char *variable)
{
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        if (!strncmp(variable, dropped[i], strlen(dropped[i])))
            return true;
    return false;
}

/* OpenMP reads its settings before main begins, so they are handed over in the environment: the runtime then keeps each
 * thread on its CPU whenever it makes the pool anew. */
static bool describe_pool(struct text *pool, const int *cpus, size_t threads)
{
    text_printf(pool, "OMP_NUM_THREADS=%zu", threads);
    text_append_n(pool, "", 1); /* one string after another */
    text_append_n(pool, "OMP_PROC_BIND=true", 19);
    text_append(pool, "OMP_PLACES=");
    for (size_t i = 0; i < threads; i++)
        text_printf(pool, "%s{%d}", i ? "," : "", cpus[i]);
    return !pool->failed;
}

/* The environment with the strings of `pool`, which must live as long. */
static char **make_environment(struct text *pool)
{
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **result = calloc(count + 4, sizeof *result);
    for (size_t i = 0; result && i < count; i++)
        if (!is_dropped(environ[i]))
            result[kept++] = environ[i];
    for (char *string = pool->data; result && string < pool->data + pool->length; string += strlen(string) + 1)
        result[kept++] = string;
    return result;
}

/* In the child, where only async-signal-safe calls are allowed. */
static void become_worker(const struct worker_program *program, char **environment, const int ends[3], pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before we asked to be told */
        _exit(127);
    /* A terminal's interrupt goes to the parent, which decides. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    for (int i = 0; i < 3; i++)
        if (dup2(ends[i], i) < 0)
            _exit(127);
    syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC); /* where it is missing, ours are O_CLOEXEC already */
    char *arguments[] = {(char *)"benchmark", (char *)program->argument, NULL};
    execve(program->path, arguments, environment);
    _exit(127);
}

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            close(pair[i]);
}

static bool open_pipes(int pipes[3][2])
{
    for (int i = 0; i < 3; i++)
        pipes[i][0] = pipes[i][1] = -1;
    for (int i = 0; i < 3; i++)
        if (pipe2(pipes[i], O_CLOEXEC))
            return false;
    return true;
}

bool spawn_worker(const struct worker_program *program, const int *cpus, size_t threads, struct worker_process *process,
                  struct error *error)
{
    int pipes[3][2];
    struct text pool = {0};
    char **environment = describe_pool(&pool, cpus, threads) ? make_environment(&pool) : NULL;
    pid_t parent = getpid(), child = -1;
    if (open_pipes(pipes) && environment)
        child = fork();
    if (child == 0) {
        const int ends[3] = {pipes[0][0], pipes[1][1], pipes[2][1]};
        become_worker(program, environment, ends, parent);
    }
    int why = errno;
    free(environment);
    text_free(&pool);
    if (child < 0) {
        for (int i = 0; i < 3; i++)
            close_pair(pipes[i]);
        return error_set(error, ERROR_SYSTEM, "a worker can't be started: %s", strerror(why));
    }
    close(pipes[0][0]);
    close(pipes[1][1]);
    close(pipes[2][1]);
    *process = (struct worker_process){.id = child, .in = pipes[0][1], .out = pipes[1][0], .err = pipes[2][0]};
    fcntl(process->in, F_SETFL, O_NONBLOCK);
    fcntl(process->out, F_SETFL, O_NONBLOCK);
    fcntl(process->err, F_SETFL, O_NONBLOCK);
    process->pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    return true;
}
