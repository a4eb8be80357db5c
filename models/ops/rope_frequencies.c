/* The frequencies of rotary positions: the formulas of rope.h. */
#include <math.h>

#include "models/ops/rope.h"

static const double TURN = 6.283185307179586;

int64_t rope_rotated(const struct rope *rope, int64_t head_dim)
{
    return rope && rope->share > 0 ? (int64_t)(rope->share * (float)head_dim) : head_dim;
}

static double llama3(const struct rope *rope, double frequency)
{
    double factor = (double)rope->factor, turns = (double)rope->original_context * frequency / TURN;
    double low = (double)rope->low, high = (double)rope->high;
    if (turns < low)
        return frequency / factor;
    if (turns > high)
        return frequency;
    double smooth = (turns - low) / (high - low);
    return (1 - smooth) * frequency / factor + smooth * frequency;
}

/* The pair, as a fraction, that makes `turns` turns over the original context. */
static double pair_of_turns(const struct rope *rope, double turns, double theta, int64_t rotated)
{
    return (double)rotated * log((double)rope->original_context / (turns * TURN)) / (2 * log(theta));
}

static double yarn(const struct rope *rope, double frequency, double theta, int64_t rotated, int64_t pair)
{
    double fast = rope->beta_fast > 0 ? (double)rope->beta_fast : 32;
    double slow = rope->beta_slow > 0 ? (double)rope->beta_slow : 1;
    double first = pair_of_turns(rope, fast, theta, rotated), last = pair_of_turns(rope, slow, theta, rotated);
    double from = fmax(rope->between ? first : floor(first), 0);
    double to = fmin(rope->between ? last : ceil(last), (double)(rotated - 1));
    double width = to == from ? 0.001 : to - from;
    double ramp = fmin(fmax(((double)pair - from) / width, 0), 1);
    return frequency * (1 - ramp) + frequency / (double)rope->factor * ramp;
}

static double stretched(const struct rope *rope, double frequency, double theta, int64_t rotated, int64_t context,
                        int64_t pair)
{
    switch (rope->kind) {
    case ROPE_LINEAR:
        return frequency / (double)rope->factor;
    case ROPE_LLAMA3:
        return llama3(rope, frequency);
    case ROPE_YARN:
        return yarn(rope, frequency, theta, rotated, pair);
    case ROPE_LONG:
        return frequency /
               (double)((float)context > rope->original_context ? rope->long_factors : rope->short_factors)[pair];
    case ROPE_PLAIN:
    case ROPE_DYNAMIC:
        break;
    }
    return frequency;
}

static double dynamic_theta(const struct rope *rope, double theta, int64_t rotated, int64_t context)
{
    double factor = (double)rope->factor, reach = (double)context / (double)rope->original_context;
    if (reach <= 1 || rotated <= 2)
        return theta;
    return theta * pow(factor * reach - factor + 1, (double)rotated / (double)(rotated - 2));
}

static double attention_factor(const struct rope *rope)
{
    if (rope->kind != ROPE_YARN && rope->kind != ROPE_LONG)
        return 1;
    if (rope->attention_factor > 0)
        return (double)rope->attention_factor;
    double factor = (double)rope->factor;
    if (factor <= 1)
        return 1;
    return rope->kind == ROPE_YARN ? 0.1 * log(factor) + 1
                                   : sqrt(1 + log(factor) / log((double)rope->original_context));
}

double rope_frequencies(const struct rope *rope, double theta, int64_t rotated, int64_t context, double *frequencies)
{
    if (rope && rope->kind == ROPE_DYNAMIC)
        theta = dynamic_theta(rope, theta, rotated, context);
    for (int64_t i = 0; i < rotated / 2; i++) {
        double frequency = pow(theta, -2 * (double)i / (double)rotated);
        frequencies[i] = rope ? stretched(rope, frequency, theta, rotated, context, i) : frequency;
    }
    return rope ? attention_factor(rope) : 1;
}
