/* Reading a workload from its file and from options; see workload.h. */
#include "reports/workload.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "harness/base/text.h"

enum { MOST_BYTES = 1 << 20, MOST_ENTRIES = 1000 };

bool named_value_parse(const char *text, const char *option, double least, struct named_value *value,
                       struct error *error)
{
    const char *equals = strrchr(text, '=');
    if (!equals || equals == text || (size_t)(equals - text) >= sizeof value->name)
        return error_set(error, ERROR_INPUT, "%s: '%s' must be a name, = and a number", option, text);
    memcpy(value->name, text, (size_t)(equals - text));
    value->name[equals - text] = '\0';
    return parse_number(equals + 1, option, least, 1e15, &value->value, error);
}

bool workload_add_weight(struct workload *workload, const struct named_value *weight)
{
    struct named_value *more = realloc(workload->weights, (workload->weight_count + 1) * sizeof *more);
    if (!more)
        return false;
    workload->weights = more;
    more[workload->weight_count++] = *weight;
    return true;
}

bool workload_add_demand(struct workload *workload, const struct demand *demand)
{
    struct demand *more = realloc(workload->demands, (workload->demand_count + 1) * sizeof *more);
    if (!more)
        return false;
    workload->demands = more;
    more[workload->demand_count++] = *demand;
    return true;
}

double workload_weight(const struct workload *workload, const char *id)
{
    double weight = workload->case_count ? NAN : 1;
    for (size_t i = 0; i < workload->case_count && isnan(weight); i++)
        if (glob_match(workload->cases[i], id))
            weight = 1;
    for (size_t i = 0; i < workload->weight_count && !isnan(weight); i++)
        if (glob_match(workload->weights[i].name, id))
            weight = workload->weights[i].value;
    return weight;
}

/* ---- the file ---- */

static bool out_of_memory(const char *path, struct error *error)
{
    return error_set(error, ERROR_SYSTEM, "%s: not enough memory to read it", path);
}

static bool read_name(const json_t *value, const char *path, struct workload *workload, struct error *error)
{
    if (!json_is_string(value) || !json_string_length(value) || json_string_length(value) >= sizeof workload->name)
        return error_set(error, ERROR_INPUT, "%s: 'name' must be text of 1 to %zu bytes", path,
                         sizeof workload->name - 1);
    snprintf(workload->name, sizeof workload->name, "%s", json_string_value(value));
    return true;
}

static bool read_cases(const json_t *value, const char *path, struct workload *workload, struct error *error)
{
    size_t count = json_array_size(value);
    if (!json_is_array(value) || !count || count > MOST_ENTRIES)
        return error_set(error, ERROR_INPUT, "%s: 'cases' must be a list of 1 to %d globs, such as \"gpt2/*/train/*\"",
                         path, MOST_ENTRIES);
    workload->cases = calloc(count, sizeof *workload->cases);
    if (!workload->cases)
        return out_of_memory(path, error);
    for (size_t i = 0; i < count; i++) {
        const json_t *glob = json_array_get(value, i);
        if (!json_is_string(glob) || !json_string_length(glob) || json_string_length(glob) >= TEXT_ID)
            return error_set(error, ERROR_INPUT, "%s: 'cases'[%zu] must be a glob of 1 to %d bytes", path, i,
                             TEXT_ID - 1);
        snprintf(workload->cases[workload->case_count++], TEXT_ID, "%s", json_string_value(glob));
    }
    return true;
}

