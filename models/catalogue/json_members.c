/* A JSON object's members in the order of their names. */
#include <stdlib.h>
#include <string.h>

#include "models/catalogue/json_view.h"

static int by_name_and_place(const void *a, const void *b)
{
    const struct json_member *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order ? order : left->value.begin < right->value.begin ? -1 : left->value.begin > right->value.begin;
}

static int by_name(const void *name, const void *member)
{
    return strcmp(name, ((const struct json_member *)member)->name);
}

bool json_members_of(struct json_view object, struct json_members *members, struct error *error)
{
    struct json_walk walk = {0};
    uint64_t most = json_view_length(object);
    *members = (struct json_members){0};
    if (json_view_kind(object) != JSON_OBJECT_VIEW || most == 0)
        return true;
    if (most > JSON_MOST_MEMBERS)
        return mapping_error(object.mapping, object.begin, error, "an object of %llu members; %d at most are read",
                             (unsigned long long)most, JSON_MOST_MEMBERS);
    members->items = malloc(most * sizeof *members->items);
    if (!members->items)
        return error_set(error, ERROR_SYSTEM, "out of memory for the members of a JSON object");
    while (json_walk_next(object, &walk)) {
        struct json_member *item = &members->items[members->count];
        if (json_view_text(walk.key, item->name, sizeof item->name)) {
            item->value = walk.value;
            members->count++;
        }
    }
    qsort(members->items, members->count, sizeof *members->items, by_name_and_place);
    size_t kept = 0;
    for (size_t i = 0; i < members->count; i++) {
        bool again = kept && strcmp(members->items[kept - 1].name, members->items[i].name) == 0;
        kept -= again;
        members->items[kept++] = members->items[i];
    }
    members->count = kept;
    return true;
}

void json_members_free(struct json_members *members)
{
    free(members->items);
    *members = (struct json_members){0};
}

struct json_view json_members_find(const struct json_members *members, const char *name)
{
    const struct json_member *found =
        members->count ? bsearch(name, members->items, members->count, sizeof *members->items, by_name) : NULL;
    return found ? found->value : (struct json_view){0};
}
