/* `benchmark list`: what there is to run, to measure and to write. A listable thing is one function that fills its
 * items and one line in the table; the columns pick from the items what a person reads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "harness/base/text.h"
#include "harness/command/command.h"
#include "harness/command/list.h"
#include "models/catalogue/devices.h"
#include "models/engine/case.h"
#include "models/families/family.h"
#include "models/graph/dtype.h"
#include "models/ops/ops.h"
#include "probes/probe.h"
#include "reports/format/format.h"

struct listable {
    const char *name, *help;
    const struct column *columns;
    size_t column_count;
    void (*fill)(json_t *items);
};

static json_t *add_item(json_t *items, const char *name)
{
    json_t *item = json_object();
    json_put_string(item, "name", name);
    json_array_append_new(items, item);
    return item;
}

static void add_named(json_t *items, const char *name, const char *help)
{
    json_put_string(add_item(items, name), "help", help);
}

static void fill_commands(json_t *items)
{
    for (size_t i = 0; commands[i]; i++)
        if (!commands[i]->hidden)
            add_named(items, commands[i]->name, commands[i]->help);
}

static void fill_formats(json_t *items)
{
    for (size_t i = 0; formats[i]; i++) {
        json_t *item = add_item(items, formats[i]->name);
        json_put_string(item, "media_type", formats[i]->media_type);
        json_put_string(item, "help", formats[i]->help);
    }
}

static void fill_dtypes(json_t *items)
{
    for (int i = 0; i < DTYPE_COUNT; i++) {
        const struct dtype_info *info = dtype_info((enum dtype)i);
        json_t *item = add_item(items, info->name);
        json_put_count(item, "block", info->block);
        json_put_count(item, "block_bytes", info->block_bytes);
        json_put_real(item, "bits", 8.0 * info->block_bytes / info->block);
    }
}

static void fill_families(json_t *items)
{
    for (size_t i = 0; families[i]; i++) {
        const struct family *family = families[i];
        json_t *item = add_item(items, family->name), *modes = json_array();
        for (int mode = 0; mode < MODE_COUNT; mode++)
            if (family->modes >> mode & 1)
                json_array_append_new(modes, json_string(mode_name((enum mode)mode)));
        json_put_string(item, "task", family->task);
        json_put(item, "modes", modes);
        json_put_string(item, "unit", family->unit);
        json_put_string(item, "decode_unit", family->decode_unit);
        json_put_string(item, "optimizer", optimizer_name(family->optimizer));
        json_put_count(item, "models", family->size_count + (family->published ? family->published->count : 0));
        json_put_string(item, "help", family->help);
    }
}

/* Counted from the graph, like every such figure; absent where the graph can't be built. Active ones only where a token
 * doesn't meet them all. */
static void put_parameters(json_t *item, const struct family *family, const struct family_size *size)
{
    struct model_case one = case_of_size(family, size, (enum mode)__builtin_ctz(family->modes));
    case_name(&one);
    struct graph *graph = case_build(&one, NULL);
    if (graph && graph_parameters(graph)) /* a forest's nodes are no parameters: how many there are, its data decide */
        json_put_count(item, "parameters", graph_parameters(graph));
    if (graph && graph_active_parameters(graph) < graph_parameters(graph))
        json_put_count(item, "active_parameters", graph_active_parameters(graph));
    graph_free(graph);
}

/* What the count rests on: the publisher's own, a published configuration, or neither: a rung of the ladder here. */
static const char *basis_of(const struct family *family, const struct family_size *size)
{
    bool own = family_has_rung(family, size) && !size->aliases;
    return size->published ? "published" : own ? "own" : "configuration";
}

static void fill_models(json_t *items)
{
    const struct family_size *size;
    for (size_t i = 0; families[i]; i++) {
        for (size_t j = 0; (size = family_size_at(families[i], j)); j++) {
            json_t *item = add_item(items, size->name), *aliases = json_array();
            for (size_t k = 0; size->aliases && size->aliases[k]; k++)
                json_array_append_new(aliases, json_string(size->aliases[k]));
            json_put_string(item, "family", families[i]->name);
            json_put_string(item, "task", family_task(families[i], size));
            put_parameters(item, families[i], size);
            if (families[i]->has_context)
                json_put_count(item, "context", (uint64_t)size->config.max_context);
            json_put_string(item, "basis", basis_of(families[i], size));
            json_put_bool(item, "runnable", size->runnable);
            json_put(item, "aliases", aliases);
        }
    }
}

