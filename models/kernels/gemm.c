/* The calls of gemm.h: which variant, which kernel of it, which plan. */
#include "models/kernels/gemm.h"

#include "models/kernels/gemm_kernel.h"
#include "probes/isa.h"

extern const struct gemm_kernel gemm_kernel_plain;

static const struct gemm_kernel *plain_kernel(enum dtype tall, enum dtype wide)
{
    (void)tall, (void)wide;
    return &gemm_kernel_plain;
}

static const struct gemm_variant plain = {"plain", 0, plain_kernel};

#if defined(__x86_64__)
extern const struct gemm_kernel gemm_kernel_avx512, gemm_kernel_avx2;

static const struct gemm_kernel *avx512_kernel(enum dtype tall, enum dtype wide)
{
    (void)tall, (void)wide;
    return &gemm_kernel_avx512;
}

static const struct gemm_kernel *avx2_kernel(enum dtype tall, enum dtype wide)
{
    (void)tall, (void)wide;
    return &gemm_kernel_avx2;
}

extern const struct gemm_kernel gemm_kernel_amx_f32, gemm_kernel_amx_f32_bf16, gemm_kernel_amx_bf16_f32;
extern const struct gemm_kernel gemm_kernel_amx_bf16;

static const struct gemm_kernel *amx_kernel(enum dtype tall, enum dtype wide)
{
    if (tall == DTYPE_BF16)
        return wide == DTYPE_BF16 ? &gemm_kernel_amx_bf16 : &gemm_kernel_amx_bf16_f32;
    return wide == DTYPE_BF16 ? &gemm_kernel_amx_f32_bf16 : &gemm_kernel_amx_f32;
}

extern const struct gemm_kernel gemm_kernel_avx512_bf16;

static const struct gemm_kernel *avx512_bf16_kernel(enum dtype tall, enum dtype wide)
{
    return tall == DTYPE_BF16 && wide == DTYPE_BF16 ? &gemm_kernel_avx512_bf16 : NULL;
}

static const struct gemm_variant amx = {"amx", ISA_X86_AMX, amx_kernel};
static const struct gemm_variant avx512_bf16 = {"avx512_bf16", ISA_X86_V4 | ISA_AVX512_BF16, avx512_bf16_kernel};
static const struct gemm_variant avx512 = {"avx512", ISA_X86_V4, avx512_kernel};
static const struct gemm_variant avx2 = {"avx2", ISA_X86_V3, avx2_kernel};
static const struct gemm_variant *const all[] = {&amx, &avx512_bf16, &avx512, &avx2, &plain, NULL};
#else
static const struct gemm_variant *const all[] = {&plain, NULL};
#endif

const struct gemm_variant *const *gemm_variants(void)
{
    const struct gemm_variant *const *first = all;
    while (((*first)->isa & isa_flags()) != (*first)->isa)
        first++;
    return first;
}

const struct gemm_kernel *gemm_variant_kernel(const struct gemm_variant *variant, const struct gemm *gemm)
{
    return variant->kernel(gemm->a.dtype, gemm->b.dtype);
}

size_t gemm_variant_workspace(const struct gemm_variant *variant, const struct gemm *gemm, int threads)
{
    size_t bytes;
    if (gemm_skinny_workspace(gemm_variant_kernel(variant, gemm), gemm, &bytes))
        return bytes;
    return gemm_plan_make(variant, gemm, threads).total_bytes;
}

void gemm_variant_run(const struct gemm_variant *variant, const struct gemm *gemm, void *workspace, int threads)
{
    if (gemm_skinny_run(gemm_variant_kernel(variant, gemm), gemm, workspace, threads))
        return;
    struct gemm_plan plan = gemm_plan_make(variant, gemm, threads);
    gemm_drive(&plan, workspace);
}

/* The fastest variant that does these types. */
static const struct gemm_variant *choose(const struct gemm *gemm)
{
    const struct gemm_variant *const *variant = gemm_variants();
    while (!gemm_variant_kernel(*variant, gemm)) /* the last one, plain, does all */
        variant++;
    return *variant;
}

const struct gemm_kernel *gemm_kernel_of(const struct gemm *gemm)
{
    return gemm_variant_kernel(choose(gemm), gemm);
}

size_t gemm_workspace(const struct gemm *gemm, int threads)
{
    return gemm_variant_workspace(choose(gemm), gemm, threads);
}

void gemm_run(const struct gemm *gemm, void *workspace, int threads)
{
    gemm_variant_run(choose(gemm), gemm, workspace, threads);
}

const char *gemm_variant(const struct gemm *gemm)
{
    return gemm_kernel_of(gemm)->name;
}
