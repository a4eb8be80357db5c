#include "reports/run_fidelity.h"

#include <math.h>
#include <string.h>

enum column_place { MODEL, DTYPE, DIVERGENCE, DIVERGENCE_P99, LOSS, AGREEMENT, OUTPUT, AT, COLUMNS };

static const struct column columns[COLUMNS] = {
    [MODEL] = {"model", "Model", false, 0},
    [DTYPE] = {"dtype", "Type", false, 0},
    [DIVERGENCE] = {"kl_nats", "KL/token", true, 0},
    [DIVERGENCE_P99] = {"kl_p99_nats", "99 %", true, 2},
    [LOSS] = {"loss_difference_nats", "Loss", true, 1},
    [AGREEMENT] = {"top1_agreement", "Same token", true, 1},
    [OUTPUT] = {"output_error", "Output error", true, 0},
    [AT] = {"at", "Compared at", false, 3},
};

static bool is_compared(const struct record *record)
{
    return isfinite(record->fidelity.output_error);
}

/* Every mode of a model in one type has the same figures. */
static bool is_told(const struct run *run, size_t place)
{
    const struct record *record = &run->records[place];
    for (size_t i = 0; i < place; i++)
        if (is_compared(&run->records[i]) && !strcmp(run->records[i].model, record->model) &&
            !strcmp(run->records[i].dtype, record->dtype))
            return true;
    return false;
}

static void put_nats(struct cell *cell, double nats, const char *format)
{
    if (isfinite(nats))
        cell_number(cell, nats, format, nats);
}

static void add_row(struct table *table, const struct record *record)
{
    const struct fidelity *fidelity = &record->fidelity;
    struct cell *row = table_row(table);
    cell_text(&row[MODEL], TONE_PLAIN, "%s", record->model);
    cell_text(&row[DTYPE], TONE_PLAIN, "%s", record->dtype);
    put_nats(&row[DIVERGENCE], fidelity->divergence_nats, "%.2g");
    put_nats(&row[DIVERGENCE_P99], fidelity->divergence_p99_nats, "%.2g");
    put_nats(&row[LOSS], fidelity->loss_difference_nats, "%+.3f");
    if (isfinite(fidelity->agreement))
        cell_number(&row[AGREEMENT], fidelity->agreement, "%.1f %%", 100 * fidelity->agreement);
    cell_number(&row[OUTPUT], fidelity->output_error, "%.2g %%", 100 * fidelity->output_error);
    cell_text(&row[AT], TONE_FAINT, "%s", fidelity->at);
}

void run_add_fidelity(struct report *report, const struct run *run)
{
    struct table *table = NULL;
    for (size_t i = 0; i < run->record_count; i++) {
        if (!is_compared(&run->records[i]) || is_told(run, i))
            continue;
        if (!table)
            table = report_table(report, "What fewer bits cost, against f32", columns, COLUMNS);
        add_row(table, &run->records[i]);
    }
    if (table)
        report_sentence(
            report, TONE_FAINT,
            "Of generated, heavy-tailed weights at a reduced size, in nats: it compares types with each other "
            "and is no published model's loss.");
}
