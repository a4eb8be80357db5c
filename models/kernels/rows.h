/* Functions along rows of a matrix [rows, columns]: norms, softmax, losses, and the sums down its columns that their
 * gradients need. All f32, on the calling thread (callers split rows among threads); strides are `columns`.
 * Formulas and gradients stand at each function; the same names in PyTorch give the same numbers. */
#ifndef KERNELS_ROWS_H
#define KERNELS_ROWS_H

#include <stddef.h>
#include <stdint.h>

struct row_kernels {
    const char *name;
    /* y = (x − mean) · rstd · gamma + beta, over each row; rstd = 1/√(var + ε), var biased. mean and rstd [rows] are
     * kept for the gradient when not NULL. gamma and beta [columns] may each be NULL. (Ba, Kiros, Hinton 2016) */
    void (*layer_norm)(const float *x, const float *gamma, const float *beta, float *y, float *mean, float *rstd,
                       size_t rows, size_t columns, float epsilon);
    /* With x̂ = (x − mean)·rstd and g = dy·gamma: dx = rstd·(g − mean(g) − x̂·mean(g·x̂)) (+ dx_add, when not NULL: the
     * residual's gradient); dgamma += Σ dy·x̂, dbeta += Σ dy, accumulated over the rows of this call. gamma, dgamma and
     * dbeta may be NULL; dx may be dy or dx_add. */
    void (*layer_norm_gradient)(const float *x, const float *gamma, const float *mean, const float *rstd,
                                const float *dy, const float *dx_add, float *dx, float *dgamma, float *dbeta,
                                size_t rows, size_t columns);
    /* y = x · rstd · gamma, rstd = 1/√(mean(x²) + ε) (Zhang, Sennrich 2019) */
    void (*rms_norm)(const float *x, const float *gamma, float *y, float *rstd, size_t rows, size_t columns,
                     float epsilon);
    void (*rms_norm_gradient)(const float *x, const float *gamma, const float *rstd, const float *dy,
                              const float *dx_add, float *dx, float *dgamma, size_t rows, size_t columns);
    /* y = exp(x − max) / Σ exp(x − max) along each row; y may be x */
    void (*softmax)(const float *x, float *y, size_t rows, size_t columns);
    /* dx = y · (dy − Σ dy·y) */
    void (*softmax_gradient)(const float *y, const float *dy, float *dx, size_t rows, size_t columns);
    /* loss[r] = log Σ exp(x) − x[target[r]]; log_sum[r] = log Σ exp(x), kept for the gradient. One pass over memory.
     * A target < 0 is ignored: loss 0. One that is no column makes the loss NaN. */
    void (*cross_entropy)(const float *x, const int32_t *target, float *loss, float *log_sum, size_t rows,
                          size_t columns);
    /* dx = scale · (exp(x − log_sum) − onehot(target)), 0 for an ignored row; dx may be x */
    void (*cross_entropy_gradient)(const float *x, const int32_t *target, const float *log_sum, float scale, float *dx,
                                   size_t rows, size_t columns);
    /* sum[c] += Σ_r x[r,c]: a bias's gradient */
    void (*column_sums)(const float *x, float *sum, size_t rows, size_t columns, size_t row_stride);
    /* sum[c] += Σ_r (x[r,c] − shift[c]), square[c] += Σ_r (x[r,c] − shift[c])²: batch norm's statistics over
     * channels-last pixels. A shift near the mean keeps the variance from cancelling; NULL is 0. */
    void (*column_moments)(const float *x, const float *shift, float *sum, float *square, size_t rows, size_t columns);
    /* sum[c] += Σ_r a[r,c] · b[r,c]: the gradient of a channel's factor */
    void (*column_products)(const float *a, const float *b, float *sum, size_t rows, size_t columns);
    /* y[r,c] = x[r,c] · scale[c] + shift[c], optionally max(·, 0): batch norm applied */
    void (*column_affine)(const float *x, const float *scale, const float *shift, int relu, float *y, size_t rows,
                          size_t columns);
};

/* The fastest variant that this machine has. */
const struct row_kernels *row_kernels(void);
/* Every variant that this machine can run, fastest first, the plain one last, ended by NULL. */
const struct row_kernels *const *row_variants(void);
/* The specification of the others. */
extern const struct row_kernels row_kernels_plain;

#endif
