/* Public models of family t5: T5, T5 1.1 (of whose shape FLAN-T5 is), mT5 and UMT5. See public_models.h. */
#include "models/catalogue/public_models.h"

#define TEXTS(name_, others, published_, layers_, hidden_, heads_, feed_forward_, vocabulary_, ...)                    \
    {                                                                                                                  \
        .name = name_, .aliases = others, .published = published_, .runnable = RUNS(published_), .batches = {1},       \
        .contexts = {64}, .config = {                                                                                  \
            .layers = layers_,                                                                                         \
            .hidden = hidden_,                                                                                         \
            .heads = heads_,                                                                                           \
            .feed_forward = feed_forward_,                                                                             \
            .vocabulary = vocabulary_,                                                                                 \
            .max_context = 512,                                                                                        \
            .epsilon = 1e-6f,                                                                                          \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define FIRST(head) .head_dim = head
#define SECOND .head_dim = 64, .gated = true, .untied_head = true

/* name, others, published parameters, layers of each half, hidden, heads, feed-forward, vocabulary, which */
/* clang-format off */
static const struct family_size models[] = {
    TEXTS("t5-base", NO_OTHER_NAME, 222903552, 12, 768, 12, 3072, 32128, FIRST(64)),
    TEXTS("t5-large", NO_OTHER_NAME, 737668096, 24, 1024, 16, 4096, 32128, FIRST(64)),
    TEXTS("t5-3b", NO_OTHER_NAME, 2851598336, 24, 1024, 32, 16384, 32128, FIRST(128)),
    TEXTS("t5-11b", NO_OTHER_NAME, 11307321344, 24, 1024, 128, 65536, 32128, FIRST(128)),
    TEXTS("t5-v1_1-small", ALSO("flan-t5-small"), 76961152, 8, 512, 6, 1024, 32128, SECOND),
    TEXTS("t5-v1_1-base", ALSO("flan-t5-base"), 247577856, 12, 768, 12, 2048, 32128, SECOND),
    TEXTS("t5-v1_1-large", ALSO("flan-t5-large"), 783150080, 24, 1024, 16, 2816, 32128, SECOND),
    TEXTS("t5-v1_1-xl", ALSO("flan-t5-xl"), 2849757184, 24, 2048, 32, 5120, 32128, SECOND),
    TEXTS("t5-v1_1-xxl", ALSO("flan-t5-xxl"), 11135332352, 24, 4096, 64, 10240, 32128, SECOND),
    TEXTS("mt5-small", NO_OTHER_NAME, 300176768, 8, 512, 6, 1024, 250112, SECOND),
    TEXTS("mt5-base", NO_OTHER_NAME, 582401280, 12, 768, 12, 2048, 250112, SECOND),
};
/* clang-format on */

const struct public_models public_t5 = PUBLIC_MODELS(models);
