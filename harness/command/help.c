/* --help, from the tables of commands and options. */
#include <string.h>

#include "harness/command/options.h"
#include "reports/format/wrap.h"

enum { HELP_COLUMN = 30 };

/* `name` at the left, what it does beside it, or below it where the name is long. */
static void write_entry(struct text *out, const char *name, const char *help, size_t columns, size_t beside)
{
    text_printf(out, "  %s", name);
    size_t width = 2 + text_columns(name);
    if (width + 2 > beside) {
        text_append(out, "\n");
        width = 0;
    }
    text_repeat(out, " ", beside - width);
    wrap_paragraph(out, help ? help : "", columns, beside, beside);
}

static void write_options(struct text *out, const struct poptOption *table, size_t columns)
{
    for (const struct poptOption *option = table; options_is_shown(option); option++) {
        struct text name = {0};
        if (option->shortName)
            text_printf(&name, "-%c%s", option->shortName, option->longName ? ", " : "");
        else
            text_append(&name, "    ");
        if (option->longName)
            text_printf(&name, "--%s", option->longName);
        const char *value = options_value(option);
        if (value)
            text_printf(&name, " %s", value);
        write_entry(out, text_string(&name), option->descrip, columns, HELP_COLUMN);
        text_free(&name);
    }
}

/* Paragraphs are separated by empty lines; a line that starts with a space stands as it is. */
static void write_paragraphs(struct text *out, const char *details, size_t columns)
{
    while (*details) {
        size_t length = strcspn(details, "\n");
        struct text line = {0};
        text_append_n(&line, details, length);
        if (*details == ' ')
            text_printf(out, "%s\n", text_string(&line));
        else
            wrap_paragraph(out, text_string(&line), columns, 0, 0);
        text_free(&line);
        details += length + (details[length] == '\n');
    }
}

void options_help(struct text *out, size_t columns)
{
    text_append(out, "Usage: benchmark COMMAND [OPTION]... [ARGUMENT]...\n");
    wrap_paragraph(out, "Measures this machine with models from tiny to large, and says which fit it and how fast.",
                   columns, 0, 0);
    text_append(out, "\nCommands:\n");
    for (size_t i = 0; commands[i]; i++)
        if (!commands[i]->hidden)
            write_entry(out, commands[i]->name, commands[i]->help, columns, 14);
    text_append(out, "\nOptions of every command:\n");
    write_options(out, options_common(), columns);
    text_append(out, "\n");
    write_paragraphs(out,
                     "Exit codes: 0 done; 1 done, and the answer is no; 2 wrong usage or bad input; 3 could not be "
                     "measured properly; 4 a fault of the program or the system under it.\n"
                     "\n"
                     "'benchmark COMMAND --help' tells more about a command.",
                     columns);
}

void options_command_help(struct text *out, const struct command *command, size_t columns)
{
    text_printf(out, "Usage: benchmark %s [OPTION]...%s%s\n", command->name, command->arguments ? " " : "",
                command->arguments ? command->arguments : "");
    wrap_paragraph(out, command->help, columns, 0, 0);
    if (command->details) {
        text_append(out, "\n");
        write_paragraphs(out, command->details, columns);
    }
    if (command->options && options_is_shown(command->options)) {
        text_append(out, "\nOptions:\n");
        write_options(out, command->options, columns);
    }
    text_append(out, "\nOptions of every command:\n");
    write_options(out, options_common(), columns);
}
