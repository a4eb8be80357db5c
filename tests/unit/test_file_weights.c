/* Models with their files' weights: what they compute is what transformers computes with the same files
 * (tests/golden/file_weights.py). */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/text.h"
#include "models/catalogue/file_family.h"
#include "models/catalogue/file_weights.h"
#include "models/catalogue/gguf.h"
#include "models/engine/case.h"
#include "models/graph/plan.h"
#include "tests/suite.h"

enum { MOST_TOKENS = 64 };

struct loaded {
    struct model_file file;
    struct family_size size;
    char name[80];
    struct graph *graph;
    struct plan plan;
    struct engine *engine;
};

static void load(const char *path, enum mode mode, int64_t context, struct loaded *model)
{
    struct error error = {0};
    ck_assert_msg(model_file_open(path, &model->file, &error), "%s", error.message);
    file_size_of(&model->file, path, model->name, sizeof model->name, &model->size);
    const struct family *family = file_family(&model->file, &model->size);
    ck_assert_msg(family != NULL, "%s: no family builds it", path);
    struct model_case one = case_of_size(family, &model->size, mode);
    one.context = family->has_context ? context : 0;
    case_name(&one);
    model->graph = case_build(&one, &error);
    ck_assert_msg(model->graph && plan_make(model->graph, 1, &model->plan, &error), "%s", error.message);
    const struct engine_options options = {.threads = 1};
    model->engine = engine_open(model->graph, &model->plan, &options, &error);
    ck_assert_msg(model->engine && file_weights_load(&model->file, model->graph, model->engine, &error), "%s",
                  error.message);
}

static void unload(struct loaded *model)
{
    engine_close(model->engine);
    plan_free(&model->plan);
    graph_free(model->graph);
    model_file_close(&model->file);
}

/* Tokens as given, of the first type; or a picture. */
static void put_inputs(struct loaded *model, const float *tokens)
{
    static float first[MOST_TOKENS], image[1 << 10];
    for (int i = 0; i < 1 << 10; i++)
        image[i] = (float)(i * 7919 % 1000) / 500 - 1;
    for (int t = 0; t < model->graph->tensor_count; t++) {
        const struct tensor *tensor = &model->graph->tensors[t];
        if (tensor->role == ROLE_INPUT && strcmp(tensor->name, "tokens") == 0)
            engine_write(model->engine, t, tokens);
        if (tensor->role == ROLE_INPUT && strcmp(tensor->name, "types") == 0)
            engine_write(model->engine, t, first);
        if (tensor->role == ROLE_INPUT && strcmp(tensor->name, "images") == 0)
            engine_write(model->engine, t, image);
    }
}

static size_t take_numbers(char *text, float *out, size_t most)
{
    size_t count = 0;
    for (char *end; count < most; text = end, count++) {
        out[count] = strtof(text, &end);
        if (end == text)
            break;
    }
    return count;
}

/* Runs the file's model, and compares the last `count` values of its output. */
static void compare(const char *path, enum mode mode, const float *tokens, size_t length, const float *want,
                    size_t count)
{
    static float found[1 << 14];
    struct loaded model = {0};
    load(path, mode, (int64_t)length, &model);
    put_inputs(&model, tokens);
    engine_step(model.engine);
    int output = model.graph->output;
    size_t made = (size_t)tensor_elements(&model.graph->tensors[output]);
    ck_assert_msg(mode == MODE_FORWARD ? made == count : made < count, "%s: %zu outputs", path, made);
    engine_read(model.engine, output, found);
    float largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmaxf(largest, fabsf(want[i]));
    want += count - made;
    for (size_t i = 0; i < made; i++)
        ck_assert_msg(fabsf(found[i] - want[i]) <= 1e-4f * largest, "%s %s: output %zu is %g, transformers has %g",
                      path, mode_name(mode), i, (double)found[i], (double)want[i]);
    unload(&model);
}

static bool caches(const char *path)
{
    struct model_file file;
    struct family_size size = {0};
    struct error error = {0};
    ck_assert_msg(model_file_open(path, &file, &error), "%s", error.message);
    const struct family *family = file_family(&file, &size);
    model_file_close(&file);
    return family && family->modes >> MODE_PREFILL & 1;
}

