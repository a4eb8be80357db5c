/* The distillation loss in plain C, in double, and the choice of its variant: see distillation.h. */
#include <math.h>

#include "models/kernels/distillation_variants.h"
#include "models/kernels/variant_table.h"

static double log_sum_exp(const float *x, size_t columns, double temperature)
{
    double largest = -INFINITY, sum = 0;
    /* Not fmax: GCC 12 for aarch64 ends with an internal error where it vectorises that. */
    for (size_t c = 0; c < columns; c++) {
        double value = (double)x[c] / temperature;
        largest = value > largest ? value : largest;
    }
    for (size_t c = 0; c < columns; c++)
        sum += exp((double)x[c] / temperature - largest);
    return largest + log(sum);
}

static void loss(const float *x, const float *t, int32_t target, size_t columns, float temperature,
                 struct distillation_row *row)
{
    const double T = (double)temperature;
    double whole = log_sum_exp(x, columns, 1), student = log_sum_exp(x, columns, T);
    double teacher = log_sum_exp(t, columns, T), divergence = 0;
    for (size_t c = 0; c < columns; c++) {
        double log_p = (double)t[c] / T - teacher, log_q = (double)x[c] / T - student;
        divergence += exp(log_p) * (log_p - log_q);
    }
    row->log_sum = (float)whole;
    row->student_log_sum = (float)student;
    row->teacher_log_sum = (float)teacher;
    row->divergence = (float)divergence;
    row->cross = target < 0 ? 0 : (size_t)target < columns ? (float)(whole - (double)x[target]) : NAN;
}

static void gradient(const float *x, const float *t, int32_t target, size_t columns, float temperature,
                     const struct distillation_row *row, float hard, float soft, float *dx)
{
    const double T = (double)temperature;
    for (size_t c = 0; c < columns; c++) {
        double q = exp((double)x[c] / T - (double)row->student_log_sum);
        double p = exp((double)t[c] / T - (double)row->teacher_log_sum), change = (double)soft * (q - p);
        if (target >= 0)
            change += (double)hard * (exp((double)x[c] - (double)row->log_sum) - ((size_t)target == c));
        dx[c] = (float)change;
    }
}

const struct distillation_kernels distillation_kernels_plain = {.name = "plain", .loss = loss, .gradient = gradient};

VARIANT_TABLE(VECTOR, distillation_kernels, distillation, distillation_kernels_)
