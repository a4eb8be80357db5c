/* What a command line means, read from popt tables: a command's own and the one that all share. The same tables make
 * --help, the manual page and the shell completions, so that none of them can say something else. */
#ifndef COMMAND_OPTIONS_H
#define COMMAND_OPTIONS_H

#include <stdbool.h>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/command/command.h"

/* What was asked of the program as a whole. */
struct options {
    char *format, *output, *database, *color; /* NULL where not given; owned */
    bool quiet, no_progress, help, version;
};

/* The options that every command understands. */
const struct poptOption *options_common(void);
/* "json|csv|…" of --format; other options say it in their table. */
const char *options_value(const struct poptOption *option);
/* One that is shown: no table end, no included table, not hidden. */
bool options_is_shown(const struct poptOption *option);

/* Reads the options before the command's name; *used receives how many arguments they are (the name then follows, or
 * the end). */
bool options_read_leading(int count, const char **arguments, struct options *options, int *used, struct error *error);
/* Reads what follows the name. The context holds the positional arguments and is freed with poptFreeContext; NULL on
 * an error. */
poptContext options_read(const struct command *command, int count, const char **arguments, struct options *options,
                         struct error *error);
void options_free(struct options *options);

/* --help of the program and of a command, for lines of `columns`. */
void options_help(struct text *out, size_t columns);
void options_command_help(struct text *out, const struct command *command, size_t columns);

/* The name of the command that `benchmark NAME` runs; NULL with a line that has the nearest names. */
const struct command *command_find(const char *name, struct error *error);

#endif
