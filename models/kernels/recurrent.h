/* Recurrent layers over a whole sequence in one call: the input's part is a GEMM done beforehand by the caller; here
 * runs what is serial, h[t] = f(x[t] + h[t−1] Uᵀ), with U kept in cache and the activation fused.
 *
 * Layout: time within batch, as the models have it: x and h are [batch, steps, units] (row = b·steps + t).
 * Uses the OpenMP pool (sequences are independent, so the batch is split among threads); allocates nothing. */
#ifndef KERNELS_RECURRENT_H
#define KERNELS_RECURRENT_H

#include <stddef.h>

#include "models/kernels/gemm.h" /* enum activation */

struct recurrent {
    size_t batch, steps, units;
    enum activation activation; /* relu or tanh */
    const float *x;             /* [batch, steps, units]: input projection with bias already added */
    const float *u;             /* [units, units]: row j holds the weights of output unit j */
    float *h;                   /* [batch, steps, units]; h[·,−1] is 0. May be x. */
};

size_t recurrent_workspace(const struct recurrent *recurrent, int threads);
void recurrent_run(const struct recurrent *recurrent, void *workspace, int threads);

/* Backward through time: with a[t] the value before the activation and g[t] = dh[t] + da[t+1] U,
 * da[t] = g[t] · f'(h[t]) (both activations give it from h); dx = da, dU = Σ_{b,t} da[t]ᵀ h[t−1]. */
struct recurrent_gradient {
    struct recurrent forward; /* h as recurrent_run left it; x unused */
    const float *dh;          /* [batch, steps, units] */
    float *dx;                /* [batch, steps, units]; may be dh */
    float *du;                /* [units, units], overwritten */
};

size_t recurrent_gradient_workspace(const struct recurrent_gradient *gradient, int threads);
void recurrent_gradient_run(const struct recurrent_gradient *gradient, void *workspace, int threads);

void recurrent_reference(const struct recurrent *recurrent);
void recurrent_gradient_reference(const struct recurrent_gradient *gradient);

#endif
