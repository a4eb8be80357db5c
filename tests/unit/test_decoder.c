/* The modes with a cache (models/families/decoder.h): a prefill gives the logits that the whole sequence's forward pass
 * has at its last position, and decoding from its cache those at the next, for every type of cache within its error. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/engine/case.h"
#include "models/engine/engine.h"
#include "models/families/family.h"
#include "tests/suite.h"

enum { BATCH = 2, CONTEXT = 9, WINDOW = 4 };

/* A case's graph, planned and opened. */
struct subject {
    struct model_case one;
    struct graph *graph;
    struct plan plan;
    struct engine *engine;
};

static void open_subject(struct subject *subject, const char *model, const char *mode, int context, const char *kv)
{
    struct error error = {0};
    char id[CASE_ID_SIZE];
    int name = (int)strcspn(model, " "); /* what follows is the case's own word */
    snprintf(id, sizeof id, "%.*s/%s/f32/b%d/s%d%s%s", name, model, mode, BATCH, context, *kv ? "/kv-" : "", kv);
    if (model[name])
        snprintf(id + strlen(id), sizeof id - strlen(id), "/%s", model + name + 1);
    ck_assert_msg(case_parse(id, &subject->one, &error), "%s", error.message);
    const struct family *family = subject->one.family;
    struct config config = subject->one.size->config;
    config.layers = 2;
    config.vocabulary = 500;
    if (config.experts > 8) { /* narrow enough for three engines */
        config.hidden = config.feed_forward = 64;
        config.heads = config.kv_heads = 2;
        config.experts = 12;
    }
    if (config.alibi) { /* narrow, too */
        config.hidden = 128;
        config.heads = 4;
    }
    config.frames = config.frames ? 60 : 0;
    config.source = CONTEXT; /* whatever the context of a step */
    /* A relative of llama or neox: narrow, but with all that it does differently. */
    bool relative = strcmp(family->name, "llama") == 0 || strcmp(family->name, "neox") == 0;
    if (relative && !family_has_rung(family, subject->one.size)) {
        config.hidden = 64;
        config.feed_forward = 96;
        config.heads = 4;
        config.kv_heads = 2;
        config.head_dim = config.rope ? config.head_dim : 32; /* as many as its rotary positions have factors */
        config.global_every = config.global_every ? 2 : 0;
        config.window = config.window ? WINDOW : 0;
        config.attention_softcap = config.window ? 0.01f : 0;
        config.unplaced_every = config.unplaced_every ? 2 : 0;
    }
    config.head_dim = config.head_dim == 48 ? 32 : config.head_dim; /* whole blocks of q8_0 */
    subject->graph = case_build_config(&subject->one, &config, &error);
    ck_assert_msg(subject->graph != NULL, "%s", error.message);
    ck_assert(plan_make(subject->graph, 2, &subject->plan, &error));
    subject->engine = engine_open(subject->graph, &subject->plan, &(struct engine_options){.threads = 2}, &error);
    ck_assert_msg(subject->engine != NULL, "%s", error.message);
}

static void close_subject(struct subject *subject)
{
    engine_close(subject->engine);
    plan_free(&subject->plan);
    graph_free(subject->graph);
}

static int find(const struct graph *graph, const char *name)
{
    for (int t = 0; t < graph->tensor_count; t++)
        if (graph->tensors[t].persistent && strcmp(graph->tensors[t].name, name) == 0)
            return t;
    return NO_TENSOR;
}

/* The rows of `whole`'s packed projection, which is named q, k and v in a graph with a cache; whisper's projections
 * have the same names in both. */
