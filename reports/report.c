#include "reports/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/text.h"
#include "reports/visible.h"

/* What is written to when memory ran out: the report is then marked failed and no format writes it, so that the many
 * calls that fill one need not be checked one by one. */
enum { SPARE_COLUMNS = 64 };
static struct cell spare_cells[SPARE_COLUMNS];
static struct table spare_table;

/* Bytes of the UTF-8 character at `c` and its code point; 1 and U+FFFD where it is not valid. */
static size_t decode(const unsigned char *c, unsigned *code)
{
    size_t length = *c < 0x80 ? 1 : *c >= 0xf0 && *c < 0xf5 ? 4 : *c >= 0xe0 ? 3 : *c >= 0xc2 ? 2 : 0;
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    *code = *c & masks[length];
    for (size_t i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80) {
            length = 0;
            break;
        }
        *code = *code << 6 | (c[i] & 0x3f);
    }
    if (length && *c < 0xf5 && *code >= least[length] && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff))
        return length;
    *code = 0xfffd;
    return 1;
}

/* Terminal controls (C0, DEL, C1), line separators, and the marks that reorder text on the screen. */
static bool is_control(unsigned code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

char *visible(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *raw = length >= 0 ? malloc((size_t)length + 1) : NULL;
    if (!raw)
        return NULL;
    vsnprintf(raw, (size_t)length + 1, format, arguments);

    struct text text = {0};
    text_append(&text, "");
    for (const char *c = raw; *c;) {
        unsigned code;
        size_t bytes = decode((const unsigned char *)c, &code);
        if (code == 0xfffd)
            text_append(&text, "\xef\xbf\xbd");
        else if (is_control(code))
            text_printf(&text,
                        code == '\n'   ? "\\n"
                        : code == '\t' ? "\\t"
                        : code < 0x100 ? "\\x%02x"
                                       : "\\u%04x",
                        code);
        else
            text_append_n(&text, c, bytes);
        c += bytes;
    }
    free(raw);
    if (text.failed)
        text_free(&text);
    return text.data;
}

void visible_append_json(struct text *out, const char *json)
{
    const char *plain = json; /* what wasn't appended yet */
    for (const char *c = json; *c;) {
        unsigned code;
        size_t bytes = decode((const unsigned char *)c, &code);
        if (code >= 0x7f && is_control(code)) {
            text_append_n(out, plain, (size_t)(c - plain));
            text_printf(out, "\\u%04x", code);
            plain = c + bytes;
        }
        c += bytes;
    }
    text_append(out, plain);
}

char *visible_string(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *string = visible(format, arguments);
    va_end(arguments);
    return string;
}

struct report *report_create(const char *title)
{
    struct report *report = calloc(1, sizeof *report);
    if (!report)
        return NULL;
    report->title = visible_string("%s", title);
    report->document = json_object();
    report->failed = !report->title || !report->document;
    return report;
}

void report_free(struct report *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < report->block_count; i++) {
        struct block *block = &report->blocks[i];
        free(block->text);
        for (size_t j = 0; j < block->table.row_count * block->table.column_count; j++) {
            free(block->table.cells[j].text);
            free(block->table.cells[j].note);
        }
        free(block->table.cells);
        free(block->series.name);
        free(block->series.x);
        free(block->series.y);
        free(block->series.low);
        free(block->series.high);
        for (size_t j = 0; j < block->series.event_count; j++)
            free(block->series.events[j].text);
        free(block->series.events);
        bars_clear(&block->bars);
        roofline_clear(&block->roofline);
        topology_clear(&block->topology);
    }
    free(report->blocks);
    free(report->title);
    free(report->answer);
    json_decref(report->document);
    free(report);
}

static struct block *add_block(struct report *report, enum block_kind kind)
{
    if (report->block_count == report->block_capacity) {
        size_t capacity = report->block_capacity ? 2 * report->block_capacity : 8;
        struct block *blocks = realloc(report->blocks, capacity * sizeof *blocks);
        if (!blocks) {
            report->failed = true;
            return NULL;
        }
        report->blocks = blocks;
        report->block_capacity = capacity;
    }
    struct block *block = &report->blocks[report->block_count++];
    *block = (struct block){.kind = kind};
    return block;
}

static void add_text(struct report *report, enum block_kind kind, enum tone tone, const char *format, va_list arguments)
{
    struct block *block = add_block(report, kind);
    if (!block)
        return;
    block->tone = tone;
    block->text = visible(format, arguments);
    report->failed |= !block->text;
}

void report_heading(struct report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_text(report, BLOCK_HEADING, TONE_STRONG, format, arguments);
    va_end(arguments);
}

void report_sentence(struct report *report, enum tone tone, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_text(report, BLOCK_SENTENCE, tone, format, arguments);
    va_end(arguments);
}

