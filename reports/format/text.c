/* What a person reads on a terminal: sentences wrapped, tables that give up their less important columns and then wrap
 * their long cells where the terminal is narrow, colours only where the sink has them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/format/format.h"
#include "reports/format/text_figures.h"
#include "reports/format/wrap.h"

enum {
    GAP = 2,    /* spaces between columns */
    PROSE = 28, /* a column of sentences is wrapped to this before a neighbour has to leave */
    WORD = 44,  /* one of long names to this */
    LEAST = 16, /* and any to this before the table is let run over the edge */
};

static const char *escape_of(enum tone tone)
{
    switch (tone) {
    case TONE_GOOD:
        return "\033[32m";
    case TONE_WARNING:
        return "\033[33m";
    case TONE_BAD:
        return "\033[31m";
    case TONE_FAINT:
        return "\033[2m";
    case TONE_STRONG:
        return "\033[1m";
    case TONE_PLAIN:
        break;
    }
    return "";
}

static void tone_start(struct sink *sink, enum tone tone)
{
    if (sink->color)
        text_append(&sink->text, escape_of(tone));
}

static void tone_end(struct sink *sink, enum tone tone)
{
    if (sink->color && tone != TONE_PLAIN)
        text_append(&sink->text, "\033[0m");
}

void text_line(struct sink *sink, enum tone tone, const char *string)
{
    tone_start(sink, tone);
    size_t before = sink->text.length;
    wrap_paragraph(&sink->text, string, (size_t)sink->columns, 0, 0);
    if (sink->text.length > before) /* the line's end belongs behind the colour's */
        sink->text.length--;
    tone_end(sink, tone);
    text_append(&sink->text, "\n");
}

/* How the columns of one table are laid out. */
struct layout {
    size_t *width;       /* 0: not shown */
    size_t *comfortable; /* what each is content with, at most its width */
    size_t last;         /* the last one shown */
};

static const char *shown(const struct cell *cell)
{
    return cell->text ? cell->text : "";
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Columns of the longest run without a space. */
static size_t longest_word(const char *string)
{
    size_t longest = 0;
    while (*string) {
        const char *next;
        struct text word = {0};
        text_append_n(&word, string, wrap_line(string, 1, false, &next));
        longest = larger(longest, text_columns(text_string(&word)));
        text_free(&word);
        string = next;
    }
    return longest;
}

static void natural_widths(const struct table *table, struct layout *layout)
{
    for (size_t i = 0; i < table->column_count; i++) {
        size_t width = larger(text_columns(table->columns[i].title), 1), word = PROSE;
        if (table_column_is_empty(table, i))
            continue; /* a width of 0: not shown */
        for (size_t row = 0; row < table->row_count; row++) {
            const char *string = shown(&table->cells[row * table->column_count + i]);
            width = larger(width, text_columns(string));
            word = larger(word, longest_word(string));
        }
        layout->width[i] = width;
        layout->comfortable[i] = table->columns[i].right_aligned ? width : smaller(width, smaller(word, WORD));
    }
}

/* Columns that the table takes with these widths of those that are shown. */
static size_t total_width(const struct table *table, const struct layout *layout, const size_t *width)
{
    size_t total = 0, count = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        if (layout->width[i]) {
            total += width[i];
            count++;
        }
    }
    return total + (count ? GAP * (count - 1) : 0);
}

/* The least important columns leave first, of equals the rightmost. */
static bool drop_column(const struct table *table, struct layout *layout)
{
    size_t worst = table->column_count;
    int priority = 1;
    for (size_t i = 0; i < table->column_count; i++) {
        if (layout->width[i] && table->columns[i].priority >= priority) {
            worst = i;
            priority = table->columns[i].priority;
        }
    }
    if (worst == table->column_count)
        return false;
    layout->width[worst] = 0;
    return true;
}

/* Takes columns from the widest text column until the table fits. */
static void wrap_columns(const struct table *table, struct layout *layout, size_t limit)
{
    while (total_width(table, layout, layout->width) > limit) {
        size_t widest = table->column_count, width = LEAST;
        for (size_t i = 0; i < table->column_count; i++) {
            if (!table->columns[i].right_aligned && layout->width[i] > width) {
                widest = i;
                width = layout->width[i];
            }
        }
        if (widest == table->column_count)
            return;
        layout->width[widest]--;
    }
}

static void fit_layout(const struct table *table, struct layout *layout, size_t limit)
{
    natural_widths(table, layout);
    if (limit) {
        while (total_width(table, layout, layout->comfortable) > limit && drop_column(table, layout))
            ;
        wrap_columns(table, layout, limit);
    }
    for (size_t i = 0; i < table->column_count; i++)
        if (layout->width[i])
            layout->last = i;
}

/* Writes the part of *rest that goes on this line, padded to the column, and moves *rest on. */
static void write_cell(struct sink *sink, const struct table *table, const struct layout *layout, size_t i,
                       const char **rest, enum tone tone)
{
    size_t width = layout->width[i];
    const char *part = *rest;
    size_t length = wrap_line(part, width, true, rest);
    struct text line = {0};
    text_append_n(&line, part, length);
    size_t columns = text_columns(text_string(&line));
    size_t padding = columns < width ? width - columns : 0;
    bool right = table->columns[i].right_aligned;
    if (right)
        text_repeat(&sink->text, " ", padding);
    tone_start(sink, length ? tone : TONE_PLAIN);
    text_append(&sink->text, text_string(&line));
    tone_end(sink, length ? tone : TONE_PLAIN);
    if (i != layout->last)
        text_repeat(&sink->text, " ", GAP + (right ? 0 : padding));
    sink->text.failed |= line.failed;
    text_free(&line);
}

