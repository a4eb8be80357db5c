/* reports: the same made-up report in every format. `test_report --show FORMAT` prints it, to be looked at. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "reports/format/format.h"
#include "reports/format/wrap.h"
#include "reports/report.h"
#include "tests/suite.h"

static const struct column columns[] = {
    {"model", "Model", false, 0},        {"fits", "Fits", false, 0},
    {"memory_bytes", "Memory", true, 0}, {"throughput_tokens_per_s", "Tokens/s", true, 0},
    {"latency_s", "Latency", true, 1},   {"bound", "Bound", false, 2},
    {"dtype", "Dtype", false, 1},        {"advice", "Advice", false, 3},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static void add_row(struct table *table, const char *model, const char *fits, enum tone tone, double bytes,
                    double speed, const char *advice)
{
    struct cell *row = table_row(table);
    cell_text(&row[0], TONE_PLAIN, "%s", model);
    cell_text(&row[1], tone, "%s", fits);
    cell_number(&row[2], bytes, "%.1f GB", bytes / 1e9);
    if (isfinite(speed)) {
        cell_number(&row[3], speed, "%.1f", speed);
        cell_number(&row[4], 1 / speed, "%.1f ms", 1e3 / speed);
    }
    row[3].low = speed / 2;
    row[3].high = speed * 2;
    cell_text(&row[5], TONE_PLAIN, "bandwidth");
    cell_text(&row[6], TONE_PLAIN, "q4_0");
    cell_text(&row[7], TONE_FAINT, "%s", advice);
    if (tone == TONE_BAD)
        cell_note(&row[1], "needs 41 GB & more");
}

static void add_figures(struct report *report)
{
    static const char *const parts[] = {"weights", "cache"};
    struct bars *bars = report_bars(report, "Memory by part", parts, 2);
    bars->limit_title = "available";
    for (int i = 0; i < 2; i++) {
        struct bar *bar = bars_add(bars, i ? "llama-3-8b, a name that is long" : "<tiny>", "5.1 GB");
        bar->parts[0] = 4.6;
        bar->parts[1] = i;
        bar->limit = 6;
        bar->estimated = i;
    }
    struct roofline *roofline = report_roofline(report, "Roofline");
    roofline_peak(roofline, "f32 peak", 480);
    roofline_bandwidth(roofline, "memory", 33);
    struct roofline_point *point = roofline_point(roofline, "linear", 8, 120);
    point->share = 0.6;
    point->estimated = true;
    struct topology *topology = report_topology(report, "The machine");
    topology_box(topology, 0, BOX_MACHINE, 1, "vm", "");
    topology_box(topology, 1, BOX_PACKAGE, 1, "Xeon", "2 cores");
    topology_box(topology, 2, BOX_CORE, 2, "core", "");
    topology_box(topology, 1, BOX_MEMORY, 1, "memory", "24 GiB");
}

static struct report *example(void)
{
    struct report *report = report_create("What fits this machine");
    report_sentence(report, TONE_PLAIN,
                    "llama-3-8b at q4_0 is the largest model that fits with room to spare; it decodes at 7.2 tokens/s "
                    "and is limited by memory bandwidth, of which it uses 81 %%.");
    report_heading(report, "Decoding, one sequence, 4096 positions");
    struct table *table = report_table(report, NULL, columns, COLUMNS);
    add_row(table, "tinyllama-1.1b", "yes", TONE_GOOD, 0.8e9, 48.25, "");
    add_row(table, "llama-3-8b", "yes", TONE_GOOD, 5.1e9, 7.1875, "a shorter context frees 0.3 GB");
    add_row(table, "模型-13b", "tight", TONE_WARNING, 7.9e9, 1. / 3,
            "close other programs, or take q3_K_M, which needs 1.4 GB less and loses little");
    add_row(table, "evil\033[31m|\n=cmd()\xff", "no", TONE_BAD, 41.2e9, NAN, "=1+1");
    report_sentence(report, TONE_WARNING,
                    "The governor is powersave: <b>speeds</b> may be low; set it to performance.");
    const double x[] = {1, 2, 3, 4, 5, 6}, y[] = {1, 2, 4, NAN, 8, 3};
    report_series(report, "gpt2/gpt2-124m/train/f32/b4/s64", "runs", "seconds", x, y, NULL, NULL, 6);
    report_event(report, 4, TONE_BAD, "slower from here");
    add_figures(report);
    json_put_string(report->document, "schema", "benchmark.example/1");
    json_put_real(report->document, "value", 0.1);
    return report;
}

/* The example as `format` writes it; the caller frees the text. */
static char *written(const char *format, bool color, int width)
{
    struct report *report = example();
    struct sink sink = {.color = color, .columns = width};
    struct error error;
    ck_assert_msg(format_find(format)->write(report, &sink, &error), "%s", error.message);
    ck_assert(report_complete(report) && !sink.text.failed);
    report_free(report);
    return sink.text.data;
}

