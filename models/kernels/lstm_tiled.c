/* The LSTM layer over recurrent_gated.h: the formulas of lstm.h, a vector of units at a time. */
#include "models/kernels/lstm.h"
#include "models/kernels/recurrent_cells.h"
#include "models/kernels/recurrent_gated.h"

enum { GATES = 4 };

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

static void one_gradient(const void *cell, size_t at, bool first, size_t j, lanes dh, float *carry)
{
    const struct lstm_gradient *gradient = cell;
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
    gated_finish_backward(cell, tile, g->forward.steps, g->forward.units, g->dh, one_gradient);
}

static struct gated gated_of(const struct lstm *l, const void *cell,
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

static struct gated_gradient gradient_of(const struct lstm_gradient *g)
{
    return (struct gated_gradient){.forward = gated_of(&g->forward, g, finish_backward), .da = g->dx, .du = g->du};
}

void lstm_forward(const struct lstm *l, void *workspace, int threads)
{
    const struct gated gated = gated_of(l, l, finish_forward);
    gated_forward(&gated, workspace, threads);
}

size_t lstm_forward_workspace(const struct lstm *l, int threads)
{
    const struct gated gated = gated_of(l, l, finish_forward);
    return gated_forward_workspace(&gated, threads);
}

void lstm_backward(const struct lstm_gradient *g, void *workspace, int threads)
{
    const struct gated_gradient gradient = gradient_of(g);
    gated_backward(&gradient, workspace, threads);
}

size_t lstm_backward_workspace(const struct lstm_gradient *g, int threads)
{
    const struct gated_gradient gradient = gradient_of(g);
    return gated_backward_workspace(&gradient, threads);
}
