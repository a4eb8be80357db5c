/* The GRU layer over recurrent_walk.h. Forward, a panel holds the three gates of as many units as a vector has lanes,
 * so that a cell's gates are in registers together; backward, dh comes back through all three parts of U at once. */
#include "models/kernels/gru.h"
#include "models/kernels/recurrent_cells.h"
#include "models/kernels/recurrent_walk.h"

enum { GATES = 3 }; /* with recurrent weights of their own */

static void pack_gates(const struct walk *w, size_t v, float *rows, float *panels)
{
    size_t first = v / GATES * LANES, gate = v % GATES;
    walk_pack_rows(w, v, gate * w->units + first, least(LANES, w->units - first), rows, panels);
}

static void finish_forward(const void *cell, const struct walk_tile *tile)
{
    const struct gru *l = cell;
    size_t units = l->units, j = tile->panel * LANES, left = units - j;
    lanes bias = l->bias ? lanes_load_some(l->bias + j, left) : lanes_zero();
    for (size_t row = 0; row < tile->rows; row++) {
        size_t at = (tile->b + row) * l->steps + tile->t;
        const float *x = l->x + at * GATES * units + j, *sums = tile->sums + row * tile->sums_row;
        lanes r = lanes_sigmoid(lanes_load_some(x, left) + lanes_load(sums));
        lanes z = lanes_sigmoid(lanes_load_some(x + units, left) + lanes_load(sums + LANES));
        lanes s = lanes_load(sums + 2 * LANES) + bias;
        lanes n = lanes_tanh(lanes_load_some(x + 2 * units, left) + r * s);
        float *h = l->h + at * units + j;
        lanes before = tile->t ? lanes_load_some(h - units, left) : lanes_zero();
        lanes_store_some(h, (1.0f - z) * n + z * before, left);
        if (l->gates) {
            float *gates = l->gates + at * 4 * units + j;
            lanes_store_some(gates, r, left);
            lanes_store_some(gates + units, z, left);
            lanes_store_some(gates + 2 * units, n, left);
            lanes_store_some(gates + 3 * units, s, left);
        }
    }
}

static void one_gradient(const struct gru_gradient *gradient, size_t at, bool first, size_t j, lanes dh, float *carry)
{
    const struct gru *l = &gradient->forward;
    size_t units = l->units, left = units - j;
    const float *gates = l->gates + at * 4 * units + j, *h = l->h + at * units + j;
    float *dx = gradient->dx + at * GATES * units + j, *dhidden = gradient->dhidden + at * GATES * units + j;
    lanes r = lanes_load_some(gates, left), z = lanes_load_some(gates + units, left);
    lanes n = lanes_load_some(gates + 2 * units, left), s = lanes_load_some(gates + 3 * units, left);
    lanes before = first ? lanes_zero() : lanes_load_some(h - units, left);
    dh += lanes_load(carry);
    lanes_store(carry, dh * z);
    lanes dn = dh * (1.0f - z) * (1.0f - n * n), dr = dn * s * r * (1.0f - r);
    lanes dz = dh * (before - n) * z * (1.0f - z);
    lanes_store_some(dx, dr, left);
    lanes_store_some(dx + units, dz, left);
    lanes_store_some(dx + 2 * units, dn, left);
    lanes_store_some(dhidden, dr, left);
    lanes_store_some(dhidden + units, dz, left);
    lanes_store_some(dhidden + 2 * units, dn * r, left);
}

static void finish_backward(const void *cell, const struct walk_tile *tile)
{
    const struct gru_gradient *g = cell;
    const struct gru *l = &g->forward;
    size_t first = tile->panel * tile->sums_row, end = least(first + tile->sums_row, l->units);
    for (size_t row = 0; row < tile->rows; row++) {
        size_t at = (tile->b + row) * l->steps + tile->t;
        for (size_t j = first; j < end; j += LANES) {
            lanes dh = lanes_load_some(g->dh + at * l->units + j, end - j) +
                       lanes_load(tile->sums + row * tile->sums_row + j - first);
            one_gradient(g, at, tile->t == 0, j, dh, tile->carry + (tile->b + row) * tile->carry_row + j);
        }
    }
}

static struct walk walk_of(const struct gru *l)
{
    return (struct walk){.batch = l->batch,
                         .steps = l->steps,
                         .state = l->h,
                         .state_width = l->units,
                         .u = l->u,
                         .units = l->units,
                         .panel_count = (l->units + LANES - 1) / LANES,
                         .panel_vectors = GATES,
                         .pack = pack_gates,
                         .finish = finish_forward,
                         .cell = l};
}

static struct walk backward_walk_of(const struct gru_gradient *g)
{
    const struct gru *l = &g->forward;
    size_t vectors = l->units ? (l->units + LANES - 1) / LANES : 1, width = tile_width(vectors, TILE_VECTORS);
    return (struct walk){.batch = l->batch,
                         .steps = l->steps,
                         .backward = true,
                         .state = g->dhidden,
                         .state_width = GATES * l->units,
                         .u = l->u,
                         .units = l->units,
                         .panel_count = (vectors + width - 1) / width,
                         .panel_vectors = width,
                         .carries = true,
                         .pack = walk_pack_columns,
                         .finish = finish_backward,
                         .cell = g};
}

static struct outer outer_of(const struct gru_gradient *g)
{
    const struct gru *l = &g->forward;
    return (struct outer){.batch = l->batch,
                          .steps = l->steps,
                          .left = g->dhidden,
                          .right = l->h,
                          .rows = GATES * l->units,
                          .columns = l->units,
                          .sum = g->du};
}

static void sum_bias(const struct gru_gradient *g)
{
    size_t units = g->forward.units, rows = g->forward.batch * g->forward.steps;
    for (size_t j = 0; j < units; j += LANES) {
        lanes sum = lanes_zero();
        for (size_t row = 0; row < rows; row++)
            sum += lanes_load_some(g->dhidden + (row * GATES + 2) * units + j, units - j);
        lanes_store_some(g->dbias + j, sum, units - j);
    }
}

void gru_forward(const struct gru *l, void *workspace, int threads)
{
    const struct walk walk = walk_of(l);
    if (l->batch && l->steps && l->units)
        walk_run(&walk, NULL, workspace, threads > 1 ? threads : 1);
}

size_t gru_forward_workspace(const struct gru *l, int threads)
{
    const struct walk walk = walk_of(l);
    return walk_layout_of(&walk, NULL, threads > 1 ? threads : 1).total * sizeof(float);
}

void gru_backward(const struct gru_gradient *g, void *workspace, int threads)
{
    const struct walk walk = backward_walk_of(g);
    const struct outer outer = outer_of(g);
    walk_run(&walk, &outer, workspace, threads > 1 ? threads : 1);
    if (g->dbias)
        sum_bias(g);
}

size_t gru_backward_workspace(const struct gru_gradient *g, int threads)
{
    const struct walk walk = backward_walk_of(g);
    const struct outer outer = outer_of(g);
    return walk_layout_of(&walk, &outer, threads > 1 ? threads : 1).total * sizeof(float);
}
