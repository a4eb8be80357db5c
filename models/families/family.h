/* A family builds graphs: one file, one struct, one line in the table in family.c. */
#ifndef FAMILIES_FAMILY_H
#define FAMILIES_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/engine/case.h"
#include "models/graph/graph.h"
#include "models/ops/rope.h"

/* Sizes of every family in one struct; each family's file says which fields it reads. */
struct config {
    int64_t layers, hidden, heads, kv_heads, head_dim, feed_forward, vocabulary, max_context;
    int64_t inputs, classes;
    int64_t side, patch; /* of square images; vit: of a patch */
    int64_t frames;      /* whisper: of audio features, in its encoder */
    /* cnn: how the layers after the images are laid out; NULL: as seed-cnn's */
    int (*layers_of)(struct graph *graph, const struct config *config, int images);
    /* clip: of its text's encoder, and the width in which the two meet */
    int64_t text_layers, text_hidden, text_heads, projection;
    int64_t expansion; /* resnet: a block's outputs over its inner width */
    float layer_scale; /* convnext: what the factors of a block's result begin at */
    float rope_theta, epsilon;
    bool untied_head, projection_bias; /* llama: a head of its own; biases of the query, key and value projections */
    int head_norm;                     /* enum head_norm of queries and keys */
    /* llama's relatives. Layers that attend to the last `window` positions only: all, or all but every global_every-th;
     * these may have rotary positions of their own, of base local_theta, which aren't stretched. Every
     * unplaced_every-th layer has no positions. 0: none of these */
    int64_t window, global_every, unplaced_every;
    float local_theta;
    const struct rope *rope;                 /* ops/rope.h: how the others are stretched; NULL: not at all */
    float attention_softcap, logits_softcap; /* 0: none */
    float query_width;                       /* scores are scaled by 1/√ of it; 0: of head_dim */
    int norm_place;                          /* enum norm_place */
    bool norm_less_one, scaled_embedding;    /* gammas stored less 1; words times √hidden */
    int activation;             /* enum activation of the feed-forward; 0: as the family's first model has it */
    bool one_norm, head_bias;   /* neox: attention and feed-forward read one norm; the head has a bias */
    bool bare_norm;             /* llama: layer norms without weights in the root mean square ones' place */
    bool alibi, embedding_norm; /* gpt2: positions as a bias by distance, not learned; words are normalised */
    int64_t first_position;     /* gpt2, bert: learned positions begin at this row of their table */
    bool gated, own_tables;     /* t5: feed-forwards are gated; each layer has its own table of biases */
    int64_t source;             /* t5: tokens that the encoder reads; 0: as many as the context */
    int64_t decoder_layers;     /* whisper: where the decoder has fewer than the encoder; 0: as many */
    /* moe: experts of a layer, those that a token goes to, and whether their weights are made to sum to 1; the width of
     * a feed-forward that all tokens take besides (0: none), and whether it has a gate of its own */
    int64_t experts, chosen, shared_feed_forward;
    bool renormalise, shared_gate;
    /* moe, as DeepSeek has it: layers before the first with experts, and their feed-forward; a router of sigmoids
     * instead of a softmax, and what the chosen experts' weights are multiplied by (0: 1); attention by a latent vector
     * of key_rank (0: none; families/latent.h), heads of head_dim, rope_dim and value_dim, queries' own rank */
    int64_t dense_layers, dense_feed_forward, key_rank, query_rank, rope_dim, value_dim;
    bool sigmoid_router;
    bool no_pooler; /* bert: forward ends with the last block */
    float route_scale;
    int64_t widths[8];                /* mlp: width of each layer, 0-ended; dlrm: of those before the interaction */
    int64_t top[8];                   /* dlrm: of those after it */
    const int64_t *tables;            /* recommenders: rows of each table, 0-ended */
    const int64_t *table_widths;      /* wide-deep: width of each table's rows */
    int64_t lookups;                  /* dlrm: rows that a sample takes from each; where they differ: */
    const int64_t *lookups_of;        /* dlrm: of each table, or NULL */
    int64_t cross_layers, cross_rank; /* dlrm: crossing layers in the products' place, and their rank; 0: products */
    int64_t trees, examples;          /* classical: of a forest (0: none), and the rows that a model was trained on */
};

