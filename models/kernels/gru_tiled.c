/* The GRU layer over recurrent_gated.h: the formulas of gru.h, a vector of units at a time. */
#include "models/kernels/gru.h"
#include "models/kernels/recurrent_cells.h"
#include "models/kernels/recurrent_gated.h"

enum { GATES = 3 }; /* with recurrent weights of their own */

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

static void one_gradient(const void *cell, size_t at, bool first, size_t j, lanes dh, float *carry)
{
    const struct gru_gradient *gradient = cell;
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
    gated_finish_backward(cell, tile, g->forward.steps, g->forward.units, g->dh, one_gradient);
}

static struct gated gated_of(const struct gru *l, const void *cell,
                             void (*finish)(const void *cell, const struct walk_tile *tile))
{
    return (struct gated){.batch = l->batch,
                          .steps = l->steps,
                          .units = l->units,
                          .gates = GATES,
                          .u = l->u,
                          .h = l->h,
                          .finish = finish,
                          .cell = cell};
}

static struct gated_gradient gradient_of(const struct gru_gradient *g)
{
    return (struct gated_gradient){.forward = gated_of(&g->forward, g, finish_backward), .da = g->dhidden, .du = g->du};
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
    const struct gated gated = gated_of(l, l, finish_forward);
    gated_forward(&gated, workspace, threads);
}

size_t gru_forward_workspace(const struct gru *l, int threads)
{
    const struct gated gated = gated_of(l, l, finish_forward);
    return gated_forward_workspace(&gated, threads);
}

void gru_backward(const struct gru_gradient *g, void *workspace, int threads)
{
    const struct gated_gradient gradient = gradient_of(g);
    gated_backward(&gradient, workspace, threads);
    if (g->dbias)
        sum_bias(g);
}

size_t gru_backward_workspace(const struct gru_gradient *g, int threads)
{
    const struct gated_gradient gradient = gradient_of(g);
    return gated_backward_workspace(&gradient, threads);
}