static void split_projections(const struct subject *whole, const struct subject *cached)
{
    for (int t = 0; t < cached->graph->tensor_count; t++) {
        const struct tensor *part = &cached->graph->tensors[t];
        const char *end = part->persistent ? strrchr(part->name, '.') : NULL;
        if (!end || strcmp(end, ".weight") != 0 || end - part->name < 2 || end[-2] != '.' || !strchr("qkv", end[-1]) ||
            find(whole->graph, part->name) != NO_TENSOR)
            continue;
        char name[128];
        int layer = (int)(end - part->name) - 1, packed = NO_TENSOR;
        static const char *const names[] = {"qkv", "c_attn"};
        for (int i = 0; i < 2 && packed == NO_TENSOR; i++) {
            snprintf(name, sizeof name, "%.*s%s.weight", layer, part->name, names[i]);
            packed = find(whole->graph, name);
        }
        if (packed == NO_TENSOR && find(whole->graph, part->name) != NO_TENSOR)
            continue; /* not packed there either */
        ck_assert_msg(packed != NO_TENSOR, "nothing is packed as %s", name);
        const struct tensor *source = &whole->graph->tensors[packed];
        int64_t width = part->dims[1], rows = part->dims[0], all = source->dims[0], kv_rows;
        kv_rows = end[-1] == 'q' ? (all - rows) / 2 : rows;
        int64_t first = end[-1] == 'q' ? 0 : end[-1] == 'k' ? all - 2 * kv_rows : all - kv_rows;
        float *values = malloc((size_t)(all * width) * sizeof *values);
        engine_read(whole->engine, packed, values);
        engine_write(cached->engine, t, values + first * width);
        free(values);
    }
}

/* Positions [first, first + count) of the whole sequence's tokens. */
static void give_tokens(const struct subject *whole, const struct subject *cached, int first, int count)
{
    const int32_t *from = engine_tensor(whole->engine, find(whole->graph, "tokens"));
    int32_t *to = engine_tensor(cached->engine, find(cached->graph, "tokens"));
    for (int b = 0; b < BATCH; b++)
        memcpy(to + b * count, from + b * CONTEXT + first, (size_t)count * sizeof *to);
}

/* A decoder's own caches have room for one more position in decode; those of an encoder's output have not, nor those of
 * windows. Returns how many of them hold every position. */
static int copy_caches(const struct subject *from, const struct subject *to)
{
    int copied = 0, whole = 0;
    for (int t = 0; t < from->graph->tensor_count; t++) {
        const struct tensor *cache = &from->graph->tensors[t];
        if (cache->role != ROLE_KV_CACHE)
            continue;
        int other = find(to->graph, cache->name);
        size_t row = dtype_bytes(cache->dtype, (size_t)cache->dims[2]), positions = (size_t)cache->dims[1];
        size_t room = (size_t)to->graph->tensors[other].dims[1];
        char *target = engine_tensor(to->engine, other);
        const char *source = engine_tensor(from->engine, t);
        ck_assert_int_eq(to->graph->tensors[other].dtype, cache->dtype);
        for (size_t b = 0; b < BATCH; b++)
            memcpy(target + b * room * row, source + b * positions * row, positions * row);
        bool rings = positions < (size_t)from->one.context && !strstr(cache->name, ".cross.");
        ck_assert_uint_eq(room, positions + (!rings && strstr(cache->name, ".cross.") == NULL));
        ck_assert(!rings || positions == WINDOW);
        copied++;
        whole += !rings;
    }
    const struct family *family = from->one.family;
    bool both = family == family_find("whisper") || family == family_find("t5"),
         latent = from->one.size->config.key_rank > 0;
    ck_assert_int_eq(copied, both ? 8 : latent ? 2 : 4); /* of two layers */
    return whole;
}

/* Largest difference of the logits [BATCH, vocabulary] from the whole sequence's at `position`, relative to their root
 * mean square. */
static double distance(const struct subject *whole, const struct subject *cached, int position)
{
    const float *want = engine_tensor(whole->engine, whole->graph->output);
    const float *got = engine_tensor(cached->engine, cached->graph->output);
    size_t width = (size_t)tensor_columns(&cached->graph->tensors[cached->graph->output]);
    double worst = 0, squares = 0;
    for (size_t b = 0; b < BATCH; b++)
        for (size_t i = 0; i < width; i++) {
            double w = (double)want[(b * CONTEXT + (size_t)position) * width + i];
            worst = fmax(worst, fabs((double)got[b * width + i] - w));
            squares += w * w;
        }
    return worst / sqrt(squares / (double)(BATCH * width));
}