static size_t longest_line(const char *text)
{
    size_t longest = 0;
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        char *copy = strndup(line, length);
        size_t width = text_columns(copy);
        longest = width > longest ? width : longest;
        free(copy);
        line += length + (line[length] == '\n');
    }
    return longest;
}

static bool has_control(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 && *c != '\n' && *c != '\r')
            return true;
    return false;
}

START_TEST(text_keeps_to_the_terminal)
{
    for (int width = 60; width <= 140; width += 20) {
        char *text = written("text", false, width);
        ck_assert_uint_le(longest_line(text), (size_t)width);
        ck_assert(!has_control(text));
        /* What a person must see is there at every width. */
        ck_assert_ptr_nonnull(strstr(text, "llama-3-8b"));
        ck_assert_ptr_nonnull(strstr(text, "7.2"));
        ck_assert_msg((strstr(text, "Not shown in this width") != NULL) == (width <= 100), "%d:\n%s", width, text);
        free(text);
    }
    char *text = written("text", false, 0); /* no terminal: nothing is shortened */
    ck_assert_ptr_nonnull(strstr(text, "and loses little\n"));
    ck_assert_ptr_nonnull(strstr(text, "of which it uses 81 %.\n"));
    ck_assert_ptr_null(strstr(text, " \n"));
    free(text);
}
END_TEST

START_TEST(text_aligns_wide_characters)
{
    char *text = written("text", false, 0);
    const char *line = strstr(text, "模型-13b"), *other = strstr(text, "tinyllama-1.1b");
    ck_assert(line && other);
    char *a = strndup(line, (size_t)(strstr(line, "tight") - line));
    char *b = strndup(other, (size_t)(strstr(other, "yes") - other));
    ck_assert_uint_eq(text_columns(a), text_columns(b));
    free(a);
    free(b);
    free(text);
}
END_TEST

START_TEST(text_has_colours_only_where_they_are_wanted)
{
    char *plain = written("text", false, 80), *colored = written("text", true, 80);
    ck_assert_ptr_null(strchr(plain, '\033'));
    ck_assert_ptr_nonnull(strstr(colored, "\033[32myes\033[0m"));
    ck_assert_ptr_nonnull(strstr(colored, "evil\\x1b[31m")); /* the name's own stays visible text */
    /* Without the escapes they are the same. */
    struct text stripped = {0};
    for (const char *c = colored; *c; c++)
        if (*c == '\033')
            c += strcspn(c, "m");
        else
            text_append_n(&stripped, c, 1);
    ck_assert_str_eq(text_string(&stripped), plain);
    text_free(&stripped);
    free(plain);
    free(colored);
}
END_TEST

START_TEST(csv_is_rfc_4180)
{
    char *csv = written("csv", false, 80);
    const char *expected = "model,fits,memory_bytes,throughput_tokens_per_s,throughput_tokens_per_s_low,"
                           "throughput_tokens_per_s_high,latency_s,bound,dtype,advice\r\n"
                           "tinyllama-1.1b,yes,800000000,48.25,24.125,96.5,0.02072538860103627,bandwidth,q4_0,\r\n";
    ck_assert_msg(strncmp(csv, expected, strlen(expected)) == 0, "%s", csv);
    ck_assert_ptr_nonnull(strstr(csv, ",tight,7900000000,0.3333333333333333,0.16666666666666666,"));
    ck_assert_ptr_nonnull(strstr(csv, ",\"close other programs, or take q3_K_M, which"));
    ck_assert_ptr_nonnull(
        strstr(csv, "evil\\x1b[31m|\\n=cmd()\xef\xbf\xbd,no,41200000000,,,,,bandwidth,q4_0,'=1+1\r\n"));
    free(csv);
}
END_TEST

START_TEST(csv_neutralises_formulas)
{
    static const struct column one[] = {{"name", "Name", false, 0}};
    static const char *const formulas[] = {"=1", "+1", "-1", "@sum", "=\"a\",b"};
    struct report *report = report_create("x");
    struct table *table = report_table(report, NULL, one, 1);
    for (size_t i = 0; i < 5; i++)
        cell_text(table_row(table), TONE_PLAIN, "%s", formulas[i]);
    cell_number(table_row(table), -1.5, "-1.5");
    struct sink sink = {0};
    ck_assert(format_find("csv")->write(report, &sink, NULL));
    ck_assert_str_eq(text_string(&sink.text), "name\r\n'=1\r\n'+1\r\n'-1\r\n'@sum\r\n\"'=\"\"a\"\",b\"\r\n-1.5\r\n");
    text_free(&sink.text);
    report_free(report);
    /* A report without a table has no CSV, and says where the answer is. */
    report = report_create("x");
    struct error error;
    ck_assert(!format_find("csv")->write(report, &sink, &error));
    ck_assert_int_eq(error.kind, ERROR_INPUT);
    report_free(report);
}
END_TEST

