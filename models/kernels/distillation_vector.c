/* The distillation loss on vectors; built once for each instruction set. Both rows are walked in blocks that stay in
 * the first-level cache: their maxima, then their exponentials, so that memory is read once (online softmax: Milakov,
 * Gimelshein 2018). With the shifts a of the student's logits and b of the teacher's, all three sums and
 *
 *     Σ p (log p − log q) = (Σ e^{(t−b)/T} ((t−b) − (x−a)) / T) / Σ e^{(t−b)/T} + log Σ e^{(x−a)/T} − log Σ e^{(t−b)/T}
 *
 * come of one walk. */
#include "models/kernels/distillation_variants.h"
#include "models/kernels/vector_math.h"

/* 8 KiB of either row */
static const size_t block_columns = 2048;

struct sums {
    float shift_x, shift_t;
    double hard, student, teacher, distance; /* the four sums, relative to the shifts */
};

static float largest_of(const float *x, size_t count)
{
    const vector lowest = vector_set(-INFINITY);
    vector best = lowest;
    for (size_t i = 0; i < count; i += VECTOR_LANES) {
        size_t n = vector_take(count - i);
        best = vector_max(vector_select(vector_first(n), vector_load_up_to(x + i, n), lowest), best);
    }
    return vector_largest(best);
}

/* A larger maximum scales down what has been summed; the distances, measured from the shifts, move with them. */
static void move_shifts(struct sums *sums, float x, float t, double factor)
{
    if (x > sums->shift_x) {
        double by = (double)x - (double)sums->shift_x;
        sums->hard *= exp(-by);
        sums->student *= exp(-by * factor);
        sums->distance += sums->teacher > 0 ? by * factor * sums->teacher : 0;
        sums->shift_x = x;
    }
    if (t > sums->shift_t) {
        double by = (double)t - (double)sums->shift_t;
        sums->distance -= sums->teacher > 0 ? by * factor * sums->teacher : 0;
        sums->teacher *= exp(-by * factor);
        sums->distance *= exp(-by * factor);
        sums->shift_t = t;
    }
}

static void add_block(struct sums *sums, const float *x, const float *t, size_t count, float factor)
{
    const vector shift_x = vector_set(sums->shift_x), shift_t = vector_set(sums->shift_t), cool = vector_set(factor);
    vector hard = vector_zero(), student = hard, teacher = hard, distance = hard;
    for (size_t i = 0; i < count; i += VECTOR_LANES) {
        size_t n = vector_take(count - i);
        vector_mask inside = vector_first(n);
        vector a = vector_load_up_to(x + i, n) - shift_x, b = (vector_load_up_to(t + i, n) - shift_t) * cool;
        vector soft = a * cool, p = vector_select(inside, vector_exp(b), vector_zero());
        hard += vector_select(inside, vector_exp(a), vector_zero());
        student += vector_select(inside, vector_exp(soft), vector_zero());
        teacher += p;
        distance = vector_fma(p, b - soft, distance);
    }
    sums->hard += (double)vector_sum(hard);
    sums->student += (double)vector_sum(student);
    sums->teacher += (double)vector_sum(teacher);
    sums->distance += (double)vector_sum(distance);
}

static void loss(const float *x, const float *t, int32_t target, size_t columns, float temperature,
                 struct distillation_row *row)
{
    const float factor = 1 / temperature;
    struct sums sums = {.shift_x = largest_of(x, columns < block_columns ? columns : block_columns),
                        .shift_t = largest_of(t, columns < block_columns ? columns : block_columns)};
    for (size_t c = 0; c < columns; c += block_columns) {
        size_t count = columns - c < block_columns ? columns - c : block_columns;
        move_shifts(&sums, largest_of(x + c, count), largest_of(t + c, count), (double)factor);
        add_block(&sums, x + c, t + c, count, factor);
    }
    double whole = (double)sums.shift_x + log(sums.hard);
    row->log_sum = (float)whole;
    row->student_log_sum = (float)((double)(sums.shift_x * factor) + log(sums.student));
    row->teacher_log_sum = (float)((double)(sums.shift_t * factor) + log(sums.teacher));
    row->divergence = (float)(sums.distance / sums.teacher + log(sums.student) - log(sums.teacher));
    row->cross = target < 0 ? 0 : (size_t)target < columns ? (float)(whole - (double)x[target]) : NAN;
}

static void gradient(const float *x, const float *t, int32_t target, size_t columns, float temperature,
                     const struct distillation_row *row, float hard, float soft, float *dx)
{
    const vector cool = vector_set(1 / temperature), log_sum = vector_set(row->log_sum);
    const vector student = vector_set(row->student_log_sum), teacher = vector_set(row->teacher_log_sum);
    const vector hards = vector_set(target < 0 ? 0 : hard), softs = vector_set(soft);
    for (size_t i = 0; i < columns; i += VECTOR_LANES) {
        size_t n = vector_take(columns - i);
        vector a = vector_load_up_to(x + i, n), b = vector_load_up_to(t + i, n);
        vector difference = vector_exp(vector_fma(a, cool, vector_zero() - student)) -
                            vector_exp(vector_fma(b, cool, vector_zero() - teacher));
        vector_store_up_to(dx + i, vector_fma(hards, vector_exp(a - log_sum), softs * difference), n);
    }
    if (target >= 0 && (size_t)target < columns)
        dx[target] -= hard;
}

const struct distillation_kernels VECTOR_NAME(distillation_kernels) = {
    .name = VECTOR_STRING(VECTOR_SUFFIX), .loss = loss, .gradient = gradient};
