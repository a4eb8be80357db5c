/* Public models of family whisper. See public_models.h. */
#include "models/catalogue/public_models.h"

#define SPEECH(name_, others, published_, encoder, decoder, hidden_, heads_, mel_bins, vocabulary_)                    \
    {                                                                                                                  \
        .name = name_, .aliases = others, .published = published_, .runnable = RUNS(published_), .batches = {1},       \
        .contexts = {64}, .config = {                                                                                  \
            .layers = encoder,                                                                                         \
            .decoder_layers = decoder,                                                                                 \
            .hidden = hidden_,                                                                                         \
            .heads = heads_,                                                                                           \
            .feed_forward = 4 * (hidden_),                                                                             \
            .inputs = mel_bins,                                                                                        \
            .vocabulary = vocabulary_,                                                                                 \
            .max_context = 448,                                                                                        \
            .frames = 3000,                                                                                            \
        }                                                                                                              \
    }

/* name, others, published parameters (with the encoder's fixed positions), layers of the encoder, of the decoder,
 * hidden, heads, mel bins, vocabulary */
/* clang-format off */
static const struct family_size models[] = {
    SPEECH("whisper-medium", NO_OTHER_NAME, 763857920, 24, 24, 1024, 16, 80, 51865),
    SPEECH("whisper-large-v2", NO_OTHER_NAME, 1543304960, 32, 32, 1280, 20, 80, 51865),
    SPEECH("whisper-large-v3", ALSO("whisper-large"), 1543490560, 32, 32, 1280, 20, 128, 51866),
    SPEECH("whisper-large-v3-turbo", ALSO("whisper-turbo"), 808878080, 32, 4, 1280, 20, 128, 51866),
};
/* clang-format on */

const struct public_models public_whisper = PUBLIC_MODELS(models);
