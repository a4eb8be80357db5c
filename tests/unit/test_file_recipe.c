/* The bytes that recipes give to published models: those of published files' tensors, to the byte. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "models/catalogue/config_json.h"
#include "models/catalogue/file_recipe.h"

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

static const struct {
    const char *config, *recipe;
    uint64_t bytes;
} published[] = {
    {LLAMA_2_7B, "Q4_K_M", 4080263168}, {LLAMA_2_7B, "Q4_0", 3825065984},  {LLAMA_3_8B, "Q4_K_M", 4912898048},
    {MISTRAL, "Q4_K_M", 4367704064},    {MISTRAL, "Q4_0", 4108181504},     {MISTRAL, "Q4_K_S", 4139638784},
    {MISTRAL, "Q6_K", 5941329920},      {TINYLLAMA, "Q4_K_M", 667078656},  {QWEN_7B, "Q4_K_M", 4677120000},
    {QWEN_HALF, "Q4_K_M", 391859712},   {QWEN_72B, "Q4_K_M", 47409725440}, {QWEN_32B, "Q8_0", 34811744256},
    {QWEN_30B, "Q4_K_M", 18550716416},  {GEMMA_2B, "Q4_K_M", 1702536192},  {PHI_3, "Q4_K_M", 2392493568},
    {SMOLLM, "Q4_K_M", 103668480},
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
    Suite *suite = suite_create("file_recipe");
    TCase *cases = tcase_create("file_recipe");
    tcase_add_loop_test(cases, bytes_are_those_of_published_files, 0, sizeof published / sizeof *published);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
