/* Running the real program from a test, and what it answered. */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

struct answer {
    int code;        /* exit status, or 128 + the signal that ended it */
    char *out, *err; /* what it wrote; NUL-terminated */
    size_t out_length;
};

/* Runs BENCHMARK_PROGRAM with the words of `line`, split at spaces (no quoting), in the test's folder and environment;
 * stdin is empty. The answer is freed with answer_free. */
struct answer program_run(const char *line);
/* With stdout going to a descriptor instead (-1: closed); `out` is then empty. */
struct answer program_run_to(const char *line, int out);
/* On a terminal of this many columns, which stdout and stderr are. */
struct answer program_run_on_terminal(const char *line, int columns);
void answer_free(struct answer *answer);

/* One line, `benchmark: …`, and nothing on stdout. */
bool answer_is_one_line_error(const struct answer *answer);

#endif