static void fill_modes(json_t *items)
{
    for (int mode = 0; mode < MODE_COUNT; mode++)
        add_item(items, mode_name((enum mode)mode));
}

static void fill_ops(json_t *items)
{
    for (size_t i = 0; ops[i]; i++) {
        json_t *item = add_item(items, ops[i]->name);
        json_put_bool(item, "has_gradient", ops[i]->gradient != NULL);
        json_put_string(item, "help", ops[i]->help);
    }
}

static void fill_probes(json_t *items)
{
    for (size_t i = 0; probes[i]; i++)
        add_named(items, probes[i]->name, probes[i]->help);
}

static void fill_ceilings(json_t *items)
{
    for (size_t i = 0; ceiling_probes[i]; i++)
        add_named(items, ceiling_probes[i]->name, ceiling_probes[i]->help);
}

static void fill_devices(json_t *items)
{
    for (size_t i = 0; i < device_count; i++) {
        const struct device *device = &devices[i];
        json_t *item = add_item(items, device->name);
        json_put_string(item, "kind", device->kind);
        json_put_real(item, "f32_tflops", device->f32_tflops);
        json_put_real(item, "half_tflops", device->half_tflops);
        json_put_real(item, "int8_tops", device->int8_tops);
        json_put_real(item, "memory_gib", device->memory_gib);
        json_put_real(item, "bandwidth_gbs", device->bandwidth_gbs);
        json_put_real(item, "watts", device->watts);
        json_put_real(item, "price_usd", device->price_usd);
        json_put_real(item, "cores", device->cores);
        json_put_string(item, "basis", "data sheet");
    }
}

static void fill_optimizers(json_t *items)
{
    for (int i = 0; i < OPTIMIZER_COUNT; i++)
        add_item(items, optimizer_name((enum optimizer_kind)i));
}

static const struct column family_columns[] = {{"name", "Family", false, 0},         {"task", "Task", false, 1},
                                               {"modes", "Modes", false, 1},         {"unit", "Unit", false, 2},
                                               {"optimizer", "Optimizer", false, 3}, {"models", "Models", true, 2},
                                               {"help", "What it is", false, 0}};
static const struct column model_columns[] = {{"name", "Model", false, 0},
                                              {"family", "Family", false, 1},
                                              {"task", "Task", false, 2},
                                              {"parameters", "Parameters", true, 0},
                                              {"active_parameters", "Active", true, 1},
                                              {"context", "Context", true, 1},
                                              {"basis", "Count", false, 1},
                                              {"runnable", "Runnable", false, 2},
                                              {"aliases", "Also known as", false, 3}};
static const struct column device_columns[] = {{"name", "Device", false, 0},
                                               {"kind", "Kind", false, 2},
                                               {"memory_gib", "Memory [GiB]", true, 0},
                                               {"bandwidth_gbs", "Bandwidth [GB/s]", true, 0},
                                               {"f32_tflops", "f32 [TFLOP/s]", true, 1},
                                               {"half_tflops", "bf16 or f16 [TFLOP/s]", true, 1},
                                               {"int8_tops", "int8 [TOP/s]", true, 2},
                                               {"watts", "Power [W]", true, 2},
                                               {"price_usd", "Price at launch [USD]", true, 3},
                                               {"basis", "Basis", false, 1}};
static const struct column op_columns[] = {
    {"name", "Op", false, 0}, {"has_gradient", "Gradient", false, 1}, {"help", "What it computes", false, 0}};
static const struct column name_columns[] = {{"name", "Name", false, 0}};
static const struct column named_columns[] = {{"name", "Name", false, 0}, {"help", "What it is", false, 0}};
static const struct column format_columns[] = {
    {"name", "Name", false, 0}, {"media_type", "Media type", false, 1}, {"help", "What it is", false, 0}};

static const struct column dtype_columns[] = {{"name", "Name", false, 0},
                                              {"bits", "Bits each", true, 0},
                                              {"block", "Elements in a block", true, 1},
                                              {"block_bytes", "Bytes of a block", true, 1}};

#define COLUMNS(columns) columns, sizeof columns / sizeof *columns

static const struct column suite_columns[] = {{"name", "Name", false, 0},
                                              {"cases", "Cases", true, 1},
                                              {"budget_s", "Budget [s]", true, 1},
                                              {"help", "What it is", false, 0}};
static const struct column case_columns[] = {{"name", "Case", false, 0}, {"suites", "Suites", false, 1}};

