#include "models/catalogue/model_type.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/parse.h"

/* Products of two stay in 64 bits. */
static const uint64_t MOST_SIZE = 1 << 30;

const struct model_type *model_type_find(const char *name)
{
    for (size_t i = 0; i < model_type_count; i++)
        if (strcmp(model_types[i].name, name) == 0)
            return &model_types[i];
    return NULL;
}

void model_type_nearest(const char *name, char *out, size_t capacity)
{
    const char *names[256];
    size_t count = 0;
    while (count < model_type_count && count < sizeof names / sizeof *names) {
        names[count] = model_types[count].name;
        count++;
    }
    nearest_names(name, names, count, 3, out, capacity);
}

static struct json_view find_any(const struct json_members *members, const char *names)
{
    for (const char *at = names; at;) {
        char name[JSON_MEMBER_NAME];
        size_t length = strcspn(at, "|");
        memcpy(name, at, length);
        name[length] = '\0';
        struct json_view found = json_members_find(members, name);
        if (found.mapping)
            return found;
        at = at[length] ? at + length + 1 : NULL;
    }
    return (struct json_view){0};
}

struct json_view configuration_find(const struct configuration *configuration, const char *names)
{
    struct json_view found = find_any(&configuration->given, names);
    return found.mapping ? found : find_any(&configuration->defaults, names);
}

uint64_t configuration_count(const struct configuration *configuration, const char *names, uint64_t otherwise)
{
    uint64_t value;
    return json_view_count(configuration_find(configuration, names), &value) ? value : otherwise;
}

uint64_t configuration_size(const struct configuration *configuration, const char *names, uint64_t otherwise)
{
    uint64_t value = configuration_count(configuration, names, otherwise);
    if (value <= MOST_SIZE)
        return value;
    *configuration->excessive = true;
    return MOST_SIZE;
}

size_t configuration_list(const struct configuration *configuration, const char *names, uint64_t *out, size_t capacity)
{
    struct json_view list = configuration_find(configuration, names);
    struct json_walk walk = {0};
    size_t count = 0;
    while (json_walk_next(list, &walk)) {
        if (count == capacity || !json_view_count(walk.value, &out[count]) || out[count] > MOST_SIZE) {
            *configuration->excessive = true;
            break;
        }
        count++;
    }
    return count;
}

bool configuration_flag(const struct configuration *configuration, const char *name)
{
    bool value;
    return json_view_boolean(configuration_find(configuration, name), &value) && value;
}

double configuration_number(const struct configuration *configuration, const char *names)
{
    double value;
    return json_view_number(configuration_find(configuration, names), &value) ? value : NAN;
}

bool configuration_class_is(const struct configuration *configuration, const char *tail)
{
    size_t length = strlen(configuration->class_name), wanted = strlen(tail);
    return length >= wanted && strcmp(configuration->class_name + length - wanted, tail) == 0;
}

bool configuration_word_is(const struct configuration *configuration, const char *name, const char *word)
{
    return json_view_is(configuration_find(configuration, name), word);
}

bool configuration_part(const struct configuration *whole, const char *name, struct configuration *part,
                        struct error *error)
{
    *part = (struct configuration){.type = whole->type,
                                   .labels = whole->labels,
                                   .excessive = whole->excessive,
                                   .place = json_members_find(&whole->given, name)};
    if (!part->place.mapping)
        part->place = whole->place;
    return json_members_of(json_members_find(&whole->given, name), &part->given, error) &&
           json_members_of(json_members_find(&whole->defaults, name), &part->defaults, error);
}

void configuration_free(struct configuration *configuration)
{
    json_members_free(&configuration->given);
    json_members_free(&configuration->defaults);
}
