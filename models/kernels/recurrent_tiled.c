/* The simple recurrent layer over recurrent_walk.h: forward h[t] = f(x[t] + h[t−1] Uᵀ), backward da[t] = f'(h[t]) ·
 * (dh[t] + da[t+1] U), which is the same walk the other way with U itself for weights. */
#include <omp.h>

#include "models/kernels/recurrent.h"
#include "models/kernels/recurrent_outer.h"
#include "models/kernels/recurrent_variants.h"
#include "models/kernels/recurrent_walk.h"
#include "models/kernels/variant.h"

/* Where the buffers start, in floats: shared ones, then each thread's. */
struct layout {
    size_t arrivals, panels;      /* shared */
    size_t sums, rows, outer;     /* within a thread's part */
    size_t threads, thread_total; /* where the threads' parts start, and the size of one */
    size_t panel_count, panel_vectors;
    size_t total;
};

static struct layout layout_of(const struct recurrent *r, bool gradient, int threads)
{
    struct layout l = {0};
    size_t vectors = r->units ? (r->units + LANES - 1) / LANES : 1;
    l.panel_vectors = tile_width(vectors, TILE_VECTORS);
    l.panel_count = (vectors + l.panel_vectors - 1) / l.panel_vectors;
    l.arrivals = reserve(&l.total, LINE_FLOATS);
    l.panels = reserve(&l.total, l.panel_count * r->units * l.panel_vectors * LANES);
    l.sums = reserve(&l.thread_total, TILE_ROWS * l.panel_vectors * LANES);
    l.rows = reserve(&l.thread_total, LANES * round_up(r->units, LANES));
    struct outer outer = {.rows = r->units};
    l.outer = reserve(&l.thread_total, gradient ? outer_floats(&outer) : 0);
    l.threads = l.total;
    l.total += (size_t)threads * l.thread_total;
    return l;
}

/* Vector v of Uᵀ's panels: lane i of row k is U[v · LANES + i, k]. */
static void pack_transposed(const struct recurrent *r, size_t v, const struct layout *l, float *rows, float *panels)
{
    size_t units = r->units, row = round_up(units, LANES), panel_row = l->panel_vectors * LANES;
    float *to = panels + v / l->panel_vectors * units * panel_row + v % l->panel_vectors * LANES;
    size_t first = v * LANES, count = first < units ? least(LANES, units - first) : 0;
    pack_rows(r->u + (count ? first * units : 0), DTYPE_F32, units, count, LANES, units, rows, row);
    size_t fours = units / 4 * 4;
    transpose(rows, row, LANES, fours, 1, to, panel_row);
    for (size_t k = fours; k < units; k++)
        for (size_t i = 0; i < LANES; i++)
            to[k * panel_row + i] = rows[i * row + k];
}

/* Panel p of U: lane i of row j is U[j, p · width + i]. */
static void pack_straight(const struct recurrent *r, size_t p, const struct layout *l, float *panels)
{
    size_t width = l->panel_vectors * LANES, first = p * width;
    pack_rows(r->u + first, DTYPE_F32, r->units, r->units, r->units, least(width, r->units - first),
              panels + p * r->units * width, width);
}

LANES_INLINE lanes load_some(const float *p, size_t count)
{
    return count >= LANES ? lanes_load(p) : lanes_load_part(p, count);
}

LANES_INLINE void store_some(float *p, lanes x, size_t count)
{
    if (count >= LANES)
        lanes_store(p, x);
    else
        lanes_store_part(p, x, count);
}

