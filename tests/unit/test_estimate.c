/* harness/estimate: on a made-up machine whose ops take known times, the estimates find them and the intervals hold. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/random.h"
#include "harness/estimate/estimate.h"
#include "models/engine/case.h"
#include "models/families/family.h"
#include "models/graph/op.h"
#include "tests/suite.h"

static const struct limits LIMITS = {.peak_f32_gflops = 200, .peak_bf16_gflops = 400, .read_gbs = 20};

/* The made-up machine: an op reaches a share of its roofline that depends smoothly on its size, plus 1 µs. */
static double true_seconds(const struct features *f)
{
    double peak = f->dtype == DTYPE_BF16 ? 400e9 : 200e9;
    double roofline = fmax(f->flops / peak, f->bytes / 20e9);
    double efficiency = 0.9 - 0.5 / (1 + log10(1 + f->flops + f->bytes) / 6);
    return roofline / efficiency + 1e-6;
}

struct made {
    struct measured_case cases[32];
    struct op_time *ops[32];
    size_t count;
};

/* Measures a case on the made-up machine; `noise` is the relative deviation of the whole step. */
static double measure(struct made *made, const char *id, double noise, uint64_t key)
{
    struct model_case one;
    struct error error = {0};
    ck_assert_msg(case_parse(id, &one, &error), "%s", error.message);
    struct graph *graph = case_build(&one, &error);
    ck_assert_msg(graph != NULL, "%s", error.message);
    struct op_time *ops = calloc((size_t)graph->node_count, sizeof *ops);
    size_t count = 0;
    double total = 0;
    float drawn = random_normal(key, made ? made->count : 0);
    for (int n = 0; n < graph->node_count; n++) {
        struct features f = node_features(graph, &graph->nodes[n]);
        if (!graph->nodes[n].op->run)
            continue;
        double seconds = true_seconds(&f) * (1 + noise * (double)drawn);
        total += seconds;
        ops[count] = (struct op_time){.dtype = f.dtype,
                                      .flops = f.flops,
                                      .bytes = f.bytes,
                                      .rows = f.rows,
                                      .columns = f.columns,
                                      .count = 1,
                                      .seconds = seconds};
        strncpy(ops[count].op, f.op, sizeof ops[count].op - 1);
        count++;
    }
    if (made) {
        made->ops[made->count] = ops;
        made->cases[made->count++] = (struct measured_case){.id = id,
                                                            .model = one.size->name,
                                                            .mode = one.mode,
                                                            .layers = one.layers > 0,
                                                            .seconds = total,
                                                            .ops = ops,
                                                            .op_count = count};
    } else {
        free(ops);
    }
    graph_free(graph);
    return total;
}

static void free_made(struct made *made)
{
    for (size_t i = 0; i < made->count; i++)
        free(made->ops[i]);
}

