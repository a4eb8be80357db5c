/* The LSTM layer's specification: the formulas of lstm.h, sums in double precision. */
#include <math.h>

#include "models/kernels/lstm.h"

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Element j of h[t−1] Uᵀ. */
static double hidden(const struct lstm *l, size_t b, size_t t, size_t j)
{
    double sum = 0;
    for (size_t k = 0; t > 0 && k < l->units; k++)
        sum += (double)l->h[(b * l->steps + t - 1) * l->units + k] * l->u[j * l->units + k];
    return sum;
}

void lstm_reference(const struct lstm *l)
{
    for (size_t b = 0; b < l->batch; b++)
        for (size_t t = 0; t < l->steps; t++)
            for (size_t j = 0; j < l->units; j++) {
                size_t at = (b * l->steps + t) * l->units + j, gates = 4 * (at - j) + j;
                double a[4];
                for (size_t gate = 0; gate < 4; gate++)
                    a[gate] = l->x[gates + gate * l->units] + hidden(l, b, t, gate * l->units + j);
                double i = sigmoid(a[0]), f = sigmoid(a[1]), g = tanh(a[2]), o = sigmoid(a[3]);
                double c = f * (t ? l->c[at - l->units] : 0) + i * g;
                l->c[at] = (float)c;
                l->h[at] = (float)(o * tanh(c));
                const double all[4] = {i, f, g, o};
                for (size_t gate = 0; l->gates && gate < 4; gate++)
                    l->gates[gates + gate * l->units] = (float)all[gate];
            }
}

/* Everything of one unit at one step, given what comes back from the next; returns what goes to c[t−1]. */
static double unit_gradient(const struct lstm_gradient *g, size_t b, size_t t, size_t j, double dc)
{
    const struct lstm *l = &g->forward;
    size_t units = l->units, at = (b * l->steps + t) * units + j, gates = 4 * (at - j) + j;
    double dh = g->dh[at];
    for (size_t k = 0; t + 1 < l->steps && k < 4 * units; k++)
        dh += (double)g->dx[4 * (at - j) + 4 * units + k] * l->u[k * units + j];
    double i = l->gates[gates], f = l->gates[gates + units], n = l->gates[gates + 2 * units];
    double o = l->gates[gates + 3 * units], squashed = tanh(l->c[at]), before = t ? l->c[at - units] : 0;
    dc += dh * o * (1 - squashed * squashed);
    g->dx[gates] = (float)(dc * n * i * (1 - i));
    g->dx[gates + units] = (float)(dc * before * f * (1 - f));
    g->dx[gates + 2 * units] = (float)(dc * i * (1 - n * n));
    g->dx[gates + 3 * units] = (float)(dh * squashed * o * (1 - o));
    return dc * f;
}

void lstm_gradient_reference(const struct lstm_gradient *g)
{
    const struct lstm *l = &g->forward;
    size_t units = l->units, steps = l->steps;
    /* What comes back through c is carried in du's room, whose sums come last: units <= 4 · units². */
    for (size_t b = 0; b < l->batch; b++) {
        for (size_t j = 0; j < units; j++)
            g->du[j] = 0;
        for (size_t t = steps; t-- > 0;)
            for (size_t j = 0; j < units; j++)
                g->du[j] = (float)unit_gradient(g, b, t, j, g->du[j]);
    }
    for (size_t j = 0; j < 4 * units; j++)
        for (size_t k = 0; k < units; k++) {
            double sum = 0;
            for (size_t b = 0; b < l->batch; b++)
                for (size_t t = 1; t < steps; t++)
                    sum += (double)g->dx[(b * steps + t) * 4 * units + j] * l->h[(b * steps + t - 1) * units + k];
            g->du[j * units + k] = (float)sum;
        }
}
