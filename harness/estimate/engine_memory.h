/* The memory that llama.cpp takes for a decoder, by its own rules: not our plan. Checked against the buffer sizes that
 * it prints (ENGINE_MEMORY_VERSION; tests/unit/data/llama_bench/buffers.jsonl has them).
 *
 *   cells    = context up to a multiple of 256; of layers with a window beside layers without (gemma), where fewer,
 *              window + 512 up to a multiple of 256 (llama-kv-cache-iswa.cpp)
 *   cache    = cells · (keys + values of a cell) in the cache's type, f16 unless --kv-dtype says otherwise
 *   compute  = the most of what is live at once for T = min(cells, 512) tokens, all f32 (ggml-alloc over the graph):
 *              head       T · (vocabulary + 2 hidden): every token of a batch may have logits
 *              attention  T · (mask + 2 hidden + 2 queries + 2 keys); without flash attention, besides, T · (cells a
 *                         head + hidden) of scores, and a mask of T · cells, where with it that is half as large (f16)
 *              feed-forward  T · (mask + 2 widths + 2 hidden); of experts those of the chosen, or one width and their
 *                         outputs where that is more
 *   output   = a vocabulary of f32
 *
 * Weights are the file's tensors, once: what llama.cpp repacks is a copy, and the file's own pages then go back to the
 * system when it wants them. */
#ifndef ESTIMATE_ENGINE_MEMORY_H
#define ESTIMATE_ENGINE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "models/engine/case.h"

#define ENGINE_MEMORY_VERSION "llama.cpp 0c1e57098 (llama-cpp-python 0.3.36)"

struct engine_memory {
    uint64_t kv_cache_bytes, compute_bytes, output_bytes;
    uint64_t runtime_bytes; /* the process besides */
};

/* False for a case that isn't decode or prefill, or whose model's buffers weren't checked: those of families other than
 * llama and moe, or with a latent cache. `flash`: with flash attention, as it has unless told otherwise. */
bool engine_memory_of_case(const struct model_case *one, bool flash, struct engine_memory *memory);

#endif
