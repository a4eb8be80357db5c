/* Places for pieces of memory that live for a while: largest first, each at the lowest offset where nothing that lives
 * at the same time lies (greedy by size: Pisarchyk, Lee 2020). */
#ifndef GRAPH_PLACE_H
#define GRAPH_PLACE_H

#include <stdbool.h>
#include <stddef.h>

struct piece {
    size_t bytes, offset; /* the offset is what is found */
    int first, last;      /* the times, from 0 on, at which it is alive */
};

/* Of equally large pieces the earlier in the array has its place first. *span receives the bytes that they take in all.
 * False when there is no memory for it. */
bool place_pieces(struct piece *pieces, int count, size_t *span);

#endif