START_TEST(outputs_are_those_of_transformers)
{
    char *text = text_read_file(GOLDEN_DATA "/file_weights.txt", 1 << 20), *rest = text, *line;
    int lines = 0;
    ck_assert_ptr_nonnull(text);
    for (; (line = strsep(&rest, "\n")) && *line; lines++) {
        static float want[1 << 14];
        float tokens[MOST_TOKENS];
        char path[512];
        snprintf(path, sizeof path, "%s/models/%s", UNIT_DATA, strsep(&line, "|"));
        size_t length = take_numbers(strsep(&line, "|"), tokens, MOST_TOKENS);
        size_t count = take_numbers(line, want, sizeof want / sizeof *want);
        compare(path, MODE_FORWARD, tokens, length, want, count);
        if (caches(path))
            compare(path, MODE_PREFILL, tokens, length, want, count);
    }
    free(text);
    ck_assert_int_eq(lines, 37);
}
END_TEST

START_TEST(a_file_without_the_tensors_is_refused)
{
    struct loaded model = {0};
    struct error error = {0};
    load(UNIT_DATA "/models/bert", MODE_FORWARD, 4, &model);
    struct file_tensor *tensor = &model.file.tensors[0];
    tensor->name = "something.else";
    ck_assert(!file_weights_load(&model.file, model.graph, model.engine, &error));
    ck_assert_msg(strstr(error.message, "has no tensor that is the model's"), "%s", error.message);
    unload(&model);
}
END_TEST

/* ---- types tensor by tensor ---- */

enum { F32 = 0, Q8_0 = 8, Q4_K = 12, Q5_K = 13, Q6_K = 14, WIDTH = 256, WORDS = 32, HEADS = 4 };

/* A GGUF file of zeros with tensors of many types, as ggml numbers them; one has none that a kernel runs. */
static const struct {
    const char *name;
    uint64_t rows; /* of WIDTH elements; 0: a vector */
    uint32_t type;
    uint64_t block_bytes; /* of 256 elements */
} mixed[] = {
    {"token_embd.weight", WORDS, Q4_K, 144},
    {"blk.0.attn_norm.weight", 0, F32, 1024},
    {"blk.0.attn_q.weight", WIDTH, Q4_K, 144},
    {"blk.0.attn_k.weight", WIDTH / HEADS, Q4_K, 144},
    {"blk.0.attn_v.weight", WIDTH / HEADS, Q6_K, 210},
    {"blk.0.attn_output.weight", WIDTH, Q4_K, 144},
    {"blk.0.ffn_norm.weight", 0, F32, 1024},
    {"blk.0.ffn_gate.weight", WIDTH, Q4_K, 144},
    {"blk.0.ffn_up.weight", WIDTH, Q5_K, 176},
    {"blk.0.ffn_down.weight", WIDTH, Q6_K, 210},
    {"blk.1.attn_norm.weight", 0, F32, 1024},
    {"blk.1.attn_q.weight", WIDTH, Q4_K, 144},
    {"blk.1.attn_k.weight", WIDTH / HEADS, Q4_K, 144},
    {"blk.1.attn_v.weight", WIDTH / HEADS, Q4_K, 144},
    {"blk.1.attn_output.weight", WIDTH, Q8_0, 272},
    {"blk.1.ffn_norm.weight", 0, F32, 1024},
    {"blk.1.ffn_gate.weight", WIDTH, Q4_K, 144},
    {"blk.1.ffn_up.weight", WIDTH, Q4_K, 144},
    {"blk.1.ffn_down.weight", WIDTH, Q4_K, 144},
    {"output_norm.weight", 0, F32, 1024},
    {"output.weight", WORDS, Q6_K, 210},
};
enum { MIXED = sizeof mixed / sizeof *mixed };

static void put(struct text *out, const void *bytes, size_t size)
{
    text_append_n(out, bytes, size);
}

static void put_string(struct text *out, const char *string)
{
    uint64_t length = strlen(string);
    put(out, &length, sizeof length);
    put(out, string, length);
}

static void put_count(struct text *out, const char *key, uint32_t value)
{
    uint32_t type = 4;
    put_string(out, key);
    put(out, &type, sizeof type);
    put(out, &value, sizeof value);
}

