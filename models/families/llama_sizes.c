/* The ladder of llama, which suites run. The catalogue (models/catalogue/public_llama.c) has its other sizes. */
#include "models/catalogue/public_models.h"
#include "models/families/decoder.h"
#include "models/families/llama.h"

#define SHAPE(layer_count, width, query_heads, key_heads, head_width, inner, words, longest)                           \
    .layers = (layer_count), .hidden = (width), .heads = (query_heads), .kv_heads = (key_heads),                       \
    .head_dim = (head_width), .feed_forward = (inner), .vocabulary = (words), .max_context = (longest),                \
    .rope_theta = 1e4f, .epsilon = 1e-5f

static const struct family_size sizes[] = {
    {.name = "llama-15m",
     .config = {SHAPE(6, 288, 6, 6, 48, 768, 32000, 256)},
     .runnable = true,
     .batches = {4, 1},
     .contexts = {64}},
    {.name = "smollm-135m",
     .config = {SHAPE(30, 576, 9, 3, 64, 1536, 49152, 2048)},
     .published = 134515008,
     .runnable = true,
     .batches = {4, 1},
     .contexts = {64}},
    {.name = "smollm-360m",
     .config = {SHAPE(32, 960, 15, 5, 64, 2560, 49152, 2048)},
     .published = 361821120,
     .runnable = true,
     .batches = {1},
     .contexts = {64}},
};

const struct family family_llama = {
    .name = "llama",
    .task = "nlp",
    .help = "Llama decoders and their relatives: Mistral, Qwen, SmolLM, Gemma, Phi-3, OLMo 2",
    .sizes = sizes,
    .size_count = sizeof sizes / sizeof *sizes,
    .published = &public_llama,
    .modes = 1 << MODE_FORWARD | 1 << MODE_TRAIN | 1 << MODE_PREFILL | 1 << MODE_DECODE,
    .unit = "tokens/s",
    .has_context = true,
    .quantises = true,
    .optimizer = OPTIMIZER_ADAMW,
    .build = llama_build,
    .units = decoder_units};
