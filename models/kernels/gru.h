/* The gated recurrent unit (Cho et al. 2014) over a whole sequence in one call, formulas and gate order as PyTorch's
 * torch.nn.GRU, in which the reset gate multiplies after the product with the recurrent weights:
 *
 *     r = σ(x₁[t] + h[t−1] U₁ᵀ),   z = σ(x₂[t] + h[t−1] U₂ᵀ),   s = h[t−1] U₃ᵀ + b,   n = tanh(x₃[t] + r · s)
 *     h[t] = (1 − z) · n + z · h[t−1],   h[−1] = 0
 *
 * Time lies within batch: row = b · steps + t. Uses the OpenMP pool; allocates nothing. */
#ifndef KERNELS_GRU_H
#define KERNELS_GRU_H

#include <stddef.h>

struct gru {
    size_t batch, steps, units;
    const float *x;    /* [batch, steps, 3 · units]: input projection with all biases but b added */
    const float *u;    /* [3 · units, units]: torch's weight_hh */
    const float *bias; /* [units]: b, the last third of torch's bias_hh; NULL for 0 */
    float *h;          /* [batch, steps, units] */
    float *gates;      /* [batch, steps, 4 · units]: r, z, n, s for the gradient, or NULL */
};

size_t gru_workspace(const struct gru *gru, int threads);
void gru_run(const struct gru *gru, void *workspace, int threads);

/* Backward through time, with dh[t] here the sum of what is given and what comes back from t + 1:
 *
 *     dn = dh · (1 − z) · (1 − n²),   dz = dh · (h[t−1] − n) · z(1−z),   dr = dn · s · r(1−r)
 *     dx[t] = (dr, dz, dn),   dhidden[t] = (dr, dz, dn · r),   dh[t−1] += dh[t] · z + dhidden[t] U
 *     dU = Σ_{b,t} dhidden[t]ᵀ h[t−1],   db = Σ_{b,t} dn · r */
struct gru_gradient {
    struct gru forward; /* h and gates as gru_run left them; x unused */
    const float *dh;    /* [batch, steps, units] */
    float *dx;          /* [batch, steps, 3 · units] */
    float *dhidden;     /* [batch, steps, 3 · units]: gradient of h[t−1] Uᵀ */
    float *du;          /* [3 · units, units], overwritten */
    float *dbias;       /* [units], overwritten; or NULL */
};

size_t gru_gradient_workspace(const struct gru_gradient *gradient, int threads);
void gru_gradient_run(const struct gru_gradient *gradient, void *workspace, int threads);

void gru_reference(const struct gru *gru);
void gru_gradient_reference(const struct gru_gradient *gradient);

#endif
