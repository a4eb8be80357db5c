/* The hidden side of `run`: one case in a process of its own. */
#include <fcntl.h>
#include <unistd.h>

#include "harness/command/command.h"
#include "harness/run/worker.h"

static int run_worker(const struct invocation *invocation, struct error *error)
{
    (void)invocation;
    /* What a library prints goes where its complaints go: stdout is for the worker's lines alone. */
    int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (out < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        error_set(error, ERROR_SYSTEM, "worker: its streams can't be set up");
        return ERROR_SYSTEM;
    }
    int code = worker_run(STDIN_FILENO, out, error);
    close(out);
    return code;
}

const struct command command_worker = {
    .name = "worker",
    .help = "measures one case for `benchmark run`",
    .hidden = true,
    .run = run_worker,
};
