/* Places of pieces of memory (models/graph/place.h): what a search without lists and windows finds, over lives like a
 * training step's (kept until their turn comes back), a forward pass's, and random ones. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "models/graph/place.h"
#include "tests/suite.h"

enum { MOST = 1500 };

static uint32_t state;

static int below(int limit)
{
    state = state * 1664525 + 1013904223;
    return (int)((state >> 8) % (uint32_t)limit);
}

static int compare(const void *a, const void *b)
{
    const struct piece *left = *(struct piece *const *)a, *right = *(struct piece *const *)b;
    if (left->bytes != right->bytes)
        return left->bytes < right->bytes ? 1 : -1;
    return left < right ? -1 : left > right;
}

static bool collide(const struct piece *a, const struct piece *b, size_t offset)
{
    return a->first <= b->last && b->first <= a->last && offset < b->offset + b->bytes && b->offset < offset + a->bytes;
}

/* By the definition: each at the lowest offset, 0 or another's end, where it collides with nothing. */
static size_t place_plainly(struct piece *pieces, int count)
{
    static struct piece *order[MOST];
    size_t span = 0;
    for (int i = 0; i < count; i++)
        order[i] = &pieces[i];
    qsort(order, (size_t)count, sizeof *order, compare);
    for (int i = 0; i < count; i++) {
        size_t best = SIZE_MAX;
        for (int at = -1; at < i; at++) {
            size_t offset = at < 0 ? 0 : order[at]->offset + order[at]->bytes;
            bool free = offset < best;
            for (int j = 0; free && j < i; j++)
                free = !collide(order[i], order[j], offset);
            best = free ? offset : best;
        }
        order[i]->offset = best;
        span = best + order[i]->bytes > span ? best + order[i]->bytes : span;
    }
    return span;
}

static int fill(struct piece *pieces, int kind, int count)
{
    static const int sizes[] = {64, 128, 192, 640, 4096, 4160, 65536};
    int nodes = count / 3 + 2;
    for (int i = 0; i < count; i++) {
        int first = kind == 2 ? below(nodes) : i / 3, length = below(4);
        if (kind == 2 && below(9) == 0)
            length = below(nodes);
        int last = first + length;
        if (kind == 1 && below(3) == 0) /* saved for the backward pass */
            last = 2 * nodes - first;
        pieces[i] = (struct piece){.bytes = (size_t)sizes[below(7)], .first = first, .last = last};
    }
    return count;
}

START_TEST(places_are_the_lowest)
{
    static struct piece pieces[MOST], plain[MOST];
    static const int counts[] = {0, 1, 2, 40, 333, MOST};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        state = (uint32_t)(7 * _i + (int)c);
        int count = fill(pieces, _i % 3, counts[c]);
        for (int i = 0; i < count; i++)
            plain[i] = pieces[i];
        size_t span = 1, expected = place_plainly(plain, count);
        ck_assert(place_pieces(pieces, count, &span));
        ck_assert_uint_eq(span, expected);
        for (int i = 0; i < count; i++)
            ck_assert_msg(pieces[i].offset == plain[i].offset, "piece %d of %d is at %zu instead of %zu", i, count,
                          pieces[i].offset, plain[i].offset);
    }
}
END_TEST

int main(void)
{
    return suite_run("place", 60, SUITE(LOOP(places_are_the_lowest, 6)));
}
