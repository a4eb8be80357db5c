/* Public models of family gpt2: GPT-2 itself, OPT and BLOOM. See public_models.h. */
#include "models/catalogue/public_models.h"
#include "models/ops/ops.h"

#define DECODER(name_, others, published_, layers_, hidden_, heads_, vocabulary_, context, ...)                        \
    {                                                                                                                  \
        .name = name_, .aliases = others, .published = published_, .runnable = RUNS(published_), .batches = {4, 1},    \
        .contexts = {64}, .config = {                                                                                  \
            .layers = layers_,                                                                                         \
            .hidden = hidden_,                                                                                         \
            .heads = heads_,                                                                                           \
            .vocabulary = vocabulary_,                                                                                 \
            .max_context = context,                                                                                    \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define AS_GPT2 .activation = ACTIVATION_GELU_TANH
#define AS_BLOOM .activation = ACTIVATION_GELU_TANH, .alibi = true, .embedding_norm = true
#define AS_OPT .activation = ACTIVATION_RELU, .first_position = 2

/* name, others, published parameters, layers, hidden, heads, vocabulary, context, which; the feed-forward is four times
 * as wide. Of OPT's larger sizes no exact count is published. */
/* clang-format off */
static const struct family_size models[] = {
    DECODER("gpt2-774m", ALSO("gpt2-large"), 774030080, 36, 1280, 20, 50257, 1024, AS_GPT2),
    DECODER("gpt2-1.5b", ALSO("gpt2-xl"), 1557611200, 48, 1600, 25, 50257, 1024, AS_GPT2),
    DECODER("opt-125m", NO_OTHER_NAME, 125239296, 12, 768, 12, 50272, 2048, AS_OPT),
    DECODER("opt-1.3b", NO_OTHER_NAME, 1315758080, 24, 2048, 32, 50272, 2048, AS_OPT),
    DECODER("opt-2.7b", NO_OTHER_NAME, 0, 32, 2560, 32, 50272, 2048, AS_OPT),
    DECODER("opt-6.7b", NO_OTHER_NAME, 0, 32, 4096, 32, 50272, 2048, AS_OPT),
    DECODER("opt-13b", NO_OTHER_NAME, 0, 40, 5120, 40, 50272, 2048, AS_OPT),
    DECODER("opt-30b", NO_OTHER_NAME, 0, 48, 7168, 56, 50272, 2048, AS_OPT),
    DECODER("opt-66b", NO_OTHER_NAME, 0, 64, 9216, 72, 50272, 2048, AS_OPT),
    DECODER("bloom-560m", NO_OTHER_NAME, 559214592, 24, 1024, 16, 250880, 2048, AS_BLOOM),
    DECODER("bloom-1b1", NO_OTHER_NAME, 1065314304, 24, 1536, 16, 250880, 2048, AS_BLOOM),
    DECODER("bloom-1b7", NO_OTHER_NAME, 1722408960, 24, 2048, 16, 250880, 2048, AS_BLOOM),
    DECODER("bloom-3b", NO_OTHER_NAME, 3002557440, 30, 2560, 32, 250880, 2048, AS_BLOOM),
    DECODER("bloom-7b1", NO_OTHER_NAME, 7069016064, 30, 4096, 32, 250880, 2048, AS_BLOOM),
    DECODER("bloom-176b", ALSO("bloom"), 176247271424, 70, 14336, 112, 250880, 2048, AS_BLOOM),
};
/* clang-format on */

const struct public_models public_gpt2 = PUBLIC_MODELS(models);
