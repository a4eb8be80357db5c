/* The serial part that all recurrent cells share, in either direction of time: at each step t, for every sequence b,
 *
 *     sums[b,:] = state[b, before t] · W        (0 at the first step taken)
 *     state[b,t] = finish(sums[b,:], …)         the cell's own formula, which fills the state's row
 *
 * W is kept in *panels*, [panels][state_width][panel_vectors · LANES], each read front to back. A panel's sums for a
 * few sequences are made in registers and handed to `finish` at once. A cell with gates puts the gates of the same
 * units into one panel.
 *
 * Threads share the sequences, each going through time on its own. When there are too few sequences for that and W is
 * large, they share the panels instead and wait for each other after each step. */
#ifndef KERNELS_RECURRENT_WALK_H
#define KERNELS_RECURRENT_WALK_H

#include <sched.h>

#include "models/kernels/layout.h"
#include "models/kernels/tile.h"

enum {
    WALK_CACHED_BYTES = 256 << 10, /* W up to this size stays in a core's cache while a few sequences go through time */
    WALK_SHARED_BYTES = 256 << 10, /* from this size on sharing a step is worth a barrier */
    WALK_SPINS = 2000,             /* before a waiting thread offers its CPU to others */
};

/* What `finish` gets: sums [rows, panel_vectors · LANES] for sequences b … b + rows − 1 at step t. */
struct walk_tile {
    size_t b, rows, t, panel;
    const float *sums;
    size_t sums_row;
};

struct walk {
    size_t batch, steps;
    bool backward;      /* from the last step to the first */
    const float *state; /* [batch, steps, state_width] */
    size_t state_width;
    const float *panels;
    size_t panel_count, panel_vectors;
    void (*finish)(const void *cell, const struct walk_tile *tile);
    const void *cell;
};

/* Floats of W's panels, and of a thread's sums. */
LANES_INLINE size_t walk_panel_floats(const struct walk *w)
{
    return w->panel_count * w->state_width * w->panel_vectors * LANES;
}

LANES_INLINE size_t walk_sums_floats(const struct walk *w)
{
    return TILE_ROWS * w->panel_vectors * LANES;
}

LANES_INLINE bool walk_shares_panels(const struct walk *w, int threads)
{
    return threads > 1 && w->batch < (size_t)threads * TILE_ROWS && w->panel_count > 1 &&
           walk_panel_floats(w) * sizeof(float) >= WALK_SHARED_BYTES;
}

/* Part `index` of `parts` nearly equal ones of `count`. */
LANES_INLINE void walk_part(size_t count, int index, int parts, size_t *from, size_t *to)
{
    *from = count * (size_t)index / (size_t)parts;
    *to = count * ((size_t)index + 1) / (size_t)parts;
}

static void walk_tile_step(const struct walk *w, size_t t, size_t panel, size_t b, size_t rows, float *sums)
{
    size_t row = w->panel_vectors * LANES, width = w->state_width;
    bool first = w->backward ? t + 1 == w->steps : t == 0;
    if (first)
        memset(sums, 0, rows * row * sizeof *sums);
    else
        product_by_row(rows, w->panel_vectors, w->state + (b * w->steps + (w->backward ? t + 1 : t - 1)) * width,
                       w->steps * width, w->panels + panel * width * row, row, width, sums, row, false);
    w->finish(w->cell, &(struct walk_tile){b, rows, t, panel, sums, row});
}

static void walk_step(const struct walk *w, size_t t, size_t from_panel, size_t to_panel, size_t from, size_t to,
                      float *sums)
{
    for (size_t panel = from_panel; panel < to_panel; panel++)
        for (size_t b = from, rows; b < to; b += rows) {
            rows = tile_width(to - b, TILE_ROWS);
            walk_tile_step(w, t, panel, b, rows, sums);
        }
}

/* Each arrival adds one; a step is over when all have come. `arrivals` is 0 before the first step. */
static void walk_wait(size_t *arrivals, size_t all)
{
    __atomic_add_fetch(arrivals, 1, __ATOMIC_ACQ_REL);
    for (size_t spin = 1; __atomic_load_n(arrivals, __ATOMIC_ACQUIRE) < all; spin++) {
#if defined(__x86_64__)
        _mm_pause();
#endif
        if (spin % WALK_SPINS == 0)
            sched_yield();
    }
}

/* Called by each of `threads` threads, with sums of its own. */
static void walk_run(const struct walk *w, int thread, int threads, size_t *arrivals, float *sums)
{
    size_t from = 0, to = w->batch, from_panel = 0, to_panel = w->panel_count, block;
    bool shares = walk_shares_panels(w, threads);
    if (shares)
        walk_part(w->panel_count, thread, threads, &from_panel, &to_panel);
    else
        walk_part(w->batch, thread, threads, &from, &to);
    bool cached = walk_panel_floats(w) * sizeof(float) <= WALK_CACHED_BYTES;
    for (size_t b = from; b < to; b += block) {
        block = cached && !shares ? tile_width(to - b, TILE_ROWS) : to - b;
        for (size_t i = 0; i < w->steps; i++) {
            walk_step(w, w->backward ? w->steps - 1 - i : i, from_panel, to_panel, b, b + block, sums);
            if (shares)
                walk_wait(arrivals, (i + 1) * (size_t)threads);
        }
    }
}

#endif
