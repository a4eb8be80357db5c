#include "harness/command/fit_learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/command/calibrate.h"
#include "harness/command/fit_engine.h"
#include "reports/fitness/fit_told.h"

/* Of a whole table cases of this many models say enough; of models asked about by name there may be more to learn. */
enum { KNOWN_MODELS = 3 };
static const double BUDGET_S = 12, QUICK_BUDGET_S = 10, TOLD_BUDGET_S = 7;

/* Were cases of several models measured? */
static bool knows_several(const struct known *known)
{
    size_t models = 0;
    for (size_t i = 0; i < known->record_count; i++) {
        size_t before = 0;
        while (before < i && strcmp(known->records[before].model, known->records[i].model) != 0)
            before++;
        models += known->records[i].op_count && before == i;
    }
    return models >= KNOWN_MODELS;
}

static bool was_calibrated(const struct known *known)
{
    for (size_t i = 0; i < known->record_count; i++)
        if (known->calibration[i])
            return true;
    return false;
}

/* The cases that the answer will be about, the caller's to free. */
static bool list_asked(const struct fit_question *question, struct model_case **asked, size_t *count,
                       struct error *error)
{
    struct fit fit = {0};
    const struct fit_machine nowhere = {.name = "", .cpu = "", .read_gbs = NAN};
    bool right = question->file_count ? true : fit_list_rows(&fit, question->demands, error);
    for (size_t i = 0; right && i < question->file_count; i++)
        right = fit_file_add(&fit, &question->files[i], question->demands, &nowhere, error);
    *asked = right ? calloc(fit.row_count + 1, sizeof **asked) : NULL;
    *count = 0;
    for (size_t i = 0; *asked && i < fit.row_count; i++)
        if (!fit.rows[i].tensors_only) /* which no family builds */
            (*asked)[(*count)++] = fit.rows[i].one;
    fit_free(&fit);
    return *asked || (right && error_set(error, ERROR_SYSTEM, "out of memory for the cases that are asked about"));
}

bool fit_learn(const struct invocation *invocation, struct fit_question *question, const struct machine *machine,
               struct known *known, int *stopped_by, struct error *error)
{
    const struct fit_demands *demands = question->demands;
    if (!known_load(invocation->database, machine->fingerprint, demands->threads, known, error))
        return false;
    question->told_too = question->measures && !question->quick && !was_calibrated(known);
    bool named = question->file_count || (demands->models && demands->models[0]);
    if (!question->measures || (!named && knows_several(known)))
        return true;
    bool theirs = false; /* are another engine's speeds alone asked for, and known: ours needn't be */
    if (!fit_engine_suffices(invocation->database, question->engine, demands, machine->cpu.model, &theirs, error) ||
        theirs)
        return theirs;
    struct model_case *asked;
    size_t count;
    const struct calibration_limits limits = {.budget_s = question->quick ? QUICK_BUDGET_S : BUDGET_S,
                                              .memory_bytes = question->memory_bytes,
                                              .threads = demands->threads};
    if (!list_asked(question, &asked, &count, error))
        return false;
    bool right = calibrate(invocation, machine, asked, count, &limits, known, stopped_by, error);
    free(asked);
    return right;
}

bool fit_learn_told(const struct invocation *invocation, const struct fit_question *question,
                    const struct machine *machine, const struct fit *fit, struct known *known, bool *learned,
                    int *stopped_by, struct error *error)
{
    const struct fit_row *rows[FIT_TOLD];
    struct model_case asked[FIT_TOLD];
    size_t count = 0, told = fit_told(fit, rows);
    const struct calibration_limits limits = {
        .budget_s = TOLD_BUDGET_S, .memory_bytes = question->memory_bytes, .threads = question->demands->threads};
    *learned = false;
    for (size_t i = 0; i < told; i++)
        if (rows[i]->estimated && !rows[i]->engine)
            asked[count++] = rows[i]->one;
    if (!question->told_too || !known->estimator || !count)
        return true;
    size_t before = known->op_cases;
    bool right = calibrate(invocation, machine, asked, count, &limits, known, stopped_by, error);
    *learned = right && known->op_cases != before;
    return right;
}
