/* Bencher Metric Format (bencher.dev): {benchmark: {measure: {value, lower_value, upper_value}}}, from the report's
 * first table: a benchmark a row, a measure a column of numbers. */
#include <math.h>
#include <stdlib.h>

#include "harness/base/json.h"
#include "reports/format/format.h"
#include "reports/format/subjects.h"
#include "reports/visible.h"

static json_t *measures_of(const struct table *table, size_t row)
{
    json_t *measures = json_object();
    for (size_t i = 0; i < table->column_count; i++) {
        const struct cell *cell = &table->cells[row * table->column_count + i];
        if (!isfinite(cell->value))
            continue;
        json_t *metric = json_object();
        json_put_real(metric, "value", cell->value);
        json_put_real(metric, "lower_value", cell->low);
        json_put_real(metric, "upper_value", cell->high);
        json_put(measures, table->columns[i].key, metric);
    }
    return measures;
}

static bool write_bmf(const struct report *report, struct sink *sink, struct error *error)
{
    const struct table *table = subjects_table(report);
    size_t columns = table ? subjects_columns(table) : 0;
    json_t *benchmarks = json_object();
    for (size_t row = 0; columns && row < table->row_count; row++) {
        json_t *measures = measures_of(table, row);
        struct text name = {0};
        subject_name(&name, table, row, columns);
        if (json_object_size(measures))
            json_put(benchmarks, text_string(&name), measures);
        else
            json_decref(measures);
        sink->text.failed |= name.failed;
        text_free(&name);
    }
    bool any = json_object_size(benchmarks);
    char *document = any ? json_write(benchmarks, true) : NULL;
    json_decref(benchmarks);
    if (!any)
        return error_set(error, ERROR_INPUT, "bmf: this answer holds no named figures; --json has all of it");
    if (!document)
        return error_set(error, ERROR_SYSTEM, "out of memory while writing BMF");
    visible_append_json(&sink->text, document);
    text_append(&sink->text, "\n");
    free(document);
    return true;
}

const struct format format_bmf = {"bmf", "application/json", "Bencher's metrics (JSON), for bencher.dev", write_bmf};
