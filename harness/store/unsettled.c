#include "harness/store/unsettled.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/store/statement.h"

/* What `regress` should see of a case within a night or two is of this size. */
static const double WORTH = 0.02;
enum { LATELY = 2, FEWEST = 4, MOST = 64 };
/* A move may be a regression of last night's: it comes before what is noisy every night. */
static const double MOVED = 10, NOISY = 0.5;

double unsettled_doubt(const double *medians_s, size_t count, bool noisy)
{
    double logarithms[MOST];
    count = count < MOST ? count : MOST;
    for (size_t i = 0; i < count; i++)
        logarithms[i] = log(medians_s[i]);
    double doubt = noisy ? NOISY : 0;
    if (count < FEWEST)
        return doubt;
    size_t before = count - LATELY;
    double spread = 1.4826 * stats_mad(logarithms + LATELY, before);
    double moved = fabs(stats_median(logarithms, LATELY) - stats_median(logarithms + LATELY, before));
    if (moved > fmax(WORTH, 2 * spread))
        doubt += MOVED * moved;
    if (spread > WORTH)
        doubt += spread;
    return doubt;
}

static int by_doubt(const void *one, const void *other)
{
    double a = ((const struct unsettled *)one)->doubt, b = ((const struct unsettled *)other)->doubt;
    return (a < b) - (a > b);
}

struct series {
    char id[TEXT_ID];
    double medians_s[MOST];
    size_t count;
    bool noisy;
};

/* Kept when there is something in doubt. */
static bool close_series(const struct series *series, struct unsettled **cases, size_t *count)
{
    double doubt = *series->id ? unsettled_doubt(series->medians_s, series->count, series->noisy) : 0;
    if (!(doubt > 0))
        return true;
    struct unsettled *more = realloc(*cases, (*count + 1) * sizeof *more);
    if (!more)
        return false;
    *cases = more;
    strcpy(more[*count].id, series->id);
    more[(*count)++].doubt = doubt;
    return true;
}

bool store_list_unsettled(struct store *store, const char *fingerprint, size_t most, struct unsettled **cases,
                          size_t *count, struct error *error)
{
    *cases = NULL;
    *count = 0;
    struct statement get =
        statement_prepare(store,
                          "SELECT cases.id, median_s, status FROM cases JOIN "
                          "(SELECT id, started FROM runs WHERE fingerprint = ? AND engine IS NULL "
                          "ORDER BY julianday(started) DESC, id DESC LIMIT ?) AS last ON last.id = cases.run "
                          "WHERE median_s > 0 ORDER BY cases.id, julianday(last.started) DESC, last.id DESC",
                          error);
    bind_text(&get, fingerprint);
    bind_count(&get, (int64_t)most);
    struct series series = {0};
    bool enough = true;
    while (enough && statement_step(&get)) {
        char id[TEXT_ID], status[TEXT_WORD];
        column_text(&get, 0, id, sizeof id);
        column_text(&get, 2, status, sizeof status);
        if (strcmp(id, series.id)) {
            enough = close_series(&series, cases, count);
            series = (struct series){.noisy = !strcmp(status, status_name(STATUS_NOISY))};
            strcpy(series.id, id);
        }
        if (series.count < MOST)
            series.medians_s[series.count++] = column_real(&get, 1);
    }
    enough = enough && close_series(&series, cases, count);
    if (statement_finish(&get) && enough) {
        if (*count)
            qsort(*cases, *count, sizeof **cases, by_doubt);
        return true;
    }
    free(*cases);
    *cases = NULL;
    *count = 0;
    return enough ? false : error_set(error, ERROR_SYSTEM, "not enough memory to read the store");
}
