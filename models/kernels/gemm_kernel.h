/* Inside of gemm: what an instruction set provides (struct gemm_kernel) and what the driver that all of them share
 * needs to know of it. Not for callers; gemm.h is.
 *
 * One of A and Bᵀ is the *tall* side and the other the *wide* side. Each side is packed into panels of `tall` or `wide`
 * consecutive rows and `depth` consecutive k; a micro-kernel multiplies a tall panel with a wide one into a tile of
 * sums [tall, wide]. Vectors run along the wide side. Which operand is tall is the plan's choice: when B is (`swapped`)
 * the tiles hold Cᵀ and are turned on their way out. (Goto, van de Geijn 2008; Van Zee, van de Geijn 2015.) */
#ifndef KERNELS_GEMM_KERNEL_H
#define KERNELS_GEMM_KERNEL_H

#include <stdint.h>

#include "models/kernels/gemm.h"
#include "models/kernels/row_streams.h"

/* A rectangle of an operand as packers see it: `rows` along m or n, `depth` along k. */
struct gemm_block {
    const void *data;
    enum dtype dtype;
    bool deep;     /* element (row, k) is at row · stride + k; otherwise at k · stride + row */
    size_t stride; /* elements */
    size_t rows, depth;
};

/* What is to happen to a rectangle of sums. */
struct gemm_finish {
    const struct gemm *gemm;
    float *partial; /* f32 sums of earlier parts of k: read when `add`, written when not `last`; [m, partial_stride] */
    size_t partial_stride;
    bool add, last;
    bool accumulate;  /* add C */
    bool past_caches; /* C is larger than they are: where it is just stored, it need not pass through them */
};

enum { GEMM_DOT_ROWS = ROW_STREAMS, GEMM_SLICE = 32 /* k; blocks are multiples of it */ };

struct gemm_kernel {
    const char *name;
    size_t tall, wide;                         /* rows of a panel; their product's tile is dense: row stride `wide` */
    size_t depth;                              /* k of a panel, at most */
    size_t tall_bytes, wide_bytes;             /* of a panel of full depth; multiples of 64 */
    size_t tall_slice_bytes, wide_slice_bytes; /* of GEMM_SLICE k of a panel packed from a flat block */
    float scale;                               /* sums in tiles are the true ones times 1 / scale */
    /* What the plan weighs, in cycles: multiply-adds in one, and the price of turning an element whose operand lies
     * the other way than the panel (a tall side that is not deep, a wide side that is). */
    float speed, tall_turn, wide_turn;
    /* Pack a block of at most tall (wide) rows and `depth` k; the rest of the panel becomes zeros. False when the
     * values are outside of what this kernel computes exactly: the tile then takes the kernel `exact`. */
    bool (*pack_tall)(const struct gemm_block *block, void *panel);
    bool (*pack_wide)(const struct gemm_block *block, void *panel);
    /* pack_tall for a quantised operand without the detour through a block of bf16; may be NULL. */
    bool (*unpack_tall)(const struct operand *operand, size_t row, size_t rows, size_t k, size_t depth, void *panel);
    /* sums [tall, wide] = (add ? sums : 0) + Σ tall · wide. `deep` is that of the block packed as tall. */
    void (*multiply)(size_t depth, bool deep, const void *tall, const void *wide, float *sums, bool add);
    /* to [wide, to_stride] = the transpose of from [rows, wide]; may write up to 15 elements after each row. */
    void (*turn)(const float *from, size_t rows, float *to, size_t to_stride);
    /* Takes values [rows, stride] times `scale` to where they belong, overwriting them on the way. */
    void (*finish)(const struct gemm_finish *finish, float *values, size_t stride, float scale, size_t row, size_t rows,
                   size_t column, size_t columns);
    /* sums[vector][row] = Σ row · vector for GEMM_DOT_ROWS rows of `dtype` and `count` f32 vectors, vector_stride
     * apart. dot_most: how many vectors this pays for. */
    void (*dot)(size_t k, enum dtype dtype, const void *const rows[GEMM_DOT_ROWS], const float *vectors,
                size_t vector_stride, size_t count, float sums[][GEMM_DOT_ROWS]);
    size_t dot_most;
    size_t whole_bytes;                /* of the second cache, for a chunk with all its k */
    const struct gemm_kernel *exact;   /* for values that this one refuses; NULL when it takes all. Same `wide`. */
    void (*begin)(void), (*end)(void); /* around a thread's use of the unit; may be NULL */
};

