/* `benchmark compare`: machines beside each other, by the runs that were made on them. */
#include <stdlib.h>

#include "harness/base/parse.h"
#include "harness/command/command.h"
#include "harness/command/run_reference.h"
#include "reports/compare.h"

static char **price, **watts, **weights;
static char *years, *kwh_price, *utilisation;
static int any_software;

static struct poptOption options[] = {
    {"price", 0, POPT_ARG_ARGV, &price, 0, "what a machine costs, in US dollars", "NAME=USD"},
    {"watts", 0, POPT_ARG_ARGV, &watts, 0, "what a machine takes at work", "NAME=W"},
    {"weights", 0, POPT_ARG_ARGV, &weights, 0, "how much such cases count: 1 unless said, 0 leaves them out",
     "CASEGLOB=W"},
    {"years", 0, POPT_ARG_STRING, &years, 0, "that a machine is kept (3)", "N"},
    {"kwh-price", 0, POPT_ARG_STRING, &kwh_price, 0, "of electricity, in US dollars (0.20)", "USD"},
    {"utilisation", 0, POPT_ARG_STRING, &utilisation, 0, "the share of the time that it is at work (1)", "SHARE"},
    {"any-software", 0, POPT_ARG_NONE, &any_software, 0, "compare what other versions and engines measured, too", NULL},
    POPT_TABLEEND,
};

static bool read_values(char **texts, const char *option, double least, struct compare_value **values, size_t *count,
                        struct error *error)
{
    *count = 0;
    while (texts && texts[*count])
        ++*count;
    *values = calloc(*count + 1, sizeof **values);
    if (!*values)
        return error_set(error, ERROR_SYSTEM, "not enough memory to compare");
    for (size_t i = 0; i < *count; i++)
        if (!compare_value_parse(texts[i], option, least, &(*values)[i], error))
            return false;
    return true;
}

static bool read_prices(struct compare_prices *prices, struct error *error)
{
    *prices = (struct compare_prices){3, 0.20, 1};
    return (!years || parse_number(years, "--years", 1e-3, 1000, &prices->years, error)) &&
           (!kwh_price || parse_number(kwh_price, "--kwh-price", 0, 1e6, &prices->kwh_price_usd, error)) &&
           (!utilisation || parse_number(utilisation, "--utilisation", 1e-6, 1, &prices->utilisation, error));
}

struct asked {
    struct run *runs;
    const char **files;
    struct compare_value *prices, *watts, *weights;
    size_t price_count, watt_count, weight_count;
    struct compare_prices terms;
};

static bool read_all(const struct invocation *invocation, struct asked *asked, struct error *error)
{
    if (!read_values(price, "--price", 1e-9, &asked->prices, &asked->price_count, error) ||
        !read_values(watts, "--watts", 1e-9, &asked->watts, &asked->watt_count, error) ||
        !read_values(weights, "--weights", 0, &asked->weights, &asked->weight_count, error) ||
        !read_prices(&asked->terms, error))
        return false;
    asked->runs = calloc(invocation->argument_count, sizeof *asked->runs);
    asked->files = calloc(invocation->argument_count, sizeof *asked->files);
    if (!asked->runs || !asked->files)
        return error_set(error, ERROR_SYSTEM, "not enough memory to compare");
    for (size_t i = 0; i < invocation->argument_count; i++) {
        const char *argument = invocation->arguments[i];
        if (!run_load(argument, invocation->database, &asked->runs[i], error))
            return false;
        asked->files[i] = run_is_file(argument) ? argument : NULL;
    }
    return true;
}

static int compare(const struct invocation *invocation, const struct asked *asked, struct error *error)
{
    struct comparison comparison;
    if (!compare_make(asked->runs, asked->files, invocation->argument_count, any_software, asked->weights,
                      asked->weight_count, &comparison, error))
        return (int)error->kind;
    int code = ERROR_INPUT;
    if (compare_price(&comparison, asked->prices, asked->price_count, asked->watts, asked->watt_count, &asked->terms,
                      error))
        code = command_write(invocation, compare_report(&comparison), error);
    if (code == 0 && !comparison.scored)
        code = ERROR_MEASURE;
    compare_free(&comparison);
    return code;
}

static int run_compare(const struct invocation *invocation, struct error *error)
{
    struct asked asked = {0};
    int code = read_all(invocation, &asked, error) ? compare(invocation, &asked, error) : (int)error->kind;
    for (size_t i = 0; asked.runs && i < invocation->argument_count; i++)
        run_free(&asked.runs[i]);
    free(asked.runs);
    free(asked.files);
    free(asked.prices);
    free(asked.watts);
    free(asked.weights);
    return code;
}

const struct command command_compare = {
    .name = "compare",
    .arguments = "RUN RUN...",
    .help = "machines beside each other: speed, price and power",
    .details = "RUN is a run's id or its beginning, latest, latest~N, or a JSON file. All is relative to the first. A "
               "machine's speed is the weighted geometric mean over the cases that all runs have, with its 95 % "
               "interval; what can't be compared is left out by name. NAME is the name= of a run's note, its file's "
               "name without the ending, or its machine's.",
    .options = options,
    .least_arguments = 2,
    .most_arguments = 64,
    .run = run_compare,
};
