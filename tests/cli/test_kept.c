/* What is kept of a run: `report`, `export`, `import`, and the store, through the real program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measured.h"

START_TEST(report_export_and_import_agree)
{
    char file[96];
    snprintf(file, sizeof file, "%s/run.json", measured_folder);
    struct answer answer = call("export -o %s", file);
    ck_assert_msg(answer.code == 0, "%s", answer.err);
    answer_free(&answer);
    struct answer before = call("report --json"), from_file = call("report --json %s", file);
    ck_assert_str_eq(before.out, from_file.out);
    answer_free(&from_file);
    remove_store();
    answer = call("import %s --json", file);
    ck_assert_msg(answer.code == 0 && strstr(answer.out, "\"added\": true"), "%s%s", answer.out, answer.err);
    answer_free(&answer);
    answer = call("import %s --json", file);
    ck_assert_msg(answer.code == 0 && strstr(answer.out, "\"added\": false"), "%s%s", answer.out, answer.err);
    answer_free(&answer);
    struct answer after = call("report --json latest");
    ck_assert_str_eq(before.out, after.out);
    answer_free(&before);
    answer_free(&after);
    answer = call("report");
    ck_assert_msg(strstr(answer.out, SMALL) && strstr(answer.out, "name=first"), "%s", answer.out);
    answer_free(&answer);
    answer = call("report --format csv");
    ck_assert_msg(!strncmp(answer.out, "case,throughput,unit,time_s,time_s_low,", 39), "%s", answer.out);
    answer_free(&answer);
    struct answer shown = call("report --format text"), exported = call("export --format text"); /* as it is told */
    ck_assert_str_eq(shown.out, exported.out);
    answer_free(&shown);
    answer_free(&exported);
    unlink(file);
}
END_TEST

/* Speech's speed is told as how many times faster than speech it is. */
START_TEST(speech_is_told_in_real_time)
{
    char file[96];
    snprintf(file, sizeof file, "%s/speech.json", measured_folder);
    struct answer answer = call("export");
    json_t *document = document_of(&answer), *throughput = json_object_get(case_of(document, SMALL), "throughput");
    answer_free(&answer);
    json_object_set_new(throughput, "value", json_real(250));
    json_object_set_new(throughput, "unit", json_string("audio_s/s"));
    ck_assert(json_dump_file(document, file, 0) == 0);
    json_decref(document);
    answer = call("report %s", file);
    ck_assert_msg(strstr(answer.out, "250  × real time") != NULL, "%s%s", answer.out, answer.err);
    answer_free(&answer);
    answer = call("report --json %s", file);
    ck_assert_msg(strstr(answer.out, "\"real_time_factor\": 0.004") != NULL, "%s", answer.out);
    answer_free(&answer);
    unlink(file);
}
END_TEST

START_TEST(unsound_stores_cost_one_line)
{
    ck_assert(truncate(measured_store, 5000) == 0);
    refuses("report", 4, "damaged");
    refuses("run --suite " SMALL, 4, "damaged");
    struct stat status;
    ck_assert(stat(measured_store, &status) == 0 && status.st_size == 5000);
    refuses("report --db /dev/full", 4, "/dev/full: not a store");
    refuses("run --suite " SMALL " --db /dev/full", 4, "/dev/full: not a store");
    refuses("run --suite " SMALL " --db /proc/no/history.db", 4, "/proc/no");
    refuses("report --db /tmp", 4, "it is a folder");
}
END_TEST

/* A run beside itself is as fast, by its exact figures. */
START_TEST(a_run_compares_with_its_export)
{
    char file[96];
    snprintf(file, sizeof file, "%s/copy.json", measured_folder);
    struct answer answer = call("export -o %s", file);
    ck_assert_msg(answer.code == 0, "%s", answer.err);
    answer_free(&answer);
    answer = call("compare latest %s --json", file);
    json_t *document = document_of(&answer), *scores = json_object_get(document, "scores");
    ck_assert_str_eq(json_get_string(document, "schema"), "benchmark.compare/1");
    ck_assert_uint_eq(json_array_size(json_object_get(document, "runs")), 2);
    ck_assert_uint_eq(json_array_size(scores), 2);
    /* The one case may have been noisy: then it is named, there is no score, and the exit code says so. */
    bool noisy = json_array_size(json_object_get(document, "left_out")) > 0;
    ck_assert_int_eq(answer.code, noisy ? 3 : 0);
    const json_t *speed = json_object_get(json_array_get(scores, 1), "speed");
    ck_assert(noisy ? !speed : json_get_real(speed, "median") == 1 && json_get_real(speed, "low") < 1.0001);
    json_decref(document);
    answer_free(&answer);
    refuses("compare latest", 2, "at least 2 arguments");
    refuses("compare latest latest~1000000000", 2, "latest~N");
    refuses("compare latest latest --price nobody=1", 2, "no run is called 'nobody'");
    refuses("compare latest latest --weights x=-1", 2, "--weights");
    refuses("compare latest latest --demand gptx9", 2, "--demand: no model is called 'gptx9'");
    refuses("compare latest latest --workload /no/such.json", 2, "/no/such.json");
    unlink(file);
}
END_TEST

