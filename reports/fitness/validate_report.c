/* The accuracy of the estimates as a document and as tables; see validate.h. */
#include <math.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "models/families/family.h"
#include "reports/fitness/validate.h"

enum { WORST = 12 };

enum accuracy_place { QUANTITY, FAMILY, CASES, MEDIAN, P90, MOST, WITHIN, COVERAGE, UNDER, ACCURACY_COLUMNS };
static const struct column accuracy_columns[ACCURACY_COLUMNS] = {
    [QUANTITY] = {"quantity", "Quantity", false, 0},
    [FAMILY] = {"family", "Family", false, 0},
    [CASES] = {"cases", "Cases", true, 1},
    [MEDIAN] = {"median_error", "Median error", true, 0},
    [P90] = {"p90_error", "90 % below", true, 0},
    [MOST] = {"max_error", "Largest", true, 2},
    [WITHIN] = {"within_10pct", "Within 10 %", true, 1},
    [COVERAGE] = {"coverage", "In the interval", true, 0},
    [UNDER] = {"under_estimates", "Above it", true, 3},
};

enum row_place { CASE, MEASURED, ESTIMATED, ERROR, ROW_COLUMNS };
static const struct column row_columns[ROW_COLUMNS] = {
    [CASE] = {"case", "Case", false, 0},
    [MEASURED] = {"measured", "Measured", true, 0},
    [ESTIMATED] = {"estimated", "Estimated", true, 0},
    [ERROR] = {"error", "Error", true, 0},
};

/* ---- the document ---- */

static json_t *accuracy_to_json(enum quantity quantity, const struct accuracy *accuracy)
{
    json_t *object = json_object();
    json_put_string(object, "quantity", quantity_names[quantity]);
    json_put_count(object, "cases", accuracy->cases);
    json_put_real(object, "median_error", accuracy->median_error);
    json_put_real(object, "p90_error", accuracy->p90_error);
    json_put_real(object, "max_error", accuracy->max_error);
    json_put_real(object, "within_10pct", accuracy->within_10pct);
    json_put_real(object, "interval", 0.9);
    json_put_real(object, "coverage", accuracy->coverage);
    json_put_count(object, "under_estimates", accuracy->under_estimates);
    return object;
}

static json_t *quantities_to_json(const struct validation *validation)
{
    json_t *list = json_array();
    for (int i = 0; i < QUANTITY_COUNT; i++)
        if (validation->quantities[i].cases)
            json_array_append_new(list, accuracy_to_json((enum quantity)i, &validation->quantities[i]));
    return list;
}

static const char *const left_out_names[LEFT_OUT_KINDS] = {"size", "model", "family"};
static const char *const left_out_titles[LEFT_OUT_KINDS] = {
    "Each size estimated before it was run: from the other models, and from a few of its own layers",
    "Each model estimated from the other models alone", "Each family estimated from the other families"};

/* By family and quantity; `left_out` tells which of the ways it is. */
static void append_families(json_t *list, const struct validation *validation, const char *left_out)
{
    for (size_t f = 0; families[f]; f++)
        for (int i = 0; i < QUANTITY_COUNT; i++) {
            struct accuracy accuracy = validate_accuracy(validation, (enum quantity)i, families[f]->name);
            if (!accuracy.cases)
                continue;
            json_t *object = accuracy_to_json((enum quantity)i, &accuracy);
            json_put_string(object, "family", families[f]->name);
            json_put_string(object, "left_out", left_out);
            json_array_append_new(list, object);
        }
}

