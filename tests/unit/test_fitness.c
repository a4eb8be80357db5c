/* reports/fitness as pure data: memory solved at its edge, advice that is the alternative's own figures, verdicts and
 * their order, machines known by their limits alone. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/parse.h"
#include "models/families/family.h"
#include "models/graph/cost.h"
#include "models/graph/op.h"
#include "reports/fitness/fit.h"
#include "reports/fitness/fit_advice.h"
#include "reports/fitness/fit_steps.h"
#include "tests/suite.h"

static const struct fit_demands NOTHING = {.kv_dtype = -1, .optimizer = -1, .threads = 2};

/* 100 and 200 GFLOP/s, 10 GB/s, all of which is reached within a factor. */
static const struct fit_limits LIMITS = {
    .f32_flops = 1e11, .half_flops = 2e11, .bytes_per_s = 1e10, .compute = {0.5, 0.4, 1}, .bandwidth = {0.5, 0.4, 1}};

static struct fit_machine machine_of(uint64_t bytes)
{
    return (struct fit_machine){
        .name = "made up", .cpu = "made up", .available_bytes = bytes, .limits = &LIMITS, .read_gbs = NAN};
}

static struct fit_row row_of(const char *id, const struct fit_demands *demands, const struct fit_machine *machine)
{
    struct fit_row row = {0};
    struct error error = {0};
    ck_assert_msg(case_parse(id, &row.one, &error), "%s", error.message);
    ck_assert_msg(fit_fill_row(&row, demands, machine, 0, &error), "%s", error.message);
    return row;
}

static uint64_t parts_of(const struct fit_row *row)
{
    return row->weights_bytes + row->kv_cache_bytes + row->activations_bytes + row->gradients_bytes +
           row->optimizer_bytes + row->workspace_bytes + row->runtime_bytes;
}

/* The longest context fits, and one a hundredth longer doesn't. */
START_TEST(the_longest_context_is_the_longest)
{
    static const char *const starts[] = {"llama/smollm-135m/decode/q8_0/b4", "llama/smollm-135m/prefill/bf16/b2",
                                         "gpt2/gpt2-124m/decode/f32/b16"};
    static const uint64_t rooms[] = {200ull << 20, 340ull << 20, 900ull << 20};
    struct fit_machine machine = machine_of(rooms[_i]);
    char id[CASE_ID_SIZE];
    snprintf(id, sizeof id, "%s/s64", starts[_i]);
    struct fit_row row = row_of(id, &NOTHING, &machine);
    int64_t most = row.max_context;
    ck_assert_msg(most > 8 && most < row.one.size->config.max_context, "%s: %lld", id, (long long)most);
    ck_assert_uint_eq(parts_of(&row), row.total_bytes);
    snprintf(id, sizeof id, "%s/s%lld", starts[_i], (long long)most);
    ck_assert_uint_le(row_of(id, &NOTHING, &machine).total_bytes, machine.available_bytes);
    snprintf(id, sizeof id, "%s/s%lld", starts[_i], (long long)(most + most / 100 + 1));
    ck_assert_uint_gt(row_of(id, &NOTHING, &machine).total_bytes, machine.available_bytes);
}
END_TEST

START_TEST(no_context_fits_beside_weights_too_large)
{
    struct fit_machine machine = machine_of(100ull << 20);
    struct fit_row row = row_of("gpt2/gpt2-124m/decode/f32/b1/s64", &NOTHING, &machine);
    ck_assert_int_eq(row.max_context, 0);
    ck_assert_int_eq(row.fits, FITS_NO);
    machine.available_bytes = 4ull << 30;
    row = row_of("gpt2/gpt2-124m/decode/f32/b1/s64", &NOTHING, &machine);
    ck_assert_int_eq(row.max_context, row.one.size->config.max_context);
}
END_TEST

/* A windowed layer holds its window: Mistral's cache stops growing at 4096 positions. */
START_TEST(windows_bound_the_cache)
{
    struct fit_machine machine = machine_of(64ull << 30);
    struct fit_row whole = row_of("llama/mistral-7b/decode/q8_0/b1/s4096", &NOTHING, &machine);
    struct fit_row twice = row_of("llama/mistral-7b/decode/q8_0/b1/s8192", &NOTHING, &machine);
    struct fit_row filled = row_of("llama/mistral-7b/prefill/q8_0/b1/s8192", &NOTHING, &machine);
    ck_assert_uint_eq(whole.kv_cache_bytes, 2ull * 32 * 4096 * 8 * 128 * 2); /* keys, values; layers; heads; f16 */
    ck_assert_uint_eq(twice.kv_cache_bytes, whole.kv_cache_bytes);
    ck_assert_uint_eq(filled.kv_cache_bytes, whole.kv_cache_bytes);
}
END_TEST