/* A way to multiply, choosable by name in tests and benchmarks. */
struct gemm_variant {
    const char *name;
    unsigned isa; /* the flags that a machine must have */
    /* The kernel for a tall and a wide side of these types. NULL: this variant does not do them. */
    const struct gemm_kernel *(*kernel)(enum dtype tall, enum dtype wide);
};

/* The variants that this machine has, fastest first, ended by NULL. */
const struct gemm_variant *const *gemm_variants(void);
/* The kernel that gemm_run picks for these types. */
const struct gemm_kernel *gemm_kernel_of(const struct gemm *gemm);
/* NULL when the variant can't do these types. */
const struct gemm_kernel *gemm_variant_kernel(const struct gemm_variant *variant, const struct gemm *gemm);
size_t gemm_variant_workspace(const struct gemm_variant *variant, const struct gemm *gemm, int threads);
void gemm_variant_run(const struct gemm_variant *variant, const struct gemm *gemm, void *workspace, int threads);

/* gemm_pack.c: the rectangle of `rows` rows from `row` and `depth` k from `k` of an operand whose k runs along memory
 * (`deep`) or not. Patches are gathered into `staging` (gemm_staging_bytes), matrices are pointed at. */
struct gemm_block gemm_operand_block(const struct operand *operand, bool deep, size_t row, size_t rows, size_t k,
                                     size_t depth, void *staging);
size_t gemm_staging_bytes(const struct operand *operand, size_t rows, size_t depth);

/* gemm_skinny.c: false when the multiplication is not skinny in the way that it is good at. */
bool gemm_skinny_workspace(const struct gemm_kernel *kernel, const struct gemm *gemm, size_t *bytes);
bool gemm_skinny_run(const struct gemm_kernel *kernel, const struct gemm *gemm, void *workspace, int threads);
/* Its parts, for callers that share several such multiplications among threads: whether it takes one; the bytes of a
 * vector made ready; making all of them ready; and the products of rows [first, end) of the matrix, which is B, with
 * them. */
bool gemm_skinny_takes(const struct gemm_kernel *kernel, const struct gemm *gemm);
size_t gemm_skinny_vector_bytes(size_t k);
void gemm_skinny_pack(const struct gemm_kernel *kernel, const struct gemm *gemm, void *vectors);
void gemm_skinny_rows(const struct gemm_kernel *kernel, const struct gemm *gemm, const void *vectors, size_t first,
                      size_t end);

/* gemm_plan.c */
struct gemm_side {
    const struct operand *operand;
    size_t extent; /* m or n */
    bool deep;
    size_t rows, panels; /* of a panel; in all */
    size_t panel_bytes, slice_bytes;
    bool (*pack)(const struct gemm_block *, void *);
    bool (*unpack)(const struct operand *, size_t row, size_t rows, size_t k, size_t depth, void *); /* NULL: pack */
};

struct gemm_plan {
    const struct gemm *gemm;
    const struct gemm_kernel *kernel;
    bool swapped;       /* B is the tall side */
    bool tall_resident; /* which side is packed once and kept while the other streams past */
    struct gemm_side resident, stream;
    size_t depth;           /* k of a block: the kernel's or less, so that blocks are even */
    size_t k_part;          /* k that the resident side holds at once; a multiple of depth */
    size_t resident_panels; /* held at once */
    size_t stream_panels;   /* that one task multiplies with them */
    bool stream_whole;      /* a task packs all of its chunk's k first, and then finishes group_panels at a time */
    size_t group_panels;    /* resident panels whose sums a task holds at once */
    size_t row_parts;       /* tasks that share a stream chunk, when there are too few chunks for the threads */
    int threads, splits;    /* splits > 1: each sums a part of k on its own, and the sums are added up at the end */
    /* workspace: splits × (resident, flags), splits × partial, threads × worker */
    size_t resident_bytes, flags_bytes, partial_bytes;
    size_t stream_bytes, sums_bytes, marks_bytes, staging_bytes, turned_bytes, exact_bytes, worker_bytes;
    size_t total_bytes;
};

struct gemm_plan gemm_plan_make(const struct gemm_variant *variant, const struct gemm *gemm, int threads);
/* gemm_drive.c */
void gemm_drive(const struct gemm_plan *plan, void *workspace);
#endif
