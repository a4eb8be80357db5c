/* A command is one file with one struct: its name, its options as a popt table, what it does. main.c holds the table.
 * Parsing, --help, the man page and the shell completions are all made from these structs. */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include <popt.h>
#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"

/* What every command understands; parsed by main.c before the command runs. */
struct invocation {
    const char *const *arguments; /* positional, NULL-ended */
    size_t argument_count;
    const char *const *command_line; /* argv as given, NULL-ended */
    const char *format;              /* "text" unless --format or --json */
    const char *output;              /* path of -o, or NULL for stdout */
    const char *database;            /* --db, BENCHMARK_DB or the default path */
    bool color;                      /* decided from --color, NO_COLOR and the terminal */
    bool progress;                   /* stderr is a terminal and neither --quiet nor --no-progress was given */
};

struct command {
    const char *name;
    const char *arguments;      /* as in usage: "RUN RUN…" */
    const char *help;           /* one line */
    const char *details;        /* paragraphs for --help and the man page, or NULL */
    struct poptOption *options; /* the command's own; variables are static in its file */
    size_t least_arguments, most_arguments;
    bool hidden; /* not listed: the worker side of run */
    /* Returns the exit code; on failure fills *error and returns its kind. Results to stdout or -o, else to stderr. */
    int (*run)(const struct invocation *invocation, struct error *error);
};

extern const struct command *const commands[]; /* NULL-ended */

#endif
