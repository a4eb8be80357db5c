/* A linear support vector machine with squared hinge loss, as liblinear and scikit-learn's LinearSVC state it:
 *
 *     f(w) = ½ ‖w‖² + C Σ_r max(0, 1 − y_r w·x_r)²,   y = −1 for label 0, +1 for label 1
 *
 * x [rows, columns]; every row is thought to end in a 1, whose weight, the last of w [columns + 1], is the bias and is
 * regularised like the others.
 *
 * f is convex and piecewise quadratic, and is minimised by Newton's method on the rows that are active, y w·x < 1
 * (Mangasarian 2002; Keerthi, DeCoste 2005: finitely many steps), with a line search. Three to ten steps are usual.
 * Dual coordinate descent (Hsieh et al. 2008) is what people mostly name, but for more rows than columns it needs
 * hundreds of passes over the data where this needs a dozen, and the rows one after the other. */
#ifndef KERNELS_SVM_H
#define KERNELS_SVM_H

#include <stddef.h>
#include <stdint.h>

struct svm_problem {
    const float *x;
    const int32_t *labels; /* 0 or 1 */
    size_t rows, columns;
    double cost; /* C */
};

/* Minimises f from w = 0; returns f(w). The result doesn't depend on the number of threads: sums are made over a fixed
 * number of ranges of rows and added in their order. */
double svm_train(const struct svm_problem *problem, float *w, void *workspace, int threads);
/* The specification: the same steps in double precision, one row after the other. */
double svm_train_reference(const struct svm_problem *problem, float *w, void *workspace);
/* Bytes that either needs, 64-byte aligned. */
size_t svm_workspace(size_t rows, size_t columns);
/* Solves square · d = −gradient for a positive definite square [count, count], of which it takes the upper triangle and
 * leaves the factor (Cholesky); gradient becomes d. */
void svm_solve(double *square, double *gradient, size_t count);
/* Where along a direction f is least: `slopes` gives f's first and second derivative at a step t. */
double svm_line_search(void (*slopes)(void *of, double t, double derivatives[2]), void *of);

/* Steps after which it ends in any case; the gradient is then usually long below this part of its first norm. */
enum { SVM_MOST_STEPS = 50 };
#define SVM_TOLERANCE 1e-6

/* ---- the loops over rows, by instruction set ---- */

struct svm_kernels {
    const char *name;
    /* u[r] = y_r (x_r · w + w[columns]) */
    void (*decide)(const float *x, const int32_t *labels, size_t rows, size_t columns, const float *w, float *u);
    /* With m = max(0, 1 − z − t u): sums[0] += Σ m u, sums[1] += Σ_{m>0} u² */
    void (*slopes)(const float *z, const float *u, float t, size_t count, double sums[2]);
    /* sum[c] += Σ_i factor[i] · x[row[i], c], sum[columns] += Σ_i factor[i] */
    void (*weighted_sum)(const float *x, size_t columns, const uint32_t *row, const float *factor, size_t count,
                         float *sum);
    /* square[i, j] += sign · Σ over the rows of a_i a_j for j >= i (what is below the diagonal isn't kept right), a
     * being the row and its 1; square [columns + 1, stride]; room: SVM_BLOCK rows of `stride` floats */
    void (*add_squares)(const float *x, size_t columns, const uint32_t *row, size_t count, float sign, float *square,
                        size_t stride, float *room);
};

enum { SVM_BLOCK = 32 };
/* Floats from a row to the next of a square or a block: columns and the 1, in whole cache lines. */
static inline size_t svm_stride(size_t columns)
{
    return (columns + 1 + 15) / 16 * 16;
}

const struct svm_kernels *svm_kernels(void);
/* Every variant that this machine can run, fastest first, the plain one last, ended by NULL. */
const struct svm_kernels *const *svm_variants(void);
extern const struct svm_kernels svm_kernels_plain;

#endif
