/* Public models of family moe. See public_models.h. */
#include "models/catalogue/public_models.h"
#include "models/families/decoder.h"
#include "models/ops/rope.h"

#define EXPERTS(name_, others, published_, layers_, hidden_, heads_, kv_heads_, head_dim_, feed_forward_, experts_,    \
                chosen_, vocabulary_, context, theta, epsilon_, ...)                                                   \
    {                                                                                                                  \
        .name = name_, .aliases = others, .published = published_, .batches = {4, 1}, .contexts = {64}, .config = {    \
            .experts = experts_,                                                                                       \
            .chosen = chosen_,                                                                                         \
            DECODER_SHAPE(layers_, hidden_, heads_, kv_heads_, head_dim_, feed_forward_, vocabulary_, context),        \
            .rope_theta = theta,                                                                                       \
            .epsilon = epsilon_,                                                                                       \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
/* DeepSeek: rotary positions stretched, and scores scaled the more for it (their mscale, squared). */
static const struct rope deepseek = {
    .kind = ROPE_YARN, .factor = 40, .original_context = 4096, .beta_fast = 32, .beta_slow = 1, .attention_factor = 1};
#define LATENT(queries, scores)                                                                                        \
    .key_rank = 512, .query_rank = (queries), .rope_dim = 64, .value_dim = 128, .rope = &deepseek,                     \
    .query_width = (scores)
#define DENSE(layers_, width) .dense_layers = (layers_), .dense_feed_forward = (width)
#define V3                                                                                                             \
    RENORMALISED, LATENT(1536, 54.6787f), DENSE(3, 18432), .shared_feed_forward = 2048, .sigmoid_router = true,        \
                                                           .route_scale = 2.5f
/* gpt-oss: each layer but every second windowed. */
static const struct rope gpt_oss = {
    .kind = ROPE_YARN, .factor = 32, .original_context = 4096, .beta_fast = 32, .beta_slow = 1, .between = true};
#define GPT_OSS                                                                                                        \
    RENORMALISED, .projection_bias = true, .output_bias = true, .expert_bias = true, .sinks = true, .rope = &gpt_oss,  \
                  .window = 128, .global_every = 2
/* Phi-3.5-MoE. Its rotary positions are also stretched, pair by pair, which changes neither shapes nor work. */
#define PHI .projection_bias = true, .output_bias = true, .layer_norms = true, .sparse_mixer = true, .head_bias = true
#define AS_CHOSEN .renormalise = false
#define RENORMALISED .renormalise = true

/* name, others, published parameters, layers, hidden, heads, kv heads, head dim, an expert's feed-forward, experts,
 * chosen, vocabulary, context, theta, epsilon, weights of the chosen, what else is different */
/* clang-format off */
static const struct family_size models[] = {
    EXPERTS("olmoe-1b-7b", ALSO("olmoe-1b-7b-0924"), 6919161856, 16, 2048, 16, 16, 128, 1024, 64, 8, 50304, 4096, 1e4f, 1e-5f, AS_CHOSEN, .head_norm = HEAD_NORM_ALL),
    EXPERTS("qwen1.5-moe-a2.7b", NO_OTHER_NAME, 14315784192, 24, 2048, 16, 16, 128, 1408, 60, 4, 151936, 8192, 1e6f, 1e-6f, AS_CHOSEN, .projection_bias = true, .shared_feed_forward = 5632, .shared_gate = true),
    EXPERTS("qwen3-30b-a3b", NO_OTHER_NAME, 30532122624, 48, 2048, 32, 4, 128, 768, 128, 8, 151936, 40960, 1e6f, 1e-6f, RENORMALISED, .head_norm = HEAD_NORM_EACH),
    EXPERTS("qwen3-235b-a22b", NO_OTHER_NAME, 235093634560, 94, 4096, 64, 4, 128, 1536, 128, 8, 151936, 40960, 1e6f, 1e-6f, RENORMALISED, .head_norm = HEAD_NORM_EACH),
    EXPERTS("mixtral-8x7b", ALSO("mixtral-8x7b-v0.1", "mixtral-8x7b-instruct-v0.1"), 46702792704, 32, 4096, 32, 8, 128, 14336, 8, 2, 32000, 32768, 1e6f, 1e-5f, RENORMALISED),
    EXPERTS("mixtral-8x22b", ALSO("mixtral-8x22b-instruct-v0.1"), 140630071296, 56, 6144, 48, 8, 128, 16384, 8, 2, 32768, 65536, 1e6f, 1e-5f, RENORMALISED),
    EXPERTS("deepseek-v2-lite", NO_OTHER_NAME, 15706484224, 27, 2048, 16, 16, 128, 1408, 64, 6, 102400, 163840, 1e4f, 1e-6f, AS_CHOSEN, LATENT(0, 192), DENSE(1, 10944), .shared_feed_forward = 2816),
    EXPERTS("deepseek-v3", NO_OTHER_NAME, 671026419200, 61, 7168, 128, 128, 128, 2048, 256, 8, 129280, 163840, 1e4f, 1e-6f, V3),
    EXPERTS("deepseek-r1", NO_OTHER_NAME, 671026419200, 61, 7168, 128, 128, 128, 2048, 256, 8, 129280, 163840, 1e4f, 1e-6f, V3),
    EXPERTS("gpt-oss-20b", NO_OTHER_NAME, 20914757184, 24, 2880, 64, 8, 64, 2880, 32, 4, 201088, 131072, 1.5e5f, 1e-5f, GPT_OSS),
    EXPERTS("gpt-oss-120b", NO_OTHER_NAME, 116829156672, 36, 2880, 64, 8, 64, 2880, 128, 4, 201088, 131072, 1.5e5f, 1e-5f, GPT_OSS),
    EXPERTS("phi-3.5-moe", NO_OTHER_NAME, 41873153344, 32, 4096, 32, 8, 128, 6400, 16, 2, 32064, 131072, 1e4f, 1e-5f, PHI),
};
/* clang-format on */

const struct public_models public_moe = PUBLIC_MODELS(models);
