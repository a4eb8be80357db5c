#include "harness/estimate/engine_known.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "harness/base/json.h"
#include "harness/store/store.h"

struct result_list {
    struct engine_result *items; /* owned */
    size_t count;
};

static bool is_of(const struct run *run, const char *engine, const char *machine)
{
    const char *processor = json_get_string(json_object_get(run->machine, "cpu"), "model");
    return run->engine && strcasecmp(run->engine, engine) == 0 &&
           (strcasecmp(run_machine_name(run), machine) == 0 || (processor && strcasecmp(processor, machine) == 0));
}

/* The processor's own results are none of a card beside it. */
static bool add_results(struct result_list *list, const struct run *run, bool named)
{
    struct engine_result *more = realloc(list->items, (list->count + run->record_count + 1) * sizeof *more);
    if (!more)
        return false;
    list->items = more;
    for (size_t i = 0; i < run->record_count; i++) {
        const struct record *record = &run->records[i];
        struct engine_result *result = &more[list->count];
        result->seconds = record->time.median;
        if (status_is_measured(record->status) && result->seconds > 0 && engine_work_of_record(record, &result->work) &&
            (named || !result->work.card))
            list->count++;
    }
    return true;
}

static bool collect(struct store *store, const char *engine, const char *machine, struct result_list *list,
                    struct error *error)
{
    char(*ids)[TEXT_WORD];
    size_t count;
    if (!store_list_runs(store, NULL, 0, &ids, &count, error))
        return false;
    bool right = true;
    for (size_t i = 0; right && i < count; i++) {
        struct run run;
        right = store_get_run(store, ids[i], &run, error);
        if (!right)
            break;
        if (is_of(&run, engine, machine))
            right = add_results(list, &run, strcasecmp(run_machine_name(&run), machine) == 0) ||
                    error_set(error, ERROR_SYSTEM, "not enough memory to read the store");
        run_free(&run);
    }
    free(ids);
    return right;
}

bool engine_known_load(const char *database, const char *engine, const char *machine,
                       const struct engine_limits *limits, struct engine_profile **profile, struct error *error)
{
    struct result_list list = {0};
    *profile = NULL;
    if (!store_is_address(database) && access(database, F_OK) != 0)
        return true;
    struct store *store = store_open(database, STORE_READ, error);
    bool right = store && collect(store, engine, machine, &list, error);
    store_close(store);
    if (right && list.count) {
        *profile = engine_profile_create(list.items, list.count, limits, error);
        right = *profile;
    }
    free(list.items);
    return right;
}
