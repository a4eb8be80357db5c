#include "models/kernels/expert_matrix.h"

#include <omp.h>

#include "harness/base/sizes.h"
#include "models/kernels/gemm_kernel.h"
#include "models/kernels/quant_kernel.h"

/* Rows are taken in pieces of one expert's, and pieces in batches, so that the room they need is bounded; a matrix that
 * meets a whole batch has long paid for being read again. */
enum { BATCH_ROWS = 512 };
enum { UNIT_ROWS = ROW_STREAMS * ROW_STREAM_MULTIPLE /* of W, by which they are shared: row_streams.h */ };
enum { THREAD_BYTES = 64 << 10 /* of the matrices: less is not worth waking a thread for */ };

struct piece {
    size_t expert, first, rows;
    size_t place; /* of its first row in what the batch holds ready */
};

struct batch {
    struct piece pieces[BATCH_ROWS];
    size_t count;
    size_t expert, first; /* where the next begins */
};

/* The next pieces, of at most BATCH_ROWS rows together; false when there are none. */
static bool next_batch(const int32_t *offsets, size_t experts, struct batch *batch)
{
    size_t rows = 0;
    batch->count = 0;
    while (batch->expert < experts && rows < BATCH_ROWS) {
        size_t first = (size_t)offsets[batch->expert] + batch->first, end = (size_t)offsets[batch->expert + 1];
        size_t some = least(end - first, BATCH_ROWS);
        if (rows && rows + some > BATCH_ROWS)
            break;
        if (some)
            batch->pieces[batch->count++] = (struct piece){batch->expert, first, some, rows};
        rows += some;
        batch->first += some;
        if (first + some == end) {
            batch->expert++;
            batch->first = 0;
        }
    }
    return batch->count > 0;
}

static bool is_packed(const struct expert_matrix *matrix)
{
    return quant_matrix_takes(matrix->weight_dtype);
}

static const void *weight_of(const struct expert_matrix *matrix, size_t expert)
{
    return (const char *)matrix->weight + expert * matrix->n * dtype_bytes(matrix->weight_dtype, matrix->k);
}

static void *row_of(void *data, enum dtype dtype, size_t row, size_t columns)
{
    return data ? (char *)data + dtype_bytes(dtype, row * columns) : NULL;
}

static struct gemm gemm_of(const struct expert_matrix *matrix, const struct piece *piece)
{
    const char *x = matrix->x;
    return (struct gemm){.m = piece->rows,
                         .n = matrix->n,
                         .k = matrix->k,
                         .a = {.data = x ? x + dtype_bytes(matrix->x_dtype, piece->first * matrix->k) : NULL,
                               .dtype = matrix->x_dtype,
                               .kind = OPERAND_MATRIX,
                               .row_stride = matrix->k},
                         .b = {.data = matrix->weight ? weight_of(matrix, piece->expert) : NULL,
                               .dtype = matrix->weight_dtype,
                               .kind = OPERAND_MATRIX,
                               .transposed = !matrix->across,
                               .row_stride = matrix->across ? matrix->n : matrix->k},
                         .c = row_of(matrix->y, matrix->y_dtype, piece->first, matrix->n),
                         .c_dtype = matrix->y_dtype,
                         .c_row_stride = matrix->n,
                         .accumulate = matrix->accumulate,
                         .activation = matrix->activation,
                         .pre_activation = row_of(matrix->pre_activation, matrix->y_dtype, piece->first, matrix->n)};
}

static struct quant_matrix packed_of(const struct expert_matrix *matrix, const struct piece *piece)
{
    const char *x = matrix->x;
    return (struct quant_matrix){.rows = piece->rows,
                                 .n = matrix->n,
                                 .k = matrix->k,
                                 .weight_dtype = matrix->weight_dtype,
                                 .weight = matrix->weight ? weight_of(matrix, piece->expert) : NULL,
                                 .x_dtype = matrix->x_dtype,
                                 .x = x ? x + dtype_bytes(matrix->x_dtype, piece->first * matrix->k) : NULL,
                                 .y_dtype = matrix->y_dtype,
                                 .y = row_of(matrix->y, matrix->y_dtype, piece->first, matrix->n),
                                 .activation = matrix->activation,
                                 .pre_activation =
                                     row_of(matrix->pre_activation, matrix->y_dtype, piece->first, matrix->n)};
}

