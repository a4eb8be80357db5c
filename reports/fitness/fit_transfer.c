#include "reports/fitness/fit_transfer.h"

#include <math.h>
#include <stdlib.h>

#include "models/engine/case.h"

/* Without another machine to try: published results of one program on a dozen devices lie within about this of what
 * their limits' ratio says, nine of ten times. */
static const double ANOTHER_MACHINE = 1.6;
static const double CONFIDENCE = 0.9;
/* Fewer errors than this say nothing of a quantile. */
enum { LEAST_ERRORS = 10, MOST_ERRORS = 4096 };

/* Does the work of the graph's heaviest op run at half precision? By bytes: its weights' type is what is read most. */
static bool is_half(const struct graph *graph)
{
    double single = 0, half = 0;
    for (int n = 0; n < graph->node_count; n++) {
        struct features node = node_features(graph, &graph->nodes[n]);
        *(node.dtype == DTYPE_F32 ? &single : &half) += node.flops;
    }
    return half > single;
}

static double peak_of(const struct limits *limits, bool half)
{
    return half && limits->peak_bf16_gflops > 0 ? fmax(limits->peak_bf16_gflops, limits->peak_f32_gflops)
                                                : limits->peak_f32_gflops;
}

/* One machine's estimate at another's limits; calls cost what they cost. */
static struct estimate scaled(const struct transfer_source *source, const struct limits *to, const struct graph *graph,
                              enum mode mode)
{
    struct estimate estimate = estimator_estimate(source->estimator, graph, mode);
    double parts = estimate.compute_s + estimate.bandwidth_s + estimate.overhead_s;
    if (!(estimate.seconds > 0) || !(parts > 0))
        return (struct estimate){.seconds = NAN};
    bool half = is_half(graph);
    estimate.compute_s *= peak_of(&source->limits, half) / peak_of(to, half);
    estimate.bandwidth_s *= source->limits.read_gbs / to->read_gbs;
    double ratio = (estimate.compute_s + estimate.bandwidth_s + estimate.overhead_s) / parts;
    estimate.seconds *= ratio;
    estimate.low *= ratio;
    estimate.high *= ratio;
    return estimate;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The errors of foretelling what was measured on one machine from another. */
static size_t list_errors(const struct transfer_source *from, const struct transfer_source *to, double *errors,
                          size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < to->record_count && count < room; i++) {
        struct model_case one;
        struct graph *graph = case_parse(to->records[i].id, &one, NULL) ? case_build_shapes(&one, NULL) : NULL;
        double seconds = graph ? scaled(from, &to->limits, graph, one.mode).seconds : NAN;
        if (seconds > 0 && to->records[i].time.median > 0)
            errors[count++] = fabs(log(to->records[i].time.median / seconds));
        graph_free(graph);
    }
    return count;
}

void fit_transfer_judge(struct fit_transfer *transfer)
{
    double *errors = malloc(MOST_ERRORS * sizeof *errors);
    size_t count = 0;
    for (size_t i = 0; errors && i < transfer->source_count; i++)
        for (size_t j = 0; j < transfer->source_count; j++)
            if (i != j)
                count += list_errors(&transfer->sources[i], &transfer->sources[j], errors + count, MOST_ERRORS - count);
    transfer->half_width = NAN;
    transfer->errors = count;
    if (count >= LEAST_ERRORS) {
        size_t rank = (size_t)ceil((double)(count + 1) * CONFIDENCE);
        qsort(errors, count, sizeof *errors, by_value);
        transfer->half_width = errors[rank <= count ? rank - 1 : count - 1];
    }
    free(errors);
}

struct range fit_transfer_seconds(const struct fit_transfer *transfer, const struct graph *graph, enum mode mode,
                                  const char **bound)
{
    double logs[TRANSFER_MACHINES], own = 0;
    size_t count = 0;
    for (size_t i = 0; i < transfer->source_count; i++) {
        struct estimate estimate = scaled(&transfer->sources[i], &transfer->limits, graph, mode);
        if (!(estimate.seconds > 0))
            continue;
        *bound = bound_name(estimate.compute_s >= fmax(estimate.bandwidth_s, estimate.overhead_s) ? BOUND_COMPUTE
                            : estimate.bandwidth_s >= estimate.overhead_s                         ? BOUND_BANDWIDTH
                                                                                                  : BOUND_OVERHEAD);
        own = fmax(own, log(estimate.high / estimate.low) / 2);
        logs[count++] = log(estimate.seconds);
    }
    if (!count)
        return (struct range){NAN, NAN, NAN};
    qsort(logs, count, sizeof *logs, by_value);
    double middle = (logs[count / 2] + logs[(count - 1) / 2]) / 2;
    double width = isnan(transfer->half_width) ? hypot(own, log(ANOTHER_MACHINE)) : fmax(own, transfer->half_width);
    return (struct range){exp(middle), exp(middle - width), exp(middle + width)};
}