static const struct row {
    const char *model, *kv;
    double allowed;
} rows[] = {
    {"gpt2/gpt2-tiny", "", 1e-5},
    {"gpt2/gpt2-tiny", "f16", 1e-3},
    {"gpt2/gpt2-tiny", "bf16", 1e-2},
    {"gpt2/gpt2-tiny", "q8_0", 2e-2},
    {"llama/llama-15m", "", 1e-5},
    {"llama/llama-15m", "f16", 1e-3},
    {"llama/llama-15m", "bf16", 1e-2},
    {"llama/llama-15m", "q8_0", 2e-2},
    {"llama/smollm-135m", "", 1e-5},
    {"moe/moe-small", "", 1e-5},
    {"moe/moe-small skew-1", "f16", 1e-3},
    {"moe/olmoe-1b-7b", "", 1e-5},
    {"moe/qwen3-30b-a3b", "", 1e-5},
    {"moe/deepseek-v2-lite", "", 1e-5}, /* one vector a position is all that its cache holds */
    {"moe/deepseek-v2-lite", "f16", 1e-3},
    {"moe/deepseek-v3", "", 1e-5},
    {"llama/mistral-7b", "", 1e-5},
    {"llama/mistral-7b", "q8_0", 3e-2},
    {"llama/qwen2.5-0.5b", "", 1e-5},
    {"llama/qwen3-0.6b", "", 1e-5},
    {"llama/smollm3-3b", "", 1e-5},
    {"llama/gemma-2-2b", "", 1e-5},
    {"llama/gemma-3-270m", "", 1e-5}, /* window, normalised heads and softcap at
                                         once */
    {"llama/gemma-3-270m", "f16", 3e-3},
    {"llama/phi-4-mini", "", 1e-5},
    {"llama/olmo-2-7b", "", 1e-5},
    {"llama/olmo-1b", "", 1e-5},
    {"gpt2/opt-125m", "", 1e-5},
    {"gpt2/bloom-1b1", "", 1e-5}, /* biases by distance */
    {"gpt2/bloom-7b1", "q8_0", 2e-2},
    {"neox/pythia-14m", "", 1e-5},
    {"neox/pythia-31m", "f16", 1e-3},
    {"neox/phi-2", "", 1e-5},
    {"neox/falcon-7b", "", 1e-5},
    {"neox/falcon-40b", "q8_0", 2e-2},
    {"whisper/whisper-tiny", "", 1e-5},
    {"whisper/whisper-tiny", "f16", 1e-3},
    {"whisper/whisper-tiny", "bf16", 1e-2},
    {"whisper/whisper-tiny", "q8_0", 2e-2},
};

START_TEST(decode_after_prefill_equals_forward)
{
    const struct row *row = &rows[_i];
    struct subject whole, prefill, decode;
    open_subject(&whole, row->model, "forward", CONTEXT, "");
    open_subject(&prefill, row->model, "prefill", CONTEXT - 1, row->kv);
    open_subject(&decode, row->model, "decode", CONTEXT, row->kv);
    split_projections(&whole, &prefill);
    split_projections(&whole, &decode);
    give_tokens(&whole, &prefill, 0, CONTEXT - 1);
    give_tokens(&whole, &decode, CONTEXT - 1, 1);
    engine_step(whole.engine);
    engine_step(prefill.engine);
    int caches = copy_caches(&prefill, &decode);
    for (int again = 0; again < 2; again++)
        engine_step(decode.engine); /* a step that is timed runs many times */
    double first = distance(&whole, &prefill, CONTEXT - 2), second = distance(&whole, &decode, CONTEXT - 1);
    ck_assert_msg(first <= row->allowed, "%s kv %s: prefill differs by %g", row->model, row->kv, first);
    bool narrow = *row->kv != '\0'; /* a cache that loses nothing and one that does are told apart */
    ck_assert_msg(!narrow || ((first > 1e-6 || !caches) && second > 1e-6), "%s kv %s: differs by %g and %g only",
                  row->model, row->kv, first, second);
    ck_assert_msg(second <= row->allowed, "%s kv %s: decode differs by %g", row->model, row->kv, second);
    close_subject(&whole);
    close_subject(&prefill);
    close_subject(&decode);
}
END_TEST

