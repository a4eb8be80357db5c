/* `benchmark compare`: machines beside each other, by the runs that were made on them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/parse.h"
#include "harness/command/command.h"
#include "harness/command/run_reference.h"
#include "models/catalogue/devices.h"
#include "reports/compare.h"
#include "reports/fitness/demand_answer.h"
#include "reports/fitness/sheet_run.h"

static char **price, **watts, **weights, **demands;
static char *years, *kwh_price, *utilisation, *workload_file;
static int any_software;

static struct poptOption options[] = {
    {"price", 0, POPT_ARG_ARGV, &price, 0, "what a machine costs, in US dollars", "NAME=USD"},
    {"watts", 0, POPT_ARG_ARGV, &watts, 0, "what a machine takes at work", "NAME=W"},
    {"weights", 0, POPT_ARG_ARGV, &weights, 0, "how much such cases count: 1 unless said, 0 leaves them out",
     "CASEGLOB=W"},
    {"workload", 0, POPT_ARG_STRING, &workload_file, 0, "cases, weights and demands in a JSON file", "FILE"},
    {"demand", 0, POPT_ARG_ARGV, &demands, 0,
     "what a machine must do, such as 'llama-3-8b decode >= 20 tokens/s'; with the word total behind it, as many as it "
     "takes",
     "DEMAND"},
    {"years", 0, POPT_ARG_STRING, &years, 0, "that a machine is kept (3)", "N"},
    {"kwh-price", 0, POPT_ARG_STRING, &kwh_price, 0, "of electricity, in US dollars (0.20)", "USD"},
    {"utilisation", 0, POPT_ARG_STRING, &utilisation, 0, "the share of the time that it is at work (1)", "SHARE"},
    {"any-software", 0, POPT_ARG_NONE, &any_software, 0, "compare what other versions and engines measured, too", NULL},
    POPT_TABLEEND,
};

static size_t count_of(char **texts)
{
    size_t count = 0;
    while (texts && texts[count])
        count++;
    return count;
}

static bool read_values(char **texts, const char *option, struct named_value **values, size_t *count,
                        struct error *error)
{
    *count = count_of(texts);
    *values = calloc(*count + 1, sizeof **values);
    if (!*values)
        return error_set(error, ERROR_SYSTEM, "not enough memory to compare");
    for (size_t i = 0; i < *count; i++)
        if (!named_value_parse(texts[i], option, 1e-9, &(*values)[i], error))
            return false;
    return true;
}

static bool read_workload(struct workload *workload, struct error *error)
{
    if (workload_file && !workload_read_file(workload_file, workload, error))
        return false;
    for (size_t i = 0; i < count_of(weights); i++) {
        struct named_value weight;
        if (!named_value_parse(weights[i], "--weights", 0, &weight, error))
            return false;
        if (!workload_add_weight(workload, &weight))
            return error_set(error, ERROR_SYSTEM, "not enough memory to compare");
    }
    for (size_t i = 0; i < count_of(demands); i++) {
        struct demand demand;
        if (!demand_parse(demands[i], "--demand", &demand, error))
            return false;
        if (!workload_add_demand(workload, &demand))
            return error_set(error, ERROR_SYSTEM, "not enough memory to compare");
    }
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
    struct compare_input *inputs;
    const struct device **devices; /* of each input, NULL for a run */
    size_t count;
    struct named_value *prices, *watts;
    size_t price_count, watt_count;
    struct compare_prices terms;
    struct workload workload;
};

static bool read_machine(const char *argument, const struct invocation *invocation, struct asked *asked, size_t i,
                         struct error *error)
{
    const struct device *device = device_find(argument);
    asked->inputs[i] = (struct compare_input){
        .run = &asked->runs[i], .file = run_is_file(argument) ? argument : NULL, .price_usd = NAN, .watts = NAN};
    if (device) {
        asked->devices[i] = device;
        asked->inputs[i].file = NULL;
        asked->inputs[i].sheet = true;
        asked->inputs[i].price_usd = device->price_usd;
        asked->inputs[i].watts = device->watts;
        return true;
    }
    if (run_load(argument, invocation->database, &asked->runs[i], error))
        return true;
    if (strchr(argument, ' ')) { /* no run's id has one */
        const char **names = calloc(device_count, sizeof *names);
        char nearest[200] = "";
        for (size_t n = 0; names && n < device_count; n++)
            names[n] = devices[n].name;
        if (names)
            nearest_names(argument, names, device_count, 3, nearest, sizeof nearest);
        free(names);
        return error_set(error, ERROR_INPUT, "'%s' is neither a run, a file nor a device; the nearest devices are %s",
                         argument, nearest);
    }
    return false;
}

/* Data sheets are asked about the cases of the first run that was measured. */
static bool ask_data_sheets(struct asked *asked, struct error *error)
{
    size_t first = 0;
    while (first < asked->count && asked->devices[first])
        first++;
    for (size_t i = 0; i < asked->count && first < asked->count; i++)
        if (asked->devices[i] &&
            !sheet_run_make(asked->devices[i], &asked->runs[first], &asked->workload, &asked->runs[i], error))
            return false;
    return true;
}

