/* The tensors of pairs of a text's and an image's encoder: CLIP (Radford et al. 2021) and SigLIP (Zhai et al. 2023),
 * whole or one half. */
#include <string.h>

#include "models/catalogue/model_type.h"

static void add_norm(struct outline *outline, int layer, uint64_t width)
{
    outline_add_vector(outline, true, layer, width);
    outline_add_vector(outline, true, layer, width);
}

static void add_layers(const struct settings *s, struct outline *outline)
{
    uint64_t hidden = s->hidden;
    for (uint64_t i = 0; i < s->layers && i < OUTLINE_MOST_LAYERS && !outline->failed; i++) {
        int layer = (int)i;
        outline_add_attention(outline, layer, hidden, true, true);
        add_norm(outline, layer, hidden);
        outline_add_linear(outline, TENSOR_FFN_UP, layer, s->feed_forward, hidden, true);
        outline_add_linear(outline, TENSOR_FFN_DOWN, layer, hidden, s->feed_forward, true);
        add_norm(outline, layer, hidden);
    }
}

/* Words and positions, layers, a last norm. */
static void add_text(const struct settings *s, struct outline *outline)
{
    outline_add(outline, TENSOR_EMBEDDING, -1, s->vocabulary, s->hidden);
    outline_add(outline, TENSOR_FIXED, -1, s->max_context, s->hidden);
    add_layers(s, outline);
    add_norm(outline, -1, s->hidden);
}

/* Patches and positions, layers, a last norm; returns the patches. */
static uint64_t add_patches(const struct configuration *c, const struct settings *s, struct outline *outline,
                            uint64_t more_positions, bool bias)
{
    uint64_t side = configuration_size(c, "image_size", 224), patch = configuration_size(c, "patch_size", 16),
             channels = configuration_size(c, "num_channels", 3), across = patch ? side / patch : 0;
    if (side > 1 << 16 || patch > 1 << 16 || channels > 1 << 16) {
        *c->excessive = true;
        return 0;
    }
    outline_add_linear(outline, TENSOR_FIXED, -1, s->hidden, channels * patch * patch, bias);
    outline_add(outline, TENSOR_FIXED, -1, across * across + more_positions, s->hidden);
    return across * across;
}

void outline_clip_text(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    add_text(s, outline);
    if (configuration_class_is(c, "WithProjection"))
        outline_add(outline, TENSOR_MATRIX, -1, configuration_size(c, "projection_dim", 512), s->hidden);
}

void outline_clip_vision(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    outline_add_vector(outline, true, -1, s->hidden);
    add_patches(c, s, outline, 1, false);
    add_norm(outline, -1, s->hidden);
    add_layers(s, outline);
    if (!configuration_class_is(c, "ForImageClassification"))
        add_norm(outline, -1, s->hidden);
    if (configuration_class_is(c, "WithProjection"))
        outline_add(outline, TENSOR_MATRIX, -1, configuration_size(c, "projection_dim", 512), s->hidden);
    if (configuration_class_is(c, "ForImageClassification"))
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, s->hidden, true);
}

void outline_siglip_text(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    add_text(s, outline);
    outline_add_linear(outline, TENSOR_MATRIX, -1, configuration_size(c, "projection_size", s->hidden), s->hidden,
                       true);
}

/* Its head attends to all patches from one learned query. */
void outline_siglip_vision(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    struct json_view asked = configuration_find(c, "vision_use_head");
    add_patches(c, s, outline, 0, true);
    add_layers(s, outline);
    add_norm(outline, -1, s->hidden);
    if (json_view_kind(asked) == JSON_BOOLEAN && !configuration_flag(c, "vision_use_head"))
        return;
    outline_add_vector(outline, true, -1, s->hidden);
    outline_add_linear(outline, TENSOR_MATRIX, -1, 3 * s->hidden, s->hidden, true);
    outline_add_linear(outline, TENSOR_MATRIX, -1, s->hidden, s->hidden, true);
    add_norm(outline, -1, s->hidden);
    outline_add_linear(outline, TENSOR_MATRIX, -1, s->feed_forward, s->hidden, true);
    outline_add_linear(outline, TENSOR_MATRIX, -1, s->hidden, s->feed_forward, true);
}

/* Outlines the half that is described under `name`; returns its width. */
static uint64_t add_half(const struct configuration *c, const char *name, outline_maker *maker, struct outline *outline)
{
    struct configuration half;
    struct settings settings = settings_none();
    struct error error = {0};
    if (configuration_part(c, name, &half, &error)) {
        configuration_settings(&half, &settings);
        if (settings.layers > OUTLINE_MOST_LAYERS || settings.hidden > 1 << 24 || settings.feed_forward > 1 << 28 ||
            settings.vocabulary > 1 << 30 || settings.max_context > 1 << 30)
            outline->failed = true;
        else
            maker(&half, &settings, outline);
    } else {
        outline->failed = true;
    }
    configuration_free(&half);
    return settings.hidden;
}

void outline_clip(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    (void)s;
    if (configuration_class_is(c, "ForImageClassification")) {
        uint64_t width = add_half(c, "vision_config", outline_clip_vision, outline);
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, width, true);
        return;
    }
    uint64_t projected = configuration_size(c, "projection_dim", 512);
    uint64_t text = add_half(c, "text_config", outline_clip_text, outline),
             image = add_half(c, "vision_config", outline_clip_vision, outline);
    outline_add(outline, TENSOR_MATRIX, -1, projected, image);
    outline_add(outline, TENSOR_MATRIX, -1, projected, text);
    outline_add_vector(outline, true, -1, 1);
}

void outline_siglip(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    (void)s;
    if (configuration_class_is(c, "ForImageClassification")) {
        uint64_t width = add_half(c, "vision_config", outline_siglip_vision, outline);
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, width, true);
        return;
    }
    add_half(c, "text_config", outline_siglip_text, outline);
    add_half(c, "vision_config", outline_siglip_vision, outline);
    outline_add_vector(outline, true, -1, 2); /* the logits' scale and bias */
}
