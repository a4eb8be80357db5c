/* How a multiplication is cut up: which operand is tall, which side stays resident, how much of k at once, what a task
 * is, and how the workspace is laid out. It depends on nothing but the call's shape, types and thread count, so that
 * gemm_workspace and gemm_run agree. */
#include "harness/base/sizes.h"
#include "models/kernels/gemm_kernel.h"

/* Sizes that suit caches from Zen 4's (1 MiB L2) up: what one thread's task touches stays in L2, the resident side in
 * L2 or L3, from where it is read once per task. */
enum {
    RESIDENT_BYTES = 8 << 20,
    L2_BYTES = 1400 << 10, /* of it, what the resident side may take */
    ONCE_BYTES = L2_BYTES / 4,
    RESIDENT_ROWS = 512,       /* enough of them to make packing the other side cheap */
    RESIDENT_ROWS_MOST = 2048, /* and no more than a task's sums have room for */
    STREAM_BYTES = 192 << 10,
    SUMS_BYTES = 256 << 10,
    STREAM_PANELS = 16,
    GROUP_BYTES = 64 << 10,
    K_PART_MOST = 32768,   /* keeps scaled sums of in-range values finite; see gemm_amx.c */
    THREAD_CYCLES = 12000, /* less work than this is not worth waking a thread for */
};

static struct gemm_side side(const struct gemm_kernel *kernel, const struct gemm *gemm, bool is_b, bool is_tall)
{
    const struct operand *operand = is_b ? &gemm->b : &gemm->a;
    struct gemm_side side = {
        .operand = operand,
        .extent = is_b ? gemm->n : gemm->m,
        .deep = operand->transposed == is_b,
        .rows = is_tall ? kernel->tall : kernel->wide,
        .panel_bytes = is_tall ? kernel->tall_bytes : kernel->wide_bytes,
        .slice_bytes = is_tall ? kernel->tall_slice_bytes : kernel->wide_slice_bytes,
        .pack = is_tall ? kernel->pack_tall : kernel->pack_wide,
        .unpack = is_tall && operand->kind == OPERAND_QUANTISED ? kernel->unpack_tall : NULL,
    };
    side.panels = quotient_up(side.extent, side.rows);
    return side;
}

/* How many panels of the resident side, and how many blocks of k, are held at once. */
static void size_resident(struct gemm_plan *plan, size_t budget_bytes)
{
    const struct gemm_side *resident = &plan->resident;
    size_t blocks = most(quotient_up(plan->gemm->k, plan->kernel->depth), 1);
    plan->depth = quotient_up(most(quotient_up(plan->gemm->k, blocks), 1), GEMM_SLICE) * GEMM_SLICE;
    size_t room = most(budget_bytes / resident->panel_bytes, 1);
    size_t panels = least(most(resident->panels, 1), RESIDENT_ROWS_MOST / resident->rows);
    size_t blocks_most = most(K_PART_MOST / plan->kernel->depth, 1);
    if (panels * least(blocks, blocks_most) > room)
        panels = least(panels, most(room / blocks, RESIDENT_ROWS / resident->rows));
    size_t part = least(blocks, least(blocks_most, most(room / panels, 1)));
    plan->k_part = quotient_up(blocks, quotient_up(blocks, part)) * plan->depth;
    plan->resident_panels = quotient_up(most(resident->panels, 1), quotient_up(most(resident->panels, 1), panels));
}

/* Cycles per element of packing one side. */
static double pack_cost(const struct gemm_plan *plan, const struct gemm_side *packed, bool is_tall)
{
    const struct gemm_kernel *kernel = plan->kernel;
    double turn = is_tall ? (packed->deep ? 0 : kernel->tall_turn) : (packed->deep ? kernel->wide_turn : 0);
    return 0.4 + (double)turn + (packed->operand->kind == OPERAND_MATRIX ? 0 : 0.6);
}

