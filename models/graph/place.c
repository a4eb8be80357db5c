/* A search for the lowest gap looks at the pieces that have their place already, by offset. Most pieces live for a few
 * moments only, so there are windows of time, each of which overlaps the next by half, with a list of its own of what
 * lives in it: a piece that lives within one looks at that list, others at the list of all. What training keeps for its
 * backward pass outlives many windows; in their lists such neighbours are one. */
#include "models/graph/place.h"

#include <stdlib.h>
#include <string.h>

enum { STEP = 32, WINDOW = 2 * STEP };

/* A piece that has its place: what a search looks at, close together. */
struct place {
    size_t begin, end;
    int first, last;
};

struct list {
    struct place *places; /* by offset */
    int count;
    int first, last; /* the window */
};

struct placer {
    struct piece *pieces;
    int count, windows;
    int *order;         /* [count] the pieces, largest first */
    struct list *lists; /* [windows + 1]; the last: of all */
    struct place *room; /* of the lists */
};

/* ---- the order ---- */

/* Of one size: how many, and where among the ordered the next of them goes. */
struct size {
    size_t bytes;
    int count, next;
};

/* Where the size is among the descending sizes, or should be. */
static int find_size(const struct size *sizes, int count, size_t bytes)
{
    int low = 0, high = count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (sizes[middle].bytes > bytes)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Layers repeat, so there are few sizes: they are counted, not sorted. `sizes` is for as many as there are pieces. */
static void order_by_size(struct placer *placer, struct size *sizes)
{
    int count = 0, before = 0, at = 0;
    for (int i = 0; i < placer->count; i++) {
        size_t bytes = placer->pieces[i].bytes;
        if (!count || sizes[at].bytes != bytes)
            at = find_size(sizes, count, bytes);
        if (at == count || sizes[at].bytes != bytes) {
            memmove(sizes + at + 1, sizes + at, (size_t)(count++ - at) * sizeof *sizes);
            sizes[at] = (struct size){.bytes = bytes};
        }
        sizes[at].count++;
    }
    for (int s = 0; s < count; s++) {
        sizes[s].next = before;
        before += sizes[s].count;
    }
    at = 0;
    for (int i = 0; i < placer->count; i++) {
        if (sizes[at].bytes != placer->pieces[i].bytes)
            at = find_size(sizes, count, placer->pieces[i].bytes);
        placer->order[sizes[at].next++] = i;
    }
}

/* ---- lists ---- */

/* Windows begin a step before the times that `first` and `last` are in, so that a short life is within the one that is
 * numbered by its end. */
static int first_window(const struct piece *piece)
{
    return piece->first / STEP;
}

static int last_window(const struct piece *piece)
{
    return piece->last / STEP + 1;
}

/* Room in each list for all that will be in it. */
static bool open_lists(struct placer *placer)
{
    size_t total = (size_t)placer->count;
    for (int i = 0; i < placer->count; i++)
        for (int w = first_window(&placer->pieces[i]); w <= last_window(&placer->pieces[i]); w++, total++)
            placer->lists[w].count++;
    struct place *at = placer->room = malloc((total + 1) * sizeof *at);
    placer->lists[placer->windows] = (struct list){.places = at, .first = -1};
    at += at ? placer->count : 0;
    for (int w = 0; at && w < placer->windows; w++) {
        int room = placer->lists[w].count;
        placer->lists[w] = (struct list){.places = at, .first = (w - 1) * STEP, .last = (w - 1) * STEP + WINDOW - 1};
        at += room;
    }
    return at;
}

static bool outlives(const struct place *place, const struct list *window)
{
    return place->first <= window->first && place->last >= window->last;
}

static void replace(struct list *list, int at, int count, const struct place *place)
{
    memmove(list->places + at + 1, list->places + at + count, (size_t)(list->count - at - count) * sizeof *place);
    list->places[at] = *place;
    list->count += 1 - count;
}

/* After those that begin no later; neighbours that all outlive the window become one. */
static void insert(struct list *list, struct place place)
{
    int low = 0, high = list->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (list->places[middle].begin > place.begin)
            high = middle;
        else
            low = middle + 1;
    }
    high = low;
    if (outlives(&place, list)) {
        place.first = list->first;
        place.last = list->last;
        if (low && list->places[low - 1].end == place.begin && outlives(&list->places[low - 1], list))
            place.begin = list->places[--low].begin;
        if (high < list->count && list->places[high].begin == place.end && outlives(&list->places[high], list))
            place.end = list->places[high++].end;
    }
    replace(list, low, high - low, &place);
}

static size_t lowest_gap(const struct list *list, const struct piece *piece)
{
    size_t offset = 0;
    for (const struct place *other = list->places; other < list->places + list->count; other++) {
        if (other->last < piece->first || piece->last < other->first)
            continue;
        if (offset + piece->bytes <= other->begin)
            break;
        if (other->end > offset)
            offset = other->end;
    }
    return offset;
}

/* ---- placing ---- */

static size_t place_each(struct placer *placer)
{
    size_t span = 0;
    struct list *all = &placer->lists[placer->windows];
    for (int i = 0; i < placer->count; i++) {
        struct piece *piece = &placer->pieces[placer->order[i]];
        const struct list *own = &placer->lists[last_window(piece) - 1];
        piece->offset = lowest_gap(piece->first >= own->first && piece->last <= own->last ? own : all, piece);
        const struct place place = {piece->offset, piece->offset + piece->bytes, piece->first, piece->last};
        for (int w = first_window(piece); w <= last_window(piece); w++)
            insert(&placer->lists[w], place);
        insert(all, place);
        span = place.end > span ? place.end : span;
    }
    return span;
}

bool place_pieces(struct piece *pieces, int count, size_t *span)
{
    struct placer placer = {.pieces = pieces, .count = count, .windows = 1};
    for (int i = 0; i < count; i++)
        placer.windows = last_window(&pieces[i]) >= placer.windows ? last_window(&pieces[i]) + 1 : placer.windows;
    struct size *sizes = malloc(((size_t)count + 1) * sizeof *sizes);
    placer.order = malloc(((size_t)count + 1) * sizeof *placer.order);
    placer.lists = calloc((size_t)placer.windows + 1, sizeof *placer.lists);
    bool right = sizes && placer.order && placer.lists && open_lists(&placer);
    if (right) {
        order_by_size(&placer, sizes);
        *span = place_each(&placer);
    }
    free(sizes);
    free(placer.order);
    free(placer.lists);
    free(placer.room);
    return right;
}
