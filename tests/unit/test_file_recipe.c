/* The bytes that recipes give to published models: those of published files' tensors, to the byte. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "models/catalogue/config_json.h"
#include "models/catalogue/file_recipe.h"
#include "tests/suite.h"

#define LLAMA_2_7B "\"model_type\":\"llama\",\"intermediate_size\":11008"
#define LLAMA_3_8B                                                                                                     \
    "\"model_type\":\"llama\",\"num_key_value_heads\":8,\"intermediate_size\":14336,\"vocab_size\":128256"
#define MISTRAL "\"model_type\":\"mistral\""
#define TINYLLAMA                                                                                                      \
    "\"model_type\":\"llama\",\"hidden_size\":2048,\"num_hidden_layers\":22,\"num_key_value_heads\":4,"                \
    "\"intermediate_size\":5632"
#define QWEN_7B                                                                                                        \
    "\"model_type\":\"qwen2\",\"hidden_size\":3584,\"num_hidden_layers\":28,\"num_attention_heads\":28,"               \
    "\"num_key_value_heads\":4,\"intermediate_size\":18944,\"vocab_size\":152064"
#define QWEN_HALF                                                                                                      \
    "\"model_type\":\"qwen2\",\"hidden_size\":896,\"num_hidden_layers\":24,\"num_attention_heads\":14,"                \
    "\"num_key_value_heads\":2,\"intermediate_size\":4864,\"tie_word_embeddings\":true"
#define QWEN_72B                                                                                                       \
    "\"model_type\":\"qwen2\",\"hidden_size\":8192,\"num_hidden_layers\":80,\"num_attention_heads\":64,"               \
    "\"num_key_value_heads\":8,\"intermediate_size\":29568,\"vocab_size\":152064"
#define QWEN_32B                                                                                                       \
    "\"model_type\":\"qwen3\",\"hidden_size\":5120,\"num_hidden_layers\":64,\"num_attention_heads\":64,"               \
    "\"num_key_value_heads\":8,\"intermediate_size\":25600"
#define QWEN_30B                                                                                                       \
    "\"model_type\":\"qwen3_moe\",\"hidden_size\":2048,\"num_hidden_layers\":48,\"num_attention_heads\":32,"           \
    "\"num_key_value_heads\":4,\"head_dim\":128,\"num_experts\":128,\"moe_intermediate_size\":768"
#define GEMMA_2B "\"model_type\":\"gemma2\""
#define PHI_3 "\"model_type\":\"phi3\""
#define SMOLLM                                                                                                         \
    "\"model_type\":\"llama\",\"hidden_size\":576,\"num_hidden_layers\":30,\"num_attention_heads\":9,"                 \
    "\"num_key_value_heads\":3,\"intermediate_size\":1536,\"vocab_size\":49152,\"tie_word_embeddings\":true"

#define LLAMA_2_13B                                                                                                    \
    "\"model_type\":\"llama\",\"hidden_size\":5120,\"num_hidden_layers\":40,\"num_attention_heads\":40,"               \
    "\"intermediate_size\":13824"
#define LLAMA_1B                                                                                                       \
    "\"model_type\":\"llama\",\"hidden_size\":2048,\"num_hidden_layers\":16,\"num_key_value_heads\":8,"                \
    "\"intermediate_size\":8192,\"vocab_size\":128256,\"tie_word_embeddings\":true"
#define LLAMA_3B                                                                                                       \
    "\"model_type\":\"llama\",\"hidden_size\":3072,\"num_hidden_layers\":28,\"num_attention_heads\":24,"               \
    "\"num_key_value_heads\":8,\"intermediate_size\":8192,\"vocab_size\":128256,\"tie_word_embeddings\":true"
#define QWEN_14B                                                                                                       \
    "\"model_type\":\"qwen2\",\"hidden_size\":5120,\"num_hidden_layers\":48,\"num_attention_heads\":40,"               \
    "\"num_key_value_heads\":8,\"intermediate_size\":13824,\"vocab_size\":152064"
#define PHI_2 "\"model_type\":\"phi\",\"hidden_size\":2560,\"num_hidden_layers\":32,\"intermediate_size\":10240"
#define PHI_4                                                                                                          \
    "\"model_type\":\"phi3\",\"hidden_size\":5120,\"num_hidden_layers\":40,\"num_attention_heads\":40,"                \
    "\"num_key_value_heads\":10,\"intermediate_size\":17920,\"vocab_size\":100352"
#define GPT_OSS "\"model_type\":\"gpt_oss\",\"num_hidden_layers\":24,\"num_local_experts\":32"
#define BLOOM "\"model_type\":\"bloom\",\"hidden_size\":1024,\"n_layer\":24,\"n_head\":16"
#define LFM                                                                                                            \
    "\"model_type\":\"lfm2\",\"hidden_size\":1024,\"num_hidden_layers\":16,\"num_attention_heads\":16,"                \
    "\"num_key_value_heads\":8,\"block_ff_dim\":6656,\"full_attn_idxs\":[2,5,8,10,12,14]"

/* Whole files: what is more than the tensors is what the vocabulary takes, whatever the recipe. */
static const struct {
    const char *config, *recipe;
    uint64_t file_bytes, least_metadata, most_metadata;
} files[] = {
    {LLAMA_2_13B, "Q4_0", 7365856064, 730000, 770000},
    {LLAMA_3_8B, "Q4_K_M", 4920733888, 7830000, 7840000},
    {LLAMA_1B, "Q5_K_M", 911503104, 7830000, 7840000},
    {LLAMA_1B, "Q4_K_M", 807694464, 7830000, 7840000},
    {LLAMA_1B, "Q4_0+imatrix", 773025920, 7830000, 7840000},
    {LLAMA_3B, "Q4_K_M", 2019377696, 7830000, 7840000},
    {LLAMA_3B, "Q4_0+imatrix", 1921909280, 7830000, 7840000},
    {QWEN_14B, "Q4_K_M", 8988110592, 5960000, 5970000},
    {QWEN_14B, "Q4_0+imatrix", 8544267680, 5960000, 5970000},
    {QWEN_7B, "Q4_0", 4431390720, 5950000, 5970000},
    {QWEN_7B, "Q4_0+imatrix", 4444121056, 5950000, 5970000},
    {QWEN_30B, "Q3_K_S", 13292468800, 5960000, 5975000},
    {PHI_2, "Q4_K_M", 1789239136, 1806176, 1806176},
    {PHI_2, "Q4_K_S", 1615568736, 1806176, 1806176},
    {PHI_2, "Q6_K", 2285059936, 1806176, 1806176},
    {PHI_3, "Q4_0", 2176181568, 735000, 745000},
    {PHI_4, "Q4_K_M", 9053114560, 3555520, 3555520},
    {PHI_4, "Q4_K_S", 8440762560, 3555520, 3555520},
    {GPT_OSS, "MXFP4_MOE", 12109565632, 13000000, 13010000},
    {BLOOM, "Q4_K_M", 561445696, 12600000, 12630000},
    {LFM, "Q4_K_M", 229309152, 2380000, 2390000},
};

