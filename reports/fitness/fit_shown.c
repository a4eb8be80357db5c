/* Which rows a person is shown: all of a short table; of a long one its first rows, where it is sorted by demands, else
 * the rungs between which the machine stands. */
#include "models/families/family.h"
#include "reports/fitness/fit.h"

enum { LONG_TABLE = 24 };

/* Of what fits the larger model; of the types of one model the first. */
static bool is_higher(const struct fit_row *row, const struct fit_row *last)
{
    return row->fits == FITS_YES && (!last || row->parameters > last->parameters);
}

/* Of what doesn't, above the last that does: the smaller model, of its types the one with the least memory. */
static bool is_nearer(const struct fit_row *row, const struct fit_row *last, const struct fit_row *next)
{
    return row->fits != FITS_YES && (!last || row->parameters > last->parameters) &&
           (!next || row->parameters < next->parameters ||
            (row->parameters == next->parameters && row->total_bytes < next->total_bytes));
}

/* Of a family and mode the largest that fits, in the largest type, and the next larger that doesn't even in the
 * smallest. */
static void show_rungs(struct fit *fit, const struct family *family, enum mode mode)
{
    struct fit_row *last = NULL, *next = NULL;
    for (size_t i = 0; i < fit->row_count; i++) {
        struct fit_row *row = &fit->rows[i];
        if (row->one.family == family && row->one.mode == mode && is_higher(row, last))
            last = row;
    }
    for (size_t i = 0; i < fit->row_count; i++) {
        struct fit_row *row = &fit->rows[i];
        if (row->one.family == family && row->one.mode == mode && is_nearer(row, last, next))
            next = row;
    }
    if (last)
        last->shown = true;
    if (next)
        next->shown = true;
}

/* What decodes is told by that: its prompts and its use without a cache are so near that they'd be rows of the same
 * models. */
static bool is_told(const struct family *family, enum mode mode, unsigned asked)
{
    bool decodes = family->modes >> MODE_DECODE & 1;
    return asked ? asked >> mode & 1 : !decodes || (mode != MODE_PREFILL && mode != MODE_FORWARD);
}

void fit_choose_shown(struct fit *fit, const struct fit_demands *demands)
{
    fit->ladder = !demands->every_row && !fit->asks && !fit->machines && fit->row_count > LONG_TABLE;
    for (size_t i = 0; i < fit->row_count; i++)
        fit->rows[i].shown = !fit->ladder && (demands->every_row || i < LONG_TABLE);
    for (size_t f = 0; fit->ladder && families[f]; f++)
        for (int mode = 0; mode < MODE_COUNT; mode++)
            if (is_told(families[f], (enum mode)mode, demands->modes))
                show_rungs(fit, families[f], (enum mode)mode);
}
