/* The tensors of what lets a language model see: an image's encoder, and what projects its patches among the words'
 * embeddings. LLaVA (Liu et al. 2023), Qwen2-VL (Wang et al. 2024), 2.5-VL and 3-VL, PaliGemma, Gemma 3,
 * Idefics 3, SmolVLM and Mistral Small 3.1. The text model itself is outlined as any other. */
#include <string.h>

#include "models/catalogue/model_type.h"

static uint64_t size_of(const struct configuration *c, const char *names, uint64_t otherwise)
{
    return configuration_size(c, names, otherwise);
}

static void add_norm(struct outline *outline, int layer, uint64_t width, bool bias)
{
    outline_add_vector(outline, true, layer, width);
    outline_add_vector(outline, bias, layer, width);
}

/* ---- encoders ---- */

struct tower {
    uint64_t width, layers, feed_forward, patch_elements, positions;
    bool class_token, patch_bias, first_norm; /* CLIP has the first and the last, SigLIP the one between */
};

static void add_tower(const struct tower *t, struct outline *outline)
{
    outline_add_vector(outline, t->class_token, -1, t->width);
    outline_add_linear(outline, TENSOR_FIXED, -1, t->width, t->patch_elements, t->patch_bias);
    outline_add(outline, TENSOR_FIXED, -1, t->positions, t->width);
    if (t->first_norm)
        add_norm(outline, -1, t->width, true);
    for (uint64_t i = 0; i < t->layers && !outline->failed; i++) {
        int layer = (int)i;
        outline_add_attention(outline, layer, t->width, true, true);
        add_norm(outline, layer, t->width, true);
        outline_add_linear(outline, TENSOR_FFN_UP, layer, t->feed_forward, t->width, true);
        outline_add_linear(outline, TENSOR_FFN_DOWN, layer, t->width, t->feed_forward, true);
        add_norm(outline, layer, t->width, true);
    }
    add_norm(outline, -1, t->width, true);
}

/* Returns the encoder's width. */
static uint64_t add_clip_or_siglip(const struct configuration *vision, struct outline *outline)
{
    bool clip = configuration_word_is(vision, "model_type", "clip_vision_model");
    uint64_t patch = size_of(vision, "patch_size", clip ? 32 : 16), side = size_of(vision, "image_size", 224),
             channels = size_of(vision, "num_channels", 3);
    if (patch == 0 || patch > 1 << 10 || side > 1 << 16 || channels > 1 << 10) {
        *vision->excessive = true;
        return 0;
    }
    struct tower tower = {.width = size_of(vision, "hidden_size", clip ? 768 : 1152),
                          .layers = size_of(vision, "num_hidden_layers", 12),
                          .feed_forward = size_of(vision, "intermediate_size", 3072),
                          .patch_elements = channels * patch * patch,
                          .positions = (side / patch) * (side / patch) + clip,
                          .class_token = clip,
                          .patch_bias = !clip,
                          .first_norm = clip};
    add_tower(&tower, outline);
    return tower.width;
}

static void add_qwen_vision(const struct configuration *vision, uint64_t text, bool newer, struct outline *outline)
{
    uint64_t width = size_of(vision, newer ? "hidden_size" : "embed_dim", newer ? 3584 : 1280),
             patch = size_of(vision, "patch_size", 14), deep = size_of(vision, "temporal_patch_size", 2),
             merged = size_of(vision, "spatial_merge_size", 2), channels = size_of(vision, "in_channels|in_chans", 3),
             layers = size_of(vision, "depth", 32);
    double ratio = configuration_number(vision, "mlp_ratio");
    uint64_t wide = newer ? size_of(vision, "intermediate_size", 3420)
                          : (uint64_t)((ratio > 0 && ratio < 1 << 10 ? ratio : 4) * (double)width);
    if (patch > 1 << 10 || deep > 1 << 10 || merged > 1 << 6 || channels > 1 << 10 || width > 1 << 24) {
        *vision->excessive = true;
        return;
    }
    outline_add(outline, TENSOR_FIXED, -1, width, channels * deep * patch * patch);
    for (uint64_t i = 0; i < layers && !outline->failed; i++) {
        int layer = (int)i;
        add_norm(outline, layer, width, !newer);
        add_norm(outline, layer, width, !newer);
        outline_add_linear(outline, TENSOR_QKV, layer, 3 * width, width, true);
        outline_add_linear(outline, TENSOR_ATTENTION_OUTPUT, layer, width, width, true);
        outline_add_linear(outline, TENSOR_FFN_UP, layer, wide, width, true);
        if (newer)
            outline_add_linear(outline, TENSOR_FFN_GATE, layer, wide, width, true);
        outline_add_linear(outline, TENSOR_FFN_DOWN, layer, width, wide, true);
    }
    uint64_t joined = width * merged * merged;
    add_norm(outline, -1, width, !newer);
    outline_add_linear(outline, TENSOR_MATRIX, -1, joined, joined, true);
    outline_add_linear(outline, TENSOR_MATRIX, -1, text, joined, true);
}

