#include "harness/estimate/estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/graph/op.h"

enum { NEAREST = 4, AXES = 4 };

/* Without a ceiling measured: the order of magnitude of one core, so that a node's limit can still be told. */
static const double DEFAULT_PEAK_GFLOPS = 100, DEFAULT_READ_GBS = 10;

/* A node faster than this is mostly the cost of calling it. */
static const double OVERHEAD_S = 2e-6;

/* A measured op as a point: where it lies, and how far above its roofline time it was. */
struct point {
    char op[40];
    enum dtype dtype;
    double axes[AXES];
    double log_slowdown;
    int model; /* index of its case's model, for leaving out */
};

struct estimator {
    struct limits limits;
    struct point *points;
    size_t point_count;
    double *scores; /* |log measured/estimated| / (1 + distance), ascending */
    size_t score_count;
    double confidence;
    double bias; /* median of the signed ones: what summing nodes forgets */
};

const char *bound_name(enum bound bound)
{
    static const char *const names[] = {"compute", "bandwidth", "overhead"};
    return names[bound];
}

static double peak_flops(const struct limits *limits, enum dtype dtype)
{
    double peak = (dtype == DTYPE_BF16 || dtype_quantised(dtype)) && limits->peak_bf16_gflops > 0
                      ? limits->peak_bf16_gflops
                      : limits->peak_f32_gflops;
    return 1e9 * (peak > 0 ? peak : DEFAULT_PEAK_GFLOPS);
}

static double bandwidth(const struct limits *limits)
{
    return 1e9 * (limits->read_gbs > 0 ? limits->read_gbs : DEFAULT_READ_GBS);
}

static double compute_seconds(const struct limits *limits, const struct op_time *op)
{
    return op->flops / peak_flops(limits, op->dtype);
}

static double roofline_seconds(const struct limits *limits, const struct op_time *op)
{
    double compute = compute_seconds(limits, op), memory = op->bytes / bandwidth(limits);
    return fmax(fmax(compute, memory), 1e-9);
}

static struct point point_of(const struct limits *limits, const struct op_time *op, int model)
{
    struct point point = {.dtype = op->dtype,
                          .axes = {log(op->flops + 1), log(op->bytes + 1), log(op->rows + 1), log(op->columns + 1)},
                          .log_slowdown = log(fmax(op->seconds, 1e-9) / roofline_seconds(limits, op)),
                          .model = model};
    memcpy(point.op, op->op, sizeof point.op);
    return point;
}

/* Euclidean over the logarithms, halved: an op a factor e larger in flops, bytes, rows and columns lies 1 away. */
static double distance_between(const struct point *a, const struct point *b)
{
    double sum = 0;
    for (int i = 0; i < AXES; i++)
        sum += (a->axes[i] - b->axes[i]) * (a->axes[i] - b->axes[i]);
    return sqrt(sum) / 2;
}

struct neighbour {
    double distance, log_slowdown;
};

/* The nearest points of the op, and of the dtype when there are any; returns how many. */
static int find_nearest(const struct estimator *estimator, const struct point *wanted, int left_out, bool same_dtype,
                        struct neighbour nearest[NEAREST])
{
    int found = 0;
    for (size_t i = 0; i < estimator->point_count; i++) {
        const struct point *point = &estimator->points[i];
        if (point->model == left_out || strcmp(point->op, wanted->op) != 0 ||
            (same_dtype && point->dtype != wanted->dtype))
            continue;
        struct neighbour one = {distance_between(point, wanted), point->log_slowdown};
        int at = found < NEAREST ? found++ : NEAREST;
        while (at > 0 && nearest[at - 1].distance > one.distance) {
            if (at < NEAREST)
                nearest[at] = nearest[at - 1];
            at--;
        }
        if (at < NEAREST)
            nearest[at] = one;
    }
    return found;
}

/* The log slowdown of an op by its neighbours, each weighed by 1/(distance² + ε): at a measured point, that point's. */
static bool predict(const struct estimator *estimator, const struct point *wanted, int left_out, double *log_slowdown,
                    double *distance)
{
    struct neighbour nearest[NEAREST];
    double extra = 0;
    int found = find_nearest(estimator, wanted, left_out, true, nearest);
    if (!found) {
        found = find_nearest(estimator, wanted, left_out, false, nearest);
        extra = 1;
    }
    double weights = 0, sum = 0, far = 0;
    for (int i = 0; i < found; i++) {
        double weight = 1 / (nearest[i].distance * nearest[i].distance + 1e-4);
        weights += weight;
        sum += weight * nearest[i].log_slowdown;
        far += weight * nearest[i].distance;
    }
    if (!found)
        return false;
    *log_slowdown = sum / weights;
    *distance = far / weights + extra;
    return true;
}

/* Adds one op, `count` times, to a case's estimate. An op never measured stands at its roofline, and far away. */
static void add_op(const struct estimator *estimator, const struct op_time *op, int left_out, struct estimate *estimate,
                   size_t *unknown)
{
    struct point wanted = point_of(&estimator->limits, op, -1);
    double slowdown = 0, distance = 4, roofline = roofline_seconds(&estimator->limits, op);
    if (!predict(estimator, &wanted, left_out, &slowdown, &distance))
        ++*unknown;
    double seconds = op->count * roofline * exp(slowdown);
    estimate->seconds += seconds;
    estimate->distance += seconds * distance;
    bool tiny = roofline * exp(slowdown) < OVERHEAD_S;
    bool compute = compute_seconds(&estimator->limits, op) * bandwidth(&estimator->limits) > op->bytes;
    *(tiny ? &estimate->overhead_s : compute ? &estimate->compute_s : &estimate->bandwidth_s) += seconds;
}

