#include "harness/estimate/engine_memory.h"

#include <string.h>

#include "models/families/family.h"
#include "models/graph/dtype.h"

/* llama.cpp's physical batch (n_ubatch), and what contexts are padded to. */
enum { MOST_TOKENS = 512, PADDING = 256 };

/* Measured: what llama-bench holds besides its buffers. */
static const uint64_t process_bytes = 16u << 20;

static int64_t padded(int64_t count)
{
    return (count + PADDING - 1) / PADDING * PADDING;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Of all layers, for one sequence. Mistral's and Phi's windows aren't in its files, or it leaves them out. */
static double cache_bytes(const struct config *config, int64_t cells, enum dtype type)
{
    const struct dtype_info *info = dtype_info(type);
    int64_t full = config->layers, head_dim = config->head_dim ? config->head_dim : config->hidden / config->heads;
    int64_t kv_heads = config->kv_heads ? config->kv_heads : config->heads;
    if (config->window > 0 && config->global_every > 1)
        full = config->layers / config->global_every;
    int64_t windowed = least(cells, padded(config->window + MOST_TOKENS));
    double elements = 2.0 * (double)(kv_heads * head_dim) *
                      ((double)full * (double)cells + (double)(config->layers - full) * (double)windowed);
    return elements / info->block * info->block_bytes;
}

static double greater(double a, double b)
{
    return a > b ? a : b;
}

static double compute_bytes(const struct config *config, int64_t cells, bool flash)
{
    int64_t head_dim = config->head_dim ? config->head_dim : config->hidden / config->heads;
    int64_t kv_heads = config->kv_heads ? config->kv_heads : config->heads;
    double tokens = (double)least(cells, MOST_TOKENS), hidden = (double)config->hidden;
    double queries = (double)(config->heads * head_dim), keys = (double)(kv_heads * head_dim);
    double mask = (double)cells * (flash ? 0.5 : 1),
           scores = flash ? 0 : (double)config->heads * (double)cells + hidden;
    double head = (double)config->vocabulary + 2 * hidden;
    double attention = mask + scores + 2 * hidden + 2 * queries + 2 * keys;
    double width = (double)config->feed_forward, inner = 2 * width;
    if (config->experts > 0) {
        width *= (double)config->chosen;
        inner = greater(2 * width, width + (double)config->chosen * hidden);
    }
    return 4 * tokens * greater(head, greater(attention, mask + inner + 2 * hidden));
}

bool engine_memory_of_case(const struct model_case *one, bool flash, struct engine_memory *memory)
{
    const struct config *config = &one->size->config;
    bool known = strcmp(one->family->name, "llama") == 0 || strcmp(one->family->name, "moe") == 0;
    if (!known || config->key_rank || config->heads <= 0 || config->hidden <= 0 || one->context <= 0 ||
        (one->mode != MODE_DECODE && one->mode != MODE_PREFILL))
        return false;
    int64_t cells = padded(one->context);
    enum dtype type = one->kv_dtype >= 0 ? (enum dtype)one->kv_dtype : DTYPE_F16;
    *memory = (struct engine_memory){
        .kv_cache_bytes = (uint64_t)((double)one->batch * cache_bytes(config, cells, type)),
        .compute_bytes = (uint64_t)compute_bytes(config, cells, flash),
        .output_bytes = 4 * (uint64_t)config->vocabulary * (uint64_t)one->batch,
        .runtime_bytes = process_bytes,
    };
    return true;
}