static void put_mixed(struct text *out)
{
    static const struct {
        const char *key;
        uint32_t value;
    } counts[] = {{"llama.block_count", 2},
                  {"llama.embedding_length", WIDTH},
                  {"llama.feed_forward_length", WIDTH},
                  {"llama.attention.head_count", HEADS},
                  {"llama.attention.head_count_kv", 1},
                  {"llama.context_length", 64},
                  {"llama.vocab_size", WORDS},
                  {"general.file_type", 15}};
    uint32_t version = 3, string = 8;
    uint64_t tensors = MIXED, keys = 1 + sizeof counts / sizeof *counts, offset = 0;
    put(out, "GGUF", 4);
    put(out, &version, sizeof version);
    put(out, &tensors, sizeof tensors);
    put(out, &keys, sizeof keys);
    put_string(out, "general.architecture");
    put(out, &string, sizeof string);
    put_string(out, "llama");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        put_count(out, counts[i].key, counts[i].value);
    for (size_t i = 0; i < MIXED; i++) {
        uint64_t dims[] = {WIDTH, mixed[i].rows};
        uint32_t rank = mixed[i].rows ? 2 : 1;
        put_string(out, mixed[i].name);
        put(out, &rank, sizeof rank);
        put(out, dims, rank * sizeof *dims);
        put(out, &mixed[i].type, sizeof mixed[i].type);
        put(out, &offset, sizeof offset);
        offset += (mixed[i].block_bytes * (mixed[i].rows ? mixed[i].rows : 1) + 31) / 32 * 32;
    }
    for (uint64_t end = (out->length + 31) / 32 * 32 + offset; out->length < end;)
        put(out, "", 1);
}

static enum dtype type_in(const struct graph *graph, const char *name)
{
    for (int t = 0; t < graph->tensor_count; t++)
        if (graph->tensors[t].role == ROLE_WEIGHT && strcmp(graph->tensors[t].name, name) == 0)
            return graph->tensors[t].dtype;
    ck_abort_msg("the graph has no %s", name);
    return DTYPE_F32;
}

START_TEST(each_weight_has_the_type_of_the_file)
{
    static const struct {
        const char *name;
        enum dtype dtype;
    } all[] = {{"embedding.weight", DTYPE_Q4_K},
               {"layers.0.attn.q.weight", DTYPE_Q4_K},
               {"layers.0.attn.v.weight", DTYPE_Q6_K},
               {"layers.0.attn.output.weight", DTYPE_Q4_K},
               {"layers.0.mlp.up.weight", DTYPE_Q6_K},
               {"layers.0.mlp.down.weight", DTYPE_Q6_K},
               {"layers.1.attn.output.weight", DTYPE_Q8_0},
               {"layers.1.mlp.down.weight", DTYPE_Q4_K},
               {"head.weight", DTYPE_Q6_K}};
    struct text bytes = {0};
    struct model_file file;
    struct error error = {0};
    struct family_size size = {.name = "mixed", .contexts = {8}};
    put_mixed(&bytes);
    ck_assert_msg(gguf_of_bytes("mixed.gguf", bytes.data, bytes.length, &file, &error), "%s", error.message);
    const struct family *family = file_family(&file, &size);
    ck_assert_ptr_nonnull(family);
    for (int mode = 0; mode < 2; mode++) {
        struct model_case one = case_of_size(family, &size, mode ? MODE_DECODE : MODE_FORWARD);
        ck_assert(case_set_dtype(&one, "q4_K_M"));
        case_name(&one);
        struct graph *graph = case_build(&one, &error);
        ck_assert_msg(graph != NULL, "%s", error.message);
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            ck_assert_msg(type_in(graph, all[i].name) == all[i].dtype, "%s is %s", all[i].name,
                          dtype_info(type_in(graph, all[i].name))->name);
        ck_assert_int_eq(type_in(graph, mode ? "layers.1.attn.v.weight" : "layers.1.attn.qkv.weight"), DTYPE_Q4_K);
        graph_free(graph);
        ck_assert(case_set_dtype(&one, "q8_0")); /* requantised, it has the recipe's */
        graph = case_build(&one, &error);
        ck_assert_int_eq(type_in(graph, "layers.0.mlp.up.weight"), DTYPE_Q8_0);
        graph_free(graph);
    }
    model_file_close(&file);
    text_free(&bytes);
}
END_TEST

int main(void)
{
    return suite_run("file_weights", 60,
                     SUITE(ONCE(outputs_are_those_of_transformers), ONCE(a_file_without_the_tensors_is_refused),
                           ONCE(each_weight_has_the_type_of_the_file)));
}