static json_t *rows_to_json(const struct validation *validation)
{
    json_t *list = json_array();
    for (size_t i = 0; i < validation->row_count; i++) {
        const struct validate_row *row = &validation->rows[i];
        json_t *object = json_object();
        json_put_string(object, "id", row->record->id);
        json_put_string(object, "quantity", quantity_names[row->quantity]);
        json_put_real(object, "measured", row->measured);
        json_put_real(object, "estimated", row->estimated);
        json_put_real(object, "low", row->low);
        json_put_real(object, "high", row->high);
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *document(const struct validation validations[LEFT_OUT_KINDS])
{
    json_t *object = json_object(), *by_family = json_array();
    json_put_string(object, "schema", "benchmark.validate/1");
    json_put(object, "quantities", quantities_to_json(&validations[LEFT_OUT_SIZE]));
    json_put(object, "model_left_out", quantities_to_json(&validations[LEFT_OUT_MODEL]));
    json_put(object, "family_left_out", quantities_to_json(&validations[LEFT_OUT_FAMILY]));
    for (int kind = 0; kind < LEFT_OUT_KINDS; kind++)
        append_families(by_family, &validations[kind], left_out_names[kind]);
    json_put(object, "families", by_family);
    json_put(object, "rows", rows_to_json(&validations[LEFT_OUT_SIZE]));
    return object;
}

/* ---- the tables ---- */

static void put_share(struct cell *cell, double share)
{
    if (isfinite(share))
        cell_number(cell, share, share < 0.0995 ? "%.1f %%" : "%.0f %%", 100 * share);
}

static void add_accuracy(struct table *table, enum quantity quantity, const char *family,
                         const struct accuracy *accuracy)
{
    if (!accuracy->cases)
        return;
    struct cell *row = table_row(table);
    cell_text(&row[QUANTITY], TONE_PLAIN, "%s", quantity_names[quantity]);
    cell_text(&row[FAMILY], TONE_PLAIN, "%s", family);
    cell_number(&row[CASES], (double)accuracy->cases, "%zu", accuracy->cases);
    put_share(&row[MEDIAN], accuracy->median_error);
    put_share(&row[P90], accuracy->p90_error);
    put_share(&row[MOST], accuracy->max_error);
    put_share(&row[WITHIN], accuracy->within_10pct);
    put_share(&row[COVERAGE], accuracy->coverage);
    cell_number(&row[UNDER], (double)accuracy->under_estimates, "%zu", accuracy->under_estimates);
    if (!validate_holds(accuracy))
        row[COVERAGE].tone = TONE_BAD;
}

static void add_tables(struct report *report, const struct validation *validation, const char *title, bool by_family)
{
    struct table *table = report_table(report, title, accuracy_columns, ACCURACY_COLUMNS);
    for (int i = 0; i < QUANTITY_COUNT; i++) {
        add_accuracy(table, (enum quantity)i, "all", &validation->quantities[i]);
        for (size_t f = 0; by_family && families[f]; f++) {
            struct accuracy accuracy = validate_accuracy(validation, (enum quantity)i, families[f]->name);
            add_accuracy(table, (enum quantity)i, families[f]->name, &accuracy);
        }
    }
}

static void add_worst(struct report *report, const struct validation *validation)
{
    struct table *table = report_table(report, "The least well foretold", row_columns, ROW_COLUMNS);
    size_t shown = 0;
    for (size_t i = 0; i < validation->row_count && shown < WORST; i++) {
        const struct validate_row *row = &validation->rows[i];
        if (row->quantity == QUANTITY_PEAK)
            continue;
        char measured[32], estimated[32];
        double error = row->estimated / row->measured - 1;
        format_duration(row->measured, measured, sizeof measured);
        format_duration(row->estimated, estimated, sizeof estimated);
        struct cell *cells = table_row(table);
        cell_text(&cells[CASE], TONE_PLAIN, "%s", row->record->id);
        cell_number(&cells[MEASURED], row->measured, "%s", measured);
        cell_number(&cells[ESTIMATED], row->estimated, "%s", estimated);
        cells[ESTIMATED].low = row->low;
        cells[ESTIMATED].high = row->high;
        cell_number(&cells[ERROR], error, "%+.0f %%", 100 * error);
        shown++;
    }
}

struct report *validate_report(const struct validation validations[LEFT_OUT_KINDS])
{
    const struct validation *sizes = &validations[LEFT_OUT_SIZE];
    struct report *report = report_create("How well this machine's estimates do");
    if (!report)
        return NULL;
    json_decref(report->document);
    report->document = document(validations);
    for (int kind = 0; kind < LEFT_OUT_KINDS; kind++)
        add_tables(report, &validations[kind], left_out_titles[kind], kind == LEFT_OUT_SIZE);
    add_worst(report, sizes);
    if (sizes->untold)
        report_sentence(report, TONE_FAINT,
                        "%zu measured cases have an op that nothing else has: nothing can be "
                        "said without them.",
                        sizes->untold);
    report_sentence(report, TONE_PLAIN, "The intervals claim 90 %%. peak_bytes: the plan against the process.");
    return report;
}