struct family_size {
    const char *name;           /* "gpt2-124m": unique among all families */
    const char *const *aliases; /* what publishers call it; NULL-ended, or NULL */
    const char *task;           /* beside whose models it stands, where that isn't its family's task; else NULL */
    const char *teacher;        /* the size of the same family that it is distilled from, or NULL */
    struct config config;
    uint64_t published;              /* parameters as its publisher counts them; 0: no count is published */
    const char *file;                /* the path of the model's file, of which this is; else NULL */
    struct rope rope;                /* of that file, for config.rope */
    struct stored_types stored;      /* of that file; type_of is NULL where there is none */
    bool file_weights;               /* runs with that file's weights */
    const char *tokens, *output;     /* reads these ("101,7592,102"), and writes what it computes there; or NULL */
    bool runnable;                   /* small enough to run on ordinary machines; others are planned and estimated */
    int64_t batches[4], contexts[4]; /* what suites and fit use by default; 0-ended */
};

/* Sizes that are only described, never in a suite: models/catalogue/public_models.h has them. */
struct public_models {
    const struct family_size *sizes;
    size_t count;
};

struct family {
    const char *name, *task, *help;
    const struct family_size *sizes; /* its ladder: what suites run */
    size_t size_count;
    const struct public_models *published; /* others that it builds; NULL: none */
    unsigned modes;                        /* 1 << MODE_… */
    const char *unit;                      /* "tokens/s" */
    const char *decode_unit; /* where decoding makes something else than the other modes take in; else NULL */
    bool has_context;
    bool quantises; /* its matrices may be stored by a recipe, where it isn't trained */
    bool routes;    /* its layers have experts, whose routing may be skewed */
    enum optimizer_kind optimizer;
    bool solves;     /* training is the work of ops of its own: no gradients, no optimizer */
    unsigned dtypes; /* 1 << DTYPE_…; 0: all that the engine runs */
    /* Appends the model to `graph`: for training also its loss (graph->loss). Reads one->config through *config. */
    bool (*build)(struct graph *graph, const struct config *config, const struct model_case *one, struct error *error);
    /* Units in one step. */
    double (*units)(const struct model_case *one);
};

/* Seconds of audio in a second: how many times faster than speech. Its inverse is speech's real-time factor. */
#define UNIT_AUDIO "audio_s/s"
bool unit_is_audio(const char *unit);
/* A unit as a sentence or a table says it: "tokens/s", "× real time". */
const char *unit_words(const char *unit);

/* In what the mode's speed is told. */
static inline const char *family_unit(const struct family *family, enum mode mode)
{
    return mode == MODE_DECODE && family->decode_unit ? family->decode_unit : family->unit;
}

/* Does the family run at this dtype? */
static inline bool family_has_dtype(const struct family *family, enum dtype dtype)
{
    return !family->dtypes || family->dtypes >> dtype & 1;
}

/* Is this done with the size? Distillation takes a teacher. */
static inline bool family_has_mode(const struct family *family, const struct family_size *size, enum mode mode)
{
    return family->modes >> mode & 1 && (mode != MODE_DISTILL || size->teacher);
}

/* What the size is for. */
static inline const char *family_task(const struct family *family, const struct family_size *size)
{
    return size->task ? size->task : family->task;
}

extern const struct family *const families[]; /* NULL-ended */
const struct family *family_find(const char *name);
/* The family's ladder, then the catalogue's sizes of it; NULL after the last. */
const struct family_size *family_size_at(const struct family *family, size_t index);
/* Is the size of the ladder, not the catalogue's? */
bool family_has_rung(const struct family *family, const struct family_size *size);
/* Any family's size by name or alias; *family receives its family. Case, dashes and underscores don't matter, nor does
 * a publisher before a slash or what a publisher adds for how a model was tuned ("-Instruct"). NULL when there is none.
 */
const struct family_size *family_find_size(const char *name, const struct family **family);
/* The three names or aliases that are most like `name`, of one family or (NULL) of all, as words of a sentence. */
void family_nearest_sizes(const struct family *family, const char *name, char *out, size_t capacity);

#endif
