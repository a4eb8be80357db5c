/* The GRU layer's specification: the formulas of gru.h, sums in double precision. */
#include <math.h>

#include "models/kernels/gru.h"

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Element j of h[t−1] Uᵀ. */
static double hidden(const struct gru *l, size_t b, size_t t, size_t j)
{
    double sum = 0;
    for (size_t k = 0; t > 0 && k < l->units; k++)
        sum += (double)l->h[(b * l->steps + t - 1) * l->units + k] * l->u[j * l->units + k];
    return sum;
}

void gru_reference(const struct gru *l)
{
    size_t units = l->units;
    for (size_t b = 0; b < l->batch; b++)
        for (size_t t = 0; t < l->steps; t++)
            for (size_t j = 0; j < units; j++) {
                size_t row = b * l->steps + t;
                const float *x = l->x + row * 3 * units + j;
                double r = sigmoid(x[0] + hidden(l, b, t, j));
                double z = sigmoid(x[units] + hidden(l, b, t, units + j));
                double s = hidden(l, b, t, 2 * units + j) + (l->bias ? l->bias[j] : 0);
                double n = tanh(x[2 * units] + r * s), before = t ? l->h[(row - 1) * units + j] : 0;
                l->h[row * units + j] = (float)((1 - z) * n + z * before);
                const double all[4] = {r, z, n, s};
                for (size_t gate = 0; l->gates && gate < 4; gate++)
                    l->gates[row * 4 * units + gate * units + j] = (float)all[gate];
            }
}

/* Everything of one unit at one step, given what comes back from the next; returns what goes straight to h[t−1]. */
static double unit_gradient(const struct gru_gradient *g, size_t b, size_t t, size_t j, double dh)
{
    const struct gru *l = &g->forward;
    size_t units = l->units, row = b * l->steps + t;
    dh += g->dh[row * units + j];
    for (size_t k = 0; t + 1 < l->steps && k < 3 * units; k++)
        dh += (double)g->dhidden[(row + 1) * 3 * units + k] * l->u[k * units + j];
    const float *gates = l->gates + row * 4 * units + j;
    double r = gates[0], z = gates[units], n = gates[2 * units], s = gates[3 * units];
    double before = t ? l->h[(row - 1) * units + j] : 0;
    double dn = dh * (1 - z) * (1 - n * n);
    float *dx = g->dx + row * 3 * units + j, *dhidden = g->dhidden + row * 3 * units + j;
    dx[0] = dhidden[0] = (float)(dn * s * r * (1 - r));
    dx[units] = dhidden[units] = (float)(dh * (before - n) * z * (1 - z));
    dx[2 * units] = (float)dn;
    dhidden[2 * units] = (float)(dn * r);
    return dh * z;
}

void gru_gradient_reference(const struct gru_gradient *g)
{
    const struct gru *l = &g->forward;
    size_t units = l->units, steps = l->steps;
    /* What comes back past the gates is carried in du's room, whose sums come last: units <= 3 · units². */
    for (size_t b = 0; b < l->batch; b++) {
        for (size_t j = 0; j < units; j++)
            g->du[j] = 0;
        for (size_t t = steps; t-- > 0;)
            for (size_t j = 0; j < units; j++)
                g->du[j] = (float)unit_gradient(g, b, t, j, g->du[j]);
    }
    for (size_t j = 0; j < 3 * units; j++)
        for (size_t k = 0; k < units; k++) {
            double sum = 0;
            for (size_t b = 0; b < l->batch; b++)
                for (size_t t = 1; t < steps; t++)
                    sum += (double)g->dhidden[(b * steps + t) * 3 * units + j] * l->h[(b * steps + t - 1) * units + k];
            g->du[j * units + k] = (float)sum;
        }
    for (size_t j = 0; g->dbias && j < units; j++) {
        double sum = 0;
        for (size_t row = 0; row < l->batch * steps; row++)
            sum += g->dhidden[row * 3 * units + 2 * units + j];
        g->dbias[j] = (float)sum;
    }
}
