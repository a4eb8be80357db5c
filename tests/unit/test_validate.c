/* reports/fitness/validate: what rows of known errors come to, and when intervals that should hold don't. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "harness/base/json.h"
#include "reports/fitness/validate.h"
#include "tests/suite.h"

/* Ten decodes, off by 1 % to 10 %, the last two above their interval; worst first, as validate_make leaves them. */
static struct validation ten_rows(struct record *record, struct validate_row rows[10])
{
    record_clear(record);
    strcpy(record->id, "gpt2/gpt2-124m/decode/f32/b1/s64");
    strcpy(record->family, "gpt2");
    for (int i = 0; i < 10; i++) {
        double off = 0.01 * (10 - i);
        rows[i] = (struct validate_row){record, QUANTITY_DECODE, 1, 1 - off, 0.5, i < 2 ? 0.95 : 1.5};
    }
    struct validation validation = {.rows = rows, .row_count = 10};
    validation.quantities[QUANTITY_DECODE] = validate_accuracy(&validation, QUANTITY_DECODE, NULL);
    return validation;
}

START_TEST(errors_are_counted)
{
    struct record record;
    struct validate_row rows[10];
    struct validation validation = ten_rows(&record, rows);
    struct accuracy accuracy = validation.quantities[QUANTITY_DECODE];
    ck_assert_uint_eq(accuracy.cases, 10);
    ck_assert_double_eq_tol(accuracy.median_error, 0.055, 1e-9);
    ck_assert_double_eq_tol(accuracy.p90_error, 0.09, 1e-9);
    ck_assert_double_eq_tol(accuracy.max_error, 0.1, 1e-9);
    ck_assert_double_eq_tol(accuracy.coverage, 0.8, 1e-9);
    ck_assert_uint_eq(accuracy.under_estimates, 2);
    ck_assert_uint_eq(validate_accuracy(&validation, QUANTITY_DECODE, "llama").cases, 0);
    ck_assert_uint_eq(validate_accuracy(&validation, QUANTITY_TRAIN, NULL).cases, 0);
}
END_TEST

START_TEST(too_few_in_their_intervals_is_told)
{
    const struct accuracy none = {.coverage = NAN}, some = {.cases = 10, .coverage = 0.8},
                          few = {.cases = 10, .coverage = 0.6}, many = {.cases = 200, .coverage = 0.84},
                          right = {.cases = 200, .coverage = 0.88};
    ck_assert(validate_holds(&none));
    ck_assert(validate_holds(&some)); /* two of ten outside is chance */
    ck_assert(!validate_holds(&few));
    ck_assert(!validate_holds(&many)); /* 32 of 200 isn't */
    ck_assert(validate_holds(&right));
}
END_TEST

START_TEST(the_document_is_the_contracts)
{
    struct record record;
    struct validate_row rows[10];
    const struct validation validations[LEFT_OUT_KINDS] = {ten_rows(&record, rows)};
    struct report *report = validate_report(validations);
    ck_assert(report_complete(report));
    ck_assert_str_eq(json_get_string(report->document, "schema"), "benchmark.validate/1");
    const json_t *quantity = json_array_get(json_object_get(report->document, "quantities"), 0);
    ck_assert_str_eq(json_get_string(quantity, "quantity"), "decode_s");
    ck_assert_double_eq_tol(json_get_real(quantity, "coverage"), 0.8, 1e-9);
    ck_assert_uint_eq(json_get_count(quantity, "under_estimates", 99), 2);
    ck_assert_uint_eq(json_array_size(json_object_get(report->document, "rows")), 10);
    const json_t *row = json_array_get(json_object_get(report->document, "rows"), 9);
    ck_assert_str_eq(json_get_string(row, "quantity"), "decode_s");
    ck_assert_double_eq_tol(json_get_real(row, "estimated"), 0.99, 1e-9);
    report_free(report);
}
END_TEST

int main(void)
{
    return suite_run(
        "validate", 60,
        SUITE(ONCE(errors_are_counted), ONCE(too_few_in_their_intervals_is_told), ONCE(the_document_is_the_contracts)));
}
