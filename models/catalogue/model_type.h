/* Hugging Face's `model_type`s: what a configuration of each implies. One line in the table in model_type.c, and a
 * function that outlines the tensors. Inside catalogue: config_json.c. */
#ifndef CATALOGUE_MODEL_TYPE_H
#define CATALOGUE_MODEL_TYPE_H

#include "models/catalogue/json_view.h"
#include "models/catalogue/outline.h"
#include "models/catalogue/settings.h"

/* Differences between decoders that are otherwise alike. */
enum decoder_trait {
    BIAS_BY_CONFIG = 1 << 0, /* attention_bias: q, k, v and output */
    QKV_BIAS = 1 << 1,       /* q, k and v always, output never */
    ALL_BIAS = 1 << 2,       /* every projection and both feed-forward matrices */
    HEAD_NORMS = 1 << 3,     /* queries and keys normalised head by head */
    WHOLE_NORMS = 1 << 4,    /* queries and keys normalised over all heads */
    FOUR_NORMS = 1 << 5,     /* also after attention and feed-forward */
    ONE_NORM = 1 << 6,       /* attention and feed-forward side by side from one norm */
    NO_NORMS = 1 << 7,       /* norms without weights */
    NORM_BIAS = 1 << 8,      /* LayerNorm */
    NOT_GATED = 1 << 9,      /* two feed-forward matrices instead of three */
    FUSED_QKV = 1 << 10,
    FUSED_GATE = 1 << 11,
    POSITIONS = 1 << 12, /* learned position embeddings */
    EMBEDDING_NORM = 1 << 13,
    LATENT_ATTENTION = 1 << 14, /* DeepSeek's MLA */
    SHARED_GATE = 1 << 15,      /* the shared expert has a gate */
    ROUTER_BIAS = 1 << 16,      /* router and experts have biases, attention has sinks */
    HEAD_BIAS = 1 << 17,
};

/* What the file says, and beside it what the publisher's code assumes where it is silent. */
struct configuration {
    struct json_view given, defaults;
    const struct model_type *type;
    char class_name[SETTINGS_WORD]; /* the first of `architectures`, or "" */
    uint64_t labels;
};

struct model_type {
    const char *name; /* as model_type has it */
    const char *gguf; /* general.architecture of its GGUF files, or NULL */
    unsigned traits;
    void (*outline)(const struct configuration *configuration, const struct settings *settings,
                    struct outline *outline);
    const char *defaults; /* JSON */
};

const struct model_type *model_type_find(const char *name);

/* The member of any of these names ("a|b|c"): of what is given, then of the defaults. */
struct json_view configuration_find(const struct configuration *configuration, const char *names);
uint64_t configuration_count(const struct configuration *configuration, const char *names, uint64_t otherwise);
bool configuration_flag(const struct configuration *configuration, const char *name);
double configuration_number(const struct configuration *configuration, const char *names);
/* Does the class's name end so? */
bool configuration_class_is(const struct configuration *configuration, const char *tail);

/* outline_decoder.c, outline_encoder.c, outline_encoder_decoder.c */
void outline_decoder(const struct configuration *configuration, const struct settings *settings,
                     struct outline *outline);
void outline_falcon(const struct configuration *configuration, const struct settings *settings,
                    struct outline *outline);
void outline_encoder(const struct configuration *configuration, const struct settings *settings,
                     struct outline *outline);
void outline_vit(const struct configuration *configuration, const struct settings *settings, struct outline *outline);
void outline_whisper(const struct configuration *configuration, const struct settings *settings,
                     struct outline *outline);
void outline_t5(const struct configuration *configuration, const struct settings *settings, struct outline *outline);

#endif
