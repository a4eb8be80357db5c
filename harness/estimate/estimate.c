#include "harness/estimate/estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/graph/op.h"

/* Without a ceiling measured: the order of magnitude of one core, so that a node's limit can still be told. */
static const double DEFAULT_PEAK_GFLOPS = 100, DEFAULT_READ_GBS = 10;

/* A node faster than this is mostly the cost of calling it. */
static const double OVERHEAD_S = 2e-6;

/* An op's share of a call that isn't work: about one fork and join of the threads. */
static const double CALL_S = 0.7e-6;

/* One op's points, which lie together among all points, and the surface through them. */
struct op_surface {
    char op[40];
    struct surface surface;
};

struct scored {
    double log_error; /* of measured over estimated, without its model; NaN: not scored */
    double distance;
    uint64_t group[LEFT_OUT_KINDS];
};

struct estimator {
    struct limits limits;
    struct op_surface *surfaces;
    size_t surface_count;
    struct surface_point *points; /* by surface */
    size_t point_count;
    struct op_time *ops; /* of the measured cases, one after another */
    size_t *first_op;    /* of each case; one more at the end */
    size_t *places;      /* of each op: its point */
    struct scored *scored;
    size_t case_count;
    size_t score_count;
    double confidence;
};

const char *bound_name(enum bound bound)
{
    static const char *const names[] = {"compute", "bandwidth", "overhead"};
    return names[bound];
}

/* Packed weights and bf16 run on what the machine has for bf16, of which few shapes reach more than twice f32's. */
static double peak_flops(const struct limits *limits, enum dtype dtype)
{
    double peak = limits->peak_f32_gflops > 0 ? limits->peak_f32_gflops : DEFAULT_PEAK_GFLOPS;
    if ((dtype == DTYPE_BF16 || dtype == DTYPE_F16 || dtype_quantised(dtype)) && limits->peak_bf16_gflops > 0)
        peak = fmin(limits->peak_bf16_gflops, 2 * peak);
    return 1e9 * peak;
}

static double bandwidth(const struct limits *limits)
{
    return 1e9 * (limits->read_gbs > 0 ? limits->read_gbs : DEFAULT_READ_GBS);
}

static double compute_seconds(const struct limits *limits, const struct op_time *op)
{
    return op->flops / peak_flops(limits, op->dtype);
}

/* Rounded where neither limit is clearly the nearer: there loads and arithmetic overlap only in part. */
static double roofline_seconds(const struct limits *limits, const struct op_time *op)
{
    return CALL_S + hypot(compute_seconds(limits, op), op->bytes / bandwidth(limits));
}

/* ---- points ---- */

/* FNV-1a: a key for equal names. */
static uint64_t name_key(const char *name)
{
    uint64_t key = 0xcbf29ce484222325;
    for (; name && *name; name++)
        key = (key ^ (unsigned char)*name) * 0x100000001b3;
    return key;
}

/* The second caches of a few cores hold this much. */
static const double CACHED_BYTES = 4 << 20;

static double step_bytes(const struct op_time *ops, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += ops[i].count * ops[i].bytes;
    return sum;
}

static struct surface_point point_of(const struct limits *limits, const struct op_time *op, double step)
{
    double results = fmax(op->rows * op->columns, 1);
    return (struct surface_point){.axes = {log(op->rows + 1), log(op->columns + 1), log(op->flops / results + 1),
                                           log(op->bytes + 1), log1p(step / CACHED_BYTES)},
                                  .dtype = op->dtype,
                                  .log_slowdown = log(fmax(op->seconds, 1e-9) / roofline_seconds(limits, op))};
}

static const struct op_surface *find_surface(const struct estimator *estimator, const char *op)
{
    for (size_t i = 0; i < estimator->surface_count; i++)
        if (strcmp(estimator->surfaces[i].op, op) == 0)
            return &estimator->surfaces[i];
    return NULL;
}

/* ---- a case from its ops ---- */

