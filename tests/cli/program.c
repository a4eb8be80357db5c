#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MOST_WORDS = 40 };

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(99);
}

/* Splits a copy of the line in place. */
static void split(char *copy, const char **words)
{
    size_t count = 0;
    words[count++] = getenv("BENCHMARK_PROGRAM") ? getenv("BENCHMARK_PROGRAM") : "benchmark";
    for (char *word = strtok(copy, " "); word && count + 1 < MOST_WORDS; word = strtok(NULL, " "))
        words[count++] = word;
    words[count] = NULL;
}

static pid_t start(const char *line, int out, int err)
{
    char *copy = strdup(line);
    const char *words[MOST_WORDS];
    split(copy, words);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (out >= 0)
        posix_spawn_file_actions_adddup2(&actions, out, 1);
    else
        posix_spawn_file_actions_addclose(&actions, 1);
    posix_spawn_file_actions_adddup2(&actions, err, 2);
    pid_t child;
    errno = posix_spawn(&child, words[0], &actions, NULL, (char *const *)words, environ);
    if (errno)
        fail(words[0]);
    posix_spawn_file_actions_destroy(&actions);
    free(copy);
    return child;
}

static int finish(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            fail("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char *contents(int file, size_t *length)
{
    off_t end = lseek(file, 0, SEEK_END);
    char *text = calloc((size_t)end + 1, 1);
    if (!text || pread(file, text, (size_t)end, 0) != end)
        fail("reading what the program wrote");
    *length = (size_t)end;
    close(file);
    return text;
}

static struct answer run(const char *line, bool own_out, int out)
{
    int kept = own_out ? memfd_create("out", MFD_CLOEXEC) : -1, err = memfd_create("err", MFD_CLOEXEC);
    if ((own_out && kept < 0) || err < 0)
        fail("memfd_create");
    struct answer answer = {.code = finish(start(line, own_out ? kept : out, err))};
    size_t length;
    answer.err = contents(err, &length);
    answer.out = own_out ? contents(kept, &answer.out_length) : strdup("");
    return answer;
}

struct answer program_run(const char *line)
{
    return run(line, true, -1);
}

struct answer program_run_to(const char *line, int out)
{
    return run(line, false, out);
}

struct answer program_run_on_terminal(const char *line, int columns)
{
    int master, slave;
    struct winsize size = {.ws_row = 50, .ws_col = (unsigned short)columns};
    if (openpty(&master, &slave, NULL, NULL, &size) != 0)
        fail("openpty");
    fcntl(master, F_SETFD, FD_CLOEXEC);
    fcntl(slave, F_SETFD, FD_CLOEXEC);
    pid_t child = start(line, slave, slave);
    close(slave);
    struct answer answer = {.out = calloc(1 << 16, 1), .err = strdup("")};
    ssize_t count;
    while (answer.out_length < (1 << 16) - 1 &&
           (count = read(master, answer.out + answer.out_length, (1 << 16) - 1 - answer.out_length)) > 0)
        answer.out_length += (size_t)count;
    answer.code = finish(child);
    close(master);
    return answer;
}

void answer_free(struct answer *answer)
{
    free(answer->out);
    free(answer->err);
}

bool answer_is_one_line_error(const struct answer *answer)
{
    const char *end = strchr(answer->err, '\n');
    return !*answer->out && strncmp(answer->err, "benchmark: ", 11) == 0 && end && !end[1];
}