static double cycles(const struct gemm_plan *plan)
{
    const struct gemm *gemm = plan->gemm;
    const struct gemm_kernel *kernel = plan->kernel;
    double k = (double)gemm->k;
    double resident = (double)(plan->resident.panels * plan->resident.rows);
    double stream = (double)(plan->stream.panels * plan->stream.rows);
    double passes = (double)quotient_up(plan->resident.panels, plan->resident_panels);
    double multiply = resident * stream * (k + 8) / (double)kernel->speed;
    double pack = k * (resident * pack_cost(plan, &plan->resident, plan->tall_resident) +
                       stream * passes * pack_cost(plan, &plan->stream, !plan->tall_resident));
    /* A resident side too large for L2 comes from further away every time that a chunk meets it. */
    double held =
        resident * k * (double)plan->resident.panel_bytes / ((double)plan->resident.rows * (double)plan->kernel->depth);
    double chunks = stream / (double)(plan->stream.rows * STREAM_PANELS / 2);
    pack += held > L2_BYTES ? held * (1 + chunks) / 8 : 0;
    double finish = (double)gemm->m * (double)gemm->n * (plan->swapped ? 0.6 : 0.3);
    return multiply + pack + finish;
}

static struct gemm_plan arrange(const struct gemm_variant *variant, const struct gemm *gemm, bool swapped,
                                bool tall_resident)
{
    const struct gemm_kernel *kernel =
        swapped ? variant->kernel(gemm->b.dtype, gemm->a.dtype) : variant->kernel(gemm->a.dtype, gemm->b.dtype);
    struct gemm_plan plan = {
        .gemm = gemm, .kernel = kernel, .swapped = swapped, .tall_resident = tall_resident, .threads = 1, .splits = 1};
    plan.resident = side(kernel, gemm, swapped == tall_resident, tall_resident);
    plan.stream = side(kernel, gemm, swapped != tall_resident, !tall_resident);
    size_resident(&plan, RESIDENT_BYTES);
    return plan;
}

/* Each thread sums its own part of k when the result is small beside what is read to make it. */
static int choose_splits(const struct gemm_plan *plan)
{
    const struct gemm *gemm = plan->gemm;
    size_t threads = (size_t)plan->threads;
    if (threads == 1 || gemm->k / plan->depth < 4 * threads)
        return 1;
    double sums = (double)gemm->m * (double)gemm->n * (double)threads;
    double read = ((double)gemm->m + (double)gemm->n) * (double)gemm->k;
    return sums * 8 <= read ? plan->threads : 1;
}

/* Tasks: chunks of streamed panels, as even as can be among the threads; each against all resident panels, or, when
 * there are too few chunks, against one of row_parts parts of them, if that pays for packing the chunk again. */
static void size_tasks(struct gemm_plan *plan)
{
    size_t tile = plan->resident.rows * plan->stream.rows * sizeof(float);
    size_t blocks = most(quotient_up(plan->gemm->k, plan->depth), 1);
    size_t most_panels = least(STREAM_PANELS, most(STREAM_BYTES / plan->stream.panel_bytes, 1));
    size_t whole_panels = least(plan->kernel->whole_bytes / (plan->stream.panel_bytes * blocks), most_panels);
    size_t panels = most(least(most_panels, SUMS_BYTES / (tile * plan->resident_panels)), 1);
    plan->stream_whole = plan->splits == 1 && plan->k_part >= plan->gemm->k && whole_panels >= panels;
    if (plan->stream_whole)
        panels = whole_panels;
    size_t threads = plan->splits > 1 ? 1 : (size_t)plan->threads;
    size_t rounds = most(quotient_up(plan->stream.panels, threads * panels), 1);
    plan->stream_panels = most(quotient_up(plan->stream.panels, threads * rounds), 1);
    plan->group_panels = plan->resident_panels;
    if (plan->stream_whole)
        plan->group_panels = least(most(GROUP_BYTES / (tile * plan->stream_panels), 1), plan->resident_panels);
    plan->row_parts = 1;
    size_t chunks = quotient_up(plan->stream.panels, plan->stream_panels);
    double pack = (double)plan->stream.rows * pack_cost(plan, &plan->stream, !plan->tall_resident);
    double multiply = (double)(plan->resident.rows * plan->stream.rows) / (double)plan->kernel->speed;
    double best = 0;
    for (size_t parts = 1; parts <= least(plan->resident_panels, threads); parts++) {
        double time = (double)quotient_up(chunks * parts, threads) *
                      (pack + (double)quotient_up(plan->resident_panels, parts) * multiply);
        if (parts == 1 || time < 0.95 * best) {
            best = time;
            plan->row_parts = parts;
        }
    }
}

