/* Nights of one machine, through the real program: `regress` tells what got slower and what changed there, `history`
 * shows it, and what was accepted isn't told again. The nights are documents made from one that was measured. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "measured.h"

enum { NIGHTS = 30, SLOWER_FROM = 26 };

static void set_real(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key, json_real(value));
}

/* Night `n` of the run: at 1 ms within half a percent, a fifth slower from SLOWER_FROM on, under another kernel. */
static void make_night(json_t *run, int n)
{
    static const double noise[] = {0, 0.004, -0.003, 0.001, -0.005, 0.003, -0.001, 0.002, -0.004, 0.005, -0.002};
    double seconds = 1e-3 * (1 + noise[n * 7 % 11]) * (n >= SLOWER_FROM ? 1.2 : 1);
    char text[64];
    json_t *one = case_of(run, SMALL), *time = json_object(), *samples = json_array();
    snprintf(text, sizeof text, "%08x%08x", 0x10000000 + n, n);
    json_object_set_new(run, "id", json_string(text));
    snprintf(text, sizeof text, "2025-01-%02dT02:00:00Z", n + 1);
    json_object_set_new(run, "started", json_string(text));
    json_object_set_new(run, "finished", json_string(text));
    json_object_set_new(json_object_get(json_object_get(run, "machine"), "software"), "kernel",
                        json_string(n >= SLOWER_FROM ? "6.2" : "6.1"));
    for (int i = -3; i <= 3; i++)
        json_array_append_new(samples, json_real(seconds * (1 + 0.001 * i)));
    set_real(time, "median", seconds);
    set_real(time, "low", seconds * 0.997);
    set_real(time, "high", seconds * 1.003);
    set_real(time, "confidence", 0.95);
    json_object_set_new(one, "time_s", time);
    json_object_set_new(one, "samples_s", samples);
    json_object_set_new(one, "status", json_string("ok"));
}

static void import_nights(void)
{
    struct answer answer = call("export");
    json_t *run = document_of(&answer);
    char file[96];
    answer_free(&answer);
    snprintf(file, sizeof file, "%s/night.json", measured_folder);
    remove_store();
    for (int n = 0; n < NIGHTS; n++) {
        make_night(run, n);
        ck_assert(json_dump_file(run, file, 0) == 0);
        answer = call("import %s", file);
        ck_assert_msg(answer.code == 0, "%s", answer.err);
        answer_free(&answer);
    }
    json_decref(run);
    unlink(file);
}

/* The verdict of a run, which the exit code must say too; *document is the caller's. */
static void judged(const char *run, const char *verdict, int code, json_t **document)
{
    struct answer answer = call("regress %s --json", run);
    *document = document_of(&answer);
    ck_assert_str_eq(json_get_string(*document, "verdict"), verdict);
    ck_assert_int_eq(answer.code, code);
    answer_free(&answer);
}

static const json_t *time_of(const json_t *document)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(document, "cases"), i,
                       one) if (!strcmp(json_get_string(one, "quantity"), "time_s")) return one;
    return NULL;
}

START_TEST(a_slower_night_is_told_once)
{
    import_nights();
    json_t *document;
    judged("latest~5", "clean", 0, &document);
    json_decref(document);
    judged("latest~3", "clean", 0, &document); /* one odd night is none */
    json_decref(document);
    judged("latest", "regression", 1, &document);
    const json_t *slower = time_of(document), *suspects = json_object_get(document, "suspects");
    ck_assert_str_eq(json_get_string(slower, "verdict"), "slower");
    ck_assert_str_eq(json_get_string(slower, "since"), "1000001a0000001a");
    ck_assert_double_eq_tol(json_get_real(slower, "change"), 1.2, 0.02);
    ck_assert_uint_eq(json_array_size(suspects), 1);
    ck_assert_str_eq(json_get_string(json_array_get(suspects, 0), "field"), "software.kernel");
    json_decref(document);
    struct answer answer = call("regress --accept");
    ck_assert_msg(answer.code == 0 && strstr(answer.out, "slower"), "%s%s", answer.out, answer.err);
    answer_free(&answer);
    judged("latest", "clean", 0, &document);
    json_decref(document);
}
END_TEST

START_TEST(history_marks_it)
{
    import_nights();
    struct answer answer = call("history --json");
    json_t *document = document_of(&answer), *series = json_array_get(json_object_get(document, "series"), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(series, "points")), NIGHTS);
    const json_t *change = json_array_get(json_object_get(series, "changes"), 0);
    ck_assert_str_eq(json_get_string(change, "run"), "1000001a0000001a");
    ck_assert_double_eq_tol(json_get_real(change, "change"), 1.2, 0.02);
    json_decref(document);
    answer_free(&answer);
    answer = call("history");
    ck_assert_msg(strstr(answer.out, "6.2") && strstr(answer.out, SMALL), "%s", answer.out);
    answer_free(&answer);
    refuses("history --filter nothing", 2, "no case matches");
}
END_TEST

START_TEST(a_first_run_has_nothing_beside_it)
{
    json_t *document;
    judged("latest", "clean", 0, &document);
    ck_assert_uint_eq(json_array_size(json_object_get(document, "baseline")), 0);
    json_decref(document);
    refuses("regress --threshold -1", 2, "--threshold");
    refuses("regress --alpha 2", 2, "--alpha");
    refuses("regress --baseline yesterday", 2, "last:N");
    refuses("regress nosuchrun", 2, "no such run");
}
END_TEST

/* What may be worse is measured again, as one more run; how fast it is here decides nothing. */
START_TEST(confirming_is_one_more_run)
{
    import_nights();
    struct answer answer = call("regress --confirm --json");
    json_t *document = document_of(&answer);
    ck_assert_msg(answer.code == 0 || answer.code == 1 || answer.code == 3, "%d: %s", answer.code, answer.err);
    ck_assert_str_ne(json_get_string(document, "run"), "1000001d0000001d");
    json_decref(document);
    answer_free(&answer);
    answer = call("history --json");
    document = document_of(&answer);
    ck_assert_uint_eq(json_array_size(json_object_get(document, "runs")), NIGHTS + 1);
    json_decref(document);
    answer_free(&answer);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, a_slower_night_is_told_once);
    tcase_add_test(tests, history_marks_it);
    tcase_add_test(tests, confirming_is_one_more_run);
    tcase_add_test(tests, a_first_run_has_nothing_beside_it);
}

int main(void)
{
    return measured_main("nights", add);
}
