/* Public models of family neox: GPT-NeoX, Pythia, Phi and Falcon. See public_models.h. */
#include "models/catalogue/public_models.h"
#include "models/ops/ops.h"
#include "models/ops/rope.h"

/* How much of each head turns with its position. */
static const struct rope quarter = {.kind = ROPE_PLAIN, .share = 0.25f}, half = {.kind = ROPE_PLAIN, .share = 0.5f},
                         two_fifths = {.kind = ROPE_PLAIN, .share = 0.4f};

#define DECODER(name_, others, published_, layers_, hidden_, heads_, kv_heads_, head_dim_, feed_forward_, vocabulary_, \
                context, epsilon_, ...)                                                                                \
    {                                                                                                                  \
        .name = name_, .aliases = others, .published = published_, .runnable = RUNS(published_), .batches = {1},       \
        .contexts = {64}, .config = {                                                                                  \
            DECODER_SHAPE(layers_, hidden_, heads_, kv_heads_, head_dim_, feed_forward_, vocabulary_, context),        \
            .rope_theta = 1e4f,                                                                                        \
            .epsilon = epsilon_,                                                                                       \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define PYTHIA .rope = &quarter, .untied_head = true, .projection_bias = true
#define PHI(turning)                                                                                                   \
    .rope = turning, .activation = ACTIVATION_GELU_TANH, .untied_head = true, .projection_bias = true,                 \
    .one_norm = true, .head_bias = true
#define FALCON .untied_head = false

/* name, others, published parameters, layers, hidden, heads, kv heads, head dim, feed-forward, vocabulary, context,
 * epsilon, which, what else is different */
/* clang-format off */
static const struct family_size models[] = {
    DECODER("pythia-31m", NO_OTHER_NAME, 30494720, 6, 256, 8, 8, 32, 1024, 50304, 1024, 1e-5f, PYTHIA),
    DECODER("pythia-70m", NO_OTHER_NAME, 70426624, 6, 512, 8, 8, 64, 2048, 50304, 2048, 1e-5f, PYTHIA),
    DECODER("pythia-160m", NO_OTHER_NAME, 162322944, 12, 768, 12, 12, 64, 3072, 50304, 2048, 1e-5f, PYTHIA),
    DECODER("pythia-410m", NO_OTHER_NAME, 405334016, 24, 1024, 16, 16, 64, 4096, 50304, 2048, 1e-5f, PYTHIA),
    DECODER("pythia-1b", NO_OTHER_NAME, 1011781632, 16, 2048, 8, 8, 256, 8192, 50304, 2048, 1e-5f, PYTHIA),
    DECODER("pythia-6.9b", NO_OTHER_NAME, 6857302016, 32, 4096, 32, 32, 128, 16384, 50432, 2048, 1e-5f, PYTHIA),
    DECODER("pythia-12b", NO_OTHER_NAME, 11846072320, 36, 5120, 40, 40, 128, 20480, 50688, 2048, 1e-5f, PYTHIA),
    DECODER("gpt-neox-20b", NO_OTHER_NAME, 20554567680, 44, 6144, 64, 64, 96, 24576, 50432, 2048, 1e-5f, PYTHIA, .activation = ACTIVATION_GELU_TANH),
    DECODER("phi-1.5", ALSO("phi-1_5"), 1418270720, 24, 2048, 32, 32, 64, 8192, 51200, 2048, 1e-5f, PHI(&half)),
    DECODER("phi-2", NO_OTHER_NAME, 2779683840, 32, 2560, 32, 32, 80, 10240, 51200, 2048, 1e-5f, PHI(&two_fifths)),
    DECODER("falcon-7b", NO_OTHER_NAME, 6921720704, 32, 4544, 71, 1, 64, 18176, 65024, 2048, 1e-5f, FALCON, .one_norm = true),
    DECODER("falcon-40b", NO_OTHER_NAME, 41303293952, 60, 8192, 128, 8, 64, 32768, 65024, 2048, 1e-5f, FALCON),
    DECODER("falcon-180b", NO_OTHER_NAME, 179522565120, 80, 14848, 232, 8, 64, 59392, 65024, 2048, 1e-5f, .untied_head = true),
};
/* clang-format on */

const struct public_models public_neox = PUBLIC_MODELS(models);