static bool read_weights(const json_t *value, const char *path, struct workload *workload, struct error *error)
{
    const char *glob;
    json_t *weight;
    if (!json_is_object(value) || json_object_size(value) > MOST_ENTRIES)
        return error_set(error, ERROR_INPUT, "%s: 'weights' must be an object of at most %d globs with their weights",
                         path, MOST_ENTRIES);
    json_object_foreach((json_t *)value, glob, weight)
    {
        struct named_value one = {.value = json_number_value(weight)};
        if (!json_is_number(weight) || !(one.value >= 0 && one.value <= 1e15))
            return error_set(error, ERROR_INPUT, "%s: 'weights': \"%.100s\" must have a number from 0 to 1e15", path,
                             glob);
        if (!*glob || strlen(glob) >= sizeof one.name)
            return error_set(error, ERROR_INPUT, "%s: 'weights': a glob has 1 to %zu bytes", path, sizeof one.name - 1);
        snprintf(one.name, sizeof one.name, "%s", glob);
        if (!workload_add_weight(workload, &one))
            return out_of_memory(path, error);
    }
    return true;
}

static bool read_demands(const json_t *value, const char *path, struct workload *workload, struct error *error)
{
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count > MOST_ENTRIES)
        return error_set(error, ERROR_INPUT,
                         "%s: 'demands' must be a list of at most %d, such as \"llama-3-8b decode >= 20 tokens/s\"",
                         path, MOST_ENTRIES);
    for (size_t i = 0; i < count; i++) {
        char where[300];
        struct demand demand;
        snprintf(where, sizeof where, "%.250s: 'demands'[%zu]", path, i);
        if (!json_is_string(json_array_get(value, i)))
            return error_set(error, ERROR_INPUT, "%s must be text, such as \"llama-3-8b decode >= 20 tokens/s\"",
                             where);
        if (!demand_parse(json_string_value(json_array_get(value, i)), where, &demand, error))
            return false;
        if (!workload_add_demand(workload, &demand))
            return out_of_memory(path, error);
    }
    return true;
}

static bool read_schema(const json_t *value, const char *path, struct workload *workload, struct error *error)
{
    (void)workload;
    const char *schema = json_string_value(value);
    return (schema && !strcmp(schema, "benchmark.workload/1")) ||
           error_set(error, ERROR_INPUT, "%s: 'schema' must be \"benchmark.workload/1\"", path);
}

static const struct field {
    const char *key;
    bool (*read)(const json_t *value, const char *path, struct workload *workload, struct error *error);
} fields[] = {{"schema", read_schema},
              {"name", read_name},
              {"cases", read_cases},
              {"weights", read_weights},
              {"demands", read_demands}};
enum { FIELDS = sizeof fields / sizeof *fields };

static const struct field *find_field(const char *key)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (!strcmp(fields[i].key, key))
            return &fields[i];
    return NULL;
}

static bool read_document(const json_t *document, const char *path, struct workload *workload, struct error *error)
{
    const char *key;
    json_t *value;
    if (!json_is_object(document))
        return error_set(error, ERROR_INPUT, "%s: a workload is an object with name, cases, weights and demands", path);
    json_object_foreach((json_t *)document, key, value)
    {
        const struct field *field = find_field(key);
        if (!field)
            return error_set(error, ERROR_INPUT,
                             "%s: '%.60s' is not a field of a workload: schema, name, cases, weights and demands are",
                             path, key);
        if (!field->read(value, path, workload, error))
            return false;
    }
    if (!*workload->name)
        return error_set(error, ERROR_INPUT, "%s: 'name' is missing: what this workload is called", path);
    return true;
}

bool workload_read_file(const char *path, struct workload *workload, struct error *error)
{
    const char *name = strcmp(path, "-") ? path : "standard input";
    *workload = (struct workload){0};
    errno = 0;
    char *bytes = text_read_file(strcmp(path, "-") ? path : "/dev/stdin", MOST_BYTES);
    if (!bytes)
        return error_set(error, ERROR_INPUT, "%s: %s", name, errno ? strerror(errno) : "larger than 1 MiB");
    json_t *document = json_parse(bytes, strlen(bytes), name, error);
    free(bytes);
    bool right = document && read_document(document, name, workload, error);
    json_decref(document);
    if (!right)
        workload_free(workload);
    return right;
}

void workload_free(struct workload *workload)
{
    free(workload->cases);
    free(workload->weights);
    free(workload->demands);
    *workload = (struct workload){0};
}
