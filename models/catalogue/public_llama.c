/* Public models of family llama: Llama itself and its relatives. See public_models.h. */
#include "models/catalogue/public_models.h"
#include "models/families/decoder.h"
#include "models/families/llama.h"
#include "models/ops/ops.h"
#include "models/ops/rope.h"

/* ---- how rotary positions are stretched ---- */

static const struct rope llama_31 = {.kind = ROPE_LLAMA3, .factor = 8, .low = 1, .high = 4, .original_context = 8192};
static const struct rope llama_32 = {.kind = ROPE_LLAMA3, .factor = 32, .low = 1, .high = 4, .original_context = 8192};
static const struct rope gemma_3 = {.kind = ROPE_LINEAR, .factor = 8};
static const float phi_35_short[48] = {
    1.0f,  1.02f, 1.03f, 1.03f, 1.05f, 1.05f, 1.05f, 1.05f, 1.05f, 1.07f, 1.1f,  1.11f, 1.16f, 1.16f, 1.17f, 1.29f,
    1.34f, 1.68f, 1.79f, 1.82f, 1.85f, 1.88f, 1.91f, 1.94f, 1.99f, 2.02f, 2.02f, 2.02f, 2.02f, 2.02f, 2.02f, 2.03f,
    2.03f, 2.03f, 2.03f, 2.03f, 2.03f, 2.03f, 2.03f, 2.03f, 2.08f, 2.09f, 2.19f, 2.22f, 2.59f, 2.73f, 2.75f, 2.84f};
static const float phi_35_long[48] = {1.08f,  1.11f,  1.14f,  1.34f,  1.59f,  1.6f,   1.62f,  2.62f,  3.23f,  3.23f,
                                      4.79f,  7.4f,   7.7f,   9.09f,  12.2f,  17.67f, 24.46f, 28.57f, 30.42f, 30.84f,
                                      32.59f, 32.93f, 42.32f, 44.96f, 50.34f, 50.45f, 57.55f, 57.93f, 58.21f, 60.14f,
                                      62.61f, 62.62f, 62.71f, 63.14f, 63.14f, 63.77f, 63.93f, 63.96f, 63.97f, 64.03f,
                                      64.07f, 64.08f, 64.12f, 64.41f, 64.48f, 64.51f, 64.53f, 64.84f};
static const float phi_4_long[48] = {
    1.0f,         1.118320672f, 1.250641126f, 1.398617824f, 1.564103225f, 1.74916897f,  1.956131817f, 2.187582649f,
    2.446418898f, 2.735880826f, 3.059592084f, 3.421605075f, 3.826451687f, 4.279200023f, 4.785517845f, 5.351743533f,
    5.984965424f, 6.693110555f, 7.485043894f, 8.370679318f, 9.36110372f,  10.4687158f,  11.70738129f, 13.09260651f,
    14.64173252f, 16.37415215f, 18.31155283f, 20.47818807f, 22.90118105f, 25.61086418f, 28.64115884f, 32.03f,
    32.1f,        32.13f,       32.23f,       32.6f,        32.61f,       32.64f,       32.66f,       32.7f,
    32.71f,       32.93f,       32.97f,       33.28f,       33.49f,       33.5f,        44.16f,       47.77f};
static const float phi_4_short[48] = {1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f,
                                      1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f,
                                      1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f,
                                      1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f};
static const struct rope phi_35 = {.kind = ROPE_LONG,
                                   .factor = 32,
                                   .original_context = 4096,
                                   .short_factors = phi_35_short,
                                   .long_factors = phi_35_long};
static const struct rope phi_4_mini = {.kind = ROPE_LONG,
                                       .share = 0.75f,
                                       .factor = 32,
                                       .original_context = 4096,
                                       .short_factors = phi_4_short,
                                       .long_factors = phi_4_long};

/* ---- what configurations have in common ---- */

