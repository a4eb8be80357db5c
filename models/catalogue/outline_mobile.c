/* The tensors of MobileNet's first version (Howard et al. 2017): a convolution, then thirteen pairs of a depthwise 3x3
 * and a 1x1, each with its batch norm, whose running statistics are buffers. */
#include "models/catalogue/model_type.h"

enum { PAIRS = 13 };

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
    if (configuration_class_is(c, "ForImageClassification"))
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, from, true);
}
