/* The tensors of MobileNets, convolutions each with its batch norm, whose running statistics are buffers: the first
 * version (Howard et al. 2017) is a convolution, then thirteen pairs of a depthwise 3x3 and a 1x1; the second (Sandler
 * et al. 2018) a convolution, seventeen inverted residuals and a 1x1. */
#include <math.h>

#include "models/catalogue/model_type.h"

enum { PAIRS = 13 };

/* A classifier, where the model has one. */
static void add_classifier(const struct configuration *c, struct outline *outline, uint64_t width)
{
    if (configuration_class_is(c, "ForImageClassification"))
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, width, true);
}

static void add_conv_norm(struct outline *outline, uint64_t outputs, uint64_t inputs, uint64_t taps)
{
    outline_add(outline, TENSOR_FIXED, -1, outputs, inputs * taps);
    outline_add_vector(outline, true, -1, outputs);
    outline_add_vector(outline, true, -1, outputs);
}

/* `depth` channels of the whole model in this one. */
static uint64_t channels_of(const struct configuration *c, uint64_t depth)
{
    double wanted = (double)depth * configuration_number(c, "depth_multiplier");
    uint64_t least = configuration_size(c, "min_depth", 8);
    if (!(wanted >= 0 && wanted < 1 << 20)) {
        *c->excessive = true;
        return least;
    }
    return (uint64_t)wanted > least ? (uint64_t)wanted : least;
}

void outline_mobilenet_v1(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    static const bool halves[PAIRS] = {false, true,  false, true,  false, true, false,
                                       false, false, false, false, true,  false};
    (void)s;
    uint64_t depth = 32, from = channels_of(c, depth);
    add_conv_norm(outline, from, configuration_size(c, "num_channels", 3), 9);
    for (int i = 0; i < PAIRS; i++) {
        if (halves[i] || i == 0)
            depth *= 2;
        uint64_t to = channels_of(c, depth);
        add_conv_norm(outline, from, 1, 9);
        add_conv_norm(outline, to, from, 1);
        from = to;
    }
    add_classifier(c, outline, from);
}

/* ---- version 2 ---- */

/* `wanted` rounded as the configuration says: to a multiple, not below the least, and no more than a tenth down. */
static uint64_t rounded(const struct configuration *c, double wanted)
{
    uint64_t divisor = configuration_size(c, "depth_divisible_by", 8), least = configuration_size(c, "min_depth", 8);
    wanted = rint(wanted);
    if (!(wanted >= 0 && wanted < 1 << 20) || !divisor) {
        *c->excessive = true;
        return least;
    }
    uint64_t near = (uint64_t)(wanted + (double)divisor / 2) / divisor * divisor;
    if (near < least)
        near = least;
    return (double)near < 0.9 * wanted ? near + divisor : near;
}

void outline_mobilenet_v2(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    static const uint64_t depths[] = {16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320};
    double multiplier = configuration_number(c, "depth_multiplier"), ratio = configuration_number(c, "expand_ratio");
    (void)s;
    uint64_t wide = rounded(c, 32 * multiplier), from = wide;
    add_conv_norm(outline, wide, configuration_size(c, "num_channels", 3), 9);
    bool expands = !configuration_flag(c, "first_layer_is_expansion");
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++, expands = true) {
        uint64_t to = rounded(c, (double)depths[i] * multiplier);
        if (i > 0)
            wide = rounded(c, (double)from * ratio);
        if (expands)
            add_conv_norm(outline, wide, from, 1);
        add_conv_norm(outline, wide, 1, 9);
        add_conv_norm(outline, to, wide, 1);
        from = to;
    }
    bool whole = configuration_flag(c, "finegrained_output") && multiplier < 1;
    uint64_t last = whole ? 1280 : rounded(c, 1280 * multiplier);
    add_conv_norm(outline, last, from, 1);
    add_classifier(c, outline, last);
}
