#include "harness/store/op_time.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"

/* More than any graph has. */
enum { MOST_OPS = 1 << 16 };

struct op_time op_time_of(const struct features *features)
{
    struct op_time op = {.dtype = features->dtype,
                         .flops = features->flops,
                         .bytes = features->bytes,
                         .rows = features->rows,
                         .columns = features->columns};
    strncpy(op.op, features->op, sizeof op.op - 1);
    return op;
}

struct op_time *op_times_count(struct op_time *ops, size_t *count, const struct features *features)
{
    size_t at = 0;
    for (; at < *count; at++) {
        const struct features there = {ops[at].op,    ops[at].dtype, ops[at].flops,
                                       ops[at].bytes, ops[at].rows,  ops[at].columns};
        if (features_are_same(&there, features))
            break;
    }
    if (at == *count)
        ops[(*count)++] = op_time_of(features);
    ops[at].count++;
    return &ops[at];
}

json_t *op_times_to_json(const struct op_time *ops, size_t count)
{
    json_t *array = count ? json_array() : NULL;
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();
        json_put_string(object, "op", ops[i].op);
        json_put_string(object, "dtype", dtype_info(ops[i].dtype)->name);
        json_put_real(object, "flops", ops[i].flops);
        json_put_real(object, "bytes", ops[i].bytes);
        json_put_real(object, "rows", ops[i].rows);
        json_put_real(object, "columns", ops[i].columns);
        json_put_real(object, "count", ops[i].count);
        json_put_real(object, "seconds", ops[i].seconds);
        json_array_append_new(array, object);
    }
    return array;
}

static bool take_figure(const json_t *object, const char *key, double *value)
{
    *value = json_get_real(object, key);
    return isfinite(*value) && *value >= 0;
}

static bool take_op(const json_t *object, struct op_time *op)
{
    const char *name = json_get_string(object, "op"), *dtype = json_get_string(object, "dtype");
    if (!name || !*name || strlen(name) >= sizeof op->op || !dtype || !dtype_parse(dtype, &op->dtype))
        return false;
    strcpy(op->op, name);
    return take_figure(object, "flops", &op->flops) && take_figure(object, "bytes", &op->bytes) &&
           take_figure(object, "rows", &op->rows) && take_figure(object, "columns", &op->columns) &&
           take_figure(object, "count", &op->count) && take_figure(object, "seconds", &op->seconds);
}

bool op_times_from_json(const json_t *array, struct op_time **ops, size_t *count)
{
    *ops = NULL;
    *count = 0;
    if (!array)
        return true;
    size_t length = json_array_size(array);
    if (!json_is_array(array) || length > MOST_OPS)
        return false;
    *ops = calloc(length + 1, sizeof **ops);
    for (; *ops && *count < length; ++*count)
        if (!take_op(json_array_get(array, *count), &(*ops)[*count]))
            break;
    if (*ops && *count == length)
        return true;
    free(*ops);
    *ops = NULL;
    *count = 0;
    return false;
}
