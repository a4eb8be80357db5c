/* The reader of config.json: the parameters that transformers counts in the model that each configuration describes
 * (tests/golden/configurations.py), and hostile configurations. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/text.h"
#include "models/catalogue/config_json.h"
#include "models/catalogue/file_family.h"
#include "tests/suite.h"

static bool reads(const char *text, struct model_file *file, struct error *error)
{
    *error = (struct error){0};
    return config_json_of_bytes("config.json", text, strlen(text), file, error);
}

START_TEST(parameters_are_what_transformers_counts)
{
    char *text = text_read_file(GOLDEN_DATA "/configurations.txt", 1 << 20), *rest = text, *line;
    int lines = 0, wrong = 0;
    ck_assert_ptr_nonnull(text);
    while ((line = strsep(&rest, "\n")) && *line) {
        char *json;
        unsigned long long counted = strtoull(line, &json, 10);
        struct model_file file;
        struct error error;
        bool right = reads(json + 1, &file, &error);
        if (!right || file.parameters != counted) {
            fprintf(stderr, "%llu counted, %llu found in %s %s\n", counted, (unsigned long long)file.parameters,
                    json + 1, error.message);
            wrong++;
        }
        model_file_close(&file);
        lines++;
    }
    free(text);
    ck_assert_int_ge(lines, 550);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

/* Published counts of published configurations. */
static const struct {
    const char *config;
    uint64_t parameters, bytes;
} published[] = {
    {"{\"model_type\":\"llama\",\"architectures\":[\"LlamaForCausalLM\"],\"hidden_size\":4096,\"intermediate_size\":"
     "14336,"
     "\"num_hidden_layers\":32,\"num_attention_heads\":32,\"num_key_value_heads\":8,\"vocab_size\":128256,"
     "\"tie_word_embeddings\":false,\"torch_dtype\":\"bfloat16\"}",
     8030261248, 16060522496},
    {"{\"model_type\":\"qwen3_moe\",\"architectures\":[\"Qwen3MoeForCausalLM\"],\"hidden_size\":2048,"
     "\"intermediate_size\":6144,\"num_hidden_layers\":48,\"num_attention_heads\":32,\"num_key_value_heads\":4,"
     "\"head_dim\":128,\"num_experts\":128,\"num_experts_per_tok\":8,\"moe_intermediate_size\":768,"
     "\"vocab_size\":151936,\"tie_word_embeddings\":false,\"decoder_sparse_step\":1,\"mlp_only_layers\":[]}",
     30532122624, 4 * 30532122624},
    {"{\"model_type\":\"gemma3\",\"architectures\":[\"Gemma3ForConditionalGeneration\"],\"torch_dtype\":\"bfloat16\","
     "\"text_config\":{\"hidden_size\":2560,\"intermediate_size\":10240,\"model_type\":\"gemma3_text\","
     "\"num_hidden_layers\":34},\"vision_config\":{\"hidden_size\":1152}}",
     3880263168, 2 * 3880263168}, /* 3880099328 with the 262144 words of its own tokeniser; 64 more rows of 2560 here */
    {"{\"model_type\":\"bert\",\"architectures\":[\"BertModel\"],\"vocab_size\":30522}", 109482240, 437928960},
    {"{\"model_type\":\"gpt2\",\"architectures\":[\"GPT2LMHeadModel\"],\"vocab_size\":50257}", 124439808, 497759232},
    {"{\"model_type\":\"whisper\",\"architectures\":[\"WhisperForConditionalGeneration\"]}", 37760640, 151042560},
    /* transformers 5 ties T5's head whatever the file says; the weights of version 1.1 have one of their own */
    {"{\"model_type\":\"t5\",\"d_model\":512,\"d_ff\":1024,\"num_heads\":6,\"num_layers\":8,"
     "\"num_decoder_layers\":8,\"feed_forward_proj\":\"gated-gelu\",\"tie_word_embeddings\":false}",
     76961152, 307844608},
};

START_TEST(published_models_have_their_published_parameters)
{
    struct model_file file;
    struct error error;
    ck_assert_msg(reads(published[_i].config, &file, &error), "%s", error.message);
    ck_assert_uint_eq(file.parameters, published[_i].parameters);
    ck_assert_uint_eq(file.tensor_bytes, published[_i].bytes);
    model_file_close(&file);
}
END_TEST

START_TEST(settings_have_one_name_each)
{
    struct model_file file;
    struct error error;
    ck_assert_msg(
        reads("{\"model_type\":\"llama\",\"hidden_size\":64,\"num_attention_heads\":4,\"num_key_value_heads\":"
              "2,\"rope_theta\":500000.0,\"rms_norm_eps\":1e-05,\"max_position_embeddings\":8192,"
              "\"_name_or_path\":\"a \\u00e9\",\"unknown\":[NaN,-Infinity]}",
              &file, &error),
        "%s", error.message);
    ck_assert_str_eq(file.settings.architecture, "llama");
    ck_assert_str_eq(file.settings.name, "a \xc3\xa9");
    ck_assert_uint_eq(file.settings.head_dim, 16);
    ck_assert_uint_eq(file.settings.kv_heads, 2);
    ck_assert_uint_eq(file.settings.max_context, 8192);
    ck_assert_uint_eq(file.settings.layers, 32); /* what the publisher's code assumes */
    ck_assert_double_eq(file.settings.rope_theta, 5e5);
    ck_assert_double_eq_tol(file.settings.epsilon, 1e-5, 1e-12);
    model_file_close(&file);
}
END_TEST

