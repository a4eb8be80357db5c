/* Graphs and cases: published parameter counts, costs that follow from shapes, errors that name what is wrong, and
 * training that learns. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "models/engine/case.h"
#include "models/engine/generate.h"
#include "models/families/family.h"
#include "models/graph/cost.h"
#include "models/graph/op.h"
#include "models/ops/ops.h"
#include "tests/suite.h"

static struct graph *build(const char *id)
{
    struct model_case one;
    struct error error = {0};
    struct graph *graph = case_parse(id, &one, &error) ? case_build(&one, &error) : NULL;
    ck_assert_msg(graph != NULL, "%s", error.message);
    return graph;
}

START_TEST(parameters_are_the_published_ones)
{
    static const struct {
        const char *id;
        uint64_t parameters;
    } rows[] = {
        {"gpt2/gpt2-124m/forward/f32/b1/s64", 124439808},
        {"gpt2/gpt2-355m/forward/f32/b1/s64", 354823168},
        {"gpt2/gpt2-774m/forward/f32/b1/s64", 774030080},
        {"gpt2/gpt2-1.5b/forward/f32/b1/s64", 1557611200},
        {"gpt2/gpt2-124m/train/bf16/b1/s64", 124439808}, /* masters and moments don't count */
        {"gpt2/gpt2/forward/f32/b1/s64", 124439808},     /* the publisher's name */
        {"llama/smollm-135m/forward/f32/b1/s64", 134515008},
        {"llama/smollm-360m/forward/f32/b1/s64", 361821120},
        {"llama/tinyllama-1.1b/forward/f32/b1/s64", 1100048384},
        {"llama/llama-3.2-3b/forward/f32/b1/s64", 3212749824},
        {"llama/llama-3-8b/forward/f32/b1/s64", 8030261248},
        {"bert/bert-tiny/forward/f32/b1/s64", 4385920},
        {"bert/distilbert/forward/f32/b1/s64", 66362880},
        {"bert/bert-base/forward/f32/b1/s64", 109482240}, /* with the pooler */
        {"bert/bert-large/forward/f32/b1/s64", 335141888},
        {"vit/vit-tiny/forward/f32/b1", 5717416},
        {"gpt2/distilgpt2/forward/f32/b1/s8", 81912576},
        {"vit/vit-small/forward/f32/b1", 22050664},
        {"vit/vit-base/forward/f32/b1", 86567656},
        /* with the encoder's positions, which are fixed; the head is the embedding's matrix */
        {"whisper/whisper-tiny/forward/f32/b1/s64", 37760640},
        {"whisper/whisper-base/forward/f32/b1/s64", 72593920},
        {"whisper/whisper-base/prefill/q4_0/b1/s64", 72593920},
        {"whisper/whisper-base/decode/q8_0/b2/s64/kv-q8_0", 72593920},
        {"whisper/whisper-small/train/bf16/b1/s64", 241734912},
        {"cnn/resnet-18/forward/f32/b1", 11689512},
        {"cnn/resnet-50/forward/f32/b1", 25557032},
        {"cnn/mobilenet-v2/forward/f32/b1", 3504872},
        {"cnn/seed-cnn/train/f32/b64", 5037526},
        {"rnn/seed-rnn/train/f32/b64/s50", 32 * 64 + 64 + 64 * 64 + 64 * 10 + 10},
        {"lstm/lstm-1x128/forward/f32/b20/s35", 2 * 10000 * 128 + 10000 + 4 * 128 * (2 * 128 + 1)},
        {"lstm/lstm-2x512/train/f32/b20/s35", 2 * 10000 * 512 + 10000 + 2 * 4 * 512 * (2 * 512 + 1)},
        {"lstm/lstm-2x1500/forward/f32/b20/s35", 66022000}, /* Zaremba et al.: 66 million */
        {"gru/gru-1x128/forward/f32/b20/s35", 2 * 10000 * 128 + 10000 + 3 * 128 * (2 * 128 + 1) + 128},
        {"gru/gru-2x512/train/f32/b20/s35", 2 * 10000 * 512 + 10000 + 2 * (3 * 512 * (2 * 512 + 1) + 512)},
        {"gru/gru-2x1500/forward/f32/b20/s35", 2 * 10000 * 1500 + 10000 + 2 * (3 * 1500 * (2 * 1500 + 1) + 1500)},
        {"dlrm/dlrm-small/train/f32/b2048",
         26 * 100000 * 16 + 14 * 512 + 513 * 256 + 257 * 64 + 65 * 16 + 368 * 512 + 513 * 256 + 257},
        /* 187 767 399 rows of 128, as MLPerf has them */
        {"dlrm/dlrm-medium/forward/f32/b1", 187767399ULL * 128 + 14 * 512 + 513 * 256 + 257 * 128 + 480 * 1024 +
                                                1025 * 1024 + 1025 * 512 + 513 * 256 + 257},
        {"mlp/mlp-1m/train/f32/b128", 784 * 784 + 784 + 784 * 512 + 512 + 512 * 10 + 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct graph *graph = build(rows[i].id);
        ck_assert_msg(graph_parameters(graph) == rows[i].parameters, "%s has %llu parameters, not %llu", rows[i].id,
                      (unsigned long long)graph_parameters(graph), (unsigned long long)rows[i].parameters);
        graph_free(graph);
    }
}
END_TEST

