#include "reports/fitness/fit_figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/parse.h"
#include "models/families/family.h"

enum { MOST_ROWS = 16 };

struct choice {
    const struct fit_row **rows; /* one a model */
    size_t count;
};

static bool is_new(const struct choice *choice, const struct fit_row *row, size_t *at)
{
    for (*at = 0; *at < choice->count; ++*at)
        if (choice->rows[*at]->one.size == row->one.size)
            return false;
    return true;
}

/* Of each model the row that is first by `better`, among those that are `wanted`. */
static struct choice choose(const struct fit *fit, bool (*wanted)(const struct fit_row *, const void *),
                            const void *state, bool (*better)(const struct fit_row *, const struct fit_row *))
{
    struct choice choice = {.rows = calloc(fit->row_count + 1, sizeof *choice.rows)};
    for (size_t i = 0; choice.rows && i < fit->row_count; i++) {
        const struct fit_row *row = &fit->rows[i];
        size_t at;
        if (!wanted(row, state))
            continue;
        if (is_new(&choice, row, &at))
            choice.rows[choice.count++] = row;
        else if (better(row, choice.rows[at]))
            choice.rows[at] = row;
    }
    return choice;
}

static void name_row(const struct fit_row *row, char *out, size_t capacity)
{
    snprintf(out, capacity, "%s, %s", row->one.size->name, fit_row_dtype(row));
}

/* ---- speed ---- */

struct kind {
    enum mode mode;
    const char *unit;
};

static bool has_speed(const struct fit_row *row, const void *state)
{
    const struct kind *kind = state;
    return row->one.mode == kind->mode && row->fits != FITS_NO && row->throughput.median > 0 &&
           strcmp(case_unit(&row->one), kind->unit) == 0;
}

static bool is_faster(const struct fit_row *row, const struct fit_row *than)
{
    return row->throughput.median > than->throughput.median;
}

static int by_speed(const void *a, const void *b)
{
    double one = (*(const struct fit_row *const *)a)->throughput.median,
           other = (*(const struct fit_row *const *)b)->throughput.median;
    return (one < other) - (one > other);
}

static void add_speeds(struct report *report, const struct fit *fit, const struct kind *kind, const char *title)
{
    static const char *const parts[] = {"speed"};
    struct choice choice = choose(fit, has_speed, kind, is_faster);
    if (choice.count > 1) {
        qsort(choice.rows, choice.count, sizeof *choice.rows, by_speed);
        struct bars *bars = report_bars(report, title, parts, 1);
        bars->logarithmic = true;
        size_t shown = choice.count < MOST_ROWS ? choice.count : MOST_ROWS;
        for (size_t i = 0; i < shown; i++) {
            const struct fit_row *row = choice.rows[i * (choice.count - 1) / (shown - 1)];
            char name[120], figure[32], text[80];
            name_row(row, name, sizeof name);
            if (row->throughput.median < 999.5)
                snprintf(figure, sizeof figure, "%.3g", row->throughput.median);
            else
                format_count(row->throughput.median, figure, sizeof figure);
            snprintf(text, sizeof text, "%s%s %s", row->measured ? "" : "~", figure, unit_words(kind->unit));
            struct bar *bar = bars_add(bars, name, text);
            bar->parts[0] = row->throughput.median;
            bar->low = row->throughput.low;
            bar->high = row->throughput.high;
            bar->estimated = !row->measured;
        }
        report_drawn_only(report);
    }
    free(choice.rows);
}

/* ---- memory ---- */

struct room {
    double bytes;
    bool trains;
};

/* Near enough to what is available to be seen beside it. */
static bool is_near_room(const struct fit_row *row, const void *state)
{
    const struct room *room = state;
    double total = (double)row->total_bytes;
    return mode_trains(row->one.mode) == room->trains && total > room->bytes / 60 && total < room->bytes * 2.5;
}

static bool is_smaller(const struct fit_row *row, const struct fit_row *than)
{
    return row->total_bytes < than->total_bytes;
}

static int by_memory(const void *a, const void *b)
{
    uint64_t one = (*(const struct fit_row *const *)a)->total_bytes,
             other = (*(const struct fit_row *const *)b)->total_bytes;
    return (one < other) - (one > other);
}

static void add_memory(struct report *report, const struct fit *fit, const struct room *room, const char *title)
{
    static const char *const parts[] = {"weights",   "KV cache",  "activations", "gradients",
                                        "optimizer", "workspace", "runtime"};
    struct choice choice = choose(fit, is_near_room, room, is_smaller);
    if (choice.count) {
        qsort(choice.rows, choice.count, sizeof *choice.rows, by_memory);
        struct bars *bars = report_bars(report, title, parts, sizeof parts / sizeof *parts);
        bars->limit_title = "available";
        size_t shown = choice.count < MOST_ROWS ? choice.count : MOST_ROWS;
        for (size_t i = 0; i < shown; i++) {
            const struct fit_row *row = choice.rows[shown > 1 ? i * (choice.count - 1) / (shown - 1) : 0];
            char name[120], total[32], text[64];
            name_row(row, name, sizeof name);
            format_size(row->total_bytes, total, sizeof total);
            snprintf(text, sizeof text, "%s, fits: %s", total, fits_name(row->fits));
            struct bar *bar = bars_add(bars, name, text);
            const uint64_t bytes[] = {row->weights_bytes,   row->kv_cache_bytes,  row->activations_bytes,
                                      row->gradients_bytes, row->optimizer_bytes, row->workspace_bytes,
                                      row->runtime_bytes};
            for (size_t part = 0; part < sizeof bytes / sizeof *bytes; part++)
                bar->parts[part] = (double)bytes[part];
            bar->limit = room->bytes;
        }
        report_drawn_only(report);
    }
    free(choice.rows);
}

void fit_add_figures(struct report *report, const struct fit *fit, const struct fit_machine *machine)
{
    static const struct {
        struct kind kind;
        const char *title;
    } speeds[] = {
        {{MODE_DECODE, "tokens/s"}, "Decoding: each model at its fastest dtype (the length is logarithmic)"},
        {{MODE_FORWARD, "images/s"}, "Images: each model at its fastest dtype (the length is logarithmic)"},
        {{MODE_TRAIN, "tokens/s"}, "Training on text: each model at its fastest dtype (the length is logarithmic)"},
        {{MODE_TRAIN, "images/s"}, "Training on images: each model at its fastest dtype (the length is logarithmic)"},
    };
    const struct room run = {(double)machine->available_bytes, false}, train = {(double)machine->available_bytes, true};
    if (fit->row_count < 2)
        return;
    report_heading(report, "Figures");
    report_drawn_only(report);
    add_memory(report, fit, &run, "Memory to run, by part: models around what is available");
    add_memory(report, fit, &train, "Memory to train, by part: models around what is available");
    for (size_t i = 0; i < sizeof speeds / sizeof *speeds; i++)
        add_speeds(report, fit, &speeds[i].kind, speeds[i].title);
}
