/* The accuracy of the estimates; see validate.h. */
#include "reports/fitness/validate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/stats/robust.h"

static const double CLAIM = 0.9;

/* The planner's own margin: what `fit` calls tight. */
static const double PEAK_SHARE = 0.02, PEAK_BYTES = 16 << 20;

const char *const quantity_names[QUANTITY_COUNT] = {"decode_s", "prefill_s", "forward_s", "train_s", "peak_bytes"};

static enum quantity quantity_of(const struct record *record)
{
    static const char *const modes[] = {"decode", "prefill", "forward"};
    for (int i = 0; i < 3; i++)
        if (strcmp(record->mode, modes[i]) == 0)
            return (enum quantity)i;
    return QUANTITY_TRAIN; /* and distill: a teacher's forward within a training step */
}

static double error_of(const struct validate_row *row)
{
    return fabs(row->estimated / row->measured - 1);
}

static int worst_first(const void *a, const void *b)
{
    double left = error_of(a), right = error_of(b);
    return (left < right) - (left > right);
}

static void add_peak(struct validation *validation, const struct record *record)
{
    uint64_t planned = record->memory[MEMORY_PLANNED], peak = record->memory[MEMORY_PEAK];
    if (planned == BYTES_UNKNOWN || peak == BYTES_UNKNOWN || !peak)
        return;
    double margin = fmax(PEAK_SHARE * (double)planned, PEAK_BYTES);
    double low = fmax((double)planned - margin, 0); /* nothing holds less than nothing */
    validation->rows[validation->row_count++] =
        (struct validate_row){record, QUANTITY_PEAK, (double)peak, (double)planned, low, (double)planned + margin};
}

static void add_time(struct validation *validation, const struct record *record, const struct estimate *estimate)
{
    if (!(estimate->seconds > 0)) {
        validation->untold++;
        return;
    }
    validation->rows[validation->row_count++] = (struct validate_row){
        record, quantity_of(record), record->time.median, estimate->seconds, estimate->low, estimate->high};
}

bool validate_make(const struct known *known, enum left_out kind, struct validation *validation)
{
    *validation = (struct validation){.rows = calloc(2 * known->record_count + 1, sizeof *validation->rows)};
    if (!validation->rows)
        return false;
    size_t measured = 0; /* the estimator's cases are the records with ops, in their order */
    for (size_t i = 0; i < known->record_count; i++) {
        const struct record *record = &known->records[i];
        if (kind == LEFT_OUT_SIZE && !known_case(record).layers)
            add_peak(validation, record);
        if (!record->op_count)
            continue;
        size_t place = measured++;
        /* a noisy figure is no measure of an estimate, and what calibrates is no case that is asked about */
        if (record->status != STATUS_OK || known->calibration[i] || known_case(record).layers)
            continue;
        struct estimate estimate = estimator_without(known->estimator, place, kind);
        add_time(validation, record, &estimate);
    }
    qsort(validation->rows, validation->row_count, sizeof *validation->rows, worst_first);
    for (int i = 0; i < QUANTITY_COUNT; i++)
        validation->quantities[i] = validate_accuracy(validation, (enum quantity)i, NULL);
    return true;
}

void validate_free(struct validation *validation)
{
    free(validation->rows);
    *validation = (struct validation){0};
}

/* The rows come with the worst first. */
struct accuracy validate_accuracy(const struct validation *validation, enum quantity quantity, const char *family)
{
    struct accuracy accuracy = {0, 0, NAN, NAN, NAN, NAN, NAN};
    double *errors = calloc(validation->row_count + 1, sizeof *errors);
    size_t within = 0, covered = 0, count = 0;
    for (size_t i = 0; errors && i < validation->row_count; i++) {
        const struct validate_row *row = &validation->rows[i];
        if (row->quantity != quantity || (family && strcmp(row->record->family, family) != 0))
            continue;
        errors[count++] = error_of(row);
        within += error_of(row) <= 0.1;
        covered += row->low <= row->measured && row->measured <= row->high;
        accuracy.under_estimates += row->measured > row->high;
    }
    if (count) {
        accuracy.cases = count;
        accuracy.max_error = errors[0];
        accuracy.p90_error = errors[count - (size_t)ceil(0.9 * (double)count)];
        accuracy.median_error = stats_median(errors, count);
        accuracy.within_10pct = (double)within / (double)count;
        accuracy.coverage = (double)covered / (double)count;
    }
    free(errors);
    return accuracy;
}

/* Binomial, by the normal approximation with a correction for counting in whole cases. */
bool validate_holds(const struct accuracy *accuracy)
{
    double n = (double)accuracy->cases;
    return !accuracy->cases || accuracy->coverage * n >= CLAIM * n - 1.645 * sqrt(n * CLAIM * (1 - CLAIM)) - 0.5;
}
