/* reports/workload and what answers it: demands as people write them, a workload's file with every mistake, and what a
 * machine says to a demand by its records, its ceilings and its data sheet. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/json.h"
#include "models/families/family.h"
#include "reports/compare.h"
#include "reports/fitness/demand_answer.h"
#include "reports/fitness/sheet_run.h"
#include "tests/suite.h"

static struct demand demand_of(const char *text)
{
    struct demand demand;
    struct error error = {0};
    ck_assert_msg(demand_parse(text, "--demand", &demand, &error), "%s", error.message);
    return demand;
}

START_TEST(demands_are_read)
{
    struct demand demand = demand_of("Llama-3-8B  decode q4_K_M b8 s4096 >= 20.5 tokens/s total");
    ck_assert_str_eq(demand.size->name, "llama-3-8b");
    ck_assert_int_eq(demand.mode, MODE_DECODE);
    ck_assert_str_eq(demand.dtype, "q4_K_M");
    ck_assert(demand.batch == 8 && demand.context == 4096 && demand.least == 20.5 && demand.total);
    demand = demand_of("resnet-50 forward \u2265 3 images/s");
    ck_assert(!demand.batch && !demand.context && !*demand.dtype && !demand.total);
}
END_TEST

static const struct mistake {
    const char *text, *part;
} demand_mistakes[] = {
    {"", "a demand is a model, a mode and a rate"},
    {"lama-3-8b decode >= 20 tokens/s", "the nearest are"},
    {"llama-3-8b", "'nothing' is not a mode of llama-3-8b"},
    {"llama-3-8b dekode >= 20 tokens/s", "'dekode' is not a mode of llama-3-8b; these are: forward, train"},
    {"resnet-50 decode >= 20 images/s", "'decode' is not a mode"},
    {"llama-3-8b decode 20 tokens/s", "'20' is neither >= nor one of"},
    {"llama-3-8b decode q4_9 >= 20 tokens/s", "'q4_9' is neither"},
    {"llama-3-8b decode b0 >= 20 tokens/s", "'0' is not a whole number"},
    {"llama-3-8b decode >= twenty tokens/s", "'twenty' is not a number"},
    {"llama-3-8b decode >= -1 tokens/s", "'-1' is not a number"},
    {"llama-3-8b decode >= 20", ">= is followed by a number and tokens/s"},
    {"llama-3-8b decode >= 20 images/s", "is told in tokens/s, not in 'images/s'"},
    {"llama-3-8b decode >= 20 tokens/s each", "'total' alone, not 'each'"},
    {"llama-3-8b decode >= 20 tokens/s total now", "'total' alone"},
    {"llama-3-8b decode", "has no >= with a rate behind it"},
};
enum { DEMAND_MISTAKES = sizeof demand_mistakes / sizeof *demand_mistakes };

START_TEST(a_wrong_demand_is_told)
{
    const struct mistake *one = &demand_mistakes[_i];
    struct demand demand;
    struct error error = {0};
    ck_assert_msg(!demand_parse(one->text, "--demand", &demand, &error), "took '%s'", one->text);
    ck_assert_int_eq(error.kind, ERROR_INPUT);
    ck_assert_msg(strstr(error.message, one->part) && !strncmp(error.message, "--demand: ", 10), "'%s' says: %s",
                  one->text, error.message);
}
END_TEST

/* ---- the file ---- */

static bool read_text(const char *text, struct workload *workload, struct error *error)
{
    char path[] = "/tmp/benchmark-workload-XXXXXX";
    int file = mkstemp(path);
    ck_assert(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text));
    close(file);
    bool right = workload_read_file(path, workload, error);
    unlink(path);
    return right;
}

START_TEST(a_file_is_read)
{
    struct workload workload;
    struct error error = {0};
    ck_assert_msg(
        read_text("{\"schema\": \"benchmark.workload/1\", \"name\": \"chat\", \"cases\": [\"gpt2/*\", \"llama/*\"],"
                  " \"weights\": {\"*/train/*\": 2, \"*/b8/*\": 0}, \"demands\": [\"gpt2-124m train >= 5 "
                  "tokens/s\"]}",
                  &workload, &error),
        "%s", error.message);
    ck_assert_str_eq(workload.name, "chat");
    ck_assert_uint_eq(workload.demand_count, 1);
    ck_assert(workload_weight(&workload, "gpt2/gpt2-124m/train/f32/b4/s64") == 2);
    ck_assert(workload_weight(&workload, "gpt2/gpt2-124m/train/f32/b8/s64") == 0); /* the last that matches */
    ck_assert(workload_weight(&workload, "llama/llama-15m/forward/f32/b4/s64") == 1);
    ck_assert(isnan(workload_weight(&workload, "cnn/resnet-50/train/f32/b4")));
    const struct named_value more = {"gpt2/*", 7};
    ck_assert(workload_add_weight(&workload, &more));
    ck_assert(workload_weight(&workload, "gpt2/gpt2-124m/train/f32/b8/s64") == 7);
    workload_free(&workload);
}
END_TEST