/* ---- Products with many rows. Where there are enough of them to keep all threads busy, each is the work of one
 * thread, so that none waits for another within a product; else all threads work on one after the other. ---- */

struct product {
    size_t (*workspace)(const void *of, const struct piece *piece, int threads);
    void (*run)(const void *of, const struct piece *piece, void *workspace, int threads);
};

enum { PACKING_ROWS = 64 /* of x, about, whose product takes as long as packing a matrix */ };

static void sort_by_rows(struct piece *pieces, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct piece piece = pieces[i];
        size_t at = i;
        for (; at > 0 && pieces[at - 1].rows < piece.rows; at--)
            pieces[at] = pieces[at - 1];
        pieces[at] = piece;
    }
}

/* Largest first. Does the largest alone take longer than half as much again as a thread's even share? */
static bool keep_busy(const struct piece *pieces, size_t count, size_t threads)
{
    size_t work = 0;
    for (size_t i = 0; i < count; i++)
        work += pieces[i].rows + PACKING_ROWS;
    return count > 1 && threads > 1 && (pieces[0].rows + PACKING_ROWS) * threads * 2 <= work * 3;
}

static void run_pieces(const struct product *product, const void *of, struct piece *pieces, size_t count,
                       void *workspace, int threads)
{
    sort_by_rows(pieces, count);
    if (!keep_busy(pieces, count, (size_t)threads)) {
        for (size_t i = 0; i < count; i++)
            product->run(of, &pieces[i], workspace, threads);
        return;
    }
    size_t each = 0;
    for (size_t i = 0; i < count; i++) {
        size_t needed = aligned(product->workspace(of, &pieces[i], 1));
        each = needed > each ? needed : each;
    }
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (size_t i = 0; i < count; i++)
        product->run(of, &pieces[i], (char *)workspace + (size_t)omp_get_thread_num() * each, 1);
}

/* What either way needs for a piece of so many rows. */
static size_t pieces_workspace(const struct product *product, const void *of, const struct piece *piece, int threads)
{
    size_t together = product->workspace(of, piece, threads);
    size_t apart = (size_t)threads * aligned(product->workspace(of, piece, 1));
    return together > apart ? together : apart;
}

/* ---- f32 and bf16 ---- */

static bool is_skinny(const struct expert_matrix *matrix, const struct piece *piece)
{
    struct gemm gemm = gemm_of(matrix, piece);
    return !matrix->across && gemm_skinny_takes(gemm_kernel_of(&gemm), &gemm);
}

static void ready_skinny(const struct expert_matrix *matrix, const struct piece *piece, void *vectors)
{
    struct gemm gemm = gemm_of(matrix, piece);
    gemm_skinny_pack(gemm_kernel_of(&gemm), &gemm, vectors);
}

static void multiply_skinny(const struct expert_matrix *matrix, const struct piece *piece, const void *vectors,
                            size_t first, size_t end)
{
    struct gemm gemm = gemm_of(matrix, piece);
    gemm_skinny_rows(gemm_kernel_of(&gemm), &gemm, vectors, first, end);
}

/* ---- packed ---- */

static bool is_narrow(const struct expert_matrix *matrix, const struct piece *piece)
{
    struct quant_matrix packed = packed_of(matrix, piece);
    return !quant_matrix_is_wide(&packed);
}

static void ready_narrow(const struct expert_matrix *matrix, const struct piece *piece, void *vectors)
{
    struct quant_matrix packed = packed_of(matrix, piece);
    quant_kernel_ready(*quant_kernels(), &packed, vectors);
}

static void multiply_narrow(const struct expert_matrix *matrix, const struct piece *piece, const void *vectors,
                            size_t first, size_t end)
{
    struct quant_matrix packed = packed_of(matrix, piece);
    quant_kernel_rows(*quant_kernels(), &packed, vectors, first, end);
}

/* ---- few rows of either ---- */

/* Making a piece's rows ready, and multiplying them with rows [first, end) of its matrix. */
struct few {
    bool (*takes)(const struct expert_matrix *matrix, const struct piece *piece);
    void (*ready)(const struct expert_matrix *matrix, const struct piece *piece, void *vectors);
    void (*multiply)(const struct expert_matrix *matrix, const struct piece *piece, const void *vectors, size_t first,
                     size_t end);
};

