/* llama-bench's md: tables between any other lines, and "build: COMMIT (NUMBER)" below. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/store/llama_bench.h"

enum { MOST_COLUMNS = 64, MOST_CELL = 512 };

struct table {
    struct bench_place place;
    char names[MOST_COLUMNS][MOST_CELL], cells[MOST_COLUMNS][MOST_CELL];
    size_t count; /* of the names; 0 outside of tables of results */
};

/* The cells of a line that begins with '|', without the blanks around them. 0 when there are too many or too long. */
static size_t split(const char *line, char cells[][MOST_CELL])
{
    size_t count = 0;
    line += strspn(line, " \t") + 1;
    while (line[strspn(line, " \t\r")] && line[strspn(line, " \t\r")] != '\n') {
        size_t length = strcspn(line, "|\n");
        const char *from = line + strspn(line, " \t");
        const char *to = line + length;
        while (to > from && strchr(" \t\r", to[-1]))
            to--;
        size_t kept = to > from ? (size_t)(to - from) : 0;
        if (count == MOST_COLUMNS || kept >= MOST_CELL)
            return 0;
        memcpy(cells[count], from, kept);
        cells[count++][kept] = '\0';
        line += length + (line[length] == '|');
    }
    return count;
}

/* Of the llama-bench's own tables, and of others of its kind. */
static bool names_results(char names[][MOST_CELL], size_t count)
{
    bool test = false, rate = false;
    for (size_t i = 0; i < count; i++) {
        test |= strcmp(names[i], "test") == 0;
        rate |= strcmp(names[i], "t/s") == 0;
    }
    return test && rate;
}

static bool is_rule(char cells[][MOST_CELL], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!*cells[i] || cells[i][strspn(cells[i], "-: ")])
            return false;
    return count > 0;
}

static bool take_row(struct table *table, struct bench_rows *rows, size_t count, struct error *error)
{
    if (count != table->count)
        return bench_refuse(&table->place, error, "%zu cells where the table's head has %zu", count, table->count);
    struct bench_row *row = bench_rows_add(rows, &table->place, error);
    for (size_t i = 0; row && i < count; i++)
        if (!bench_row_set(row, table->names[i], table->cells[i], &table->place, error))
            return false;
    return row && bench_row_whole(row, &table->place, error);
}

static bool take_line(struct table *table, const char *line, struct bench_rows *rows, struct error *error)
{
    line += strspn(line, " \t");
    if (*line != '|') {
        table->count = 0;
        if (strncmp(line, "build: ", 7) == 0)
            snprintf(rows->build, sizeof rows->build, "%.*s", (int)strcspn(line + 7, "\r\n"), line + 7);
        return true;
    }
    size_t count = split(line, table->cells);
    if (!count)
        return bench_refuse(&table->place, error, "a row must have from 1 to %d cells of less than %d bytes",
                            MOST_COLUMNS, MOST_CELL);
    if (names_results(table->cells, count)) {
        memcpy(table->names, table->cells, sizeof table->names);
        table->count = count;
        return true;
    }
    return is_rule(table->cells, count) || !table->count || take_row(table, rows, count, error);
}

static bool read_markdown(const char *text, const char *name, struct bench_rows *rows, struct error *error)
{
    struct table *table = calloc(1, sizeof *table);
    if (!table)
        return error_set(error, ERROR_SYSTEM, "%s: not enough memory to read it", name);
    table->place = (struct bench_place){name, 1};
    bool right = true;
    for (const char *line = text; right && *line; table->place.line++) {
        right = take_line(table, line, rows, error);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    free(table);
    return right;
}

/* A line that begins with '|' and names both the test and its speed. */
static bool looks(const char *text)
{
    for (const char *line = text; *line; line += *line == '\n') {
        const char *from = line + strspn(line, " \t");
        size_t length = strcspn(from, "\n");
        const char *test = memmem(from, length, "test", 4), *rate = memmem(from, length, "t/s", 3);
        if (*from == '|' && test && rate)
            return true;
        line = from + length;
    }
    return false;
}

const struct bench_form bench_form_markdown = {"md", looks, read_markdown};
