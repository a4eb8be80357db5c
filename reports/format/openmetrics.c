/* OpenMetrics 1.0 text (github.com/prometheus/OpenMetrics), for Prometheus and its textfile collector: each column of
 * numbers of the report's first table is a gauge, named benchmark_KEY after its key, whose labels are the row's words.
 * An interval's ends are gauges of their own. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "reports/format/format.h"
#include "reports/format/subjects.h"

/* Metric and label names: letters, digits and underscores. */
static void append_name(struct text *out, const char *key)
{
    for (const char *c = key; *c; c++)
        text_append_n(out, isalnum((unsigned char)*c) ? c : "_", 1);
}

static void append_label(struct text *out, const char *value)
{
    for (const char *c = value; *c; c++) {
        if (*c == '\\' || *c == '"')
            text_append(out, "\\");
        if (*c == '\n')
            text_append(out, "\\n");
        else
            text_append_n(out, c, 1);
    }
}

static bool is_numeric(const struct table *table, size_t column)
{
    for (size_t row = 0; row < table->row_count; row++)
        if (isfinite(table->cells[row * table->column_count + column].value))
            return true;
    return false;
}

static bool has_words(const struct table *table, size_t column)
{
    for (size_t row = 0; row < table->row_count; row++) {
        const char *text = table->cells[row * table->column_count + column].text;
        if (text && *text)
            return !is_numeric(table, column);
    }
    return false;
}

static void write_sample(struct text *out, const struct table *table, size_t row, const char *key, const char *suffix,
                         double value)
{
    bool first = true;
    if (!isfinite(value))
        return;
    text_append(out, "benchmark_");
    append_name(out, key);
    text_append(out, suffix);
    for (size_t i = 0; i < table->column_count; i++) {
        const char *word = table->cells[row * table->column_count + i].text;
        if (!word || !*word || !has_words(table, i))
            continue;
        text_append(out, first ? "{" : ",");
        append_name(out, table->columns[i].key);
        text_append(out, "=\"");
        append_label(out, word);
        text_append(out, "\"");
        first = false;
    }
    text_printf(out, "%s %.17g\n", first ? "" : "}", value);
}

/* All samples of a gauge stand together, behind its type. */
static void write_gauge(struct text *out, const struct table *table, size_t column, const char *suffix)
{
    const char *key = table->columns[column].key;
    struct text samples = {0};
    for (size_t row = 0; row < table->row_count; row++) {
        const struct cell *cell = &table->cells[row * table->column_count + column];
        write_sample(&samples, table, row, key, suffix,
                     !*suffix           ? cell->value
                     : suffix[1] == 'l' ? cell->low
                                        : cell->high);
    }
    if (samples.length) {
        text_append(out, "# TYPE benchmark_");
        append_name(out, key);
        text_printf(out, "%s gauge\n%s", suffix, text_string(&samples));
    }
    out->failed |= samples.failed;
    text_free(&samples);
}

static bool write_openmetrics(const struct report *report, struct sink *sink, struct error *error)
{
    const struct table *table = subjects_table(report);
    bool any = false;
    for (size_t i = 0; table && i < table->column_count; i++)
        any |= is_numeric(table, i);
    if (!any)
        return error_set(error, ERROR_INPUT,
                         "openmetrics: this answer holds no table of numbers; --json has all of it");
    if (!subjects_columns(table))
        return error_set(error, ERROR_INPUT,
                         "openmetrics: rows of this answer have the same labels, which one scrape can't have; --json "
                         "has all of it");
    for (size_t i = 0; i < table->column_count; i++) {
        if (!is_numeric(table, i))
            continue;
        write_gauge(&sink->text, table, i, "");
        write_gauge(&sink->text, table, i, "_low");
        write_gauge(&sink->text, table, i, "_high");
    }
    text_append(&sink->text, "# EOF\n");
    return true;
}

const struct format format_openmetrics = {"openmetrics", "application/openmetrics-text; version=1.0.0; charset=utf-8",
                                          "gauges, for Prometheus and what reads its format", write_openmetrics};
