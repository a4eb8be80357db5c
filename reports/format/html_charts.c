/* Charts with two axes: a roofline, and a series with its interval and its events. What scales with the page lies in an
 * inner drawing of 1000 by 1000 that is stretched, with lines that keep their width; dots and text are placed by
 * percentages. */
#include <math.h>
#include <string.h>

#include "reports/format/html.h"

static double clamp(double share)
{
    return isfinite(share) ? fmin(fmax(share, 0), 1) : 0;
}

/* ---- roofline ---- */

static double across(const struct roofline_frame *frame, double intensity)
{
    return (log10(intensity) - frame->x_low) / (frame->x_high - frame->x_low);
}

/* From the top, as SVG counts. */
static double down(const struct roofline_frame *frame, double gflops)
{
    return 1 - (log10(gflops) - frame->y_low) / (frame->y_high - frame->y_low);
}

static void write_number(struct text *out, double value)
{
    static const char *const prefixes[] = {"", "k", "M", "G"};
    int prefix = 0;
    while (value >= 999.5 && prefix < 3) {
        value /= 1000;
        prefix++;
    }
    text_printf(out, "%.3g%s", value, prefixes[prefix]);
}

static void write_rate(struct text *out, double gflops)
{
    if (gflops >= 999.5)
        text_printf(out, "%.3g TFLOP/s", gflops / 1000);
    else if (gflops >= 0.9995)
        text_printf(out, "%.3g GFLOP/s", gflops);
    else
        text_printf(out, "%.3g MFLOP/s", 1000 * gflops);
}

static void write_grid(struct text *out, const struct roofline_frame *frame)
{
    for (int power = (int)ceil(frame->x_low); power <= frame->x_high; power++) {
        double x = 100 * across(frame, pow(10, power));
        text_printf(out, "<line class=\"grid\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"100%%\"/>", x, x);
        text_printf(out, "<text class=\"tick\" x=\"%.2f%%\" y=\"100%%\" dy=\"1.5em\" text-anchor=\"middle\">", x);
        write_number(out, pow(10, power));
        text_append(out, "</text>");
    }
    for (int power = (int)ceil(frame->y_low); power <= frame->y_high; power++) {
        double y = 100 * down(frame, pow(10, power));
        text_printf(out, "<line class=\"grid\" x1=\"0\" x2=\"100%%\" y1=\"%.2f%%\" y2=\"%.2f%%\"/>", y, y);
        text_printf(out, "<text class=\"tick\" x=\"0\" y=\"%.2f%%\" dx=\"-0.6em\" dy=\"0.35em\" text-anchor=\"end\">",
                    y);
        write_number(out, pow(10, power));
        text_append(out, "</text>");
    }
}

static void write_roofs(struct text *out, const struct roofline *roofline, const struct roofline_frame *frame)
{
    double highest = 0, steepest = 0;
    for (size_t i = 0; i < roofline->peak_count; i++)
        highest = fmax(highest, roofline->peaks[i].value);
    for (size_t i = 0; i < roofline->bandwidth_count; i++)
        steepest = fmax(steepest, roofline->bandwidths[i].value);
    text_append(out, "<svg width=\"100%\" height=\"100%\" viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\">");
    for (size_t i = 0; i < roofline->bandwidth_count; i++) {
        double gbs = roofline->bandwidths[i].value, low = pow(10, frame->y_low);
        text_printf(out, "<path class=\"roof%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>", i ? " lesser" : "",
                    1000 * across(frame, low / gbs), 1000 * down(frame, low), 1000 * across(frame, highest / gbs),
                    1000 * down(frame, highest));
    }
    for (size_t i = 0; i < roofline->peak_count; i++) {
        double peak = roofline->peaks[i].value, y = 1000 * down(frame, peak);
        text_printf(out, "<path class=\"roof\" d=\"M%.1f %.1fL1000 %.1f\"/>", 1000 * across(frame, peak / steepest), y,
                    y);
    }
    text_append(out, "</svg>");
}

/* Peaks are named at the right end of their lines, bandwidths where theirs come into the picture: near the foot, each a
 * line higher, or at the left edge. */
