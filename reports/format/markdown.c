/* GitHub-flavoured Markdown: headings, paragraphs and tables, for issues, pull requests and wikis. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "reports/format/format.h"

/* Everything that Markdown or HTML would take for syntax, as text. Underscores within words are left: GitHub's
 * Markdown does not take them for emphasis, and names like q4_0 stay readable in the source. */
static void append_escaped(struct text *out, const char *string, bool starts_line)
{
    if (starts_line && (*string == '-' || *string == '+' || *string == '='))
        text_append(out, "\\");
    const char *start = string;
    for (const char *c = string; *c; c++) {
        bool inside_word = c > start && isalnum((unsigned char)c[-1]) && isalnum((unsigned char)c[1]);
        bool list_number =
            starts_line && c > start && (*c == '.' || *c == ')') && strspn(start, "0123456789") == (size_t)(c - start);
        if (*c == '<')
            text_append(out, "&lt;");
        else if (*c == '>')
            text_append(out, "&gt;");
        else if (*c == '&')
            text_append(out, "&amp;");
        else if (strchr("\\`*[]|~#!$", *c) || (*c == '_' && !inside_word) || list_number)
            text_printf(out, "\\%c", *c);
        else
            text_append_n(out, c, 1);
    }
}

static void write_cells(struct text *out, const struct table *table, size_t row)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const char *string = table->cells[row * table->column_count + i].text;
        text_append(out, "| ");
        append_escaped(out, string ? string : "", false);
        text_append(out, " ");
    }
    text_append(out, "|\n");
}

static void write_title(struct text *out, const char *title)
{
    if (!title)
        return;
    text_append(out, "### ");
    append_escaped(out, title, false);
    text_append(out, "\n\n");
}

static void write_table(struct text *out, const struct table *table)
{
    write_title(out, table->title);
    for (size_t i = 0; i < table->column_count; i++) {
        text_append(out, "| ");
        append_escaped(out, table->columns[i].title, false);
        text_append(out, " ");
    }
    text_append(out, "|\n");
    for (size_t i = 0; i < table->column_count; i++)
        text_append(out, table->columns[i].right_aligned ? "| ---: " : "| --- ");
    text_append(out, "|\n");
    for (size_t row = 0; row < table->row_count; row++)
        write_cells(out, table, row);
}

static void append_value(struct text *out, double value)
{
    if (isfinite(value))
        text_printf(out, "| %.6g ", value);
    else
        text_append(out, "|  ");
}

static void write_series(struct text *out, const struct series *series)
{
    text_append(out, "### ");
    append_escaped(out, series->name, false);
    text_append(out, "\n\n| ");
    append_escaped(out, series->x_title, false);
    text_append(out, " | ");
    append_escaped(out, series->y_title, false);
    text_printf(out, "%s%s |\n| ---: | ---:%s%s |\n", series->low ? " | low" : "", series->high ? " | high" : "",
                series->low ? " | ---:" : "", series->high ? " | ---:" : "");
    for (size_t i = 0; i < series->count; i++) {
        append_value(out, series->x[i]);
        append_value(out, series->y[i]);
        if (series->low)
            append_value(out, series->low[i]);
        if (series->high)
            append_value(out, series->high[i]);
        text_append(out, "|\n");
    }
}

static void append_cell(struct text *out, const char *string)
{
    text_append(out, "| ");
    append_escaped(out, string, false);
    text_append(out, " ");
}

static void write_bars(struct text *out, const struct bars *bars)
{
    write_title(out, bars->title);
    text_append(out, "|  |  ");
    for (size_t part = 0; part < bars->part_count; part++)
        append_cell(out, bars->parts[part]);
    text_append(out, "|\n| --- | --- ");
    for (size_t part = 0; part < bars->part_count; part++)
        text_append(out, "| ---: ");
    text_append(out, "|\n");
    for (size_t i = 0; i < bars->count; i++) {
        append_cell(out, bars->rows[i].label);
        append_cell(out, bars->rows[i].text);
        for (size_t part = 0; part < bars->part_count; part++)
            append_value(out, bars->rows[i].parts[part]);
        text_append(out, "|\n");
    }
}

static void write_roofline(struct text *out, const struct roofline *roofline)
{
    write_title(out, roofline->title);
    text_append(out, "|  | FLOP/byte | GFLOP/s |\n| --- | ---: | ---: |\n");
    for (size_t i = 0; i < roofline->point_count; i++) {
        append_cell(out, roofline->points[i].name);
        append_value(out, roofline->points[i].intensity);
        append_value(out, roofline->points[i].gflops);
        text_append(out, "|\n");
    }
}

static void write_topology(struct text *out, const struct topology *topology)
{
    write_title(out, topology->title);
    for (size_t i = 0; i < topology->count; i++) {
        const struct box *box = &topology->boxes[i];
        text_repeat(out, "  ", (size_t)box->depth);
        text_append(out, "- ");
        if (box->times > 1)
            text_printf(out, "%d × ", box->times);
        append_escaped(out, box->name, true);
        text_append(out, *box->detail ? ": " : "");
        append_escaped(out, box->detail, false);
        text_append(out, "\n");
    }
}

static void write_figure(struct text *out, const struct block *block)
{
    if (block->kind == BLOCK_SERIES)
        write_series(out, &block->series);
    else if (block->kind == BLOCK_BARS)
        write_bars(out, &block->bars);
    else if (block->kind == BLOCK_ROOFLINE)
        write_roofline(out, &block->roofline);
    else
        write_topology(out, &block->topology);
}

static bool write_markdown(const struct report *report, struct sink *sink, struct error *error)
{
    (void)error;
    struct text *out = &sink->text;
    text_append(out, "# ");
    append_escaped(out, report->title, false);
    text_append(out, "\n");
    for (size_t i = 0; i < report->block_count; i++) {
        const struct block *block = &report->blocks[i];
        if (block->drawn_only)
            continue;
        text_append(out, "\n");
        if (block->kind == BLOCK_TABLE) {
            write_table(out, &block->table);
        } else if (block->kind != BLOCK_HEADING && block->kind != BLOCK_SENTENCE) {
            write_figure(out, block);
        } else {
            bool heading = block->kind == BLOCK_HEADING;
            text_append(out, heading ? "## " : "");
            append_escaped(out, block->text, !heading);
            text_append(out, "\n");
        }
    }
    return true;
}

const struct format format_markdown = {"markdown", "text/markdown; charset=utf-8",
                                       "headings, sentences and tables, for issues and wikis", write_markdown};
