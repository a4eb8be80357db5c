/* The tensors of vision transformers (Dosovitskiy et al. 2020) and those that differ from them in a few: DeiT, BEiT,
 * DINOv2, ViT-MAE, ViT-MSN; and of spectrograms. */
#include <string.h>

#include "models/catalogue/model_type.h"

static bool is_type(const struct configuration *c, const char *name)
{
    return strcmp(c->type->name, name) == 0;
}

static void add_norm(struct outline *outline, int layer, uint64_t width)
{
    outline_add_vector(outline, true, layer, width);
    outline_add_vector(outline, true, layer, width);
}

struct vit {
    bool qkv_bias, key_bias, gated;
    uint64_t scales;              /* vectors that scale what a layer adds */
    uint64_t feed_forward, table; /* of relative positions in each layer */
};

static void add_layer(struct outline *outline, int layer, const struct settings *s, const struct vit *vit)
{
    uint64_t hidden = s->hidden;
    outline_add_attention(outline, layer, hidden, vit->qkv_bias, vit->key_bias);
    outline_add(outline, TENSOR_FIXED, layer, vit->table, s->heads);
    add_norm(outline, layer, hidden);
    outline_add_linear(outline, TENSOR_FFN_UP, layer, (vit->gated ? 2 : 1) * vit->feed_forward, hidden, true);
    outline_add_linear(outline, TENSOR_FFN_DOWN, layer, hidden, vit->feed_forward, true);
    add_norm(outline, layer, hidden);
    for (uint64_t i = 0; i < vit->scales; i++)
        outline_add_vector(outline, true, layer, hidden);
}

static struct vit read_vit(const struct configuration *c, const struct settings *s, uint64_t patches_across)
{
    bool beit = is_type(c, "beit"), dino = strncmp(c->type->name, "dinov2", 6) == 0;
    bool scaled = dino || (beit && configuration_number(c, "layer_scale_init_value") > 0);
    struct vit vit = {.qkv_bias = beit || configuration_flag(c, "qkv_bias"),
                      .scales = scaled ? 2 : 0,
                      .feed_forward = s->feed_forward};
    vit.key_bias = vit.qkv_bias && !beit;
    if (beit && configuration_flag(c, "use_relative_position_bias"))
        vit.table = (2 * patches_across - 1) * (2 * patches_across - 1) + 3;
    double ratio = configuration_number(c, "mlp_ratio");
    if (dino && ratio >= 0 && ratio < 1 << 10)
        vit.feed_forward = (uint64_t)(ratio * (double)s->hidden);
    if (dino && configuration_flag(c, "use_swiglu_ffn")) { /* two thirds, to a multiple of 8 */
        vit.gated = true;
        vit.feed_forward = (vit.feed_forward * 2 / 3 + 7) / 8 * 8;
    }
    return vit;
}

static void add_head(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    uint64_t hidden = s->hidden;
    bool classifies =
        configuration_class_is(c, "ForImageClassification") || configuration_class_is(c, "ForAudioClassification");
    if (configuration_class_is(c, "WithTeacher")) {
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, hidden, true);
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, hidden, true);
    } else if (classifies) {
        if (is_type(c, "audio-spectrogram-transformer"))
            add_norm(outline, -1, hidden);
        bool twice = strncmp(c->type->name, "dinov2", 6) == 0; /* the class token beside the patches' mean */
        outline_add_linear(outline, TENSOR_FIXED, -1, c->labels, (twice ? 2 : 1) * hidden, true);
    } else if ((is_type(c, "vit") || is_type(c, "deit")) && (!c->class_name[0] || configuration_class_is(c, "Model"))) {
        outline_add_linear(outline, TENSOR_MATRIX, -1, configuration_size(c, "pooler_output_size", hidden), hidden,
                           true);
    }
}

void outline_vit(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    uint64_t hidden = s->hidden, patch = configuration_size(c, "patch_size", 1),
             side = configuration_size(c, "image_size", 0), channels = configuration_size(c, "num_channels", 3);
    bool sound = is_type(c, "audio-spectrogram-transformer"), dino = strncmp(c->type->name, "dinov2", 6) == 0;
    uint64_t across = patch ? side / patch : 0, tokens = is_type(c, "deit") || sound ? 2 : 1, patches = across * across;
    if (sound) {
        uint64_t bins = configuration_size(c, "num_mel_bins", 128), length = configuration_size(c, "max_length", 1024),
                 down = configuration_size(c, "frequency_stride", 10), right = configuration_size(c, "time_stride", 10);
        bool right_size = bins >= patch && length >= patch && down && right;
        patches = right_size ? ((bins - patch) / down + 1) * ((length - patch) / right + 1) : 0;
        channels = 1;
    }
    const struct vit vit = read_vit(c, s, across);
    outline_add(outline, TENSOR_FIXED, -1, tokens, hidden);
    bool placed = !is_type(c, "beit") || configuration_flag(c, "use_absolute_position_embeddings");
    outline_add(outline, TENSOR_FIXED, -1, placed ? patches + tokens : 0, hidden);
    bool masked = (is_type(c, "beit") || is_type(c, "dinov2")) ? configuration_flag(c, "use_mask_token") : dino;
    outline_add_vector(outline, masked, -1, hidden);
    outline_add(outline, TENSOR_FIXED, -1, configuration_size(c, "num_register_tokens", 0), hidden);
    outline_add_linear(outline, TENSOR_FIXED, -1, hidden, channels * patch * patch, true);
    if (is_type(c, "beit") && configuration_flag(c, "use_shared_relative_position_bias"))
        outline_add(outline, TENSOR_FIXED, -1, (2 * across - 1) * (2 * across - 1) + 3, s->heads);
    for (uint64_t i = 0; i < s->layers && !outline->failed; i++)
        add_layer(outline, (int)i, s, &vit);
    add_norm(outline, -1, hidden); /* BEiT's is of the patches' mean */
    add_head(c, s, outline);
}