/* Patches and words of a position; what several layers see goes to the text model too (DeepStack). */
static void add_qwen_3_vision(const struct configuration *vision, uint64_t text, struct outline *outline)
{
    uint64_t width = size_of(vision, "hidden_size", 1152), patch = size_of(vision, "patch_size", 16),
             deep = size_of(vision, "temporal_patch_size", 2), merged = size_of(vision, "spatial_merge_size", 2),
             channels = size_of(vision, "in_channels", 3), wide = size_of(vision, "intermediate_size", 4304),
             layers = size_of(vision, "depth", 27), joined = width * merged * merged;
    struct json_view stacked = configuration_find(vision, "deepstack_visual_indexes");
    uint64_t stacks = json_view_kind(stacked) == JSON_ARRAY_VIEW ? json_view_length(stacked) : 3;
    if (patch > 1 << 10 || deep > 1 << 10 || merged > 1 << 6 || channels > 1 << 10 || width > 1 << 24 ||
        stacks > OUTLINE_MOST_LAYERS) {
        *vision->excessive = true;
        return;
    }
    outline_add_linear(outline, TENSOR_FIXED, -1, width, channels * deep * patch * patch, true);
    outline_add(outline, TENSOR_FIXED, -1, size_of(vision, "num_position_embeddings", 2304), width);
    for (uint64_t i = 0; i < layers && !outline->failed; i++) {
        int layer = (int)i;
        add_norm(outline, layer, width, true);
        add_norm(outline, layer, width, true);
        outline_add_linear(outline, TENSOR_QKV, layer, 3 * width, width, true);
        outline_add_linear(outline, TENSOR_ATTENTION_OUTPUT, layer, width, width, true);
        outline_add_linear(outline, TENSOR_FFN_UP, layer, wide, width, true);
        outline_add_linear(outline, TENSOR_FFN_DOWN, layer, width, wide, true);
    }
    for (uint64_t i = 0; i <= stacks && !outline->failed; i++) {
        add_norm(outline, -1, i ? joined : width, true);
        outline_add_linear(outline, TENSOR_MATRIX, -1, joined, joined, true);
        outline_add_linear(outline, TENSOR_MATRIX, -1, text, joined, true);
    }
}

/* Pixtral (Mistral AI 2024): no positions to learn, gated feed-forwards, no biases. */
static uint64_t add_pixtral(const struct configuration *vision, struct outline *outline)
{
    uint64_t width = size_of(vision, "hidden_size", 1024), patch = size_of(vision, "patch_size", 16),
             channels = size_of(vision, "num_channels", 3), wide = size_of(vision, "intermediate_size", 4096),
             layers = size_of(vision, "num_hidden_layers", 24);
    if (patch > 1 << 10 || channels > 1 << 10) {
        *vision->excessive = true;
        return 0;
    }
    outline_add(outline, TENSOR_FIXED, -1, width, channels * patch * patch);
    outline_add_vector(outline, true, -1, width);
    for (uint64_t i = 0; i < layers && !outline->failed; i++) {
        int layer = (int)i;
        outline_add_vector(outline, true, layer, 2 * width); /* two norms */
        outline_add(outline, TENSOR_QKV, layer, 3 * width, width);
        outline_add(outline, TENSOR_ATTENTION_OUTPUT, layer, width, width);
        outline_add(outline, TENSOR_FFN_UP, layer, 2 * wide, width);
        outline_add(outline, TENSOR_FFN_DOWN, layer, width, wide);
    }
    return width;
}

/* ---- whole models ---- */

