/* llama-bench's sql: a line "INSERT INTO llama_bench (NAME, ...) VALUES ('VALUE', ...);" a result. The quotes within
 * values aren't doubled, so values end where "', '" does. */
#include <stdlib.h>
#include <string.h>

#include "harness/store/llama_bench.h"

enum { MOST_COLUMNS = 256, MOST_NAME = 64, MOST_VALUE = 4096 };

struct insert {
    char names[MOST_COLUMNS][MOST_NAME];
    char value[MOST_VALUE];
    size_t count;
};

static bool take_names(struct insert *insert, const char *from, const char *end)
{
    insert->count = 0;
    while (from < end) {
        from += strspn(from, " ");
        size_t length = strcspn(from, ",)");
        if (insert->count == MOST_COLUMNS || length >= MOST_NAME || from + length > end)
            return false;
        memcpy(insert->names[insert->count], from, length);
        insert->names[insert->count++][length] = '\0';
        from += length + 1;
    }
    return insert->count > 0;
}

static const char *find(const char *from, const char *end, const char *what)
{
    return from <= end ? memmem(from, (size_t)(end - from), what, strlen(what)) : NULL;
}

static bool take_insert(struct insert *insert, const char *line, const char *end, struct bench_rows *rows,
                        const struct bench_place *place, struct error *error)
{
    const char *open = find(line, end, "("), *close = open ? find(open, end, ")") : NULL;
    const char *values = close ? find(close, end, "VALUES ('") : NULL, *last = NULL;
    for (const char *at = values ? values + 9 : NULL; at && (at = find(at, end, "')")); at++)
        last = at;
    if (!last || !take_names(insert, open + 1, close))
        return bench_refuse(place, error, "must be INSERT INTO llama_bench (NAME, ...) VALUES ('VALUE', ...);");
    struct bench_row *row = bench_rows_add(rows, place, error);
    const char *at = values + 9;
    size_t column = 0;
    for (bool more = row; more; column++) {
        const char *next = find(at, last, "', '"), *stop = next ? next : last;
        if (column == insert->count || (size_t)(stop - at) >= MOST_VALUE)
            return bench_refuse(place, error, "a value for each of the %zu columns named, each below %d bytes",
                                insert->count, MOST_VALUE);
        memcpy(insert->value, at, (size_t)(stop - at));
        insert->value[stop - at] = '\0';
        if (!bench_row_set(row, insert->names[column], insert->value, place, error))
            return false;
        more = next;
        at = stop + 4;
    }
    if (row && column != insert->count)
        return bench_refuse(place, error, "%zu values where %zu columns are named", column, insert->count);
    return row && bench_row_whole(row, place, error);
}

static bool read_sql(const char *text, const char *name, struct bench_rows *rows, struct error *error)
{
    struct insert *insert = calloc(1, sizeof *insert);
    struct bench_place place = {name, 1};
    bool right = insert || error_set(error, ERROR_SYSTEM, "%s: not enough memory to read it", name);
    for (const char *line = text; right && *line; place.line++) {
        const char *end = line + strcspn(line, "\n");
        if (strncmp(line, "INSERT INTO ", 12) == 0)
            right = take_insert(insert, line, end, rows, &place, error);
        line = end + (*end == '\n');
    }
    free(insert);
    return right;
}

static bool looks(const char *text)
{
    text += strspn(text, " \t\r\n");
    return strncmp(text, "CREATE TABLE", 12) == 0 || strncmp(text, "INSERT INTO ", 12) == 0;
}

const struct bench_form bench_form_sql = {"sql", looks, read_sql};