static const struct few skinny = {is_skinny, ready_skinny, multiply_skinny},
                        narrow = {is_narrow, ready_narrow, multiply_narrow};

static const struct few *few_of(const struct expert_matrix *matrix)
{
    return is_packed(matrix) ? &narrow : &skinny;
}

/* Bytes of a row made ready. */
static size_t ready_bytes(const struct expert_matrix *matrix)
{
    return is_packed(matrix) ? quant_layout_of(matrix->weight_dtype, matrix->k).row_bytes
                             : gemm_skinny_vector_bytes(matrix->k);
}

/* Moves the pieces with few rows before the others; returns how many they are. */
static size_t few_first(const struct expert_matrix *matrix, struct batch *batch)
{
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++)
        if (few_of(matrix)->takes(matrix, &batch->pieces[i])) {
            struct piece piece = batch->pieces[i];
            batch->pieces[i] = batch->pieces[count];
            batch->pieces[count++] = piece;
        }
    return count;
}

/* Thread `thread`'s part of the rows of all matrices, laid end to end: neighbours. */
static void run_share(const struct expert_matrix *matrix, const struct piece *pieces, size_t count, char *ready,
                      size_t thread, size_t threads)
{
    size_t units = (matrix->n + UNIT_ROWS - 1) / UNIT_ROWS;
    size_t from = count * units * thread / threads, to = count * units * (thread + 1) / threads;
    for (size_t i = from / units; i < count && i * units < to; i++) {
        size_t first = from > i * units ? (from - i * units) * UNIT_ROWS : 0;
        size_t end = least((to - i * units) * UNIT_ROWS, matrix->n);
        if (first < end)
            few_of(matrix)->multiply(matrix, &pieces[i], ready + pieces[i].place * ready_bytes(matrix), first, end);
    }
}

static void run_few(const struct expert_matrix *matrix, const struct piece *pieces, size_t count, void *workspace,
                    int threads)
{
    size_t stride = ready_bytes(matrix), bytes = count * matrix->n * dtype_bytes(matrix->weight_dtype, matrix->k);
    int useful = (int)least(bytes / THREAD_BYTES + 1, (size_t)threads);
#pragma omp parallel num_threads(useful) if (useful > 1)
    {
#pragma omp for schedule(static)
        for (size_t i = 0; i < count; i++)
            few_of(matrix)->ready(matrix, &pieces[i], (char *)workspace + pieces[i].place * stride);
        run_share(matrix, pieces, count, workspace, (size_t)omp_get_thread_num(), (size_t)omp_get_num_threads());
    }
}

/* ---- many rows ---- */

static size_t workspace_of_many(const void *of, const struct piece *piece, int threads)
{
    const struct expert_matrix *matrix = of;
    if (is_packed(matrix)) {
        struct quant_matrix packed = packed_of(matrix, piece);
        return quant_wide_workspace(&packed, threads);
    }
    struct gemm gemm = gemm_of(matrix, piece);
    return gemm_workspace(&gemm, threads);
}

static void run_many(const void *of, const struct piece *piece, void *workspace, int threads)
{
    const struct expert_matrix *matrix = of;
    if (is_packed(matrix)) {
        struct quant_matrix packed = packed_of(matrix, piece);
        quant_wide_run(&packed, workspace, threads);
    } else {
        struct gemm gemm = gemm_of(matrix, piece);
        gemm_run(&gemm, workspace, threads);
    }
}

static const struct product many = {workspace_of_many, run_many};

/* ---- the calls ---- */

void expert_matrix_run(const struct expert_matrix *matrix, void *workspace, int threads)
{
    struct batch batch = {.count = 0};
    while (next_batch(matrix->offsets, matrix->experts, &batch)) {
        size_t few = few_first(matrix, &batch);
        if (few)
            run_few(matrix, batch.pieces, few, workspace, threads);
        run_pieces(&many, matrix, batch.pieces + few, batch.count - few, workspace, threads);
    }
}

void expert_matrix_reference(const struct expert_matrix *matrix)
{
    struct batch batch = {.count = 0};
    while (next_batch(matrix->offsets, matrix->experts, &batch))
        for (size_t i = 0; i < batch.count; i++)
            if (is_packed(matrix)) {
                struct quant_matrix packed = packed_of(matrix, &batch.pieces[i]);
                quant_matrix_reference(&packed);
            } else {
                struct gemm gemm = gemm_of(matrix, &batch.pieces[i]);
                gemm_reference(&gemm);
            }
}

