/* Weights that are stored quantised or as f16, in graphs: what is computed from them, what memory they take, how they
 * are filled, and what is refused. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/engine/engine.h"
#include "models/graph/cost.h"
#include "models/graph/op.h"
#include "models/ops/ops.h"
#include "tests/suite.h"

enum { ROWS = 5, K = 512, N = 70 };
static const enum dtype types[] = {DTYPE_F16, DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_Q6_K};
enum { TYPES = sizeof types / sizeof *types };

struct running {
    struct graph *graph;
    struct plan plan;
    struct engine *engine;
    int tokens, table, x, weight, y;
};

/* y = x Wᵀ, where x are rows of a table; both the table and W are of `dtype`. */
static struct running run(enum dtype dtype, bool reference)
{
    struct running r = {.graph = graph_create(1)};
    struct error error = {0};
    const struct fill heavy = {.kind = FILL_HEAVY_TAILED, .scale = 0.02f};
    r.tokens = graph_persistent(r.graph, "tokens", ROLE_INPUT, DTYPE_I32, 2, (int64_t[]){1, ROWS},
                                (struct fill){.kind = FILL_INDEX, .limit = 9, .like = NO_TENSOR});
    r.table = graph_weight(r.graph, "table", dtype, 2, (int64_t[]){9, K}, heavy, true);
    r.weight = graph_weight(r.graph, "weight", dtype, 2, (int64_t[]){N, K}, heavy, true);
    r.x = build_embedding(r.graph, "embedding", r.tokens, r.table, NO_TENSOR, 0);
    r.y = build_linear(r.graph, "linear", r.x, r.weight, NO_TENSOR, ACTIVATION_NONE, DTYPE_F32);
    r.graph->output = r.y;
    ck_assert_msg(graph_error(r.graph, &error), "%s", error.message);
    r.graph->tensors[r.x].kept = true;
    ck_assert_msg(plan_make(r.graph, 2, &r.plan, &error), "%s", error.message);
    const struct engine_options options = {.threads = 2, .reference = reference};
    r.engine = engine_open(r.graph, &r.plan, &options, &error);
    ck_assert_msg(r.engine != NULL, "%s", error.message);
    engine_step(r.engine);
    return r;
}

static void stop(struct running *r)
{
    engine_close(r->engine);
    plan_free(&r->plan);
    graph_free(r->graph);
}

static float *values(const struct running *r, int tensor)
{
    float *read = malloc((size_t)tensor_elements(&r->graph->tensors[tensor]) * sizeof *read);
    engine_read(r->engine, tensor, read);
    return read;
}

START_TEST(computes)
{
    for (int reference = 0; reference < 2; reference++) {
        struct running r = run(types[_i], reference != 0);
        float *table = values(&r, r.table), *weight = values(&r, r.weight), *x = values(&r, r.x), *y = values(&r, r.y);
        const int32_t *tokens = engine_tensor(r.engine, r.tokens);
        double difference = 0, square = 0;
        for (int row = 0; row < ROWS; row++) {
            ck_assert_mem_eq(x + row * K, table + tokens[row] * K, K * sizeof *x);
            for (int n = 0; n < N; n++) {
                double sum = 0;
                for (int k = 0; k < K; k++)
                    sum += (double)x[row * K + k] * (double)weight[n * K + k];
                difference += pow((double)y[row * N + n] - sum, 2);
                square += sum * sum;
            }
        }
        /* x rounded to int8: a run's largest magnitude, 2.5 to 4 of its mean, over 127 · √12 */
        double allowed = reference || types[_i] == DTYPE_F16 ? 1e-6 : 0.012, error = sqrt(difference / square);
        ck_assert_msg(error < allowed, "%s: the products are wrong by %g of them, not below %g",
                      dtype_info(types[_i])->name, error, allowed);
        free(table), free(weight), free(x), free(y);
        stop(&r);
    }
}
END_TEST

/* Memory is the blocks' and nothing more; parameters are elements, however they are stored; what is read is what moves.
 */
START_TEST(counts)
{
    struct running r = run(types[_i], false);
    const struct dtype_info *info = dtype_info(types[_i]);
    size_t bytes = (size_t)N * K / info->block * info->block_bytes;
    ck_assert_uint_eq(tensor_bytes(&r.graph->tensors[r.weight]), bytes);
    ck_assert_uint_eq(graph_parameters(r.graph), (9 + N) * K);
    const struct node *linear = &r.graph->nodes[r.graph->tensors[r.y].producer];
    ck_assert(node_cost(r.graph, linear).bytes_read == (double)bytes + ROWS * K * 4.0);
    ck_assert_int_eq(node_features(r.graph, linear).dtype, types[_i]);
    stop(&r);
}
END_TEST

