/* A table, plain HTML: report.js makes it sortable and filterable. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/format/html.h"
#include "reports/format/subjects.h"

/* A cell of more bytes is a sentence, which takes room. */
enum { PROSE = 40 };

static bool is_basis(const struct column *column)
{
    return strcmp(column->key, "basis") == 0;
}

static const char *shown(const struct cell *cell)
{
    return cell->text ? cell->text : "";
}

/* Whether the table says of the row that its figures are estimates. */
static bool is_estimated(const struct table *table, size_t row)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (is_basis(&table->columns[i])) {
            const char *basis = shown(&table->cells[row * table->column_count + i]);
            return strncmp(basis, "estimate", 8) == 0 || strcmp(basis, "data sheet") == 0;
        }
    return false;
}

static void write_heads(struct text *out, const struct table *table)
{
    text_append(out, "<thead><tr>");
    for (size_t i = 0; i < table->column_count; i++) {
        const struct column *column = &table->columns[i];
        if (table_column_is_empty(table, i))
            continue;
        text_printf(out, "<th scope=\"col\"%s data-key=\"", column->right_aligned ? " class=\"number\"" : "");
        html_escape(out, column->key);
        text_append(out, "\">");
        html_escape(out, column->title);
        text_append(out, "</th>");
    }
    text_append(out, "</tr></thead>\n");
}

static void write_note(struct text *out, const struct cell *cell)
{
    if (!cell->note && !(isfinite(cell->low) && isfinite(cell->high)))
        return;
    text_append(out, " data-tip=\"");
    if (cell->note)
        html_escape(out, cell->note);
    else
        text_printf(out, "between %.4g and %.4g", cell->low, cell->high);
    text_append(out, "\"");
}

/* Long names, as cases have them, may break behind their strokes. */
static void write_words(struct text *out, const char *string)
{
    const char *stroke = strchr(string, '/');
    if (!stroke || !strchr(stroke + 1, '/')) { /* a unit */
        html_escape(out, string);
        return;
    }
    for (const char *c = string; *c;) {
        size_t length = strcspn(c, "/");
        length += c[length] == '/';
        struct text part = {0};
        text_append_n(&part, c, length);
        html_escape(out, text_string(&part));
        text_append(out, c[length - 1] == '/' ? "<wbr>" : "");
        out->failed |= part.failed;
        text_free(&part);
        c += length;
    }
}

static void write_cell(struct text *out, const struct column *column, const struct cell *cell, bool head)
{
    const char *name = head ? "th scope=\"row\"" : "td";
    bool prose = !head && !column->right_aligned && strlen(shown(cell)) > PROSE;
    text_printf(out, "<%s class=\"%s%s%s%s\"", name, html_tone(cell->tone), column->right_aligned ? " number" : "",
                *shown(cell) == '~' ? " about" : "", prose ? " prose" : "");
    if (isfinite(cell->value))
        text_printf(out, " data-value=\"%.9g\"", cell->value);
    write_note(out, cell);
    text_append(out, ">");
    bool pill = (column_judges(column) || is_basis(column)) && *shown(cell);
    if (pill)
        text_printf(out, "<span class=\"%s\">", is_basis(column) ? "basis" : "pill");
    write_words(out, shown(cell));
    text_printf(out, "%s</%s>", pill ? "</span>" : "", head ? "th" : "td");
}

void html_table(struct text *out, const struct table *table)
{
    bool *empty = calloc(table->column_count + 1, sizeof *empty);
    out->failed |= !empty;
    for (size_t i = 0; empty && i < table->column_count; i++)
        empty[i] = table_column_is_empty(table, i);
    text_append(out, "<section class=\"table\">");
    if (table->title)
        html_element(out, "h3", NULL, table->title);
    text_append(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
    html_escape(out, table->title ? table->title : "Table");
    text_append(out, "\"><table>\n");
    write_heads(out, table);
    text_append(out, "<tbody>\n");
    for (size_t row = 0; empty && row < table->row_count; row++) {
        text_append(out, is_estimated(table, row) ? "<tr class=\"estimated\">" : "<tr>");
        for (size_t i = 0; i < table->column_count; i++)
            if (!empty[i])
                write_cell(out, &table->columns[i], &table->cells[row * table->column_count + i], i == 0);
        text_append(out, "</tr>\n");
    }
    text_append(out, "</tbody></table></div></section>");
    free(empty);
}
