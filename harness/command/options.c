#include "harness/command/options.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/log.h"
#include "harness/base/parse.h"
#include "reports/format/format.h"

/* popt returns these; the command's own options have none and are stored by popt itself. */
enum {
    OPTION_JSON = 1,
    OPTION_FORMAT,
    OPTION_OUTPUT,
    OPTION_DATABASE,
    OPTION_QUIET,
    OPTION_NO_PROGRESS,
    OPTION_COLOR,
    OPTION_VERBOSE,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct poptOption common[] = {
    {"json", 0, POPT_ARG_NONE, NULL, OPTION_JSON, "the same as --format json", NULL},
    {"format", 0, POPT_ARG_STRING, NULL, OPTION_FORMAT, "how the results are written", ""},
    {"output", 'o', POPT_ARG_STRING, NULL, OPTION_OUTPUT, "write the results there, whole or not at all; - is stdout",
     "FILE"},
    {"db", 0, POPT_ARG_STRING, NULL, OPTION_DATABASE, "the store of runs: a file, or postgresql://USER@HOST/DATABASE",
     "FILE|ADDRESS"},
    {"quiet", 'q', POPT_ARG_NONE, NULL, OPTION_QUIET, "nothing but results and errors", NULL},
    {"no-progress", 0, POPT_ARG_NONE, NULL, OPTION_NO_PROGRESS, "draw no progress", NULL},
    {"color", 0, POPT_ARG_STRING, NULL, OPTION_COLOR, "colours on a terminal, always or never", "auto|always|never"},
    {"verbose", 'v', POPT_ARG_NONE, NULL, OPTION_VERBOSE, "say what is being done", NULL},
    {"help", 'h', POPT_ARG_NONE, NULL, OPTION_HELP, "this text", NULL},
    {"version", 0, POPT_ARG_NONE, NULL, OPTION_VERSION, "the program's version", NULL},
    POPT_TABLEEND,
};

const struct poptOption *options_common(void)
{
    return common;
}

const char *options_value(const struct poptOption *option)
{
    static char names[256]; /* made of the table of formats, which is constant */
    if (option->val != OPTION_FORMAT || option->arg)
        return option->argDescrip;
    if (!names[0])
        for (size_t i = 0; formats[i]; i++) {
            strncat(names, i ? "|" : "", sizeof names - strlen(names) - 1);
            strncat(names, formats[i]->name, sizeof names - strlen(names) - 1);
        }
    return names;
}

bool options_is_shown(const struct poptOption *option)
{
    return (option->longName || option->shortName) && !(option->argInfo & POPT_ARGFLAG_DOC_HIDDEN);
}

static bool table_ended(const struct poptOption *option)
{
    return !option->longName && !option->shortName && !option->arg;
}

/* Calls for the names that are near to one that isn't known. */
static void add_names(const struct poptOption *table, const char **names, size_t capacity, size_t *count)
{
    for (const struct poptOption *option = table; option && !table_ended(option); option++)
        if (option->longName && options_is_shown(option) && *count < capacity)
            names[(*count)++] = option->longName;
}

static bool unknown_option(const struct command *command, const char *bad, struct error *error)
{
    const char *names[128], *where = command ? command->name : "";
    size_t count = 0;
    add_names(command ? command->options : NULL, names, 128, &count);
    add_names(common, names, 128, &count);
    char near[160] = "", given[64], question[200] = "";
    /* A single letter is near to everything; of --formt=json the name is compared. */
    snprintf(given, sizeof given, "%.*s", (int)strcspn(bad, "="), bad);
    if (strncmp(given, "--", 2) == 0) {
        nearest_names(given + 2, names, count, 1, near, sizeof near);
        snprintf(question, sizeof question, "; did you mean --%s?", near);
    }
    return error_set(error, ERROR_INPUT, "%s%sunknown option '%s'%s See 'benchmark %s%s--help'", where,
                     command ? ": " : "", bad, *question ? question : ".", where, command ? " " : "");
}

/* The option that `given` (--name, --name=value, -n) is in the tables, or NULL. */
static const struct poptOption *find_option(const struct poptOption *table, const char *given)
{
    const char *name = given + strspn(given, "-");
    size_t length = strcspn(name, "=");
    for (const struct poptOption *option = table; option && !table_ended(option); option++)
        if ((option->longName && strlen(option->longName) == length && !strncmp(option->longName, name, length)) ||
            (given[1] != '-' && option->shortName && strchr(given, option->shortName)))
            return option;
    return NULL;
}

static bool bad_option(const struct command *command, poptContext context, int code, struct error *error)
{
    const char *bad = poptBadOption(context, POPT_BADOPTION_NOALIAS);
    const char *where = command ? command->name : "", *colon = command ? ": " : "";
    if (code == POPT_ERROR_BADOPT)
        return unknown_option(command, bad, error);
    if (code == POPT_ERROR_NOARG) {
        const struct poptOption *option = find_option(command ? command->options : NULL, bad);
        option = option ? option : find_option(common, bad);
        const char *value = option ? options_value(option) : NULL;
        return error_set(error, ERROR_INPUT, "%s%s%s needs a value: %s", where, colon, bad, value ? value : "VALUE");
    }
    if (code == POPT_ERROR_UNWANTEDARG)
        return error_set(error, ERROR_INPUT, "%s%s%s: this option takes no value", where, colon, bad);
    return error_set(error, code == POPT_ERROR_MALLOC ? ERROR_SYSTEM : ERROR_INPUT, "%s%s%s: %s", where, colon, bad,
                     poptStrerror(code));
}

static void keep(char **place, poptContext context)
{
    free(*place);
    *place = poptGetOptArg(context);
}

static void take_common(struct options *options, int value, poptContext context)
{
    switch (value) {
    case OPTION_JSON:
        free(options->format);
        options->format = strdup("json");
        break;
    case OPTION_FORMAT:
        keep(&options->format, context);
        break;
    case OPTION_OUTPUT:
        keep(&options->output, context);
        break;
    case OPTION_DATABASE:
        keep(&options->database, context);
        break;
    case OPTION_COLOR:
        keep(&options->color, context);
        break;
    case OPTION_QUIET:
        options->quiet = true;
        log_set_level(LOG_QUIET);
        break;
    case OPTION_VERBOSE:
        options->quiet = false;
        log_set_level(LOG_VERBOSE);
        break;
    case OPTION_NO_PROGRESS:
        options->no_progress = true;
        break;
    case OPTION_HELP:
        options->help = true;
        break;
    case OPTION_VERSION:
        options->version = true;
        break;
    }
}

static poptContext read_all(const struct command *command, const struct poptOption *table, int count,
                            const char **arguments, unsigned flags, struct options *options, struct error *error)
{
    /* No name: aliases and programs from popt's own configuration files are then never looked up. */
    poptContext context = poptGetContext(NULL, count, arguments, table, flags | POPT_CONTEXT_KEEP_FIRST);
    if (!context) {
        error_set(error, ERROR_SYSTEM, "out of memory");
        return NULL;
    }
    int value;
    while ((value = poptGetNextOpt(context)) > 0)
        take_common(options, value, context);
    if (value < -1) {
        bad_option(command, context, value, error);
        poptFreeContext(context);
        return NULL;
    }
    return context;
}

bool options_read_leading(int count, const char **arguments, struct options *options, int *used, struct error *error)
{
    poptContext context = read_all(NULL, common, count, arguments, POPT_CONTEXT_POSIXMEHARDER, options, error);
    if (!context)
        return false;
    int left = 0;
    for (const char **rest = poptGetArgs(context); rest && rest[left]; left++)
        ;
    *used = count - left;
    poptFreeContext(context);
    return true;
}

poptContext options_read(const struct command *command, int count, const char **arguments, struct options *options,
                         struct error *error)
{
    static struct poptOption none[] = {POPT_TABLEEND};
    struct poptOption *own = command->options ? command->options : none;
    struct poptOption table[] = {
        {NULL, 0, POPT_ARG_INCLUDE_TABLE, own, 0, NULL, NULL},
        {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)common, 0, NULL, NULL},
        POPT_TABLEEND,
    };
    return read_all(command, table, count, arguments, 0, options, error);
}

void options_free(struct options *options)
{
    free(options->format);
    free(options->output);
    free(options->database);
    free(options->color);
}

const struct command *command_find(const char *name, struct error *error)
{
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; commands[i]; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
        if (!commands[i]->hidden && count < 64)
            names[count++] = commands[i]->name;
    }
    char near[160];
    nearest_names(name, names, count, 3, near, sizeof near);
    error_set(error, ERROR_INPUT, "unknown command '%s'; did you mean %s? See 'benchmark --help'", name, near);
    return NULL;
}
