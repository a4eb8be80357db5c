/* `benchmark man`: the manual page, made of the same tables as parsing and --help. Written in the man(7) macros. */
#include <string.h>
#include <unistd.h>

#include "harness/command/options.h"
#include "reports/format/write.h"

/* Text as roff prints it: a line must not start with a request, a hyphen must stay one that can be copied. */
static void append_roff(struct text *out, const char *string)
{
    for (const char *c = string; *c; c++) {
        if ((*c == '.' || *c == '\'') && (c == string || c[-1] == '\n'))
            text_append(out, "\\&");
        if (*c == '\\')
            text_append(out, "\\e");
        else if (*c == '-')
            text_append(out, "\\-");
        else
            text_append_n(out, c, 1);
    }
}

static void append_line(struct text *out, const char *macro, const char *string)
{
    text_append(out, macro);
    append_roff(out, string);
    text_append(out, "\n");
}

static void append_options(struct text *out, const struct poptOption *table)
{
    for (const struct poptOption *option = table; option && options_is_shown(option); option++) {
        const char *value = options_value(option);
        text_append(out, ".TP\n");
        if (option->shortName)
            text_printf(out, "\\fB\\-%c\\fR%s", option->shortName, option->longName ? ", " : "");
        if (option->longName) {
            text_append(out, "\\fB\\-\\-");
            append_roff(out, option->longName);
            text_append(out, "\\fR");
        }
        if (value) {
            text_append(out, " \\fI");
            append_roff(out, value);
            text_append(out, "\\fR");
        }
        text_append(out, "\n");
        append_line(out, "", option->descrip ? option->descrip : "");
    }
}

/* Empty lines part paragraphs; lines that start with a space stand as they are, as in --help. */
static void append_details(struct text *out, const char *details)
{
    bool as_is = false;
    while (*details) {
        size_t length = strcspn(details, "\n");
        struct text line = {0};
        text_append_n(&line, details, length);
        bool example = *details == ' ';
        if (example != as_is)
            text_append(out, example ? ".PP\n.nf\n" : ".fi\n");
        if (length == 0)
            text_append(out, ".PP\n");
        else
            append_line(out, "", text_string(&line));
        as_is = example;
        text_free(&line);
        details += length + (details[length] == '\n');
    }
    text_append(out, as_is ? ".fi\n" : "");
}

static void append_command(struct text *out, const struct command *command)
{
    text_printf(out, ".SS \"benchmark %s", command->name);
    text_append(out, " [OPTION]...");
    if (command->arguments) {
        text_append(out, " ");
        append_roff(out, command->arguments);
    }
    text_append(out, "\"\n");
    append_line(out, "", command->help);
    if (command->details) {
        text_append(out, ".PP\n");
        append_details(out, command->details);
    }
    append_options(out, command->options);
}

static void append_page(struct text *out)
{
    text_append(out, ".TH BENCHMARK 1 \"\" \"benchmark " BENCHMARK_VERSION "\" \"User Commands\"\n"
                     ".SH NAME\n"
                     "benchmark \\- which model size fits this machine, from measurements\n"
                     ".SH SYNOPSIS\n"
                     ".B benchmark\n"
                     "\\fICOMMAND\\fR [\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n"
                     ".SH DESCRIPTION\n"
                     "Runs models from tiny to large on this machine, in training and in use, and says which fit it, "
                     "how fast they are and what limits them. Results go to standard output, everything else to "
                     "standard error.\n"
                     ".SH COMMANDS\n");
    for (size_t i = 0; commands[i]; i++)
        if (!commands[i]->hidden)
            append_command(out, commands[i]);
    text_append(out, ".SH OPTIONS OF EVERY COMMAND\n");
    append_options(out, options_common());
    text_append(out, ".SH EXIT STATUS\n"
                     ".TP\n.B 0\nDone; for fit with demands, something fits; for regress, no regression.\n"
                     ".TP\n.B 1\nDone, and the answer is no: nothing fits, or there is a regression.\n"
                     ".TP\n.B 2\nWrong usage or bad input; one line says what, where and what would be right.\n"
                     ".TP\n.B 3\nCould not measure properly: cases failed, or the machine was too noisy to judge.\n"
                     ".TP\n.B 4\nA fault of the program or the system under it, such as a full disk.\n"
                     ".TP\n.B 130, 143\nInterrupted; what was finished is kept.\n"
                     ".SH ENVIRONMENT\n"
                     ".TP\n.B BENCHMARK_DB\nThe store of runs, where \\-\\-db is not given.\n"
                     ".TP\n.B XDG_DATA_HOME\nThe folder of the store otherwise; ~/.local/share where it is not set.\n"
                     ".TP\n.B NO_COLOR\nNo colours, unless \\-\\-color says so.\n"
                     ".TP\n.B COLUMNS\nThe width of a terminal that does not tell its own.\n"
                     ".SH FILES\n"
                     ".TP\n.I $XDG_DATA_HOME/benchmark/history.db\nThe runs of this user, in SQLite.\n");
}

static int run_man(const struct invocation *invocation, struct error *error)
{
    struct text page = {0};
    append_page(&page);
    return command_write_text(invocation, &page, error);
}

const struct command command_man = {
    .name = "man",
    .help = "the manual page, for man(1)",
    .hidden = true,
    .run = run_man,
};
