/* harness/estimate/engine_memory beside the buffer sizes that llama.cpp printed (data/llama_bench/buffers.csv): of
 * models with random weights, two to 32 layers deep and as wide as the published ones, at its default batches (2048 and
 * 512 tokens), with and without flash attention. --show prints the errors. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/text.h"
#include "harness/estimate/engine_memory.h"
#include "models/families/family.h"
#include "tests/suite.h"

static bool shown;

static const struct family_size sizes[] = {
    {.name = "llama3b",
     .config = {.layers = 2,
                .hidden = 3072,
                .heads = 24,
                .kv_heads = 8,
                .head_dim = 128,
                .feed_forward = 8192,
                .vocabulary = 128256}},
    {.name = "qwen2",
     .config = {.layers = 2,
                .hidden = 896,
                .heads = 14,
                .kv_heads = 2,
                .head_dim = 64,
                .feed_forward = 4864,
                .vocabulary = 151936}},
    {.name = "qwen3",
     .config = {.layers = 2,
                .hidden = 1024,
                .heads = 16,
                .kv_heads = 8,
                .head_dim = 128,
                .feed_forward = 3072,
                .vocabulary = 151936}},
    {.name = "gemma3",
     .config = {.layers = 6,
                .hidden = 1152,
                .heads = 4,
                .kv_heads = 1,
                .head_dim = 256,
                .feed_forward = 6912,
                .vocabulary = 262144,
                .window = 512,
                .global_every = 6}},
    {.name = "olmoe",
     .config = {.layers = 2,
                .hidden = 2048,
                .heads = 16,
                .kv_heads = 16,
                .head_dim = 128,
                .feed_forward = 1024,
                .vocabulary = 50304,
                .experts = 64,
                .chosen = 8}},
    {.name = "qwen3moe",
     .config = {.layers = 2,
                .hidden = 2048,
                .heads = 32,
                .kv_heads = 4,
                .head_dim = 128,
                .feed_forward = 768,
                .vocabulary = 151936,
                .experts = 32,
                .chosen = 8}},
    {.name = "s360",
     .config = {.layers = 32,
                .hidden = 960,
                .heads = 15,
                .kv_heads = 5,
                .head_dim = 64,
                .feed_forward = 2560,
                .vocabulary = 49152}},
    {.name = "tl8",
     .config = {.layers = 22,
                .hidden = 2048,
                .heads = 32,
                .kv_heads = 4,
                .head_dim = 64,
                .feed_forward = 5632,
                .vocabulary = 32000}},
};

static struct model_case case_of(const char *name)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (strcmp(sizes[i].name, name) == 0) {
            const struct family *family = family_find(sizes[i].config.experts ? "moe" : "llama");
            return (struct model_case){.family = family, .size = &sizes[i], .mode = MODE_DECODE, .batch = 1};
        }
    ck_abort_msg("no shape of %s", name);
    return (struct model_case){0};
}

static double error_of(uint64_t bytes, double mib)
{
    return (double)bytes / 0x1p20 / mib - 1;
}

/* The cache to the rounding of what is printed; the compute buffer within 14 %, most within 0.1 %: its allocator leaves
 * gaps. */
START_TEST(buffers_are_as_printed)
{
    char *text = text_read_file(UNIT_DATA "/llama_bench/buffers.csv", 1 << 20), *rest = text, *line;
    size_t count = 0, near = 0;
    double worst = 0;
    ck_assert_ptr_nonnull(text);
    strsep(&rest, "\n");
    while ((line = strsep(&rest, "\n")) && *line) {
        char name[32], type[16];
        int context, flash;
        double cache, compute, output;
        ck_assert_int_eq(
            sscanf(line, "%31[^,],%d,%15[^,],%d,%lf,%lf,%lf", name, &context, type, &flash, &cache, &compute, &output),
            7);
        struct model_case one = case_of(name);
        enum dtype kv;
        ck_assert(dtype_parse(type, &kv));
        one.kv_dtype = (int)kv;
        one.context = context;
        struct engine_memory memory;
        ck_assert(engine_memory_of_case(&one, flash, &memory));
        double wrong = error_of(memory.compute_bytes, compute);
        ck_assert_msg(fabs((double)memory.kv_cache_bytes / 0x1p20 - cache) < 0.011, "%s: cache %.3f MiB", line,
                      (double)memory.kv_cache_bytes / 0x1p20);
        ck_assert_msg(fabs((double)memory.output_bytes / 0x1p20 - output) < 0.011, "%s: output", line);
        ck_assert_msg(fabs(wrong) < 0.14, "%s: compute %.2f MiB", line, (double)memory.compute_bytes / 0x1p20);
        if (shown)
            printf("%s: %+.2f %%\n", line, 100 * wrong);
        worst = fmax(worst, fabs(wrong));
        near += fabs(wrong) < 0.001;
        count++;
    }
    if (shown)
        printf("compute buffers: %zu of %zu within 0.1 %%, the worst %.1f %%\n", near, count, 100 * worst);
    ck_assert_uint_ge(count, 90);
    ck_assert_uint_ge(10 * near, 7 * count);
    free(text);
}
END_TEST

START_TEST(contexts_are_padded_and_batches_multiply)
{
    struct model_case one = case_of("tl8");
    struct engine_memory some, more;
    one.kv_dtype = -1;
    one.context = 257;
    ck_assert(engine_memory_of_case(&one, true, &some));
    one.context = 512;
    ck_assert(engine_memory_of_case(&one, true, &more));
    ck_assert_uint_eq(some.kv_cache_bytes, more.kv_cache_bytes);
    one.batch = 3;
    ck_assert(engine_memory_of_case(&one, true, &more));
    ck_assert_uint_eq(3 * some.kv_cache_bytes, more.kv_cache_bytes);
    one.mode = MODE_TRAIN;
    ck_assert(!engine_memory_of_case(&one, true, &more));
    one = case_of_size(family_find("gpt2"), family_find_size("gpt2-124m", NULL), MODE_DECODE);
    ck_assert(!engine_memory_of_case(&one, true, &more));
}
END_TEST

int main(int count, char **words)
{
    shown = count > 1 && strcmp(words[1], "--show") == 0;
    return suite_run("engine_memory", 60,
                     SUITE(ONCE(buffers_are_as_printed), ONCE(contexts_are_padded_and_batches_multiply)));
}
