/* The long short-term memory layer (Hochreiter, Schmidhuber 1997; with forget gates, Gers et al. 2000) over a whole
 * sequence in one call, formulas and gate order as PyTorch's torch.nn.LSTM. The input's part is a GEMM done beforehand:
 *
 *     a[t] = x[t] + h[t−1] Uᵀ, four parts of `units` each: i = σ(a₁), f = σ(a₂), g = tanh(a₃), o = σ(a₄)
 *     c[t] = f · c[t−1] + i · g,   h[t] = o · tanh(c[t]),   h[−1] = c[−1] = 0
 *
 * Time lies within batch: row = b · steps + t. Uses the OpenMP pool; allocates nothing. */
#ifndef KERNELS_LSTM_H
#define KERNELS_LSTM_H

#include <stddef.h>

struct lstm {
    size_t batch, steps, units;
    const float *x; /* [batch, steps, 4 · units]: input projection with both biases added */
    const float *u; /* [4 · units, units]: torch's weight_hh */
    float *h, *c;   /* [batch, steps, units] */
    float *gates;   /* [batch, steps, 4 · units]: i, f, g, o for the gradient, or NULL. May be x. */
};

size_t lstm_workspace(const struct lstm *lstm, int threads);
void lstm_run(const struct lstm *lstm, void *workspace, int threads);

/* Backward through time, with dh[t] here the sum of what is given and what comes back from t + 1:
 *
 *     dc[t] = dh[t] · o · (1 − tanh²(c[t])) + dc[t+1] · f[t+1]
 *     da = (dc · g · i(1−i), dc · c[t−1] · f(1−f), dc · i · (1−g²), dh · tanh(c) · o(1−o)),  dx = da
 *     dU = Σ_{b,t} da[t]ᵀ h[t−1] */
struct lstm_gradient {
    struct lstm forward; /* h, c and gates as lstm_run left them; x unused */
    const float *dh;     /* [batch, steps, units] */
    float *dx;           /* [batch, steps, 4 · units]; may be gates */
    float *du;           /* [4 · units, units], overwritten */
};

size_t lstm_gradient_workspace(const struct lstm_gradient *gradient, int threads);
void lstm_gradient_run(const struct lstm_gradient *gradient, void *workspace, int threads);

void lstm_reference(const struct lstm *lstm);
void lstm_gradient_reference(const struct lstm_gradient *gradient);

#endif
