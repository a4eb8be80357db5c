/* models/engine/check.c: right kernels pass in every family, also where a few samples are learned away at once, or
 * where a flipped ReLU changes everything behind it; a wrong one is found, and where it is. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/engine/case.h"
#include "models/engine/check_nodes.h"
#include "models/families/family.h"
#include "models/families/layers.h"
#include "models/graph/op.h"
#include "tests/suite.h"

/* Those of the first list are short enough for ThreadSanitizer. */
static const char *const small[] = {"mlp/mlp-10m/train/f32/b1",
                                    "mlp/mlp-1m/forward/bf16/b3",
                                    "cnn/seed-cnn/train/f32/b2",
                                    "rnn/seed-rnn/train/bf16/b2/s7",
                                    "gpt2/gpt2-tiny/train/f32/b1/s16/checkpointing/dropout",
                                    "gpt2/gpt2-tiny/train/f32/b2/s16/dp-sgd",
                                    "cnn/seed-cnn/train/bf16/b2/dp-sgd",
                                    NULL};
static const char *const families_and_modes[] = {"cnn/mobilenet-v2/train/f32/b1",
                                                 "cnn/resnet-18/train/bf16/b1",
                                                 "cnn/mobilenet-v3-small/train/f32/b1",
                                                 "cnn/mobilenet-v3-large/forward/bf16/b1",
                                                 "cnn/efficientnet-b0/train/bf16/b1",
                                                 "cnn/convnext-tiny/train/f32/b1",
                                                 "cnn/densenet-121/train/f32/b1",
                                                 "gpt2/distilgpt2/distill/f32/b1/s8",
                                                 "bert/distilbert/distill/bf16/b1/s8",
                                                 "classical/linear-svm/train/f32/b100000",
                                                 "classical/linear-svm/forward/f32/b100000",
                                                 "classical/random-forest/train/f32/b20000",
                                                 "classical/random-forest/forward/f32/b20000",
                                                 "llama/llama-15m/decode/q4_0/b1/s33",
                                                 "llama/smollm-135m/prefill/q4_K_M/b1/s40",
                                                 "gpt2/gpt2-tiny/decode/f32/b2/s9/kv-q8_0",
                                                 "moe/moe-small/train/bf16/b2/s16",
                                                 "moe/moe-small/train/f32/b1/s8/skew-2/checkpointing",
                                                 "moe/moe-small/decode/q4_K_M/b3/s33",
                                                 "moe/moe-small/prefill/q8_0/b1/s90",
                                                 "neox/pythia-14m/train/bf16/b1/s8",
                                                 "neox/pythia-31m/decode/q4_K_M/b1/s9",
                                                 "gpt2/opt-125m/train/f32/b1/s8",
                                                 "cnn/vgg-16/forward/f32/b1",
                                                 "vit/vit-tiny/train/f32/b1",
                                                 "clip/clip-vit-base-patch32/forward/bf16/b2",
                                                 "lstm/lstm-1x128/train/f32/b3/s5",
                                                 "gru/gru-1x128/train/bf16/b3/s5",
                                                 "dlrm/dlrm-small/train/f32/b8",
                                                 "ncf/ncf-ml20m/train/f32/b8",
                                                 "wide-deep/wide-and-deep-outbrain/forward/bf16/b8",
                                                 "whisper/whisper-tiny/train/f32/b1/s8",
                                                 NULL};
static const char *const *ids = small;

START_TEST(right_kernels_pass)
{
    struct model_case one;
    struct error error = {0};
    struct check check;
    ck_assert_msg(case_parse(ids[_i], &one, &error), "%s", error.message);
    ck_assert_msg(case_check(&one, 2, &check, &error), "%s", error.message);
    ck_assert_msg(check.passed, "%s: error %g of %g against %s", ids[_i], check.error, check.allowed, check.against);
}
END_TEST

/* Models that no machine here could hold, narrow, but with all that they do differently. */
static const char *const described[] = {
    "moe/deepseek-v2-lite/train/f32/b2/s9",  "moe/deepseek-v3/forward/bf16/b1/s9",
    "moe/deepseek-v3/prefill/q8_0/b2/s33",   "moe/deepseek-v2-lite/decode/q4_K_M/b2/s33/kv-q8_0",
    "moe/deepseek-v3/decode/f16/b1/s9",      "dlrm/dlrm-dcnv2-mlperf/train/f32/b8",
    "dlrm/dlrm-dcnv2-mlperf/forward/bf16/b8"};

