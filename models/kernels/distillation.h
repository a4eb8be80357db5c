/* The loss of a student that learns from a teacher (Hinton, Vinyals, Dean 2015), along one row of logits.
 *
 *   cross      −log softmax(x)[target]
 *   divergence KL(p ‖ q) = Σ p (log p − log q),  p = softmax(t / T), q = softmax(x / T)
 *
 * x the student's logits, t the teacher's, T the temperature. Each row of both is read from memory once for the loss
 * and once for the gradient. */
#ifndef KERNELS_DISTILLATION_H
#define KERNELS_DISTILLATION_H

#include <stddef.h>
#include <stdint.h>

/* What a row's loss is, and what its gradient needs again. */
struct distillation_row {
    float cross, divergence;
    float log_sum;         /* log Σ exp(x) */
    float student_log_sum; /* log Σ exp(x / T) */
    float teacher_log_sum; /* log Σ exp(t / T) */
};

struct distillation_kernels {
    const char *name;
    /* A negative target is ignored: cross is 0. One that is no column makes it NaN. */
    void (*loss)(const float *x, const float *t, int32_t target, size_t columns, float temperature,
                 struct distillation_row *row);
    /* dx = hard (softmax(x) − onehot(target)) + soft (q − p); an ignored row has the second part alone. dx may be x. */
    void (*gradient)(const float *x, const float *t, int32_t target, size_t columns, float temperature,
                     const struct distillation_row *row, float hard, float soft, float *dx);
};

const struct distillation_kernels *distillation_kernels(void);
/* Every variant that this machine can run, fastest first, the plain one last, ended by NULL. */
const struct distillation_kernels *const *distillation_variants(void);
/* The specification of the others. */
extern const struct distillation_kernels distillation_kernels_plain;

#endif
