/* `benchmark completion SHELL`: completions of commands, options and their values, from the same tables as parsing. */
#include <string.h>

#include "harness/base/parse.h"
#include "harness/command/options.h"

/* What can be completed behind an option or a command, read from its description: "a|b|c" are the words, and where a
 * FILE or a MODEL that may be one stands in it, files. */
static bool takes_file(const char *description)
{
    return description && (strstr(description, "FILE") || strstr(description, "RUN"));
}

static bool is_choice(const char *description)
{
    return description && strchr(description, '|') && !strpbrk(description, "[]. ,") &&
           strspn(description, "ABCDEFGHIJKLMNOPQRSTUVWXYZ|") != strlen(description);
}

static void append_choices(struct text *out, const char *description)
{
    for (const char *c = description; *c; c++)
        text_append_n(out, *c == '|' ? " " : c, 1);
}

/* In single quotes, for all three shells (fish knows \' within them, sh does not, so quotes are left out). */
static void append_quoted(struct text *out, const char *string)
{
    text_append(out, "'");
    for (const char *c = string; c && *c; c++)
        text_append_n(out, *c == '\'' ? "\xe2\x80\x99" : c, *c == '\'' ? 3 : 1);
    text_append(out, "'");
}

static void append_names(struct text *out, const struct poptOption *table)
{
    for (const struct poptOption *option = table; option && options_is_shown(option); option++) {
        if (option->longName)
            text_printf(out, " --%s", option->longName);
        if (option->shortName)
            text_printf(out, " -%c", option->shortName);
    }
}

/* A case of bash for each option that takes a value. */
static void append_bash_values(struct text *out, const struct poptOption *table, const char *command)
{
    for (const struct poptOption *option = table; option && options_is_shown(option); option++) {
        const char *value = options_value(option);
        if (!value)
            continue;
        text_printf(out, "    %s:--%s", command, option->longName);
        if (option->shortName)
            text_printf(out, "|%s:-%c", command, option->shortName);
        text_append(out, ") ");
        if (is_choice(value)) {
            text_append(out, "mapfile -t COMPREPLY < <(compgen -W '");
            append_choices(out, value);
            text_append(out, "' -- \"$word\")");
        } else {
            text_append(out, takes_file(value) ? "mapfile -t COMPREPLY < <(compgen -f -- \"$word\")" : "COMPREPLY=()");
        }
        text_append(out, "; return ;;\n");
    }
}

static void append_bash(struct text *out)
{
    text_append(out, "# bash completion of benchmark; made by 'benchmark completion bash'\n"
                     "_benchmark() {\n"
                     "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command='' words=() i\n"
                     "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                     "    case ${COMP_WORDS[i]} in -*) ;; *) command=${COMP_WORDS[i]}; break ;; esac\n"
                     "  done\n"
                     "  case $command:$before in\n");
    for (size_t i = 0; commands[i]; i++)
        if (!commands[i]->hidden)
            append_bash_values(out, commands[i]->options, commands[i]->name);
    append_bash_values(out, options_common(), "*");
    text_append(out, "  esac\n  case $command in\n    '') words=(");
    for (size_t i = 0; commands[i]; i++)
        text_printf(out, "%s%s", commands[i]->hidden ? "" : " ", commands[i]->hidden ? "" : commands[i]->name);
    append_names(out, options_common());
    text_append(out, ") ;;\n");
    for (size_t i = 0; commands[i]; i++) {
        if (commands[i]->hidden)
            continue;
        text_printf(out, "    %s) words=(", commands[i]->name);
        append_names(out, commands[i]->options);
        append_names(out, options_common());
        text_append(out, ")");
        if (commands[i]->argument_words)
            text_printf(out,
                        "; [[ $word == -* ]] || words=($(benchmark list %s --format csv 2>/dev/null | "
                        "sed -e 1d -e 's/[,\\r].*//'))",
                        commands[i]->argument_words);
        else if (takes_file(commands[i]->arguments))
            text_append(out, "; [[ $word == -* ]] || compopt -o default");
        text_append(out, " ;;\n");
    }
    text_append(out, "  esac\n"
                     "  mapfile -t COMPREPLY < <(compgen -W \"${words[*]}\" -- \"$word\")\n"
                     "}\n"
                     "complete -F _benchmark benchmark\n");
}

/* One _arguments specification: '(-o --output)'{-o,--output}'[what]:FILE:_files'. */
static void append_zsh_options(struct text *out, const struct poptOption *table)
{
    for (const struct poptOption *option = table; option && options_is_shown(option); option++) {
        const char *value = options_value(option);
        struct text action = {0};
        text_append(&action, "[");
        for (const char *c = option->descrip; c && *c; c++)
            text_append_n(&action, *c == '[' ? "(" : *c == ']' ? ")" : *c == ':' ? ";" : c, 1);
        text_append(&action, "]");
        if (value && is_choice(value)) {
            text_append(&action, ":value:(");
            append_choices(&action, value);
            text_append(&action, ")");
        } else if (value) {
            text_append(&action, takes_file(value) ? ":file:_files" : ":value: ");
        }
        text_append(out, " \\\n      ");
        if (option->shortName)
            text_printf(out, "{-%c,--%s}", option->shortName, option->longName);
        else
            text_printf(out, "--%s", option->longName);
        append_quoted(out, text_string(&action));
        text_free(&action);
    }
}