static const struct listable listables[] = {
    {"suites", "what `run --suite` measures", COLUMNS(suite_columns), list_suites},
    {"cases", "every case of the suites", COLUMNS(case_columns), list_cases},
    {"commands", "what this program does", COLUMNS(named_columns), fill_commands},
    {"families", "kinds of models", COLUMNS(family_columns), fill_families},
    {"models", "models of every family, from small to large", COLUMNS(model_columns), fill_models},
    {"devices", "machines by their data sheets", COLUMNS(device_columns), fill_devices},
    {"modes", "what is done with a model", COLUMNS(name_columns), fill_modes},
    {"ops", "what models are made of", COLUMNS(op_columns), fill_ops},
    {"optimizers", "how weights are updated in training", COLUMNS(name_columns), fill_optimizers},
    {"probes", "what is looked at to describe a machine", COLUMNS(named_columns), fill_probes},
    {"ceilings", "limits of a machine that can be measured", COLUMNS(named_columns), fill_ceilings},
    {"dtypes", "how the elements of a tensor can be stored", COLUMNS(dtype_columns), fill_dtypes},
    {"formats", "how results can be written", COLUMNS(format_columns), fill_formats},
};

enum { LISTABLE_COUNT = sizeof listables / sizeof *listables };

static void fill_listables(json_t *items)
{
    for (size_t i = 0; i < LISTABLE_COUNT; i++)
        add_named(items, listables[i].name, listables[i].help);
}

/* What `benchmark list` itself shows. */
static const struct listable all = {"lists", "what can be listed", COLUMNS(named_columns), fill_listables};

static bool has_unit(const char *key, const char *unit)
{
    size_t length = strlen(key), tail = strlen(unit);
    return length > tail && strcmp(key + length - tail, unit) == 0;
}

/* Strings as they are, numbers short and with the unit that their key has, true as yes, lists side by side. */
static void fill_cell(struct cell *cell, const char *key, const json_t *value)
{
    char text[64];
    if (json_is_number(value)) {
        double number = json_number_value(value);
        if (has_unit(key, "_s"))
            format_duration(number, text, sizeof text);
        else
            format_count(number, text, sizeof text);
        cell_number(cell, number, "%s", text);
    } else if (json_is_boolean(value)) {
        cell_text(cell, TONE_PLAIN, "%s", json_is_true(value) ? "yes" : "no");
    } else if (json_is_array(value)) {
        struct text joined = {0};
        for (size_t i = 0; i < json_array_size(value); i++)
            text_printf(&joined, "%s%s", i ? ", " : "", json_string_value(json_array_get(value, i)));
        cell_text(cell, TONE_PLAIN, "%s", text_string(&joined));
        text_free(&joined);
    } else if (value) {
        cell_text(cell, TONE_PLAIN, "%s", json_string_value(value));
    }
}

static struct report *list_report(const struct listable *list)
{
    char title[64];
    snprintf(title, sizeof title, "%c%s", list->name[0] - 'a' + 'A', list->name + 1);
    struct report *report = report_create(title);
    if (!report)
        return NULL;
    json_t *items = json_array();
    list->fill(items);
    json_put_string(report->document, "schema", "benchmark.list/1");
    json_put_string(report->document, "what", list->name);
    json_put(report->document, "items", items);

    struct table *table = report_table(report, NULL, list->columns, list->column_count);
    for (size_t i = 0; i < json_array_size(items); i++) {
        struct cell *row = table_row(table);
        for (size_t j = 0; j < list->column_count; j++)
            fill_cell(&row[j], list->columns[j].key, json_object_get(json_array_get(items, i), list->columns[j].key));
    }
    return report;
}

static int run_list(const struct invocation *invocation, struct error *error)
{
    if (invocation->argument_count == 0)
        return command_write(invocation, list_report(&all), error);
    const char *what = invocation->arguments[0], *names[LISTABLE_COUNT];
    for (size_t i = 0; i < LISTABLE_COUNT; i++) {
        if (strcmp(listables[i].name, what) == 0)
            return command_write(invocation, list_report(&listables[i]), error);
        names[i] = listables[i].name;
    }
    char near[160];
    nearest_names(what, names, LISTABLE_COUNT, 3, near, sizeof near);
    error_set(error, ERROR_INPUT, "list: there is no list of '%s'; did you mean %s? 'benchmark list' names all", what,
              near);
    return ERROR_INPUT;
}

const struct command command_list = {
    .name = "list",
    .arguments = "[WHAT]",
    .argument_words = "",
    .help = "what there is to run and to read",
    .details = "WHAT is the name of a list; without it, the lists that there are.",
    .most_arguments = 1,
    .run = run_list,
};
