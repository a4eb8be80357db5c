/* Bars as rows of a grid, and a machine as boxes within boxes. */
#include <math.h>
#include <string.h>

#include "reports/format/html.h"

enum { MOST_REPEATED = 8 };

/* ---- bars ---- */

static double total_of(const struct bars *bars, const struct bar *bar)
{
    double sum = 0;
    for (size_t i = 0; i < bars->part_count; i++)
        sum += bar->parts[i] > 0 ? bar->parts[i] : 0;
    return sum;
}

struct scale {
    double low, high;
    bool logarithmic;
};

static double percent(const struct scale *scale, double value)
{
    double share = scale->logarithmic ? log(value / scale->low) / log(scale->high / scale->low) : value / scale->high;
    return isfinite(share) ? 100 * fmin(fmax(share, 0), 1) : 0;
}

static struct scale scale_of(const struct bars *bars)
{
    struct scale scale = {INFINITY, 0, bars->logarithmic};
    for (size_t i = 0; i < bars->count; i++) {
        const struct bar *bar = &bars->rows[i];
        double total = total_of(bars, bar);
        scale.high = fmax(scale.high, fmax(total, bar->high)); /* fmax passes over NaN */
        scale.high = fmax(scale.high, isnan(bar->limit) || bar->limit > 3 * total ? 0 : bar->limit);
        scale.low = total > 0 ? fmin(scale.low, fmin(total, bar->low)) : scale.low;
    }
    scale.low /= 2;
    return scale;
}

static void write_bar(struct text *out, const struct bars *bars, const struct bar *bar, const struct scale *scale)
{
    double sum = 0, at = 0;
    text_append(out, "<svg class=\"bar\" aria-hidden=\"true\"><rect class=\"track\" width=\"100%\" height=\"100%\"/>");
    for (size_t i = 0; i < bars->part_count; i++) {
        sum += bar->parts[i] > 0 ? bar->parts[i] : 0;
        double end = percent(scale, sum);
        if (end - at > 0.005) {
            text_printf(out, "<rect class=\"%s%zu\" x=\"%.2f%%\" width=\"%.2f%%\" height=\"100%%\"/>",
                        bar->estimated ? "stripes" : "part", i, at, end - at);
        }
        at = fmax(at, end);
    }
    if (isfinite(bar->low) && isfinite(bar->high))
        text_printf(out,
                    "<line class=\"whisker\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"50%%\" y2=\"50%%\"/>"
                    "<line class=\"whisker\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"25%%\" y2=\"75%%\"/>"
                    "<line class=\"whisker\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"25%%\" y2=\"75%%\"/>",
                    percent(scale, bar->low), percent(scale, bar->high), percent(scale, bar->low),
                    percent(scale, bar->low), percent(scale, bar->high), percent(scale, bar->high));
    if (isfinite(bar->limit) && bar->limit <= scale->high)
        text_printf(out, "<line class=\"limit\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"100%%\"/>",
                    percent(scale, bar->limit), percent(scale, bar->limit));
    text_append(out, "</svg>");
}

static void write_legend(struct text *out, const struct bars *bars)
{
    bool estimated = false, measured = false, interval = false, limit = false, any;
    for (size_t i = 0; i < bars->count; i++) {
        estimated |= bars->rows[i].estimated;
        measured |= !bars->rows[i].estimated;
        interval |= isfinite(bars->rows[i].low);
        limit |= isfinite(bars->rows[i].limit);
    }
    any = bars->part_count > 1 || estimated || interval || limit;
    if (!any)
        return;
    text_append(out, "<p class=\"legend\">");
    for (size_t i = 0; i < bars->part_count && bars->part_count > 1; i++) {
        text_printf(out, "<span><svg class=\"swatch\"><rect class=\"part%zu\" width=\"12\" height=\"12\"/></svg>", i);
        html_escape(out, bars->parts[i]);
        text_append(out, "</span>");
    }
    if (estimated && measured)
        text_append(out, "<span><svg class=\"swatch\"><rect class=\"part0\" width=\"12\" height=\"12\"/></svg>"
                         "measured</span>");
    if (estimated)
        text_append(out, "<span><svg class=\"swatch\"><rect class=\"stripes0\" width=\"12\" height=\"12\"/></svg>"
                         "estimated</span>");
    if (interval)
        text_append(out, "<span><svg class=\"swatch\"><line class=\"whisker\" x1=\"0\" x2=\"12\" y1=\"6\" y2=\"6\"/>"
                         "<line class=\"whisker\" x1=\"0.5\" x2=\"0.5\" y1=\"2\" y2=\"10\"/><line class=\"whisker\" "
                         "x1=\"11.5\" x2=\"11.5\" y1=\"2\" y2=\"10\"/></svg>interval</span>");
    if (limit && bars->limit_title) {
        text_append(out, "<span><svg class=\"swatch\"><line class=\"limit\" x1=\"6\" x2=\"6\" y1=\"0\" y2=\"12\"/>"
                         "</svg>");
        html_escape(out, bars->limit_title);
        text_append(out, "</span>");
    }
    text_append(out, "</p>");
}

void html_bars(struct text *out, const struct bars *bars)
{
    const struct scale scale = scale_of(bars);
    text_append(out, "<figure class=\"bars\">");
    if (bars->title)
        html_element(out, "figcaption", NULL, bars->title);
    write_legend(out, bars);
    text_append(out, "<div class=\"rows\">\n");
    for (size_t i = 0; i < bars->count; i++) {
        const struct bar *bar = &bars->rows[i];
        text_printf(out, "<div class=\"row%s\"><span class=\"label\">", bar->estimated ? " estimated" : "");
        html_escape(out, bar->label);
        text_append(out, "</span>");
        write_bar(out, bars, bar, &scale);
        text_append(out, "<span class=\"value\">");
        html_escape(out, bar->text);
        text_append(out, "</span></div>\n");
    }
    text_append(out, "</div></figure>");
}

/* ---- topology ---- */

static const char *box_class(enum box_kind kind)
{
    static const char *const names[] = {"machine", "memory", "package", "cache", "core", "device"};
    return names[kind];
}

static size_t after(const struct topology *topology, size_t first)
{
    size_t next = first + 1;
    while (next < topology->count && topology->boxes[next].depth > topology->boxes[first].depth)
        next++;
    return next;
}

/* A few equal boxes are drawn each, many as one with their number. */
static void write_box(struct text *out, const struct topology *topology, size_t at)
{
    const struct box *box = &topology->boxes[at];
    int drawn = box->times >= 1 && box->times <= MOST_REPEATED ? box->times : 1;
    for (int time = 0; time < drawn; time++) {
        text_printf(out, "<div class=\"box %s\"><p><b>", box_class(box->kind));
        if (drawn == 1 && box->times > 1)
            text_printf(out, "%d × ", box->times);
        html_escape(out, box->name);
        text_append(out, "</b>");
        if (*box->detail)
            html_element(out, "span", NULL, box->detail);
        text_append(out, "</p>");
        size_t end = after(topology, at);
        if (at + 1 < end)
            text_append(out, "<div class=\"inside\">");
        for (size_t inner = at + 1; inner < end; inner = after(topology, inner))
            write_box(out, topology, inner);
        text_append(out, at + 1 < end ? "</div></div>" : "</div>");
    }
}

void html_topology(struct text *out, const struct topology *topology)
{
    text_append(out, "<figure class=\"topology\">");
    if (topology->title)
        html_element(out, "figcaption", NULL, topology->title);
    for (size_t at = 0; at < topology->count; at = after(topology, at))
        write_box(out, topology, at);
    text_append(out, "</figure>");
}
