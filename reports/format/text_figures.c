/* Bars of blocks and boxes of lines. The roofline is in text_roofline.c. */
#include "reports/format/text_figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/sizes.h"
#include "reports/format/wrap.h"

enum { LEAST_COLUMNS = 40, USUAL_COLUMNS = 100, MOST_LABEL = 48 };

static size_t usable_columns(const struct sink *sink)
{
    size_t columns = sink->columns > 0 ? (size_t)sink->columns : USUAL_COLUMNS;
    return columns < LEAST_COLUMNS ? LEAST_COLUMNS : columns;
}

/* ---- bars ---- */

static double total_of(const struct bar *bar, size_t parts)
{
    double sum = 0;
    for (size_t i = 0; i < parts; i++)
        sum += bar->parts[i] > 0 ? bar->parts[i] : 0;
    return sum;
}

/* Where a value ends on a bar of `width`. */
static size_t place(double value, double least_value, double most_value, bool logarithmic, size_t width)
{
    double share = logarithmic ? log(value / least_value) / log(most_value / least_value) : value / most_value;
    return isfinite(share) && share > 0 ? (size_t)(fmin(share, 1) * (double)width + 0.5) : 0;
}

/* Each part has a shade of its own; what was estimated is dotted throughout. */
static const char *shade(const struct bar *bar, size_t part)
{
    static const char *const shades[] = {"█", "▓", "▒", "░", "▚", "▞", "▌", "▬"};
    static const char *const dotted[] = {"▒", "░", "·", "˙", "∙", "·", "˙", "∙"};
    return bar->estimated ? dotted[part] : shades[part];
}

static void append_padded(struct sink *sink, const char *string, size_t columns)
{
    const char *next;
    size_t length = wrap_line(string, columns, true, &next);
    struct text part = {0};
    text_append_n(&part, string, length);
    size_t used = text_columns(text_string(&part));
    text_append(&sink->text, text_string(&part));
    text_repeat(&sink->text, " ", used < columns ? columns - used : 0);
    text_free(&part);
}

static void write_bar(struct sink *sink, const struct bars *bars, const struct bar *bar, double low, double high,
                      size_t label, size_t width)
{
    append_padded(sink, bar->label, label);
    text_append(&sink->text, "  ");
    double sum = 0;
    size_t at = 0;
    for (size_t part = 0; part < bars->part_count; part++) {
        sum += bar->parts[part] > 0 ? bar->parts[part] : 0;
        size_t end = place(sum, low, high, bars->logarithmic, width);
        if (end > at)
            text_repeat(&sink->text, shade(bar, part), end - at);
        at = most(at, end);
    }
    text_printf(&sink->text, "%s%s\n", at ? " " : "", bar->text);
}

static void write_legend(struct sink *sink, const struct bars *bars)
{
    struct text legend = {0};
    bool any = false;
    for (size_t i = 0; i < bars->count; i++)
        any |= bars->rows[i].estimated;
    const struct bar measured = {0}, estimated = {.estimated = true};
    for (size_t part = 0; part < bars->part_count && bars->part_count > 1; part++)
        text_printf(&legend, "%s%s%s%s %s", part ? "   " : "", shade(&measured, part), any ? " " : "",
                    any ? shade(&estimated, part) : "", bars->parts[part]);
    if (any)
        text_printf(&legend, "%sdotted: estimated", legend.length ? "   " : "");
    if (legend.length)
        text_line(sink, TONE_FAINT, text_string(&legend));
    text_free(&legend);
}

void text_bars(struct sink *sink, const struct bars *bars)
{
    size_t columns = usable_columns(sink), label = 0, text = 0;
    double low = INFINITY, high = 0;
    for (size_t i = 0; i < bars->count; i++) {
        const struct bar *bar = &bars->rows[i];
        double total = total_of(bar, bars->part_count);
        label = most(label, text_columns(bar->label));
        text = most(text, text_columns(bar->text));
        low = total > 0 ? fmin(low, total) : low;
        high = fmax(high, total);
    }
    if (bars->title)
        text_line(sink, TONE_STRONG, bars->title);
    label = least(label, least(MOST_LABEL, columns / 2));
    size_t width = columns > label + text + 3 + 8 ? columns - label - text - 3 : 8;
    for (size_t i = 0; i < bars->count; i++)
        write_bar(sink, bars, &bars->rows[i], low / 2, high, label, least(width, 60));
    write_legend(sink, bars);
}

/* ---- topology ---- */

void text_topology(struct sink *sink, const struct topology *topology)
{
    if (topology->title)
        text_line(sink, TONE_STRONG, topology->title);
    for (size_t i = 0; i < topology->count; i++) {
        const struct box *box = &topology->boxes[i];
        bool last = true;
        for (size_t next = i + 1; next < topology->count && topology->boxes[next].depth >= box->depth; next++)
            last = last && topology->boxes[next].depth != box->depth;
        struct text line = {0};
        if (box->depth)
            text_repeat(&line, "  ", (size_t)box->depth - 1);
        text_append(&line, !box->depth ? "" : last ? "└ " : "├ ");
        if (box->times > 1)
            text_printf(&line, "%d × ", box->times);
        text_printf(&line, "%s%s%s", box->name, *box->detail ? ": " : "", box->detail);
        text_append(&sink->text, text_string(&line));
        text_append(&sink->text, "\n");
        text_free(&line);
    }
}
