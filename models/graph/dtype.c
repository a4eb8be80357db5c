#include "models/graph/dtype.h"

#include <assert.h>

static const struct dtype_info infos[DTYPE_COUNT] = {
    [DTYPE_F32] = {"f32", 1, 4, true},        [DTYPE_BF16] = {"bf16", 1, 2, true},
    [DTYPE_F16] = {"f16", 1, 2, true},        [DTYPE_I32] = {"i32", 1, 4, false},
    [DTYPE_Q8_0] = {"q8_0", 32, 34, false},   [DTYPE_Q4_0] = {"q4_0", 32, 18, false},
    [DTYPE_Q4_K] = {"q4_K", 256, 144, false}, [DTYPE_Q6_K] = {"q6_K", 256, 210, false},
};

const struct dtype_info *dtype_info(enum dtype dtype)
{
    return &infos[dtype];
}

bool dtype_quantised(enum dtype dtype)
{
    return infos[dtype].block > 1;
}

bool dtype_parse(const char *name, enum dtype *dtype)
{
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (strcmp(infos[i].name, name) == 0) {
            *dtype = (enum dtype)i;
            return true;
        }
    return false;
}

size_t dtype_bytes(enum dtype dtype, size_t count)
{
    const struct dtype_info *info = &infos[dtype];
    assert(count % info->block == 0); /* a row holds whole blocks: shape inference refuses others */
    return count / info->block * info->block_bytes;
}
