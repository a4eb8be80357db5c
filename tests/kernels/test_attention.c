/* Every attention variant that this machine can run against the plain reference: masks, shared key heads, caches, odd
 * and empty shapes, unaligned data, extreme scores, one to four threads; and its gradient against differences. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "guarded.h"
#include "harness/base/random.h"
#include "models/kernels/attention_variants.h"
#include "models/kernels/quant.h"
#include "tests/kernels/trials.h"

struct shape {
    size_t batch, length, kv_length, heads, kv_heads, head_dim;
    bool causal;
    size_t window;
    enum dtype dtype;
    float size;       /* of the elements of q and k: large ones make scores extreme */
    size_t misplaced; /* elements by which every array is off its alignment */
    float softcap;
};

/* What is added to the scores. */
enum terms { NOTHING, BIASES = 1, SINKS = 2, BOTH = 3 };

/* One of the arrays, with the bytes around it, which must stay as they are. */
struct array {
    unsigned char *memory;
    void *data;
    size_t bytes;
};

static struct array make(size_t bytes, size_t offset_bytes)
{
    struct array a = {.bytes = bytes, .memory = guarded_new(bytes, offset_bytes)};
    a.data = a.memory + GUARD + offset_bytes;
    return a;
}

static void check_and_free(struct array *a)
{
    guarded_free(a->memory, a->data, a->bytes);
}

static size_t size_of(enum dtype dtype)
{
    return dtype == DTYPE_BF16 ? 2 : 4;
}

static double get(const void *data, enum dtype dtype, size_t i)
{
    return dtype == DTYPE_BF16 ? bf16_to_f32(((const uint16_t *)data)[i]) : ((const float *)data)[i];
}

static void fill(void *data, enum dtype dtype, size_t count, float size, const char *name)
{
    uint64_t key = random_key(1, name);
    for (size_t i = 0; i < count; i++) {
        float x = size * random_normal(key, i);
        if (dtype == DTYPE_BF16)
            ((uint16_t *)data)[i] = f32_to_bf16(x);
        else
            ((float *)data)[i] = x;
    }
}

/* q, k and v side by side when lengths agree, as a projection leaves them; else k and v in a cache of 3 more rows. */
struct arrays {
    struct array q, kv, out, log_sum, dout, dq, dkv, biases, sinks, dbiases, dsinks;
    size_t q_count, kv_count, out_count, log_count, bias_count;
    enum terms terms;
};

static struct attention describe(const struct shape *s, enum terms terms, struct arrays *a)
{
    size_t size = size_of(s->dtype), offset = s->misplaced * size, q_width = s->heads * s->head_dim;
    size_t kv_width = 2 * s->kv_heads * s->head_dim + 1, cache = s->kv_length + 3;
    a->q_count = s->batch * s->length * q_width;
    a->kv_count = s->batch * cache * kv_width;
    a->out_count = s->batch * s->length * q_width;
    a->log_count = s->batch * s->heads * s->length;
    a->q = make(a->q_count * size, offset);
    a->kv = make(a->kv_count * size, offset);
    a->out = make(a->out_count * size, offset);
    a->dout = make(a->out_count * size, offset);
    a->log_sum = make(a->log_count * 4, s->misplaced * 4);
    a->dq = make(a->q_count * size, offset);
    a->dkv = make(a->kv_count * size, offset);
    a->bias_count = s->length + s->kv_length ? s->heads * (s->length + s->kv_length - 1) : 0;
    struct array *added[] = {&a->biases, &a->dbiases, &a->sinks, &a->dsinks};
    for (size_t i = 0; i < 4; i++)
        *added[i] = make((i < 2 ? a->bias_count : s->heads) * 4, s->misplaced * 4);
    fill(a->biases.data, DTYPE_F32, a->bias_count, 1, "biases");
    fill(a->sinks.data, DTYPE_F32, s->heads, 2, "sinks");
    a->terms = terms;
    fill(a->q.data, s->dtype, a->q_count, s->size, "q");
    fill(a->kv.data, s->dtype, a->kv_count, s->size, "kv");
    fill(a->dout.data, s->dtype, a->out_count, 1, "dout");
    char *values = (char *)a->kv.data + s->kv_heads * s->head_dim * size;
    return (struct attention){.batch = s->batch,
                              .length = s->length,
                              .kv_length = s->kv_length,
                              .heads = s->heads,
                              .kv_heads = s->kv_heads,
                              .head_dim = s->head_dim,
                              .causal = s->causal,
                              .window = s->window,
                              .scale = s->head_dim ? 1 / sqrtf((float)s->head_dim) : 1,
                              .softcap = s->softcap,
                              .dtype = s->dtype,
                              .kv_dtype = s->dtype,
                              .q = a->q.data,
                              .k = a->kv.data,
                              .v = values,
                              .distance_bias = terms & BIASES ? a->biases.data : NULL,
                              .sinks = terms & SINKS ? a->sinks.data : NULL,
                              .q_stride = q_width,
                              .k_stride = kv_width,
                              .v_stride = kv_width,
                              .q_batch_stride = s->length * q_width,
                              .k_batch_stride = cache * kv_width,
                              .v_batch_stride = cache * kv_width,
                              .out = a->out.data,
                              .log_sum = a->log_sum.data};
}