START_TEST(markdown_escapes_its_syntax)
{
    char *text = written("markdown", false, 80);
    ck_assert_ptr_nonnull(strstr(text, "# What fits this machine\n\nllama-3-8b at q4_0 is"));
    ck_assert_ptr_nonnull(strstr(text, "| Model | Fits | Memory |"));
    ck_assert_ptr_nonnull(strstr(text, "| --- | --- | ---: | ---: | ---: | --- | --- | --- |\n"));
    ck_assert_ptr_nonnull(strstr(text, "| evil\\\\x1b\\[31m\\|\\\\n=cmd()\xef\xbf\xbd |"));
    ck_assert_ptr_nonnull(strstr(text, "&lt;b&gt;speeds&lt;/b&gt;"));
    ck_assert(!has_control(text));
    free(text);
}
END_TEST

START_TEST(json_is_the_document)
{
    char *text = written("json", false, 80);
    ck_assert_str_eq(text, "{\n  \"schema\": \"benchmark.example/1\",\n  \"value\": 0.1\n}\n");
    free(text);
}
END_TEST

START_TEST(every_format_takes_an_empty_report)
{
    for (size_t i = 0; formats[i]; i++) {
        static const struct column one[] = {{"name", "Name", false, 0}};
        struct report *report = report_create("nothing");
        report_table(report, NULL, one, 1);
        struct sink sink = {.columns = 80};
        struct error error;
        /* Those that need a figure or a judgement say in a line that there is none. */
        bool needs = strcmp(formats[i]->name, "junit") == 0 || strcmp(formats[i]->name, "openmetrics") == 0 ||
                     strcmp(formats[i]->name, "bmf") == 0;
        ck_assert_msg(formats[i]->write(report, &sink, &error) == !needs, "%s", formats[i]->name);
        if (needs) {
            ck_assert_int_eq(error.kind, ERROR_INPUT);
            ck_assert_int_eq(strncmp(error.message, formats[i]->name, strlen(formats[i]->name)), 0);
            ck_assert_uint_eq(sink.text.length, 0);
        }
        text_free(&sink.text);
        report_free(report);
    }
}
END_TEST

START_TEST(figures_are_drawn_in_every_width)
{
    for (int width = 40; width <= 120; width += 16) {
        char *text = written("text", false, width);
        ck_assert_msg(longest_line(strstr(text, "Memory by part")) <= (size_t)width, "%d:\n%s", width, text);
        ck_assert_ptr_nonnull(strstr(text, "2 × core"));
        ck_assert_ptr_nonnull(strstr(text, "1 linear: 8 FLOP/byte"));
        ck_assert_ptr_nonnull(strstr(text, "FLOP/byte\n"));
        free(text);
    }
}
END_TEST

/* Every "<" of a page opens one of its own elements: none of the report's text does. */
START_TEST(html_is_one_page_that_asks_for_nothing)
{
    char *html = written("html", false, 0);
    ck_assert_int_eq(strncmp(html, "<!doctype html>", 15), 0);
    ck_assert_ptr_nonnull(strstr(html, "Content-Security-Policy"));
    ck_assert_ptr_nonnull(strstr(html, "default-src 'none'"));
    ck_assert_ptr_nonnull(strstr(html, "&lt;b&gt;speeds&lt;/b&gt;"));
    ck_assert_ptr_null(strstr(html, "<b>speeds"));
    ck_assert_ptr_null(strstr(html, "http://"));
    ck_assert_ptr_null(strstr(html, "https://"));
    ck_assert_ptr_null(strstr(html, "style=\"")); /* the policy would refuse it */
    ck_assert_ptr_null(strstr(html, "onclick"));
    /* The answer stands on top, and only there. */
    char *answer = strstr(html, "class=\"answer"), *main_part = strstr(html, "<main>");
    ck_assert(answer && main_part && answer < main_part);
    ck_assert_ptr_null(strstr(main_part, "is limited by memory bandwidth"));
    ck_assert_ptr_nonnull(strstr(main_part, "stripes0\" x=")); /* what was estimated looks otherwise */
    free(html);
}
END_TEST

START_TEST(junit_tells_failures)
{
    char *xml = written("junit", false, 0);
    ck_assert_ptr_nonnull(strstr(xml, "<testsuites tests=\"4\" failures=\"1\">"));
    ck_assert_ptr_nonnull(strstr(xml, "name=\"evil\\x1b[31m|\\n=cmd()\xef\xbf\xbd\""));
    ck_assert_ptr_nonnull(strstr(xml, "<failure message=\"needs 41 GB &amp; more\">"));
    free(xml);
}
END_TEST

