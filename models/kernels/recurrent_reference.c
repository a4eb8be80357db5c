/* The recurrent layers' specification: the formulas of recurrent.h, sums in double precision. */
#include <math.h>

#include "models/kernels/recurrent.h"

void recurrent_reference(const struct recurrent *r)
{
    for (size_t b = 0; b < r->batch; b++)
        for (size_t t = 0; t < r->steps; t++) {
            const float *x = r->x + (b * r->steps + t) * r->units;
            float *h = r->h + (b * r->steps + t) * r->units;
            for (size_t j = 0; j < r->units; j++) {
                double sum = x[j];
                for (size_t k = 0; t > 0 && k < r->units; k++)
                    sum += (double)(h - r->units)[k] * r->u[j * r->units + k];
                h[j] = (float)(r->activation == ACTIVATION_RELU ? (sum < 0 ? 0 : sum) : tanh(sum));
            }
        }
}

void recurrent_gradient_reference(const struct recurrent_gradient *g)
{
    const struct recurrent *r = &g->forward;
    size_t units = r->units;
    for (size_t b = 0; b < r->batch; b++)
        for (size_t t = r->steps; t-- > 0;) {
            size_t at = (b * r->steps + t) * units;
            for (size_t k = 0; k < units; k++) {
                double sum = g->dh[at + k], h = r->h[at + k];
                for (size_t j = 0; t + 1 < r->steps && j < units; j++)
                    sum += (double)g->dx[at + units + j] * r->u[j * units + k];
                g->dx[at + k] = (float)(r->activation == ACTIVATION_RELU ? (h > 0 ? sum : 0) : sum * (1 - h * h));
            }
        }
    for (size_t j = 0; j < units; j++)
        for (size_t k = 0; k < units; k++) {
            double sum = 0;
            for (size_t b = 0; b < r->batch; b++)
                for (size_t t = 1; t < r->steps; t++) {
                    size_t at = (b * r->steps + t) * units;
                    sum += (double)g->dx[at + j] * r->h[at - units + k];
                }
            g->du[j * units + k] = (float)sum;
        }
}
