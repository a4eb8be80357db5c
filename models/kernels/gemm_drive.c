/* The loops around every micro-kernel. The resident side is packed by all threads together; then each task packs a
 * chunk of the streaming side, one block of k at a time and right before it is used, multiplies it with the resident
 * panels into sums of its own, and finishes them. So each streamed element is read from memory once per resident block
 * and its packed form never leaves the cache. */
#include <omp.h>
#include <string.h>

#include "harness/base/sizes.h"
#include "models/kernels/gemm_kernel.h"

enum {
    FINISH_ROWS = 16,
    FINISH_PANELS = 32,
    PAST_CACHES_BYTES = 8 << 20,
    BATCHES = 8,
    BATCH_MOST = 4,
    FETCH_PARTS_LEAST = 4
};

/* What the threads that share one resident side share. */
struct team {
    char *resident;         /* [block of k][panel], panel_bytes each */
    unsigned char *refused; /* [block of k][panel]: holds values that the kernel can't do */
    size_t *next_task;
    struct gemm_finish finish;
    size_t k_first, k_end;
};

/* The rectangle of memory that is packed next, fetched into the cache a few lines at a time between tiles: units that
 * prefetch on their own stop at every row and every page. */
struct ahead {
    const char *data;
    size_t row_bytes, rows; /* from row to row; rows that are left */
    size_t line, lines_per_row, lines_per_tile;
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
    struct ahead *ahead;
};

/* The resident panels and the k that are packed now. */
struct held {
    size_t panel, panels, k, depth;
};

/* Sets out to fetch a block of k of a chunk in the course of `tiles` tiles. */
static void plan_ahead(const struct worker *worker, size_t panel, size_t k, size_t depth, size_t tiles)
{
    const struct gemm_side *stream = &worker->plan->stream;
    const struct operand *operand = stream->operand;
    size_t row = panel * stream->rows, panels = worker->plan->stream_panels;
    struct ahead *ahead = worker->ahead;
    *ahead = (struct ahead){0};
    bool quantised = operand->kind == OPERAND_QUANTISED;
    if ((operand->kind != OPERAND_MATRIX && !quantised) || row >= stream->extent || depth == 0)
        return;
    const struct dtype_info *info = dtype_info(quantised ? operand->stored : operand->dtype);
    size_t rows = least(panels * stream->rows, stream->extent - row);
    size_t first = stream->deep ? row * operand->row_stride + k : k * operand->row_stride + row;
    ahead->data = (const char *)operand->data + first / info->block * info->block_bytes;
    ahead->row_bytes = operand->row_stride / info->block * info->block_bytes;
    ahead->rows = stream->deep ? rows : depth;
    /* Quantised rows begin anywhere in a line, so one line more. */
    ahead->lines_per_row = ((stream->deep ? depth : rows) / info->block * info->block_bytes + 63) / 64 + quantised;
    ahead->lines_per_tile = (ahead->rows * ahead->lines_per_row + tiles - 1) / tiles;
}

static inline void fetch_ahead(struct ahead *ahead)
{
    for (size_t i = 0; i < ahead->lines_per_tile && ahead->rows; i++) {
        __builtin_prefetch(ahead->data + ahead->line * 64, 0, 2);
        if (++ahead->line == ahead->lines_per_row) {
            ahead->line = 0;
            ahead->data += ahead->row_bytes;
            ahead->rows--;
        }
    }
}

static bool pack_panel(const struct worker *worker, const struct gemm_side *side, size_t panel, size_t k, size_t depth,
                       void *to)
{
    size_t row = panel * side->rows, rows = least(side->rows, side->extent - row);
    if (side->unpack)
        return side->unpack(side->operand, row, rows, k, depth, to);
    struct gemm_block block = gemm_operand_block(side->operand, side->deep, row, rows, k, depth, worker->staging);
    return side->pack(&block, to);
}

