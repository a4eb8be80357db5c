#include "harness/store/accepted.h"

#include <stdlib.h>

#include "harness/store/statement.h"

static bool put_changes(struct store *store, const char *fingerprint, const struct accepted_change *changes,
                        size_t count, struct error *error)
{
    char now[TEXT_WORD];
    time_stamp(now);
    struct statement put = statement_prepare(
        store,
        "INSERT INTO accepted (fingerprint, id, quantity, run, accepted) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        error);
    for (size_t i = 0; i < count && !put.failed; i++) {
        bind_text(&put, fingerprint);
        bind_text(&put, changes[i].id);
        bind_text(&put, changes[i].quantity);
        bind_text(&put, changes[i].run);
        bind_text(&put, now);
        statement_repeat(&put);
    }
    return statement_finish(&put);
}

bool store_accept(struct store *store, const char *fingerprint, const struct accepted_change *changes, size_t count,
                  struct error *error)
{
    return store_begin(store, error) && store_end(store, put_changes(store, fingerprint, changes, count, error), error);
}

bool store_get_accepted(struct store *store, const char *fingerprint, struct accepted_change **changes, size_t *count,
                        struct error *error)
{
    *changes = NULL;
    *count = 0;
    if (store->version < 3)
        return true;
    struct statement get = statement_prepare(
        store, "SELECT id, quantity, run FROM accepted WHERE fingerprint = ? ORDER BY accepted, id, quantity", error);
    bind_text(&get, fingerprint);
    bool enough = true;
    while (enough && statement_step(&get)) {
        struct accepted_change *more = realloc(*changes, (*count + 1) * sizeof *more);
        enough = more;
        if (!enough)
            break;
        *changes = more;
        struct accepted_change *one = &more[(*count)++];
        column_text(&get, 0, one->id, sizeof one->id);
        column_text(&get, 1, one->quantity, sizeof one->quantity);
        column_text(&get, 2, one->run, sizeof one->run);
    }
    if (statement_finish(&get) && enough)
        return true;
    free(*changes);
    *changes = NULL;
    *count = 0;
    return enough ? false : error_set(error, ERROR_SYSTEM, "not enough memory to read the accepted changes");
}
