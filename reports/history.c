/* The report of `history`; see history.h. */
#include "reports/history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "harness/base/text.h"
#include "harness/stats/segments.h"
#include "reports/machine_changes.h"

enum column_place { CASE, LATEST, CHANGE, OVER_TIME, RUNS, COLUMNS };
static const struct column columns[COLUMNS] = {
    [CASE] = {"case", "Case", false, 0},
    [LATEST] = {"median_s", "Latest", true, 0},
    [CHANGE] = {"change", "Last change", true, 0},
    [OVER_TIME] = {"over_time", "Over time", false, 1},
    [RUNS] = {"runs", "Runs", true, 2},
};

enum { MOST_CHANGES = 16, SPARK_COLUMNS = 40, FEW_CASES = 8 };
static const double least_change = 0.01;

/* One case without the runs that haven't measured it. */
struct line {
    double *logarithm, *seconds, *low, *high, *when;
    size_t *run, count;
    struct segment_change changes[MOST_CHANGES];
    size_t change_count;
};

static void take_line(struct line *line, const struct history *history, size_t c)
{
    line->count = 0;
    for (size_t r = 0; r < history->run_count; r++) {
        const struct history_point *point = &history->points[c * history->run_count + r];
        if (point->status == STATUS_COUNT || !status_is_measured(point->status) || !(point->median_s > 0))
            continue;
        line->logarithm[line->count] = log(point->median_s);
        line->seconds[line->count] = point->median_s;
        line->low[line->count] = point->low_s;
        line->high[line->count] = point->high_s;
        line->when[line->count] = (double)r;
        line->run[line->count++] = r;
    }
    line->change_count = segments_find(line->logarithm, line->count, log1p(least_change), line->changes, MOST_CHANGES);
}

static json_t *points_to_json(const struct history *history, const struct line *line)
{
    json_t *array = json_array();
    for (size_t i = 0; i < line->count; i++) {
        json_t *point = json_object();
        json_put_string(point, "run", history->runs[line->run[i]].id);
        json_put_real(point, "median", line->seconds[i]);
        json_put_real(point, "low", line->low[i]);
        json_put_real(point, "high", line->high[i]);
        json_array_append_new(array, point);
    }
    return array;
}

static json_t *changes_to_json(const struct history *history, const struct line *line)
{
    json_t *array = json_array();
    for (size_t i = 0; i < line->change_count; i++) {
        json_t *change = json_object();
        json_put_string(change, "run", history->runs[line->run[line->changes[i].first]].id);
        json_put_real(change, "change", exp(line->changes[i].size));
        json_array_append_new(array, change);
    }
    return array;
}

/* A bar a run, the slowest highest; a change is marked by a stroke before it. */
static void append_spark(struct text *spark, const struct line *line)
{
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    size_t from = line->count > SPARK_COLUMNS ? line->count - SPARK_COLUMNS : 0, change = 0;
    double least = INFINITY, most = -INFINITY;
    for (size_t i = from; i < line->count; i++) {
        least = fmin(least, line->logarithm[i]);
        most = fmax(most, line->logarithm[i]);
    }
    /* Differences under 2 % look like the noise that they mostly are. */
    double range = fmax(most - least, 0.02);
    for (size_t i = from; i < line->count; i++) {
        while (change < line->change_count && line->changes[change].first < i)
            change++;
        if (change < line->change_count && line->changes[change].first == i && i > from)
            text_append(spark, "|");
        text_append(spark, bars[(size_t)(7.99 * (line->logarithm[i] - least) / range)]);
    }
}

