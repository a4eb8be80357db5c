/* How long a case will take on this machine, from how long its ops took in cases that were measured.
 *
 * Every measured case leaves the time of each of its nodes, in place: with the caches as the step leaves them and the
 * arguments where the plan put them. Each op has a surface through them (surface.h): how far above its roofline time
 * (what it costs to call, flops over the machine's peak and bytes over its bandwidth) it takes, by its shape, its dtype
 * and how much the whole step moves, which says what is still in cache. A case's time is the sum over its nodes. Cases
 * of a few of a model's layers (case.h: `layers-N`) are there for their ops: a model's layers repeat, so its own ops at
 * their own shapes can be measured in a moment where the model is too large, or its whole step too long.
 *
 * The interval is conformal (interval.h). */
#ifndef ESTIMATE_ESTIMATE_H
#define ESTIMATE_ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"
#include "harness/estimate/surface.h"
#include "harness/store/record.h"
#include "models/graph/cost.h"
#include "models/graph/graph.h"

struct measured_case {
    const char *model, *family; /* leaving out goes by them; family may be NULL; the caller's */
    enum mode mode;
    const char *id;
    bool layers;               /* of some of the model's layers only */
    bool kept;                 /* measured for calibration: there also when the model's whole steps are left out */
    double seconds;            /* of a step, the median of its samples */
    const struct op_time *ops; /* the caller's */
    size_t op_count;
};

/* The machine's limits, for roofline times: NaN where unknown (a default keeps ratios between ops right). */
struct limits {
    double peak_f32_gflops, peak_bf16_gflops, read_gbs;
};

enum bound { BOUND_COMPUTE, BOUND_BANDWIDTH, BOUND_OVERHEAD };
const char *bound_name(enum bound bound);

struct estimate {
    double seconds, low, high; /* NaN when nothing that is like it was measured */
    double distance;           /* mean over its time: 0 measured itself, 1 a factor e away along the axes */
    double compute_s, bandwidth_s, overhead_s; /* where the time goes, by each node's nearest limit */
    enum bound bound;
};

struct estimator;

/* Copies what it needs. `confidence` is the interval's (0.9). Never fails but for memory. */
struct estimator *estimator_create(const struct measured_case *cases, size_t count, const struct limits *limits,
                                   double confidence, struct error *error);
void estimator_free(struct estimator *estimator);
/* How many cases the interval rests on. */
size_t estimator_scores(const struct estimator *estimator);
struct estimate estimator_estimate(const struct estimator *estimator, const struct graph *graph, enum mode mode);
/* Seconds of one op within a step that moves `step_bytes`; NaN where nothing was measured. */
double estimator_op(const struct estimator *estimator, const struct features *features, double step_bytes);
/* How far from the nearest that was measured: 0 there; ESTIMATE_FAR_AWAY where no such op was. */
double estimator_distance(const struct estimator *estimator, const struct features *features, double step_bytes);
#define ESTIMATE_FAR_AWAY 4.0
/* The place of an op within its step on its surface. */
struct surface_point estimator_place(const struct features *features, double step_bytes);
/* What it would have said of a measured case, by its place among them, had what `kind` says not been measured: neither
 * for the estimate nor for its interval. NaN where an op of the case is measured nowhere else. */
struct estimate estimator_without(const struct estimator *estimator, size_t measured, enum left_out kind);

#endif
