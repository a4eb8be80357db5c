/* Memory with guards around it, which a kernel must leave as they are; what lies between is the caller's. */
#ifndef TEST_KERNELS_GUARDED_H
#define TEST_KERNELS_GUARDED_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 256, GUARD_BYTE = 0xA5 };

/* Room for `bytes` that start `offset` beyond a 64-byte boundary, GUARD + offset behind the start of what is returned.
 */
static inline unsigned char *guarded_new(size_t bytes, size_t offset)
{
    size_t all = (bytes + offset + 2 * GUARD + 63) / 64 * 64;
    unsigned char *memory = aligned_alloc(64, all);
    ck_assert_ptr_nonnull(memory);
    memset(memory, GUARD_BYTE, all);
    return memory;
}

/* Frees `memory`, of which `bytes` from `data` on were the caller's. */
static inline void guarded_free(unsigned char *memory, const void *data, size_t bytes)
{
    const unsigned char *start = data, *end = start + bytes;
    for (const unsigned char *p = memory; p < start; p++)
        ck_assert_msg(*p == GUARD_BYTE, "wrote %td bytes before an array", start - p);
    for (size_t i = 0; i < GUARD; i++)
        ck_assert_msg(end[i] == GUARD_BYTE, "wrote %zu bytes after an array's end", i + 1);
    free(memory);
}

#endif