/* Configurations that leave out what their publishers' do: the family that builds the model, to the last parameter. */
static const struct {
    const char *text, *family;
    uint64_t parameters;
} built[] = {
    {"{\"model_type\":\"bloom\",\"hidden_size\":1024,\"n_layer\":24,\"n_head\":16}", "gpt2", 559214592},
    {"{\"model_type\":\"t5\"}", "t5", 60506624},
    {"{\"model_type\":\"t5\",\"d_ff\":1024,\"num_heads\":6,\"num_layers\":8,\"tie_word_embeddings\":false,"
     "\"feed_forward_proj\":\"gated-gelu\"}",
     "t5", 76961152},
    {"{\"model_type\":\"mt5\",\"tie_word_embeddings\":false}", "t5", 300176768},
    {"{\"model_type\":\"umt5\",\"vocab_size\":256384,\"tie_word_embeddings\":false}", "t5", 306601984},
    {"{\"model_type\":\"gpt_oss\"}", "moe", 116829156672},
    {"{\"model_type\":\"gpt_oss\",\"num_hidden_layers\":24,\"num_local_experts\":32}", "moe", 20914757184},
    {"{\"model_type\":\"phimoe\",\"attention_bias\":true,\"lm_head_bias\":true}", "moe", 41873153344},
};

START_TEST(families_build_what_configurations_describe)
{
    struct model_file file;
    struct error error;
    struct family_size size = {.name = "model"};
    ck_assert_msg(reads(built[_i].text, &file, &error), "%s", error.message);
    const struct family *family = file_family(&file, &size);
    ck_assert_msg(file.parameters == built[_i].parameters, "%s: %llu parameters", built[_i].text,
                  (unsigned long long)file.parameters);
    ck_assert_msg(family && strcmp(family->name, built[_i].family) == 0, "%s: built by %s", built[_i].text,
                  family ? family->name : "no family");
    model_file_close(&file);
}
END_TEST

/* gpt-oss says how its rotary positions' ramp begins; others don't, and mean at whole pairs. */
START_TEST(rotary_positions_are_as_stated)
{
    static const char *const texts[] = {
        "{\"model_type\":\"gpt_oss\",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":32}}",
        "{\"model_type\":\"gpt_oss\",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":32,\"truncate\":false}}"};
    for (int i = 0; i < 2; i++) {
        struct model_file file;
        struct error error;
        ck_assert(reads(texts[i], &file, &error));
        ck_assert_int_eq(file.settings.rope.kind, ROPE_YARN);
        ck_assert_int_eq(file.settings.rope.between, i);
        model_file_close(&file);
    }
}
END_TEST

static const struct {
    const char *text, *why;
} hostile[] = {
    {"7", "byte 0: a configuration is a JSON object"},
    {"{", "byte 1: the JSON text ends here; a string is wanted"},
    {"{} x", "byte 3: 'x' in JSON; the end of the JSON text is wanted"},
    {"{\"model_type\":\"llama\",}", "byte 22: '}' in JSON; a string is wanted"},
    {"{\"a\":01}", "byte 6: '1' in JSON; ',' or '}' is wanted"},
    {"{\"a\":\"\\x\"}", "byte 7: 'x' in JSON; an escape that JSON has is wanted"},
    {"{}", "byte 0: a configuration has a 'model_type' that is a word"},
    {"{\"model_type\":\"\\u001b[2J\"}", "a configuration has a 'model_type' that is a word"},
    {"{\"model_type\":\"mamba9\"}",
     "model_type 'mamba9' isn't known, and without its weights nothing tells its size; the nearest known are mamba"},
    {"{\"model_type\":\"llama\",\"num_hidden_layers\":1e9}", "byte 0: layers: 1000000000; from 0 to 4096 are read"},
    {"{\"model_type\":\"llama\",\"hidden_size\":18446744073709551615}", "byte 0: hidden width"},
    {"{\"model_type\":\"llama\",\"num_attention_heads\":0}", "byte 0: heads: 0; from 1 to"},
    {"{\"model_type\":\"llama\",\"vocab_size\":1000000000,\"hidden_size\":16000000,\"intermediate_size\":200000000,"
     "\"num_hidden_layers\":4000}",
     "the configuration describes more than can be counted"},
};

START_TEST(hostile_configurations_are_refused)
{
    struct model_file file;
    struct error error;
    ck_assert_msg(!reads(hostile[_i].text, &file, &error), "%s", hostile[_i].text);
    ck_assert_int_eq(error.kind, ERROR_INPUT);
    ck_assert_msg(strncmp(error.message, "config.json: ", 13) == 0 && strstr(error.message, hostile[_i].why),
                  "'%s' isn't '%s'", error.message, hostile[_i].why);
}
END_TEST

int main(void)
{
    return suite_run("config_json", 60,
                     SUITE(ONCE(parameters_are_what_transformers_counts),
                           LOOP(published_models_have_their_published_parameters, sizeof published / sizeof *published),
                           ONCE(settings_have_one_name_each), ONCE(rotary_positions_are_as_stated),
                           LOOP(families_build_what_configurations_describe, sizeof built / sizeof *built),
                           LOOP(hostile_configurations_are_refused, sizeof hostile / sizeof *hostile)));
}