static void pack_resident(const struct worker *worker, const struct team *team, const struct held *held)
{
    const struct gemm_plan *plan = worker->plan;
    size_t depth = plan->depth, blocks = (held->depth + depth - 1) / depth, all = blocks * held->panels;
    size_t end = all * ((size_t)worker->id + 1) / (size_t)worker->count;
    for (size_t i = all * (size_t)worker->id / (size_t)worker->count; i < end; i++) {
        /* In the order in which memory holds them. */
        size_t panel = plan->resident.deep ? i / blocks : i % held->panels;
        size_t block = plan->resident.deep ? i % blocks : i / held->panels;
        size_t at = block * held->panels + panel, k = block * depth;
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

/* The panel that comes after panel r: of the same block, of the next one, or of the next group's first. */
static const char *next_resident(const struct gemm_plan *plan, const struct team *team, const struct held *held,
                                 size_t first, size_t end, size_t r, size_t block)
{
    size_t at = block * held->panels + r + 1;
    if (r + 1 == end)
        at = (block + 1) * plan->depth < held->depth ? (block + 1) * held->panels + first
             : end < held->panels                    ? end
                                                     : 0;
    return team->resident + at * plan->resident.panel_bytes;
}

/* Asks the second cache for the part-th of so many parts of a panel; where they are few, a part is more than can be
 * asked for beside a tile. */
static inline void fetch_part(const char *panel, size_t bytes, size_t part, size_t parts)
{
    if (parts < FETCH_PARTS_LEAST)
        return;
    for (size_t at = bytes * part / parts / 64 * 64; at < bytes * (part + 1) / parts; at += 64)
        __builtin_prefetch(panel + at, 0, 2);
}

/* One chunk's block of k against resident panels first..end of those held. */
static void multiply_block(const struct worker *worker, const struct team *team, const struct held *held, size_t first,
                           size_t end, size_t chunk_panel, size_t chunk_panels, size_t k, size_t depth)
{
    const struct gemm_plan *plan = worker->plan;
    const struct gemm_kernel *kernel = plan->kernel;
    size_t block = k / plan->depth, tile_floats = kernel->tall * kernel->wide;
    size_t slot = plan->stream_whole ? block * plan->stream_panels : 0;
    const char *packed = worker->stream + slot * plan->stream.panel_bytes;
    size_t tall_panels = plan->tall_resident ? end - first : chunk_panels;
    bool tall_deep = plan->tall_resident ? plan->resident.deep : plan->stream.deep;
    for (size_t r = first; r < end; r++) {
        size_t at = block * held->panels + r;
        const char *resident = team->resident + at * plan->resident.panel_bytes;
        const char *next = next_resident(plan, team, held, first, end, r, block);
        for (size_t s = 0; s < chunk_panels; s++) {
            const char *stream = packed + s * plan->stream.panel_bytes;
            const char *tall = plan->tall_resident ? resident : stream, *wide = plan->tall_resident ? stream : resident;
            size_t tile = plan->tall_resident ? s * tall_panels + r - first : (r - first) * tall_panels + s;
            float *sums = worker->sums + tile * tile_floats;
            size_t resident_panel = held->panel + r, stream_panel = chunk_panel + s;
            size_t tall_panel = plan->tall_resident ? resident_panel : stream_panel;
            size_t wide_panel = plan->tall_resident ? stream_panel : resident_panel;
            bool refused = team->refused[at] || worker->refused[slot + s];
            fetch_ahead(worker->ahead);
            fetch_part(next, plan->resident.panel_bytes, s, chunk_panels);
            if (refused || worker->exact[tile]) {
                multiply_refused(worker, tall_panel, wide_panel, held->k + k, depth, tall, wide, k == 0, refused, sums,
                                 &worker->exact[tile]);
            } else {
                kernel->multiply(depth, tall_deep, tall, wide, sums, k > 0);
            }
        }
    }
}

/* The sums of the tall rows with one wide panel, [tall rows, wide], turned: a strip of Cᵀ. */
static void finish_turned(const struct worker *worker, const struct gemm_finish *finish, float *sums, float scale,
                          size_t tall_row, size_t tall_rows, size_t wide_row, size_t wide_rows)
{
    const struct gemm_kernel *kernel = worker->plan->kernel;
    size_t stride = (tall_rows + 15) / 16 * 16;
    kernel->turn(sums, tall_rows, worker->turned, stride);
    kernel->finish(finish, worker->turned, stride, scale, wide_row, wide_rows, tall_row, tall_rows);
}

/* Scales the tiles of a group that holds true sums in some, so that all do; returns the scale that is left. */
static float settle_group(const struct worker *worker, float *sums, const unsigned char *exact, size_t tiles)
{
    const struct gemm_kernel *kernel = worker->plan->kernel;
    if (!memchr(exact, 1, tiles))
        return kernel->scale;
    for (size_t t = 0; t < tiles; t++)
        if (!exact[t])
            scale_tile(kernel, sums + t * kernel->tall * kernel->wide);
    return 1;
}

/* A few rows of C at a time are written across all the wide panels, so that memory sees runs, not snippets. */
static void finish_task(const struct worker *worker, const struct team *team, size_t resident_panel,
                        size_t resident_panels, size_t chunk_panel, size_t chunk_panels)
{
    const struct gemm_plan *plan = worker->plan;
    const struct gemm_kernel *kernel = plan->kernel;
    const struct gemm_side *tall = plan->tall_resident ? &plan->resident : &plan->stream;
    const struct gemm_side *wide = plan->tall_resident ? &plan->stream : &plan->resident;
    size_t tall_row = (plan->tall_resident ? resident_panel : chunk_panel) * kernel->tall;
    size_t wide_row = (plan->tall_resident ? chunk_panel : resident_panel) * kernel->wide;
    size_t tall_panels = plan->tall_resident ? resident_panels : chunk_panels;
    size_t wide_panels = plan->tall_resident ? chunk_panels : resident_panels;
    size_t tall_rows = least(tall_panels * kernel->tall, tall->extent - tall_row);
    size_t group_floats = tall_panels * kernel->tall * kernel->wide;
    size_t step = plan->swapped ? tall_rows : FINISH_ROWS;
    float scales[FINISH_PANELS];
    for (size_t first = 0; first < wide_panels; first += FINISH_PANELS) {
        size_t panels = least(FINISH_PANELS, wide_panels - first);
        for (size_t w = 0; w < panels; w++)
            scales[w] = settle_group(worker, worker->sums + (first + w) * group_floats,
                                     worker->exact + (first + w) * tall_panels, tall_panels);
        for (size_t i = 0; i < tall_rows; i += step)
            for (size_t w = 0; w < panels; w++) {
                float *sums = worker->sums + (first + w) * group_floats + i * kernel->wide;
                size_t column = wide_row + (first + w) * kernel->wide;
                size_t columns = least(kernel->wide, wide->extent - column);
                if (plan->swapped)
                    finish_turned(worker, &team->finish, sums, scales[w], tall_row, tall_rows, column, columns);
                else
                    kernel->finish(&team->finish, sums, kernel->wide, scales[w], tall_row + i,
                                   least(step, tall_rows - i), column, columns);
            }
    }
}

/* One block of k of a chunk. Where k runs across memory, a few k of all panels are packed before the next few: their
 * rows lie side by side. */
static void pack_chunk(const struct worker *worker, size_t slot, size_t panel, size_t panels, size_t k, size_t depth)
{
    const struct gemm_side *stream = &worker->plan->stream;
    bool slices = !stream->deep && stream->operand->kind == OPERAND_MATRIX;
    size_t step = slices ? GEMM_SLICE : depth;
    memset(worker->refused + slot, 0, panels);
    for (size_t p = 0; p < depth; p += step)
        for (size_t s = 0; s < panels; s++) {
            char *to = worker->stream + (slot + s) * stream->panel_bytes + p / GEMM_SLICE * stream->slice_bytes;
            if (!pack_panel(worker, stream, panel + s, k + p, least(step, depth - p), to))
                worker->refused[slot + s] = 1;
        }
}

/* Resident panels first..end with a chunk whose k is packed whole: a few of them at a time are multiplied and finished,
 * so that sums stay close and runs of C are as long as the chunk is wide. */
static void run_whole(const struct worker *worker, const struct team *team, const struct held *held, size_t first,
                      size_t end, size_t chunk_panel, size_t chunk_panels, size_t next_panel)
{
    const struct gemm_plan *plan = worker->plan;
    size_t depth = plan->depth;
    for (size_t k = 0; k < held->depth; k += depth)
        pack_chunk(worker, k / depth * plan->stream_panels, chunk_panel, chunk_panels, held->k + k,
                   least(depth, held->depth - k));
    size_t blocks = (held->depth + depth - 1) / depth;
    plan_ahead(worker, next_panel, held->k, held->depth, (end - first) * chunk_panels * blocks);
    for (size_t group = first; group < end; group += plan->group_panels) {
        size_t group_end = least(group + plan->group_panels, end);
        size_t tiles = (group_end - group) * chunk_panels;
        memset(worker->exact, 0, tiles);
        if (held->depth == 0)
            memset(worker->sums, 0, tiles * plan->kernel->tall * plan->kernel->wide * sizeof(float));
        for (size_t k = 0; k < held->depth; k += depth)
            multiply_block(worker, team, held, group, group_end, chunk_panel, chunk_panels, k,
                           least(depth, held->depth - k));
        finish_task(worker, team, held->panel + group, group_end - group, chunk_panel, chunk_panels);
    }
}

static void run_task(const struct worker *worker, const struct team *team, const struct held *held, size_t task,
                     size_t next_task)
{
    const struct gemm_plan *plan = worker->plan;
    size_t depth = plan->depth, parts = plan->row_parts;
    size_t chunk_panel = task / parts * plan->stream_panels, part = task % parts;
    size_t next_panel = next_task / parts * plan->stream_panels;
    size_t chunk_panels = least(plan->stream_panels, plan->stream.panels - chunk_panel);
    size_t first = held->panels * part / parts, end = held->panels * (part + 1) / parts;
    if (first == end)
        return;
    if (plan->stream_whole) {
        run_whole(worker, team, held, first, end, chunk_panel, chunk_panels, next_panel);
        return;
    }
    size_t tiles = (end - first) * chunk_panels;
    memset(worker->exact, 0, tiles);
    if (held->depth == 0)
        memset(worker->sums, 0, tiles * plan->kernel->tall * plan->kernel->wide * sizeof(float));
    for (size_t k = 0; k < held->depth; k += depth) {
        size_t part_depth = least(depth, held->depth - k);
        pack_chunk(worker, 0, chunk_panel, chunk_panels, held->k + k, part_depth);
        size_t next = k + depth;
        if (next < held->depth)
            plan_ahead(worker, chunk_panel, held->k + next, least(depth, held->depth - next), tiles);
        else
            plan_ahead(worker, next_panel, held->k, least(depth, held->depth), tiles);
        multiply_block(worker, team, held, first, end, chunk_panel, chunk_panels, k, part_depth);
    }
    finish_task(worker, team, held->panel + first, end - first, chunk_panel, chunk_panels);
}

static void meet(const struct worker *worker)
{
    if (worker->count > 1) {
#pragma omp barrier
    }
}

/* Tasks are taken a few neighbours at a time: they share pages. */
static size_t take_task(const struct team *team, size_t batch, size_t before, size_t *left)
{
    if (*left) {
        --*left;
        return before + 1;
    }
    *left = batch - 1;
    return __atomic_fetch_add(team->next_task, batch, __ATOMIC_RELAXED);
}

static void run_team(const struct worker *worker, struct team team)
{
    const struct gemm_plan *plan = worker->plan;
    const struct gemm *gemm = plan->gemm;
    size_t chunks = (plan->stream.panels + plan->stream_panels - 1) / plan->stream_panels;
    size_t tasks = chunks * plan->row_parts, share = tasks / ((size_t)worker->count * BATCHES);
    size_t batch = share == 0 ? 1 : least(share, BATCH_MOST);
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
            /* A task is taken before the one before it is run, so that its memory can be fetched ahead. */
            size_t left = 0, task = take_task(&team, batch, 0, &left);
            while (task < tasks) {
                size_t next = take_task(&team, batch, task, &left);
                run_task(worker, &team, &held, task, next);
                task = next;
            }
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
        plan->kernel->finish(&finish, values, gemm->n, 1, row, 1, 0, gemm->n);
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
    worker.refused = worker.exact + plan->group_panels * plan->stream_panels;
    struct ahead ahead = {0};
    worker.ahead = &ahead;
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
    team.finish.past_caches = dtype_bytes(gemm->c_dtype, gemm->m * gemm->n) >= PAST_CACHES_BYTES;
    bool in_c = gemm->c_dtype == DTYPE_F32;
    team.finish.partial = in_c ? gemm->c : partials;
    team.finish.partial_stride = in_c ? gemm->c_row_stride : gemm->n;
    if (plan->splits == 1) {
        run_team(&worker, team);
    } else {
        struct worker alone = worker;
        alone.id = 0;
        alone.count = 1;
        size_t blocks = (gemm->k + plan->depth - 1) / plan->depth, splits = (size_t)plan->splits;
        for (size_t s = (size_t)id; s < splits; s += (size_t)count) {
            size_t next_task;
            struct team part = team;
            part.next_task = &next_task;
            part.resident += s * plan->resident_bytes;
            part.refused += s * plan->flags_bytes;
            part.k_first = blocks * s / splits * plan->depth;
            part.k_end = least(blocks * (s + 1) / splits * plan->depth, gemm->k);
            part.finish = (struct gemm_finish){.gemm = gemm, .partial_stride = gemm->n};
            part.finish.partial = (float *)(partials + s * plan->partial_bytes);
            run_team(&alone, part);
        }
        meet(&worker);
        add_splits(&worker, (float *)partials, plan->partial_bytes / sizeof(float));
    }
    if (plan->kernel->end)
        plan->kernel->end();
#if defined(__x86_64__)
    __builtin_ia32_sfence(); /* stores past the caches are seen by others from here on */
#endif
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