START_TEST(the_cache_has_a_type_of_its_own)
{
    struct fit_machine machine = machine_of(64ull << 30);
    uint64_t half = row_of("llama/smollm-135m/decode/q4_0/b2/s1024", &NOTHING, &machine).kv_cache_bytes;
    uint64_t eight = row_of("llama/smollm-135m/decode/q4_0/b2/s1024/kv-q8_0", &NOTHING, &machine).kv_cache_bytes;
    ck_assert_uint_eq(half, 2ull * 2 * 30 * 1024 * 3 * 64 * 2);
    ck_assert_uint_eq(eight * 64, half * 34); /* blocks of 32 in 34 bytes */
    struct fit_demands demands = NOTHING;
    struct fit fit;
    struct error error = {0};
    demands.models = (const char *const[]){"smollm-135m", NULL};
    demands.modes = 1u << MODE_DECODE;
    demands.kv_dtype = DTYPE_Q8_0;
    ck_assert(fit_make(&demands, &machine, &fit, &error));
    ck_assert_uint_gt(fit.row_count, 0);
    for (size_t i = 0; i < fit.row_count; i++)
        ck_assert_ptr_nonnull(strstr(fit.rows[i].one.id, "/kv-q8_0"));
    fit_free(&fit);
}
END_TEST

/* With the room of the model's own plan its own width is found; with twice that, a wider one that fits it. */
START_TEST(the_widest_is_found)
{
    struct model_case one;
    struct width width, wider;
    ck_assert(case_parse("gpt2/gpt2-124m/train/f32/b1/s64", &one, NULL));
    struct fit_machine machine = machine_of(64ull << 30);
    uint64_t own = row_of(one.id, &NOTHING, &machine).total_bytes;
    ck_assert(solve_width(&one, own, 2, &width));
    ck_assert_int_eq(width.hidden, 768);
    ck_assert_uint_eq(width.parameters, 124439808);
    ck_assert(solve_width(&one, own - 4096, 2, &wider));
    ck_assert_int_eq(wider.hidden, 768 - 64); /* a head narrower */
    ck_assert(solve_width(&one, 2 * own, 2, &wider));
    ck_assert_int_gt(wider.hidden, 768);
    ck_assert_uint_lt(wider.parameters * 12, 2 * own); /* weights and Adam's moments alone */
    ck_assert(!solve_width(&one, 1 << 20, 2, &width));
    ck_assert(case_parse("cnn/resnet-18/forward/f32/b1", &one, NULL));
    ck_assert(!solve_width(&one, own, 2, &width));
}
END_TEST

/* Advice says what the alternative's own row says. */
START_TEST(advice_is_the_alternatives_figures)
{
    struct fit_machine machine = machine_of(64ull << 30);
    struct fit_row row = row_of("gpt2/gpt2-124m/train/f32/b16/s64", &NOTHING, &machine);
    struct fit_row other = row_of("gpt2/gpt2-124m/train/f32/b16/s64/checkpointing", &NOTHING, &machine);
    char saved[32], wanted[160];
    fit_advise(&row, &NOTHING, &machine);
    format_size(row.total_bytes - other.total_bytes, saved, sizeof saved);
    struct range gain = range_ratio(other.throughput, row.throughput);
    snprintf(wanted, sizeof wanted, "--checkpointing: %.2f× the speed (estimated, %.2f–%.2f), %s less memory",
             other.throughput.median / row.throughput.median, gain.low, gain.high, saved);
    bool found = false;
    for (size_t i = 0; i < row.advice_count; i++)
        found |= strncmp(row.advice[i], wanted, strlen(wanted)) == 0;
    ck_assert_msg(found, "'%s' isn't among: %s; %s", wanted, row.advice[0], row.advice[1]);

    machine = machine_of(600ull << 20);
    row = row_of("gpt2/gpt2-355m/decode/bf16/b1/s64", &NOTHING, &machine);
    ck_assert_int_eq(row.fits, FITS_NO);
    fit_advise(&row, &NOTHING, &machine);
    ck_assert_uint_gt(row.advice_count, 0);
    ck_assert_ptr_nonnull(strstr(row.advice[0], "--dtype q8_0"));
    ck_assert_ptr_nonnull(strstr(row.advice[0], "; that fits"));
}
END_TEST

