/* RFC 4180, one table: the report's first (a series when it has no table), since a file of two shapes is read by
 * nothing. Numbers are raw and round-trip; where a column has intervals, KEY_low and KEY_high follow it. Text that a
 * spreadsheet would take for a formula gets a leading apostrophe (CWE-1236). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/format/format.h"

/* The shortest decimal form that reads back as the same double. */
static void append_number(struct text *out, double value)
{
    char digits[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    if (isfinite(value))
        text_append(out, digits);
}

static void append_text(struct text *out, const char *string)
{
    const char *formula = *string && strchr("=+-@", *string) ? "'" : "";
    if (!strpbrk(string, ",\"\r\n") && *string != ' ') {
        text_printf(out, "%s%s", formula, string);
        return;
    }
    text_printf(out, "\"%s", formula);
    for (const char *c = string; *c; c++)
        text_append_n(out, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
    text_append(out, "\"");
}

static bool has_interval(const struct table *table, size_t column)
{
    for (size_t row = 0; row < table->row_count; row++) {
        const struct cell *cell = &table->cells[row * table->column_count + column];
        if (isfinite(cell->low) || isfinite(cell->high))
            return true;
    }
    return false;
}

static void write_row(struct text *out, const struct table *table, size_t row, const bool *interval)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct cell *cell = &table->cells[row * table->column_count + i];
        text_append(out, i ? "," : "");
        if (isfinite(cell->value))
            append_number(out, cell->value);
        else
            append_text(out, cell->text ? cell->text : "");
        if (interval[i]) {
            text_append(out, ",");
            append_number(out, cell->low);
            text_append(out, ",");
            append_number(out, cell->high);
        }
    }
    text_append(out, "\r\n");
}

static bool write_table(struct text *out, const struct table *table, struct error *error)
{
    bool *interval = calloc(table->column_count + 1, sizeof *interval);
    if (!interval)
        return error_set(error, ERROR_SYSTEM, "out of memory while writing CSV");
    for (size_t i = 0; i < table->column_count; i++) {
        const char *key = table->columns[i].key;
        interval[i] = has_interval(table, i);
        text_printf(out, "%s%s", i ? "," : "", key);
        if (interval[i])
            text_printf(out, ",%s_low,%s_high", key, key);
    }
    text_append(out, "\r\n");
    for (size_t row = 0; row < table->row_count; row++)
        write_row(out, table, row, interval);
    free(interval);
    return true;
}

static void write_series(struct text *out, const struct series *series)
{
    text_append(out, "x,y");
    text_append(out, series->low ? ",low" : "");
    text_append(out, series->high ? ",high\r\n" : "\r\n");
    for (size_t i = 0; i < series->count; i++) {
        append_number(out, series->x[i]);
        text_append(out, ",");
        append_number(out, series->y[i]);
        text_append(out, series->low ? "," : "");
        append_number(out, series->low ? series->low[i] : NAN);
        text_append(out, series->high ? "," : "");
        append_number(out, series->high ? series->high[i] : NAN);
        text_append(out, "\r\n");
    }
}

static const struct block *first_block(const struct report *report, enum block_kind kind)
{
    for (size_t i = 0; i < report->block_count; i++)
        if (report->blocks[i].kind == kind)
            return &report->blocks[i];
    return NULL;
}

static bool write_csv(const struct report *report, struct sink *sink, struct error *error)
{
    const struct block *block = first_block(report, BLOCK_TABLE);
    if (block)
        return write_table(&sink->text, &block->table, error);
    block = first_block(report, BLOCK_SERIES);
    if (!block)
        return error_set(error, ERROR_INPUT, "csv: this answer holds no table; --json has all of it");
    write_series(&sink->text, &block->series);
    return true;
}

const struct format format_csv = {"csv", "text/csv; charset=utf-8; header=present",
                                  "the answer's first table, for spreadsheets (RFC 4180)", write_csv};
