/* What a report draws besides tables and series: bars, a roofline, a machine's topology. Only data: each format draws
 * it as it can, or writes it as a table. Running out of memory is remembered in `failed`, as in report.h. */
#ifndef REPORTS_FIGURES_H
#define REPORTS_FIGURES_H

#include <stdbool.h>
#include <stddef.h>

enum { BAR_PARTS = 8 };

/* One row: its parts stacked from zero, or a single value with its interval. */
struct bar {
    char *label, *text;      /* whose it is; what the whole bar reads */
    double parts[BAR_PARTS]; /* 0 and NaN: none */
    double low, high;        /* of the whole; NaN where it has no interval */
    double limit;            /* a line that it should keep below; NaN: none */
    bool estimated;          /* rather than measured or planned */
};

struct bars {
    const char *title;
    const char *const *parts; /* their names, static; a single part's name is its quantity */
    size_t part_count;
    const char *limit_title; /* static; or NULL */
    bool logarithmic;        /* rows differ by powers of ten: length is by the logarithm */
    struct bar *rows;
    size_t count;
    bool failed;
};
/* `label` and `text` are copied. The row returned is to be filled. */
struct bar *bars_add(struct bars *bars, const char *label, const char *text);

struct ceiling_line {
    char *name;
    double value;
};

struct roofline_point {
    char *name;
    double intensity; /* FLOPs a byte */
    double gflops;    /* reached */
    double share;     /* of the whole time, 0 to 1; NaN: unknown */
    bool estimated;
};

/* Williams, Waterman, Patterson 2009: attainable = min(peak, bandwidth · intensity), both axes logarithmic. */
struct roofline {
    const char *title;
    struct ceiling_line *peaks;      /* GFLOP/s */
    struct ceiling_line *bandwidths; /* GB/s */
    struct roofline_point *points;   /* the most important first: formats number them */
    size_t peak_count, bandwidth_count, point_count;
    bool failed;
};
void roofline_peak(struct roofline *roofline, const char *name, double gflops);
void roofline_bandwidth(struct roofline *roofline, const char *name, double gbs);
struct roofline_point *roofline_point(struct roofline *roofline, const char *name, double intensity, double gflops);

/* What the logarithmic axes span, in powers of ten: all ceilings and points, with a margin. False: there is nothing. */
struct roofline_frame {
    double x_low, x_high, y_low, y_high; /* log10 */
};
bool roofline_frame(const struct roofline *roofline, struct roofline_frame *frame);

/* Boxes within boxes, each after the one that holds it. */
enum box_kind { BOX_MACHINE, BOX_MEMORY, BOX_PACKAGE, BOX_CACHE, BOX_CORE, BOX_DEVICE };
struct box {
    int depth; /* 0: the machine */
    enum box_kind kind;
    char *name, *detail;
    int times; /* that many equal ones stand here */
};

struct topology {
    const char *title;
    struct box *boxes;
    size_t count;
    bool failed;
};
void topology_box(struct topology *topology, int depth, enum box_kind kind, int times, const char *name,
                  const char *detail);

void bars_clear(struct bars *bars);
void roofline_clear(struct roofline *roofline);
void topology_clear(struct topology *topology);

#endif
