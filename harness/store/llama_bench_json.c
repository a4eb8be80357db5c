/* llama-bench's json (one array) and jsonl (an object a line), read object by object: an array that was never closed,
 * as a run that broke off leaves it, is good for the objects that it holds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/store/llama_bench.h"

static bool looks(const char *text)
{
    text += strspn(text, " \t\r\n");
    bool array = *text == '[';
    text += array;
    text += strspn(text, " \t\r\n");
    if (*text == '\0' || *text == ']')
        return array;
    /* the other JSON that is imported begins with its schema */
    return *text == '{' && (array || strncmp(text + 1 + strspn(text + 1, " \t\r\n"), "\"schema\"", 8) != 0);
}

/* The length of the object that begins here, by its braces outside of strings; 0 when it has no end. */
static size_t object_length(const char *text)
{
    size_t i = 0, depth = 0;
    bool quoted = false;
    for (; text[i]; i++) {
        if (quoted && text[i] == '\\' && text[i + 1])
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && text[i] == '{')
            depth++;
        else if (!quoted && text[i] == '}' && --depth == 0)
            return i + 1;
    }
    return 0;
}

/* The samples are in nanoseconds of a whole repetition. */
static bool take_samples(struct bench_rows *rows, struct bench_row *row, const json_t *array,
                         const struct bench_place *place, struct error *error)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array))
        return bench_refuse(place, error, "'samples_ns' must be a list of nanoseconds");
    if (count > BENCH_MOST_SAMPLES - rows->sample_count)
        return bench_refuse(place, error, "'samples_ns': more than %d samples in one file", BENCH_MOST_SAMPLES);
    free(row->samples);
    row->samples = malloc((count + 1) * sizeof *row->samples);
    if (!row->samples)
        return error_set(error, ERROR_SYSTEM, "%s: not enough memory to read it", place->name);
    rows->sample_count += row->sample_count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(array, i);
        row->samples[i] = json_is_number(value) ? json_number_value(value) / 1e9 : NAN;
        if (!(row->samples[i] > 0 && row->samples[i] < 1e9))
            return bench_refuse(place, error, "'samples_ns' must be a list of nanoseconds, each above 0");
    }
    return true;
}

/* Numbers and truth values as csv writes them, so that each column is judged in one place. */
static bool take_value(struct bench_row *row, const char *key, const json_t *value, const struct bench_place *place,
                       struct error *error)
{
    char number[64];
    if (json_is_string(value)) {
        if (strlen(json_string_value(value)) != json_string_length(value))
            return bench_refuse(place, error, "'%.40s' must be text without NUL characters", key);
        return bench_row_set(row, key, json_string_value(value), place, error);
    }
    if (json_is_integer(value))
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(number, sizeof number, "%.17g", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(number, sizeof number, "%d", json_is_true(value));
    else if (json_is_null(value) || !bench_column_known(key))
        return true;
    else
        return bench_refuse(place, error, "'%s' must be text or a number", key);
    return bench_row_set(row, key, number, place, error);
}

/* The build's number goes with its commit: "0104b151 (10269)". */
static void join_build(struct bench_row *row, const json_t *object)
{
    const json_t *number = json_object_get(object, "build_number");
    size_t length = strlen(row->build);
    if (json_is_integer(number) && length + 24 < sizeof row->build)
        snprintf(row->build + length, sizeof row->build - length, " (%lld)", (long long)json_integer_value(number));
}

static bool take_object(struct bench_rows *rows, const json_t *object, const struct bench_place *place,
                        struct error *error)
{
    struct bench_row *row = bench_rows_add(rows, place, error);
    const char *key;
    json_t *value;
    if (!row)
        return false;
    json_object_foreach((json_t *)object, key, value)
    {
        bool right = strcmp(key, "samples_ns") == 0 ? take_samples(rows, row, value, place, error)
                                                    : take_value(row, key, value, place, error);
        if (!right)
            return false;
    }
    join_build(row, object);
    return bench_row_whole(row, place, error);
}

static bool read_object(const char *text, size_t length, struct bench_rows *rows, const struct bench_place *place,
                        struct error *error)
{
    json_error_t at;
    if (!length)
        return bench_refuse(place, error, "the object that begins here has no end: the file was cut off");
    if (length > BENCH_MOST_OBJECT)
        return bench_refuse(place, error, "an object of more than 1 MiB is no result of llama-bench");
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &at);
    if (!object) {
        struct bench_place inside = {place->name, place->line + at.line - 1};
        return bench_refuse(&inside, error, "no JSON: %s", at.text);
    }
    bool right = take_object(rows, object, place, error);
    json_decref(object);
    return right;
}

static bool read_json(const char *text, const char *name, struct bench_rows *rows, struct error *error)
{
    struct bench_place place = {name, 1};
    bool array = false, closed = false;
    for (const char *at = text; *at;) {
        size_t length = 1;
        if (*at == '\n') {
            place.line++;
        } else if (*at == '{' && !closed) {
            length = object_length(at);
            if (!read_object(at, length, rows, &place, error))
                return false;
            for (size_t i = 0; i < length; i++)
                place.line += at[i] == '\n';
        } else if (*at == '[' && !array && !rows->count) {
            array = true;
        } else if (*at == ']' && array && !closed) {
            closed = true;
        } else if (!strchr(" \t\r", *at) && !(*at == ',' && array && rows->count && !closed)) {
            return bench_refuse(&place, error, "'%.1s' where an object of the next result would be right", at);
        }
        at += length;
    }
    return true;
}

const struct bench_form bench_form_json = {"json", looks, read_json};
