#include "reports/machine_changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"

/* Patterns of the fields that speed depends on and that stay the same while nobody changes the machine. */
static const char *const looked_at[] = {"software.*",
                                        "cpu.model",
                                        "cpu.threads",
                                        "cpu.usable_threads",
                                        "cpu.cores",
                                        "cpu.packages",
                                        "cpu.quota",
                                        "cpu.isa",
                                        "cpu.max_mhz",
                                        "cpu.base_mhz",
                                        "memory.total_bytes",
                                        "memory.limit_bytes",
                                        "memory.limited_by",
                                        "memory.swap_*",
                                        "memory.huge_page*",
                                        "memory.transparent*",
                                        "gpus",
                                        "numa"};

static bool is_looked_at(const char *field)
{
    for (size_t i = 0; i < sizeof looked_at / sizeof *looked_at; i++)
        if (glob_match(looked_at[i], field))
            return true;
    return false;
}

/* As text; NULL for what isn't there. The caller frees it. */
static char *value_text(const json_t *value)
{
    if (json_is_string(value))
        return strdup(json_string_value(value));
    return value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
}

static void compare_field(json_t *array, const char *field, const json_t *before, const json_t *after)
{
    if (json_equal(before, after))
        return;
    char *old = value_text(before), *new = value_text(after);
    json_t *change = json_object();
    json_put_string(change, "field", field);
    json_put_string(change, "before", old);
    json_put_string(change, "after", new);
    json_array_append_new(array, change);
    free(old);
    free(new);
}

static void compare_part(json_t *array, const char *part, const json_t *before, const json_t *after)
{
    const json_t *sides[] = {after, before};
    for (int side = 0; side < 2; side++) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)sides[side], key, value)
        {
            char field[160];
            snprintf(field, sizeof field, "%s%s%.100s", part, *part ? "." : "", key);
            const json_t *old = json_object_get(before, key), *new = json_object_get(after, key);
            if (is_looked_at(field) && !(side == 1 && new))
                compare_field(array, field, old, new);
        }
    }
}

json_t *machine_changes(const json_t *before, const json_t *after)
{
    static const char *const parts[] = {"software", "cpu", "memory"};
    json_t *array = json_array();
    if (!array || !before || !after)
        return array;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        compare_part(array, parts[i], json_object_get(before, parts[i]), json_object_get(after, parts[i]));
    compare_part(array, "", before, after);
    return array;
}