/* Threads and pages, by what a machine's document says was measured. */
START_TEST(tuning_is_what_was_tried)
{
    static const char text[] = "{\"ceilings\":{\"read_1t_gbs\":10,\"read_2t_gbs\":19.8,\"read_4t_gbs\":20.2,\"read_"
                               "gbs\":20,\"gemm_f32_1t_gflops\":50,"
                               "\"gemm_f32_gflops\":350,\"read_small_pages_gbs\":16},"
                               "\"ceiling_ranges\":{\"read_2t_gbs\":[19.5,20.1],\"read_gbs\":[19.9,20.1]}}";
    json_t *document = json_loads(text, 0, NULL);
    struct fit_tuning tuning = fit_tuning_of(document, 8);
    json_decref(document);
    struct range gain;
    ck_assert_int_eq(tuning.step_count, 4);
    ck_assert_int_eq(tuning.steps[3].threads, 8);
    ck_assert_int_eq(fit_tuning_threads(&tuning, &gain), 2); /* as good as all, and six left free */
    ck_assert_double_eq_tol(gain.median, 0.99, 1e-9);
    ck_assert(gain.low < 0.99 && gain.low > 0.96 && gain.high > 0.99 && gain.high < 1.02);
    ck_assert_double_eq_tol(tuning.multiply_all.median / tuning.multiply_one.median, 7, 1e-9);

    struct fit_machine machine = machine_of(64ull << 30);
    struct fit_demands demands = NOTHING;
    demands.threads = 8;
    machine.tuning = &tuning;
    struct fit_row row = row_of("gpt2/gpt2-355m/decode/bf16/b1/s64", &demands, &machine);
    ck_assert_str_eq(row.bound, "bandwidth");
    fit_advise(&row, &demands, &machine);
    bool found = false;
    for (size_t i = 0; i < row.advice_count; i++)
        found |= strncmp(row.advice[i], "--threads 2: 0.99×", 18) == 0;
    ck_assert(found);

    tuning = fit_tuning_of(NULL, 4); /* nothing was tried */
    ck_assert_int_eq(tuning.step_count, 0);
    ck_assert_int_eq(fit_tuning_threads(&tuning, &gain), 0);
}
END_TEST

START_TEST(a_teacher_is_told_its_student)
{
    struct fit_machine machine = machine_of(64ull << 30);
    struct fit_row row = row_of("gpt2/gpt2-124m/decode/q4_K_M/b1/s64", &NOTHING, &machine);
    fit_advise(&row, &NOTHING, &machine);
    bool found = false;
    for (size_t i = 0; i < row.advice_count; i++)
        found |= strncmp(row.advice[i], "distilgpt2, distilled from it: ", 31) == 0;
    ck_assert(found);
}
END_TEST

/* With a demand, what meets it stands first, the largest of it on top; what can't stands last. */
START_TEST(the_answer_is_on_top)
{
    struct fit_machine machine = machine_of(16ull << 30);
    struct fit_demands demands = NOTHING;
    struct fit fit;
    struct error error = {0};
    demands.task = "nlp";
    demands.modes = 1u << MODE_DECODE;
    demands.min_throughput = 10;
    ck_assert(fit_make(&demands, &machine, &fit, &error));
    ck_assert_uint_eq(fit.answer, 0);
    ck_assert_int_eq(fit.rows[0].fits, FITS_YES);
    size_t counts[3] = {0};
    for (size_t i = 0; i < fit.row_count; i++) {
        const struct fit_row *row = &fit.rows[i];
        counts[row->fits]++;
        ck_assert(!i || row->fits >= fit.rows[i - 1].fits);
        ck_assert_uint_eq(parts_of(row), row->total_bytes);
        if (row->fits == FITS_YES) {
            ck_assert_double_ge(row->throughput.low, 10);
            ck_assert_uint_le(row->parameters, fit.rows[0].parameters);
        }
        if (row->total_bytes < machine.available_bytes / 2 && row->fits == FITS_NO)
            ck_assert_double_lt(row->throughput.high, 10);
        ck_assert(*row->reason && strchr(row->reason, '\n') == NULL);
    }
    ck_assert(counts[FITS_YES] > 3 && counts[FITS_TIGHT] > 0 && counts[FITS_NO] > 3);
    struct fit_step steps[FIT_STEPS];
    fit_make_steps(&fit, &demands, &machine, steps);
    ck_assert_ptr_nonnull(strstr(steps[0].text, "nlp, decode; at least 10 tokens/s"));
    ck_assert_ptr_nonnull(strstr(steps[1].text, "size is not quality"));
    ck_assert_ptr_nonnull(strstr(steps[2].text, fit.rows[0].one.size->name));
    ck_assert_ptr_nonnull(strstr(steps[3].text, "llama: up to hidden "));
    ck_assert_str_eq(steps[4].name, "tune");
    fit_free(&fit);
}
END_TEST

