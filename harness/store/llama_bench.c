/* The forms of llama-bench's output, and what its columns mean; see llama_bench.h. */
#include "harness/store/llama_bench.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/base/parse.h"

static const struct bench_form *const forms[] = {&bench_form_json, &bench_form_markdown, &bench_form_sql,
                                                 &bench_form_csv};
enum { FORM_COUNT = sizeof forms / sizeof *forms };

bool bench_refuse(const struct bench_place *place, struct error *error, const char *format, ...)
{
    char message[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return error_set(error, ERROR_INPUT, "%s: line %ld: %s", place->name, place->line, message);
}

/* ---- columns ---- */

enum column_kind { COLUMN_TEXT, COLUMN_COUNT, COLUMN_FLOAT, COLUMN_SIZE, COLUMN_PARAMETERS, COLUMN_TEST, COLUMN_RATE };

/* The columns that are kept. Those of md have units in their values; so have, in their names, those of tables that
 * people keep. A whole number may be as large as a double holds exactly. */
static const struct column_field {
    const char *name;
    enum column_kind kind;
    size_t offset, size;
    double least, most;
} fields[] = {
#define FIELD_TEXT(name, member)                                                                                       \
    {                                                                                                                  \
        name, COLUMN_TEXT, offsetof(struct bench_row, member), sizeof(((struct bench_row *)0)->member), 0, 0           \
    }
#define FIELD_OF(name, kind, member, least, most)                                                                      \
    {                                                                                                                  \
        name, kind, offsetof(struct bench_row, member), 0, least, most                                                 \
    }
    FIELD_TEXT("build_commit", build),
    FIELD_TEXT("cpu_info", cpu),
    FIELD_TEXT("gpu_info", gpu),
    FIELD_TEXT("backends", backends),
    FIELD_TEXT("backend", backends),
    FIELD_TEXT("model_filename", file),
    FIELD_TEXT("model_type", model),
    FIELD_TEXT("model", model),
    FIELD_TEXT("type", type),
    FIELD_TEXT("hardware", cpu),
    FIELD_TEXT("type_k", type_k),
    FIELD_TEXT("type_v", type_v),
    FIELD_TEXT("test_time", time),
    FIELD_OF("model_size", COLUMN_COUNT, model_bytes, 0, 0x1p53),
    FIELD_OF("size", COLUMN_SIZE, model_bytes, 0, 0x1p53),
    FIELD_OF("size_gib", COLUMN_SIZE, model_bytes, 0, 0x1p23),
    FIELD_OF("model_n_params", COLUMN_COUNT, parameters, 0, 0x1p53),
    FIELD_OF("params", COLUMN_PARAMETERS, parameters, 0, 0x1p53),
    FIELD_OF("params_b", COLUMN_PARAMETERS, parameters, 0, 0x1p23),
    FIELD_OF("n_prompt", COLUMN_COUNT, prompt, 0, 1 << 26),
    FIELD_OF("n_gen", COLUMN_COUNT, generated, 0, 1 << 26),
    FIELD_OF("n_depth", COLUMN_COUNT, depth, 0, 1 << 26),
    FIELD_OF("n_threads", COLUMN_COUNT, threads, 0, 1 << 20),
    FIELD_OF("threads", COLUMN_COUNT, threads, 0, 1 << 20),
    FIELD_OF("n_gpu_layers", COLUMN_COUNT, gpu_layers, -1, 1 << 20),
    FIELD_OF("ngl", COLUMN_COUNT, gpu_layers, -1, 1 << 20),
    FIELD_OF("test", COLUMN_TEST, prompt, 0, 0),
    FIELD_OF("avg_ts", COLUMN_FLOAT, rate, 1e-9, 1e12),
    FIELD_OF("stddev_ts", COLUMN_FLOAT, rate_deviation, 0, 1e12),
    FIELD_OF("t/s", COLUMN_RATE, rate, 1e-9, 1e12),
    FIELD_OF("tps", COLUMN_FLOAT, rate, 1e-9, 1e12),
    FIELD_OF("sd", COLUMN_FLOAT, rate_deviation, 0, 1e12),
};

static const struct column_field *find_field(const char *column)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(fields[i].name, column) == 0)
            return &fields[i];
    return NULL;
}

bool bench_column_known(const char *column)
{
    return find_field(column);
}