static void lay_out(struct gemm_plan *plan)
{
    const struct gemm *gemm = plan->gemm;
    const struct gemm_kernel *kernel = plan->kernel, *exact = kernel->exact;
    size_t blocks = plan->k_part / plan->depth, tile = kernel->tall * kernel->wide * sizeof(float);
    plan->resident_bytes = plan->resident_panels * blocks * plan->resident.panel_bytes;
    plan->flags_bytes = aligned(plan->resident_panels * blocks);
    bool in_parts = gemm->c_dtype != DTYPE_F32 && plan->k_part < gemm->k;
    plan->partial_bytes = plan->splits > 1 || in_parts ? aligned(gemm->m * gemm->n * sizeof(float)) : 0;
    size_t stream_blocks = plan->stream_whole ? most(quotient_up(gemm->k, plan->depth), 1) : 1;
    plan->stream_bytes = stream_blocks * plan->stream_panels * plan->stream.panel_bytes;
    plan->sums_bytes = plan->group_panels * plan->stream_panels * tile;
    plan->marks_bytes = aligned((plan->group_panels + stream_blocks) * plan->stream_panels);
    plan->staging_bytes = aligned(most(gemm_staging_bytes(plan->resident.operand, plan->resident.rows, kernel->depth),
                                       gemm_staging_bytes(plan->stream.operand, plan->stream.rows, kernel->depth)));
    size_t tall_panels = plan->tall_resident ? plan->group_panels : plan->stream_panels;
    plan->turned_bytes = plan->swapped ? aligned(kernel->wide * (tall_panels * kernel->tall + 16) * sizeof(float)) : 0;
    plan->exact_bytes = 0;
    if (exact)
        plan->exact_bytes = exact->tall_bytes + exact->wide_bytes +
                            aligned((kernel->tall + exact->tall) * kernel->wide * sizeof(float));
    plan->worker_bytes = plan->stream_bytes + plan->sums_bytes + plan->marks_bytes + plan->staging_bytes +
                         plan->turned_bytes + plan->exact_bytes;
    size_t teams = (size_t)plan->splits;
    plan->total_bytes = 64 + teams * (plan->resident_bytes + plan->flags_bytes + plan->partial_bytes) +
                        (size_t)plan->threads * plan->worker_bytes;
}

struct gemm_plan gemm_plan_make(const struct gemm_variant *variant, const struct gemm *gemm, int threads)
{
    struct gemm_plan plan = arrange(variant, gemm, false, true);
    double cost = cycles(&plan);
    for (int choice = 1; choice < 4; choice++) {
        struct gemm_plan other = arrange(variant, gemm, choice & 1, !(choice & 2));
        double other_cost = cycles(&other);
        if (other_cost < cost) {
            plan = other;
            cost = other_cost;
        }
    }
    double useful = cost / THREAD_CYCLES;
    plan.threads = useful < (double)threads ? (int)most((size_t)useful, 1) : threads;
    plan.splits = choose_splits(&plan);
    if (plan.splits > 1) /* what is used but once per k need not be held for long */
        size_resident(&plan, plan.stream.panels <= STREAM_PANELS ? ONCE_BYTES : L2_BYTES);
    size_tasks(&plan);
    lay_out(&plan);
    return plan;
}
