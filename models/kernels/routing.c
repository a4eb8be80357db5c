#include "models/kernels/routing.h"

#include <math.h>
#include <string.h>

#include "harness/base/random.h"

/* Popular experts lie anywhere among the others. A prime, so that every rank is dealt out once. */
static const uint64_t SCATTER = 2654435761;

static uint64_t rank_of(const struct routing *routing, size_t expert)
{
    return (expert * SCATTER + routing->key % routing->experts) % routing->experts;
}

void routing_factors(const struct routing *routing, double *factors)
{
    for (size_t e = 0; e < routing->experts && routing->skew > 0; e++)
        factors[e] = pow(1 + (double)rank_of(routing, e), (double)routing->skew);
}

static double score_of(const struct routing *routing, const double *factors, const float *probabilities, uint64_t place,
                       size_t expert)
{
    if (routing->skew <= 0)
        return (double)probabilities[expert];
    uint64_t bits = random_bits(routing->key, place * routing->experts + expert);
    return log(((double)(bits >> 11) + 0.5) * 0x1p-53) * factors[expert];
}

void routing_choose(const struct routing *routing, const double *factors, const float *probabilities, uint64_t place,
                    float *weights, int32_t *chosen)
{
    double best[ROUTING_MOST_EXPERTS], sum = 0;
    size_t count = 0;
    for (size_t e = 0; e < routing->experts; e++) {
        double score = score_of(routing, factors, probabilities, place, e);
        if (count == routing->chosen && !(score > best[count - 1]))
            continue;
        size_t at = count < routing->chosen ? count++ : count - 1;
        for (; at > 0 && score > best[at - 1]; at--) {
            best[at] = best[at - 1];
            chosen[at] = chosen[at - 1];
        }
        best[at] = score;
        chosen[at] = (int32_t)e;
    }
    for (size_t i = 0; i < count; i++)
        sum += (double)probabilities[chosen[i]];
    for (size_t i = 0; i < count; i++)
        weights[i] = routing->renormalise ? (float)((double)probabilities[chosen[i]] / sum) : probabilities[chosen[i]];
}

/* w = p / Σp:  dp = (dw − Σ dw·w) / Σp */
void routing_choose_gradient(const struct routing *routing, const float *probabilities, const int32_t *chosen,
                             const float *dweights, float *dprobabilities)
{
    double sum = 0, inner = 0;
    memset(dprobabilities, 0, routing->experts * sizeof *dprobabilities);
    for (size_t i = 0; i < routing->chosen; i++) {
        sum += (double)probabilities[chosen[i]];
        inner += (double)dweights[i] * (double)probabilities[chosen[i]];
    }
    for (size_t i = 0; i < routing->chosen; i++)
        dprobabilities[chosen[i]] =
            routing->renormalise ? (float)(((double)dweights[i] - inner / sum) / sum) : dweights[i];
}

void routing_sort(const int32_t *chosen, size_t count, size_t experts, int32_t *slots, int32_t *offsets)
{
    int32_t next[ROUTING_MOST_EXPERTS];
    memset(offsets, 0, (experts + 1) * sizeof *offsets);
    for (size_t i = 0; i < count; i++)
        offsets[chosen[i] + 1]++;
    for (size_t e = 0; e < experts; e++) {
        next[e] = offsets[e];
        offsets[e + 1] += offsets[e];
    }
    for (size_t i = 0; i < count; i++)
        slots[i] = next[chosen[i]]++;
}

double routing_distinct(size_t experts, size_t chosen, double rows, double skew)
{
    if (skew <= 0 || chosen >= experts || experts > ROUTING_MOST_EXPERTS)
        return (double)experts * -expm1(rows * log1p(-(double)chosen / (double)experts));
    double weight[ROUTING_MOST_EXPERTS], p[ROUTING_MOST_EXPERTS], distinct = 0;
    for (size_t r = 0; r < experts; r++) {
        weight[r] = pow(1 + (double)r, -skew);
        p[r] = 0;
    }
    for (size_t draw = 0; draw < chosen; draw++) {
        double left = 0;
        for (size_t r = 0; r < experts; r++)
            left += (1 - p[r]) * weight[r];
        for (size_t r = 0; r < experts; r++)
            p[r] += (1 - p[r]) * weight[r] / left;
    }
    for (size_t r = 0; r < experts; r++)
        distinct += p[r] < 1 ? -expm1(rows * log1p(-p[r])) : 1;
    return distinct;
}
