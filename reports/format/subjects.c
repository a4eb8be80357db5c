#include "reports/format/subjects.h"

#include <math.h>
#include <string.h>

const struct table *subjects_table(const struct report *report)
{
    for (size_t i = 0; i < report->block_count; i++)
        if (report->blocks[i].kind == BLOCK_TABLE && report->blocks[i].table.row_count)
            return &report->blocks[i].table;
    return NULL;
}

bool column_judges(const struct column *column)
{
    return strcmp(column->key, "status") == 0 || strcmp(column->key, "fits") == 0 ||
           strcmp(column->key, "verdict") == 0;
}

static const struct cell *cell_at(const struct table *table, size_t row, size_t column)
{
    return &table->cells[row * table->column_count + column];
}

/* Words that name: neither a number nor a judgement. */
static bool is_naming(const struct table *table, size_t column)
{
    if (column_judges(&table->columns[column]))
        return false;
    for (size_t row = 0; row < table->row_count; row++)
        if (isfinite(cell_at(table, row, column)->value))
            return false;
    return true;
}

void subject_name(struct text *out, const struct table *table, size_t row, size_t columns)
{
    size_t start = out->length;
    for (size_t i = 0; i < columns; i++) {
        const char *word = cell_at(table, row, i)->text;
        if (!word || !*word || !is_naming(table, i))
            continue;
        text_append(out, out->length > start ? "/" : "");
        text_append(out, word);
    }
}

static bool are_alike(const struct table *table, size_t a, size_t b, size_t columns)
{
    struct text one = {0}, other = {0};
    subject_name(&one, table, a, columns);
    subject_name(&other, table, b, columns);
    bool alike = strcmp(text_string(&one), text_string(&other)) == 0;
    text_free(&one);
    text_free(&other);
    return alike;
}

size_t subjects_columns(const struct table *table)
{
    size_t columns = 1;
    for (size_t row = 1; row < table->row_count; row++) {
        for (size_t before = 0; before < row; before++) {
            while (columns <= table->column_count && are_alike(table, row, before, columns))
                columns++;
            if (columns > table->column_count)
                return 0;
        }
    }
    return columns;
}
