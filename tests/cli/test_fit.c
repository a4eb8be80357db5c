/* `benchmark fit`: what it answers without having measured anything, its document, its exit codes, and its one line
 * when it is asked for something it doesn't have. No speed is looked at: that depends on the machine. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/json.h"
#include "harness/base/text.h"
#include "program.h"
#include "tests/suite.h"

static json_t *fit(const char *options, int code)
{
    char line[512];
    snprintf(line, sizeof line, "fit --no-calibrate --json %s", options);
    struct answer answer = program_run(line);
    ck_assert_msg(answer.code == code, "'%s' exits with %d: %s", line, answer.code, answer.err);
    struct error error;
    json_t *document = json_parse(answer.out, answer.out_length, "fit", &error);
    ck_assert_msg(document != NULL, "%s", error.message);
    answer_free(&answer);
    return document;
}

static void refuses(const char *options, const char *said)
{
    char line[512];
    snprintf(line, sizeof line, "fit --no-calibrate %s", options);
    struct answer answer = program_run(line);
    ck_assert_msg(answer.code == 2, "'%s' exits with %d", line, answer.code);
    ck_assert_msg(answer_is_one_line_error(&answer) && strstr(answer.err, said), "'%s' says: %s", line, answer.err);
    answer_free(&answer);
}

START_TEST(the_parts_of_memory_are_the_total)
{
    static const char *const parts[] = {"weights_bytes",   "kv_cache_bytes",  "activations_bytes", "gradients_bytes",
                                        "optimizer_bytes", "workspace_bytes", "runtime_bytes"};
    json_t *document = fit("--memory 16GiB", 0), *rows = json_object_get(document, "rows");
    ck_assert_str_eq(json_get_string(document, "schema"), "benchmark.fit/1");
    ck_assert_uint_gt(json_array_size(rows), 30);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *memory = json_object_get(row, "memory");
        uint64_t sum = 0;
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
            sum += json_get_count(memory, parts[p], UINT64_MAX / 16);
        ck_assert_uint_eq(sum, json_get_count(memory, "total_bytes", 0));
        ck_assert_uint_eq(json_get_count(row, "available_bytes", 0), 16ull << 30);
        ck_assert_ptr_null(json_object_get(row, "throughput")); /* unknown is absent */
        ck_assert_ptr_null(json_object_get(row, "basis"));
    }
    json_decref(document);
}
END_TEST

START_TEST(parameters_are_the_published_ones)
{
    static const struct {
        const char *model;
        uint64_t parameters;
    } rows[] = {{"gpt2", 124439808}, {"gpt2-medium", 354823168}, {"GPT2-Large", 774030080}, {"gpt2-xl", 1557611200}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char options[96];
        snprintf(options, sizeof options, "%s --mode forward --dtype f32 --memory 64GiB", rows[i].model);
        json_t *document = fit(options, 0), *found = json_object_get(document, "rows");
        ck_assert_uint_eq(json_array_size(found), 1);
        ck_assert_uint_eq(json_get_count(json_array_get(found, 0), "parameters", 0), rows[i].parameters);
        json_decref(document);
    }
}
END_TEST

/* A file's weights are its tensors, to the byte; a family's rows where it builds exactly that configuration. */
START_TEST(files_are_fitted_as_they_are)
{
    json_t *document = fit(UNIT_DATA "/models/split-00002-of-00003.gguf --mode decode --context 64", 0);
    json_t *row = json_array_get(json_object_get(document, "rows"), 0), *memory = json_object_get(row, "memory");
    ck_assert_str_eq(json_get_string(row, "family"), "llama");
    ck_assert_str_eq(json_get_string(row, "dtype"), "q4_0");
    ck_assert_uint_eq(json_get_count(row, "parameters", 0), 86336);
    ck_assert_uint_eq(json_get_count(memory, "weights_bytes", 0), 52736);
    ck_assert_uint_gt(json_get_count(memory, "activations_bytes", 0), 0);
    json_decref(document);

    document = fit(UNIT_DATA "/models/types.gguf", 0);
    row = json_array_get(json_object_get(document, "rows"), 0);
    memory = json_object_get(row, "memory");
    ck_assert_str_eq(json_get_string(row, "family"), "types");
    ck_assert_uint_eq(json_get_count(memory, "weights_bytes", 0), 12276);
    ck_assert_ptr_null(json_object_get(memory, "activations_bytes"));
    ck_assert_ptr_nonnull(strstr(json_get_string(row, "reason"), "no family here builds this types"));
    json_decref(document);
    refuses("no/such.gguf", "no/such.gguf: No such file or directory");
    refuses("/dev/null", "is no regular file; a model's file is wanted");
}
END_TEST

