/* The LSTM layer over recurrent_walk.h. Forward, a panel holds the four gates of as many units as a vector has lanes,
 * so that a cell's gates are in registers together; backward, dh comes back through all four parts of U at once. */
#include "models/kernels/lstm.h"
#include "models/kernels/recurrent_cells.h"
#include "models/kernels/recurrent_walk.h"

enum { GATES = 4 };

static void pack_gates(const struct walk *w, size_t v, float *rows, float *panels)
{
    size_t first = v / GATES * LANES, gate = v % GATES;
    walk_pack_rows(w, v, gate * w->units + first, least(LANES, w->units - first), rows, panels);
}

static void finish_forward(const void *cell, const struct walk_tile *tile)
{
    const struct lstm *l = cell;
    size_t units = l->units, j = tile->panel * LANES, left = units - j;
    for (size_t row = 0; row < tile->rows; row++) {
        size_t at = (tile->b + row) * l->steps + tile->t;
        const float *x = l->x + at * GATES * units + j, *sums = tile->sums + row * tile->sums_row;
        lanes i = lanes_sigmoid(lanes_load_some(x, left) + lanes_load(sums));
        lanes f = lanes_sigmoid(lanes_load_some(x + units, left) + lanes_load(sums + LANES));
        lanes g = lanes_tanh(lanes_load_some(x + 2 * units, left) + lanes_load(sums + 2 * LANES));
        lanes o = lanes_sigmoid(lanes_load_some(x + 3 * units, left) + lanes_load(sums + 3 * LANES));
        float *c = l->c + at * units + j;
        lanes state = i * g;
        if (tile->t > 0)
            state += f * lanes_load_some(c - units, left);
        lanes_store_some(c, state, left);
        lanes_store_some(l->h + at * units + j, o * lanes_tanh(state), left);
        if (l->gates) {
            float *gates = l->gates + at * GATES * units + j;
            lanes_store_some(gates, i, left);
            lanes_store_some(gates + units, f, left);
            lanes_store_some(gates + 2 * units, g, left);
            lanes_store_some(gates + 3 * units, o, left);
        }
    }
}

static void one_gradient(const struct lstm_gradient *gradient, size_t at, bool first, size_t j, lanes dh, float *carry)
{
    const struct lstm *l = &gradient->forward;
    size_t units = l->units, left = units - j;
    const float *gates = l->gates + at * GATES * units + j, *c = l->c + at * units + j;
    float *dx = gradient->dx + at * GATES * units + j;
    lanes i = lanes_load_some(gates, left), f = lanes_load_some(gates + units, left);
    lanes g = lanes_load_some(gates + 2 * units, left), o = lanes_load_some(gates + 3 * units, left);
    lanes squashed = lanes_tanh(lanes_load_some(c, left));
    lanes before = first ? lanes_zero() : lanes_load_some(c - units, left);
    lanes dc = dh * o * (1.0f - squashed * squashed) + lanes_load(carry);
    lanes_store(carry, dc * f);
    lanes_store_some(dx, dc * g * i * (1.0f - i), left);
    lanes_store_some(dx + units, dc * before * f * (1.0f - f), left);
    lanes_store_some(dx + 2 * units, dc * i * (1.0f - g * g), left);
    lanes_store_some(dx + 3 * units, dh * squashed * o * (1.0f - o), left);
}

static void finish_backward(const void *cell, const struct walk_tile *tile)
{
    const struct lstm_gradient *g = cell;
    const struct lstm *l = &g->forward;
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

static struct walk walk_of(const struct lstm *l)
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

static struct walk backward_walk_of(const struct lstm_gradient *g)
{
    const struct lstm *l = &g->forward;
    size_t vectors = l->units ? (l->units + LANES - 1) / LANES : 1, width = tile_width(vectors, TILE_VECTORS);
    return (struct walk){.batch = l->batch,
                         .steps = l->steps,
                         .backward = true,
                         .state = g->dx,
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

static struct outer outer_of(const struct lstm_gradient *g)
{
    const struct lstm *l = &g->forward;
    return (struct outer){.batch = l->batch,
                          .steps = l->steps,
                          .left = g->dx,
                          .right = l->h,
                          .rows = GATES * l->units,
                          .columns = l->units,
                          .sum = g->du};
}

void lstm_forward(const struct lstm *l, void *workspace, int threads)
{
    const struct walk walk = walk_of(l);
    if (l->batch && l->steps && l->units)
        walk_run(&walk, NULL, workspace, threads > 1 ? threads : 1);
}

size_t lstm_forward_workspace(const struct lstm *l, int threads)
{
    const struct walk walk = walk_of(l);
    return walk_layout_of(&walk, NULL, threads > 1 ? threads : 1).total * sizeof(float);
}

void lstm_backward(const struct lstm_gradient *g, void *workspace, int threads)
{
    const struct walk walk = backward_walk_of(g);
    const struct outer outer = outer_of(g);
    walk_run(&walk, &outer, workspace, threads > 1 ? threads : 1);
}

size_t lstm_backward_workspace(const struct lstm_gradient *g, int threads)
{
    const struct walk walk = backward_walk_of(g);
    const struct outer outer = outer_of(g);
    return walk_layout_of(&walk, &outer, threads > 1 ? threads : 1).total * sizeof(float);
}
