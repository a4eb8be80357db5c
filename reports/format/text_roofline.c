/* A roofline of characters: the roofs in Braille dots, two by four a character, so that slopes are smooth; the points
 * as the numbers of the list below. Both axes are logarithmic. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/sizes.h"
#include "reports/format/text_figures.h"

enum { MARGIN = 7, LEAST_WIDTH = 24, MOST_WIDTH = 90, USUAL_COLUMNS = 100 };

struct canvas {
    size_t width, height; /* in characters */
    unsigned char *dots;  /* [height][width]: bits of U+2800 */
    unsigned char *marks; /* [height][width]: a point's number, 0 none */
    struct roofline_frame frame;
};

/* Braille's dots count down the left column, then down the right one, and the fourth row came later. */
static void set_dot(struct canvas *canvas, double x, double y)
{
    static const unsigned char bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    if (!(x >= 0 && x < 1 && y >= 0 && y < 1))
        return;
    size_t column = (size_t)(x * (double)canvas->width * 2), row = (size_t)((1 - y) * (double)canvas->height * 4);
    row = least(row, canvas->height * 4 - 1);
    canvas->dots[row / 4 * canvas->width + column / 2] |= bits[row % 4][column % 2];
}

static double across(const struct canvas *canvas, double log_intensity)
{
    return (log_intensity - canvas->frame.x_low) / (canvas->frame.x_high - canvas->frame.x_low);
}

static double up(const struct canvas *canvas, double log_gflops)
{
    return (log_gflops - canvas->frame.y_low) / (canvas->frame.y_high - canvas->frame.y_low);
}

/* Each bandwidth's slope up to the highest peak, and each peak's level from the highest slope on. */
static void draw_roofs(struct canvas *canvas, const struct roofline *roofline)
{
    double highest = 0, steepest = 0;
    for (size_t i = 0; i < roofline->peak_count; i++)
        highest = fmax(highest, roofline->peaks[i].value);
    for (size_t i = 0; i < roofline->bandwidth_count; i++)
        steepest = fmax(steepest, roofline->bandwidths[i].value);
    size_t steps = canvas->width * 4;
    for (size_t step = 0; step < steps; step++) {
        double x = ((double)step + 0.5) / (double)steps;
        double intensity = pow(10, canvas->frame.x_low + x * (canvas->frame.x_high - canvas->frame.x_low));
        for (size_t i = 0; i < roofline->bandwidth_count; i++)
            if (intensity * roofline->bandwidths[i].value <= highest)
                set_dot(canvas, x, up(canvas, log10(intensity * roofline->bandwidths[i].value)));
        for (size_t i = 0; i < roofline->peak_count; i++)
            if (intensity * steepest >= roofline->peaks[i].value)
                set_dot(canvas, x, up(canvas, log10(roofline->peaks[i].value)));
    }
}

static void draw_points(struct canvas *canvas, const struct roofline *roofline)
{
    for (size_t i = least(roofline->point_count, 9); i-- > 0;) { /* the most important last: it stays on top */
        const struct roofline_point *point = &roofline->points[i];
        double x = across(canvas, log10(point->intensity)), y = up(canvas, log10(point->gflops));
        size_t column = (size_t)(fmin(fmax(x, 0), 0.9999) * (double)canvas->width);
        size_t row = (size_t)((1 - fmin(fmax(y, 0.0001), 1)) * (double)canvas->height);
        canvas->marks[row * canvas->width + column] = (unsigned char)(i + 1);
    }
}

/* The power of ten that lies in this row, or NaN. */
static double tick_of_row(const struct canvas *canvas, size_t row)
{
    double span = canvas->frame.y_high - canvas->frame.y_low;
    double high = canvas->frame.y_high - (double)row / (double)canvas->height * span;
    double low = canvas->frame.y_high - (double)(row + 1) / (double)canvas->height * span;
    return floor(high) > low ? floor(high) : NAN;
}

static void write_tick(struct text *out, double exponent)
{
    static const char *const prefixes[] = {"n", "µ", "m", "", "k", "M", "G"};
    int power = (int)exponent, group = (int)floor(power / 3.0);
    if (group < -3 || group > 3)
        text_printf(out, "1e%d", power);
    else
        text_printf(out, "%g%s", pow(10, power - 3 * group), prefixes[group + 3]);
}