enum projector {
    PROJECT_TWICE,    /* two linear layers */
    PROJECT_NEWLINE,  /* the same, and a vector that ends a row of patches */
    PROJECT_ONCE,     /* one with a bias */
    PROJECT_NORMED,   /* a norm, and a matrix */
    PROJECT_SHUFFLED, /* several patches side by side, and a matrix */
    PROJECT_MERGED,   /* a norm, a matrix for several patches side by side, and two linear layers */
    PROJECT_QWEN_2,
    PROJECT_QWEN_2_5,
    PROJECT_QWEN_3,
};

static void add_projector(const struct configuration *whole, enum projector kind, uint64_t width, uint64_t text,
                          struct outline *outline)
{
    struct json_view layers = configuration_find(whole, "vision_feature_layer");
    uint64_t features = json_view_kind(layers) == JSON_ARRAY_VIEW ? json_view_length(layers) : 1;
    uint64_t scale = size_of(whole, "scale_factor|spatial_merge_size", 2);
    if (features > 1 << 10 || scale > 1 << 10 || width > 1 << 24) {
        *whole->excessive = true;
        return;
    }
    bool bias = kind != PROJECT_MERGED, given;
    if (json_view_boolean(configuration_find(whole, "multimodal_projector_bias"), &given))
        bias = given;
    switch (kind) {
    case PROJECT_MERGED:
        outline_add_vector(outline, true, -1, width);
        outline_add(outline, TENSOR_MATRIX, -1, width, width * scale * scale);
        outline_add_linear(outline, TENSOR_MATRIX, -1, text, features * width, bias);
        outline_add_linear(outline, TENSOR_MATRIX, -1, text, text, bias);
        break;
    case PROJECT_NEWLINE:
        outline_add_vector(outline, true, -1, text);
        /* fall through */
    case PROJECT_TWICE:
        outline_add_linear(outline, TENSOR_MATRIX, -1, text, features * width, bias);
        outline_add_linear(outline, TENSOR_MATRIX, -1, text, text, bias);
        break;
    case PROJECT_ONCE:
        outline_add_linear(outline, TENSOR_MATRIX, -1, text, width, true);
        break;
    case PROJECT_NORMED:
        outline_add_vector(outline, true, -1, width);
        outline_add(outline, TENSOR_MATRIX, -1, text, width);
        break;
    default:
        outline_add(outline, TENSOR_MATRIX, -1, text, width * scale * scale);
    }
}

/* The encoder and the projector of one kind, from its configuration. */
static bool add_sight(const struct configuration *whole, const struct configuration *vision, enum projector kind,
                      uint64_t text, struct outline *outline)
{
    bool known = configuration_word_is(vision, "model_type", "clip_vision_model") ||
                 configuration_word_is(vision, "model_type", "siglip_vision_model") || kind == PROJECT_SHUFFLED;
    switch (kind) {
    case PROJECT_QWEN_2:
    case PROJECT_QWEN_2_5:
        add_qwen_vision(vision, text, kind == PROJECT_QWEN_2_5, outline);
        return true;
    case PROJECT_QWEN_3:
        add_qwen_3_vision(vision, text, outline);
        return true;
    case PROJECT_MERGED:
        if (configuration_word_is(vision, "model_type", "pixtral"))
            add_projector(whole, kind, add_pixtral(vision, outline), text, outline);
        return configuration_word_is(vision, "model_type", "pixtral");
    default:
        if (known)
            add_projector(whole, kind, add_clip_or_siglip(vision, outline), text, outline);
        return known;
    }
}

bool outline_sight(const struct configuration *whole, const char *model_type, uint64_t text, struct outline *outline)
{
    static const struct {
        const char *name;
        enum projector projector;
    } kinds[] = {{"llava", PROJECT_TWICE},     {"llava_next", PROJECT_NEWLINE},  {"paligemma", PROJECT_ONCE},
                 {"gemma3", PROJECT_NORMED},   {"idefics3", PROJECT_SHUFFLED},   {"smolvlm", PROJECT_SHUFFLED},
                 {"qwen2_vl", PROJECT_QWEN_2}, {"qwen2_5_vl", PROJECT_QWEN_2_5}, {"qwen3_vl", PROJECT_QWEN_3},
                 {"mistral3", PROJECT_MERGED}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct configuration vision;
        struct error error = {0};
        if (strcmp(kinds[i].name, model_type) != 0)
            continue;
        bool right = configuration_part(whole, "vision_config", &vision, &error) && vision.given.count &&
                     text <= 1 << 24 && add_sight(whole, &vision, kinds[i].projector, text, outline);
        configuration_free(&vision);
        return right;
    }
    return false;
}