static void free_arrays(struct arrays *a)
{
    struct array *all[] = {&a->q,   &a->kv,     &a->out,   &a->log_sum, &a->dout,  &a->dq,
                           &a->dkv, &a->biases, &a->sinks, &a->dbiases, &a->dsinks};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check_and_free(all[i]);
}

static void compare(const char *what, const char *variant, const struct shape *s, int threads, const void *fast,
                    const void *slow, enum dtype dtype, size_t count, double tolerance)
{
    for (size_t i = 0; i < count; i++) {
        double x = get(fast, dtype, i), y = get(slow, dtype, i);
        double allowed = tolerance * (1 + fabs(y)) + (dtype == DTYPE_BF16 ? fabs(y) / 128 : 0);
        ck_assert_msg(fabs(x - y) <= allowed,
                      "%s %s[%zu] is %.9g, reference %.9g: B=%zu T=%zu S=%zu H=%zu/%zu D=%zu causal=%d window=%zu "
                      "%s size=%g softcap=%g threads=%d",
                      variant, what, i, x, y, s->batch, s->length, s->kv_length, s->heads, s->kv_heads, s->head_dim,
                      s->causal, s->window, s->dtype == DTYPE_BF16 ? "bf16" : "f32", s->size, s->softcap, threads);
    }
}

/* Sums' rounding grows with the size of what is summed. */
static double tolerance_of(const struct shape *s)
{
    return 1e-5 * (1 + s->size * s->size);
}

static void check_forward(const struct attention_kernels *kernels, const struct shape *s, struct attention *a,
                          const struct arrays *fast, const struct arrays *slow, int threads)
{
    struct array workspace = make(kernels->workspace(a, threads), 0);
    memset(fast->out.data, 0xFF, fast->out.bytes);
    kernels->run(a, workspace.data, threads);
    check_and_free(&workspace);
    compare("out", kernels->name, s, threads, fast->out.data, slow->out.data, s->dtype, slow->out_count,
            tolerance_of(s));
    compare("log_sum", kernels->name, s, threads, fast->log_sum.data, slow->log_sum.data, DTYPE_F32, slow->log_count,
            tolerance_of(s));
}

static void check_backward(const struct attention_kernels *kernels, const struct shape *s,
                           const struct attention_gradient *g, const struct arrays *fast, const struct arrays *slow,
                           int threads)
{
    struct array workspace = make(kernels->gradient_workspace(g, threads), 0);
    memset(fast->dq.data, 0xFF, fast->dq.bytes);
    memset(fast->dbiases.data, 0xFF, fast->dbiases.bytes);
    memset(fast->dsinks.data, 0xFF, fast->dsinks.bytes);
    memcpy(fast->dkv.data, slow->dkv.data, slow->dkv.bytes); /* what lies between and after the rows */
    size_t size = size_of(s->dtype), width = s->kv_heads * s->head_dim;
    for (size_t b = 0; b < s->batch; b++)
        for (size_t t = 0; t < s->kv_length; t++)
            memset((char *)fast->dkv.data + (b * (s->kv_length + 3) + t) * (2 * width + 1) * size, 0xFF,
                   2 * width * size);
    kernels->gradient_run(g, workspace.data, threads);
    check_and_free(&workspace);
    double tolerance = tolerance_of(s) * 8 * (1 + s->size);
    compare("dq", kernels->name, s, threads, fast->dq.data, slow->dq.data, s->dtype, slow->q_count, tolerance);
    compare("dk or dv", kernels->name, s, threads, fast->dkv.data, slow->dkv.data, s->dtype, slow->kv_count, tolerance);
    tolerance *= 8; /* sums over all queries, of f32 that cancel */
    if (fast->terms & BIASES)
        compare("dbiases", kernels->name, s, threads, fast->dbiases.data, slow->dbiases.data, DTYPE_F32,
                slow->bias_count, tolerance);
    if (fast->terms & SINKS)
        compare("dsinks", kernels->name, s, threads, fast->dsinks.data, slow->dsinks.data, DTYPE_F32, s->heads,
                tolerance);
}

