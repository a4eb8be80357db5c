#include "reports/fitness/fit_told.h"

#include <string.h>

#include "models/families/family.h"

static bool is_for_recommending(const struct fit_row *row)
{
    return strcmp(family_task(row->one.family, row->one.size), "recsys") == 0;
}

/* A recommender's parameters are tables of which a step reads a few rows: by them it isn't larger than another model.
 */
static bool is_larger(const struct fit_row *row, const struct fit_row *than)
{
    bool tables = is_for_recommending(row);
    if (than && tables != is_for_recommending(than))
        return !tables;
    return !than || row->parameters > than->parameters;
}

const struct fit_row *fit_largest(const struct fit *fit, enum mode mode)
{
    const struct fit_row *best = NULL;
    for (size_t i = 0; i < fit->row_count; i++) {
        const struct fit_row *row = &fit->rows[i];
        if (row->one.mode == mode && row->fits == FITS_YES && is_larger(row, best))
            best = row;
    }
    return best;
}

const struct fit_row *fit_readable(const struct fit *fit)
{
    const struct fit_row *slow = fit_largest(fit, MODE_DECODE), *best = NULL;
    if (!slow || !(slow->throughput.median < FIT_READING_TOKENS_PER_S))
        return NULL;
    for (size_t i = 0; i < fit->row_count; i++) {
        const struct fit_row *row = &fit->rows[i];
        if (row->one.mode == MODE_DECODE && row->fits == FITS_YES &&
            row->throughput.median >= FIT_READING_TOKENS_PER_S && strcmp(row->one.family->task, "nlp") == 0 &&
            is_larger(row, best))
            best = row;
    }
    return best;
}

size_t fit_told(const struct fit *fit, const struct fit_row *rows[FIT_TOLD])
{
    const struct fit_row *all[FIT_TOLD] = {fit->answer < fit->row_count ? &fit->rows[fit->answer] : NULL,
                                           fit_largest(fit, MODE_DECODE), fit_readable(fit),
                                           fit_largest(fit, MODE_TRAIN), fit_largest(fit, MODE_FORWARD)};
    size_t count = 0;
    for (int i = 0; i < FIT_TOLD; i++) {
        size_t at = 0;
        while (at < count && rows[at] != all[i])
            at++;
        if (all[i] && at == count)
            rows[count++] = all[i];
    }
    return count;
}
