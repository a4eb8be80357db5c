/* What is kept of a run: `report`, `export`, `import`, and the store, through the real program. */
#include <stdio.h>
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

static void add(TCase *tests)
{
    tcase_add_test(tests, report_export_and_import_agree);
    tcase_add_test(tests, speech_is_told_in_real_time);
    tcase_add_test(tests, unsound_stores_cost_one_line);
}

int main(void)
{
    return measured_main("kept", add);
}
