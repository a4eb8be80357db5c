/* Figures measured once for a machine's fingerprint and software, and kept; see store.h. */
#include <stdlib.h>

#include "harness/store/statement.h"

static bool put_figures(struct store *store, const char *fingerprint, const char *software, const char *kind,
                        const struct calibration *figures, size_t count, struct error *error)
{
    char now[TEXT_WORD];
    time_stamp(now);
    struct statement put = statement_prepare(
        store,
        "INSERT INTO calibration (fingerprint, software, kind, name, value, low, high, "
        "measured) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (fingerprint, software, kind, name) "
        "DO UPDATE SET value = excluded.value, low = excluded.low, high = excluded.high, measured = excluded.measured",
        error);
    for (size_t i = 0; i < count && !put.failed; i++) {
        bind_text(&put, fingerprint);
        bind_text(&put, software);
        bind_text(&put, kind);
        bind_text(&put, figures[i].name);
        bind_real(&put, figures[i].value);
        bind_real(&put, figures[i].low);
        bind_real(&put, figures[i].high);
        bind_text(&put, now);
        statement_repeat(&put);
    }
    return statement_finish(&put);
}

bool store_put_calibration(struct store *store, const char *fingerprint, const char *software, const char *kind,
                           const struct calibration *figures, size_t count, struct error *error)
{
    return store_begin(store, error) &&
           store_end(store, put_figures(store, fingerprint, software, kind, figures, count, error), error);
}

bool store_get_calibration(struct store *store, const char *fingerprint, const char *software, const char *kind,
                           struct calibration **figures, size_t *count, struct error *error)
{
    *figures = NULL;
    *count = 0;
    struct statement get = statement_prepare(store,
                                             "SELECT name, value, low, high FROM calibration "
                                             "WHERE fingerprint = ? AND software = ? AND kind = ? ORDER BY name",
                                             error);
    bind_text(&get, fingerprint);
    bind_text(&get, software);
    bind_text(&get, kind);
    bool enough = true;
    while (enough && statement_step(&get)) {
        struct calibration *more = realloc(*figures, (*count + 1) * sizeof *more);
        enough = more;
        if (!enough)
            break;
        *figures = more;
        struct calibration *one = &more[(*count)++];
        column_text(&get, 0, one->name, sizeof one->name);
        one->value = column_real(&get, 1);
        one->low = column_real(&get, 2);
        one->high = column_real(&get, 3);
    }
    if (statement_finish(&get) && enough)
        return true;
    free(*figures);
    *figures = NULL;
    *count = 0;
    return enough ? false : error_set(error, ERROR_SYSTEM, "not enough memory to read the calibration");
}
