/* A command is one file with one struct: its name, its options as a popt table, what it does. main.c holds the table.
 * Parsing, --help, the man page and the shell completions are all made from these structs. */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include <popt.h>
#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "reports/report.h"

/* What every command understands; parsed by main.c before the command runs. */
struct invocation {
    const char *const *arguments; /* positional, NULL-ended */
    size_t argument_count;
    const char *const *command_line; /* argv as given, NULL-ended */
    const char *format;              /* of --format or --json, else the command's own */
    const char *output;              /* path of -o, or NULL for stdout */
    const char *database;            /* --db, BENCHMARK_DB or the default path; never NULL */
    bool color;                      /* decided from --color, NO_COLOR and the terminal */
    bool progress;                   /* stderr is a terminal and neither --quiet nor --no-progress was given */
};

struct command {
    const char *name;
    const char *arguments;      /* as in usage: "RUN RUN…" */
    const char *argument_words; /* what shells offer for them: `benchmark list` of this ("models"), or NULL */
    const char *help;           /* one line */
    const char *details;        /* paragraphs for --help and the man page, or NULL */
    /* The command's own, ended by POPT_TABLEEND; `val` is 0, the variables are static in the command's file. Values are
     * POPT_ARG_STRING (or POPT_ARG_ARGV where an option may be given more than once), read with base/parse.h: popt's
     * numeric types take junk. A value's description of the form "a|b|c" is completed by the shells. */
    struct poptOption *options;
    size_t least_arguments, most_arguments;
    bool hidden;        /* not listed: the worker side of run */
    const char *format; /* what it writes unless told otherwise; NULL: text */
    /* Returns the exit code; on failure fills *error and returns its kind. Results to stdout or -o, else to stderr. */
    int (*run)(const struct invocation *invocation, struct error *error);
};

extern const struct command *const commands[]; /* NULL-ended */

/* Writes the report as --format says to where -o says, and frees it (NULL: out of memory). Returns 0, or the error's
 * kind with *error filled: a command ends with `return command_write(invocation, report, error);`. */
int command_write(const struct invocation *invocation, struct report *report, struct error *error);
/* The same for text that is no report (the manual page); frees what *text holds. */
int command_write_text(const struct invocation *invocation, struct text *text, struct error *error);

#endif
