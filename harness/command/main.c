/* The table of commands, and the one way from a command line to an exit code. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/parse.h"
#include "harness/command/options.h"
#include "reports/format/format.h"
#include "reports/format/write.h"

extern const struct command command_fit, command_run, command_report, command_explain, command_compare, command_regress,
    command_history, command_validate, command_probe, command_doctor, command_list, command_import, command_export,
    command_man, command_completion, command_worker;

/* In the order in which --help shows them: as one meets them. */
const struct command *const commands[] = {
    &command_fit,
    &command_run,
    &command_report,
    &command_explain,
    &command_compare,
    &command_regress,
    &command_history,
    &command_validate,
    &command_probe,
    &command_doctor,
    &command_list,
    &command_import,
    &command_export,
    &command_man,
    &command_completion,
    &command_worker,
    NULL,
};

/* A file that is opened while 0, 1 or 2 is closed would take its place, and results or warnings would be written into
 * it. The stand-in refuses what the closed one would have refused. */
static void keep_standard_descriptors(void)
{
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF)
            open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
}

static bool is_plain_terminal(int descriptor)
{
    const char *terminal = getenv("TERM");
    return isatty(descriptor) && terminal && strcmp(terminal, "dumb") != 0;
}

static bool decide_color(const struct options *options, bool *color, struct error *error)
{
    const char *when = options->color ? options->color : "auto", *no_color = getenv("NO_COLOR");
    bool to_stdout = !options->output || strcmp(options->output, "-") == 0;
    if (strcmp(when, "always") == 0)
        *color = true;
    else if (strcmp(when, "never") == 0)
        *color = false;
    else if (strcmp(when, "auto") == 0)
        *color = to_stdout && !(no_color && *no_color) && is_plain_terminal(STDOUT_FILENO);
    else
        return error_set(error, ERROR_INPUT, "--color: '%s' is none of auto, always and never", when);
    return true;
}

static bool decide_format(const struct command *command, const struct options *options, const char **format,
                          struct error *error)
{
    *format = options->format ? options->format : command->format ? command->format : "text";
    if (format_find(*format))
        return true;
    const char *names[32];
    size_t count = 0;
    while (formats[count] && count < 32) {
        names[count] = formats[count]->name;
        count++;
    }
    char near[160];
    nearest_names(*format, names, count, 3, near, sizeof near);
    return error_set(error, ERROR_INPUT,
                     "--format: there is no format '%s'; did you mean %s? See 'benchmark list formats'", *format, near);
}

/* XDG base directories: a relative XDG_DATA_HOME is to be ignored. */
static void default_database(struct text *path)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data && *data == '/') {
        text_printf(path, "%s/benchmark/history.db", data);
        return;
    }
    if (!home || !*home) {
        const struct passwd *user = getpwuid(getuid());
        home = user && user->pw_dir && *user->pw_dir ? user->pw_dir : ".";
    }
    text_printf(path, "%s/.local/share/benchmark/history.db", home);
}

static bool decide_database(const struct options *options, struct text *path, struct error *error)
{
    const char *variable = getenv("BENCHMARK_DB");
    if (options->database && !*options->database)
        return error_set(error, ERROR_INPUT, "--db: '' is not the name of a file");
    if (options->database || (variable && *variable))
        text_append(path, options->database ? options->database : variable);
    else
        default_database(path);
    return !path->failed || error_set(error, ERROR_SYSTEM, "out of memory");
}

static bool check_arguments(const struct command *command, const char *const *arguments, size_t count,
                            struct error *error)
{
    const char *usage = command->arguments ? command->arguments : "";
    if (count < command->least_arguments)
        return error_set(error, ERROR_INPUT, "%s: needs %s%zu argument%s: benchmark %s %s", command->name,
                         command->most_arguments > command->least_arguments ? "at least " : "",
                         command->least_arguments, command->least_arguments == 1 ? "" : "s", command->name, usage);
    if (count > command->most_arguments)
        return error_set(error, ERROR_INPUT, "%s: unexpected argument '%s'; the usage is: benchmark %s [OPTION]...%s%s",
                         command->name, arguments[command->most_arguments], command->name, *usage ? " " : "", usage);
    return true;
}

static int show(const struct command *command, const struct options *options, struct error *error)
{
    struct text text = {0};
    int terminal = terminal_columns(STDOUT_FILENO);
    size_t columns = terminal >= 40 ? (size_t)terminal : 80;
    if (options->version)
        text_append(&text, "benchmark " BENCHMARK_VERSION "\n");
    else if (command)
        options_command_help(&text, command, columns < 120 ? columns : 120);
    else
        options_help(&text, columns < 120 ? columns : 120);
    const struct invocation to_stdout = {0};
    return command_write_text(&to_stdout, &text, error);
}

static int run_command(const struct command *command, poptContext context, const struct options *options,
                       const char *const *command_line, struct error *error)
{
    static const char *const none[] = {NULL};
    const char **arguments = poptGetArgs(context);
    struct invocation invocation = {.arguments = arguments ? arguments : none, .command_line = command_line};
    while (invocation.arguments[invocation.argument_count])
        invocation.argument_count++;
    struct text database = {0};
    int code = ERROR_INPUT;
    if (!check_arguments(command, invocation.arguments, invocation.argument_count, error) ||
        !decide_format(command, options, &invocation.format, error) ||
        !decide_color(options, &invocation.color, error) || !decide_database(options, &database, error) ||
        (options->output && strcmp(options->output, "-") != 0 && !write_file_possible(options->output, error))) {
        code = (int)error->kind;
    } else {
        invocation.output = options->output;
        invocation.database = text_string(&database);
        invocation.progress = !options->quiet && !options->no_progress && is_plain_terminal(STDERR_FILENO);
        code = command->run(&invocation, error);
    }
    text_free(&database);
    return code;
}

static int dispatch(int count, const char **arguments, struct options *options, struct error *error)
{
    int used;
    if (!options_read_leading(count - 1, arguments + 1, options, &used, error))
        return (int)error->kind;
    used++;
    if (used >= count) {
        if (options->help || options->version)
            return show(NULL, options, error);
        error_set(error, ERROR_INPUT, "no command given: try 'benchmark run --suite quick', or 'benchmark --help'");
        return ERROR_INPUT;
    }
    const struct command *command = command_find(arguments[used], error);
    if (!command)
        return ERROR_INPUT;
    poptContext context = options_read(command, count - used - 1, arguments + used + 1, options, error);
    if (!context)
        return (int)error->kind;
    int code = options->help || options->version ? show(command, options, error)
                                                 : run_command(command, context, options, arguments, error);
    poptFreeContext(context);
    return code;
}

int main(int count, char **arguments)
{
    keep_standard_descriptors();
    /* A closed pipe is then an error of write(2), told like a full disk. */
    signal(SIGPIPE, SIG_IGN);
    struct options options = {0};
    struct error error = {0};
    int code = dispatch(count, (const char **)arguments, &options, &error);
    /* Some file systems say only now that there was no room. */
    if (close(STDOUT_FILENO) != 0 && errno != EBADF && code == 0) {
        error_set(&error, ERROR_SYSTEM, "standard output: could not write the results: %s", strerror(errno));
        code = ERROR_SYSTEM;
    }
    if (code != 0 && error.message[0])
        fprintf(stderr, "benchmark: %s\n", error.message);
    options_free(&options);
    return code;
}