/* A model that no machine here could hold is described, planned and costed in a moment. */
START_TEST(large_models_are_only_described)
{
    struct rusage before, after;
    struct error error = {0};
    struct plan plan;
    getrusage(RUSAGE_SELF, &before);
    struct graph *graph = build("llama/llama-3-8b/forward/f32/b1/s2048");
    ck_assert_msg(plan_make(graph, 2, &plan, &error), "%s", error.message);
    getrusage(RUSAGE_SELF, &after);
    ck_assert(plan.arena_bytes > 4 * graph_parameters(graph));
    /* Two operations for each weight but the embedding's, a token at a time. */
    ck_assert_double_ge(graph_cost(graph).flops, 2.0 * 2048 * (8030261248.0 - 128256.0 * 4096));
    ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 200 * 1024);
    plan_free(&plan);
    graph_free(graph);
}
END_TEST

/* Matrix products counted by hand; everything else is a few percent more. */
START_TEST(flops_follow_from_shapes)
{
    struct graph *forward = build("mlp/mlp-1m/forward/f32/b128"), *train = build("mlp/mlp-1m/train/f32/b128");
    double products = 2.0 * 128 * (784 * 784 + 784 * 512 + 512 * 10);
    ck_assert_double_eq_tol(graph_cost(forward).flops / products, 1, 0.01);
    /* Forward, weights' gradients, inputs' gradients but the first layer's, and Adam's 14 per parameter. */
    double expected = 3 * products - 2.0 * 128 * 784 * 784 + 14 * 1022490.0;
    ck_assert_double_eq_tol(graph_cost(train).flops / expected, 1, 0.01);
    graph_free(forward);
    graph_free(train);
}
END_TEST