static void add_row(struct table *table, const struct history *history, size_t c, const struct line *line)
{
    struct cell *row = table_row(table);
    char time[32];
    struct text spark = {0};
    size_t last = line->count - 1;
    cell_text(&row[CASE], TONE_PLAIN, "%s", history->ids[c]);
    format_duration(line->seconds[last], time, sizeof time);
    cell_number(&row[LATEST], line->seconds[last], "%s", time);
    row[LATEST].low = line->low[last];
    row[LATEST].high = line->high[last];
    if (line->change_count) {
        const struct segment_change *change = &line->changes[line->change_count - 1];
        double ratio = exp(change->size);
        cell_number(&row[CHANGE], ratio, "%+.1f %% (%.8s)", 100 * (ratio - 1),
                    history->runs[line->run[change->first]].id);
        row[CHANGE].tone = ratio > 1 ? TONE_BAD : TONE_GOOD;
    }
    append_spark(&spark, line);
    cell_text(&row[OVER_TIME], TONE_PLAIN, "%s", text_string(&spark));
    cell_number(&row[RUNS], (double)line->count, "%zu", line->count);
    text_free(&spark);
}

static json_t *add_case(struct table *table, const struct history *history, size_t c, const struct line *line)
{
    json_t *series = json_object();
    json_put_string(series, "id", history->ids[c]);
    json_put_string(series, "quantity", "time_s");
    json_put(series, "points", points_to_json(history, line));
    json_put(series, "changes", changes_to_json(history, line));
    add_row(table, history, c, line);
    return series;
}

/* What of the machine differs from the run before. */
static void add_machine_changes(struct report *report, const struct history *history)
{
    json_t *array = json_array();
    for (size_t r = 1; r < history->run_count; r++) {
        json_t *changes = machine_changes(history->runs[r - 1].machine, history->runs[r].machine), *change;
        size_t i;
        json_array_foreach(changes, i, change)
        {
            const char *before = json_get_string(change, "before"), *after = json_get_string(change, "after");
            report_sentence(report, TONE_FAINT, "%s (run %s): %s was %s, and is %s", history->runs[r].started,
                            history->runs[r].id, json_get_string(change, "field"), before ? before : "absent",
                            after ? after : "absent");
            json_put_string(change, "run", history->runs[r].id);
            json_array_append(array, change);
        }
        json_decref(changes);
    }
    json_put(report->document, "machine_changes", array);
}

static void add_lines(struct report *report, const struct history *history, struct line *line)
{
    json_t *runs = json_array(), *all = json_array();
    for (size_t r = 0; r < history->run_count; r++) {
        json_t *run = json_object();
        json_put_string(run, "id", history->runs[r].id);
        json_put_string(run, "started", history->runs[r].started);
        json_array_append_new(runs, run);
    }
    json_put_string(report->document, "schema", "benchmark.history/1");
    json_put(report->document, "runs", runs);
    json_put(report->document, "series", all);
    add_machine_changes(report, history);
    struct table *table = report_table(report, NULL, columns, COLUMNS);
    for (size_t c = 0; c < history->case_count; c++) {
        take_line(line, history, c);
        if (line->count)
            json_array_append_new(all, add_case(table, history, c, line));
    }
    /* Charts of those that changed; of all where they are few. */
    for (size_t c = 0; c < history->case_count; c++) {
        take_line(line, history, c);
        if (line->count && (line->change_count || history->case_count <= FEW_CASES))
            report_series(report, history->ids[c], "Run", "Seconds", line->when, line->seconds, line->low, line->high,
                          line->count);
    }
}

struct report *history_report(const struct history *history)
{
    struct report *report = report_create("Cases over time");
    size_t runs = history->run_count;
    double *memory = calloc(5 * runs + 1, sizeof *memory);
    size_t *places = calloc(runs + 1, sizeof *places);
    struct line line = {.logarithm = memory,
                        .seconds = memory + runs,
                        .low = memory + 2 * runs,
                        .high = memory + 3 * runs,
                        .when = memory + 4 * runs,
                        .run = places};
    if (report && memory && places) {
        add_lines(report, history, &line);
    } else {
        report_free(report);
        report = NULL;
    }
    free(memory);
    free(places);
    return report;
}