static bool read_all(const struct invocation *invocation, struct asked *asked, struct error *error)
{
    if (!read_values(price, "--price", &asked->prices, &asked->price_count, error) ||
        !read_values(watts, "--watts", &asked->watts, &asked->watt_count, error) ||
        !read_workload(&asked->workload, error) || !read_prices(&asked->terms, error))
        return false;
    asked->count = invocation->argument_count;
    asked->runs = calloc(asked->count, sizeof *asked->runs);
    asked->inputs = calloc(asked->count, sizeof *asked->inputs);
    asked->devices = calloc(asked->count, sizeof *asked->devices);
    if (!asked->runs || !asked->inputs || !asked->devices)
        return error_set(error, ERROR_SYSTEM, "not enough memory to compare");
    for (size_t i = 0; i < asked->count; i++)
        if (!read_machine(invocation->arguments[i], invocation, asked, i, error))
            return false;
    return ask_data_sheets(asked, error);
}

/* Each demand put to each machine; the comparison takes the answers over. */
static bool ask_demands(const struct asked *asked, struct comparison *comparison, struct error *error)
{
    size_t count = asked->workload.demand_count;
    struct demand_answer **answers = calloc(count + 1, sizeof *answers);
    bool right = answers;
    for (size_t d = 0; right && d < count; d++)
        right = (answers[d] = calloc(asked->count, sizeof **answers));
    if (!right)
        error_set(error, ERROR_SYSTEM, "not enough memory to compare");
    for (size_t r = 0; right && count && r < asked->count; r++) {
        struct demanded_machine machine;
        right = demanded_machine_open(&asked->runs[r], asked->devices[r], &machine, error);
        for (size_t d = 0; right && d < count; d++)
            right = demand_answer(&asked->workload.demands[d], &machine, &answers[d][r], error);
        demanded_machine_close(&machine);
    }
    right = right && compare_add_demands(comparison, answers, error);
    for (size_t d = 0; answers && !right && d < count; d++)
        free(answers[d]);
    free(answers);
    return right;
}

/* With demands the answer is whether a machine meets them; else there must be something to compare. */
static int judge(const struct comparison *comparison)
{
    if (comparison->demand_count)
        return compare_best(comparison) < comparison->run_count ? 0 : 1;
    return comparison->scored ? 0 : ERROR_MEASURE;
}

static int compare(const struct invocation *invocation, const struct asked *asked, struct error *error)
{
    struct comparison comparison;
    if (!compare_make(asked->inputs, asked->count, any_software, &asked->workload, &comparison, error))
        return (int)error->kind;
    bool right = compare_price(&comparison, asked->prices, asked->price_count, asked->watts, asked->watt_count,
                               &asked->terms, error) &&
                 ask_demands(asked, &comparison, error);
    int code = right ? command_write(invocation, compare_report(&comparison), error) : (int)error->kind;
    if (code == 0)
        code = judge(&comparison);
    compare_free(&comparison);
    return code;
}

static int run_compare(const struct invocation *invocation, struct error *error)
{
    struct asked asked = {0};
    int code = read_all(invocation, &asked, error) ? compare(invocation, &asked, error) : (int)error->kind;
    for (size_t i = 0; asked.runs && i < asked.count; i++)
        run_free(&asked.runs[i]);
    free(asked.runs);
    free(asked.inputs);
    free(asked.devices);
    free(asked.prices);
    free(asked.watts);
    workload_free(&asked.workload);
    return code;
}

const struct command command_compare = {
    .name = "compare",
    .arguments = "RUN|DEVICE RUN|DEVICE...",
    .help = "machines beside each other: speed, price, power and what they can do",
    .details =
        "RUN is a run's id or its beginning, latest, latest~N, or a JSON file. DEVICE is a machine known by its data "
        "sheet "
        "(`list devices`): the cases of the first run are told by its limits, marked and with a wide interval. All is "
        "relative to the first. A machine's speed is the weighted geometric mean over the cases that all have, with "
        "its "
        "95 % interval; what can't be compared is left out by name. NAME is the name= of a run's note, its file's name "
        "without the ending, or its machine's.\n\n"
        "A demand is MODEL MODE [DTYPE] [bN] [sN] >= NUMBER UNIT [total]. It is answered by what was measured, else by "
        "an "
        "estimate; a machine that can't run the model doesn't meet it. With total, as many machines as it takes do it "
        "together. A workload's file is {\"name\": TEXT, \"cases\": [GLOB...], \"weights\": {GLOB: W}, \"demands\": "
        "[DEMAND...]}.\n\n"
        "Exit codes: with demands 0 when a machine meets them all, 1 when none does; 3 when there is no case to "
        "compare.",
    .options = options,
    .least_arguments = 2,
    .most_arguments = 64,
    .run = run_compare,
};
