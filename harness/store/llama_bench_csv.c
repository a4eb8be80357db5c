/* llama-bench's csv: a line of names, then lines of values in quotes, which are doubled within. */
#include <stdlib.h>
#include <string.h>

#include "harness/store/llama_bench.h"

enum { MOST_COLUMNS = 256, MOST_NAME = 64, MOST_VALUE = 4096 };

struct csv {
    const char *at;
    struct bench_place place;
    char names[MOST_COLUMNS][MOST_NAME];
    size_t count;
    char value[MOST_VALUE];
};

/* One value, without its quotes; *at stands at what ended it. False when its quotes don't close or it is too long. */
static bool take_value(const char **at, char *value, size_t size)
{
    size_t length = 0;
    bool quoted = **at == '"';
    *at += quoted;
    for (; **at; ++*at) {
        if (quoted ? **at == '"' && (*at)[1] != '"' : strchr(",\r\n", **at) != NULL)
            break;
        if (quoted && **at == '"')
            ++*at;
        if (length + 1 == size || (quoted && **at == '\n'))
            return false;
        value[length++] = **at;
    }
    value[length] = '\0';
    if (quoted && **at != '"')
        return false;
    *at += quoted;
    return !**at || strchr(",\r\n", **at);
}

static void end_line(struct csv *csv)
{
    csv->at += strcspn(csv->at, "\n");
    csv->at += *csv->at == '\n';
    csv->place.line++;
}

/* Blank lines, which nothing rests on. */
static void skip_blank(struct csv *csv)
{
    while (csv->at[strspn(csv->at, " \t\r")] == '\n')
        end_line(csv);
}

static bool take_names(struct csv *csv, struct error *error)
{
    bool more = true;
    skip_blank(csv);
    while (more) {
        if (csv->count == MOST_COLUMNS || !take_value(&csv->at, csv->names[csv->count++], MOST_NAME))
            return bench_refuse(&csv->place, error, "must name the columns, as llama-bench does: build_commit,...");
        more = *csv->at == ',';
        csv->at += more;
    }
    end_line(csv);
    return true;
}

static bool take_line(struct csv *csv, struct bench_rows *rows, struct error *error)
{
    struct bench_row *row = bench_rows_add(rows, &csv->place, error);
    size_t column = 0;
    for (bool more = row; more; column++) {
        if (!take_value(&csv->at, csv->value, sizeof csv->value))
            return bench_refuse(&csv->place, error, "column %zu: the quotes of its value must close, at its end",
                                column + 1);
        if (column < csv->count && !bench_row_set(row, csv->names[column], csv->value, &csv->place, error))
            return false;
        more = *csv->at == ',';
        csv->at += more;
    }
    if (row && column != csv->count)
        return bench_refuse(&csv->place, error, "%zu values where the first line names %zu columns", column,
                            csv->count);
    return row && bench_row_whole(row, &csv->place, error);
}

static bool read_csv(const char *text, const char *name, struct bench_rows *rows, struct error *error)
{
    struct csv *csv = calloc(1, sizeof *csv);
    if (!csv)
        return error_set(error, ERROR_SYSTEM, "%s: not enough memory to read it", name);
    csv->at = text;
    csv->place = (struct bench_place){name, 1};
    bool right = take_names(csv, error);
    for (skip_blank(csv); right && csv->at[strspn(csv->at, " \t\r")]; skip_blank(csv)) {
        right = take_line(csv, rows, error);
        end_line(csv);
    }
    free(csv);
    return right;
}

static bool looks(const char *text)
{
    static const char *const telling[] = {"model_type", "n_prompt", "avg_ts", "tps", "test", "model_filename"};
    text += strspn(text, " \t\r\n");
    int known = 0;
    while (*text && *text != '\n') {
        char name[MOST_NAME];
        if (!take_value(&text, name, sizeof name))
            return false;
        for (size_t i = 0; i < sizeof telling / sizeof *telling; i++)
            known += strcmp(name, telling[i]) == 0;
        text += strspn(text, ",\r");
    }
    return known >= 2;
}

const struct bench_form bench_form_csv = {"csv", looks, read_csv};