/* A second run beside the first, with what a run may have and a small one hasn't. */
static void import_another(void)
{
    char file[96];
    snprintf(file, sizeof file, "%s/another.json", measured_folder);
    struct answer answer = call("export");
    json_t *document = document_of(&answer), *one = case_of(document, SMALL);
    answer_free(&answer);
    json_object_set_new(document, "id", json_string("feed000100000000"));
    json_object_set_new(document, "started", json_string("2026-01-01T00:00:00.000Z"));
    json_object_set_new(document, "note", json_string("name=second=\x1b[1m \"quoted\"\nline"));
    json_object_set_new(document, "engine", json_string("another"));
    json_object_set_new(one, "counters", json_pack("{s:I}", "cycles", (json_int_t)123456789));
    json_object_set_new(one, "energy_j", json_real(0.5));
    json_object_set_new(one, "reason", json_string("=1+1"));
    ck_assert(json_dump_file(document, file, 0) == 0);
    json_decref(document);
    answer = call("import %s", file);
    ck_assert_msg(answer.code == 0, "%s", answer.err);
    answer_free(&answer);
    unlink(file);
}

static const char *const told[] = {"report latest",
                                   "report latest --json",
                                   "report feed --json",
                                   "report feed --format csv",
                                   "report feed --format html",
                                   "report feed --format markdown",
                                   "report feed --format junit",
                                   "export --all --format csv",
                                   "compare latest feed --any-software --json"};
enum { TOLD = sizeof told / sizeof *told };

/* What is exported and imported into an empty store is told in the same words. */
START_TEST(a_store_moves_whole)
{
    char folder[96], file[160];
    snprintf(folder, sizeof folder, "%s/all", measured_folder);
    import_another();
    struct answer before[TOLD];
    for (size_t i = 0; i < TOLD; i++)
        before[i] = call("%s", told[i]);
    struct answer answer = call("export --all -o %s", folder);
    ck_assert_msg(answer.code == 0 && !*answer.out, "%s%s", answer.out, answer.err);
    answer_free(&answer);
    remove_store();
    for (int again = 0; again < 2; again++) {
        answer = call("import %s", folder);
        ck_assert_msg(answer.code == 0 && strstr(answer.out, again ? "0 runs were added, 2 were there already"
                                                                   : "2 runs were added, 0 were there already"),
                      "%s%s", answer.out, answer.err);
        answer_free(&answer);
        for (size_t i = 0; i < TOLD; i++) {
            answer = call("%s", told[i]);
            ck_assert_msg(answer.code == before[i].code && !strcmp(answer.out, before[i].out), "%s: %s\nand before: %s",
                          told[i], answer.out, before[i].out);
            answer_free(&answer);
        }
    }
    for (size_t i = 0; i < TOLD; i++)
        answer_free(&before[i]);

    /* One that can't be imported: nothing is, unless the others are asked for. */
    remove_store();
    snprintf(file, sizeof file, "%s/bad.json", folder);
    FILE *bad = fopen(file, "w");
    ck_assert(bad && fputs("{\"schema\": \"benchmark.run/1\"}", bad) > 0 && fclose(bad) == 0);
    snprintf(file, sizeof file, "import %s", folder);
    refuses(file, 2, "bad.json: 'id' must be there");
    refuses("report", 2, "no run yet");
    answer = call("import %s --skip-bad --json", folder);
    json_t *document = document_of(&answer);
    ck_assert_int_eq(answer.code, 2);
    ck_assert_uint_eq(json_array_size(json_object_get(document, "runs")), 2);
    ck_assert_uint_eq(json_array_size(json_object_get(document, "refused")), 1);
    json_decref(document);
    answer_free(&answer);
    answer = call("report feed");
    ck_assert_int_eq(answer.code, 0);
    answer_free(&answer);

    refuses("export --all", 2, "-o FOLDER");
    refuses("export --all latest", 2, "isn't to be named");
    refuses("export --all -o /dev/null", 2, "isn't a folder");
    snprintf(file, sizeof file, "rm -r %s", folder);
    ck_assert(system(file) == 0);
    ck_assert(mkdir(folder, 0755) == 0);
    snprintf(file, sizeof file, "import %s", folder);
    refuses(file, 2, "no file in it has a name that ends in .json");
    rmdir(folder);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, report_export_and_import_agree);
    tcase_add_test(tests, speech_is_told_in_real_time);
    tcase_add_test(tests, a_run_compares_with_its_export);
    tcase_add_test(tests, a_store_moves_whole);
    tcase_add_test(tests, unsound_stores_cost_one_line);
}

int main(void)
{
    return measured_main("kept", add);
}
