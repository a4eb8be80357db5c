#include "reports/fitness/fit_tuning.h"

#include <math.h>
#include <stdio.h>

#include "harness/base/json.h"

/* Fewer threads that read at least this share as fast are as good, and leave the others free. */
static const double AS_GOOD = 0.97;

static struct range ceiling(const json_t *machine, const char *name)
{
    const json_t *pair = json_object_get(json_object_get(machine, "ceiling_ranges"), name);
    struct range range = {json_get_real(json_object_get(machine, "ceilings"), name), NAN, NAN};
    if (json_array_size(pair) == 2) {
        range.low = json_number_value(json_array_get(pair, 0));
        range.high = json_number_value(json_array_get(pair, 1));
    }
    return range;
}

static void add_step(struct fit_tuning *tuning, int threads, struct range read_gbs)
{
    if (read_gbs.median > 0 && tuning->step_count < TUNING_THREADS)
        tuning->steps[tuning->step_count++] = (struct tuning_step){threads, read_gbs};
}

struct fit_tuning fit_tuning_of(const json_t *machine, int threads)
{
    struct fit_tuning tuning = {.multiply_one = ceiling(machine, "gemm_f32_1t_gflops"),
                                .multiply_all = ceiling(machine, "gemm_f32_gflops"),
                                .small_pages = ceiling(machine, "read_small_pages_gbs")};
    for (int fewer = 1; fewer < threads; fewer *= 2) {
        char name[40];
        snprintf(name, sizeof name, "read_%dt_gbs", fewer);
        add_step(&tuning, fewer, ceiling(machine, name));
    }
    add_step(&tuning, threads, ceiling(machine, "read_gbs"));
    return tuning;
}

/* Both are measured by themselves: their relative uncertainties add as independent ones do. */
struct range range_ratio(struct range one, struct range other)
{
    double ratio = one.median / other.median;
    double up = hypot(log(one.high / one.median), log(other.median / other.low));
    double down = hypot(log(one.median / one.low), log(other.high / other.median));
    return (struct range){ratio, ratio * exp(-down), ratio * exp(up)};
}

int fit_tuning_threads(const struct fit_tuning *tuning, struct range *gain)
{
    if (tuning->step_count < 2)
        return 0;
    const struct tuning_step *all = &tuning->steps[tuning->step_count - 1], *best = all;
    for (int i = tuning->step_count; i-- > 0;)
        if (tuning->steps[i].read_gbs.median > best->read_gbs.median)
            best = &tuning->steps[i];
    for (int i = tuning->step_count; i-- > 0;)
        if (tuning->steps[i].read_gbs.median >= AS_GOOD * best->read_gbs.median &&
            tuning->steps[i].threads < best->threads)
            best = &tuning->steps[i];
    *gain = range_ratio(best->read_gbs, all->read_gbs);
    return best->threads;
}
