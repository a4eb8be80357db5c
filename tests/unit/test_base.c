/* harness/base: what people write is read right or refused with a line that helps. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/error.h"
#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "harness/base/random.h"
#include "harness/base/text.h"
#include "tests/suite.h"

START_TEST(sizes)
{
    static const struct {
        const char *text;
        uint64_t bytes; /* 0: refused */
    } rows[] = {{"8GiB", 8ull << 30}, {"500MB", 500000000}, {"4096", 4096}, {"1.5 GiB", 3ull << 29},
                {"2g", 2ull << 30},   {"1k", 1024},         {"7B", 7},      {"", 0},
                {"GiB", 0},           {"-1GiB", 0},         {"0", 0},       {"8GiBs", 0},
                {"1e30", 0},          {"nan", 0},           {"8 Gb it", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t bytes = 0;
        struct error error = {0};
        bool right = parse_size(rows[i].text, "--memory", &bytes, &error);
        ck_assert_msg(right == (rows[i].bytes != 0), "'%s'", rows[i].text);
        if (right)
            ck_assert_uint_eq(bytes, rows[i].bytes);
        else
            ck_assert_msg(strstr(error.message, "--memory: '") && error.kind == ERROR_INPUT, "%s", error.message);
    }
}
END_TEST

START_TEST(durations)
{
    static const struct {
        const char *text;
        double seconds;
    } rows[] = {{"90s", 90}, {"10m", 600},  {"250ms", 0.25}, {"2h30m", 9000}, {"1.5h", 5400},
                {"45", 45},  {"1m30s", 90}, {"", 0},         {"m", 0},        {"-3s", 0},
                {"3x", 0},   {"0s", 0},     {"10m5", 0},     {"1e400s", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double seconds = 0;
        struct error error = {0};
        bool right = parse_duration(rows[i].text, "--budget", &seconds, &error);
        ck_assert_msg(right == (rows[i].seconds != 0), "'%s'", rows[i].text);
        if (right)
            ck_assert_double_eq_tol(seconds, rows[i].seconds, 1e-9);
    }
}
END_TEST

START_TEST(counts)
{
    uint64_t value;
    struct error error;
    ck_assert(parse_count("12", "--threads", 1, 64, &value, &error) && value == 12);
    ck_assert(!parse_count("0", "--threads", 1, 64, &value, &error));
    ck_assert(!parse_count("65", "--threads", 1, 64, &value, &error));
    ck_assert(!parse_count("-1", "--threads", 0, UINT64_MAX, &value, &error));
    ck_assert(!parse_count("1x", "--threads", 1, 64, &value, &error));
    ck_assert(!parse_count("99999999999999999999", "--threads", 0, UINT64_MAX, &value, &error));
    ck_assert_str_eq(error.message, "--threads: '99999999999999999999' is not a whole number of at least 0");
}
END_TEST

START_TEST(globs)
{
    ck_assert(glob_match("*/train/*", "gpt2/gpt2-124m/train/f32/b4/s64"));
    ck_assert(glob_match("GPT2*", "gpt2/gpt2-124m/train/f32/b4/s64"));
    ck_assert(glob_match("mlp/mlp-1?/*", "mlp/mlp-1m/forward/f32/b1"));
    ck_assert(!glob_match("*/train", "gpt2/gpt2-124m/train/f32/b4/s64"));
    ck_assert(glob_match("*", "") && !glob_match("", "x"));
    ck_assert(!glob_match("*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}
END_TEST

START_TEST(formats)
{
    char text[64];
    format_size(512ull << 20, text, sizeof text);
    ck_assert_str_eq(text, "512 MiB");
    format_size(6657199309ull, text, sizeof text);
    ck_assert_str_eq(text, "6.20 GiB");
    format_duration(0.0183, text, sizeof text);
    ck_assert_str_eq(text, "18.3 ms");
    format_duration(125, text, sizeof text);
    ck_assert_str_eq(text, "2 min 5 s");
    format_count(124439808, text, sizeof text);
    ck_assert_str_eq(text, "124M");
    format_count(8030261248., text, sizeof text);
    ck_assert_str_eq(text, "8.03B");
}
END_TEST

START_TEST(nearest)
{
    const char *names[] = {"gpt2-124m", "gpt2-355m", "seed-cnn", "mlp-1m"};
    char text[128];
    nearest_names("gpt2-125m", names, 4, 2, text, sizeof text);
    ck_assert_str_eq(text, "gpt2-124m or gpt2-355m");
}
END_TEST

START_TEST(errors_hold_no_controls)
{
    struct error error;
    ck_assert(!error_set(&error, ERROR_INPUT, "file '%s'", "a\033[31m\nb"));
    ck_assert_str_eq(error.message, "file 'a?[31m?b'");
    error_prefix(&error, "x.json");
    ck_assert_str_eq(error.message, "x.json: file 'a?[31m?b'");
    ck_assert_int_eq(error.kind, ERROR_INPUT);
}
END_TEST

START_TEST(json_leaves_absent_out)
{
    json_t *object = json_object();
    json_put_real(object, "a", NAN);
    json_put_real(object, "b", INFINITY);
    json_put_string(object, "c", NULL);
    json_put_string(object, "d",
                    "bad\xff"
                    "byte");
    json_put_real(object, "e", 0.5);
    char *text = json_write(object, false);
    ck_assert_str_eq(text, "{\"d\":\"bad\xef\xbf\xbd"
                           "byte\",\"e\":0.5}");
    free(text);
    json_decref(object);
    struct error error;
    ck_assert_ptr_null(json_parse("{\"a\":1,\"a\":2}", 13, "x.json", &error));
    ck_assert_int_eq(error.kind, ERROR_INPUT);
}
END_TEST

/* Every real is written so that it reads back as itself, in as few digits as that takes; text is left as it is. */
START_TEST(json_reals_round_trip)
{
    static const double values[] = {0.1, 1e22, 1.0 / 3, 5e-324, 1.7976931348623157e308, -0.004, 7.54031252654e-05, 3};
    json_t *object = json_object(), *array = json_array();
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        json_array_append_new(array, json_real(values[i]));
    json_put_string(object, "0.10000000000000001", "\\\"0.10000000000000001\\");
    json_put(object, "n", array);
    json_put_bool(object, "t", true);
    char *text = json_write(object, false);
    ck_assert_str_eq(text, "{\"0.10000000000000001\":\"\\\\\\\"0.10000000000000001\\\\\",\"n\":[0.1,1e22,"
                           "0.3333333333333333,4.94065645841e-324,1.7976931348623157e308,-0.004,7.54031252654e-05,3.0],"
                           "\"t\":true}");
    json_t *again = json_parse(text, strlen(text), "x.json", NULL);
    ck_assert(again && json_equal(again, object));
    free(text);
    json_decref(object);
    json_decref(again);
}
END_TEST

START_TEST(text_columns_of_wide_text)
{
    ck_assert_uint_eq(text_columns("abc"), 3);
    ck_assert_uint_eq(text_columns("µs ±"), 4);
    ck_assert_uint_eq(text_columns("模型"), 4);
}
END_TEST

START_TEST(random_numbers_are_fixed)
{
    /* The last value stands in tests/golden/generator.py too: the two generators must agree for ever. */
    uint64_t key = random_key(1, "wte.weight");
    double sum = 0, square = 0;
    for (int i = 0; i < 100000; i++) {
        float x = random_normal(key, (uint64_t)i);
        sum += x;
        square += (double)x * x;
    }
    ck_assert_double_eq_tol(sum / 100000, 0, 0.01);
    ck_assert_double_eq_tol(square / 100000, 1, 0.02);
    ck_assert_uint_ne(random_key(1, "a"), random_key(2, "a"));
    ck_assert_uint_eq(random_mix(1), UINT64_C(0x5692161d100b05e5));
}
END_TEST

int main(void)
{
    return suite_run("base", 60,
                     SUITE(ONCE(sizes), ONCE(durations), ONCE(counts), ONCE(globs), ONCE(formats), ONCE(nearest),
                           ONCE(errors_hold_no_controls), ONCE(json_leaves_absent_out), ONCE(json_reals_round_trip),
                           ONCE(text_columns_of_wide_text), ONCE(random_numbers_are_fixed)));
}