START_TEST(wrong_cases_are_told_apart)
{
    static const struct {
        const char *id, *says;
    } rows[] = {
        {"", "family"},
        {"gpt2", "family/model/mode/dtype/bN"},
        {"gpt3/gpt2-124m/train/f32/b4/s64", "no family 'gpt3'; nearest are gpt2"},
        {"gpt2/gpt2-125m/train/f32/b4/s64", "gpt2-124m"},
        {"gpt2/seed-cnn/train/f32/b4/s64", "no model 'seed-cnn'"},
        {"gpt2/gpt2-124m/fly/f32/b4/s64", "'fly' is no mode; modes are forward, train"},
        {"mlp/mlp-1m/decode/f32/b4", "family mlp has no mode decode"},
        {"gpt2/gpt2-124m/train/f33/b4/s64", "'f33' is no dtype that runs here; f32, bf16"},
        {"gpt2/gpt2-124m/train/i32/b4/s64", "'i32' is no dtype"},
        {"gpt2/gpt2-124m/train/f32/s64", "has no batch, such as /b1"},
        {"gpt2/gpt2-124m/train/f32/b0/s64", "batch"},
        {"gpt2/gpt2-124m/train/f32/b4x/s64", "'4x'"},
        {"gpt2/gpt2-124m/train/f32/b99999999/s64", "'99999999'"},
        {"gpt2/gpt2-124m/train/f32/b4", "needs a context, such as /s64"},
        {"gpt2/gpt2-124m/train/f32/b4/s2000", "at most 1024"},
        {"mlp/mlp-1m/train/f32/b4/s64", "family mlp has no context"},
        {"gpt2/gpt2-124m/forward/f32/b4/s64/adam", "mode train"},
        {"gpt2/gpt2-124m/forward/f32/b4/s64/checkpointing", "mode train"},
        {"gpt2/gpt2-124m/train/f32/b4/s64/adagrad", "'adagrad' is neither"},
        {"gpt2/gpt2-124m/train/f32/b4/s64@cuda", "device 'cuda'"},
        {"gpt2/gpt2-124m/train/f32/b4/s64/", "'' is neither"},
        {"gpt2/gpt2-124m/train/f32/b4/b8/s64", "batch twice"},
        {"gpt2/gpt2-124m/train/f32/b4/s64/s32", "context twice"},
        {"gpt2/gpt2-124m/train/f32/b4/s64/adam/sgd", "optimizer twice"},
        {"gpt2/gpt2-124m/distill/f32/b4/s64", "gpt2-124m has no teacher"},
        {"gpt2/distilgpt2/distill/f32/b4/s64/mse", "a loss of its own"},
        {"gpt2/distilgpt2/distill/f32/b4/s64/dp-sgd", "dp-sgd goes with mode train"},
        {"mlp/mlp-1m/forward/f32/b4/dp-sgd", "mode train"},
        {"classical/linear-svm/train/bf16/b100", "doesn't run in bf16"},
        {"classical/random-forest/train/f32/b100/adam", "its own training"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct model_case one;
        struct error error = {0};
        ck_assert_msg(!case_parse(rows[i].id, &one, &error), "'%s' was taken", rows[i].id);
        ck_assert_int_eq(error.kind, ERROR_INPUT);
        ck_assert_msg(strstr(error.message, rows[i].says) != NULL, "'%s': \"%s\" doesn't say \"%s\"", rows[i].id,
                      error.message, rows[i].says);
        ck_assert_ptr_null(strchr(error.message, '\n'));
    }
    char endless[400];
    memset(endless, 'a', sizeof endless);
    endless[sizeof endless - 1] = '\0';
    struct model_case one;
    struct error error = {0};
    ck_assert(!case_parse(endless, &one, &error) && strstr(error.message, "too long"));
}
END_TEST

START_TEST(names_are_canonical)
{
    static const char *const rows[][2] = {
        {"gpt2/gpt2-124m/train/f32/b4/s64", "gpt2/gpt2-124m/train/f32/b4/s64"},
        {"GPT2/GPT2-small/Train/f32/b04/s64", "gpt2/gpt2-124m/train/f32/b4/s64"},
        {"gpt2/gpt2-124m/train/f32/s64/b4/adamw", "gpt2/gpt2-124m/train/f32/b4/s64"},
        {"gpt2/gpt2-124m/train/f32/checkpointing/b4/s64/sgd", "gpt2/gpt2-124m/train/f32/b4/s64/sgd/checkpointing"},
        {"mlp/mlp-1m/forward/bf16/b1@cpu", "mlp/mlp-1m/forward/bf16/b1"},
        {"mlp/mlp-1m/train/f32/dp-sgd/b4/checkpointing", "mlp/mlp-1m/train/f32/b4/checkpointing/dp-sgd"},
        {"bert/distilbert-base/distill/f32/b1/s8", "bert/distilbert/distill/f32/b1/s8"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct model_case one, again;
        struct error error = {0};
        ck_assert_msg(case_parse(rows[i][0], &one, &error), "%s", error.message);
        ck_assert_str_eq(one.id, rows[i][1]);
        ck_assert(case_parse(one.id, &again, &error));
        ck_assert_str_eq(again.id, one.id);
    }
}
END_TEST

/* ---- errors in building travel to the end ---- */

START_TEST(the_first_wrong_shape_is_told)
{
    struct graph *graph = graph_create(1);
    const struct fill zero = {.kind = FILL_ZERO, .like = NO_TENSOR};
    int x = graph_persistent(graph, "x", ROLE_INPUT, DTYPE_F32, 2, (int64_t[]){3, 5}, zero);
    int w = graph_weight(graph, "w", DTYPE_F32, 2, (int64_t[]){4, 6}, zero, true);
    int y = build_linear(graph, "first", x, w, NO_TENSOR, ACTIVATION_NONE, DTYPE_F32);
    ck_assert_int_eq(y, NO_TENSOR);
    y = build_softmax(graph, "second", build_add(graph, "sum", y, y));
    ck_assert_int_eq(y, NO_TENSOR);
    struct error error = {0};
    ck_assert(!graph_error(graph, &error));
    ck_assert_str_eq(error.message, "first (linear): rows of 5 elements don't fit a weight of 4 x 6");
    const struct training training = {.optimizer = NULL};
    ck_assert(!graph_train(graph, &training, NULL, &error));
    graph_free(graph);
}
END_TEST

START_TEST(training_needs_a_loss)
{
    struct graph *graph = graph_create(1);
    struct error error = {0};
    const struct training training = {.optimizer = NULL};
    ck_assert(!graph_train(graph, &training, NULL, &error));
    ck_assert_msg(strstr(error.message, "loss") != NULL, "%s", error.message);
    graph_free(graph);
}
END_TEST

/* ---- a table of which few rows are looked up ---- */

enum { TABLE_ROWS = 40, TABLE_WIDTH = 12, TABLE_BAGS = 20 };

/* One step from the same start; the weights before and after, and the names of the ops that ran. */
static void step_table(enum dtype dtype, const struct training *training, float *after, float *gradient, char *ran)
{
    struct error error = {0};
    struct plan plan;
    struct graph *graph = graph_create(1);
    graph->training = true;
    int indices =
        graph_persistent(graph, "indices", ROLE_INPUT, DTYPE_I32, 2, (int64_t[]){TABLE_BAGS, 3},
                         (struct fill){.kind = FILL_ZIPF, .scale = 1, .limit = TABLE_ROWS, .like = NO_TENSOR});
    int table = graph_weight(graph, "table", dtype, 2, (int64_t[]){TABLE_ROWS, TABLE_WIDTH},
                             (struct fill){.kind = FILL_NORMAL, .scale = 1}, true);
    int target = graph_persistent(graph, "target", ROLE_INPUT, DTYPE_F32, 2, (int64_t[]){TABLE_BAGS, TABLE_WIDTH},
                                  (struct fill){.kind = FILL_NORMAL, .scale = 1, .like = NO_TENSOR});
    graph->loss = build_mean_squared_error(graph, "loss", build_embedding_bag(graph, "bag", indices, table), target);
    int gradients[8];
    ck_assert_int_le(graph->tensor_count, 8);
    ck_assert_msg(graph_train(graph, training, gradients, &error) && plan_make(graph, 2, &plan, &error), "%s",
                  error.message);
    const struct engine_options options = {.threads = 2};
    struct engine *engine = engine_open(graph, &plan, &options, &error);
    ck_assert_msg(engine != NULL, "%s", error.message);
    engine_step(engine);
    engine_read(engine, table, after);
    if (gradient)
        engine_read(engine, gradients[table], gradient);
    for (int n = 0; n < graph->node_count; n++)
        ran += sprintf(ran, "%s ", graph->nodes[n].op->name);
    engine_close(engine);
    plan_free(&plan);
    graph_free(graph);
}

/* Plain gradient descent moves the looked-up rows only, and to where the whole gradient would have moved them. */
START_TEST(steps_on_few_rows_are_the_whole_step)
{
    float before[TABLE_ROWS * TABLE_WIDTH], gradient[TABLE_ROWS * TABLE_WIDTH], after[TABLE_ROWS * TABLE_WIDTH];
    char ran[512];
    struct optimizer optimizer = optimizer_defaults(OPTIMIZER_SGD);
    optimizer.learning_rate = 0.5f;
    const struct training looked_at = {.optimizer = NULL}, trained = {.optimizer = &optimizer};
    enum dtype dtype = _i ? DTYPE_BF16 : DTYPE_F32;
    step_table(dtype, &looked_at, before, gradient, ran);
    ck_assert_ptr_nonnull(strstr(ran, "embedding_bag_gradient"));
    step_table(dtype, &trained, after, NULL, ran);
    ck_assert_msg(strstr(ran, "embedding_bag_step") && !strstr(ran, "embedding_bag_gradient"), "%s", ran);
    int moved = 0;
    for (int i = 0; i < TABLE_ROWS * TABLE_WIDTH; i++) {
        double expected = (double)before[i] - 0.5 * (double)gradient[i];
        /* A bf16 weight follows an f32 master that differs from it by half a step of bf16. */
        double allowed = dtype == DTYPE_F32 ? 1e-6 : 0x1p-7 * (fabs(expected) + fabs((double)before[i]) + 0.01);
        ck_assert_msg(fabs((double)after[i] - expected) <= allowed, "element %d is %.9g, not %.9g", i, (double)after[i],
                      expected);
        moved += after[i] != before[i];
    }
    ck_assert_int_gt(moved, 0);
    ck_assert_int_lt(moved, TABLE_ROWS * TABLE_WIDTH);
    /* A regulariser, or a moment, moves every row. */
    optimizer.l2 = 1e-4f;
    step_table(dtype, &trained, after, NULL, ran);
    ck_assert_ptr_nonnull(strstr(ran, "embedding_bag_gradient sgd"));
    optimizer = optimizer_defaults(OPTIMIZER_MOMENTUM);
    step_table(dtype, &trained, after, NULL, ran);
    ck_assert_ptr_nonnull(strstr(ran, "embedding_bag_gradient sgd"));
}
END_TEST

/* Half of the draws fall on a few rows, and each lies in the table. */
START_TEST(look_ups_follow_zipfs_law)
{
    enum { DRAWS = 20000, LIMIT = 1000 };
    static int32_t draws[DRAWS];
    static int counts[LIMIT];
    struct graph *graph = graph_create(1);
    int tensor = graph_persistent(graph, "indices", ROLE_INPUT, DTYPE_I32, 1, (int64_t[]){DRAWS},
                                  (struct fill){.kind = FILL_ZIPF, .scale = 1, .limit = LIMIT, .like = NO_TENSOR});
    generate_tensor(graph, tensor, draws, 2, false);
    for (int i = 0; i < DRAWS; i++) {
        ck_assert_int_ge(draws[i], 0);
        ck_assert_int_lt(draws[i], LIMIT);
        counts[draws[i]]++;
    }
    /* The most frequent is 0; the k-th has ln(1 + 1/k) / ln(limit + 1) of the draws. */
    for (int k = 1; k <= 5; k++) {
        double expected = DRAWS * log(1 + 1.0 / k) / log(LIMIT + 1.0);
        int found = counts[(uint64_t)(k - 1) * 2654435761 % LIMIT];
        ck_assert_msg(fabs(found - expected) < 5 * sqrt(expected), "number %d was drawn %d times, not %.0f", k, found,
                      expected);
    }
    graph_free(graph);
}
END_TEST

/* ---- teachers, and samples apart ---- */

static struct plan plan_of(struct graph *graph)
{
    struct plan plan;
    struct error error = {0};
    ck_assert_msg(plan_make(graph, 2, &plan, &error), "%s", error.message);
    return plan;
}

/* It adds its weights to the student's and what its forward pass costs, and is neither trained nor counted. */
START_TEST(a_teacher_is_only_read)
{
    struct graph *distill = build("gpt2/distilgpt2/distill/f32/b2/s16"),
                 *train = build("gpt2/distilgpt2/train/f32/b2/s16");
    struct graph *teacher = build("gpt2/gpt2-124m/forward/f32/b2/s16");
    struct plan both = plan_of(distill), alone = plan_of(train), taught = plan_of(teacher);
    ck_assert_uint_eq(graph_parameters(distill), graph_parameters(train));
    ck_assert_uint_eq(both.weights_bytes, alone.weights_bytes + taught.weights_bytes);
    ck_assert_uint_eq(both.optimizer_bytes, alone.optimizer_bytes);
    ck_assert_uint_eq(both.inputs_bytes, alone.inputs_bytes);
    double flops = graph_cost(train).flops + graph_cost(teacher).flops;
    ck_assert_double_eq_tol(graph_cost(distill).flops / flops, 1, 0.01);
    for (int n = 0; n < distill->node_count; n++)
        for (int i = 0; distill->nodes[n].phase == PHASE_OPTIMIZER && i < distill->nodes[n].input_count; i++)
            if (distill->nodes[n].inputs[i] != NO_TENSOR)
                ck_assert_ptr_null(strstr(distill->tensors[distill->nodes[n].inputs[i]].name, "teacher"));
    plan_free(&both), plan_free(&alone), plan_free(&taught);
    graph_free(distill), graph_free(train), graph_free(teacher);
}
END_TEST

/* Private training takes samples one after the other: more of them are more work, but no more memory than they are. */
START_TEST(private_memory_does_not_grow_with_the_batch)
{
    struct graph *few = build("gpt2/gpt2-tiny/train/f32/b2/s32/dp-sgd");
    struct graph *many = build("gpt2/gpt2-tiny/train/f32/b16/s32/dp-sgd");
    struct plan small = plan_of(few), large = plan_of(many);
    ck_assert_uint_eq(small.arena_bytes - small.inputs_bytes, large.arena_bytes - large.inputs_bytes);
    struct graph *usual = build("gpt2/gpt2-tiny/train/f32/b2/s32");
    ck_assert_double_gt(graph_cost(few).flops, graph_cost(usual).flops);
    ck_assert_double_lt(graph_cost(few).flops, 1.2 * graph_cost(usual).flops);
    ck_assert_uint_eq(graph_parameters(few), graph_parameters(usual));
    plan_free(&small), plan_free(&large);
    graph_free(few), graph_free(many), graph_free(usual);
}
END_TEST

START_TEST(batch_norm_keeps_no_privacy)
{
    struct model_case one;
    struct error error = {0};
    ck_assert(case_parse("cnn/resnet-18/train/f32/b2/dp-sgd", &one, &error));
    ck_assert_ptr_null(case_build(&one, &error));
    ck_assert_msg(strstr(error.message, "batch norm") != NULL, "%s", error.message);
}
END_TEST

/* ---- twenty steps on one batch lower the loss ---- */

static const char *const trained[] = {
    "mlp/mlp-1m/train/f32/b8",
    "mlp/mlp-1m/train/bf16/b8",
    "mlp/mlp-1m/train/f32/b8/sgd/mse",
    "mlp/mlp-1m/train/f32/b8/dropout/l1/l2",
    "cnn/seed-cnn/train/f32/b2",
    "cnn/seed-cnn/train/bf16/b2",
    "rnn/seed-rnn/train/f32/b4/s10",
    "rnn/seed-rnn/train/bf16/b4/s10",
    "lstm/lstm-1x128/train/f32/b2/s12",
    "lstm/lstm-1x128/train/bf16/b2/s12/checkpointing",
    "gru/gru-1x128/train/f32/b2/s12",
    "gru/gru-1x128/train/bf16/b2/s12/checkpointing",
    "dlrm/dlrm-small/train/f32/b64/adam",
    "dlrm/dlrm-small/train/bf16/b64/adam",
    "gpt2/gpt2-tiny/train/f32/b2/s16",
    "gpt2/gpt2-tiny/train/bf16/b2/s16",
    "gpt2/gpt2-tiny/train/f32/b2/s16/momentum",
    "gpt2/gpt2-tiny/train/f32/b2/s16/rmsprop/checkpointing",
    "gpt2/distilgpt2/distill/f32/b2/s16",
    "bert/distilbert/distill/bf16/b2/s16/checkpointing",
    "llama/llama-15m/train/f32/b1/s8",
    "bert/bert-tiny/train/f32/b2/s16",
    "vit/vit-tiny/train/f32/b2",
    "cnn/resnet-18/train/f32/b2",
    "cnn/resnet-50/train/f32/b2",
    "cnn/mobilenet-v2/train/f32/b2",
};

/* The case with fewer words, layers and pixels, so that it takes moments. */
static struct graph *build_small(const char *id)
{
    struct model_case one;
    struct error error = {0};
    ck_assert_msg(case_parse(id, &one, &error), "%s", error.message);
    struct config config = one.size->config;
    config.vocabulary = config.vocabulary > 2048 ? 2048 : config.vocabulary;
    config.layers = config.layers > 4 ? 2 : config.layers;
    config.side = config.side > 48 ? 48 : config.side;
    for (int stage = 0; config.layers_of && stage < 4; stage++)
        config.widths[stage] = 1;
    struct graph *graph = case_build_config(&one, &config, &error);
    ck_assert_msg(graph != NULL, "%s", error.message);
    return graph;
}

START_TEST(training_learns)
{
    struct error error = {0};
    struct graph *graph = build_small(trained[_i]);
    struct plan plan;
    ck_assert_msg(plan_make(graph, 2, &plan, &error), "%s", error.message);
    const struct engine_options options = {.threads = 2};
    struct engine *engine = engine_open(graph, &plan, &options, &error);
    ck_assert_msg(engine != NULL, "%s", error.message);
    engine_step(engine);
    double first = engine_loss(engine), last = first;
    for (int step = 1; step <= 20; step++) {
        engine_step(engine);
        last = engine_loss(engine);
        ck_assert_msg(isfinite(last), "%s: the loss of step %d is %g", trained[_i], step, last);
    }
    ck_assert_msg(last < first - 0.002 * fabs(first), "%s: the loss went from %.6g to %.6g", trained[_i], first, last);
    engine_close(engine);
    plan_free(&plan);
    graph_free(graph);
}
END_TEST

int main(void)
{
    return suite_run("graph", 120,
                     SUITE(ONCE(parameters_are_the_published_ones), ONCE(large_models_are_only_described),
                           ONCE(flops_follow_from_shapes), ONCE(wrong_cases_are_told_apart), ONCE(names_are_canonical),
                           ONCE(the_first_wrong_shape_is_told), ONCE(training_needs_a_loss),
                           LOOP(steps_on_few_rows_are_the_whole_step, 2), ONCE(look_ups_follow_zipfs_law),
                           ONCE(a_teacher_is_only_read), ONCE(private_memory_does_not_grow_with_the_batch),
                           ONCE(batch_norm_keeps_no_privacy), LOOP(training_learns, sizeof trained / sizeof *trained)));
}