static void measure_usual(struct made *made, double noise, uint64_t key)
{
    static const char *const ids[] = {
        "mlp/mlp-1m/train/f32/b128",          "mlp/mlp-1m/forward/f32/b128",       "mlp/mlp-10m/train/f32/b128",
        "mlp/mlp-10m/forward/f32/b1",         "mlp/mlp-25m/train/bf16/b128",       "mlp/mlp-25m/forward/f32/b128",
        "gpt2/gpt2-tiny/train/f32/b4/s64",    "gpt2/gpt2-tiny/forward/f32/b4/s64", "gpt2/gpt2-tiny/train/bf16/b4/s64",
        "gpt2/gpt2-124m/train/f32/b4/s64",    "gpt2/gpt2-124m/forward/f32/b4/s64", "gpt2/gpt2-124m/train/bf16/b4/s64",
        "gpt2/gpt2-355m/forward/bf16/b4/s64", "cnn/seed-cnn/train/f32/b64"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        measure(made, ids[i], noise, key);
}

static struct estimate estimate_of(const struct estimator *estimator, const char *id)
{
    struct model_case one;
    struct error error = {0};
    ck_assert(case_parse(id, &one, &error));
    struct graph *graph = case_build(&one, &error);
    struct estimate estimate = estimator_estimate(estimator, graph, one.mode);
    graph_free(graph);
    return estimate;
}

START_TEST(a_size_never_measured_is_foretold)
{
    struct made made = {0};
    struct error error = {0};
    measure_usual(&made, 0, 1);
    struct estimator *estimator = estimator_create(made.cases, made.count, &LIMITS, 0.9, &error);
    ck_assert_ptr_nonnull(estimator);
    ck_assert_uint_ge(estimator_scores(estimator), 10);
    static const char *const ids[] = {"gpt2/gpt2-355m/train/f32/b4/s64", "gpt2/gpt2-774m/train/f32/b1/s64",
                                      "mlp/mlp-100m/train/f32/b128", "gpt2/gpt2-1.5b/forward/f32/b4/s64"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct estimate estimate = estimate_of(estimator, ids[i]);
        double truth = measure(NULL, ids[i], 0, 1);
        ck_assert_msg(fabs(estimate.seconds / truth - 1) < 0.1, "%s: %g for %g", ids[i], estimate.seconds, truth);
        ck_assert_msg(estimate.low < truth && truth < estimate.high, "%s: %g not in %g…%g", ids[i], truth, estimate.low,
                      estimate.high);
    }
    estimator_free(estimator);
    free_made(&made);
}
END_TEST

START_TEST(a_measured_case_is_found_again)
{
    struct made made = {0};
    struct error error = {0};
    measure_usual(&made, 0, 1);
    struct estimator *estimator = estimator_create(made.cases, made.count, &LIMITS, 0.9, &error);
    struct estimate estimate = estimate_of(estimator, "gpt2/gpt2-124m/train/f32/b4/s64");
    double truth = measure(NULL, "gpt2/gpt2-124m/train/f32/b4/s64", 0, 1);
    ck_assert_double_eq_tol(estimate.seconds / truth, 1, 0.02);
    ck_assert_double_lt(estimate.distance, 0.2);
    ck_assert_int_eq(estimate.bound, BOUND_COMPUTE);
    ck_assert_double_eq_tol(estimate.compute_s + estimate.bandwidth_s + estimate.overhead_s, truth, 0.05 * truth);
    estimator_free(estimator);
    free_made(&made);
}
END_TEST

START_TEST(the_interval_widens_with_distance)
{
    struct made made = {0};
    struct error error = {0};
    measure_usual(&made, 0.05, 3);
    struct estimator *estimator = estimator_create(made.cases, made.count, &LIMITS, 0.9, &error);
    struct estimate near = estimate_of(estimator, "gpt2/gpt2-124m/train/f32/b4/s64");
    struct estimate far = estimate_of(estimator, "gpt2/gpt2-1.5b/train/f32/b64/s1024");
    ck_assert_double_gt(far.distance, near.distance);
    ck_assert_double_gt(far.high / far.low, near.high / near.low);
    estimator_free(estimator);
    free_made(&made);
}
END_TEST

START_TEST(intervals_cover_at_their_rate)
{
    int covered = 0, asked = 0;
    for (uint64_t machine = 0; machine < 40; machine++) {
        struct made made = {0};
        struct error error = {0};
        uint64_t key = random_mix(machine + 11);
        measure_usual(&made, 0.08, key);
        struct estimator *estimator = estimator_create(made.cases, made.count, &LIMITS, 0.9, &error);
        static const char *const ids[] = {"mlp/mlp-100m/train/f32/b128", "gpt2/gpt2-355m/train/f32/b4/s64"};
        for (size_t i = 0; i < 2; i++, asked++) {
            struct estimate estimate = estimate_of(estimator, ids[i]);
            double truth = measure(NULL, ids[i], 0, 1) * (1 + 0.08 * (double)random_normal(key, 100 + i));
            covered += estimate.low <= truth && truth <= estimate.high;
        }
        estimator_free(estimator);
        free_made(&made);
    }
    ck_assert_msg(covered >= 0.85 * asked, "%d of %d", covered, asked);
}
END_TEST

/* Whose own ops are far from all others', but for the layers that were measured of it. */
START_TEST(a_few_layers_tell_the_whole)
{
    static const char *const id = "gpt2/gpt2-1.5b/forward/f32/b4/s64";
    struct made made = {0};
    struct error error = {0};
    measure_usual(&made, 0, 1);
    struct estimator *before = estimator_create(made.cases, made.count, &LIMITS, 0.9, &error);
    measure(&made, "gpt2/gpt2-1.5b/forward/f32/b4/s64/layers-2", 0, 1);
    struct op_time *layers = made.ops[made.count - 1];
    size_t count = made.cases[made.count - 1].op_count;
    struct model_case one;
    ck_assert(case_parse(id, &one, &error));
    struct graph *graph = case_build(&one, &error);
    struct cost whole = graph_cost(graph);
    double part = 0;
    for (size_t i = 0; i < count; i++)
        part += layers[i].bytes * layers[i].count;
    graph_free(graph);
    layers = made.ops[made.count - 1] = realloc(layers, (count + 1) * sizeof *layers);
    ck_assert_ptr_nonnull(layers);
    layers[count] = (struct op_time){
        .op = OP_EVICTION, .count = 1, .bytes = whole.bytes_read + whole.bytes_written - part, .seconds = 1};
    made.cases[made.count - 1].ops = layers;
    made.cases[made.count - 1].op_count = count + 1;
    struct estimator *after = estimator_create(made.cases, made.count, &LIMITS, 0.9, &error);
    struct estimate far = estimate_of(before, id), near = estimate_of(after, id);
    ck_assert_double_eq_tol(near.seconds / measure(NULL, id, 0, 1), 1, 0.01);
    ck_assert_double_lt(near.distance, 0.05);
    ck_assert_double_gt(far.distance, 0.3);
    ck_assert_double_lt(near.high / near.low, far.high / far.low);
    ck_assert_uint_eq(estimator_scores(after), estimator_scores(before)); /* layers are no case to be foretold */
    estimator_free(before);
    estimator_free(after);
    free_made(&made);
}
END_TEST

START_TEST(nothing_measured_is_nothing_known)
{
    struct error error = {0};
    struct estimator *estimator = estimator_create(NULL, 0, &LIMITS, 0.9, &error);
    struct estimate estimate = estimate_of(estimator, "mlp/mlp-1m/train/f32/b128");
    ck_assert(isnan(estimate.seconds) && isnan(estimate.low) && isnan(estimate.high));
    estimator_free(estimator);
}
END_TEST

int main(void)
{
    return suite_run("estimate", 60,
                     SUITE(ONCE(a_size_never_measured_is_foretold), ONCE(a_measured_case_is_found_again),
                           ONCE(the_interval_widens_with_distance), ONCE(intervals_cover_at_their_rate),
                           ONCE(a_few_layers_tell_the_whole), ONCE(nothing_measured_is_nothing_known)));
}
