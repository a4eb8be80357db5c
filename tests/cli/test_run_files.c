/* `benchmark run --model FILE`: a tiny model that this test writes, whole and in shards, runs with its own weights and
 * computes the same from either; configurations and split files run; what doesn't hold together is told in one line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/text.h"
#include "measured.h"

enum { LAYERS = 2, HIDDEN = 16, FEED_FORWARD = 24, VOCABULARY = 40, TENSORS = 3 + 9 * LAYERS };

#define BRIEFLY "--min-runs 1 --max-runs 1 --warmup 0 --budget 600 "

static const char config[] = "{\"model_type\":\"llama\",\"architectures\":[\"LlamaForCausalLM\"],\"hidden_size\":16,"
                             "\"num_hidden_layers\":2,\"num_attention_heads\":2,\"intermediate_size\":24,"
                             "\"vocab_size\":40,\"max_position_embeddings\":32,\"rms_norm_eps\":1e-5}";

struct weight {
    char name[64];
    int rows, columns; /* rows 0: a vector */
};
static struct weight weights[TENSORS];
static char place[96]; /* of a test's files */

static void list_weights(void)
{
    static const struct {
        const char *name;
        int rows, columns;
    } parts[] = {{"input_layernorm", 0, HIDDEN},          {"self_attn.q_proj", HIDDEN, HIDDEN},
                 {"self_attn.k_proj", HIDDEN, HIDDEN},    {"self_attn.v_proj", HIDDEN, HIDDEN},
                 {"self_attn.o_proj", HIDDEN, HIDDEN},    {"post_attention_layernorm", 0, HIDDEN},
                 {"mlp.gate_proj", FEED_FORWARD, HIDDEN}, {"mlp.up_proj", FEED_FORWARD, HIDDEN},
                 {"mlp.down_proj", HIDDEN, FEED_FORWARD}};
    int count = 0;
    weights[count++] = (struct weight){"model.embed_tokens.weight", VOCABULARY, HIDDEN};
    for (int l = 0; l < LAYERS; l++)
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++, count++) {
            weights[count] = (struct weight){"", parts[i].rows, parts[i].columns};
            snprintf(weights[count].name, sizeof weights->name, "model.layers.%d.%s.weight", l, parts[i].name);
        }
    weights[count++] = (struct weight){"model.norm.weight", 0, HIDDEN};
    weights[count++] = (struct weight){"lm_head.weight", VOCABULARY, HIDDEN};
    ck_assert_int_eq(count, TENSORS);
}

