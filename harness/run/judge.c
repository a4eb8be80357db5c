/* What a case's samples come to; see schedule.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run/schedule.h"

static const double confidence = 0.95;
/* Beyond these a figure is kept, but marked noisy. */
static const double most_steal = 0.05, most_delay = 0.10, most_canary = 1.15, most_spread = 0.10;
/* Bytes that come faster than memory gives them come from a cache: the share of memory's bandwidth is then no figure.
 */
static const double most_mbu = 1.05;
/* A step that takes this many times the sum of its nodes' floors is held up by what no ceiling shows. */
static const double overhead_ratio = 8;

static void judge_speed(struct item *item)
{
    struct record *record = &item->record;
    double seconds = record->time.median;
    record->throughput = item->units / seconds;
    record->gflops = record->flops / seconds / 1e9;
    record->mfu = record->gflops / item->roof.peak_gflops;
    record->mbu = record->bytes / seconds / 1e9 / item->roof.read_gbs;
    bool cached = record->mbu > most_mbu;
    if (cached)
        record->mbu = NAN;
    const char *bound = item->roof.bound;
    if (bound && seconds > overhead_ratio * item->roof.floor_s)
        bound = "overhead";
    else if (bound && cached && !strcmp(bound, "bandwidth"))
        bound = "compute"; /* its bytes are in the cache, so it is not memory that it waits for */
    snprintf(record->bound, sizeof record->bound, "%s", bound ? bound : "");
}

/* Why the figure isn't to be relied on, into `reason`; "" when it is. */
static void find_doubt(const struct item *item, char *reason, size_t size)
{
    const struct record *record = &item->record;
    double spread = stats_relative_error(&record->time);
    if (item->cold)
        snprintf(reason, size, "its budget allowed one step, and that wasn't warmed up; --budget gives it more");
    else if (!item->sampled && record->sample_count == 1)
        snprintf(reason, size, "only one sample: no interval can be given; --budget or --min-runs give it more");
    else if (record->steal > most_steal)
        snprintf(reason, size, "the hypervisor took %.0f %% of its time (steal)", 100 * record->steal);
    else if (record->run_delay > most_delay)
        snprintf(reason, size, "other processes held its CPUs for %.0f %% of its time", 100 * record->run_delay);
    else if (record->canary > most_canary)
        snprintf(reason, size, "the machine was slower than in the rest of the run: the canary took %.2f times as long",
                 record->canary);
    else if (!item->sampled && spread > most_spread)
        snprintf(reason, size, "its times spread by ±%.0f %%", 100 * spread);
    else
        *reason = '\0';
}

void judge_record(struct item *item)
{
    struct record *record = &item->record;
    if (!record->sample_count)
        return;
    record->time = stats_median_interval(record->samples, record->sample_count, confidence);
    judge_speed(item);
    find_doubt(item, record->reason, sizeof record->reason);
    record->status = *record->reason ? STATUS_NOISY : STATUS_OK;
}

double judge_usual_canary_s(const struct item *items, size_t count, size_t *known)
{
    double *canaries = calloc(count + 1, sizeof *canaries), usual = NAN;
    *known = 0;
    if (!canaries)
        return usual;
    for (size_t i = 0; i < count; i++)
        if (isfinite(items[i].record.canary_s))
            canaries[(*known)++] = items[i].record.canary_s;
    usual = stats_median(canaries, *known);
    free(canaries);
    return usual;
}

void judge_canaries(struct item *items, size_t count)
{
    size_t known;
    double usual = judge_usual_canary_s(items, count, &known);
    for (size_t i = 0; i < count; i++)
        items[i].record.canary = items[i].record.canary_s / usual;
}