START_TEST(files_are_tensors_and_a_vocabulary)
{
    char text[600];
    struct model_file file;
    struct error error = {0};
    uint64_t bytes;
    snprintf(text, sizeof text, "{%s}", files[_i].config);
    ck_assert_msg(config_json_of_bytes("config.json", text, strlen(text), &file, &error), "%s", error.message);
    ck_assert(file_recipe_bytes(&file.outline, files[_i].recipe, &bytes));
    ck_assert_msg(bytes + files[_i].least_metadata <= files[_i].file_bytes &&
                      bytes + files[_i].most_metadata >= files[_i].file_bytes,
                  "%s %s: %llu, the file has %llu", files[_i].config, files[_i].recipe, (unsigned long long)bytes,
                  (unsigned long long)files[_i].file_bytes);
    model_file_close(&file);
}
END_TEST

/* Of 8 billion parameters with grouped keys: what such files take to two decimals of a GB, with their metadata. */
static const struct {
    const char *recipe;
    double gigabytes;
} small[] = {{"IQ1_S", 2.02},  {"IQ2_XXS", 2.40}, {"IQ2_M", 2.95}, {"IQ3_XXS", 3.27},
             {"IQ3_XS", 3.52}, {"IQ3_M", 3.78},   {"Q2_K", 3.18},  {"IQ4_XS", 4.45}};

START_TEST(small_recipes_mix_their_types)
{
    struct model_file file;
    struct error error = {0};
    uint64_t bytes;
    const char *text = "{" LLAMA_3_8B "}";
    ck_assert(config_json_of_bytes("config.json", text, strlen(text), &file, &error));
    ck_assert(file_recipe_bytes(&file.outline, small[_i].recipe, &bytes));
    ck_assert_double_eq_tol(((double)bytes + 7.836e6) / 1e9, small[_i].gigabytes, 0.006);
    model_file_close(&file);
}
END_TEST

static const struct {
    const char *config, *recipe;
    uint64_t bytes;
} published[] = {
    {LLAMA_2_7B, "Q4_K_M", 4080263168}, {LLAMA_2_7B, "Q4_0", 3825065984},        {LLAMA_3_8B, "Q4_K_M", 4912898048},
    {MISTRAL, "Q4_K_M", 4367704064},    {MISTRAL, "Q4_0", 4108181504},           {MISTRAL, "Q4_K_S", 4139638784},
    {MISTRAL, "Q6_K", 5941329920},      {TINYLLAMA, "Q4_K_M", 667078656},        {QWEN_7B, "Q4_K_M", 4677120000},
    {QWEN_HALF, "Q4_K_M", 391859712},   {QWEN_72B, "Q4_K_M", 47409725440},       {QWEN_32B, "Q8_0", 34811744256},
    {QWEN_30B, "Q4_K_M", 18550716416},  {GEMMA_2B, "Q4_K_M", 1702536192},        {PHI_3, "Q4_K_M", 2392493568},
    {SMOLLM, "Q4_K_M", 103668480},      {GPT_OSS, "MXFP4_MOE_F16", 13779630336},
};

START_TEST(bytes_are_those_of_published_files)
{
    char text[600];
    struct model_file file;
    struct error error = {0};
    uint64_t bytes;
    snprintf(text, sizeof text, "{%s}", published[_i].config);
    ck_assert_msg(config_json_of_bytes("config.json", text, strlen(text), &file, &error), "%s", error.message);
    ck_assert(file_recipe_bytes(&file.outline, published[_i].recipe, &bytes));
    ck_assert_msg(bytes == published[_i].bytes, "%s %s: %llu, published %llu", published[_i].config,
                  published[_i].recipe, (unsigned long long)bytes, (unsigned long long)published[_i].bytes);
    ck_assert(!file_recipe_bytes(&file.outline, "Q9_K", &bytes));
    model_file_close(&file);
}
END_TEST

int main(void)
{
    return suite_run("file_recipe", 60,
                     SUITE(LOOP(bytes_are_those_of_published_files, sizeof published / sizeof *published),
                           LOOP(files_are_tensors_and_a_vocabulary, sizeof files / sizeof *files),
                           LOOP(small_recipes_mix_their_types, sizeof small / sizeof *small)));
}