static void write_roof_names(struct text *out, const struct roofline *roofline, const struct roofline_frame *frame)
{
    for (size_t i = 0; i < roofline->peak_count; i++) {
        text_printf(out,
                    "<text class=\"roof-name\" x=\"100%%\" y=\"%.2f%%\" dx=\"-0.4em\" dy=\"-0.5em\" "
                    "text-anchor=\"end\">",
                    100 * down(frame, roofline->peaks[i].value));
        html_escape(out, roofline->peaks[i].name);
        text_append(out, " ");
        write_rate(out, roofline->peaks[i].value);
        text_append(out, "</text>");
    }
    for (size_t i = 0; i < roofline->bandwidth_count; i++) {
        double gbs = roofline->bandwidths[i].value, height = 0.05 + 0.075 * (double)i;
        double x = across(frame, pow(10, frame->y_low + height * (frame->y_high - frame->y_low)) / gbs);
        bool left = x < 0.01;
        double y = left ? down(frame, pow(10, frame->x_low) * gbs) : 1 - height;
        text_printf(out, "<text class=\"roof-name\" x=\"%.2f%%\" y=\"%.2f%%\" dx=\"0.7em\"%s>", left ? 0 : 100 * x,
                    100 * y, left ? " dy=\"-0.9em\"" : "");
        html_escape(out, roofline->bandwidths[i].name);
        text_printf(out, " %.3g GB/s</text>", gbs);
    }
}

static void describe_point(struct text *out, const struct roofline_point *point)
{
    text_append(out, " ");
    html_escape(out, point->name);
    text_printf(out, ": %.3g FLOP/byte, %s", point->intensity, point->estimated ? "about " : "");
    write_rate(out, point->gflops);
    if (isfinite(point->share))
        text_printf(out, ", %.*f %% of the time", point->share < 0.0995 ? 1 : 0, 100 * point->share);
}

static void write_points(struct text *out, const struct roofline *roofline, const struct roofline_frame *frame)
{
    for (size_t i = roofline->point_count; i-- > 0;) {
        const struct roofline_point *point = &roofline->points[i];
        double x = 100 * clamp(across(frame, point->intensity)), y = 100 * clamp(down(frame, point->gflops));
        double radius = isfinite(point->share) ? 7 + 9 * sqrt(clamp(point->share)) : 4.5;
        bool numbered = i < 9 && isfinite(point->share);
        text_printf(out, "<g class=\"point%s\" data-tip=\"", point->estimated ? " estimated" : "");
        describe_point(out, point);
        text_printf(out, "\"><circle cx=\"%.2f%%\" cy=\"%.2f%%\" r=\"%.1f\"/>", x, y, radius);
        if (numbered)
            text_printf(out, "<text x=\"%.2f%%\" y=\"%.2f%%\" dy=\"0.35em\" text-anchor=\"middle\">%zu</text>", x, y,
                        i + 1);
        text_append(out, "</g>");
    }
}

static void list_points(struct text *out, const struct roofline *roofline)
{
    if (!roofline->point_count || !isfinite(roofline->points[0].share))
        return;
    text_append(out, "<ol class=\"points\">");
    for (size_t i = 0; i < roofline->point_count && i < 9; i++) {
        text_append(out, "<li>");
        describe_point(out, &roofline->points[i]);
        text_append(out, "</li>");
    }
    text_append(out, "</ol>");
}

void html_roofline(struct text *out, const struct roofline *roofline)
{
    struct roofline_frame frame;
    if (!roofline_frame(roofline, &frame))
        return;
    bool estimated = false;
    for (size_t i = 0; i < roofline->point_count; i++)
        estimated |= roofline->points[i].estimated;
    text_append(out, "<figure class=\"chart\">");
    html_element(out, "figcaption", NULL, roofline->title ? roofline->title : "Roofline");
    if (estimated)
        text_append(out, "<p class=\"legend\"><span><svg class=\"swatch point\"><circle cx=\"6\" cy=\"6\" r=\"5\"/>"
                         "</svg>measured</span><span><svg class=\"swatch point estimated\"><circle cx=\"6\" cy=\"6\" "
                         "r=\"5\"/></svg>estimated</span></p>");
    text_append(out, "<p class=\"axis\">GFLOP/s</p><div class=\"plot\"><svg class=\"tall\" role=\"img\" "
                     "aria-label=\"Roofline: the speed reached, by the work done on each byte\">");
    write_grid(out, &frame);
    write_roofs(out, roofline, &frame);
    write_roof_names(out, roofline, &frame);
    write_points(out, roofline, &frame);
    text_append(out, "</svg></div><p class=\"axis below\">FLOP/byte</p>");
    list_points(out, roofline);
    text_append(out, "</figure>");
}

/* ---- series ---- */

struct window {
    double x_low, x_high, y_low, y_high;
};

static struct window window_of(const struct series *series)
{
    struct window window = {INFINITY, -INFINITY, INFINITY, -INFINITY};
    for (size_t i = 0; i < series->count; i++) {
        window.x_low = fmin(window.x_low, series->x[i]);
        window.x_high = fmax(window.x_high, series->x[i]);
        window.y_low = fmin(window.y_low, fmin(series->y[i], series->low ? series->low[i] : NAN));
        window.y_high = fmax(window.y_high, fmax(series->y[i], series->high ? series->high[i] : NAN));
    }
    double margin = window.y_high > window.y_low ? 0.1 * (window.y_high - window.y_low) : fabs(window.y_high) / 10;
    window.y_low -= margin;
    window.y_high += margin;
    return window;
}

