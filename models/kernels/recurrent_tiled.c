/* The simple recurrent layer over recurrent_walk.h: forward h[t] = f(x[t] + h[t−1] Uᵀ), backward da[t] = f'(h[t]) ·
 * (dh[t] + da[t+1] U), which is the same walk the other way with U itself for weights. */
#include "models/kernels/recurrent.h"
#include "models/kernels/recurrent_cells.h"
#include "models/kernels/recurrent_walk.h"

static void pack_transposed(const struct walk *w, size_t v, float *rows, float *panels)
{
    size_t first = least(v * LANES, w->units);
    walk_pack_rows(w, v, first, least(LANES, w->units - first), rows, panels);
}

static void finish_forward(const void *cell, const struct walk_tile *tile)
{
    const struct recurrent *r = cell;
    size_t first = tile->panel * tile->sums_row, end = least(first + tile->sums_row, r->units);
    for (size_t i = 0; i < tile->rows; i++) {
        size_t at = ((tile->b + i) * r->steps + tile->t) * r->units;
        for (size_t j = first; j < end; j += LANES) {
            lanes a = lanes_load_some(r->x + at + j, end - j) + lanes_load(tile->sums + i * tile->sums_row + j - first);
            lanes h = r->activation == ACTIVATION_RELU ? lanes_max(lanes_zero(), a) : lanes_tanh(a);
            lanes_store_some(r->h + at + j, h, end - j);
        }
    }
}

static void finish_backward(const void *cell, const struct walk_tile *tile)
{
    const struct recurrent_gradient *g = cell;
    const struct recurrent *r = &g->forward;
    size_t first = tile->panel * tile->sums_row, end = least(first + tile->sums_row, r->units);
    for (size_t i = 0; i < tile->rows; i++) {
        size_t at = ((tile->b + i) * r->steps + tile->t) * r->units;
        for (size_t j = first; j < end; j += LANES) {
            lanes dh =
                lanes_load_some(g->dh + at + j, end - j) + lanes_load(tile->sums + i * tile->sums_row + j - first);
            lanes h = lanes_load_some(r->h + at + j, end - j);
            lanes da = r->activation == ACTIVATION_RELU ? (lanes)((lanes_int)dh & (h > 0.0f)) : dh * (1.0f - h * h);
            lanes_store_some(g->dx + at + j, da, end - j);
        }
    }
}

static struct walk walk_of(const struct recurrent *r)
{
    size_t vectors = r->units ? (r->units + LANES - 1) / LANES : 1, width = tile_width(vectors, TILE_VECTORS);
    return (struct walk){.batch = r->batch,
                         .steps = r->steps,
                         .state = r->h,
                         .state_width = r->units,
                         .u = r->u,
                         .units = r->units,
                         .panel_count = (vectors + width - 1) / width,
                         .panel_vectors = width,
                         .pack = pack_transposed,
                         .finish = finish_forward,
                         .cell = r};
}

static struct outer outer_of(const struct recurrent_gradient *g)
{
    const struct recurrent *r = &g->forward;
    return (struct outer){.batch = r->batch,
                          .steps = r->steps,
                          .left = g->dx,
                          .right = r->h,
                          .rows = r->units,
                          .columns = r->units,
                          .sum = g->du};
}

void recurrent_forward(const struct recurrent *r, void *workspace, int threads)
{
    const struct walk walk = walk_of(r);
    if (r->batch && r->steps && r->units)
        walk_run(&walk, NULL, workspace, threads > 1 ? threads : 1);
}

void recurrent_backward(const struct recurrent_gradient *g, void *workspace, int threads)
{
    const struct outer outer = outer_of(g);
    struct walk walk = walk_of(&g->forward);
    walk.backward = true;
    walk.state = g->dx;
    walk.pack = walk_pack_columns;
    walk.finish = finish_backward;
    walk.cell = g;
    walk_run(&walk, &outer, workspace, threads > 1 ? threads : 1);
}

size_t recurrent_forward_workspace(const struct recurrent *r, int threads)
{
    const struct walk walk = walk_of(r);
    return walk_layout_of(&walk, NULL, threads > 1 ? threads : 1).total * sizeof(float);
}

size_t recurrent_backward_workspace(const struct recurrent_gradient *g, int threads)
{
    const struct walk walk = walk_of(&g->forward);
    const struct outer outer = outer_of(g);
    return walk_layout_of(&walk, &outer, threads > 1 ? threads : 1).total * sizeof(float);
}
