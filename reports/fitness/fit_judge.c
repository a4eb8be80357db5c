/* The verdict of a row: by its memory, and by the demands on its speed. */
#include <math.h>
#include <stdio.h>

#include "harness/base/parse.h"
#include "models/families/family.h"
#include "reports/fitness/fit.h"

/* The planner's measured error: a process holds within this of what was planned. */
static const double PLAN_ERROR_SHARE = 0.02;
static const uint64_t PLAN_ERROR_BYTES = 16ull << 20;

const char *fits_name(enum fits fits)
{
    static const char *const names[] = {"yes", "tight", "no"};
    return names[fits];
}

/* What must fit: another engine, and what describes a file, takes the file's bytes; a run here what is planned. */
static uint64_t held_bytes(const struct fit_row *row)
{
    bool here = !row->engine && !row->dtype;
    return here && row->planned_bytes > row->total_bytes ? row->planned_bytes : row->total_bytes;
}

static enum fits judge_memory(const struct fit_row *row, const struct fit_machine *machine)
{
    double total = (double)held_bytes(row), room = (double)machine->available_bytes;
    double margin = fmax(PLAN_ERROR_SHARE * total, (double)PLAN_ERROR_BYTES) + (double)machine->drift_bytes;
    return total + margin <= room ? FITS_YES : total - margin <= room ? FITS_TIGHT : FITS_NO;
}

/* Whether a figure that should be at least `least` is, by its interval; an unknown figure leaves it open. */
static enum fits judge_figure(struct range figure, double least)
{
    double low = isnan(figure.low) ? figure.median : figure.low,
           high = isnan(figure.high) ? figure.median : figure.high;
    return low >= least ? FITS_YES : high < least ? FITS_NO : FITS_TIGHT;
}

static void say_memory(struct fit_row *row, const struct fit_machine *machine)
{
    char total[32], room[32];
    const uint64_t held = held_bytes(row);
    format_size(held, total, sizeof total);
    format_size(machine->available_bytes, room, sizeof room);
    static const char *const verdict[] = {"fits into", "is within the margin of", "does not fit into"};
    snprintf(row->reason, sizeof row->reason, "%s%s %s the %s available", total,
             held > row->total_bytes ? ", as kernels here hold rows that don't fill a file's blocks," : "",
             verdict[row->fits], room);
}

void fit_judge(struct fit_row *row, const struct fit_demands *demands, const struct fit_machine *machine)
{
    row->fits = judge_memory(row, machine);
    say_memory(row, machine);
    if (row->fits == FITS_NO)
        return;
    if (demands->min_throughput > 0) {
        enum fits fits = judge_figure(row->throughput, demands->min_throughput);
        if (fits > row->fits) {
            row->fits = fits;
            snprintf(row->reason, sizeof row->reason, "%s: %.3g %s of the %.3g asked for",
                     fits == FITS_NO ? "too slow" : "may be too slow", row->throughput.median,
                     unit_words(case_unit(&row->one)), demands->min_throughput);
        }
    }
    if (demands->max_latency_s > 0) {
        struct range latency = row->latency_s, rate = {1 / latency.median, 1 / latency.high, 1 / latency.low};
        enum fits fits = judge_figure(rate, 1 / demands->max_latency_s);
        if (fits > row->fits) {
            char step[32], most[32];
            row->fits = fits;
            format_duration(latency.median, step, sizeof step);
            format_duration(demands->max_latency_s, most, sizeof most);
            snprintf(row->reason, sizeof row->reason, "%s: a step takes %s of the %s allowed",
                     fits == FITS_NO ? "too slow" : "may be too slow", isnan(latency.median) ? "an unknown time" : step,
                     most);
        }
    }
}