static double share_x(const struct window *window, double x)
{
    return window->x_high > window->x_low ? clamp((x - window->x_low) / (window->x_high - window->x_low)) : 0.5;
}

static double share_y(const struct window *window, double y)
{
    return window->y_high > window->y_low ? 1 - clamp((y - window->y_low) / (window->y_high - window->y_low)) : 0.5;
}

/* The interval as an area: out along its upper end, back along its lower. */
static void write_band(struct text *out, const struct series *series, const struct window *window)
{
    if (!series->low || !series->high)
        return;
    text_append(out, "<path class=\"band\" d=\"");
    char command = 'M';
    for (size_t i = 0; i < 2 * series->count; i++) {
        size_t at = i < series->count ? i : 2 * series->count - 1 - i;
        double y = i < series->count ? series->high[at] : series->low[at];
        if (!isfinite(y))
            continue;
        text_printf(out, "%c%.0f %.0f", command, 1000 * share_x(window, series->x[at]), 1000 * share_y(window, y));
        command = 'L';
    }
    text_append(out, command == 'L' ? "Z\"/>" : "\"/>");
}

static void write_line(struct text *out, const struct series *series, const struct window *window)
{
    text_append(out, "<path class=\"line\" d=\"");
    char command = 'M';
    for (size_t i = 0; i < series->count; i++) {
        if (isfinite(series->y[i]))
            text_printf(out, "%c%.0f %.0f", command, 1000 * share_x(window, series->x[i]),
                        1000 * share_y(window, series->y[i]));
        command = isfinite(series->y[i]) ? 'L' : 'M'; /* a missing value is a gap */
    }
    text_append(out, "\"/>");
}

static void write_dots(struct text *out, const struct series *series, const struct window *window)
{
    for (size_t i = 0; i < series->count; i++)
        if (isfinite(series->y[i]))
            text_printf(out, "<circle class=\"dot\" cx=\"%.1f%%\" cy=\"%.1f%%\" r=\"3\" data-tip=\"%.6g: %.4g\"/>",
                        100 * share_x(window, series->x[i]), 100 * share_y(window, series->y[i]), series->x[i],
                        series->y[i]);
}

static void write_events(struct text *out, const struct series *series, const struct window *window)
{
    for (size_t i = 0; i < series->event_count; i++) {
        double x = 100 * share_x(window, series->events[i].x);
        text_printf(out, "<g class=\"event %s\" data-tip=\"", html_tone(series->events[i].tone));
        html_escape(out, series->events[i].text);
        text_printf(out,
                    "\"><line x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"100%%\"/><circle cx=\"%.2f%%\" cy=\"0\" "
                    "r=\"8\"/><text x=\"%.2f%%\" y=\"0\" dy=\"0.35em\" text-anchor=\"middle\">%zu</text></g>",
                    x, x, x, x, i + 1);
    }
}

static void list_events(struct text *out, const struct series *series)
{
    if (!series->event_count)
        return;
    text_append(out, "<ol class=\"points\">");
    for (size_t i = 0; i < series->event_count; i++)
        html_element(out, "li", html_tone(series->events[i].tone), series->events[i].text);
    text_append(out, "</ol>");
}

void html_series(struct text *out, const struct series *series, bool dots)
{
    struct window window = window_of(series);
    if (!isfinite(window.y_low) || !isfinite(window.y_high) || !isfinite(window.x_low))
        return;
    text_append(out, "<figure class=\"chart\">");
    html_element(out, "figcaption", NULL, series->name);
    html_element(out, "p", "axis", series->y_title);
    text_append(out, "<div class=\"plot\"><svg class=\"short\" role=\"img\" aria-label=\"");
    html_escape(out, series->name);
    text_append(out, "\">");
    for (int i = 0; i <= 2; i++) {
        double y = window.y_low + (window.y_high - window.y_low) * (0.1 + 0.4 * i), at = 100 * share_y(&window, y);
        text_printf(out,
                    "<line class=\"grid\" x1=\"0\" x2=\"100%%\" y1=\"%.2f%%\" y2=\"%.2f%%\"/><text class=\"tick\" "
                    "x=\"0\" y=\"%.2f%%\" dx=\"-0.6em\" dy=\"0.35em\" text-anchor=\"end\">%.3g</text>",
                    at, at, at, y);
    }
    text_append(out, "<svg width=\"100%\" height=\"100%\" viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\">");
    write_band(out, series, &window);
    write_line(out, series, &window);
    text_append(out, "</svg>");
    if (dots)
        write_dots(out, series, &window);
    write_events(out, series, &window);
    text_printf(out, "</svg></div><p class=\"axis below\">%zu ", series->count);
    html_escape(out, series->x_title);
    text_append(out, "</p>");
    list_events(out, series);
    text_append(out, "</figure>");
}