/* T5 reads a text of its own first; its prefill writes one token, and decoding goes on from there, token by token. */
START_TEST(steps_of_t5_equal_forward)
{
    static const char *const models[] = {"t5/t5-small", "t5/t5-v1_1-small"};
    struct subject whole, steps[2]; /* this one and the one before, in turn */
    open_subject(&whole, models[_i], "forward", CONTEXT, "");
    engine_step(whole.engine);
    for (int position = 0; position < CONTEXT; position++) {
        struct subject *step = &steps[position % 2], *before = &steps[(position + 1) % 2];
        open_subject(step, models[_i], position ? "decode" : "prefill", position + 1, "");
        give_tokens(&whole, step, position, 1);
        if (position) {
            copy_caches(before, step);
            close_subject(before);
        }
        engine_step(step->engine);
        double apart = distance(&whole, step, position);
        ck_assert_msg(apart <= 2e-5, "%s differs by %g at position %d", models[_i], apart, position);
    }
    close_subject(&steps[(CONTEXT - 1) % 2]);
    close_subject(&whole);
}
END_TEST

/* Names that can't be: one line each that says what would be right. */
START_TEST(wrong_cases_are_refused)
{
    static const struct {
        const char *id, *says;
    } wrong[] = {
        {"gpt2/gpt2-tiny/train/q4_0/b1/s8", "f32 and bf16 are trained, q4_0 isn't"},
        {"gpt2/gpt2-tiny/forward/f32/b1/s8/kv-f16", "a cache's type goes with the modes prefill and decode"},
        {"gpt2/gpt2-tiny/decode/f32/b1/s8/kv-q4_0", "'q4_0' is no type of a cache; f32, bf16, f16 and q8_0 are"},
        {"gpt2/gpt2-tiny/decode/f32/b1/s8/kv-f16/kv-f16", "a cache's type twice"},
        {"cnn/seed-cnn/forward/q8_0/b1", "family cnn runs in f32 and bf16, not in q8_0"},
        {"gpt2/gpt2-tiny/decode/q3/b1/s8", "'q3' is no dtype that runs here; f32, bf16, f16, q8_0"},
        {"gpt2/gpt2-tiny/decode/f32/b1/s8/skew-1", "a routing's skew goes with family moe"},
        {"moe/moe-small/decode/f32/b1/s8/skew-1/skew-2", "the routing's skew twice"},
        {"moe/moe-small/decode/f32/b1/s8/skew-9", "the routing's skew"},
        {"moe/moe-small/decode/f32/b1/s8/skew-one", "the routing's skew"},
    };
    struct model_case one;
    struct error error = {0};
    ck_assert(!case_parse(wrong[_i].id, &one, &error));
    ck_assert_msg(strstr(error.message, wrong[_i].says) != NULL, "%s: %s", wrong[_i].id, error.message);
}
END_TEST

/* A name is read back as it is written. */
START_TEST(names_are_kept)
{
    static const char *const ids[] = {"llama/smollm-135m/decode/q4_K_M/b2/s512/kv-q8_0",
                                      "gpt2/gpt2-tiny/prefill/bf16/b1/s8", "bert/bert-tiny/forward/q8_0/b1/s8",
                                      "moe/moe-small/decode/q4_0/b1/s8/kv-q8_0/skew-1.25",
                                      "moe/moe-small/train/f32/b1/s8/skew-0.5/sgd/dropout"};
    struct model_case one;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        ck_assert(case_parse(ids[i], &one, NULL));
        ck_assert_str_eq(one.id, ids[i]);
    }
    ck_assert(case_parse("llama/smollm-135m/decode/Q4_k_m/b2/s512/KV-Q8_0", &one, NULL) ||
              case_parse("llama/smollm-135m/decode/Q4_k_m/b2/s512/kv-q8_0", &one, NULL));
    ck_assert_str_eq(one.id, ids[0]);
}
END_TEST

int main(void)
{
    return suite_run("decoder", 120,
                     SUITE(LOOP(decode_after_prefill_equals_forward, sizeof rows / sizeof *rows),
                           LOOP(steps_of_t5_equal_forward, 2), LOOP(wrong_cases_are_refused, 10),
                           ONCE(names_are_kept)));
}