static void finish_point(struct estimate *estimate)
{
    estimate->distance = estimate->seconds > 0 ? estimate->distance / estimate->seconds : 0;
    estimate->bound = BOUND_COMPUTE;
    if (estimate->bandwidth_s > estimate->compute_s)
        estimate->bound = BOUND_BANDWIDTH;
    if (estimate->overhead_s > fmax(estimate->compute_s, estimate->bandwidth_s))
        estimate->bound = BOUND_OVERHEAD;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static int model_index(const struct measured_case *cases, size_t index)
{
    size_t i = 0;
    while (strcmp(cases[i].model, cases[index].model) != 0)
        i++;
    return (int)i;
}

/* Estimates every measured case without its own model's points; the errors become the scores. */
static bool score(struct estimator *estimator, const struct measured_case *cases, size_t count)
{
    double *signed_errors = calloc(count + 1, sizeof *signed_errors), *distances = calloc(count + 1, sizeof *distances);
    estimator->scores = calloc(count + 1, sizeof *estimator->scores);
    if (!signed_errors || !distances || !estimator->scores) {
        free(signed_errors);
        free(distances);
        return false;
    }
    size_t scored = 0;
    for (size_t i = 0; i < count; i++) {
        struct estimate estimate = {0};
        size_t unknown = 0;
        for (size_t k = 0; k < cases[i].op_count; k++)
            add_op(estimator, &cases[i].ops[k], model_index(cases, i), &estimate, &unknown);
        finish_point(&estimate);
        if (!(estimate.seconds > 0) || !(cases[i].seconds > 0) || unknown > 0)
            continue; /* the only case with some op says nothing of how well that op is foretold */
        signed_errors[scored] = log(cases[i].seconds / estimate.seconds);
        distances[scored++] = estimate.distance;
    }
    for (size_t i = 0; i < scored; i++)
        estimator->scores[i] = signed_errors[i];
    qsort(estimator->scores, scored, sizeof *estimator->scores, by_value);
    estimator->bias = scored ? estimator->scores[scored / 2] : 0;
    for (size_t i = 0; i < scored; i++)
        estimator->scores[i] = fabs(signed_errors[i] - estimator->bias) / (1 + distances[i]);
    qsort(estimator->scores, scored, sizeof *estimator->scores, by_value);
    estimator->score_count = scored;
    free(signed_errors);
    free(distances);
    return true;
}

struct estimator *estimator_create(const struct measured_case *cases, size_t count, const struct limits *limits,
                                   double confidence, struct error *error)
{
    struct estimator *estimator = calloc(1, sizeof *estimator);
    size_t points = 0;
    for (size_t i = 0; i < count; i++)
        points += cases[i].op_count;
    if (estimator) {
        estimator->limits = *limits;
        estimator->confidence = confidence;
        estimator->points = calloc(points + 1, sizeof *estimator->points);
    }
    bool right = estimator && estimator->points;
    for (size_t i = 0; right && i < count; i++)
        for (size_t k = 0; k < cases[i].op_count; k++)
            estimator->points[estimator->point_count++] = point_of(limits, &cases[i].ops[k], model_index(cases, i));
    if (!right || !score(estimator, cases, count)) {
        estimator_free(estimator);
        error_set(error, ERROR_SYSTEM, "out of memory for the estimates");
        return NULL;
    }
    return estimator;
}

void estimator_free(struct estimator *estimator)
{
    if (!estimator)
        return;
    free(estimator->points);
    free(estimator->scores);
    free(estimator);
}

size_t estimator_scores(const struct estimator *estimator)
{
    return estimator->score_count;
}

/* The conformal quantile: the ⌈(n+1)·confidence⌉-th smallest score. With too few scores for that, the largest, doubled
 * for each further one that is missing by half of what a factor of two is. */
static double half_width(const struct estimator *estimator, double distance)
{
    size_t n = estimator->score_count, rank = (size_t)ceil((double)(n + 1) * estimator->confidence);
    double score = n == 0      ? log(2)
                   : rank <= n ? estimator->scores[rank - 1]
                               : fmax(estimator->scores[n - 1], log(2) / (double)(n + 1)) * 1.5;
    return score * (1 + distance);
}

struct estimate estimator_estimate(const struct estimator *estimator, const struct graph *graph)
{
    struct estimate estimate = {0};
    size_t unknown = 0;
    for (int n = 0; n < graph->node_count; n++) {
        if (!graph->nodes[n].op->run)
            continue;
        struct features features = node_features(graph, &graph->nodes[n]);
        struct op_time op = {.dtype = features.dtype,
                             .flops = features.flops,
                             .bytes = features.bytes,
                             .rows = features.rows,
                             .columns = features.columns,
                             .count = 1};
        strncpy(op.op, features.op, sizeof op.op - 1);
        add_op(estimator, &op, -1, &estimate, &unknown);
    }
    finish_point(&estimate);
    if (estimator->point_count == 0) {
        estimate.seconds = estimate.low = estimate.high = NAN;
        return estimate;
    }
    estimate.seconds *= exp(estimator->bias);
    double width = half_width(estimator, estimate.distance);
    estimate.low = estimate.seconds * exp(-width);
    estimate.high = estimate.seconds * exp(width);
    return estimate;
}