/* The same elements as the f32 tensor of that name, but for what the type loses. */
START_TEST(fills)
{
    struct graph *graph = graph_create(3);
    struct error error = {0};
    const struct fill heavy = {.kind = FILL_HEAVY_TAILED, .scale = 0.02f};
    int packed = graph_weight(graph, "w", types[_i], 2, (int64_t[]){33, 768}, heavy, true);
    struct fill like = heavy;
    like.like = packed;
    int plain = graph_persistent(graph, "copy", ROLE_WEIGHT, DTYPE_F32, 2, (int64_t[]){33, 768}, like);
    struct plan plan;
    ck_assert(plan_make(graph, 3, &plan, &error));
    struct engine *engine = engine_open(graph, &plan, &(struct engine_options){.threads = 3}, &error);
    ck_assert_ptr_nonnull(engine);
    struct running r = {.graph = graph, .plan = plan, .engine = engine};
    float *got = values(&r, packed), *want = values(&r, plain);
    double difference = 0, square = 0, fourth = 0;
    enum { COUNT = 33 * 768 };
    for (int i = 0; i < COUNT; i++) {
        difference += pow((double)got[i] - (double)want[i], 2);
        square += pow((double)want[i], 2);
        fourth += pow((double)want[i], 4);
    }
    static const double lost[DTYPE_COUNT] = {
        [DTYPE_F16] = 3e-4, [DTYPE_Q8_0] = 0.01, [DTYPE_Q4_0] = 0.14, [DTYPE_Q4_K] = 0.1, [DTYPE_Q6_K] = 0.025};
    double error_of = sqrt(difference / square);
    ck_assert_msg(error_of < lost[types[_i]], "%s lost %g", dtype_info(types[_i])->name, error_of);
    ck_assert_double_eq_tol(square / COUNT, 0.02 * 0.02, 0.1 * 0.02 * 0.02);
    double kurtosis = fourth / COUNT / pow(square / COUNT, 2);
    ck_assert_msg(kurtosis > 4 && kurtosis < 9, "the kurtosis is %g; a normal distribution's would be 3", kurtosis);
    free(got), free(want);
    stop(&r);
}
END_TEST

/* As ops of a graph: what storing would have made, in either set of kernels, and the bytes that move. */
START_TEST(quantises_and_back)
{
    enum { WIDTH = 2048 + 256, HEIGHT = 9 };
    for (int reference = 0; types[_i] != DTYPE_F16 && reference < 2; reference++) {
        struct graph *graph = graph_create(3);
        struct error error = {0};
        struct fill fill = {.kind = FILL_HEAVY_TAILED, .scale = 0.02f, .like = NO_TENSOR};
        const int64_t dims[] = {3, HEIGHT / 3, WIDTH};
        int x = graph_persistent(graph, "x", ROLE_INPUT, DTYPE_F32, 3, dims, fill);
        fill.like = x;
        int stored = graph_persistent(graph, "stored", ROLE_WEIGHT, types[_i], 3, dims, fill);
        int packed = build_quantise(graph, "pack", x, types[_i]);
        int back = build_dequantise(graph, "unpack", packed);
        graph->output = back;
        graph->tensors[packed].kept = true;
        ck_assert_msg(graph_error(graph, &error), "%s", error.message);
        struct plan plan;
        ck_assert(plan_make(graph, 3, &plan, &error));
        struct engine *engine =
            engine_open(graph, &plan, &(struct engine_options){.threads = 3, .reference = reference != 0}, &error);
        ck_assert_ptr_nonnull(engine);
        engine_step(engine);
        struct running r = {.graph = graph, .plan = plan, .engine = engine};
        size_t bytes = tensor_bytes(&graph->tensors[packed]);
        ck_assert_uint_eq(bytes, dtype_bytes(types[_i], (size_t)HEIGHT * WIDTH));
        ck_assert_mem_eq(engine_tensor(engine, packed), engine_tensor(engine, stored), bytes);
        float *got = values(&r, back), *want = values(&r, stored);
        ck_assert_mem_eq(got, want, (size_t)HEIGHT * WIDTH * sizeof *got);
        struct cost pack = node_cost(graph, &graph->nodes[0]), unpack = node_cost(graph, &graph->nodes[1]);
        ck_assert(pack.flops == 0 && pack.bytes_read == 4.0 * HEIGHT * WIDTH && pack.bytes_written == (double)bytes);
        ck_assert(unpack.bytes_read == (double)bytes && unpack.bytes_written == 4.0 * HEIGHT * WIDTH);
        ck_assert_int_eq(node_features(graph, &graph->nodes[0]).dtype, types[_i]);
        ck_assert_int_eq(node_features(graph, &graph->nodes[1]).dtype, types[_i]);
        free(got), free(want);
        stop(&r);
    }
}
END_TEST