static const char *path_of(const char *name)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", place, name);
    return path;
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(path_of(name), "wb");
    ck_assert(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

/* The tensors from `first` to before `end`; the same values for the same number wherever it is. */
static void write_safetensors(const char *name, int first, int end)
{
    struct text header = {0}, data = {0};
    for (int i = first; i < end; i++) {
        const struct weight *w = &weights[i];
        int count = (w->rows ? w->rows : 1) * w->columns;
        size_t begin = data.length;
        uint32_t state = (uint32_t)i + 1;
        for (int e = 0; e < count; e++) {
            state = state * 1664525 + 1013904223;
            float value = ((float)(state >> 8) / (1 << 24) - 0.5f) * 0.4f + (w->rows ? 0 : 1);
            text_append_n(&data, (const char *)&value, sizeof value);
        }
        text_printf(&header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", i > first ? "," : "{", w->name);
        if (w->rows)
            text_printf(&header, "%d,", w->rows);
        text_printf(&header, "%d],\"data_offsets\":[%zu,%zu]}", w->columns, begin, data.length);
    }
    text_append_n(&header, "}", 1);
    struct text whole = {0};
    uint64_t length = header.length;
    text_append_n(&whole, (const char *)&length, sizeof length);
    text_append_n(&whole, header.data, header.length);
    text_append_n(&whole, data.data, data.length);
    write_file(name, whole.data, whole.length);
    text_free(&header);
    text_free(&data);
    text_free(&whole);
}

static const char *const shards[] = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"};

static void write_shards(void)
{
    struct text index = {0};
    int half = TENSORS / 2;
    write_safetensors(shards[0], 0, half);
    write_safetensors(shards[1], half, TENSORS);
    text_printf(&index, "{\"weight_map\":{");
    for (int i = 0; i < TENSORS; i++)
        text_printf(&index, "%s\"%s\":\"%s\"", i ? "," : "", weights[i].name, shards[i >= half]);
    text_printf(&index, "}}");
    write_file("model.safetensors.index.json", index.data, index.length);
    text_free(&index);
}

/* A folder of its own with the configuration in it. */
static void begin_folder(const char *name)
{
    snprintf(place, sizeof place, "%s/%s", measured_folder, name);
    ck_assert(mkdir(place, 0755) == 0);
    list_weights();
    write_file("config.json", config, sizeof config - 1);
}

static void end_folder(void)
{
    static const char *const names[] = {"config.json", "model.safetensors", "model.safetensors.index.json", "out.npy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(path_of(names[i]));
    for (size_t i = 0; i < 2; i++)
        unlink(path_of(shards[i]));
    ck_assert_msg(rmdir(place) == 0, "%s isn't empty", place);
}

/* What out.npy holds after its header of 128 bytes. */
static size_t read_output(float *out, size_t most)
{
    char header[128];
    FILE *file = fopen(path_of("out.npy"), "rb");
    ck_assert(file && fread(header, sizeof header, 1, file) == 1 && memcmp(header, "\x93NUMPY", 6) == 0);
    size_t count = fread(out, sizeof *out, most, file);
    fclose(file);
    return count;
}

static void run_folder(const char *options)
{
    struct answer answer =
        call("run --model %s --weights --tokens 5,17,3 --save-output %s/out.npy " BRIEFLY "--json %s", place, place,
             options);
    ck_assert_msg(answer.code == 0 || answer.code == 3, "%d: %s", answer.code, answer.err);
    json_t *document = document_of(&answer), *cases = json_object_get(document, "cases");
    ck_assert_uint_eq(json_array_size(cases), 1);
    ck_assert_msg(is_measured(json_array_get(cases, 0)), "%s", answer.out);
    json_decref(document);
    answer_free(&answer);
}

START_TEST(weights_are_the_same_whole_and_in_shards)
{
    static float whole[4 * VOCABULARY], sharded[4 * VOCABULARY], last[4 * VOCABULARY];
    begin_folder("whole");
    write_safetensors("model.safetensors", 0, TENSORS);
    run_folder("");
    ck_assert_uint_eq(read_output(whole, 4 * VOCABULARY), 3 * VOCABULARY);
    run_folder("--filter *prefill*"); /* which gives what follows the last word alone */
    ck_assert_uint_eq(read_output(last, 4 * VOCABULARY), VOCABULARY);
    for (int i = 0; i < VOCABULARY; i++)
        ck_assert_float_eq_tol(last[i], whole[2 * VOCABULARY + i], 1e-4f);
    end_folder();
    begin_folder("shards");
    write_shards();
    run_folder("");
    ck_assert_uint_eq(read_output(sharded, 4 * VOCABULARY), 3 * VOCABULARY);
    ck_assert_mem_eq(whole, sharded, 3 * VOCABULARY * sizeof *whole);
    float largest = 0;
    for (int i = 0; i < 3 * VOCABULARY; i++)
        largest = whole[i] > largest ? whole[i] : largest;
    ck_assert(largest > 0.01f);
    end_folder();
}
END_TEST

START_TEST(configurations_and_split_files_run)
{
    begin_folder("tiny");
    struct answer answer = call("run --model %s/config.json --model %s --filter *forward* " BRIEFLY "--json", place,
                                UNIT_DATA "/models/split-00001-of-00003.gguf");
    ck_assert_msg(answer.code == 0 || answer.code == 3, "%d: %s", answer.code, answer.err);
    json_t *document = document_of(&answer), *one = case_of(document, "llama/tiny/forward/f32/b1/s32"),
           *split = case_of(document, "llama/split-00001-of-00003/forward/q4_0/b1/s64");
    ck_assert(is_measured(one) && is_measured(split));
    ck_assert_uint_eq(json_get_count(one, "parameters", 0), 2 * 40 * 16 + 16 + 2 * (4 * 256 + 3 * 384 + 32));
    json_decref(document);
    answer_free(&answer);
    end_folder();
}
END_TEST

static void refuses_folder(const char *options, const char *part)
{
    char line[400];
    snprintf(line, sizeof line, "run --model %s " BRIEFLY "%s", place, options);
    refuses(line, 2, part);
}

START_TEST(what_does_not_hold_together_is_told_before_anything_is_measured)
{
    begin_folder("broken");
    refuses_folder("--weights", "has none; give the .gguf or .safetensors file");
    write_shards();
    refuses_folder("--save-output out.npy --filter *", "keeps what one case computed, and these are 3");
    refuses_folder("--weights --tokens 40", "'40' doesn't begin with a number below 40");
    unlink(path_of(shards[1]));
    refuses_folder("--weights", "model-00002-of-00002.safetensors: No such file");
    write_safetensors(shards[1], TENSORS / 2 + 1, TENSORS);
    refuses_folder("--weights", "is in none of the 2 shards");
    unlink(path_of("model.safetensors.index.json"));

    weights[2].columns = HIDDEN / 2; /* a query projection that the configuration doesn't have */
    write_safetensors("model.safetensors", 0, TENSORS);
    refuses_folder("--weights", "its config.json describes 5712 parameters, and its tensors have 5584");
    weights[2].rows = 2 * HIDDEN; /* as many elements, in another shape */
    write_safetensors("model.safetensors", 0, TENSORS);
    refuses_folder("--weights", "tensor 'model.layers.0.self_attn.q_proj.weight' is 32 by 8, and the model's "
                                "layers.0.attn.qkv.weight is 48 by 16");
    end_folder();
}
END_TEST

/* A few of the file's own layers, since nothing like them was measured: then its speed is known. */
START_TEST(fit_measures_what_it_is_asked_about)
{
    begin_folder("asked");
    char deeper[sizeof config];
    memcpy(deeper, config, sizeof config);
    *(strstr(deeper, "layers\":2") + strlen("layers\":")) = '5';
    write_file("config.json", deeper, sizeof deeper - 1);
    struct answer asked = call("fit %s/config.json --mode decode --dtype bf16 --json", place);
    ck_assert_msg(asked.code == 0, "%d: %s", asked.code, asked.err);
    json_t *document = document_of(&asked);
    const json_t *row = json_array_get(json_object_get(document, "rows"), 0);
    ck_assert_msg(json_get_string(row, "basis"), "%s", asked.out); /* so small a one may be measured whole, too */
    ck_assert_double_gt(json_get_real(json_object_get(row, "latency_s"), "median"), 0);
    json_decref(document);
    answer_free(&asked);
    struct answer answer = call("report --json");
    ck_assert_msg(strstr(answer.out, "llama/asked/decode/bf16/b1/s32/layers-2"), "%s", answer.err);
    answer_free(&answer);
    end_folder();
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, weights_are_the_same_whole_and_in_shards);
    tcase_add_test(tests, configurations_and_split_files_run);
    tcase_add_test(tests, fit_measures_what_it_is_asked_about);
    tcase_add_test(tests, what_does_not_hold_together_is_told_before_anything_is_measured);
}

int main(void)
{
    return measured_main("run_files", add);
}