static struct attention_gradient describe_gradient(const struct shape *s, const struct attention *forward,
                                                   const struct arrays *a)
{
    return (struct attention_gradient){.forward = *forward,
                                       .dout = a->dout.data,
                                       .dq = a->dq.data,
                                       .dk = a->dkv.data,
                                       .dv = (char *)a->dkv.data + s->kv_heads * s->head_dim * size_of(s->dtype),
                                       .ddistance_bias = a->terms & BIASES ? a->dbiases.data : NULL,
                                       .dsinks = a->terms & SINKS ? a->dsinks.data : NULL};
}

static void check_shape(const struct shape *s, enum terms terms)
{
    struct arrays fast, slow;
    if (s->softcap > 0)
        terms &= SINKS;
    struct attention a = describe(s, terms, &fast), reference = describe(s, terms, &slow);
    struct attention_gradient g = describe_gradient(s, &a, &fast);
    struct attention_gradient reference_g = describe_gradient(s, &reference, &slow);
    memset(slow.dkv.data, 0, slow.dkv.bytes);
    attention_reference(&reference);
    attention_gradient_reference(&reference_g);
    g.forward.out = reference.out;
    g.forward.log_sum = reference.log_sum;
    for (int threads = 1; threads <= 4; threads++)
        for (const struct attention_kernels *const *k = attention_variants(); *k; k++) {
            check_forward(*k, s, &a, &fast, &slow, threads);
            check_backward(*k, s, &g, &fast, &slow, threads);
        }
    free_arrays(&fast);
    free_arrays(&slow);
}

