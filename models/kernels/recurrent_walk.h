/* The serial part that all recurrent cells share, in either direction of time: at each step t, for every sequence b,
 *
 *     sums[b,:] = state[b, before t] · W        (0 at the first step taken)
 *     state[b,t] = finish(sums[b,:], …)         the cell's own formula, which fills the state's row
 *
 * W is kept in *panels*, [panels][state_width][panel_vectors · LANES], each read front to back. A panel's sums for a
 * few sequences are made in registers and handed to `finish` at once. A cell with gates puts the gates of the same
 * units into one panel.
 *
 * Threads share the sequences, each going through time on its own. When W is large, or there are too few sequences for
 * that, they share the panels instead and wait for each other after each step. */
#ifndef KERNELS_RECURRENT_WALK_H
#define KERNELS_RECURRENT_WALK_H

#include <omp.h>
#include <sched.h>

#include "models/kernels/recurrent_outer.h"

enum {
    WALK_CACHED_BYTES = 256 << 10, /* W up to this size stays in a core's cache while a few sequences go through time */
    WALK_SHARED_BYTES = 256 << 10, /* from this size on sharing a step is worth a barrier */
    WALK_STREAMED_BYTES = 1 << 20, /* from this size on it is worth one for any number of sequences: W is then read from
                                      beyond a core's own cache at each step, by one thread instead of by all */
    WALK_SPINS = 2000,             /* before a waiting thread offers its CPU to others */
};

/* What `finish` gets: sums [rows, panel_vectors · LANES] for sequences b … b + rows − 1 at step t, and the room where
 * a cell keeps what it passes to the next step besides the state: carry [batch, carry_row], 0 before the first. */
struct walk_tile {
    size_t b, rows, t, panel;
    const float *sums;
    size_t sums_row;
    float *carry;
    size_t carry_row;
};

struct walk {
    size_t batch, steps;
    bool backward;      /* from the last step to the first */
    const float *state; /* [batch, steps, state_width] */
    size_t state_width;
    const float *u; /* the recurrent weights [_, units] from which W is packed */
    size_t units;
    size_t panel_count, panel_vectors;
    bool carries;
    /* Fills vector v of the panels, counted through all of them, with walk_pack_rows or walk_pack_columns. */
    void (*pack)(const struct walk *walk, size_t v, float *rows, float *panels);
    void (*finish)(const void *cell, const struct walk_tile *tile);
    const void *cell;
};

/* Where the workspace's buffers start, in floats. */
struct walk_layout {
    size_t arrivals, panels, carry;                  /* shared by the threads */
    size_t threads, thread_total, sums, rows, outer; /* the threads' parts: start, size of one, and what is in it */
    size_t total;
};

LANES_INLINE size_t walk_panel_floats(const struct walk *w)
{
    return w->panel_count * w->state_width * w->panel_vectors * LANES;
}

LANES_INLINE size_t walk_carry_row(const struct walk *w)
{
    return w->carries ? round_up(w->units, LANES) : 0;
}

static inline struct walk_layout walk_layout_of(const struct walk *w, const struct outer *outer, int threads)
{
    struct walk_layout l = {0};
    l.arrivals = reserve(&l.total, LINE_FLOATS);
    l.panels = reserve(&l.total, walk_panel_floats(w));
    l.carry = reserve(&l.total, w->batch * walk_carry_row(w));
    l.sums = reserve(&l.thread_total, TILE_ROWS * w->panel_vectors * LANES);
    l.rows = reserve(&l.thread_total, LANES * round_up(w->units, LANES));
    l.outer = reserve(&l.thread_total, outer ? outer_floats(outer) : 0);
    l.threads = l.total;
    l.total += (size_t)threads * l.thread_total;
    return l;
}

/* Where vector v of the panels starts. */
LANES_INLINE float *walk_vector(const struct walk *w, size_t v, float *panels)
{
    return panels + v / w->panel_vectors * w->state_width * w->panel_vectors * LANES + v % w->panel_vectors * LANES;
}

/* Vector v gets rows first … first + count − 1 of u, at most LANES, as its lanes: a part of Uᵀ. */
static inline __attribute__((unused)) void walk_pack_rows(const struct walk *w, size_t v, size_t first, size_t count,
                                                          float *rows, float *panels)
{
    size_t units = w->units, row = round_up(units, LANES), panel_row = w->panel_vectors * LANES;
    float *to = walk_vector(w, v, panels);
    pack_rows(w->u + (count ? first * units : 0), DTYPE_F32, units, count, LANES, units, rows, row);
    size_t fours = units / 4 * 4;
    transpose(rows, row, LANES, fours, 1, to, panel_row);
    for (size_t k = fours; k < units; k++)
        for (size_t i = 0; i < LANES; i++)
            to[k * panel_row + i] = rows[i * row + k];
}

/* Vector v gets columns from v · LANES on of u: a part of U. */
static inline __attribute__((unused)) void walk_pack_columns(const struct walk *w, size_t v, float *rows, float *panels)
{
    size_t first = v * LANES, panel_row = w->panel_vectors * LANES,
           count = least(LANES, w->units - least(first, w->units));
    float *to = walk_vector(w, v, panels);
    (void)rows;
    for (size_t k = 0; k < w->state_width; k++)
        lanes_store(to + k * panel_row, count ? lanes_load_some(w->u + k * w->units + first, count) : lanes_zero());
}