static void append_zsh(struct text *out)
{
    text_append(out, "#compdef benchmark\n"
                     "# zsh completion of benchmark; made by 'benchmark completion zsh'\n"
                     "_benchmark() {\n"
                     "  local -a commands=(\n");
    for (size_t i = 0; commands[i]; i++) {
        if (commands[i]->hidden)
            continue;
        struct text entry = {0};
        text_printf(&entry, "%s:%s", commands[i]->name, commands[i]->help);
        text_append(out, "    ");
        append_quoted(out, text_string(&entry));
        text_append(out, "\n");
        text_free(&entry);
    }
    text_append(out, "  )\n"
                     "  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then\n"
                     "    _describe command commands\n"
                     "    return\n"
                     "  fi\n"
                     "  case $words[2] in\n");
    for (size_t i = 0; commands[i]; i++) {
        if (commands[i]->hidden)
            continue;
        text_printf(out, "    %s) _arguments -s '1: :'", commands[i]->name);
        append_zsh_options(out, commands[i]->options);
        append_zsh_options(out, options_common());
        if (commands[i]->argument_words)
            text_printf(out,
                        " \\\n      '*:name:($(benchmark list %s --format csv 2>/dev/null | "
                        "sed -e 1d -e \"s/[,\\r].*//\"))'",
                        commands[i]->argument_words);
        else if (takes_file(commands[i]->arguments))
            text_append(out, " \\\n      '*:file:_files'");
        text_append(out, " ;;\n");
    }
    text_append(out, "  *) _arguments -s");
    append_zsh_options(out, options_common());
    text_append(out, " ;;\n  esac\n}\n_benchmark \"$@\"\n");
}

static void append_fish_options(struct text *out, const struct poptOption *table, const char *condition)
{
    for (const struct poptOption *option = table; option && options_is_shown(option); option++) {
        const char *value = options_value(option);
        text_printf(out, "complete -c benchmark%s", condition);
        if (option->longName)
            text_printf(out, " -l %s", option->longName);
        if (option->shortName)
            text_printf(out, " -s %c", option->shortName);
        if (value && is_choice(value)) {
            text_append(out, " -xa '");
            append_choices(out, value);
            text_append(out, "'");
        } else if (value) {
            text_append(out, takes_file(value) ? " -rF" : " -x");
        }
        text_append(out, " -d ");
        append_quoted(out, option->descrip);
        text_append(out, "\n");
    }
}

static void append_fish(struct text *out)
{
    text_append(out, "# fish completion of benchmark; made by 'benchmark completion fish'\n"
                     "complete -c benchmark -f\n");
    append_fish_options(out, options_common(), "");
    for (size_t i = 0; commands[i]; i++) {
        if (commands[i]->hidden)
            continue;
        text_printf(out, "complete -c benchmark -n __fish_use_subcommand -a %s -d ", commands[i]->name);
        append_quoted(out, commands[i]->help);
        char condition[128];
        snprintf(condition, sizeof condition, " -n '__fish_seen_subcommand_from %s'", commands[i]->name);
        text_append(out, "\n");
        append_fish_options(out, commands[i]->options, condition);
        if (commands[i]->argument_words)
            text_printf(out,
                        "complete -c benchmark%s -a \"(benchmark list %s --format csv 2>/dev/null | "
                        "sed -e 1d -e 's/[,\\r].*//')\"\n",
                        condition, commands[i]->argument_words);
        else if (takes_file(commands[i]->arguments))
            text_printf(out, "complete -c benchmark%s -F\n", condition);
    }
}

static int run_completion(const struct invocation *invocation, struct error *error)
{
    static const struct {
        const char *name;
        void (*append)(struct text *out);
    } shells[] = {{"bash", append_bash}, {"zsh", append_zsh}, {"fish", append_fish}};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(invocation->arguments[0], shells[i].name) == 0) {
            struct text text = {0};
            shells[i].append(&text);
            return command_write_text(invocation, &text, error);
        }
    }
    error_set(error, ERROR_INPUT, "completion: there is none for '%s'; the shells are bash, zsh and fish",
              invocation->arguments[0]);
    return ERROR_INPUT;
}

const struct command command_completion = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .help = "completions for a shell",
    .least_arguments = 1,
    .most_arguments = 1,
    .hidden = true,
    .run = run_completion,
};