size_t expert_matrix_workspace(const struct expert_matrix *matrix, int threads)
{
    size_t most = least(matrix->most, BATCH_ROWS), held = least(matrix->rows, BATCH_ROWS);
    size_t bytes = held * ready_bytes(matrix);
    for (size_t rows = 1; rows <= most; rows++) {
        const struct piece piece = {.rows = rows};
        bool few = few_of(matrix)->takes(matrix, &piece);
        size_t needed = few ? 0 : pieces_workspace(&many, matrix, &piece, threads);
        bytes = needed > bytes ? needed : bytes;
    }
    return bytes;
}

/* ---- dw ---- */

/* Rows [first, first + rows) of expert `expert`, added to what earlier ones gave when they aren't its first. */
static struct gemm outer_gemm(const struct expert_outer *outer, size_t expert, size_t first, size_t rows, bool add)
{
    const char *dz = outer->dz, *x = outer->x;
    return (struct gemm){.m = outer->n,
                         .n = outer->k,
                         .k = rows,
                         .a = {.data = dz ? dz + dtype_bytes(outer->dz_dtype, first * outer->n) : NULL,
                               .dtype = outer->dz_dtype,
                               .kind = OPERAND_MATRIX,
                               .transposed = true,
                               .row_stride = outer->n},
                         .b = {.data = x ? x + dtype_bytes(outer->x_dtype, first * outer->k) : NULL,
                               .dtype = outer->x_dtype,
                               .kind = OPERAND_MATRIX,
                               .row_stride = outer->k},
                         .c = outer->dw ? outer->dw + expert * outer->n * outer->k : NULL,
                         .c_dtype = DTYPE_F32,
                         .c_row_stride = outer->k,
                         .accumulate = add};
}

/* All rows of an expert, part after part. */
static void run_expert(const void *of, const struct piece *piece, void *workspace, int threads)
{
    size_t done = 0;
    do {
        size_t some = least(piece->rows - done, BATCH_ROWS);
        struct gemm gemm = outer_gemm(of, piece->expert, piece->first + done, some, done > 0);
        if (threads)
            gemm_run(&gemm, workspace, threads);
        else
            gemm_reference(&gemm);
        done += some;
    } while (done < piece->rows);
}

static size_t workspace_of_expert(const void *of, const struct piece *piece, int threads)
{
    size_t bytes = 0, last = piece->rows % BATCH_ROWS;
    const struct {
        size_t rows;
        bool add;
    } parts[] = {{least(piece->rows, BATCH_ROWS), false}, {least(piece->rows, BATCH_ROWS), true}, {last, true}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct gemm gemm = outer_gemm(of, 0, 0, parts[i].rows, parts[i].add);
        size_t needed = gemm_workspace(&gemm, threads);
        bytes = needed > bytes ? needed : bytes;
    }
    return bytes;
}

static const struct product whole_expert = {workspace_of_expert, run_expert};

static struct piece expert_piece(const struct expert_outer *outer, size_t expert)
{
    size_t first = (size_t)outer->offsets[expert];
    return (struct piece){.expert = expert, .first = first, .rows = (size_t)outer->offsets[expert + 1] - first};
}

void expert_outer_run(const struct expert_outer *outer, void *workspace, int threads)
{
    for (size_t expert = 0; expert < outer->experts;) {
        struct piece pieces[BATCH_ROWS];
        size_t count = 0;
        while (count < BATCH_ROWS && expert < outer->experts)
            pieces[count++] = expert_piece(outer, expert++);
        run_pieces(&whole_expert, outer, pieces, count, workspace, threads);
    }
}

void expert_outer_reference(const struct expert_outer *outer)
{
    for (size_t expert = 0; expert < outer->experts; expert++) {
        const struct piece piece = expert_piece(outer, expert);
        run_expert(outer, &piece, NULL, 0);
    }
}

size_t expert_outer_workspace(const struct expert_outer *outer, int threads)
{
    size_t bytes = 0;
    for (size_t rows = 0; rows <= least(outer->most, BATCH_ROWS); rows++) {
        const struct piece piece = {.rows = rows};
        size_t needed = pieces_workspace(&whole_expert, outer, &piece, threads);
        bytes = needed > bytes ? needed : bytes;
    }
    return bytes;
}
