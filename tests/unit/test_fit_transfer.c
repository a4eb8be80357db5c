/* A machine known by its limits alone, foretold from the ops of others (reports/fitness/fit_transfer.h): at half the
 * limits a step takes twice as long, and what is known of several machines sets the interval. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/engine/case.h"
#include "models/graph/op.h"
#include "reports/fitness/fit_transfer.h"
#include "tests/suite.h"

static const char *const cases[] = {
    "gpt2/gpt2-124m/forward/f32/b4/s64",    "gpt2/gpt2-355m/forward/f32/b4/s64",  "gpt2/gpt2-124m/decode/f32/b1/s64",
    "llama/smollm-135m/forward/f32/b1/s64", "bert/distilbert/forward/f32/b8/s64", "mlp/mlp-10m/forward/f32/b8",
};
enum { CASES = sizeof cases / sizeof *cases };

struct made {
    struct measured_case cases[CASES];
    struct op_time *ops[CASES];
    struct record records[CASES];
    struct limits limits;
    struct estimator *estimator;
};

static struct graph *graph_of(const char *id)
{
    struct model_case one;
    ck_assert(case_parse(id, &one, NULL));
    struct graph *graph = case_build_shapes(&one, NULL);
    ck_assert_ptr_nonnull(graph);
    return graph;
}

/* A machine on which each op takes so many times its roofline's time. */
static void make(struct made *made, double scale, double slowdown)
{
    *made = (struct made){.limits = {100 * scale, 100 * scale, 10 * scale}};
    for (int i = 0; i < CASES; i++) {
        struct graph *graph = graph_of(cases[i]);
        struct measured_case *measured = &made->cases[i];
        made->ops[i] = calloc((size_t)graph->node_count, sizeof *made->ops[i]);
        *measured = (struct measured_case){.model = cases[i], .family = cases[i], .ops = made->ops[i]};
        for (int n = 0; n < graph->node_count; n++) {
            if (!graph->nodes[n].op->run)
                continue;
            struct features features = node_features(graph, &graph->nodes[n]);
            double seconds = slowdown * fmax(features.flops / (1e11 * scale), features.bytes / (1e10 * scale));
            struct op_time *op = &made->ops[i][measured->op_count++];
            *op = (struct op_time){.dtype = features.dtype,
                                   .flops = features.flops,
                                   .bytes = features.bytes,
                                   .rows = features.rows,
                                   .columns = features.columns,
                                   .count = 1,
                                   .seconds = seconds};
            strncpy(op->op, features.op, sizeof op->op - 1);
            measured->seconds += seconds;
        }
        strncpy(made->records[i].id, cases[i], sizeof made->records[i].id - 1);
        made->records[i].time.median = measured->seconds;
        graph_free(graph);
    }
    made->estimator = estimator_create(made->cases, CASES, &made->limits, 0.9, NULL);
    ck_assert_ptr_nonnull(made->estimator);
}

static struct transfer_source source_of(const struct made *made)
{
    return (struct transfer_source){"made up", made->estimator, made->limits, made->records, CASES};
}

static void destroy(struct made *made)
{
    for (int i = 0; i < CASES; i++)
        free(made->ops[i]);
    estimator_free(made->estimator);
}

START_TEST(half_the_limits_take_twice_as_long)
{
    struct made made;
    const char *bound = NULL;
    make(&made, 1, 1.5);
    struct fit_transfer same = {.sources = {source_of(&made)}, .source_count = 1, .limits = made.limits}, half = same;
    half.limits = (struct limits){50, 50, 5};
    fit_transfer_judge(&same);
    fit_transfer_judge(&half);
    ck_assert(isnan(half.half_width));
    for (int i = 0; i < CASES; i++) {
        struct graph *graph = graph_of(cases[i]);
        struct range one = fit_transfer_seconds(&same, graph, MODE_FORWARD, &bound),
                     two = fit_transfer_seconds(&half, graph, MODE_FORWARD, &bound);
        struct estimate own = estimator_estimate(made.estimator, graph, MODE_FORWARD);
        ck_assert_double_eq_tol(one.median / own.seconds, 1, 1e-9);
        ck_assert_msg(two.median / one.median > 1.9 && two.median / one.median < 2.01, "%s: %g", cases[i],
                      two.median / one.median);
        ck_assert(one.low < own.low && one.high > own.high); /* another machine is less certain */
        ck_assert_ptr_nonnull(bound);
        graph_free(graph);
    }
    destroy(&made);
}
END_TEST

/* Of two machines that reach the same shares each foretells the other; of two that don't, the interval says so. */
START_TEST(machines_left_out_set_the_interval)
{
    struct made first, alike, unlike;
    const char *bound;
    make(&first, 1, 1.5);
    make(&alike, 3, 1.5);
    make(&unlike, 3, 4.5);
    struct fit_transfer near = {
        .sources = {source_of(&first), source_of(&alike)}, .source_count = 2, .limits = {200, 200, 20}};
    struct fit_transfer far = near;
    far.sources[1] = source_of(&unlike);
    fit_transfer_judge(&near);
    fit_transfer_judge(&far);
    ck_assert_uint_eq(near.errors, 2 * CASES);
    ck_assert_double_lt(near.half_width, log(1.5));
    ck_assert_double_gt(far.half_width, log(2.5));
    ck_assert_double_lt(far.half_width, log(4.5));
    struct graph *graph = graph_of(cases[0]);
    struct range range = fit_transfer_seconds(&far, graph, MODE_FORWARD, &bound);
    ck_assert(range.high / range.median >= exp(far.half_width) * 0.999);
    graph_free(graph);
    destroy(&first);
    destroy(&alike);
    destroy(&unlike);
}
END_TEST

int main(void)
{
    return suite_run("fit_transfer", 60,
                     SUITE(ONCE(half_the_limits_take_twice_as_long), ONCE(machines_left_out_set_the_interval)));
}
