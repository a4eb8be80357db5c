/* What there is to run, for `benchmark list`. */
#include <string.h>

#include "harness/base/json.h"
#include "harness/command/list.h"
#include "harness/run/suites.h"
#include "models/families/family.h"

static json_t *append(json_t *items, const char *name)
{
    json_t *item = json_object();
    json_put_string(item, "name", name);
    json_array_append_new(items, item);
    return item;
}

void list_suites(json_t *items)
{
    for (size_t i = 0; i < suite_count; i++) {
        struct case_list cases;
        struct error error;
        json_t *item = append(items, suites[i].name);
        if (suite_cases(&suites[i], &cases, &error))
            json_put_count(item, "cases", cases.count);
        case_list_free(&cases);
        json_put_real(item, "budget_s", suites[i].budget_s);
        json_put_string(item, "help", suites[i].help);
    }
}

static json_t *find_item(json_t *items, const char *name)
{
    for (size_t i = 0; i < json_array_size(items); i++)
        if (!strcmp(json_get_string(json_array_get(items, i), "name"), name))
            return json_array_get(items, i);
    return NULL;
}

static void add_case(json_t *items, const struct model_case *one, const char *suite)
{
    json_t *item = find_item(items, one->id);
    if (!item) {
        item = append(items, one->id);
        json_put_string(item, "family", one->family->name);
        json_put_string(item, "model", one->size->name);
        json_put(item, "suites", json_array());
    }
    json_array_append_new(json_object_get(item, "suites"), json_string(suite));
}

void list_cases(json_t *items)
{
    for (size_t i = 0; i < suite_count; i++) {
        struct case_list cases;
        struct error error;
        if (!suite_cases(&suites[i], &cases, &error))
            continue;
        for (size_t c = 0; c < cases.count; c++)
            add_case(items, &cases.cases[c], suites[i].name);
        case_list_free(&cases);
    }
}
