/* JUnit's XML, as CI servers read it (the schema of Jenkins' xunit plugin): one test case a row of the report's first
 * table that has a judging column (`status`, `fits` or `verdict`). Bad is a failure, "skipped" is skipped, the rest has
 * passed; what is remarkable about a row that passed is its system-out. */
#include <math.h>
#include <string.h>

#include "reports/format/format.h"
#include "reports/format/html.h"
#include "reports/format/subjects.h"

struct judged {
    const struct table *table;
    size_t column, naming, time; /* time: the column of seconds, or column_count */
};

static bool find_judged(const struct report *report, struct judged *judged)
{
    for (size_t b = 0; b < report->block_count; b++) {
        const struct table *table = &report->blocks[b].table;
        for (size_t i = 0; report->blocks[b].kind == BLOCK_TABLE && i < table->column_count; i++) {
            if (!column_judges(&table->columns[i]) || !table->row_count)
                continue;
            *judged = (struct judged){table, i, subjects_columns(table), table->column_count};
            for (size_t c = 0; c < table->column_count; c++)
                if (strcmp(table->columns[c].key, "time_s") == 0)
                    judged->time = c;
            return true;
        }
    }
    return false;
}

static const struct cell *verdict_of(const struct judged *judged, size_t row)
{
    return &judged->table->cells[row * judged->table->column_count + judged->column];
}

static bool is_skipped(const struct cell *cell)
{
    return cell->text && strcmp(cell->text, "skipped") == 0;
}

static bool is_failure(const struct cell *cell)
{
    return cell->tone == TONE_BAD && !is_skipped(cell);
}

/* The row as "Title: cell" lines, for whoever reads the failure. */
static void write_row(struct text *out, const struct table *table, size_t row)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct cell *cell = &table->cells[row * table->column_count + i];
        if (!cell->text || !*cell->text)
            continue;
        html_escape(out, table->columns[i].key);
        text_append(out, ": ");
        html_escape(out, cell->text);
        text_append(out, "\n");
    }
}

static void write_case(struct text *out, const struct judged *judged, size_t row, const char *suite)
{
    const struct table *table = judged->table;
    const struct cell *cell = verdict_of(judged, row);
    const char *verdict = cell->text ? cell->text : "", *note = cell->note ? cell->note : verdict;
    struct text name = {0};
    subject_name(&name, table, row, judged->naming);
    if (!judged->naming)
        text_printf(&name, "row %zu", row + 1);
    text_append(out, "    <testcase classname=\"");
    html_escape(out, suite);
    text_append(out, "\" name=\"");
    html_escape(out, text_string(&name));
    text_append(out, "\"");
    text_free(&name);
    if (judged->time < table->column_count) {
        double seconds = table->cells[row * table->column_count + judged->time].value;
        if (isfinite(seconds))
            text_printf(out, " time=\"%.9f\"", seconds);
    }
    const char *element = is_skipped(cell) ? "skipped" : is_failure(cell) ? "failure" : NULL;
    if (!element && !cell->note) {
        text_append(out, "/>\n");
        return;
    }
    text_append(out, ">");
    if (element) {
        text_printf(out, "<%s message=\"", element);
        html_escape(out, note);
        text_append(out, "\">");
        write_row(out, table, row);
    } else {
        text_append(out, "<system-out>");
        html_escape(out, note);
    }
    text_printf(out, "</%s></testcase>\n", element ? element : "system-out");
}

static bool write_junit(const struct report *report, struct sink *sink, struct error *error)
{
    struct judged judged;
    if (!find_judged(report, &judged))
        return error_set(error, ERROR_INPUT,
                         "junit: this answer judges nothing that could pass or fail; run, report, fit and regress do");
    size_t failures = 0, skipped = 0, rows = judged.table->row_count;
    for (size_t row = 0; row < rows; row++) {
        failures += is_failure(verdict_of(&judged, row));
        skipped += is_skipped(verdict_of(&judged, row));
    }
    struct text *out = &sink->text;
    text_printf(out,
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"%zu\" failures=\"%zu\">\n"
                "  <testsuite name=\"",
                rows, failures);
    html_escape(out, report->title);
    text_printf(out, "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\">\n", rows, failures, skipped);
    for (size_t row = 0; row < rows; row++)
        write_case(out, &judged, row, "benchmark");
    if (report->answer) {
        text_append(out, "    <system-out>");
        html_escape(out, report->answer);
        text_append(out, "</system-out>\n");
    }
    text_append(out, "  </testsuite>\n</testsuites>\n");
    return true;
}

const struct format format_junit = {"junit", "application/xml", "what passed and what failed, for CI servers (XML)",
                                    write_junit};
