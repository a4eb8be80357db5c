/* The measuring loop; see measure.h. */
#include "harness/run/measure.h"

#include <math.h>
#include <stdlib.h>

#include "harness/run/clock.h"
#include "harness/stats/robust.h"

enum { STEADY_WINDOW = 6, MOST_WARMUPS = 1000 };
static const double steady_tolerance = 0.03;
static const double warmup_share = 0.3; /* of the time there is, when the times don't settle */
static const double confidence = 0.95;

struct loop {
    void (*step)(void *);
    void *state;
    const struct measure_options *options;
    struct measurement *result;
    size_t capacity;
};

struct measure_options measure_defaults(void)
{
    return (struct measure_options){.least = 3,
                                    .most = 100000,
                                    .warmup = WARMUP_UNTIL_STEADY,
                                    .target = 0.02,
                                    .least_sample_s = 1e-3,
                                    .least_s = 0.25,
                                    .until_s = INFINITY,
                                    .deadline_s = INFINITY};
}

static double now(const struct loop *loop)
{
    return loop->options->now ? loop->options->now(loop->state) : clock_now_s();
}

/* Seconds a step, over `batch` of them. */
static double time_steps(const struct loop *loop, size_t batch)
{
    const struct measure_options *options = loop->options;
    double start = now(loop), untimed = 0;
    for (size_t i = 0; i < batch; i++) {
        if (options->before) {
            double from = now(loop);
            options->before(options->before_state);
            untimed += now(loop) - from;
        }
        loop->step(loop->state);
    }
    return (now(loop) - start - untimed) / (double)batch;
}

static bool keep(struct loop *loop, double seconds)
{
    struct measurement *result = loop->result;
    if (result->count == loop->capacity) {
        size_t capacity = loop->capacity ? 2 * loop->capacity : 256;
        double *more = realloc(result->samples, capacity * sizeof *more);
        if (!more)
            return false;
        result->samples = more;
        loop->capacity = capacity;
    }
    /* A clock too coarse for the step shows nothing: a nanosecond is then the most that can be said. */
    result->samples[result->count++] = fmax(seconds, 1e-9);
    return true;
}

/* Steps until the last of them agree; returns the time of the last one. The window's samples are batched like those
 * that follow, so that a step of microseconds isn't judged by the clock's noise. */
static double warm_up(struct loop *loop)
{
    const struct measure_options *options = loop->options;
    struct measurement *result = loop->result;
    double start = now(loop), recent[STEADY_WINDOW], last = NAN;
    double patience = start + warmup_share * (options->until_s - start);
    bool fixed = options->warmup != WARMUP_UNTIL_STEADY;
    size_t most = fixed ? (size_t)options->warmup : MOST_WARMUPS, rounds = 0;
    result->batch = 1;
    while (rounds < most) {
        last = time_steps(loop, result->batch);
        result->warmups += result->batch;
        recent[rounds++ % STEADY_WINDOW] = last;
        if (now(loop) >= options->deadline_s || (!fixed && now(loop) >= patience && rounds >= 1))
            break;
        if (!fixed && rounds == 2 && result->batch == 1 && last < options->least_sample_s) {
            result->batch = (size_t)fmin(1e6, ceil(options->least_sample_s / fmax(last, 1e-9)));
            rounds = 0;
        }
        if (rounds >= STEADY_WINDOW && rounds % STEADY_WINDOW == 0 &&
            stats_is_steady(recent, STEADY_WINDOW, STEADY_WINDOW, steady_tolerance)) {
            result->steady = true;
            break;
        }
    }
    return last;
}

/* Sorting all samples after each of them would disturb what is timed: it is done as their number grows by a quarter. */
static bool sample(struct loop *loop)
{
    const struct measure_options *options = loop->options;
    struct measurement *result = loop->result;
    double start = now(loop);
    size_t look = options->least > 2 ? options->least : 2;
    while (result->count < options->most) {
        double seconds = time_steps(loop, result->batch), time = now(loop);
        if (!keep(loop, seconds))
            return false;
        if (time >= options->deadline_s || (time >= options->until_s && result->count >= options->least)) {
            result->end = time >= options->deadline_s ? MEASURED_DEADLINE : MEASURED_UNTIL;
            return true;
        }
        if (result->count < look || time - start < options->least_s)
            continue;
        struct interval interval = stats_median_interval(result->samples, result->count, confidence);
        if (interval.confidence >= confidence && stats_relative_error(&interval) <= options->target) {
            result->end = MEASURED_PRECISELY;
            return true;
        }
        look = result->count + result->count / 4 + 1;
    }
    result->end = MEASURED_MOST;
    return true;
}

bool measure(void (*step)(void *), void *state, const struct measure_options *options, struct measurement *measurement,
             struct error *error)
{
    *measurement = (struct measurement){0};
    struct loop loop = {.step = step, .state = state, .options = options, .result = measurement};
    double last = warm_up(&loop);
    bool right = true;
    if (isfinite(last) && now(&loop) >= options->deadline_s) {
        measurement->end = MEASURED_DEADLINE;
        measurement->cold = true;
        right = keep(&loop, last);
    } else {
        if (measurement->batch == 1 && last < options->least_sample_s)
            measurement->batch = (size_t)fmin(1e6, ceil(options->least_sample_s / fmax(last, 1e-9)));
        right = sample(&loop);
    }
    measurement->steps = measurement->count * measurement->batch;
    if (right && measurement->count)
        return true;
    measurement_free(measurement);
    return error_set(error, ERROR_SYSTEM, "not enough memory to keep the samples");
}

void measurement_free(struct measurement *measurement)
{
    free(measurement->samples);
    *measurement = (struct measurement){0};
}
