/* A case's memory at one batch after another, without its graph being built again for each.
 *
 * All that grows with the batch is in the tensors' dimensions: two graphs, of a batch and of twice as many, show which.
 * A graph that grows in another way (an image classifier chooses between two ways to convolve by how many pixels there
 * are) is built for each batch after all. */
#ifndef ENGINE_CASE_BATCHES_H
#define ENGINE_CASE_BATCHES_H

#include "models/engine/case.h"

struct case_batches {
    struct model_case one;
    int threads;
    struct graph *graph; /* the caller's; NULL: built for each batch */
    int *grows;          /* [tensor_count] the dimension that is a multiple of the batch, or -1; owned */
    int64_t *each;       /* [tensor_count] that dimension's extent for one sequence; owned */
    int *alike;          /* [node_count] alike.h, at every batch; owned */
};

/* `graph` is the case's own, whose dimensions are changed from now on. */
bool case_batches_open(const struct model_case *one, struct graph *graph, int threads, struct case_batches *batches,
                       struct error *error);
void case_batches_close(struct case_batches *batches);
/* Bytes of the plan at that batch; UINT64_MAX where there is none. */
uint64_t case_batches_bytes(struct case_batches *batches, int64_t batch);
/* The largest batch, of at most `most`, whose plan takes no more than `room`; 0 when not even one sequence's does.
 * `plan` is that of the case's own batch. */
int64_t case_batches_largest(struct case_batches *batches, const struct plan *plan, uint64_t room, int64_t most);

#endif
