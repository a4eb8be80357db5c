/* exp, tanh, the normal distribution and the activations on vectors (vector.h), each to 2^-22 of the true value,
 * relative or absolute, over all finite x; NaN stays NaN. At ±infinity they give their limits.
 *
 * Coefficients are weighted minimax fits of ours (iteratively reweighted least squares on Chebyshev nodes). */
#ifndef KERNELS_VECTOR_MATH_H
#define KERNELS_VECTOR_MATH_H

#include "models/kernels/gemm.h" /* enum activation */
#include "models/kernels/vector.h"

/* e^x = 2^n · e^r with n the whole number nearest x / ln 2 and |r| <= ln 2 / 2, r exact to beyond a float by taking
 * ln 2 in two parts (Cody, Waite 1980). Gives r + r²(...) = e^r − 1, to 3e-9. */
VECTOR_INLINE vector vector_exp_parts(vector x, vector *n)
{
    *n = vector_round(x * vector_set(1.44269504f));
    vector r = vector_fma(*n, vector_set(-0.693359375f), x);
    r = vector_fma(*n, vector_set(2.12194440e-4f), r);
    vector p = vector_set(0.00138145978f);
    p = vector_fma(p, r, vector_set(0.00836871696f));
    p = vector_fma(p, r, vector_set(0.0416683881f));
    p = vector_fma(p, r, vector_set(0.166665206f));
    p = vector_fma(p, r, vector_set(0.499999934f));
    return vector_fma(p * r, r, r);
}

VECTOR_INLINE vector vector_exp(vector x)
{
    vector n, p = vector_exp_parts(vector_clamp(x, -104, 89), &n);
    return vector_scale2(p + vector_set(1), n);
}

/* e^x − 1 for −58 <= x <= 0 without the cancellation: 2^n (e^r − 1) + (2^n − 1) */
VECTOR_INLINE vector vector_exp_minus_1(vector x)
{
    vector n, p = vector_exp_parts(x, &n), two_n = vector_scale2(vector_set(1), n);
    return vector_fma(p, two_n, two_n - vector_set(1));
}

/* tanh |x| = −m / (2 + m) with m = e^(−2|x|) − 1: exact relative to tanh however small x is */
VECTOR_INLINE vector vector_tanh(vector x)
{
    vector m = vector_exp_minus_1(vector_set(-2) * vector_min(vector_set(20), vector_abs(x)));
    return vector_copysign(m / (m + vector_set(2)), x);
}

VECTOR_INLINE vector vector_sigmoid(vector x)
{
    return vector_set(1) / (vector_set(1) + vector_exp(-x));
}

/* 1 − Φ(t) for t >= 0 as e^(−t²/2) · P(t), and e^(−t²/2). P, a smooth fall from 0.5 to 0.07, is fitted over [0, 5.7];
 * beyond, 1 − Φ is below 1e-8 and P's error no longer shows. */
VECTOR_INLINE vector vector_normal_tail(vector t, vector *density)
{
    *density = vector_exp(t * t * vector_set(-0.5f));
    vector u = vector_fma(vector_min(vector_set(5.7f), t), vector_set(2 / 5.7f), vector_set(-1));
    vector p = vector_set(-0.0246057412f);
    p = vector_fma(p, u, vector_set(-0.0483823689f));
    p = vector_fma(p, u, vector_set(-0.0331627853f));
    p = vector_fma(p, u, vector_set(0.0275483837f));
    p = vector_fma(p, u, vector_set(0.0170749665f));
    p = vector_fma(p, u, vector_set(0.026159298f));
    p = vector_fma(p, u, vector_set(-0.0335938238f));
    p = vector_fma(p, u, vector_set(0.0415876675f));
    p = vector_fma(p, u, vector_set(-0.0620382681f));
    p = vector_fma(p, u, vector_set(0.0835466186f));
    p = vector_fma(p, u, vector_set(-0.106326681f));
    p = vector_fma(p, u, vector_set(0.126888036f));
    return *density * p;
}

VECTOR_INLINE vector vector_relu(vector x)
{
    return vector_max(vector_zero(), x);
}

