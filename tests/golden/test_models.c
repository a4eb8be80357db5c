/* Whole models against PyTorch: the output, the loss, every weight's gradient, and the losses of 21 training steps.
 *
 * What may differ, relative to an element's magnitude or the tensor's root mean square:
 *   output, loss   f32 2e-5 (12 layers of f32 sums)        bf16 4e-2 (every activation is rounded to 2^-9)
 *   gradients      f32 1e-4 (cancelling sums over a batch) bf16 0.25 for an element, whose sum cancels and whose
 *                  ReLUs may flip
 *   losses         f32 2e-3 (Adam divides by √v: where a gradient is mostly rounding error, its sign decides a whole
 *                  step)                                   bf16 5e-2 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/engine/case.h"
#include "models/families/family.h"
#include "models/ops/rope.h"
#include "tests/golden/golden.h"

static const struct tolerances {
    double output, gradients, losses;
} tolerances_f32 = {2e-5, 1e-4, 2e-3}, tolerances_bf16 = {4e-2, 0.25, 5e-2};
/* Batch norms over few pixels behind ReLUs: where one flips, what is behind it changes by a part of a channel. The
 * gradient of what a following norm takes away again is rounding alone, of gradients as large as the model's largest.
 */
static const struct tolerances tolerances_batch_norm = {1e-4, 5e-2, 5e-2};
static const double BATCH_NORM_FLOOR = 1e-3;

static struct golden_file file;

/* One model as a case describes it, and what is wrong with it so far. */
struct subject {
    const struct golden_case *golden;
    struct model_case one;
    struct config config;
    struct tolerances tolerances;
    bool reference;
    int failed;
};

/* Rotary positions stretched so much that a few positions show it: heads of 12. transformers_models.py has the same. */
static const float short_factors[] = {1, 1.1f, 1.3f, 1.5f, 1.8f, 2}, long_factors[] = {1, 2, 3, 5, 8, 12};
static const struct {
    const char *name;
    struct rope rope;
} ropes[] = {
    {"linear", {.kind = ROPE_LINEAR, .factor = 4}},
    {"dynamic", {.kind = ROPE_DYNAMIC, .factor = 3, .original_context = 8}},
    {"llama3", {.kind = ROPE_LLAMA3, .factor = 8, .low = 1, .high = 4, .original_context = 64}},
    {"yarn", {.kind = ROPE_YARN, .factor = 4, .original_context = 64, .beta_fast = 8, .beta_slow = 1}},
    {"long",
     {.kind = ROPE_LONG,
      .factor = 4,
      .original_context = 8,
      .short_factors = short_factors,
      .long_factors = long_factors}},
    {"short",
     {.kind = ROPE_LONG,
      .factor = 4,
      .original_context = 32,
      .short_factors = short_factors,
      .long_factors = long_factors}},
    {"partial",
     {.kind = ROPE_LONG,
      .share = 0.75f,
      .factor = 4,
      .original_context = 8,
      .short_factors = short_factors,
      .long_factors = long_factors}},
};

