#include "reports/figures.h"

#include <math.h>
#include <stdlib.h>

#include "reports/visible.h"

/* What is written to when memory ran out: the figure is then marked failed, and no format writes the report. */
static struct bar spare_bar;
static struct roofline_point spare_point;

/* The items with room for one more of `size` bytes; capacities are powers of two. NULL without memory: they stay. */
static void *grown(void *items, size_t count, size_t size)
{
    return count & (count - 1) ? items : realloc(items, (count ? 2 * count : 1) * size);
}

struct bar *bars_add(struct bars *bars, const char *label, const char *text)
{
    struct bar *rows = bars->failed ? NULL : grown(bars->rows, bars->count, sizeof *rows);
    if (!rows) {
        bars->failed = true;
        return &spare_bar;
    }
    bars->rows = rows;
    struct bar *bar = &rows[bars->count++];
    *bar = (struct bar){.label = visible_string("%s", label),
                        .text = visible_string("%s", text),
                        .low = NAN,
                        .high = NAN,
                        .limit = NAN};
    bars->failed |= !bar->label || !bar->text;
    return bar;
}

void bars_clear(struct bars *bars)
{
    for (size_t i = 0; i < bars->count; i++) {
        free(bars->rows[i].label);
        free(bars->rows[i].text);
    }
    free(bars->rows);
    *bars = (struct bars){0};
}

static bool add_line(struct ceiling_line **lines, size_t *count, const char *name, double value)
{
    if (!(value > 0) || !isfinite(value))
        return true;
    struct ceiling_line *more = grown(*lines, *count, sizeof *more);
    if (!more)
        return false;
    *lines = more;
    struct ceiling_line *line = &more[(*count)++];
    *line = (struct ceiling_line){visible_string("%s", name), value};
    return line->name;
}

void roofline_peak(struct roofline *roofline, const char *name, double gflops)
{
    roofline->failed |= !add_line(&roofline->peaks, &roofline->peak_count, name, gflops);
}

void roofline_bandwidth(struct roofline *roofline, const char *name, double gbs)
{
    roofline->failed |= !add_line(&roofline->bandwidths, &roofline->bandwidth_count, name, gbs);
}

struct roofline_point *roofline_point(struct roofline *roofline, const char *name, double intensity, double gflops)
{
    struct roofline_point *points =
        roofline->failed ? NULL : grown(roofline->points, roofline->point_count, sizeof *points);
    if (!points) {
        roofline->failed = true;
        return &spare_point;
    }
    roofline->points = points;
    struct roofline_point *point = &points[roofline->point_count++];
    *point = (struct roofline_point){visible_string("%s", name), intensity, gflops, NAN, false};
    roofline->failed |= !point->name;
    return point;
}

static void clear_lines(struct ceiling_line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(lines[i].name);
    free(lines);
}

void roofline_clear(struct roofline *roofline)
{
    clear_lines(roofline->peaks, roofline->peak_count);
    clear_lines(roofline->bandwidths, roofline->bandwidth_count);
    for (size_t i = 0; i < roofline->point_count; i++)
        free(roofline->points[i].name);
    free(roofline->points);
    *roofline = (struct roofline){0};
}

static void widen(double *low, double *high, double value)
{
    if (!(value > 0) || !isfinite(value))
        return;
    *low = fmin(*low, log10(value));
    *high = fmax(*high, log10(value));
}

bool roofline_frame(const struct roofline *roofline, struct roofline_frame *frame)
{
    struct roofline_frame span = {INFINITY, -INFINITY, INFINITY, -INFINITY};
    for (size_t i = 0; i < roofline->point_count; i++) {
        widen(&span.x_low, &span.x_high, roofline->points[i].intensity);
        widen(&span.y_low, &span.y_high, roofline->points[i].gflops);
    }
    for (size_t p = 0; p < roofline->peak_count; p++) {
        widen(&span.y_low, &span.y_high, roofline->peaks[p].value);
        for (size_t b = 0; b < roofline->bandwidth_count; b++) /* each ridge is to be seen */
            widen(&span.x_low, &span.x_high, roofline->peaks[p].value / roofline->bandwidths[b].value);
    }
    if (span.x_high < span.x_low || span.y_high < span.y_low)
        return false;
    span.y_low = fmin(span.y_low, span.y_high - 2); /* slopes need room to be seen */
    /* Points far below everything else would squeeze the rest into a corner. */
    span.y_low = fmax(span.y_low, span.y_high - 6);
    span.x_low = fmax(span.x_low, span.x_high - 7);
    *frame = (struct roofline_frame){span.x_low - 0.25, span.x_high + 0.4, span.y_low - 0.25, span.y_high + 0.25};
    return true;
}

void topology_box(struct topology *topology, int depth, enum box_kind kind, int times, const char *name,
                  const char *detail)
{
    struct box *boxes = topology->failed ? NULL : grown(topology->boxes, topology->count, sizeof *boxes);
    if (!boxes) {
        topology->failed = true;
        return;
    }
    topology->boxes = boxes;
    struct box *box = &boxes[topology->count++];
    *box = (struct box){depth, kind, visible_string("%s", name), visible_string("%s", detail), times};
    topology->failed |= !box->name || !box->detail;
}

void topology_clear(struct topology *topology)
{
    for (size_t i = 0; i < topology->count; i++) {
        free(topology->boxes[i].name);
        free(topology->boxes[i].detail);
    }
    free(topology->boxes);
    *topology = (struct topology){0};
}
