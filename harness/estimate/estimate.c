#include "harness/estimate/estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/estimate/interval.h"
#include "harness/store/op_time.h"
#include "models/graph/op.h"

/* Without a ceiling measured: the order of magnitude of one core, so that a node's limit can still be told. */
static const double DEFAULT_PEAK_GFLOPS = 100, DEFAULT_READ_GBS = 10;

/* A node faster than this is mostly the cost of calling it. */
static const double OVERHEAD_S = 2e-6;

/* An op's share of a call that isn't work: about one fork and join of the threads. */
static const double CALL_S = 0.7e-6;

/* One op's points lie together among all points. */
struct op_surface {
    char op[40];
    const struct surface_point *points;
    size_t count;
};

/* A measured case: its ops are some of the estimator's. */
struct known_case {
    size_t first_op, op_count;
    double step; /* bytes that it moves, and that are evicted before */
    double seconds;
    bool whole;
    enum mode mode;
    uint64_t group[LEFT_OUT_KINDS];
};

struct estimator {
    struct limits limits;
    struct op_surface *surfaces;
    size_t surface_count;
    struct surface_point *points; /* by surface */
    size_t point_count;
    struct op_time *ops; /* of the measured cases, one after another */
    struct known_case *cases;
    size_t case_count;
    struct score *scores; /* [LEFT_OUT_KINDS] of each case */
    size_t score_count;
    double confidence;
    struct interval_law law;
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
static uint64_t name_key(const char *name, const char *rest)
{
    uint64_t key = 0xcbf29ce484222325;
    for (const char *at = name; at && *at; at++)
        key = (key ^ (unsigned char)*at) * 0x100000001b3;
    for (const char *at = rest; *at; at++)
        key = (key ^ (unsigned char)*at) * 0x100000001b3;
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

/* Not of the step: what was read before it (op_time.h). */
static bool is_eviction(const struct op_time *op)
{
    return strcmp(op->op, OP_EVICTION) == 0;
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
static bool sum_without(const struct estimator *estimator, const struct known_case *one, enum left_out kind,
                        struct estimate *estimate)
{
    const struct without without = {kind, one->group[kind]};
    *estimate = (struct estimate){0};
    for (size_t k = one->first_op; k < one->first_op + one->op_count; k++) {
        const struct op_time *op = &estimator->ops[k];
        const struct op_surface *surface = find_surface(estimator, op->op);
        if (is_eviction(op))
            continue;
        struct surface_point at = point_of(&estimator->limits, op, one->step);
        double distance, slowdown = surface_at(surface->points, surface->count, &at, &without, &distance);
        if (!isfinite(slowdown))
            return false;
        add_op(&estimator->limits, op, slowdown, distance, estimate);
    }
    finish_point(estimate);
    return estimate->seconds > 0;
}

/* ---- intervals ---- */

static struct estimate nothing_known(void)
{
    return (struct estimate){.seconds = NAN, .low = NAN, .high = NAN};
}

static void finish(const struct interval_law *law, enum mode mode, struct estimate *estimate)
{
    double width = interval_half_width(law, mode, estimate->distance);
    estimate->seconds *= exp(law->bias);
    estimate->low = estimate->seconds * exp(-width);
    estimate->high = estimate->seconds * exp(width);
}

struct estimate estimator_without(const struct estimator *estimator, size_t measured, enum left_out kind)
{
    const struct known_case *one = &estimator->cases[measured];
    const struct without without = {kind, one->group[kind]};
    struct interval_law law;
    struct estimate estimate;
    if (!sum_without(estimator, one, kind, &estimate) ||
        !interval_law_make(estimator->scores, LEFT_OUT_KINDS * estimator->case_count, estimator->confidence, &without,
                           &law))
        return nothing_known();
    finish(&law, one->mode, &estimate);
    return estimate;
}

static struct score score_without(const struct estimator *estimator, const struct known_case *one, enum left_out kind)
{
    struct estimate estimate;
    bool right = one->whole && one->seconds > 0 && sum_without(estimator, one, kind, &estimate);
    struct score score = {.log_error = right ? log(one->seconds / estimate.seconds) : NAN,
                          .distance = right ? estimate.distance : NAN,
                          .mode = one->mode,
                          .kind = kind};
    memcpy(score.group, one->group, sizeof score.group);
    return score;
}

/* Estimates every whole case without what belongs to it; the errors become the scores. A case with an op that nothing
 * else has says nothing of how well that op is foretold. */
static bool score(struct estimator *estimator)
{
    size_t count = LEFT_OUT_KINDS * estimator->case_count;
#pragma omp parallel for schedule(dynamic, 8)
    for (size_t i = 0; i < count; i++)
        estimator->scores[i] =
            score_without(estimator, &estimator->cases[i / LEFT_OUT_KINDS], (enum left_out)(i % LEFT_OUT_KINDS));
    for (size_t i = LEFT_OUT_SIZE; i < count; i += LEFT_OUT_KINDS)
        estimator->score_count += isfinite(estimator->scores[i].log_error);
    return interval_law_make(estimator->scores, count, estimator->confidence, NULL, &estimator->law);
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

/* The points of one op, side by side. */
static void fill_surface(struct estimator *estimator, struct op_surface *one)
{
    one->points = estimator->points + estimator->point_count;
    for (size_t i = 0; i < estimator->case_count; i++) {
        const struct known_case *from = &estimator->cases[i];
        for (size_t k = from->first_op; k < from->first_op + from->op_count; k++) {
            if (strcmp(estimator->ops[k].op, one->op) != 0)
                continue;
            struct surface_point *point = &estimator->points[estimator->point_count++];
            *point = point_of(&estimator->limits, &estimator->ops[k], from->step);
            memcpy(point->group, from->group, sizeof point->group);
            one->count++;
        }
    }
}

/* The ops of a whole case, so that together they take what its step took over all its samples. Of a few layers no step
 * was timed for longer than its ops were. */
static void take_ops(struct estimator *estimator, const struct measured_case *from, struct known_case *one)
{
    struct op_time *ops = estimator->ops + one->first_op;
    double sum = 0;
    if (from->op_count)
        memcpy(ops, from->ops, from->op_count * sizeof *ops);
    for (size_t i = 0; i < from->op_count; i++)
        sum += is_eviction(&ops[i]) ? 0 : ops[i].count * ops[i].seconds;
    for (size_t i = 0; i < from->op_count; i++)
        if (!from->layers && from->seconds > 0 && sum > 0)
            ops[i].seconds *= from->seconds / sum;
}

static bool take_cases(struct estimator *estimator, const struct measured_case *cases, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += cases[i].op_count;
    estimator->ops = calloc(total + 1, sizeof *estimator->ops);
    estimator->points = calloc(total + 1, sizeof *estimator->points);
    estimator->cases = calloc(count + 1, sizeof *estimator->cases);
    estimator->scores = calloc(LEFT_OUT_KINDS * count + 1, sizeof *estimator->scores);
    if (!estimator->ops || !estimator->points || !estimator->cases || !estimator->scores)
        return false;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const char *own = cases[i].layers || cases[i].kept ? cases[i].id : "";
        struct known_case *one = &estimator->cases[i];
        *one = (struct known_case){
            .first_op = at,
            .op_count = cases[i].op_count,
            .step = step_bytes(cases[i].ops, cases[i].op_count),
            .seconds = cases[i].seconds,
            .whole = !cases[i].layers,
            .mode = cases[i].mode,
            .group = {name_key(cases[i].model, own), name_key(cases[i].model, ""), name_key(cases[i].family, "")}};
        take_ops(estimator, &cases[i], one);
        at += cases[i].op_count;
    }
    estimator->case_count = count;
    if (!name_surfaces(estimator, total))
        return false;
    for (size_t i = 0; i < estimator->surface_count; i++)
        fill_surface(estimator, &estimator->surfaces[i]);
    return score(estimator);
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
    free(estimator->surfaces);
    free(estimator->points);
    free(estimator->ops);
    free(estimator->cases);
    free(estimator->scores);
    free(estimator);
}

size_t estimator_scores(const struct estimator *estimator)
{
    return estimator->score_count;
}

/* ---- a graph ---- */

/* The graph's ops, equal ones as one; NULL without memory. */
static struct op_time *list_ops(const struct graph *graph, size_t *count)
{
    struct op_time *ops = calloc((size_t)graph->node_count + 1, sizeof *ops);
    *count = 0;
    for (int n = 0; ops && n < graph->node_count; n++) {
        if (!graph->nodes[n].op->run)
            continue;
        struct features features = node_features(graph, &graph->nodes[n]);
        op_times_count(ops, count, &features);
    }
    return ops;
}

/* The log of how far above its roofline, and how far off that is known. An op never measured stands at its roofline,
 * and far away. */
static double slowdown_of(const struct estimator *estimator, const struct op_time *op, double step, double *distance)
{
    const struct op_surface *found = find_surface(estimator, op->op);
    struct surface_point at = point_of(&estimator->limits, op, step);
    *distance = ESTIMATE_FAR_AWAY;
    return found ? surface_at(found->points, found->count, &at, NULL, distance) : 0;
}

double estimator_op(const struct estimator *estimator, const struct features *features, double step_bytes)
{
    struct op_time op = op_time_of(features);
    double distance;
    return estimator->point_count ? roofline_seconds(&estimator->limits, &op) *
                                        exp(slowdown_of(estimator, &op, step_bytes, &distance) + estimator->law.bias)
                                  : NAN;
}

double estimator_distance(const struct estimator *estimator, const struct features *features, double step_bytes)
{
    struct op_time op = op_time_of(features);
    double distance;
    slowdown_of(estimator, &op, step_bytes, &distance);
    return fmin(distance, ESTIMATE_FAR_AWAY);
}

struct surface_point estimator_place(const struct features *features, double step_bytes)
{
    static const struct limits any = {NAN, NAN, NAN}; /* places don't depend on them */
    struct op_time op = op_time_of(features);
    return point_of(&any, &op, step_bytes);
}

struct estimate estimator_estimate(const struct estimator *estimator, const struct graph *graph, enum mode mode)
{
    struct estimate estimate = {0};
    size_t count;
    struct op_time *ops = estimator->point_count ? list_ops(graph, &count) : NULL;
    if (!ops)
        return nothing_known();
    double step = step_bytes(ops, count);
    for (size_t i = 0; i < count; i++) {
        double distance, slowdown = slowdown_of(estimator, &ops[i], step, &distance);
        add_op(&estimator->limits, &ops[i], slowdown, distance, &estimate);
    }
    free(ops);
    finish_point(&estimate);
    finish(&estimator->law, mode, &estimate);
    return estimate;
}