/* Adds one op, `count` times, to a case's estimate. */
static void add_op(const struct limits *limits, const struct op_time *op, double slowdown, double distance,
                   struct estimate *estimate)
{
    double once = roofline_seconds(limits, op) * exp(slowdown), seconds = op->count * once;
    estimate->seconds += seconds;
    estimate->distance += seconds * distance;
    bool compute = compute_seconds(limits, op) * bandwidth(limits) > op->bytes;
    *(once < OVERHEAD_S ? &estimate->overhead_s : compute ? &estimate->compute_s : &estimate->bandwidth_s) += seconds;
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

/* The estimate of a measured case without its group, before bias and interval; false where an op is left alone. */
static bool sum_without(const struct estimator *estimator, size_t measured, enum left_out kind,
                        struct estimate *estimate)
{
    *estimate = (struct estimate){0};
    for (size_t k = estimator->first_op[measured]; k < estimator->first_op[measured + 1]; k++) {
        const struct surface_point *point = &estimator->points[estimator->places[k]];
        if (!isfinite(point->without[kind]))
            return false;
        add_op(&estimator->limits, &estimator->ops[k], point->without[kind], point->distances[kind], estimate);
    }
    finish_point(estimate);
    return estimate->seconds > 0;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* ---- intervals ---- */

/* The scored cases' errors, or with a bias their scores, ascending, without those of a group (NULL: all). */
static size_t list_scores(const struct estimator *estimator, const struct scored *left_out, enum left_out kind,
                          const double *bias, double *list)
{
    size_t count = 0;
    for (size_t i = 0; i < estimator->case_count; i++) {
        const struct scored *one = &estimator->scored[i];
        if (!isfinite(one->log_error) || (left_out && one->group[kind] == left_out->group[kind]))
            continue;
        list[count++] = bias ? fabs(one->log_error - *bias) / (1 + one->distance) : one->log_error;
    }
    qsort(list, count, sizeof *list, by_value);
    return count;
}

/* The conformal quantile: the ⌈(n+1)·confidence⌉-th smallest score. With too few scores for that, the largest, doubled
 * for each further one that is missing by half of what a factor of two is. */
static double quantile(const double *scores, size_t n, double confidence)
{
    size_t rank = (size_t)ceil((double)(n + 1) * confidence);
    return n == 0 ? log(2) : rank <= n ? scores[rank - 1] : fmax(scores[n - 1], log(2) / (double)(n + 1)) * 1.5;
}

static struct estimate nothing_known(void)
{
    return (struct estimate){.seconds = NAN, .low = NAN, .high = NAN};
}

/* Bias and interval, from all scored cases but those of a group (NULL: all). */
static void finish(const struct estimator *estimator, const struct scored *left_out, enum left_out kind,
                   struct estimate *estimate)
{
    double *list = calloc(estimator->case_count + 1, sizeof *list);
    if (!list) {
        *estimate = nothing_known();
        return;
    }
    size_t count = list_scores(estimator, left_out, kind, NULL, list);
    double bias = count ? list[count / 2] : 0;
    count = list_scores(estimator, left_out, kind, &bias, list);
    double width = quantile(list, count, estimator->confidence) * (1 + estimate->distance);
    estimate->seconds *= exp(bias);
    estimate->low = estimate->seconds * exp(-width);
    estimate->high = estimate->seconds * exp(width);
    free(list);
}

struct estimate estimator_without(const struct estimator *estimator, size_t measured, enum left_out kind)
{
    struct estimate estimate;
    if (!sum_without(estimator, measured, kind, &estimate))
        return nothing_known();
    finish(estimator, &estimator->scored[measured], kind, &estimate);
    return estimate;
}

/* Estimates every measured case without its own model's points; the errors become the scores. A case with an op that no
 * other model has says nothing of how well that op is foretold. */
static void score(struct estimator *estimator, const struct measured_case *cases)
{
    for (size_t i = 0; i < estimator->case_count; i++) {
        struct scored *one = &estimator->scored[i];
        struct estimate estimate;
        one->group[LEFT_OUT_SIZE] = name_key(cases[i].model);
        one->group[LEFT_OUT_FAMILY] = name_key(cases[i].family);
        bool right = cases[i].seconds > 0 && sum_without(estimator, i, LEFT_OUT_SIZE, &estimate);
        one->log_error = right ? log(cases[i].seconds / estimate.seconds) : NAN;
        one->distance = right ? estimate.distance : NAN;
        estimator->score_count += right;
    }
}

/* ---- making it ---- */

static bool name_surfaces(struct estimator *estimator, size_t op_count)
{
    estimator->surfaces = calloc(op_count + 1, sizeof *estimator->surfaces);
    for (size_t k = 0; estimator->surfaces && k < op_count; k++) {
        if (find_surface(estimator, estimator->ops[k].op))
            continue;
        struct op_surface *added = &estimator->surfaces[estimator->surface_count++];
        memcpy(added->op, estimator->ops[k].op, sizeof added->op);
    }
    return estimator->surfaces;
}

/* The points of one op, side by side, and the surface through them. */
static bool fill_surface(struct estimator *estimator, struct op_surface *one, const struct measured_case *cases)
{
    size_t first = estimator->point_count;
    for (size_t i = 0; i < estimator->case_count; i++) {
        size_t from = estimator->first_op[i], count = estimator->first_op[i + 1] - from;
        double step = step_bytes(estimator->ops + from, count);
        for (size_t k = from; k < from + count; k++) {
            if (strcmp(estimator->ops[k].op, one->op) != 0)
                continue;
            struct surface_point *point = &estimator->points[estimator->point_count];
            estimator->places[k] = estimator->point_count++;
            *point = point_of(&estimator->limits, &estimator->ops[k], step);
            point->group[LEFT_OUT_SIZE] = name_key(cases[i].model);
            point->group[LEFT_OUT_FAMILY] = name_key(cases[i].family);
        }
    }
    return surface_make(&one->surface, estimator->points + first, estimator->point_count - first);
}

static bool take_cases(struct estimator *estimator, const struct measured_case *cases, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += cases[i].op_count;
    estimator->ops = calloc(total + 1, sizeof *estimator->ops);
    estimator->points = calloc(total + 1, sizeof *estimator->points);
    estimator->places = calloc(total + 1, sizeof *estimator->places);
    estimator->first_op = calloc(count + 1, sizeof *estimator->first_op);
    estimator->scored = calloc(count + 1, sizeof *estimator->scored);
    if (!estimator->ops || !estimator->points || !estimator->places || !estimator->first_op || !estimator->scored)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t at = estimator->first_op[i];
        if (cases[i].op_count)
            memcpy(estimator->ops + at, cases[i].ops, cases[i].op_count * sizeof *cases[i].ops);
        estimator->first_op[i + 1] = at + cases[i].op_count;
    }
    estimator->case_count = count;
    if (!name_surfaces(estimator, total))
        return false;
    for (size_t i = 0; i < estimator->surface_count; i++)
        if (!fill_surface(estimator, &estimator->surfaces[i], cases))
            return false;
    score(estimator, cases);
    return true;
}

struct estimator *estimator_create(const struct measured_case *cases, size_t count, const struct limits *limits,
                                   double confidence, struct error *error)
{
    struct estimator *estimator = calloc(1, sizeof *estimator);
    if (estimator) {
        estimator->limits = *limits;
        estimator->confidence = confidence;
    }
    if (!estimator || !take_cases(estimator, cases, count)) {
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
    for (size_t i = 0; i < estimator->surface_count; i++)
        surface_free(&estimator->surfaces[i].surface);
    free(estimator->surfaces);
    free(estimator->points);
    free(estimator->ops);
    free(estimator->places);
    free(estimator->first_op);
    free(estimator->scored);
    free(estimator);
}

size_t estimator_scores(const struct estimator *estimator)
{
    return estimator->score_count;
}

/* ---- a graph ---- */

static bool is_same(const struct op_time *one, const struct features *features)
{
    return one->flops == features->flops && one->bytes == features->bytes && one->rows == features->rows &&
           one->columns == features->columns && one->dtype == features->dtype && strcmp(one->op, features->op) == 0;
}

/* The graph's ops, equal ones as one; NULL without memory. */
static struct op_time *list_ops(const struct graph *graph, size_t *count)
{
    struct op_time *ops = calloc((size_t)graph->node_count + 1, sizeof *ops);
    *count = 0;
    for (int n = 0; ops && n < graph->node_count; n++) {
        if (!graph->nodes[n].op->run)
            continue;
        struct features features = node_features(graph, &graph->nodes[n]);
        size_t at = 0;
        while (at < *count && !is_same(&ops[at], &features))
            at++;
        if (at == *count) {
            ops[(*count)++] = (struct op_time){.dtype = features.dtype,
                                               .flops = features.flops,
                                               .bytes = features.bytes,
                                               .rows = features.rows,
                                               .columns = features.columns};
            strncpy(ops[at].op, features.op, sizeof ops[at].op - 1);
        }
        ops[at].count++;
    }
    return ops;
}

/* An op never measured stands at its roofline, and far away. */
static const double FAR_AWAY = 4;

struct estimate estimator_estimate(const struct estimator *estimator, const struct graph *graph)
{
    struct estimate estimate = {0};
    size_t count;
    struct op_time *ops = estimator->point_count ? list_ops(graph, &count) : NULL;
    if (!ops)
        return nothing_known();
    double step = step_bytes(ops, count);
    for (size_t i = 0; i < count; i++) {
        const struct op_surface *found = find_surface(estimator, ops[i].op);
        struct surface_point at = point_of(&estimator->limits, &ops[i], step);
        double distance = FAR_AWAY, slowdown = found ? surface_at(&found->surface, &at, &distance) : 0;
        add_op(&estimator->limits, &ops[i], slowdown, distance, &estimate);
    }
    free(ops);
    finish_point(&estimate);
    finish(estimator, NULL, LEFT_OUT_SIZE, &estimate);
    return estimate;
}