static const struct shape shapes[] = {
    {1, 1, 1, 1, 1, 1, true, 0, DTYPE_F32, 1, 0, 0},
    {1, 1, 1, 1, 1, 64, true, 0, DTYPE_F32, 1, 0, 0},
    {2, 64, 64, 3, 3, 64, true, 0, DTYPE_F32, 1, 0, 0},
    {2, 64, 64, 2, 2, 64, false, 0, DTYPE_F32, 1, 1, 0},
    {1, 130, 130, 2, 1, 64, true, 0, DTYPE_F32, 1, 0, 0},
    {1, 150, 150, 2, 2, 80, false, 0, DTYPE_F32, 1, 3, 0},
    {1, 100, 100, 2, 1, 96, true, 0, DTYPE_F32, 1, 0, 0},
    {1, 70, 70, 4, 2, 128, true, 0, DTYPE_F32, 1, 0, 0},
    {1, 33, 97, 4, 1, 40, true, 0, DTYPE_F32, 1, 0, 0}, /* a chunk of prefill on a cache */
    {2, 17, 17, 3, 3, 7, true, 0, DTYPE_F32, 1, 1, 0},  /* odd */
    {1, 9, 200, 2, 1, 33, true, 0, DTYPE_F32, 1, 1, 0}, /* just tiles */
    {1, 8, 200, 2, 1, 33, true, 0, DTYPE_F32, 1, 1, 0}, /* just decoding, with AVX-512 */
    {1, 3, 70, 2, 2, 65, false, 0, DTYPE_F32, 1, 0, 0},
    {2, 1, 600, 8, 2, 64, true, 0, DTYPE_F32, 1, 0, 0}, /* decoding */
    {1, 1, 513, 5, 1, 19, true, 0, DTYPE_F32, 1, 1, 0},
    {1, 2, 300, 3, 3, 128, true, 0, DTYPE_F32, 1, 0, 0},
    {1, 140, 140, 2, 2, 16, true, 1, DTYPE_F32, 1, 0, 0}, /* windows */
    {1, 140, 140, 2, 2, 16, true, 50, DTYPE_F32, 1, 0, 0},
    {1, 140, 150, 2, 2, 16, false, 37, DTYPE_F32, 1, 0, 0},
    {1, 140, 140, 2, 1, 16, true, 1000, DTYPE_F32, 1, 0, 0},
    {1, 20, 300, 2, 1, 16, true, 64, DTYPE_F32, 1, 0, 0},
    {1, 1, 700, 4, 2, 24, true, 100, DTYPE_F32, 1, 0, 0},
    {1, 4, 700, 4, 2, 24, true, 300, DTYPE_F32, 1, 0, 0},
    {1, 90, 90, 2, 2, 32, true, 0, DTYPE_F32, 12, 0, 0}, /* scores of hundreds: weights of exactly 1 and 0 */
    {1, 1, 400, 2, 2, 32, true, 0, DTYPE_F32, 12, 0, 0},
    {1, 90, 90, 2, 2, 32, false, 0, DTYPE_F32, 0, 0, 0}, /* all scores equal */
    {2, 64, 64, 2, 2, 64, true, 0, DTYPE_BF16, 1, 0, 0},
    {1, 75, 75, 4, 2, 80, true, 0, DTYPE_BF16, 1, 1, 0},
    {1, 30, 90, 2, 1, 13, true, 20, DTYPE_BF16, 1, 1, 0},
    {2, 1, 300, 4, 1, 64, true, 0, DTYPE_BF16, 1, 0, 0},
    {1, 2, 70, 3, 1, 37, true, 0, DTYPE_BF16, 1, 1, 0},
    {1, 1, 1025, 4, 2, 24, true, 255, DTYPE_F32, 1, 0,
     0}, /* decoding: a window of less than a chunk, of one, of more */
    {1, 1, 1025, 4, 2, 24, true, 256, DTYPE_F32, 1, 0, 0},
    {2, 1, 1025, 4, 2, 24, true, 257, DTYPE_F32, 1, 0, 0},
    {1, 3, 777, 4, 2, 24, true, 1, DTYPE_F32, 1, 0, 0},
    {1, 1, 1, 1, 1, 1, true, 1, DTYPE_F32, 3, 0, 1}, /* softcaps: that bend much, and little */
    {2, 64, 64, 3, 3, 64, true, 0, DTYPE_F32, 1, 0, 1.5f},
    {1, 130, 130, 2, 1, 64, true, 33, DTYPE_F32, 3, 0, 5},
    {1, 75, 91, 4, 2, 37, true, 20, DTYPE_F32, 1, 1, 50},
    {1, 60, 60, 2, 2, 19, false, 0, DTYPE_F32, 4, 3, 4},
    {1, 90, 90, 2, 2, 32, true, 0, DTYPE_F32, 12, 0, 20}, /* most scores at the cap */
    {1, 45, 45, 4, 2, 40, true, 7, DTYPE_BF16, 1, 1, 2},
    {1, 1, 700, 4, 2, 24, true, 100, DTYPE_F32, 2, 0, 3},
    {2, 3, 333, 6, 2, 33, true, 0, DTYPE_F32, 2, 1, 3},
    {2, 1, 300, 4, 1, 64, true, 65, DTYPE_BF16, 1, 0, 2},
    {0, 4, 4, 2, 2, 8, true, 0, DTYPE_F32, 1, 0, 0}, /* empty */
    {2, 0, 0, 2, 2, 8, true, 0, DTYPE_F32, 1, 0, 0},
    {2, 0, 5, 2, 1, 8, true, 0, DTYPE_F32, 1, 0, 0},
    {1, 5, 5, 2, 1, 0, true, 0, DTYPE_F32, 1, 0, 0},
};

START_TEST(test_variants_agree_with_the_reference)
{
    bool few = trials(2) < 2; /* with both terms all of the code is met */
    if (!few || !shapes[_i].head_dim)
        check_shape(&shapes[_i], NOTHING);
    if (shapes[_i].head_dim) /* a head of nothing has no sums whose gradient could be told */
        check_shape(&shapes[_i], BOTH);
}
END_TEST

