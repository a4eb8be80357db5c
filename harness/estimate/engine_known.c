#include "harness/estimate/engine_known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "harness/store/store.h"

struct result_list {
    struct engine_result *items; /* owned */
    size_t count;
    enum engine_kind kind; /* of the processor */
};

static bool is_engine(const struct run *run, const char *engine)
{
    return run->engine && strcasecmp(run->engine, engine) == 0;
}

/* By the name of the machine or of a card in it. */
static bool is_named(const struct run *run, const char *machine)
{
    const json_t *cards = json_object_get(run->machine, "gpus");
    bool named = strcasecmp(run_machine_name(run), machine) == 0;
    for (size_t i = 0; !named && i < json_array_size(cards); i++) {
        const char *name = json_get_string(json_array_get(cards, i), "name");
        named = name && strcasecmp(name, machine) == 0;
    }
    return named;
}

static bool is_of(const struct run *run, const char *engine, const char *machine)
{
    const char *processor = json_get_string(json_object_get(run->machine, "cpu"), "model");
    return is_engine(run, engine) && (is_named(run, machine) || (processor && strcasecmp(processor, machine) == 0));
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

/* Calls `take` with each run of the store, the latest first, until it returns false with an error. */
static bool visit_runs(const char *database, bool (*take)(void *state, const struct run *run, struct error *error),
                       void *state, struct error *error)
{
    char(*ids)[TEXT_WORD];
    size_t count;
    struct store *store = store_open(database, STORE_READ, error);
    if (!store || !store_list_runs(store, NULL, 0, &ids, &count, error)) {
        store_close(store);
        return false;
    }
    bool right = true;
    for (size_t i = 0; right && i < count; i++) {
        struct run run;
        right = store_get_run(store, ids[i], &run, error) && take(state, &run, error);
        run_free(&run);
    }
    free(ids);
    store_close(store);
    return right;
}

struct wanted {
    const char *engine, *machine;
    struct result_list *list;
    struct engine_machine *found;
    const char **names; /* owned, each; of other machines with results of the engine */
    size_t name_count;
};

static bool collect(void *state, const struct run *run, struct error *error)
{
    const struct wanted *wanted = state;
    const char *processor = json_get_string(json_object_get(run->machine, "cpu"), "model");
    if (is_of(run, wanted->engine, wanted->machine) && !wanted->list->kind)
        wanted->list->kind = engine_kind_of_name(processor);
    return !is_of(run, wanted->engine, wanted->machine) ||
           add_results(wanted->list, run, is_named(run, wanted->machine)) ||
           error_set(error, ERROR_SYSTEM, "not enough memory to read the store");
}

bool engine_known_load(const char *database, const char *engine, const char *machine,
                       const struct engine_limits *limits, struct engine_profile **profile, struct error *error)
{
    struct result_list list = {0};
    *profile = NULL;
    if (access(database, F_OK) != 0)
        return true;
    struct wanted wanted = {.engine = engine, .machine = machine, .list = &list};
    bool right = visit_runs(database, collect, &wanted, error);
    if (right && list.count) {
        struct engine_limits whole = *limits;
        whole.kind = list.kind ? list.kind : engine_kind_of_name(machine);
        *profile = engine_profile_create(list.items, list.count, &whole, error);
        right = *profile;
    }
    free(list.items);
    return right;
}

static bool look_for(void *state, const struct run *run, struct error *error)
{
    struct wanted *wanted = state;
    struct engine_machine *found = wanted->found;
    if (!is_engine(run, wanted->engine))
        return true;
    if (is_of(run, wanted->engine, wanted->machine)) {
        if (!found->known)
            snprintf(found->name, sizeof found->name, "%s", wanted->machine);
        found->known = true;
        if (!found->memory_bytes)
            found->memory_bytes = json_get_count(json_object_get(run->machine, "memory"), "total_bytes", 0);
        return true;
    }
    for (size_t i = 0; i < wanted->name_count; i++)
        if (strcmp(wanted->names[i], run_machine_name(run)) == 0)
            return true;
    const char **more = realloc(wanted->names, (wanted->name_count + 1) * sizeof *more);
    char *name = strdup(run_machine_name(run));
    if (more)
        wanted->names = more;
    if (more && name)
        more[wanted->name_count++] = name;
    else
        free(name);
    return (more && name) || error_set(error, ERROR_SYSTEM, "not enough memory to read the store");
}

bool engine_known_machine(const char *database, const char *engine, const char *name, struct engine_machine *found,
                          struct error *error)
{
    *found = (struct engine_machine){0};
    if (access(database, F_OK) != 0)
        return true;
    struct wanted wanted = {.engine = engine, .machine = name, .found = found};
    bool right = visit_runs(database, look_for, &wanted, error);
    if (right && !found->known && wanted.name_count)
        nearest_names(name, wanted.names, wanted.name_count, 3, found->nearest, sizeof found->nearest);
    for (size_t i = 0; i < wanted.name_count; i++)
        free((char *)wanted.names[i]);
    free(wanted.names);
    return right;
}