void report_answer(struct report *report, enum tone tone, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    free(report->answer);
    report->answer = visible(format, arguments);
    report->answer_tone = tone;
    va_end(arguments);
    report->failed |= !report->answer;
    if (report->answer)
        report_sentence(report, tone, "%s", report->answer);
}

struct table *report_table(struct report *report, const char *title, const struct column *columns, size_t column_count)
{
    struct block *block = add_block(report, BLOCK_TABLE);
    struct table *table = block ? &block->table : &spare_table;
    *table = (struct table){.title = title, .columns = columns, .column_count = column_count, .failed = !block};
    return table;
}

struct cell *table_row(struct table *table)
{
    if (!table->failed && table->row_count == table->row_capacity) {
        size_t capacity = table->row_capacity ? 2 * table->row_capacity : 16;
        struct cell *cells = realloc(table->cells, capacity * table->column_count * sizeof *cells);
        table->failed = !cells;
        if (cells) {
            table->cells = cells;
            table->row_capacity = capacity;
        }
    }
    if (table->failed)
        return spare_cells;
    struct cell *row = &table->cells[table->row_count++ * table->column_count];
    for (size_t i = 0; i < table->column_count; i++)
        row[i] = (struct cell){.value = NAN, .low = NAN, .high = NAN};
    return row;
}

void cell_text(struct cell *cell, enum tone tone, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    free(cell->text);
    cell->text = visible(format, arguments);
    cell->tone = tone;
    va_end(arguments);
}

void cell_number(struct cell *cell, double value, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    free(cell->text);
    cell->text = visible(format, arguments);
    cell->value = isfinite(value) ? value : NAN;
    va_end(arguments);
}

void cell_note(struct cell *cell, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    free(cell->note);
    cell->note = visible(format, arguments);
    va_end(arguments);
}

static double *copy(const double *values, size_t count)
{
    double *result = values ? malloc(count * sizeof *values) : NULL;
    if (result)
        memcpy(result, values, count * sizeof *values);
    return result;
}

void report_series(struct report *report, const char *name, const char *x_title, const char *y_title, const double *x,
                   const double *y, const double *low, const double *high, size_t count)
{
    if (!count)
        return;
    struct block *block = add_block(report, BLOCK_SERIES);
    if (!block)
        return;
    block->series = (struct series){.name = visible_string("%s", name),
                                    .x_title = x_title,
                                    .y_title = y_title,
                                    .x = copy(x, count),
                                    .y = copy(y, count),
                                    .low = copy(low, count),
                                    .high = copy(high, count),
                                    .count = count};
    const struct series *series = &block->series;
    report->failed |= !series->name || !series->x || !series->y || (low && !series->low) || (high && !series->high);
}

void report_event(struct report *report, double x, enum tone tone, const char *format, ...)
{
    struct block *block = report->block_count ? &report->blocks[report->block_count - 1] : NULL;
    if (!block || block->kind != BLOCK_SERIES)
        return;
    struct series *series = &block->series;
    struct event *events = realloc(series->events, (series->event_count + 1) * sizeof *events);
    if (!events) {
        report->failed = true;
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    series->events = events;
    events[series->event_count++] = (struct event){x, visible(format, arguments), tone};
    report->failed |= !events[series->event_count - 1].text;
    va_end(arguments);
}

/* Figures to fill when there is no memory for a block; the report has failed by then. */
static struct bars spare_bars;
static struct roofline spare_roofline;
static struct topology spare_topology;

struct bars *report_bars(struct report *report, const char *title, const char *const *parts, size_t part_count)
{
    struct block *block = add_block(report, BLOCK_BARS);
    struct bars *bars = block ? &block->bars : &spare_bars;
    *bars = (struct bars){.title = title,
                          .parts = parts,
                          .part_count = part_count < BAR_PARTS ? part_count : BAR_PARTS,
                          .failed = !block};
    return bars;
}

struct roofline *report_roofline(struct report *report, const char *title)
{
    struct block *block = add_block(report, BLOCK_ROOFLINE);
    struct roofline *roofline = block ? &block->roofline : &spare_roofline;
    *roofline = (struct roofline){.title = title, .failed = !block};
    return roofline;
}

struct topology *report_topology(struct report *report, const char *title)
{
    struct block *block = add_block(report, BLOCK_TOPOLOGY);
    struct topology *topology = block ? &block->topology : &spare_topology;
    *topology = (struct topology){.title = title, .failed = !block};
    return topology;
}

void report_drawn_only(struct report *report)
{
    if (report->block_count)
        report->blocks[report->block_count - 1].drawn_only = true;
}

bool report_complete(const struct report *report)
{
    if (report->failed)
        return false;
    for (size_t i = 0; i < report->block_count; i++) {
        const struct block *block = &report->blocks[i];
        if (block->table.failed || block->bars.failed || block->roofline.failed || block->topology.failed)
            return false;
    }
    return true;
}