/* Random shapes, so that no size is special; the index is the seed, so a failure repeats. */
START_TEST(test_random_shapes)
{
    uint64_t key = random_key((uint64_t)_i, "shape");
    struct shape s = {.batch = 1 + random_below(key, 0, 2),
                      .kv_heads = 1 + random_below(key, 1, 2),
                      .length = 1 + random_below(key, 2, 90),
                      .head_dim = 1 + random_below(key, 3, 70),
                      .causal = random_below(key, 4, 3) > 0,
                      .window = random_below(key, 5, 3) ? 0 : 1 + random_below(key, 6, 60),
                      .dtype = random_below(key, 7, 3) ? DTYPE_F32 : DTYPE_BF16,
                      .size = random_below(key, 8, 4) ? 1 : 4,
                      .misplaced = random_below(key, 9, 4)};
    s.softcap = random_below(key, 13, 2) ? 0 : (float)(1 + random_below(key, 14, 9));
    s.heads = s.kv_heads * (1 + random_below(key, 10, 3));
    s.kv_length = s.length + (random_below(key, 11, 2) ? random_below(key, 12, 80) : 0);
    check_shape(&s, (enum terms)random_below(key, 15, BOTH + 1));
}
END_TEST

/* Σ dout·out, the scalar whose gradient dout asks for. */
static double objective(const struct attention *a, const struct arrays *arrays)
{
    double sum = 0;
    attention_reference(a);
    for (size_t i = 0; i < arrays->out_count; i++)
        sum += (double)((const float *)arrays->dout.data)[i] * ((const float *)a->out)[i];
    return sum;
}

static void check_differences(const struct attention *a, const struct arrays *arrays, float *x, const float *dx,
                              size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        float kept = x[i];
        const float step = 0x1p-7f;
        x[i] = kept + step;
        double up = objective(a, arrays);
        x[i] = kept - step;
        double down = objective(a, arrays);
        x[i] = kept;
        double slope = (up - down) / (2 * step);
        ck_assert_msg(fabs(slope - dx[i]) <= 2e-3 * (1 + fabs(slope)), "%s[%zu] is %g, differences say %g", name, i,
                      dx[i], slope);
    }
}

START_TEST(test_gradient_is_the_slope)
{
    const struct shape s = {1, 5, 7, 2, 1, 3, true, _i ? 4 : 0, DTYPE_F32, 1, 0, _i == 2 ? 1.5f : 0};
    const enum terms terms = _i == 2 ? SINKS : _i ? BOTH : NOTHING;
    for (const struct attention_kernels *const *k = attention_variants(); *k; k++) {
        struct arrays arrays;
        struct attention a = describe(&s, terms, &arrays);
        struct attention_gradient g = describe_gradient(&s, &a, &arrays);
        memset(arrays.dkv.data, 0, arrays.dkv.bytes);
        attention_reference(&a);
        struct array workspace = make((*k)->gradient_workspace(&g, 1), 0);
        (*k)->gradient_run(&g, workspace.data, 1);
        check_and_free(&workspace);
        check_differences(&a, &arrays, arrays.q.data, arrays.dq.data, arrays.q_count, "dq");
        check_differences(&a, &arrays, arrays.kv.data, arrays.dkv.data, arrays.kv_count, "dk or dv");
        if (terms & BIASES)
            check_differences(&a, &arrays, arrays.biases.data, arrays.dbiases.data, arrays.bias_count, "dbiases");
        if (terms & SINKS)
            check_differences(&a, &arrays, arrays.sinks.data, arrays.dsinks.data, s.heads, "dsinks");
        free_arrays(&arrays);
    }
}
END_TEST

