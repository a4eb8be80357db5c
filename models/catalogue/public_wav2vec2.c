/* Public models of family wav2vec2, over ten seconds of audio. See public_models.h. */
#include "models/catalogue/public_models.h"

#define SPEECH(name_, others, published_, layers_, hidden_, heads_, norm_each_)                                        \
    {                                                                                                                  \
        .name = name_, .aliases = others, .published = published_, .runnable = RUNS(published_), .batches = {1},       \
        .config = {                                                                                                    \
            .frames = 160000,                                                                                          \
            .inputs = 512,                                                                                             \
            .layers = layers_,                                                                                         \
            .hidden = hidden_,                                                                                         \
            .heads = heads_,                                                                                           \
            .feed_forward = 4 * (hidden_),                                                                             \
            .classes = 32,                                                                                             \
            .norm_each = norm_each_                                                                                    \
        }                                                                                                              \
    }

static const struct family_size models[] = {
    SPEECH("wav2vec2-base", ALSO("hubert-base"), 94371712, 12, 768, 12, false),
    SPEECH("wav2vec2-large-lv60", NO_OTHER_NAME, 315438720, 24, 1024, 16, true),
};

const struct public_models public_wav2vec2 = PUBLIC_MODELS(models);
