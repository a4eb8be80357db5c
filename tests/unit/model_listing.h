/* What other software's reader found in a model's file: one line a tensor, `name type elements bytes offset part dims…`
 * (tests/golden/model_files.py). */
#ifndef UNIT_MODEL_LISTING_H
#define UNIT_MODEL_LISTING_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/text.h"
#include "models/catalogue/model_file.h"

static const char *model_path(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, UNIT_DATA "/models/%s", name);
    return path;
}

static void compare_tensor(const struct file_tensor *tensor, char *line)
{
    char *rest = line, *name = strsep(&rest, " "), *type = strsep(&rest, " ");
    unsigned long long elements, bytes, offset, dims[FILE_RANK];
    unsigned part;
    int found = sscanf(rest, "%llu %llu %llu %u %llu %llu %llu %llu %llu %llu", &elements, &bytes, &offset, &part,
                       &dims[0], &dims[1], &dims[2], &dims[3], &dims[4], &dims[5]);
    ck_assert_str_eq(tensor->name, name);
    ck_assert_str_eq(tensor->storage->name, type);
    ck_assert_uint_eq(tensor->rows * tensor->columns, elements);
    ck_assert_uint_eq(tensor->bytes, bytes);
    ck_assert_uint_eq(tensor->offset, offset);
    ck_assert_uint_eq(tensor->part, part);
    ck_assert_int_eq(tensor->rank, found - 4);
    for (int i = 0; i < tensor->rank; i++)
        ck_assert_uint_eq(tensor->dims[i], dims[i]);
}

static void compare_listing(const struct model_file *file, const char *listing)
{
    char *text = text_read_file(model_path(listing), 1 << 20), *rest = text, *line;
    size_t count = 0;
    ck_assert_ptr_nonnull(text);
    while ((line = strsep(&rest, "\n")) && *line) {
        ck_assert_uint_lt(count, file->tensor_count);
        compare_tensor(&file->tensors[count++], line);
    }
    ck_assert_uint_eq(count, file->tensor_count);
    free(text);
}

#endif