/* The same bits whatever the number of threads. */
START_TEST(test_result_does_not_depend_on_threads)
{
    const struct shape all[] = {{2, 70, 70, 4, 2, 64, true, 0, DTYPE_F32, 1, 0, 0},
                                {1, 1, 1100, 4, 2, 64, true, 0, DTYPE_F32, 1, 0, 0}};
    const struct shape *s = &all[_i];
    struct arrays one, more;
    struct attention a = describe(s, BOTH, &one), b = describe(s, BOTH, &more);
    for (const struct attention_kernels *const *k = attention_variants(); *k; k++)
        for (int threads = 2; threads <= 4; threads++) {
            struct array workspace = make((*k)->workspace(&b, threads), 0);
            (*k)->run(&a, workspace.data, 1);
            (*k)->run(&b, workspace.data, threads);
            check_and_free(&workspace);
            ck_assert_mem_eq(one.out.data, more.out.data, one.out.bytes);
            ck_assert_mem_eq(one.log_sum.data, more.log_sum.data, one.log_sum.bytes);
        }
    free_arrays(&one);
    free_arrays(&more);
}
END_TEST

/* Queries of f32 against caches of other types: the same as against what the cache's rows stand for. */
START_TEST(test_caches_of_other_types)
{
    static const struct {
        enum dtype kv;
        size_t length, kv_length, head_dim;
    } rows[] = {{DTYPE_F16, 1, 300, 64}, {DTYPE_F16, 40, 90, 37},  {DTYPE_F16, 2, 70, 5},   {DTYPE_BF16, 1, 300, 64},
                {DTYPE_BF16, 33, 40, 7}, {DTYPE_Q8_0, 1, 300, 64}, {DTYPE_Q8_0, 3, 41, 32}, {DTYPE_Q8_0, 70, 130, 96}};
    struct shape s = {2, rows[_i].length, rows[_i].kv_length, 4, 2, rows[_i].head_dim, true, 0, DTYPE_F32, 1, 0, 0};
    struct arrays wide;
    struct attention a = describe(&s, BOTH, &wide);
    size_t width = s.kv_heads * s.head_dim, positions = s.batch * (s.kv_length + 3);
    size_t row_bytes = dtype_bytes(rows[_i].kv, width);
    struct array keys = make(positions * row_bytes, 2), values = make(positions * row_bytes, 2);
    float *row = wide.kv.data;
    for (size_t p = 0; p < positions; p++, row += a.k_stride)
        for (int v = 0; v < 2; v++) {
            char *cached = (char *)(v ? values : keys).data + p * row_bytes;
            for (size_t c = 0; c < width && rows[_i].kv != DTYPE_Q8_0; c++) {
                uint16_t half =
                    rows[_i].kv == DTYPE_F16 ? f32_to_f16(row[v * width + c]) : f32_to_bf16(row[v * width + c]);
                memcpy(cached + 2 * c, &half, 2);
                row[v * width + c] = rows[_i].kv == DTYPE_F16 ? f16_to_f32(half) : bf16_to_f32(half);
            }
            if (rows[_i].kv == DTYPE_Q8_0) {
                quantise_row(DTYPE_Q8_0, row + v * width, cached, width);
                dequantise_row(DTYPE_Q8_0, cached, row + v * width, width);
            }
        }
    struct arrays slow;
    struct attention reference = describe(&s, BOTH, &slow), cached = a;
    memcpy(slow.kv.data, wide.kv.data, wide.kv.bytes);
    attention_reference(&reference);
    cached.kv_dtype = rows[_i].kv;
    cached.k = keys.data;
    cached.v = values.data;
    cached.k_stride = cached.v_stride = width;
    cached.k_batch_stride = cached.v_batch_stride = (s.kv_length + 3) * width;
    for (const struct attention_kernels *const *k = attention_variants(); *k; k++)
        check_forward(*k, &s, &cached, &wide, &slow, 2);
    attention_reference(&cached);
    compare("out", "reference", &s, 1, wide.out.data, slow.out.data, DTYPE_F32, slow.out_count, 1e-6);
    check_and_free(&keys);
    check_and_free(&values);
    free_arrays(&wide);
    free_arrays(&slow);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("attention");
    TCase *tcase = tcase_create("variants");
    tcase_set_timeout(tcase, 0);
    tcase_add_loop_test(tcase, test_variants_agree_with_the_reference, 0, sizeof shapes / sizeof *shapes);
    tcase_add_loop_test(tcase, test_random_shapes, 0, trials(24));
    tcase_add_loop_test(tcase, test_gradient_is_the_slope, 0, 3);
    tcase_add_loop_test(tcase, test_caches_of_other_types, 0, 8);
    tcase_add_loop_test(tcase, test_result_does_not_depend_on_threads, 0, 2);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