START_TEST(described_models_run_when_they_are_narrow)
{
    static const int64_t rows[] = {50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50,
                                   50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 0};
    struct model_case one;
    struct error error = {0};
    struct check check;
    ck_assert_msg(case_parse(described[_i], &one, &error), "%s", error.message);
    struct family_size size = *one.size;
    struct config *config = &size.config;
    one.size = &size;
    config->tables = config->tables ? rows : NULL;
    if (config->experts) {
        config->layers = 2;
        config->dense_layers = 1;
        config->hidden = config->dense_feed_forward = config->key_rank = 256;
        config->query_rank = config->query_rank ? 128 : 0;
        config->feed_forward = config->shared_feed_forward = 64;
        config->experts = 6;
        config->chosen = 2;
        config->heads = config->kv_heads = 3;
        config->vocabulary = 500;
    }
    ck_assert_msg(case_check(&one, 2, &check, &error), "%s", error.message);
    ck_assert_msg(check.passed, "%s: error %g of %g in %s against %s", described[_i], check.error, check.allowed,
                  check.node, check.against);
}
END_TEST

/* y = x - shift: exact, wrong by a part of itself, or all cancellation, as `rate` says; the specification is exact. */
static bool infer_shift(struct graph *graph, struct node *node, struct error *error)
{
    (void)error;
    struct tensor x = *node_input(graph, node, 0);
    graph_output(graph, node, x.dtype, x.rank, x.dims);
    return true;
}

static void run_shift(const struct call *call)
{
    const float *x = call->inputs[0], shift = call->node->attributes.scale;
    float *y = call->outputs[0], wrong = call->node->attributes.rate;
    for (int i = 0; i < 8; i++)
        y[i] = call->reference ? x[i] - shift : (x[i] - shift) * (1 + wrong) + shift * call->node->attributes.epsilon;
}

static const struct op op_shift = {.name = "shift", .infer = infer_shift, .run = run_shift};

static double error_of(const struct attributes *attributes, float x, struct node_check *worst)
{
    struct graph *graph = graph_create(1);
    struct fill fill = {.kind = FILL_CONSTANT, .scale = x};
    int input = graph_persistent(graph, "x", ROLE_INPUT, DTYPE_F32, 1, (int64_t[]){8}, fill);
    int right = build_activation(graph, "right", input, ACTIVATION_TANH);
    int y = node_first_output(graph, graph_append(graph, &op_shift, "suspect", &input, 1, attributes));
    graph->output = build_add(graph, "sum", right, y);
    struct plan plan;
    struct error error = {0};
    ck_assert(plan_make(graph, 1, &plan, &error));
    struct engine *engine = engine_open(graph, &plan, &(struct engine_options){.threads = 1}, &error);
    ck_assert_msg(engine != NULL, "%s", error.message);
    *worst = (struct node_check){.node = NO_NODE};
    ck_assert(check_nodes(engine, graph, 1e-4, worst, &error));
    engine_close(engine);
    plan_free(&plan);
    graph_free(graph);
    return worst->error;
}

START_TEST(a_wrong_node_is_found)
{
    struct node_check worst;
    double found = error_of(&(struct attributes){.scale = 1, .rate = 0.01f}, 3, &worst);
    ck_assert_msg(found > 0.005 && found < 0.0101, "%g",
                  found); /* 0.02 of the 2 that comes out or the 3 that went in */
    ck_assert_int_eq(worst.node, 1);
    ck_assert_double_lt(error_of(&(struct attributes){.scale = 1}, 3, &worst), 1e-6);
    ck_assert(isinf(error_of(&(struct attributes){.rate = INFINITY}, 3, &worst)));
}
END_TEST

/* 1 - 1 leaves nothing but the rounding of the 1s, which is no fault; a thousandth of them is one. */
START_TEST(cancellation_is_measured_by_what_cancels)
{
    struct node_check worst;
    ck_assert_double_lt(error_of(&(struct attributes){.scale = 1, .epsilon = 1e-7f}, 1, &worst), 1e-6);
    ck_assert_double_gt(error_of(&(struct attributes){.scale = 1, .epsilon = 1e-3f}, 1, &worst), 5e-4);
    ck_assert_int_eq(worst.node, 1);
}
END_TEST

int main(int argc, char **argv)
{
    int count = 0;
    ids = argc > 1 && strcmp(argv[1], "families") == 0 ? families_and_modes : small;
    while (ids[count])
        count++;
    return suite_run("check", 120,
                     SUITE(LOOP(right_kernels_pass, count),
                           LOOP(described_models_run_when_they_are_narrow, sizeof described / sizeof *described),
                           ONCE(a_wrong_node_is_found), ONCE(cancellation_is_measured_by_what_cancels)));
}
