/* A report is what a command found, as data: sentences, tables and series, with units and bases. It is built once;
 * every format writes that (format.h). A format knows nothing of commands, a command nothing of formats.
 *
 * Text in a report is untrusted (model, machine and file names). It enters as valid UTF-8 with control characters made
 * visible (\x1b, \n), so that a format has only the signs of its own syntax to escape.
 *
 * Running out of memory is remembered in `failed`, so that the calls which fill a report need no checks; a report that
 * is not complete is refused by format_write. */
#ifndef REPORTS_REPORT_H
#define REPORTS_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "reports/figures.h"

enum tone { TONE_PLAIN, TONE_GOOD, TONE_WARNING, TONE_BAD, TONE_FAINT, TONE_STRONG };

/* One cell: what a person reads, and beside it the number it stands for (NaN when it is none). */
struct cell {
    char *text;              /* owned by the report */
    char *note;              /* a sentence behind it (why a case failed), or NULL; owned */
    double value, low, high; /* NaN where absent; low and high when it has an interval */
    enum tone tone;
};

/* Three keys are known to formats. A column keyed `basis` says whether its row was "measured" or "estimated"; one keyed
 * `status`, `fits` or `verdict` judges its row, TONE_BAD being a failure (JUnit counts these). */
struct column {
    const char *key;   /* snake_case with its unit: the CSV header */
    const char *title; /* what a person reads */
    bool right_aligned;
    int priority; /* 0 always shown; higher ones leave first when the terminal is narrow */
};

struct table {
    const char *title;            /* or NULL */
    const struct column *columns; /* static */
    size_t column_count;
    struct cell *cells; /* [rows][column_count] */
    size_t row_count, row_capacity;
    bool failed;
};

/* Something that happened along a series: a change point, another kernel. */
struct event {
    double x;
    char *text;
    enum tone tone;
};

struct series {
    char *name;
    const char *x_title, *y_title;
    double *x, *y, *low, *high; /* low and high NULL where there are no intervals */
    size_t count;
    struct event *events;
    size_t event_count;
};

enum block_kind {
    BLOCK_HEADING,
    BLOCK_SENTENCE,
    BLOCK_TABLE,
    BLOCK_SERIES,
    BLOCK_BARS,
    BLOCK_ROOFLINE,
    BLOCK_TOPOLOGY
};

struct block {
    enum block_kind kind;
    bool drawn_only; /* shows what stands in tables too: formats of text leave it out */
    char *text;      /* heading, sentence */
    enum tone tone;
    struct table table;
    struct series series;
    struct bars bars;
    struct roofline roofline;
    struct topology topology;
};

struct report {
    char *title;
    char *answer; /* in one sentence, or NULL; it is a sentence of the blocks too */
    enum tone answer_tone;
    json_t *document; /* the machine-readable answer, as in CONTRACT.md; owned */
    struct block *blocks;
    size_t block_count, block_capacity;
    bool failed;
};

/* NULL only when out of memory. */
struct report *report_create(const char *title);
void report_free(struct report *report);
void report_heading(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_sentence(struct report *report, enum tone tone, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A sentence that is the answer: what a reader in a hurry is to know, and formats with a top put there. */
void report_answer(struct report *report, enum tone tone, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The table belongs to the report; fill it row by row. Valid until the next block is added. */
struct table *report_table(struct report *report, const char *title, const struct column *columns, size_t column_count);
/* Appends a row of empty cells and returns its first. */
struct cell *table_row(struct table *table);
/* Nothing stands in it in any of the rows: formats for people leave it out. */
bool table_column_is_empty(const struct table *table, size_t column);
void cell_text(struct cell *cell, enum tone tone, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The text shown, and the number that CSV and JSON-like formats give. */
void cell_number(struct cell *cell, double value, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* What a person is told who asks about the cell. */
void cell_note(struct cell *cell, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line over x with, where low and high aren't NULL, its interval. The arrays are copied; the titles are static. */
void report_series(struct report *report, const char *name, const char *x_title, const char *y_title, const double *x,
                   const double *y, const double *low, const double *high, size_t count);
/* Marks a place along the series that was added last. */
void report_event(struct report *report, double x, enum tone tone, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Figures that are drawn (figures.h); the titles are static. Each is valid until the next block is added. */
struct bars *report_bars(struct report *report, const char *title, const char *const *parts, size_t part_count);
struct roofline *report_roofline(struct report *report, const char *title);
struct topology *report_topology(struct report *report, const char *title);
/* The figure that was added last shows what stands in tables too. */
void report_drawn_only(struct report *report);
/* False when memory ran out while it was filled. */
bool report_complete(const struct report *report);

#endif
