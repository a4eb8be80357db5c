/* What people and files hand over as short text: sizes, durations, counts, globs, case ids, JSON. None of it may crash,
 * and what is refused must say so in one line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "models/engine/case.h"
#include "reports/report.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void one_line(bool accepted, const struct error *error)
{
    require(accepted || (error->message[0] && !strchr(error->message, '\n') && error->kind == ERROR_INPUT));
}

static void try_parsers(const char *string)
{
    struct error error = {0};
    uint64_t count = 0;
    double number = 0;
    one_line(parse_size(string, "--size", &count, &error), &error);
    one_line(parse_count(string, "--count", 1, 1000, &count, &error), &error);
    one_line(parse_number(string, "--number", -1, 1, &number, &error), &error);
    if (parse_duration(string, "--duration", &number, &error))
        require(number > 0 && number < 1e9);
    else
        one_line(false, &error);
}

/* An id that is understood is written back as one that is understood as the same. */
static void try_case(const char *string)
{
    struct error error = {0};
    struct model_case one, again;
    if (!case_parse(string, &one, &error)) {
        one_line(false, &error);
        return;
    }
    require(case_parse(one.id, &again, &error));
    require(strcmp(one.id, again.id) == 0);
}

/* Whatever goes into a report comes out as UTF-8 without controls: jansson refuses anything else. */
static void try_report(const char *string)
{
    struct report *report = report_create(string);
    require(report != NULL);
    json_t *title = json_string(report->title);
    require(title != NULL);
    for (const char *c = report->title; *c; c++)
        require((unsigned char)*c >= 0x20 && *c != 0x7f);
    json_decref(title);
    report_free(report);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *string = malloc(size + 1);
    require(string != NULL);
    memcpy(string, bytes, size);
    string[size] = '\0';
    try_parsers(string);
    try_case(string);
    try_report(string);
    /* The first half as a pattern for the second. */
    char middle = string[size / 2];
    string[size / 2] = '\0';
    char *pattern = strdup(string);
    string[size / 2] = middle;
    require(pattern != NULL);
    glob_match(pattern, string + size / 2);
    free(pattern);

    struct error error = {0};
    json_t *value = json_parse(string, size, "input", &error);
    one_line(value != NULL, &error);
    json_decref(value);
    free(string);
    return 0;
}