START_TEST(openmetrics_has_gauges_with_labels)
{
    char *text = written("openmetrics", false, 0);
    ck_assert_ptr_nonnull(strstr(text, "# TYPE benchmark_throughput_tokens_per_s gauge\n"));
    ck_assert_ptr_nonnull(strstr(text, "benchmark_throughput_tokens_per_s{model=\"llama-3-8b\",fits=\"yes\""));
    ck_assert_ptr_nonnull(strstr(text, "benchmark_throughput_tokens_per_s_low{model=\"llama-3-8b\""));
    ck_assert_ptr_nonnull(strstr(text, "model=\"evil\\\\x1b[31m|\\\\n=cmd()"));
    ck_assert_str_eq(text + strlen(text) - 6, "# EOF\n");
    free(text);
}
END_TEST

START_TEST(bmf_names_rows_and_measures)
{
    char *text = written("bmf", false, 0);
    json_t *document = json_loads(text, 0, NULL);
    const json_t *measure = json_object_get(json_object_get(document, "llama-3-8b"), "throughput_tokens_per_s");
    ck_assert_double_eq_tol(json_get_real(measure, "value"), 7.1875, 1e-12);
    ck_assert_double_eq_tol(json_get_real(measure, "lower_value"), 7.1875 / 2, 1e-12);
    ck_assert_uint_eq(json_object_size(document), 4);
    json_decref(document);
    free(text);
}
END_TEST

START_TEST(lines_break_at_spaces)
{
    const char *next;
    ck_assert_uint_eq(wrap_line("one two three", 8, false, &next), 7);
    ck_assert_str_eq(next, "three");
    ck_assert_uint_eq(wrap_line("one two", 7, false, &next), 7);
    ck_assert_uint_eq(wrap_line("unbreakable word", 5, false, &next), 11); /* a word is never cut in a sentence */
    ck_assert_uint_eq(wrap_line("llama/tiny/decode", 12, true, &next), 11);
    ck_assert_str_eq(next, "decode");
    ck_assert_uint_eq(wrap_line("unbreakable", 5, true, &next), 5);
    ck_assert_uint_eq(wrap_line("模型模型", 5, true, &next), 6); /* two characters of three bytes */
    ck_assert_uint_eq(wrap_line("模", 1, true, &next), 3);       /* at least one, or it would never end */
    ck_assert_uint_eq(wrap_line("", 5, true, &next), 0);
}
END_TEST

START_TEST(untrusted_text_becomes_visible)
{
    static const struct {
        const char *raw, *shown;
    } rows[] = {
        {"a\tb\r", "a\\tb\\x0d"},
        {"\x7f\xc2\x9b", "\\x7f\\x9b"},    /* DEL, and the C1 form of ESC [ */
        {"\xe2\x80\xaegpj", "\\u202egpj"}, /* right-to-left override */
        {"\xc0\xaf\xed\xa0\x80",
         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* overlong, surrogate */
        {"\xf0\x9f\x98", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},         /* cut short */
        {"é模😀", "é模😀"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report *report = report_create(rows[i].raw);
        ck_assert_str_eq(report->title, rows[i].shown);
        report_free(report);
    }
}
END_TEST

START_TEST(a_table_grows)
{
    static const struct column two[] = {{"a", "A", true, 0}, {"b", "B", true, 0}};
    struct report *report = report_create("x");
    struct table *table = report_table(report, NULL, two, 2);
    for (int i = 0; i < 1000; i++)
        cell_number(&table_row(table)[1], i, "%d", i);
    ck_assert_uint_eq(table->row_count, 1000);
    ck_assert_double_eq(table->cells[2 * 999 + 1].value, 999);
    ck_assert(isnan(table->cells[2 * 999].value) && !table->cells[2 * 999].text);
    report_free(report);
}
END_TEST

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "--show") == 0) {
        struct report *report = example();
        struct error error;
        bool right = format_write(report, count > 2 ? arguments[2] : "text", NULL, true, &error);
        report_free(report);
        return !right;
    }
    return suite_run(
        "report", 60,
        SUITE(ONCE(text_keeps_to_the_terminal), ONCE(text_aligns_wide_characters),
              ONCE(text_has_colours_only_where_they_are_wanted), ONCE(csv_is_rfc_4180), ONCE(csv_neutralises_formulas),
              ONCE(markdown_escapes_its_syntax), ONCE(json_is_the_document), ONCE(every_format_takes_an_empty_report),
              ONCE(figures_are_drawn_in_every_width), ONCE(html_is_one_page_that_asks_for_nothing),
              ONCE(junit_tells_failures), ONCE(openmetrics_has_gauges_with_labels), ONCE(bmf_names_rows_and_measures),
              ONCE(lines_break_at_spaces), ONCE(untrusted_text_becomes_visible), ONCE(a_table_grows)));
}