LANES_INLINE bool walk_shares_panels(const struct walk *w, int threads)
{
    size_t bytes = walk_panel_floats(w) * sizeof(float);
    bool worth = bytes >= WALK_STREAMED_BYTES || (bytes >= WALK_SHARED_BYTES && w->batch < (size_t)threads * TILE_ROWS);
    return threads > 1 && w->panel_count > 1 && worth;
}

/* Part `index` of `parts` nearly equal ones of `count`. */
LANES_INLINE void walk_part(size_t count, int index, int parts, size_t *from, size_t *to)
{
    *from = count * (size_t)index / (size_t)parts;
    *to = count * ((size_t)index + 1) / (size_t)parts;
}

/* One thread's view of the walk. */
struct walker {
    const struct walk *walk;
    const float *panels;
    float *carry, *sums;
    size_t from, to;             /* sequences */
    size_t from_panel, to_panel; /* panels */
};

static void walk_tile_step(const struct walker *walker, size_t t, size_t panel, size_t b, size_t rows)
{
    const struct walk *w = walker->walk;
    size_t row = w->panel_vectors * LANES, width = w->state_width;
    bool first = w->backward ? t + 1 == w->steps : t == 0;
    if (first)
        memset(walker->sums, 0, rows * row * sizeof(float));
    else
        product_by_row(rows, w->panel_vectors, w->state + (b * w->steps + (w->backward ? t + 1 : t - 1)) * width,
                       w->steps * width, walker->panels + panel * width * row, row, width, walker->sums, row, false);
    w->finish(w->cell, &(struct walk_tile){b, rows, t, panel, walker->sums, row, walker->carry, walk_carry_row(w)});
}

static void walk_step(const struct walker *walker, size_t t, size_t from, size_t to)
{
    for (size_t panel = walker->from_panel; panel < walker->to_panel; panel++)
        for (size_t b = from, rows; b < to; b += rows) {
            rows = tile_width(to - b, TILE_ROWS);
            walk_tile_step(walker, t, panel, b, rows);
        }
}

/* Each arrival adds one; a step is over when all have come. `arrivals` is 0 before the first step. */
static void walk_wait(size_t *arrivals, size_t all)
{
    __atomic_add_fetch(arrivals, 1, __ATOMIC_ACQ_REL);
    for (size_t spin = 1; __atomic_load_n(arrivals, __ATOMIC_ACQUIRE) < all; spin++) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
        if (spin % WALK_SPINS == 0)
            sched_yield();
    }
}

/* Called by each of `threads` threads, with a walker that has its buffers. */
static void walk_through(struct walker *walker, int thread, int threads, size_t *arrivals)
{
    const struct walk *w = walker->walk;
    bool shares = walk_shares_panels(w, threads);
    bool cached = walk_panel_floats(w) * sizeof(float) <= WALK_CACHED_BYTES;
    walk_part(w->batch, shares ? 0 : thread, shares ? 1 : threads, &walker->from, &walker->to);
    walk_part(w->panel_count, shares ? thread : 0, shares ? threads : 1, &walker->from_panel, &walker->to_panel);
    for (size_t b = walker->from, block; b < walker->to; b += block) {
        block = cached && !shares ? tile_width(walker->to - b, TILE_ROWS) : walker->to - b;
        for (size_t i = 0; i < w->steps; i++) {
            walk_step(walker, w->backward ? w->steps - 1 - i : i, b, b + block);
            if (shares)
                walk_wait(arrivals, (i + 1) * (size_t)threads);
        }
    }
}

/* The whole layer: packs W, goes through time, and then sums `outer` unless it is NULL. */
static __attribute__((unused)) void walk_run(const struct walk *w, const struct outer *outer, float *workspace,
                                             int threads)
{
    const struct walk_layout l = walk_layout_of(w, outer, threads);
    memset(workspace + l.arrivals, 0, sizeof(size_t));
    memset(workspace + l.carry, 0, w->batch * walk_carry_row(w) * sizeof(float));
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        int thread = omp_get_thread_num(), all = omp_get_num_threads();
        float *own = workspace + l.threads + (size_t)thread * l.thread_total;
        struct walker walker = {w, workspace + l.panels, workspace + l.carry, own + l.sums, 0, 0, 0, 0};
#pragma omp for schedule(static)
        for (size_t v = 0; v < w->panel_count * w->panel_vectors; v++)
            w->pack(w, v, own + l.rows, workspace + l.panels);
        walk_through(&walker, thread, all, (size_t *)(workspace + l.arrivals));
        if (outer) {
#pragma omp barrier
            size_t from, to;
            walk_part((outer->rows + TILE_COLUMN_ROWS - 1) / TILE_COLUMN_ROWS, thread, all, &from, &to);
            outer_run(outer, least(from * TILE_COLUMN_ROWS, outer->rows), least(to * TILE_COLUMN_ROWS, outer->rows),
                      own + l.outer);
        }
    }
}

#endif