START_TEST(what_fits_goes_by_the_memory)
{
    /* 355M in f32 take 1.42 GB of weights alone. */
    json_t *document = fit("gpt2-355m --mode forward --dtype f32 --memory 1GiB", 1);
    ck_assert_str_eq(json_get_string(json_array_get(json_object_get(document, "rows"), 0), "fits"), "no");
    ck_assert_ptr_null(json_object_get(document, "recommendation"));
    json_decref(document);
    document = fit("gpt2-355m --mode forward --dtype f32 --memory 2GiB", 0);
    ck_assert_str_eq(json_get_string(json_array_get(json_object_get(document, "rows"), 0), "fits"), "yes");
    ck_assert_str_eq(json_get_string(json_object_get(document, "recommendation"), "model"), "gpt2-355m");
    json_decref(document);
    document = fit("gpt2-355m --mode forward --dtype f32 --memory 2GiB --reserve 1GiB", 1);
    json_decref(document);
}
END_TEST

/* The largest batch fits, and one half larger doesn't: asked again with those batches. */
START_TEST(the_largest_batch_is_the_largest)
{
    json_t *document = fit("gpt2-124m --mode train --dtype f32 --memory 4GiB", 0);
    uint64_t most = json_get_count(json_array_get(json_object_get(document, "rows"), 0), "max_batch", 0);
    json_decref(document);
    ck_assert_uint_gt(most, 4);
    char options[128];
    snprintf(options, sizeof options, "gpt2-124m --mode train --dtype f32 --memory 4GiB --batch %d", (int)most + 2);
    document = fit(options, 0 + 1);
    json_decref(document);
}
END_TEST

START_TEST(checkpointing_and_optimizers_change_the_plan)
{
    json_t *plain = fit("gpt2-124m --mode train --dtype f32 --memory 64GiB --batch 16", 0);
    json_t *less = fit("gpt2-124m --mode train --dtype f32 --memory 64GiB --batch 16 --checkpointing", 0);
    json_t *sgd = fit("gpt2-124m --mode train --dtype f32 --memory 64GiB --batch 16 --optimizer sgd", 0);
    const json_t *a = json_object_get(json_array_get(json_object_get(plain, "rows"), 0), "memory");
    const json_t *b = json_object_get(json_array_get(json_object_get(less, "rows"), 0), "memory");
    const json_t *c = json_object_get(json_array_get(json_object_get(sgd, "rows"), 0), "memory");
    ck_assert_uint_lt(json_get_count(b, "activations_bytes", 0), json_get_count(a, "activations_bytes", 0) / 2);
    ck_assert_uint_eq(json_get_count(c, "optimizer_bytes", 1), 0);
    /* Two f32 moments a parameter, and the alignment of each tensor. */
    uint64_t moments = json_get_count(a, "optimizer_bytes", 0);
    ck_assert(moments >= 8ull * 124439808 && moments < 8ull * 124439808 + (1 << 20));
    json_decref(plain);
    json_decref(less);
    json_decref(sgd);
}
END_TEST

START_TEST(bad_input_gets_one_line)
{
    refuses("gpt3", "no model is called 'gpt3'; the nearest are gpt2");
    refuses("--task cooking", "--task: no model here is for 'cooking'");
    refuses("--mode sideways", "--mode: 'sideways'");
    refuses("--dtype f32,f8", "--dtype: 'f8'");
    refuses("--dtype ,", "--dtype:");
    refuses("--optimizer lion", "--optimizer: 'lion'");
    refuses("--memory lots", "--memory: 'lots' is not a size such as 8GiB");
    refuses("--reserve -1", "--reserve: '-1'");
    refuses("--context 0", "--context: '0'");
    refuses("--batch 1.5", "--batch: '1.5'");
    refuses("--threads none", "--threads: 'none'");
    refuses("--min-throughput fast", "--min-throughput: 'fast'");
    refuses("--max-latency soon", "--max-latency: 'soon'");
    refuses("gpt2 --kv-dtype q4_0", "--kv-dtype: 'q4_0' is no type of a cache; f32, bf16, f16 and q8_0 are");
    refuses("gpt2 --machine PDP-11", "--machine: 'PDP-11' is neither a file, 'catalogue' nor a device");
    refuses("gpt2 --machine /dev/null", "/dev/null: line 1, column 0");
    refuses("gpt2 --machine " UNIT_DATA "/parameters.tsv", "parameters.tsv: line 1");
    refuses("--machine catalogue", "--machine catalogue takes the name of a model");
    refuses("gpt2 --context 4096", "no model has that mode, dtype and context together");
}
END_TEST

static const json_t *first_row(const json_t *document)
{
    return json_array_get(json_object_get(document, "rows"), 0);
}

static uint64_t cache_bytes(const json_t *row)
{
    return json_get_count(json_object_get(row, "memory"), "kv_cache_bytes", 0);
}