/* x · Φ(x) = max(x, 0) − |x| · (1 − Φ(|x|)) */
VECTOR_INLINE vector vector_gelu(vector x)
{
    vector t = vector_min(vector_set(14), vector_abs(x)), density;
    return vector_relu(x) - t * vector_normal_tail(t, &density);
}

/* Φ(x) + x φ(x), from d = 1 − Φ(|x|) − |x| φ(|x|), which is it for negative x */
VECTOR_INLINE vector vector_gelu_slope(vector x)
{
    vector t = vector_min(vector_set(14), vector_abs(x)), density, tail = vector_normal_tail(t, &density);
    vector d = tail - t * density * vector_set(0.398942280f);
    return vector_select(vector_less(x, vector_zero()), d, vector_set(1) - d);
}

/* e^−2z of GPT-2's gelu, 2z = 2√(2/π)(x + 0.044715x³) */
VECTOR_INLINE vector vector_gelu_tanh_exp(vector x)
{
    return vector_exp(x * vector_fma(x * x, vector_set(-0.0713548163f), vector_set(-1.59576912f)));
}

/* ½x(1 + tanh z) = x / (1 + e^−2z) */
VECTOR_INLINE vector vector_gelu_tanh(vector x)
{
    vector low = vector_max(vector_set(-12), x);
    return low / (vector_set(1) + vector_gelu_tanh_exp(low));
}

/* σ + x σ (1 − σ) 2z' with σ = 1/(1 + e), 1 − σ = eσ. Within [−7.5, 12] e is finite, and beyond the slope is 0 or 1. */
VECTOR_INLINE vector vector_gelu_tanh_slope(vector x)
{
    vector inside = vector_clamp(x, -7.5f, 12), e = vector_gelu_tanh_exp(inside);
    vector s = vector_set(1) / (vector_set(1) + e);
    vector slope = vector_fma(inside * inside, vector_set(3 * 0.0713548163f), vector_set(1.59576912f));
    return s + inside * slope * e * s * s;
}

VECTOR_INLINE vector vector_silu(vector x)
{
    vector low = vector_max(vector_set(-100), x);
    return low / (vector_set(1) + vector_exp(-low));
}

VECTOR_INLINE vector vector_silu_slope(vector x)
{
    vector inside = vector_clamp(x, -60, 60), e = vector_exp(-inside), s = vector_set(1) / (vector_set(1) + e);
    return s + inside * (e * s) * s;
}

VECTOR_INLINE vector vector_relu6(vector x)
{
    return vector_clamp(x, 0, 6);
}

VECTOR_INLINE vector vector_hard_sigmoid(vector x)
{
    return vector_clamp(vector_fma(x, vector_set(1 / 6.0f), vector_set(0.5f)), 0, 1);
}

VECTOR_INLINE vector vector_hard_swish(vector x)
{
    return vector_max(vector_set(-3), x) * vector_hard_sigmoid(x);
}

VECTOR_INLINE vector vector_hard_swish_slope(vector x)
{
    vector inside = vector_fma(x, vector_set(1 / 3.0f), vector_set(0.5f));
    vector low = vector_select(vector_above_or_nan(x, vector_set(-3)), inside, vector_zero());
    return vector_select(vector_less(x, vector_set(3)), low, vector_max(vector_set(1), vector_min(vector_set(1), x)));
}

/* x σ(1.702x); its slope is σ + 1.702x σ (1 − σ) */
VECTOR_INLINE vector vector_quick_gelu(vector x)
{
    vector low = vector_max(vector_set(-60), x);
    return low / (vector_set(1) + vector_exp(low * vector_set(-1.702f)));
}

VECTOR_INLINE vector vector_quick_gelu_slope(vector x)
{
    vector inside = vector_clamp(x, -35, 35) * vector_set(1.702f), e = vector_exp(-inside);
    vector s = vector_set(1) / (vector_set(1) + e);
    return s + inside * (e * s) * s;
}

VECTOR_INLINE vector vector_tanh_slope(vector x)
{
    vector e = vector_exp(vector_set(-2) * vector_abs(x)), s = vector_set(1) + e;
    return vector_set(4) * e / (s * s);
}

VECTOR_INLINE vector vector_sigmoid_slope(vector x)
{
    vector e = vector_exp(-vector_abs(x)), s = vector_set(1) + e;
    return e / (s * s);
}

#endif