/* Control characters are no part of any name that is shown. */
static void take_text(char *out, size_t size, const char *value)
{
    size_t length = 0;
    for (; *value && length + 1 < size; value++)
        out[length++] = (unsigned char)*value < ' ' || *value == 0x7f ? ' ' : *value;
    while (length > 0 && out[length - 1] == ' ')
        length--;
    while (length > 0 && *value && ((unsigned char)out[length - 1] & 0xc0) == 0x80)
        length--; /* no half of a character where it was cut */
    out[length] = '\0';
}

static bool take_number(double *out, const char *value, const struct column_field *field,
                        const struct bench_place *place, struct error *error)
{
    char what[64], name[200];
    snprintf(what, sizeof what, "'%s'", field->name);
    snprintf(name, sizeof name, "%s: line %ld", place->name, place->line);
    double number;
    if (!parse_number(value, what, field->least, field->most, &number, error))
        return error_prefix(error, "%s", name);
    if (field->kind == COLUMN_COUNT && number != floor(number))
        return bench_refuse(place, error, "%s: %s is no whole number", what, value);
    *out = number;
    return true;
}

/* "4.33 GiB", "636.18 MiB"; "8.03 B", "361.82 M"; a bare number is in GiB, or in units of 10^9. */
static bool take_scaled(double *out, const char *value, const struct column_field *field,
                        const struct bench_place *place, struct error *error)
{
    static const struct {
        const char *word;
        double factor;
    } sizes[] = {{"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}},
      counts[] = {{"K", 1e3}, {"M", 1e6}, {"B", 1e9}, {"T", 1e12}};
    bool size = field->kind == COLUMN_SIZE;
    double factor = size ? 0x1p30 : 1e9;
    char number[48];
    size_t length = strspn(value, "0123456789.");
    const char *unit = value + length + strspn(value + length, " ");
    if (length >= sizeof number)
        return bench_refuse(place, error, "'%s' must be a shorter number", field->name);
    memcpy(number, value, length);
    number[length] = '\0';
    bool known = !*unit;
    for (size_t i = 0; i < 4 && *unit; i++) {
        const char *word = size ? sizes[i].word : counts[i].word;
        if (strcasecmp(unit, word) == 0) {
            factor = size ? sizes[i].factor : counts[i].factor;
            known = true;
        }
    }
    if (!known)
        return bench_refuse(place, error, "'%s': '%.24s' must be %s", field->name, value,
                            size ? "like 4.33 GiB or 636.18 MiB" : "like 8.03 B or 361.82 M");
    if (!take_number(out, number, field, place, error))
        return false;
    *out *= factor;
    return true;
}

/* One of "pp512", "tg128", "pp512+tg128", the number after its two letters. */
static bool take_part(const char **at, const char *letters, double *count)
{
    if (strncmp(*at, letters, 2) != 0 || !((*at)[2] >= '0' && (*at)[2] <= '9'))
        return false;
    char *end;
    *count = strtod(*at + 2, &end);
    *at = end;
    return *count <= 1 << 26;
}

static bool take_test(struct bench_row *row, const char *value, const struct bench_place *place, struct error *error)
{
    const char *at = value;
    row->prompt = row->generated = row->depth = 0;
    bool right = take_part(&at, "pp", &row->prompt) ? *at != '+' || (at++, take_part(&at, "tg", &row->generated))
                                                    : take_part(&at, "tg", &row->generated);
    at += strspn(at, " ");
    if (right && *at == '@') {
        at += 1 + strspn(at + 1, " ");
        char *end = NULL;
        right = *at == 'd' && at[1] >= '0' && at[1] <= '9' && (row->depth = strtod(at + 1, &end)) <= 1 << 26;
        at = right ? end : at;
    }
    if (!right || *at)
        return bench_refuse(place, error, "'test': '%.40s' must be like pp512, tg128, pp512+tg128 or tg128 @ d4096",
                            value);
    return true;
}

/* "104.63 ± 2.08": its parts, or the first alone. */
static bool take_rate(struct bench_row *row, const char *value, const struct column_field *field,
                      const struct bench_place *place, struct error *error)
{
    static const struct column_field deviation = {"t/s ±", COLUMN_FLOAT, 0, 0, 0, 1e12};
    char mean[48];
    const char *sign = strstr(value, "±");
    size_t length = sign ? (size_t)(sign - value) : strlen(value);
    while (length > 0 && value[length - 1] == ' ')
        length--;
    if (length >= sizeof mean)
        return bench_refuse(place, error, "'t/s': '%.40s' must be like 104.63 ± 2.08", value);
    memcpy(mean, value, length);
    mean[length] = '\0';
    if (!take_number(&row->rate, mean, field, place, error))
        return false;
    if (!sign)
        return true;
    sign += strlen("±");
    return take_number(&row->rate_deviation, sign + strspn(sign, " "), &deviation, place, error);
}

bool bench_row_set(struct bench_row *row, const char *column, const char *value, const struct bench_place *place,
                   struct error *error)
{
    const struct column_field *field = find_field(column);
    if (!field || (!*value && field->kind != COLUMN_TEST))
        return true; /* an empty cell says nothing */
    char *member = (char *)row + field->offset;
    switch (field->kind) {
    case COLUMN_TEXT:
        take_text(member, field->size, value);
        return true;
    case COLUMN_SIZE:
    case COLUMN_PARAMETERS:
        return take_scaled((double *)(void *)member, value, field, place, error);
    case COLUMN_TEST:
        return take_test(row, value, place, error);
    case COLUMN_RATE:
        return take_rate(row, value, field, place, error);
    default:
        return take_number((double *)(void *)member, value, field, place, error);
    }
}

/* ---- rows ---- */

struct bench_row *bench_rows_add(struct bench_rows *rows, const struct bench_place *place, struct error *error)
{
    if (rows->count == BENCH_MOST_ROWS) {
        bench_refuse(place, error, "more than %d results; they can be imported in several files", BENCH_MOST_ROWS);
        return NULL;
    }
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity ? 2 * rows->capacity : 16;
        struct bench_row *more = realloc(rows->rows, capacity * sizeof *more);
        if (!more) {
            error_set(error, ERROR_SYSTEM, "%s: not enough memory to read it", place->name);
            return NULL;
        }
        rows->rows = more;
        rows->capacity = capacity;
    }
    struct bench_row *row = &rows->rows[rows->count++];
    *row = (struct bench_row){.line = place->line,
                              .model_bytes = NAN,
                              .parameters = NAN,
                              .prompt = NAN,
                              .generated = NAN,
                              .threads = NAN,
                              .gpu_layers = NAN,
                              .rate = NAN,
                              .rate_deviation = NAN};
    return row;
}

bool bench_row_whole(const struct bench_row *row, const struct bench_place *place, struct error *error)
{
    if (!*row->model && !*row->file)
        return bench_refuse(place, error, "a result must name its model: 'model_type', 'model_filename' or 'model'");
    if (isnan(row->prompt) || isnan(row->generated))
        return bench_refuse(place, error, "a result must say its test: 'n_prompt' and 'n_gen', or 'test'");
    if (row->prompt == 0 && row->generated == 0)
        return bench_refuse(place, error, "a result must have tokens: 'n_prompt' or 'n_gen' above 0");
    if (isnan(row->rate))
        return bench_refuse(place, error, "a result must have its speed: 'avg_ts' or 't/s', tokens a second above 0");
    return true;
}

void bench_rows_free(struct bench_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        free(rows->rows[i].samples);
    free(rows->rows);
    *rows = (struct bench_rows){0};
}

/* ---- forms ---- */

static const struct bench_form *find_form(const char *text)
{
    for (size_t i = 0; i < FORM_COUNT; i++)
        if (forms[i]->looks(text))
            return forms[i];
    return NULL;
}

bool bench_looks_like(const char *text)
{
    return find_form(text);
}

bool bench_read(const char *text, const char *name, struct bench_rows *rows, struct error *error)
{
    *rows = (struct bench_rows){0};
    const struct bench_form *form = find_form(text);
    bool right =
        form ? form->read(text, name, rows, error)
             : error_set(error, ERROR_INPUT,
                         "%s: line 1: no output of llama-bench: neither its json, jsonl, csv, md nor sql", name);
    if (right && !rows->count)
        right = error_set(error, ERROR_INPUT, "%s: holds no result; llama-bench prints one for each test", name);
    if (!right)
        bench_rows_free(rows);
    return right;
}