#define DECODER(name_, others, published_, layers_, hidden_, heads_, kv_heads_, head_dim_, feed_forward_, vocabulary_, \
                context, theta, epsilon_, ...)                                                                         \
    {                                                                                                                  \
        .name = name_, .aliases = others, .published = published_, .runnable = RUNS(published_), .batches = {1},       \
        .contexts = {64}, .config = {                                                                                  \
            DECODER_SHAPE(layers_, hidden_, heads_, kv_heads_, head_dim_, feed_forward_, vocabulary_, context),        \
            .rope_theta = theta,                                                                                       \
            .epsilon = epsilon_,                                                                                       \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define TIED .untied_head = false
#define UNTIED .untied_head = true
#define BIAS .projection_bias = true
#define HEADS .head_norm = HEAD_NORM_EACH
#define OLMO_2 .head_norm = HEAD_NORM_ALL, .norm_place = NORM_AFTER
#define GEMMA .norm_less_one = true, .activation = ACTIVATION_GELU_TANH, .scaled_embedding = true
#define GEMMA_2(scores)                                                                                                \
    GEMMA, .norm_place = NORM_BOTH, .window = 4096, .global_every = 2, .query_width = (scores),                        \
           .attention_softcap = 50, .logits_softcap = 30
#define GEMMA_3(near)                                                                                                  \
    GEMMA, HEADS, .norm_place = NORM_BOTH, .window = (near), .global_every = 6, .local_theta = 1e4f, .query_width = 256

/* name, others, published parameters, layers, hidden, heads, kv heads, head dim, feed-forward, vocabulary, context,
 * theta, epsilon, head, what else is different */
/* clang-format off */
static const struct family_size models[] = {
    /* Llama */
    DECODER("tinyllama-1.1b", NO_OTHER_NAME, 1100048384, 22, 2048, 32, 4, 64, 5632, 32000, 2048, 1e4f, 1e-5f, UNTIED),
    DECODER("llama-3.2-3b", NO_OTHER_NAME, 3212749824, 28, 3072, 24, 8, 128, 8192, 128256, 131072, 5e5f, 1e-5f, TIED, .rope = &llama_32),
    DECODER("llama-3-8b", ALSO("meta-llama-3-8b"), 8030261248, 32, 4096, 32, 8, 128, 14336, 128256, 8192, 5e5f, 1e-5f, UNTIED),
    DECODER("llama-3.1-8b", ALSO("meta-llama-3.1-8b"), 8030261248, 32, 4096, 32, 8, 128, 14336, 128256, 131072, 5e5f, 1e-5f, UNTIED, .rope = &llama_31),
    DECODER("llama-2-7b", NO_OTHER_NAME, 6738415616, 32, 4096, 32, 32, 128, 11008, 32000, 4096, 1e4f, 1e-5f, UNTIED),
    DECODER("llama-2-13b", NO_OTHER_NAME, 13015864320, 40, 5120, 40, 40, 128, 13824, 32000, 4096, 1e4f, 1e-5f, UNTIED),
    DECODER("llama-2-70b", NO_OTHER_NAME, 68976648192, 80, 8192, 64, 8, 128, 28672, 32000, 4096, 1e4f, 1e-5f, UNTIED),
    DECODER("llama-3-70b", ALSO("meta-llama-3-70b"), 70553706496, 80, 8192, 64, 8, 128, 28672, 128256, 8192, 5e5f, 1e-5f, UNTIED),
    DECODER("llama-3.1-70b", ALSO("meta-llama-3.1-70b", "llama-3.3-70b"), 70553706496, 80, 8192, 64, 8, 128, 28672, 128256, 131072, 5e5f, 1e-5f, UNTIED, .rope = &llama_31),
    DECODER("llama-3.1-405b", ALSO("meta-llama-3.1-405b"), 405853388800, 126, 16384, 128, 8, 128, 53248, 128256, 131072, 5e5f, 1e-5f, UNTIED, .rope = &llama_31),
    DECODER("llama-3.2-1b", NO_OTHER_NAME, 1235814400, 16, 2048, 32, 8, 64, 8192, 128256, 131072, 5e5f, 1e-5f, TIED, .rope = &llama_32),
    /* Mistral */
    DECODER("mistral-7b", ALSO("mistral-7b-v0.1", "mistral-7b-instruct-v0.1"), 7241732096, 32, 4096, 32, 8, 128, 14336, 32000, 32768, 1e4f, 1e-5f, UNTIED, .window = 4096),
    DECODER("mistral-nemo-12b", ALSO("mistral-nemo-base-2407", "mistral-nemo-instruct-2407"), 12247782400, 40, 5120, 32, 8, 128, 14336, 131072, 131072, 1e6f, 1e-5f, UNTIED),
    DECODER("mistral-small-24b", ALSO("mistral-small-24b-base-2501", "mistral-small-24b-instruct-2501"), 23572403200, 40, 5120, 32, 8, 128, 32768, 131072, 32768, 1e8f, 1e-5f, UNTIED),
    DECODER("mistral-large-123b", ALSO("mistral-large-2407", "mistral-large-instruct-2407"), 122610069504, 88, 12288, 96, 8, 128, 28672, 32768, 32768, 1e6f, 1e-5f, UNTIED),
    /* Qwen */
    DECODER("qwen2-1.5b", NO_OTHER_NAME, 1543714304, 28, 1536, 12, 2, 128, 8960, 151936, 131072, 1e6f, 1e-6f, TIED, BIAS),
    DECODER("qwen2-7b", NO_OTHER_NAME, 7615616512, 28, 3584, 28, 4, 128, 18944, 152064, 131072, 1e6f, 1e-6f, UNTIED, BIAS),
    DECODER("qwen2-72b", NO_OTHER_NAME, 72706203648, 80, 8192, 64, 8, 128, 29568, 152064, 131072, 1e6f, 1e-6f, UNTIED, BIAS),
    DECODER("qwen2.5-0.5b", NO_OTHER_NAME, 494032768, 24, 896, 14, 2, 64, 4864, 151936, 32768, 1e6f, 1e-6f, TIED, BIAS),
    DECODER("qwen2.5-1.5b", NO_OTHER_NAME, 1543714304, 28, 1536, 12, 2, 128, 8960, 151936, 131072, 1e6f, 1e-6f, TIED, BIAS),
    DECODER("qwen2.5-3b", NO_OTHER_NAME, 3085938688, 36, 2048, 16, 2, 128, 11008, 151936, 32768, 1e6f, 1e-6f, TIED, BIAS),
    DECODER("qwen2.5-7b", NO_OTHER_NAME, 7615616512, 28, 3584, 28, 4, 128, 18944, 152064, 131072, 1e6f, 1e-6f, UNTIED, BIAS),
    DECODER("qwen2.5-14b", NO_OTHER_NAME, 14770033664, 48, 5120, 40, 8, 128, 13824, 152064, 131072, 1e6f, 1e-6f, UNTIED, BIAS),
    DECODER("qwen2.5-32b", NO_OTHER_NAME, 32763876352, 64, 5120, 40, 8, 128, 27648, 152064, 131072, 1e6f, 1e-6f, UNTIED, BIAS),
    DECODER("qwen3-0.6b", NO_OTHER_NAME, 596049920, 28, 1024, 16, 8, 128, 3072, 151936, 40960, 1e6f, 1e-6f, TIED, HEADS),
    DECODER("qwen3-1.7b", NO_OTHER_NAME, 1720574976, 28, 2048, 16, 8, 128, 6144, 151936, 40960, 1e6f, 1e-6f, TIED, HEADS),
    DECODER("qwen3-4b", NO_OTHER_NAME, 4022468096, 36, 2560, 32, 8, 128, 9728, 151936, 40960, 1e6f, 1e-6f, TIED, HEADS),
    DECODER("qwen3-8b", NO_OTHER_NAME, 8190735360, 36, 4096, 32, 8, 128, 12288, 151936, 40960, 1e6f, 1e-6f, UNTIED, HEADS),
    DECODER("qwen3-32b", NO_OTHER_NAME, 32762123264, 64, 5120, 64, 8, 128, 25600, 151936, 40960, 1e6f, 1e-6f, UNTIED, HEADS),
    /* SmolLM */
    DECODER("smollm-1.7b", NO_OTHER_NAME, 1711376384, 24, 2048, 32, 32, 64, 8192, 49152, 2048, 1e4f, 1e-5f, TIED),
    DECODER("smollm2-135m", NO_OTHER_NAME, 134515008, 30, 576, 9, 3, 64, 1536, 49152, 8192, 1e5f, 1e-5f, TIED),
    DECODER("smollm2-360m", NO_OTHER_NAME, 361821120, 32, 960, 15, 5, 64, 2560, 49152, 8192, 1e5f, 1e-5f, TIED),
    DECODER("smollm2-1.7b", NO_OTHER_NAME, 1711376384, 24, 2048, 32, 32, 64, 8192, 49152, 8192, 1.3e5f, 1e-5f, TIED),
    DECODER("smollm3-3b", NO_OTHER_NAME, 3075098624, 36, 2048, 16, 4, 128, 11008, 128256, 65536, 5e6f, 1e-6f, TIED, .unplaced_every = 4),
    /* Gemma */
    DECODER("gemma-2b", NO_OTHER_NAME, 2506172416, 18, 2048, 8, 1, 256, 16384, 256000, 8192, 1e4f, 1e-6f, TIED, GEMMA),
    DECODER("gemma-7b", NO_OTHER_NAME, 8537680896, 28, 3072, 16, 16, 256, 24576, 256000, 8192, 1e4f, 1e-6f, TIED, GEMMA),
    DECODER("gemma-2-2b", NO_OTHER_NAME, 2614341888, 26, 2304, 8, 4, 256, 9216, 256000, 8192, 1e4f, 1e-6f, TIED, GEMMA_2(256)),
    DECODER("gemma-2-9b", NO_OTHER_NAME, 9241705984, 42, 3584, 16, 8, 256, 14336, 256000, 8192, 1e4f, 1e-6f, TIED, GEMMA_2(256)),
    DECODER("gemma-2-27b", NO_OTHER_NAME, 27227128320, 46, 4608, 32, 16, 128, 36864, 256000, 8192, 1e4f, 1e-6f, TIED, GEMMA_2(144)),
    DECODER("gemma-3-270m", NO_OTHER_NAME, 268098176, 18, 640, 4, 1, 256, 2048, 262144, 32768, 1e6f, 1e-6f, TIED, GEMMA_3(512)),
    DECODER("gemma-3-1b", NO_OTHER_NAME, 999885952, 26, 1152, 4, 1, 256, 6912, 262144, 32768, 1e6f, 1e-6f, TIED, GEMMA_3(512)),
    DECODER("gemma-3-4b", ALSO("gemma-3-4b-text"), 3880099328, 34, 2560, 8, 4, 256, 10240, 262144, 131072, 1e6f, 1e-6f, TIED, GEMMA_3(1024), .rope = &gemma_3),
    DECODER("gemma-3-12b", ALSO("gemma-3-12b-text"), 11765788416, 48, 3840, 16, 8, 256, 15360, 262144, 131072, 1e6f, 1e-6f, TIED, GEMMA_3(1024), .rope = &gemma_3),
    /* Phi */
    DECODER("phi-3-mini-4k", ALSO("phi-3-mini"), 3821079552, 32, 3072, 32, 32, 96, 8192, 32064, 4096, 1e4f, 1e-5f, UNTIED, .window = 2047),
    DECODER("phi-3-mini-128k", ALSO("phi-3.5-mini"), 3821079552, 32, 3072, 32, 32, 96, 8192, 32064, 131072, 1e4f, 1e-5f, UNTIED, .rope = &phi_35),
    DECODER("phi-3-medium-4k", ALSO("phi-3-medium"), 13960238080, 40, 5120, 40, 10, 128, 17920, 32064, 4096, 1e4f, 1e-5f, UNTIED),
    DECODER("phi-4", NO_OTHER_NAME, 14659507200, 40, 5120, 40, 10, 128, 17920, 100352, 16384, 2.5e5f, 1e-5f, UNTIED),
    DECODER("phi-4-mini", NO_OTHER_NAME, 3836021760, 32, 3072, 24, 8, 128, 8192, 200064, 131072, 1e4f, 1e-5f, TIED, .rope = &phi_4_mini),
    /* OLMo */
    DECODER("olmo-1b", NO_OTHER_NAME, 1176764416, 16, 2048, 16, 16, 128, 8192, 50304, 2048, 1e4f, 1e-5f, TIED, .bare_norm = true),
    DECODER("olmo-7b", NO_OTHER_NAME, 6888095744, 32, 4096, 32, 32, 128, 11008, 50304, 2048, 1e4f, 1e-5f, UNTIED, .bare_norm = true),
    DECODER("olmo-2-7b", ALSO("olmo-2-1124-7b"), 7298617344, 32, 4096, 32, 32, 128, 11008, 100352, 4096, 5e5f, 1e-6f, UNTIED, OLMO_2),
    DECODER("olmo-2-13b", ALSO("olmo-2-1124-13b"), 13716198400, 40, 5120, 40, 40, 128, 13824, 100352, 4096, 5e5f, 1e-6f, UNTIED, OLMO_2),
    /* Falcon 3; no count is published: 7455550464 by its configuration */
    DECODER("falcon3-7b", NO_OTHER_NAME, 0, 28, 3072, 12, 4, 256, 23040, 131072, 32768, 1000042, 1e-6f, UNTIED),
};
/* clang-format on */

const struct public_models public_llama = PUBLIC_MODELS(models);