static const struct mistake file_mistakes[] = {
    {"", "line 1"},
    {"[]", "a workload is an object"},
    {"{}", "'name' is missing"},
    {"{\"name\": 3}", "'name' must be text"},
    {"{\"name\": \"\"}", "'name' must be text"},
    {"{\"name\": \"x\", \"name\": \"y\"}", "duplicate"},
    {"{\"name\": \"x\", \"case\": []}", "'case' is not a field of a workload"},
    {"{\"name\": \"x\", \"schema\": \"benchmark.workload/2\"}", "'schema' must be"},
    {"{\"name\": \"x\", \"cases\": []}", "'cases' must be a list of 1 to"},
    {"{\"name\": \"x\", \"cases\": \"gpt2/*\"}", "'cases' must be a list"},
    {"{\"name\": \"x\", \"cases\": [\"a\", 1]}", "'cases'[1] must be a glob"},
    {"{\"name\": \"x\", \"weights\": [1]}", "'weights' must be an object"},
    {"{\"name\": \"x\", \"weights\": {\"a\": -1}}", "\"a\" must have a number from 0"},
    {"{\"name\": \"x\", \"weights\": {\"a\": \"2\"}}", "\"a\" must have a number from 0"},
    {"{\"name\": \"x\", \"demands\": {}}", "'demands' must be a list"},
    {"{\"name\": \"x\", \"demands\": [7]}", "'demands'[0] must be text"},
    {"{\"name\": \"x\", \"demands\": [\"gpt2-124m train >= 5 tokens/s\", \"gpt9 train >= 5 tokens/s\"]}",
     "'demands'[1]: no model is called 'gpt9'"},
};
enum { FILE_MISTAKES = sizeof file_mistakes / sizeof *file_mistakes };

START_TEST(a_wrong_file_is_told)
{
    const struct mistake *one = &file_mistakes[_i];
    struct workload workload;
    struct error error = {0};
    ck_assert_msg(!read_text(one->text, &workload, &error), "took %s", one->text);
    ck_assert_int_eq(error.kind, ERROR_INPUT);
    ck_assert_msg(strstr(error.message, one->part), "%s says: %s", one->text, error.message);
}
END_TEST

/* ---- answers ---- */

/* A machine of 8 GiB whose ceilings are known, with one record. */
static struct run machine_with(const char *id, enum status status, double seconds, double units)
{
    struct run run = {.id = "65a0000011112222"};
    run.machine = json_pack("{s:s, s:s, s:s, s:{s:i}, s:{s:I, s:I}, s:{s:f, s:f}}", "schema", "benchmark.machine/1",
                            "fingerprint", "00112233445566778899aabbccddeeff", "name", "rack", "cpu", "usable_threads",
                            4, "memory", "total_bytes", (json_int_t)8 << 30, "limit_bytes", (json_int_t)8 << 30,
                            "ceilings", "peak_f32_gflops", 400.0, "read_gbs", 40.0);
    run.records = calloc(1, sizeof *run.records);
    run.record_count = 1;
    record_clear(&run.records[0]);
    snprintf(run.records[0].id, TEXT_ID, "%s", id);
    snprintf(run.records[0].unit, TEXT_WORD, "tokens/s");
    run.records[0].status = status;
    run.records[0].threads = 4;
    if (status_is_measured(status)) {
        run.records[0].time = (struct interval){seconds, 0.9 * seconds, 1.1 * seconds, 0.95};
        run.records[0].throughput = units / seconds;
    }
    return run;
}

static struct demand_answer ask(const struct run *run, const struct device *device, const char *text)
{
    struct demand demand = demand_of(text);
    struct demanded_machine machine;
    struct demand_answer answer;
    struct error error = {0};
    ck_assert_msg(demanded_machine_open(run, device, &machine, &error), "%s", error.message);
    ck_assert_msg(demand_answer(&demand, &machine, &answer, &error), "%s", error.message);
    demanded_machine_close(&machine);
    return answer;
}

