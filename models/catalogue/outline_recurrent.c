/* The tensors of state-space models: Mamba (Gu, Dao 2023) and Mamba-2 (Dao, Gu 2024). */
#include <string.h>

#include "models/catalogue/model_type.h"

static uint64_t inner_width(const struct configuration *c, const struct settings *s)
{
    double expand = configuration_number(c, "expand");
    return expand > 0 && expand < 1024 ? (uint64_t)(expand * (double)s->hidden) : 2 * s->hidden;
}

/* A narrow step's projection, a state for each channel. */
static void add_mamba(const struct configuration *c, const struct settings *s, struct outline *outline, int layer)
{
    uint64_t inner = configuration_size(c, "intermediate_size", inner_width(c, s)),
             state = configuration_size(c, "state_size", 16),
             rank = configuration_size(c, "time_step_rank", (s->hidden + 15) / 16);
    bool bias = configuration_flag(c, "use_bias");
    outline_add(outline, TENSOR_FIXED, layer, inner, state);
    outline_add_vector(outline, true, layer, inner);
    outline_add_linear(outline, TENSOR_MATRIX, layer, 2 * inner, s->hidden, bias);
    outline_add_linear(outline, TENSOR_FIXED, layer, inner, configuration_size(c, "conv_kernel", 4),
                       configuration_flag(c, "use_conv_bias"));
    outline_add(outline, TENSOR_MATRIX, layer, rank + 2 * state, inner);
    outline_add_linear(outline, TENSOR_MATRIX, layer, inner, rank, true);
    outline_add_linear(outline, TENSOR_MATRIX, layer, s->hidden, inner, bias);
}

/* A state for each head, all inputs by one projection. */
static void add_mamba2(const struct configuration *c, const struct settings *s, struct outline *outline, int layer)
{
    uint64_t inner = inner_width(c, s), heads = configuration_size(c, "num_heads", 128),
             state = configuration_size(c, "state_size", 128), groups = configuration_size(c, "n_groups", 8),
             convolved = inner + 2 * groups * state;
    bool bias = configuration_flag(c, "use_bias");
    for (int i = 0; i < 3; i++) /* the step's bias, A, D */
        outline_add_vector(outline, true, layer, heads);
    outline_add_linear(outline, TENSOR_FIXED, layer, convolved, configuration_size(c, "conv_kernel", 4),
                       configuration_flag(c, "use_conv_bias"));
    outline_add_linear(outline, TENSOR_MATRIX, layer, inner + convolved + heads, s->hidden, bias);
    outline_add_vector(outline, true, layer, inner);
    outline_add_linear(outline, TENSOR_MATRIX, layer, s->hidden, inner, bias);
}

void outline_mamba(const struct configuration *c, const struct settings *s, struct outline *outline)
{
    bool second = strcmp(c->type->name, "mamba2") == 0;
    bool bare = c->class_name[0] && configuration_class_is(c, "Model");
    outline_add(outline, TENSOR_EMBEDDING, -1, s->vocabulary, s->hidden);
    for (uint64_t i = 0; i < s->layers && !outline->failed; i++) {
        outline_add_vector(outline, true, (int)i, s->hidden);
        (second ? add_mamba2 : add_mamba)(c, s, outline, (int)i);
    }
    outline_add_vector(outline, true, -1, s->hidden);
    if (!bare && !configuration_flag(c, "tie_word_embeddings"))
        outline_add(outline, TENSOR_HEAD, -1, s->vocabulary, s->hidden);
}
