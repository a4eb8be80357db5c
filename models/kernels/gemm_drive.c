/* The loops around every micro-kernel. The resident side is packed by all threads together; then each task packs a
 * chunk of the streaming side, one block of k at a time and right before it is used, multiplies it with the resident
 * panels into sums of its own, and finishes them. So each streamed element is read from memory once per resident block
 * and its packed form never leaves the cache. */
#include <omp.h>
#include <string.h>

#include "models/kernels/gemm_kernel.h"

/* What the threads that share one resident side share. */
struct team {
    char *resident;         /* [block of k][panel], panel_bytes each */
    unsigned char *refused; /* [block of k][panel]: holds values that the kernel can't do */
    size_t *next_task;
    struct gemm_finish finish;
    size_t k_first, k_end;
};

struct worker {
    const struct gemm_plan *plan;
    int id, count; /* within the team */
    char *stream;
    float *sums;            /* [wide panel][tall panel][tall, wide] */
    unsigned char *exact;   /* per tile of sums: holds true sums, not scaled ones */
    unsigned char *refused; /* per panel of the chunk */
    void *staging;
    float *turned;
    char *scratch;
};

/* The resident panels and the k that are packed now. */
struct held {
    size_t panel, panels, k, depth;
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool pack_panel(const struct worker *worker, const struct gemm_side *side, size_t panel, size_t k, size_t depth,
                       void *to)
{
    size_t row = panel * side->rows;
    struct gemm_block block = gemm_operand_block(side->operand, side->deep, row, least(side->rows, side->extent - row),
                                                 k, depth, worker->staging);
    return side->pack(&block, to);
}

static void pack_resident(const struct worker *worker, const struct team *team, const struct held *held)
{
    const struct gemm_plan *plan = worker->plan;
    size_t depth = plan->kernel->depth, blocks = (held->depth + depth - 1) / depth, all = blocks * held->panels;
    size_t end = all * ((size_t)worker->id + 1) / (size_t)worker->count;
    for (size_t i = all * (size_t)worker->id / (size_t)worker->count; i < end; i++) {
        size_t panel = i / blocks, block = i % blocks, at = block * held->panels + panel, k = block * depth;
        team->refused[at] =
            !pack_panel(worker, &plan->resident, held->panel + panel, held->k + k, least(depth, held->depth - k),
                        team->resident + at * plan->resident.panel_bytes);
    }
}

static void scale_tile(const struct gemm_kernel *kernel, float *tile)
{
    for (size_t i = 0; i < kernel->tall * kernel->wide; i++)
        tile[i] *= kernel->scale;
}

/* One block of k of one tile whose values the kernel can't do: packed again for the kernel that can, and added. */
static void multiply_exactly(const struct worker *worker, size_t tall_panel, size_t wide_panel, size_t k, size_t depth,
                             float *tile)
{
    const struct gemm_plan *plan = worker->plan;
    const struct gemm_kernel *kernel = plan->kernel, *exact = kernel->exact;
    const struct gemm_side *tall = plan->tall_resident ? &plan->resident : &plan->stream;
    const struct gemm_side *wide = plan->tall_resident ? &plan->stream : &plan->resident;
    char *wide_packed = worker->scratch, *tall_packed = wide_packed + exact->wide_bytes;
    float *sums = (float *)(tall_packed + exact->tall_bytes);
    size_t tall_row = tall_panel * kernel->tall, tall_rows = least(kernel->tall, tall->extent - tall_row);
    size_t wide_row = wide_panel * kernel->wide, wide_rows = least(kernel->wide, wide->extent - wide_row);
    for (size_t p = 0; p < depth; p += exact->depth) {
        size_t part = least(exact->depth, depth - p);
        struct gemm_block block =
            gemm_operand_block(wide->operand, wide->deep, wide_row, wide_rows, k + p, part, worker->staging);
        exact->pack_wide(&block, wide_packed);
        for (size_t i = 0; i < tall_rows; i += exact->tall) {
            block = gemm_operand_block(tall->operand, tall->deep, tall_row + i, least(exact->tall, tall_rows - i),
                                       k + p, part, worker->staging);
            exact->pack_tall(&block, tall_packed);
            exact->multiply(part, block.deep, tall_packed, wide_packed, sums + i * kernel->wide, false);
        }
        for (size_t i = 0; i < tall_rows * kernel->wide; i++)
            tile[i] += sums[i];
    }
}

/* A tile that once met refused values holds true sums from then on: scaled ones might not be finite. */
static void multiply_refused(const struct worker *worker, size_t tall_panel, size_t wide_panel, size_t k, size_t depth,
                             const char *tall, const char *wide, bool first, bool refused, float *tile,
                             unsigned char *is_exact)
{
    const struct gemm_kernel *kernel = worker->plan->kernel;
    if (first)
        memset(tile, 0, kernel->tall * kernel->wide * sizeof *tile);
    else if (!*is_exact)
        scale_tile(kernel, tile);
    *is_exact = 1;
    if (refused) {
        multiply_exactly(worker, tall_panel, wide_panel, k, depth, tile);
        return;
    }
    const struct gemm_side *side = worker->plan->tall_resident ? &worker->plan->resident : &worker->plan->stream;
    float *sums = (float *)(worker->scratch + kernel->exact->wide_bytes + kernel->exact->tall_bytes);
    kernel->multiply(depth, side->deep, tall, wide, sums, false);
    for (size_t i = 0; i < kernel->tall * kernel->wide; i++)
        tile[i] += sums[i] * kernel->scale;
}

/* A rectangle of memory that is packed next, fetched into cache bit by bit while the multiplier is busy. */
struct ahead {
    const char *data;
    size_t stride_bytes, row_bytes, rows;
    size_t row, at;    /* how far it is fetched */
    size_t step_bytes; /* to fetch with every tile */
};

static struct ahead look_ahead(const struct gemm_side *side, size_t panel, size_t panels, size_t k, size_t depth,
                               size_t tiles)
{
    if (side->operand->kind != OPERAND_MATRIX || panel >= side->panels)
        return (struct ahead){0};
    size_t row = panel * side->rows, rows = least(panels * side->rows, side->extent - row);
    size_t element_bytes = dtype_bytes(side->operand->dtype, 1);
    struct gemm_block block = gemm_operand_block(side->operand, side->deep, row, rows, k, depth, NULL);
    struct ahead ahead = {.data = block.data, .stride_bytes = block.stride * element_bytes};
    ahead.rows = side->deep ? rows : depth;
    ahead.row_bytes = (side->deep ? depth : rows) * element_bytes;
    ahead.step_bytes = ahead.rows * (ahead.row_bytes + 64) / tiles + 64;
    return ahead;
}

static inline void fetch_ahead(struct ahead *ahead)
{
    for (size_t bytes = 0; bytes < ahead->step_bytes && ahead->row < ahead->rows; bytes += 64) {
        __builtin_prefetch(ahead->data + ahead->row * ahead->stride_bytes + ahead->at, 0, 2);
        ahead->at += 64;
        if (ahead->at >= ahead->row_bytes + 63) {
            ahead->at = 0;
            ahead->row++;
        }
    }
}

/* The place in C of a tile that is about to be finished. */
static inline void fetch_result(const struct worker *worker, const struct team *team, size_t tall_panel,
                                size_t wide_panel)
{
    const struct gemm_plan *plan = worker->plan;
    const struct gemm *gemm = plan->gemm;
    size_t tall = tall_panel * plan->kernel->tall, wide = wide_panel * plan->kernel->wide;
    size_t row = plan->swapped ? wide : tall, column = plan->swapped ? tall : wide;
    size_t rows = least(plan->swapped ? plan->kernel->wide : plan->kernel->tall, gemm->m - row);
    size_t columns = least(plan->swapped ? plan->kernel->tall : plan->kernel->wide, gemm->n - column);
    bool in_c = team->finish.last;
    size_t element_bytes = in_c ? dtype_bytes(gemm->c_dtype, 1) : sizeof(float);
    size_t stride_bytes = (in_c ? gemm->c_row_stride : team->finish.partial_stride) * element_bytes;
    const char *at = in_c ? gemm->c : (const char *)team->finish.partial;
    at += row * stride_bytes + column * element_bytes;
    for (size_t i = 0; i < rows; i++, at += stride_bytes)
        for (size_t byte = 0; byte < columns * element_bytes + 63; byte += 64)
            __builtin_prefetch(at + byte, 1, 2);
}

/* One chunk's block of k against resident panels first..end of those held. */
static void multiply_block(const struct worker *worker, const struct team *team, const struct held *held, size_t first,
                           size_t end, size_t chunk_panel, size_t chunk_panels, size_t k, size_t depth,
                           struct ahead *ahead)
{
    const struct gemm_plan *plan = worker->plan;
    const struct gemm_kernel *kernel = plan->kernel;
    size_t block = k / kernel->depth, tile_floats = kernel->tall * kernel->wide;
    size_t tall_panels = plan->tall_resident ? end - first : chunk_panels;
    bool tall_deep = plan->tall_resident ? plan->resident.deep : plan->stream.deep;
    for (size_t r = first; r < end; r++) {
        size_t at = block * held->panels + r;
        const char *resident = team->resident + at * plan->resident.panel_bytes;
        for (size_t s = 0; s < chunk_panels; s++) {
            const char *stream = worker->stream + s * plan->stream.panel_bytes;
            const char *tall = plan->tall_resident ? resident : stream, *wide = plan->tall_resident ? stream : resident;
            size_t tile = plan->tall_resident ? s * tall_panels + r - first : (r - first) * tall_panels + s;
            float *sums = worker->sums + tile * tile_floats;
            fetch_ahead(ahead);
            size_t resident_panel = held->panel + r, stream_panel = chunk_panel + s;
            size_t tall_panel = plan->tall_resident ? resident_panel : stream_panel;
            size_t wide_panel = plan->tall_resident ? stream_panel : resident_panel;
            if (k + depth == held->depth)
                fetch_result(worker, team, tall_panel, wide_panel);
            bool refused = team->refused[at] || worker->refused[s];
            if (refused || worker->exact[tile]) {
                multiply_refused(worker, tall_panel, wide_panel, held->k + k, depth, tall, wide, k == 0, refused, sums,
                                 &worker->exact[tile]);
            } else {
                kernel->multiply(depth, tall_deep, tall, wide, sums, k > 0);
            }
        }
    }
}

/* The sums of tall_panels tall panels with one wide panel, a matrix [tall rows, wide], to where they belong. */
static void finish_group(const struct worker *worker, const struct gemm_finish *finish, float *sums, float scale,
                         size_t tall_panel, size_t tall_panels, size_t wide_panel)
{
    const struct gemm_plan *plan = worker->plan;
    const struct gemm_kernel *kernel = plan->kernel;
    const struct gemm_side *tall = plan->tall_resident ? &plan->resident : &plan->stream;
    const struct gemm_side *wide = plan->tall_resident ? &plan->stream : &plan->resident;
    size_t tall_row = tall_panel * kernel->tall, wide_row = wide_panel * kernel->wide;
    size_t tall_rows = least(tall_panels * kernel->tall, tall->extent - tall_row);
    size_t wide_rows = least(kernel->wide, wide->extent - wide_row);
    if (!plan->swapped) {
        gemm_finish_values(finish, sums, kernel->wide, scale, tall_row, tall_rows, wide_row, wide_rows);
        return;
    }
    size_t stride = tall_panels * kernel->tall + 16;
    kernel->turn(sums, tall_rows, worker->turned, stride);
    gemm_finish_values(finish, worker->turned, stride, scale, wide_row, wide_rows, tall_row, tall_rows);
}

static void finish_task(const struct worker *worker, const struct team *team, size_t resident_panel,
                        size_t resident_panels, size_t chunk_panel, size_t chunk_panels)
{
    const struct gemm_plan *plan = worker->plan;
    const struct gemm_kernel *kernel = plan->kernel;
    size_t tall_panel = plan->tall_resident ? resident_panel : chunk_panel;
    size_t tall_panels = plan->tall_resident ? resident_panels : chunk_panels;
    size_t wide_panel = plan->tall_resident ? chunk_panel : resident_panel;
    size_t wide_panels = plan->tall_resident ? chunk_panels : resident_panels;
    size_t tile_floats = kernel->tall * kernel->wide;
    for (size_t w = 0; w < wide_panels; w++) {
        float *sums = worker->sums + w * tall_panels * tile_floats;
        const unsigned char *exact = worker->exact + w * tall_panels;
        bool any = memchr(exact, 1, tall_panels) != NULL;
        for (size_t t = 0; any && t < tall_panels; t++)
            if (!exact[t])
                scale_tile(kernel, sums + t * tile_floats);
        finish_group(worker, &team->finish, sums, any ? 1 : kernel->scale, tall_panel, tall_panels, wide_panel + w);
    }
}

/* What this thread will most likely pack next: this chunk from `k` on, or the start of the next task's chunk. */
static struct ahead next_block(const struct worker *worker, const struct team *team, const struct held *held,
                               size_t task, size_t k, size_t tiles)
{
    const struct gemm_plan *plan = worker->plan;
    if (k >= held->depth) {
        task = __atomic_load_n(team->next_task, __ATOMIC_RELAXED);
        k = 0;
    }
    return look_ahead(&plan->stream, task / plan->row_parts * plan->stream_panels, plan->stream_panels, held->k + k,
                      least(plan->kernel->depth, held->depth - k), tiles);
}

static void run_task(const struct worker *worker, const struct team *team, const struct held *held, size_t task)
{
    const struct gemm_plan *plan = worker->plan;
    size_t depth = plan->kernel->depth, parts = plan->row_parts;
    size_t chunk_panel = task / parts * plan->stream_panels, part = task % parts;
    size_t chunk_panels = least(plan->stream_panels, plan->stream.panels - chunk_panel);
    size_t first = held->panels * part / parts, end = held->panels * (part + 1) / parts;
    if (first == end)
        return;
    size_t tiles = (end - first) * chunk_panels;
    memset(worker->exact, 0, tiles);
    if (held->depth == 0)
        memset(worker->sums, 0, tiles * plan->kernel->tall * plan->kernel->wide * sizeof(float));
    for (size_t k = 0; k < held->depth; k += depth) {
        size_t part_depth = least(depth, held->depth - k);
        for (size_t s = 0; s < chunk_panels; s++)
            worker->refused[s] = !pack_panel(worker, &plan->stream, chunk_panel + s, held->k + k, part_depth,
                                             worker->stream + s * plan->stream.panel_bytes);
        struct ahead ahead = next_block(worker, team, held, task, k + depth, (end - first) * chunk_panels);
        multiply_block(worker, team, held, first, end, chunk_panel, chunk_panels, k, part_depth, &ahead);
    }
    finish_task(worker, team, held->panel + first, end - first, chunk_panel, chunk_panels);
}

static void meet(const struct worker *worker)
{
    if (worker->count > 1) {
#pragma omp barrier
    }
}

static void run_team(const struct worker *worker, struct team team)
{
    const struct gemm_plan *plan = worker->plan;
    const struct gemm *gemm = plan->gemm;
    size_t chunks = (plan->stream.panels + plan->stream_panels - 1) / plan->stream_panels;
    const struct gemm_finish finish = team.finish;
    for (size_t panel = 0; panel < plan->resident.panels; panel += plan->resident_panels) {
        struct held held = {.panel = panel, .k = team.k_first};
        held.panels = least(plan->resident_panels, plan->resident.panels - panel);
        do {
            held.depth = least(plan->k_part, team.k_end - held.k);
            bool first = held.k == team.k_first, last = held.k + held.depth >= team.k_end;
            team.finish.add = !first;
            team.finish.last = finish.last && last;
            team.finish.accumulate = finish.accumulate && (gemm->c_dtype == DTYPE_F32 ? first : last);
            pack_resident(worker, &team, &held);
            if (worker->id == 0)
                __atomic_store_n(team.next_task, 0, __ATOMIC_RELAXED);
            meet(worker);
            size_t task;
            while ((task = __atomic_fetch_add(team.next_task, 1, __ATOMIC_RELAXED)) < chunks * plan->row_parts)
                run_task(worker, &team, &held, task);
            meet(worker);
            held.k += held.depth;
        } while (held.k < team.k_end);
    }
}

/* The parts of k that the splits summed, added up and finished: rows are divided among the threads. */
static void add_splits(const struct worker *worker, float *partials, size_t partial_floats)
{
    const struct gemm_plan *plan = worker->plan;
    const struct gemm *gemm = plan->gemm;
    struct gemm_finish finish = {.gemm = gemm, .last = true, .accumulate = gemm->accumulate};
    size_t end = gemm->m * ((size_t)worker->id + 1) / (size_t)worker->count;
    for (size_t row = gemm->m * (size_t)worker->id / (size_t)worker->count; row < end; row++) {
        float *restrict values = partials + row * gemm->n;
        for (int s = 1; s < plan->splits; s++) {
            const float *restrict other = values + (size_t)s * partial_floats;
            for (size_t j = 0; j < gemm->n; j++)
                values[j] += other[j];
        }
        gemm_finish_values(&finish, values, gemm->n, 1, row, 1, 0, gemm->n);
    }
}

static void work(const struct gemm_plan *plan, char *workspace, int id, int count)
{
    const struct gemm *gemm = plan->gemm;
    size_t team_bytes = plan->resident_bytes + plan->flags_bytes + plan->partial_bytes;
    char *mine = workspace + 64 + (size_t)plan->splits * team_bytes + (size_t)id * plan->worker_bytes;
    struct worker worker = {.plan = plan, .id = id, .count = count, .stream = mine};
    worker.sums = (float *)(mine += plan->stream_bytes);
    worker.exact = (unsigned char *)(mine += plan->sums_bytes);
    worker.refused = worker.exact + plan->resident_panels * plan->stream_panels;
    worker.staging = mine += plan->marks_bytes;
    worker.turned = (float *)(mine += plan->staging_bytes);
    worker.scratch = mine + plan->turned_bytes;
    if (plan->kernel->begin)
        plan->kernel->begin();
    char *partials = workspace + 64 + (size_t)plan->splits * (plan->resident_bytes + plan->flags_bytes);
    struct team team = {.next_task = (size_t *)workspace, .k_end = gemm->k};
    team.resident = workspace + 64;
    team.refused = (unsigned char *)team.resident + (size_t)plan->splits * plan->resident_bytes;
    team.finish = (struct gemm_finish){.gemm = gemm, .last = true, .accumulate = gemm->accumulate};
    bool in_c = gemm->c_dtype == DTYPE_F32;
    team.finish.partial = in_c ? gemm->c : partials;
    team.finish.partial_stride = in_c ? gemm->c_row_stride : gemm->n;
    if (plan->splits == 1) {
        run_team(&worker, team);
    } else {
        struct worker alone = worker;
        alone.id = 0;
        alone.count = 1;
        size_t blocks = (gemm->k + plan->kernel->depth - 1) / plan->kernel->depth, splits = (size_t)plan->splits;
        for (size_t s = (size_t)id; s < splits; s += (size_t)count) {
            size_t next_task;
            struct team part = team;
            part.next_task = &next_task;
            part.resident += s * plan->resident_bytes;
            part.refused += s * plan->flags_bytes;
            part.k_first = blocks * s / splits * plan->kernel->depth;
            part.k_end = least(blocks * (s + 1) / splits * plan->kernel->depth, gemm->k);
            part.finish = (struct gemm_finish){.gemm = gemm, .partial_stride = gemm->n};
            part.finish.partial = (float *)(partials + s * plan->partial_bytes);
            run_team(&alone, part);
        }
        meet(&worker);
        add_splits(&worker, (float *)partials, plan->partial_bytes / sizeof(float));
    }
    if (plan->kernel->end)
        plan->kernel->end();
}

void gemm_drive(const struct gemm_plan *plan, void *workspace)
{
    if (plan->gemm->m == 0 || plan->gemm->n == 0)
        return;
    if (plan->threads == 1) {
        work(plan, workspace, 0, 1);
        return;
    }
#pragma omp parallel num_threads(plan->threads)
    work(plan, workspace, omp_get_thread_num(), omp_get_num_threads());
}