START_TEST(what_was_measured_answers)
{
    struct run run = machine_with("gpt2/gpt2-124m/decode/bf16/b1/s512", STATUS_OK, 0.02, 1); /* 50, 45.5 to 55.6 */
    static const struct {
        const char *demand;
        enum verdict verdict;
    } rows[] = {{"gpt2-124m decode >= 45 tokens/s", VERDICT_YES},
                {"gpt2-124m decode >= 50 tokens/s", VERDICT_MAYBE},
                {"gpt2-124m decode >= 56 tokens/s", VERDICT_NO},
                {"gpt2-124m decode >= 500000 tokens/s total", VERDICT_YES}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct demand_answer answer = ask(&run, NULL, rows[i].demand);
        ck_assert_msg(answer.verdict == rows[i].verdict, "%s: %s", rows[i].demand, verdict_name(answer.verdict));
        ck_assert_str_eq(answer.basis, "measured");
        ck_assert_str_eq(answer.id, "gpt2/gpt2-124m/decode/bf16/b1/s512");
    }
    snprintf(run.records[0].id, TEXT_ID, "gpt2/gpt2-124m/decode/bf16/b1/s512/layers-2"); /* of a part of the model */
    ck_assert_str_eq(ask(&run, NULL, rows[0].demand).basis, "estimated");
    snprintf(run.records[0].id, TEXT_ID, "gpt2/gpt2-124m/decode/bf16/b1/s512");
    run.records[0].status = STATUS_NOISY; /* on a busy machine nothing is certain */
    ck_assert_int_eq(ask(&run, NULL, rows[0].demand).verdict, VERDICT_MAYBE);
    run_free(&run);
}
END_TEST

START_TEST(what_was_not_measured_is_estimated)
{
    struct run run = machine_with("gpt2/gpt2-124m/decode/bf16/b8/s512", STATUS_OK, 0.02, 8);
    struct demand_answer answer = ask(&run, NULL, "gpt2-124m decode >= 1 tokens/s"); /* of one sequence: by ceilings */
    ck_assert_str_eq(answer.basis, "estimated");
    ck_assert_int_eq(answer.verdict, VERDICT_YES);
    answer = ask(&run, NULL, "gpt2-124m decode >= 1000000 tokens/s");
    ck_assert_int_eq(answer.verdict, VERDICT_NO);
    answer = ask(&run, NULL, "llama-3-70b decode >= 0.001 tokens/s"); /* in 8 GiB */
    ck_assert_int_eq(answer.verdict, VERDICT_NO);
    ck_assert_msg(strstr(answer.reason, "does not fit"), "%s", answer.reason);
    run_free(&run);
}
END_TEST

/* What was tried and failed is no estimate's business. */
START_TEST(what_could_not_be_run_is_not_done)
{
    struct run run = machine_with("gpt2/gpt2-124m/train/f32/b4/s64", STATUS_OUT_OF_MEMORY, 0, 0);
    struct demand_answer answer = ask(&run, NULL, "gpt2-124m train f32 >= 1 tokens/s");
    ck_assert_int_eq(answer.verdict, VERDICT_NO);
    ck_assert_msg(strstr(answer.reason, "out_of_memory"), "%s", answer.reason);
    answer = ask(&run, NULL, "gpt2-124m train >= 1 tokens/s"); /* in bf16 it may */
    ck_assert_str_eq(answer.basis, "estimated");
    run_free(&run);
}
END_TEST

START_TEST(a_data_sheet_answers)
{
    static const struct workload everything;
    const struct device *device = device_find("nvidia geforce rtx 4090"),
                        *small = device_find("NVIDIA GeForce RTX 4060");
    struct run like = machine_with("llama/llama-3-8b/decode/bf16/b1/s512", STATUS_OK, 0.2, 1), run;
    struct error error = {0};
    ck_assert_msg(sheet_run_make(device, &like, &everything, &run, &error), "%s", error.message);
    ck_assert_str_eq(run_machine_name(&run), "NVIDIA GeForce RTX 4090");
    const struct record *record = &run.records[0];
    ck_assert_int_eq(record->status, STATUS_OK);
    /* 16 GB of weights at the least and the most of 1008 GB/s that programs reach */
    ck_assert_msg(record->throughput > 20 && record->throughput < 60, "%g tokens/s", record->throughput);
    ck_assert(record->time.high > 2 * record->time.low);
    ck_assert_str_eq(ask(&run, device, "llama-3-8b decode bf16 >= 10 tokens/s").basis, "data sheet");
    run_free(&run);

    ck_assert_msg(sheet_run_make(small, &like, &everything, &run, &error), "%s", error.message); /* 8 GiB */
    ck_assert_int_eq(run.records[0].status, STATUS_OUT_OF_MEMORY);
    ck_assert_int_eq(ask(&run, small, "llama-3-8b decode bf16 >= 1 tokens/s").verdict, VERDICT_NO);
    ck_assert_int_eq(ask(&run, small, "llama-3-8b decode q4_0 >= 1 tokens/s").verdict, VERDICT_YES);
    run_free(&run);
    run_free(&like);
}
END_TEST

int main(void)
{
    return suite_run("workload", 120,
                     SUITE(ONCE(demands_are_read), LOOP(a_wrong_demand_is_told, DEMAND_MISTAKES), ONCE(a_file_is_read),
                           LOOP(a_wrong_file_is_told, FILE_MISTAKES), ONCE(what_was_measured_answers),
                           ONCE(what_was_not_measured_is_estimated), ONCE(what_could_not_be_run_is_not_done),
                           ONCE(a_data_sheet_answers)));
}