static void write_canvas(struct sink *sink, const struct canvas *canvas)
{
    for (size_t row = 0; row < canvas->height; row++) {
        struct text tick = {0};
        double exponent = tick_of_row(canvas, row);
        if (!isnan(exponent))
            write_tick(&tick, exponent);
        size_t used = text_columns(text_string(&tick));
        text_repeat(&sink->text, " ", used < MARGIN - 2 ? MARGIN - 2 - used : 0);
        text_printf(&sink->text, "%s %s", text_string(&tick), isnan(exponent) ? "│" : "┤");
        text_free(&tick);
        for (size_t column = 0; column < canvas->width; column++) {
            unsigned char dots = canvas->dots[row * canvas->width + column],
                          mark = canvas->marks[row * canvas->width + column];
            const char braille[] = {(char)0xe2, (char)(0xa0 + (dots >> 6)), (char)(0x80 + (dots & 0x3f)), '\0'};
            if (mark && sink->color)
                text_printf(&sink->text, "\033[1;36m%d\033[0m", mark);
            else if (mark)
                text_printf(&sink->text, "%d", mark);
            else
                text_append(&sink->text, dots ? braille : " ");
        }
        while (sink->text.length && sink->text.data[sink->text.length - 1] == ' ')
            sink->text.length--;
        text_append(&sink->text, "\n");
    }
}

/* The axis below with the powers of ten. */
static void write_axis(struct sink *sink, const struct canvas *canvas)
{
    struct text line = {0}, labels = {0};
    text_repeat(&line, " ", MARGIN - 1);
    text_append(&line, "└");
    text_repeat(&labels, " ", MARGIN);
    size_t at = 0;
    for (size_t column = 0; column < canvas->width; column++) {
        double span = canvas->frame.x_high - canvas->frame.x_low;
        double low = canvas->frame.x_low + (double)column / (double)canvas->width * span;
        double high = canvas->frame.x_low + (double)(column + 1) / (double)canvas->width * span;
        bool tick = floor(high) >= low && floor(high) < high;
        text_append(&line, tick ? "┴" : "─");
        if (!tick || at > column)
            continue;
        struct text label = {0};
        write_tick(&label, floor(high));
        text_repeat(&labels, " ", column - at);
        text_append(&labels, text_string(&label));
        at = column + text_columns(text_string(&label));
        text_free(&label);
    }
    text_printf(&sink->text, "%s\n%s FLOP/byte\n", text_string(&line), text_string(&labels));
    text_free(&line);
    text_free(&labels);
}

static void list_points(struct sink *sink, const struct roofline *roofline)
{
    struct text line = {0};
    for (size_t i = 0; i < roofline->peak_count; i++)
        text_printf(&line, "%s%s %.4g GFLOP/s", line.length ? ", " : "", roofline->peaks[i].name,
                    roofline->peaks[i].value);
    for (size_t i = 0; i < roofline->bandwidth_count; i++)
        text_printf(&line, "%s%s %.3g GB/s", line.length ? ", " : "", roofline->bandwidths[i].name,
                    roofline->bandwidths[i].value);
    text_line(sink, TONE_FAINT, text_string(&line));
    text_free(&line);
    for (size_t i = 0; i < least(roofline->point_count, 9); i++) {
        const struct roofline_point *point = &roofline->points[i];
        struct text text = {0};
        text_printf(&text, "%zu %s: %.3g FLOP/byte, %s%.4g GFLOP/s", i + 1, point->name, point->intensity,
                    point->estimated ? "~" : "", point->gflops);
        if (isfinite(point->share))
            text_printf(&text, ", %.0f %% of the time", 100 * point->share);
        text_line(sink, TONE_PLAIN, text_string(&text));
        text_free(&text);
    }
}

void text_roofline(struct sink *sink, const struct roofline *roofline)
{
    struct canvas canvas;
    size_t columns = sink->columns > 0 ? (size_t)sink->columns : USUAL_COLUMNS;
    canvas.width = columns > MARGIN + LEAST_WIDTH ? least(columns - MARGIN - 1, MOST_WIDTH) : LEAST_WIDTH;
    canvas.height = least(canvas.width / 4 + 2, 18);
    if (!roofline_frame(roofline, &canvas.frame))
        return;
    canvas.dots = calloc(canvas.width * canvas.height, 1);
    canvas.marks = calloc(canvas.width * canvas.height, 1);
    if (canvas.dots && canvas.marks) {
        text_line(sink, TONE_STRONG, roofline->title);
        text_append(&sink->text, "GFLOP/s\n");
        draw_roofs(&canvas, roofline);
        draw_points(&canvas, roofline);
        write_canvas(sink, &canvas);
        write_axis(sink, &canvas);
        list_points(sink, roofline);
    } else {
        sink->text.failed = true;
    }
    free(canvas.dots);
    free(canvas.marks);
}