/* What a golden case may change of its model's configuration. */
static void change(struct config *config, const struct golden_case *golden)
{
    const struct {
        const char *key;
        int64_t *field;
    } rows[] = {{"layers", &config->layers},
                {"hidden", &config->hidden},
                {"heads", &config->heads},
                {"kv_heads", &config->kv_heads},
                {"head_dim", &config->head_dim},
                {"feed_forward", &config->feed_forward},
                {"vocabulary", &config->vocabulary},
                {"side", &config->side},
                {"patch", &config->patch},
                {"max_context", &config->max_context},
                {"text_layers", &config->text_layers},
                {"text_hidden", &config->text_hidden},
                {"text_heads", &config->text_heads},
                {"projection", &config->projection},
                {"classes", &config->classes},
                {"frames", &config->frames},
                {"experts", &config->experts},
                {"window", &config->window},
                {"global_every", &config->global_every},
                {"chosen", &config->chosen},
                {"key_rank", &config->key_rank},
                {"query_rank", &config->query_rank},
                {"rope_dim", &config->rope_dim},
                {"value_dim", &config->value_dim},
                {"dense_layers", &config->dense_layers},
                {"dense_feed_forward", &config->dense_feed_forward},
                {"shared_feed_forward", &config->shared_feed_forward}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (golden_has(golden, rows[i].key))
            *rows[i].field = (int64_t)golden_number(golden, rows[i].key);
    config->own_tables = config->own_tables || golden_has(golden, "own_tables");
    if (golden_has(golden, "attention_softcap"))
        config->attention_softcap = (float)golden_number(golden, "attention_softcap");
    if (golden_has(golden, "logits_softcap"))
        config->logits_softcap = (float)golden_number(golden, "logits_softcap");
    if (golden_has(golden, "query_width"))
        config->query_width = (float)golden_number(golden, "query_width");
    if (golden_has(golden, "layer_scale"))
        config->layer_scale = (float)golden_number(golden, "layer_scale");
    for (size_t i = 0; golden_has(golden, "rope") && i < sizeof ropes / sizeof *ropes; i++)
        if (strcmp(ropes[i].name, golden_word(golden, "rope")) == 0)
            config->rope = &ropes[i].rope;
    static int64_t tables[MAX_INPUTS];
    for (int i = 0; golden_has(golden, "rows") && config->tables[i]; i++)
        tables[i] = (int64_t)golden_number(golden, "rows");
    if (golden_has(golden, "rows"))
        config->tables = tables;
    for (int stage = 0; golden_has(golden, "blocks") && stage < 4; stage++)
        config->widths[stage] = (int64_t)golden_number(golden, "blocks");
}

static double largest_gradient(const struct golden_case *golden)
{
    double largest = 0;
    for (int i = 0; i < golden->tensor_count; i++) {
        const struct golden_tensor *tensor = &golden->tensors[i];
        if (strncmp(tensor->name, "d.", 2) == 0)
            largest = fmax(largest, sqrt(tensor->squares / (double)tensor->count));
    }
    return largest;
}

static void describe(struct subject *subject, struct golden_case *golden, bool reference)
{
    struct error error = {0};
    *subject = (struct subject){.golden = golden, .reference = reference};
    ck_assert_msg(case_parse(golden_word(golden, "id"), &subject->one, &error), "%s", error.message);
    subject->config = subject->one.size->config;
    change(&subject->config, golden);
    subject->tolerances = subject->one.dtype == DTYPE_F32 ? tolerances_f32 : tolerances_bf16;
    if (subject->config.layers_of && subject->one.dtype == DTYPE_F32) {
        subject->tolerances = tolerances_batch_norm;
        golden->least_rms = BATCH_NORM_FLOOR * largest_gradient(golden);
    }
}

static void compare(struct subject *subject, const char *name, const float *ours, int64_t count, double tolerance)
{
    const struct golden_tensor *golden = golden_tensor(subject->golden, name);
    char message[256];
    ck_assert_msg(golden != NULL, "%s: the golden file has no %s", subject->golden->name, name);
    if (golden_compare(subject->golden, golden, ours, count, tolerance, message, sizeof message) > 1) {
        fprintf(stderr, "%s (%s)\n", message, subject->reference ? "specification" : "fast kernels");
        subject->failed++;
    }
}

static void compare_tensor(struct subject *subject, const char *name, struct engine *engine, const struct graph *graph,
                           int tensor, double tolerance)
{
    int64_t count = tensor_elements(&graph->tensors[tensor]);
    float *ours = malloc((size_t)count * sizeof *ours);
    engine_read(engine, tensor, ours);
    compare(subject, name, ours, count, tolerance);
    free(ours);
}

static struct engine *open_engine(const struct subject *subject, const struct graph *graph, struct plan *plan)
{
    struct error error = {0};
    const struct engine_options options = {.threads = 2, .reference = subject->reference};
    struct engine *engine =
        plan_make(graph, options.threads, plan, &error) ? engine_open(graph, plan, &options, &error) : NULL;
    ck_assert_msg(engine != NULL, "%s: %s", subject->golden->name, error.message);
    return engine;
}

/* The model without an optimizer: graph->loss and, for mode train, the gradients of all weights, kept. */
static struct graph *build(const struct subject *subject, enum mode mode)
{
    struct error error = {0};
    struct model_case one = subject->one;
    if (one.mode == MODE_DISTILL && mode == MODE_TRAIN) {
        struct graph *distilled = case_build_untrained(&one, &subject->config, &error);
        ck_assert_msg(distilled != NULL, "%s", error.message);
        return distilled;
    }
    struct graph *graph = graph_create(1);
    one.mode = mode;
    graph->training = mode == MODE_TRAIN;
    ck_assert_msg(one.family->build(graph, &subject->config, &one, &error), "%s", error.message);
    return graph;
}

static void check_output(struct subject *subject)
{
    struct graph *graph = build(subject, MODE_FORWARD);
    struct plan plan;
    struct engine *engine = open_engine(subject, graph, &plan);
    engine_step(engine);
    compare_tensor(subject, "output", engine, graph, graph->output, subject->tolerances.output);
    engine_close(engine);
    plan_free(&plan);
    graph_free(graph);
}

static void check_gradients(struct subject *subject)
{
    struct error error = {0};
    struct graph *graph = build(subject, MODE_TRAIN);
    int tensors = graph->tensor_count, *gradients = malloc((size_t)tensors * sizeof *gradients);
    const struct training training = {.optimizer = NULL};
    ck_assert_msg(graph_train(graph, &training, gradients, &error), "%s", error.message);
    struct plan plan;
    struct engine *engine = open_engine(subject, graph, &plan);
    engine_step(engine);
    float loss = (float)engine_loss(engine);
    compare(subject, "loss", &loss, 1, subject->tolerances.output);
    for (int t = 0; t < tensors; t++) {
        if (!graph->tensors[t].trainable)
            continue;
        char name[GOLDEN_NAME_SIZE];
        snprintf(name, sizeof name, "d.%s", graph->tensors[t].name);
        ck_assert_msg(gradients[t] != NO_TENSOR, "%s: no %s was made", subject->golden->name, name);
        compare_tensor(subject, name, engine, graph, gradients[t], subject->tolerances.gradients);
    }
    engine_close(engine);
    plan_free(&plan);
    graph_free(graph);
    free(gradients);
}

/* `losses` receives that of each step; the weights at the end go to `weights` when it isn't NULL (the caller's). */
static void train(const struct subject *subject, bool checkpointing, int steps, float *losses, float **weights)
{
    struct error error = {0};
    struct model_case one = subject->one;
    one.checkpointing = checkpointing;
    struct graph *graph = case_build_config(&one, &subject->config, &error);
    ck_assert_msg(graph != NULL, "%s", error.message);
    struct plan plan;
    struct engine *engine = open_engine(subject, graph, &plan);
    for (int step = 0; step < steps; step++) {
        engine_step(engine);
        losses[step] = (float)engine_loss(engine);
    }
    float *to = weights ? malloc(graph_parameters(graph) * sizeof *to) : NULL;
    if (weights)
        *weights = to;
    for (int t = 0; to && t < graph->tensor_count; t++)
        if (graph->tensors[t].trainable) {
            engine_read(engine, t, to);
            to += tensor_elements(&graph->tensors[t]);
        }
    engine_close(engine);
    plan_free(&plan);
    graph_free(graph);
}

static void check_losses(struct subject *subject)
{
    float losses[GOLDEN_SAMPLES];
    const struct golden_tensor *golden = golden_tensor(subject->golden, "losses");
    ck_assert_int_le(golden->count, GOLDEN_SAMPLES);
    train(subject, false, (int)golden->count, losses, NULL);
    compare(subject, "losses", losses, golden->count, subject->tolerances.losses);
}

static bool stores(const struct golden_case *golden, const char *what)
{
    const char *stored = golden_word(golden, "what");
    return strcmp(stored, "all") == 0 || strcmp(stored, what) == 0;
}

START_TEST(model)
{
    int failed = 0;
    for (int reference = 0; reference < 2; reference++) {
        struct subject subject;
        describe(&subject, &file.cases[_i], reference != 0);
        bool large = subject.config.vocabulary > 10000;
        if (reference && large)
            continue; /* the specification takes minutes */
        check_output(&subject);
        if (stores(subject.golden, "gradients"))
            check_gradients(&subject);
        if (!reference && stores(subject.golden, "losses"))
            check_losses(&subject);
        failed += subject.failed;
    }
    ck_assert_msg(failed == 0, "%s: %d tensors differ from PyTorch's", file.cases[_i].name, failed);
}
END_TEST

/* Computing a block again must give what keeping it gave, bit for bit. */
START_TEST(checkpointing_changes_nothing)
{
    enum { STEPS = 4 };
    struct subject subject;
    describe(&subject, &file.cases[_i], false);
    if (subject.config.vocabulary > 10000 || !stores(subject.golden, "losses"))
        return;
    float kept_losses[STEPS], again_losses[STEPS], *kept, *again;
    train(&subject, false, STEPS, kept_losses, &kept);
    train(&subject, true, STEPS, again_losses, &again);
    struct error error = {0};
    struct graph *graph = case_build_config(&subject.one, &subject.config, &error);
    uint64_t count = graph_parameters(graph);
    for (int step = 0; step < STEPS; step++)
        ck_assert_msg(kept_losses[step] == again_losses[step], "%s: loss of step %d is %.9g kept, %.9g computed again",
                      subject.golden->name, step, (double)kept_losses[step], (double)again_losses[step]);
    for (uint64_t i = 0; i < count; i++)
        ck_assert_msg(memcmp(kept + i, again + i, sizeof *kept) == 0, "%s: weight %llu is %.9g kept, %.9g again",
                      subject.golden->name, (unsigned long long)i, (double)kept[i], (double)again[i]);
    graph_free(graph);
    free(kept);
    free(again);
}
END_TEST

int main(int count, char **arguments)
{
    return golden_main(count, arguments, &file, "golden models", 900,
                       (const TTest *[]){model, checkpointing_changes_nothing, NULL});
}
