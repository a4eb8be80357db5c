/* Public models as data: what each family builds besides the ladder in its own file. They are described, planned and
 * estimated, and run when they are named; no suite has them.
 *
 * A row is one model: its name here, its publisher's other names, the parameters that the publisher counts, and the
 * configuration from which the family builds a graph of exactly that count (tests/unit/test_public_models.c builds
 * every one). Shapes are the publishers' configurations'; a model that no family builds exactly isn't here. */
#ifndef CATALOGUE_PUBLIC_MODELS_H
#define CATALOGUE_PUBLIC_MODELS_H

#include "models/families/family.h"

extern const struct public_models public_bert, public_classical, public_clip, public_cnn, public_dlrm, public_gpt2,
    public_llama, public_moe, public_ncf, public_neox, public_t5, public_vit, public_whisper, public_wide_deep;

/* For the rows: other names, NULL-ended; and what a table of rows is as one struct. */
#define ALSO(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_OTHER_NAME NULL
#define PUBLIC_MODELS(rows)                                                                                            \
    {                                                                                                                  \
        rows, sizeof rows / sizeof *rows                                                                               \
    }
/* Of so many parameters (0: not known) a model runs on ordinary machines. */
#define RUNS(parameters) ((parameters) > 0 && (parameters) < 2000000000)

/* The shape of a decoder with key heads of its own. */
#define DECODER_SHAPE(layers_, hidden_, heads_, kv_heads_, head_dim_, feed_forward_, vocabulary_, context)             \
    .layers = layers_, .hidden = hidden_, .heads = heads_, .kv_heads = kv_heads_, .head_dim = head_dim_,               \
    .feed_forward = feed_forward_, .vocabulary = vocabulary_, .max_context = context

#endif
