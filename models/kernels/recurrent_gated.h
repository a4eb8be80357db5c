/* What the LSTM and the GRU layer share over recurrent_walk.h: forward, a panel holds the gates of as many units as a
 * vector has lanes, so that a cell's gates are in registers together; backward, dh comes back through all of the gates'
 * parts of U at once. The cells' own formulas are in lstm_tiled.c and gru_tiled.c. */
#ifndef KERNELS_RECURRENT_GATED_H
#define KERNELS_RECURRENT_GATED_H

#include "models/kernels/recurrent_walk.h"

struct gated {
    size_t batch, steps, units, gates; /* gates with recurrent weights of their own */
    const float *u;                    /* [gates · units, units] */
    const float *h;                    /* [batch, steps, units] */
    void (*finish)(const void *cell, const struct walk_tile *tile);
    const void *cell;
};

struct gated_gradient {
    struct gated forward; /* finish and cell are the gradient's */
    const float *da;      /* [batch, steps, gates · units]: what comes back through U */
    float *du;            /* [gates · units, units] */
};

static void pack_gates(const struct walk *w, size_t v, float *rows, float *panels)
{
    size_t first = v / w->panel_vectors * LANES, gate = v % w->panel_vectors;
    walk_pack_rows(w, v, gate * w->units + first, least(LANES, w->units - first), rows, panels);
}

static struct walk gated_walk(const struct gated *l)
{
    return (struct walk){.batch = l->batch,
                         .steps = l->steps,
                         .state = l->h,
                         .state_width = l->units,
                         .u = l->u,
                         .units = l->units,
                         .panel_count = (l->units + LANES - 1) / LANES,
                         .panel_vectors = l->gates,
                         .pack = pack_gates,
                         .finish = l->finish,
                         .cell = l->cell};
}

static struct walk gated_backward_walk(const struct gated_gradient *g)
{
    const struct gated *l = &g->forward;
    size_t vectors = l->units ? (l->units + LANES - 1) / LANES : 1, width = tile_width(vectors, TILE_VECTORS);
    return (struct walk){.batch = l->batch,
                         .steps = l->steps,
                         .backward = true,
                         .state = g->da,
                         .state_width = l->gates * l->units,
                         .u = l->u,
                         .units = l->units,
                         .panel_count = (vectors + width - 1) / width,
                         .panel_vectors = width,
                         .carries = true,
                         .pack = walk_pack_columns,
                         .finish = l->finish,
                         .cell = l->cell};
}

static struct outer gated_outer(const struct gated_gradient *g)
{
    const struct gated *l = &g->forward;
    return (struct outer){.batch = l->batch,
                          .steps = l->steps,
                          .left = g->da,
                          .right = l->h,
                          .rows = l->gates * l->units,
                          .columns = l->units,
                          .sum = g->du};
}

static int at_least_one(int threads)
{
    return threads > 1 ? threads : 1;
}

static void gated_forward(const struct gated *l, void *workspace, int threads)
{
    const struct walk walk = gated_walk(l);
    if (l->batch && l->steps && l->units)
        walk_run(&walk, NULL, workspace, at_least_one(threads));
}

static size_t gated_forward_workspace(const struct gated *l, int threads)
{
    const struct walk walk = gated_walk(l);
    return walk_layout_of(&walk, NULL, at_least_one(threads)).total * sizeof(float);
}

static void gated_backward(const struct gated_gradient *g, void *workspace, int threads)
{
    const struct walk walk = gated_backward_walk(g);
    const struct outer outer = gated_outer(g);
    walk_run(&walk, &outer, workspace, at_least_one(threads));
}

static size_t gated_backward_workspace(const struct gated_gradient *g, int threads)
{
    const struct walk walk = gated_backward_walk(g);
    const struct outer outer = gated_outer(g);
    return walk_layout_of(&walk, &outer, at_least_one(threads)).total * sizeof(float);
}

/* The units that share a lane register: everything of them at row `at` of time, the sequence's first step or not, given
 * what comes back to h; carry is what goes to the step before besides. */
typedef void gated_unit_gradient(const void *cell, size_t at, bool first, size_t j, lanes dh, float *carry);

/* A tile's units, one register after the other; inlined, so that `one` is too. */
LANES_INLINE void gated_finish_backward(const void *cell, const struct walk_tile *tile, size_t steps, size_t units,
                                        const float *dh, gated_unit_gradient *one)
{
    size_t first = tile->panel * tile->sums_row, end = least(first + tile->sums_row, units);
    for (size_t row = 0; row < tile->rows; row++) {
        size_t at = (tile->b + row) * steps + tile->t;
        for (size_t j = first; j < end; j += LANES) {
            lanes sum = lanes_load_some(dh + at * units + j, end - j) +
                        lanes_load(tile->sums + row * tile->sums_row + j - first);
            one(cell, at, tile->t == 0, j, sum, tile->carry + (tile->b + row) * tile->carry_row + j);
        }
    }
}

#endif