static void finish_forward(const void *cell, const struct walk_tile *tile)
{
    const struct recurrent *r = cell;
    size_t first = tile->panel * tile->sums_row, end = least(first + tile->sums_row, r->units);
    for (size_t i = 0; i < tile->rows; i++) {
        size_t at = ((tile->b + i) * r->steps + tile->t) * r->units;
        for (size_t j = first; j < end; j += LANES) {
            lanes a = load_some(r->x + at + j, end - j) + lanes_load(tile->sums + i * tile->sums_row + j - first);
            lanes h = r->activation == ACTIVATION_RELU ? lanes_max(lanes_zero(), a) : lanes_tanh(a);
            store_some(r->h + at + j, h, end - j);
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
            lanes dh = load_some(g->dh + at + j, end - j) + lanes_load(tile->sums + i * tile->sums_row + j - first);
            lanes h = load_some(r->h + at + j, end - j);
            lanes da = r->activation == ACTIVATION_RELU ? (lanes)((lanes_int)dh & (h > 0.0f)) : dh * (1.0f - h * h);
            store_some(g->dx + at + j, da, end - j);
        }
    }
}

static void run(const struct recurrent *r, void *workspace, int threads)
{
    threads = threads > 1 ? threads : 1;
    const struct layout l = layout_of(r, false, threads);
    float *w = workspace;
    if (!r->batch || !r->steps || !r->units)
        return;
    const struct walk walk = {.batch = r->batch,
                              .steps = r->steps,
                              .state = r->h,
                              .state_width = r->units,
                              .panels = w + l.panels,
                              .panel_count = l.panel_count,
                              .panel_vectors = l.panel_vectors,
                              .finish = finish_forward,
                              .cell = r};
    memset(w + l.arrivals, 0, sizeof(size_t));
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        float *own = w + l.threads + (size_t)omp_get_thread_num() * l.thread_total;
#pragma omp for schedule(static)
        for (size_t v = 0; v < l.panel_count * l.panel_vectors; v++)
            pack_transposed(r, v, &l, own + l.rows, w + l.panels);
        walk_run(&walk, omp_get_thread_num(), omp_get_num_threads(), (size_t *)(w + l.arrivals), own + l.sums);
    }
}

static void gradient_run(const struct recurrent_gradient *g, void *workspace, int threads)
{
    const struct recurrent *r = &g->forward;
    threads = threads > 1 ? threads : 1;
    const struct layout l = layout_of(r, true, threads);
    float *w = workspace;
    const struct walk walk = {.batch = r->batch,
                              .steps = r->steps,
                              .backward = true,
                              .state = g->dx,
                              .state_width = r->units,
                              .panels = w + l.panels,
                              .panel_count = l.panel_count,
                              .panel_vectors = l.panel_vectors,
                              .finish = finish_backward,
                              .cell = g};
    const struct outer outer = {.batch = r->batch,
                                .steps = r->steps,
                                .left = g->dx,
                                .right = r->h,
                                .rows = r->units,
                                .columns = r->units,
                                .sum = g->du};
    memset(w + l.arrivals, 0, sizeof(size_t));
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        float *own = w + l.threads + (size_t)omp_get_thread_num() * l.thread_total;
        size_t from, to, rows = (r->units + TILE_COLUMN_ROWS - 1) / TILE_COLUMN_ROWS;
#pragma omp for schedule(static)
        for (size_t p = 0; p < l.panel_count; p++)
            pack_straight(r, p, &l, w + l.panels);
        walk_run(&walk, omp_get_thread_num(), omp_get_num_threads(), (size_t *)(w + l.arrivals), own + l.sums);
#pragma omp barrier
        walk_part(rows, omp_get_thread_num(), omp_get_num_threads(), &from, &to);
        outer_run(&outer, least(from * TILE_COLUMN_ROWS, r->units), least(to * TILE_COLUMN_ROWS, r->units),
                  own + l.outer);
    }
}

static size_t workspace_bytes(const struct recurrent *r, int threads)
{
    return layout_of(r, false, threads > 1 ? threads : 1).total * sizeof(float);
}

static size_t gradient_workspace_bytes(const struct recurrent_gradient *g, int threads)
{
    return layout_of(&g->forward, true, threads > 1 ? threads : 1).total * sizeof(float);
}

const struct recurrent_kernels VARIANT_NAME(recurrent) = {
    .name = VARIANT_STRING,
    .workspace = workspace_bytes,
    .run = run,
    .gradient_workspace = gradient_workspace_bytes,
    .gradient_run = gradient_run,
};