/* One row, on as many lines as its longest cell takes. `rest` and `tone` have one entry a column. */
static void write_row(struct sink *sink, const struct table *table, const struct layout *layout, const char **rest,
                      const enum tone *tone)
{
    for (bool more = true; more && !sink->text.failed;) {
        more = false;
        size_t start = sink->text.length;
        for (size_t i = 0; i < table->column_count; i++) {
            if (layout->width[i]) {
                write_cell(sink, table, layout, i, &rest[i], tone[i]);
                more |= *rest[i] != '\0';
            }
        }
        while (sink->text.length > start && sink->text.data[sink->text.length - 1] == ' ')
            sink->text.length--;
        text_append(&sink->text, "\n");
    }
}

static void write_left_out(struct sink *sink, const struct table *table, const struct layout *layout)
{
    struct text names = {0};
    for (size_t i = 0; i < table->column_count; i++)
        if (!layout->width[i] && !table_column_is_empty(table, i))
            text_printf(&names, "%s%s", names.length ? ", " : "Not shown in this width: ", table->columns[i].title);
    if (names.length)
        text_line(sink, TONE_FAINT, text_string(&names));
    text_free(&names);
}

static bool write_table(struct sink *sink, const struct table *table, struct error *error)
{
    size_t count = table->column_count;
    struct layout layout = {.width = calloc(count, sizeof *layout.width),
                            .comfortable = calloc(count, sizeof *layout.comfortable)};
    const char **rest = calloc(count, sizeof *rest);
    enum tone *tone = calloc(count, sizeof *tone);
    bool right = layout.width && layout.comfortable && rest && tone;
    if (right) {
        if (table->title)
            text_line(sink, TONE_STRONG, table->title);
        fit_layout(table, &layout, (size_t)sink->columns);
        for (size_t i = 0; i < count; i++) {
            rest[i] = table->columns[i].title;
            tone[i] = TONE_FAINT;
        }
        write_row(sink, table, &layout, rest, tone);
        for (size_t row = 0; row < table->row_count; row++) {
            for (size_t i = 0; i < count; i++) {
                const struct cell *cell = &table->cells[row * count + i];
                rest[i] = shown(cell);
                tone[i] = cell->tone;
            }
            write_row(sink, table, &layout, rest, tone);
        }
        write_left_out(sink, table, &layout);
    } else {
        error_set(error, ERROR_SYSTEM, "out of memory while laying out a table");
    }
    free(layout.width);
    free(layout.comfortable);
    free(rest);
    free(tone);
    return right;
}

/* The mean of the finite values that fall on column `i` of `columns`. */
static double bucket_mean(const struct series *series, size_t i, size_t columns)
{
    size_t first = i * series->count / columns, end = (i + 1) * series->count / columns, count = 0;
    double sum = 0;
    for (size_t j = first; j < end; j++) {
        if (isfinite(series->y[j])) {
            sum += series->y[j];
            count++;
        }
    }
    return count ? sum / (double)count : NAN;
}

/* One line of bars, from the least to the greatest value. */
static void write_series(struct sink *sink, const struct series *series)
{
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    size_t columns = smaller(series->count, sink->columns > 0 ? (size_t)sink->columns : 80);
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < columns; i++) {
        double mean = bucket_mean(series, i, columns);
        least = isfinite(mean) ? fmin(least, mean) : least;
        most = isfinite(mean) ? fmax(most, mean) : most;
    }
    text_line(sink, TONE_PLAIN, series->name);
    for (size_t i = 0; i < columns; i++) {
        double mean = bucket_mean(series, i, columns);
        size_t level = isfinite(mean) && most > least ? (size_t)((mean - least) / (most - least) * 7.999) : 3;
        text_append(&sink->text, isfinite(mean) ? bars[level] : " ");
    }
    text_append(&sink->text, "\n");
    struct text range = {0};
    if (most >= least)
        text_printf(&range, "%zu %s: %s from %.4g to %.4g", series->count, series->x_title, series->y_title, least,
                    most);
    text_line(sink, TONE_FAINT, text_string(&range));
    for (size_t i = 0; i < series->event_count; i++)
        text_line(sink, series->events[i].tone, series->events[i].text);
    text_free(&range);
}

static bool write_text(const struct report *report, struct sink *sink, struct error *error)
{
    text_line(sink, TONE_STRONG, report->title);
    bool right = true;
    enum block_kind before = BLOCK_HEADING;
    for (size_t i = 0; right && i < report->block_count; i++) {
        const struct block *block = &report->blocks[i];
        if (block->drawn_only)
            continue;
        /* Sentences in a row are one paragraph's lines; everything else stands apart. */
        if (i == 0 || (before != BLOCK_HEADING && (block->kind != BLOCK_SENTENCE || before != BLOCK_SENTENCE)))
            text_append(&sink->text, "\n");
        if (block->kind == BLOCK_TABLE)
            right = write_table(sink, &block->table, error);
        else if (block->kind == BLOCK_SERIES)
            write_series(sink, &block->series);
        else if (block->kind == BLOCK_BARS)
            text_bars(sink, &block->bars);
        else if (block->kind == BLOCK_ROOFLINE)
            text_roofline(sink, &block->roofline);
        else if (block->kind == BLOCK_TOPOLOGY)
            text_topology(sink, &block->topology);
        else
            text_line(sink, block->tone, block->text);
        before = block->kind;
    }
    return right;
}

const struct format format_text = {"text", "text/plain; charset=utf-8", "tables and sentences, for people", write_text};