static void expect_error(struct graph *graph, const char *part)
{
    struct error error = {0};
    ck_assert(!graph_error(graph, &error));
    ck_assert_msg(strstr(error.message, part) != NULL, "'%s' doesn't say '%s'", error.message, part);
    graph_free(graph);
}

START_TEST(refuses)
{
    const struct fill fill = {.kind = FILL_NORMAL, .scale = 1};
    struct graph *graph = graph_create(1);
    graph_weight(graph, "w", DTYPE_Q4_K, 2, (int64_t[]){4, 96}, fill, true);
    expect_error(graph, "w has rows of 96 elements; q4_K needs a multiple of 256");

    graph = graph_create(1);
    int gamma = graph_weight(graph, "gamma", DTYPE_Q8_0, 1, (int64_t[]){64}, fill, true);
    int x = graph_weight(graph, "x", DTYPE_F32, 2, (int64_t[]){2, 64}, fill, true);
    build_rms_norm(graph, "norm", x, gamma, 1e-5f);
    expect_error(graph, "norm (rms_norm): can't compute with gamma, which is stored as q8_0");

    graph = graph_create(1);
    int half = graph_weight(graph, "half", DTYPE_F16, 2, (int64_t[]){2, 64}, fill, true);
    build_linear(graph, "fc", half, half, NO_TENSOR, ACTIVATION_NONE, DTYPE_F32);
    expect_error(graph, "fc (linear): goes from f32 or bf16 to f32 or bf16, not from f16 to f32");

    graph = graph_create(1);
    int row = graph_weight(graph, "row", DTYPE_F32, 2, (int64_t[]){2, 96}, fill, true);
    build_quantise(graph, "pack", row, DTYPE_Q6_K);
    expect_error(graph, "pack (quantise): has rows of 96 elements; q6_K needs a multiple of 256");
    graph = graph_create(1);
    row = graph_weight(graph, "row", DTYPE_F32, 2, (int64_t[]){2, 96}, fill, true);
    build_dequantise(graph, "unpack", row);
    expect_error(graph, "unpack (dequantise): takes a type of blocks, not f32");
    graph = graph_create(1);
    row = graph_weight(graph, "row", DTYPE_BF16, 2, (int64_t[]){2, 96}, fill, true);
    build_quantise(graph, "pack", row, DTYPE_Q8_0);
    expect_error(graph, "pack (quantise): goes from f32 to a type of blocks, not from bf16 to q8_0");
}
END_TEST

START_TEST(does_not_train)
{
    struct graph *graph = graph_create(1);
    graph->training = true;
    const struct fill fill = {.kind = FILL_NORMAL, .scale = 1, .like = NO_TENSOR};
    int x = graph_persistent(graph, "x", ROLE_INPUT, DTYPE_F32, 2, (int64_t[]){2, 256}, fill);
    int target = graph_persistent(graph, "target", ROLE_INPUT, DTYPE_F32, 2, (int64_t[]){2, 8}, fill);
    int weight = graph_weight(graph, "weight", types[_i], 2, (int64_t[]){8, 256}, fill, true);
    int y = build_linear(graph, "fc", x, weight, NO_TENSOR, ACTIVATION_SILU, DTYPE_F32);
    graph->loss = build_mean_squared_error(graph, "loss", y, target);
    struct error error = {0};
    const struct training training = {.optimizer = NULL};
    ck_assert(!graph_train(graph, &training, NULL, &error));
    ck_assert_msg(strstr(error.message, "weight is stored as ") && strstr(error.message, "can't be trained"), "%s",
                  error.message);
    graph_free(graph);
}
END_TEST

int main(void)
{
    return suite_run("packed", 120,
                     SUITE(LOOP(computes, TYPES), LOOP(counts, TYPES), LOOP(fills, TYPES),
                           LOOP(quantises_and_back, TYPES), ONCE(refuses), LOOP(does_not_train, TYPES)));
}