/* No step is faster than the limits allow; what is usual lies within the interval. */
START_TEST(limits_bound_the_speed)
{
    struct model_case one;
    ck_assert(case_parse("llama/tinyllama-1.1b/decode/q4_0/b1/s64", &one, NULL));
    struct graph *graph = case_build(&one, NULL);
    const char *bound;
    struct range seconds = limits_seconds(&LIMITS, graph, &bound);
    struct cost cost = graph_cost(graph);
    double reading = (cost.bytes_read + cost.bytes_written) / 1e10;
    ck_assert_str_eq(bound, "bandwidth");
    ck_assert(seconds.low >= reading * 0.999 && seconds.low < reading * 1.2);
    ck_assert(seconds.low < seconds.median && seconds.median < seconds.high);
    graph_free(graph);

    struct fit_limits sheet = limits_of_device(device_find("NVIDIA GeForce RTX 4090"));
    ck_assert(sheet.sheet && limits_known(&sheet));
    ck_assert_double_eq_tol(sheet.bytes_per_s, 1008e9, 1);
    struct fit_limits old = limits_of_device(device_find("NVIDIA Tesla P4")); /* slower in half than in single */
    ck_assert_double_eq(old.half_flops, old.f32_flops);
    struct fit_limits unknown = limits_of_device(device_find("Intel Processor N100"));
    ck_assert(!limits_known(&unknown));
}
END_TEST

/* Of several machines one row each, the least memory that runs it first. */
START_TEST(machines_are_compared)
{
    static const char *const names[] = {"Apple M2 Ultra", "NVIDIA GeForce RTX 4060", "NVIDIA GeForce RTX 4090"};
    struct fit_demands demands = NOTHING;
    struct fit fit = {0};
    struct error error = {0};
    struct fit_limits limits[3];
    demands.models = (const char *const[]){"llama-3-8b", NULL};
    demands.modes = 1u << MODE_DECODE;
    demands.dtypes[demands.dtype_count++] = "bf16";
    for (int i = 0; i < 3; i++) {
        const struct device *device = device_find(names[i]);
        struct fit_machine machine = machine_of((uint64_t)device->memory_gib << 30);
        limits[i] = limits_of_device(device);
        machine.name = device->name;
        machine.limits = &limits[i];
        ck_assert(fit_add_machine(&fit, &demands, &machine, &error));
    }
    fit_conclude(&fit, &demands, NULL);
    ck_assert_uint_eq(fit.row_count, 3);
    ck_assert_str_eq(fit.rows[0].machine, names[2]); /* 16 GB of weights: 8 are too few, 24 enough */
    ck_assert_str_eq(fit.rows[1].machine, names[0]);
    ck_assert_str_eq(fit.rows[2].machine, names[1]);
    ck_assert_int_eq(fit.rows[2].fits, FITS_NO);
    ck_assert(fit.rows[0].sheet && !fit.rows[0].estimated && !fit.rows[0].measured);
    fit_free(&fit);
}
END_TEST

int main(void)
{
    return suite_run("fitness", 120,
                     SUITE(LOOP(the_longest_context_is_the_longest, 3), ONCE(no_context_fits_beside_weights_too_large),
                           ONCE(windows_bound_the_cache), ONCE(the_cache_has_a_type_of_its_own),
                           ONCE(the_widest_is_found), ONCE(advice_is_the_alternatives_figures),
                           ONCE(tuning_is_what_was_tried), ONCE(a_teacher_is_told_its_student),
                           ONCE(the_answer_is_on_top), ONCE(limits_bound_the_speed), ONCE(machines_are_compared)));
}