/* The longest context and the cache's type, through the command; the contract's steps and advice. */
START_TEST(a_recommendation_has_its_steps)
{
    static const char *const names[] = {"task", "families", "needs", "fits", "tune"};
    json_t *document = fit("gpt2-124m --mode decode --dtype f32 --memory 1GiB --batch 16 --context 256", 0);
    const json_t *row = first_row(document), *recommendation = json_object_get(document, "recommendation");
    const json_t *steps = json_object_get(recommendation, "steps");
    uint64_t plain = cache_bytes(row), most = json_get_count(row, "max_context", 0);
    ck_assert_uint_eq(json_array_size(steps), 5);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_str_eq(json_get_string(json_array_get(steps, i), "step"), names[i]);
        ck_assert(*json_get_string(json_array_get(steps, i), "text"));
    }
    ck_assert(most > 256 && most < 1024);
    ck_assert_uint_gt(json_array_size(json_object_get(row, "advice")), 0);
    ck_assert_str_eq(json_get_string(json_array_get(json_object_get(document, "widths"), 0), "family"), "gpt2");
    json_decref(document);

    char options[128];
    snprintf(options, sizeof options, "gpt2-124m --mode decode --dtype f32 --memory 1GiB --batch 16 --context %d",
             (int)(most + most / 20));
    document = fit(options, 1);
    json_decref(document);
    document = fit("gpt2-124m --mode decode --dtype f32 --kv-dtype q8_0 --memory 1GiB --batch 16 --context 256", 0);
    ck_assert_uint_eq(cache_bytes(first_row(document)) * 4 * 32, plain * 34);
    json_decref(document);
}
END_TEST

/* A data sheet's figures are marked; all devices have a row each; nothing is measured. */
START_TEST(other_machines_are_asked_about)
{
    json_t *document = fit("llama-3-8b --mode decode --dtype bf16 --machine catalogue", 0);
    json_t *rows = json_object_get(document, "rows");
    ck_assert_uint_gt(json_array_size(rows), 100);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        ck_assert_ptr_nonnull(json_get_string(row, "machine"));
        ck_assert(!json_object_get(row, "throughput") || !strcmp(json_get_string(row, "basis"), "data sheet"));
    }
    json_decref(document);
    document = fit("llama-3-8b --mode decode --dtype bf16 --machine catalogue --memory 8GiB", 1);
    json_decref(document);

    struct answer probe = program_run("probe --json -o fit-test-machine.json");
    ck_assert_msg(probe.code == 0, "%s", probe.err);
    answer_free(&probe);
    struct error error;
    char *text = text_read_file("fit-test-machine.json", 1 << 20);
    ck_assert_ptr_nonnull(text);
    json_t *machine = json_parse(text, strlen(text), "machine", &error);
    free(text);
    json_object_set_new(machine, "name", json_string("elsewhere"));
    json_object_set_new(machine, "ceilings",
                        json_pack("{sfsfsf}", "peak_f32_gflops", 100.0, "peak_bf16_gflops", 200.0, "read_gbs", 10.0));
    ck_assert(json_dump_file(machine, "fit-test-machine.json", 0) == 0);
    json_decref(machine);
    document = fit("gpt2-124m --mode decode --dtype f32 --memory 2GiB --machine fit-test-machine.json", 0);
    const json_t *row = first_row(document);
    ck_assert_str_eq(json_get_string(row, "machine"), "elsewhere");
    ck_assert_str_eq(json_get_string(row, "basis"), "estimated");
    double most = json_get_real(json_object_get(row, "throughput"), "high");
    ck_assert(most > 10 && most < 10e9 / (124439808 * 4.0) * 1.01); /* no faster than its weights can be read */
    json_decref(document);
    unlink("fit-test-machine.json");
}
END_TEST

START_TEST(a_demand_without_a_speed_is_open)
{
    /* Nothing was measured, so a throughput asked for can't be promised: tight, not yes. */
    json_t *document = fit("gpt2-tiny --mode forward --dtype f32 --min-throughput 1 --memory 1GiB", 1);
    ck_assert_str_eq(json_get_string(json_array_get(json_object_get(document, "rows"), 0), "fits"), "tight");
    json_decref(document);
}
END_TEST

int main(void)
{
    setenv("BENCHMARK_DB", "/nonexistent/history.db", 1);
    return suite_run("fit", 60,
                     SUITE(ONCE(the_parts_of_memory_are_the_total), ONCE(parameters_are_the_published_ones),
                           ONCE(what_fits_goes_by_the_memory), ONCE(files_are_fitted_as_they_are),
                           ONCE(the_largest_batch_is_the_largest), ONCE(checkpointing_and_optimizers_change_the_plan),
                           ONCE(a_recommendation_has_its_steps), ONCE(other_machines_are_asked_about),
                           ONCE(bad_input_gets_one_line), ONCE(a_demand_without_a_speed_is_open)));
}
