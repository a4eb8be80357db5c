/* Hugging Face's `model_type`s: what a configuration of each implies. One line in the table in model_type.c, and a
 * function that outlines the tensors. Inside catalogue: config_json.c. */
#ifndef CATALOGUE_MODEL_TYPE_H
#define CATALOGUE_MODEL_TYPE_H

#include "harness/base/error.h"
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
    FEED_FORWARD_BIAS = 1 << 18,
    OUTPUT_BIAS = 1 << 19,         /* of attention's output, whatever q, k and v have */
    QKV_BIAS_BY_CONFIG = 1 << 20,  /* attention_bias: q, k and v */
    HALVED_FEED_FORWARD = 1 << 21, /* the width in the file is that of gate and up together */
    SUB_NORMS = 1 << 22,           /* also before attention's output and the feed-forward's second matrix */
    /* not of decoders alone */
    NO_HEADS = 1 << 23, /* the configuration as a whole has neither a width nor heads */
    WHOLE = 1 << 24,    /* models of pictures and text that are outlined whole */
};

/* What the file says, and beside it what the publisher's code assumes where it is silent. */
struct configuration {
    struct json_view place;              /* of what is given, for errors */
    struct json_members given, defaults; /* owned */
    const struct model_type *type;
    char class_name[SETTINGS_WORD]; /* the first of `architectures`, or "" */
    uint64_t labels;
    bool *excessive; /* a size is beyond any model's */
};

struct model_type {
    const char *name; /* as model_type has it */
    const char *gguf; /* general.architecture of its GGUF files, or NULL */
    unsigned traits;
    void (*outline)(const struct configuration *configuration, const struct settings *settings,
                    struct outline *outline); /* an outline_maker */
    const char *defaults;                     /* JSON */
};

extern const struct model_type model_types[]; /* model_types.c */
extern const size_t model_type_count;
const struct model_type *model_type_find(const char *name);

/* The names nearest to one that isn't known: "a, b or c". */
void model_type_nearest(const char *name, char *out, size_t capacity);

/* What counts of a configuration have one name each, and where they stand (config_settings.c). */
void configuration_settings(const struct configuration *configuration, struct settings *settings);

/* The member of any of these names ("a|b|c"): of what is given, then of the defaults. */
struct json_view configuration_find(const struct configuration *configuration, const char *names);
uint64_t configuration_count(const struct configuration *configuration, const char *names, uint64_t otherwise);
bool configuration_flag(const struct configuration *configuration, const char *name);
double configuration_number(const struct configuration *configuration, const char *names);
/* Does the class's name end so? */
bool configuration_class_is(const struct configuration *configuration, const char *tail);

/* A size within 2^30, as outlines take it: two multiplied stay in 64 bits, and anything larger is noted. */
uint64_t configuration_size(const struct configuration *configuration, const char *names, uint64_t otherwise);
/* The numbers of a list, at most `capacity` of them; returns how many. */
size_t configuration_list(const struct configuration *configuration, const char *names, uint64_t *out, size_t capacity);
bool configuration_word_is(const struct configuration *configuration, const char *name, const char *word);
/* The object of that name within a configuration, with its defaults: to be freed. */
bool configuration_part(const struct configuration *whole, const char *name, struct configuration *part,
                        struct error *error);
void configuration_free(struct configuration *configuration);

/* How an outline is made of a configuration whose settings are read. In outline_*.c, by kind. */
typedef void outline_maker(const struct configuration *configuration, const struct settings *settings,
                           struct outline *outline);
outline_maker outline_decoder;
outline_maker outline_falcon;
outline_maker outline_lfm2;
outline_maker outline_mamba;
outline_maker outline_encoder;
outline_maker outline_modernbert;
outline_maker outline_vit;
outline_maker outline_whisper;
outline_maker outline_t5;
outline_maker outline_bart;
outline_maker outline_swin;
outline_maker outline_convnext;
outline_maker outline_resnet;
outline_maker outline_regnet;
outline_maker outline_wav2vec2;
outline_maker outline_clip;
outline_maker outline_clip_text;
outline_maker outline_clip_vision;
outline_maker outline_siglip;
outline_maker outline_siglip_text;
outline_maker outline_siglip_vision;
/* Adds what a whole model of that type sees with, and what projects it to the text model's width; false where it isn't
 * known (outline_multimodal.c). */
bool outline_sight(const struct configuration *whole, const char *model_type, uint64_t text_width,
                   struct outline *outline);

#endif
