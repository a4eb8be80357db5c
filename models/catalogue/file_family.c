#include "models/catalogue/file_family.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/families/decoder.h"
#include "models/families/llama.h"
#include "models/families/recipe.h"
#include "models/kernels/gemm.h" /* activations */

/* What architectures differ in from the plainest of their family; the shape is the file's. */
static const struct kind {
    const char *name; /* as GGUF calls it, or Hugging Face where GGUF has none */
    const char *family;
    struct config config;
} kinds[] = {
    {.name = "llama", .family = "llama"},
    {"qwen2", "llama", {.projection_bias = true}},
    {"qwen2vl", "llama", {.projection_bias = true}},
    {"qwen3", "llama", {.head_norm = HEAD_NORM_EACH}},
    {.name = "phi3", .family = "llama"},
    {"olmo2", "llama", {.head_norm = HEAD_NORM_ALL, .norm_place = NORM_AFTER}},
    {"smollm3", "llama", {.unplaced_every = 4}},
    {"gemma", "llama", {.norm_less_one = true, .activation = ACTIVATION_GELU_TANH, .scaled_embedding = true}},
    {"gemma2",
     "llama",
     {.norm_less_one = true,
      .activation = ACTIVATION_GELU_TANH,
      .scaled_embedding = true,
      .norm_place = NORM_BOTH,
      .global_every = 2,
      .attention_softcap = 50,
      .logits_softcap = 30}},
    {"gemma3",
     "llama",
     {.norm_less_one = true,
      .activation = ACTIVATION_GELU_TANH,
      .scaled_embedding = true,
      .norm_place = NORM_BOTH,
      .head_norm = HEAD_NORM_EACH,
      .global_every = 6,
      .local_theta = 1e4f,
      .rope_theta = 1e6f}},
    {"mixtral", "moe", {.renormalise = true}},
    {"olmoe", "moe", {.head_norm = HEAD_NORM_ALL}},
    {"qwen2moe", "moe", {.projection_bias = true, .shared_gate = true}},
    {"qwen3moe", "moe", {.head_norm = HEAD_NORM_EACH, .renormalise = true}},
    {"gpt-oss",
     "moe",
     {.projection_bias = true,
      .output_bias = true,
      .expert_bias = true,
      .sinks = true,
      .renormalise = true,
      .global_every = 2,
      .rope_theta = 1.5e5f}},
    {"phimoe",
     "moe",
     {.projection_bias = true, .output_bias = true, .layer_norms = true, .sparse_mixer = true, .head_bias = true}},
    {.name = "gpt2", .family = "gpt2"},
    {"bloom", "gpt2", {.alibi = true, .embedding_norm = true}},
    {.name = "t5", .family = "t5"},
    {"t5", "t5", {.gated = true}},
    {"t5", "t5", {.gated = true, .own_tables = true}},
    {"bert", "bert", {.inputs = 2, .classes = 2}},
    {"vit", "vit", {.side = 224, .patch = 16, .classes = 1000}},
    {"whisper", "whisper", {.frames = 3000, .inputs = 80}},
};

/* The next of that kind after `before`, the first after NULL: several models may go by one name. */
static const struct kind *kind_of(const struct settings *s, const struct kind *before)
{
    const char *name = s->gguf[0] ? s->gguf : s->architecture;
    if (strcmp(name, "llama") == 0 && s->experts) /* as GGUF files have Mixtral */
        name = "mixtral";
    for (const struct kind *kind = before ? before + 1 : kinds; kind < kinds + sizeof kinds / sizeof *kinds; kind++)
        if (strcmp(kind->name, name) == 0)
            return kind;
    return NULL;
}

/* Within what a graph is built of: a hostile file's sizes are not. */
static bool is_whole(const struct settings *s)
{
    return s->layers && s->layers <= 512 && s->hidden && s->heads && s->head_dim && s->kv_heads && s->feed_forward &&
           s->hidden < 1 << 24 && s->heads < 1 << 16 && s->head_dim < 1 << 16 && s->kv_heads <= s->heads &&
           s->heads % s->kv_heads == 0 && s->feed_forward < 1 << 26 && s->vocabulary < 1 << 28 &&
           s->max_context < 1 << 30 && s->experts < 1 << 12 && s->experts_used <= s->experts &&
           s->expert_feed_forward < 1 << 26 && s->shared_feed_forward < 1 << 26 && s->head_dim == s->value_dim &&
           s->kv_heads_of_all_layers == s->kv_heads * s->layers;
}

static bool has_tensor(const struct model_file *file, const char *name)
{
    for (size_t i = 0; i < file->tensor_count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return true;
    return false;
}

static bool has_own_head(const struct model_file *file)
{
    if (!file->tensor_count)
        return !file->settings.tied;
    return has_tensor(file, "output.weight") || (has_tensor(file, "lm_head.weight") && !file->settings.tied);
}

static struct config config_of(const struct model_file *file, const struct kind *kind)
{
    const struct settings *s = &file->settings;
    struct config config = kind->config;
    bool llama = strcmp(kind->family, "llama") == 0;
    config.layers = (int64_t)s->layers;
    config.hidden = (int64_t)s->hidden;
    config.heads = (int64_t)s->heads;
    config.kv_heads = (int64_t)s->kv_heads;
    config.head_dim = (int64_t)s->head_dim;
    config.feed_forward = (int64_t)(s->experts && s->expert_feed_forward ? s->expert_feed_forward : s->feed_forward);
    config.vocabulary = (int64_t)s->vocabulary;
    config.max_context = (int64_t)s->max_context;
    config.epsilon = isnan(s->epsilon) ? 1e-5f : (float)s->epsilon;
    if (!isnan(s->rope_theta))
        config.rope_theta = (float)s->rope_theta;
    else if (config.rope_theta <= 0)
        config.rope_theta = 1e4f;
    if (s->experts) {
        config.experts = (int64_t)s->experts;
        config.chosen = (int64_t)s->experts_used;
        config.shared_feed_forward = (int64_t)s->shared_feed_forward;
    }
    bool windowed = strcmp(s->architecture, "mistral") == 0 || strcmp(kind->name, "phi3") == 0 || config.global_every;
    bool decodes = llama || strcmp(kind->family, "moe") == 0;
    if (decodes && windowed && s->sliding_window && s->sliding_window < s->max_context)
        config.window = (int64_t)s->sliding_window;
    bool heads = llama || strcmp(kind->name, "bloom") == 0 ||
                 strcmp(kind->name, "t5") == 0; /* whose head may be a matrix of its own */
    config.untied_head = heads && has_own_head(file);
    return config;
}

/* Does the graph have the file's parameters? */
static bool builds(const struct family *family, const struct family_size *size, uint64_t parameters)
{
    bool caches = family->modes >> MODE_PREFILL & 1;
    struct model_case one = case_of_size(family, size, caches ? MODE_PREFILL : MODE_FORWARD);
    one.context = family->has_context ? 1 : 0;
    struct graph *graph = case_build(&one, NULL);
    bool same = graph && graph_parameters(graph) == parameters;
    graph_free(graph);
    return same;
}

const struct family *file_family(const struct model_file *file, struct family_size *size)
{
    const struct settings *s = &file->settings;
    if (!is_whole(s) || (s->partial && file->tensor_count))
        return NULL;
    for (const struct kind *kind = kind_of(s, NULL); kind; kind = kind_of(s, kind)) {
        const struct family *family = family_find(kind->family);
        size->config = config_of(file, kind);
        if ((s->max_context || !family->has_context) && builds(family, size, file->parameters))
            return family;
    }
    return NULL;
}

void file_size_of(const struct model_file *file, const char *path, char *name, size_t capacity,
                  struct family_size *size)
{
    uint64_t longest = file->settings.max_context;
    const char *slash = strrchr(path, '/'), *stem = slash && slash[1] ? slash + 1 : path;
    snprintf(name, capacity, "%s", stem);
    char *dot = strrchr(name, '.');
    if (dot && dot != name && (strcmp(dot, ".gguf") == 0 || strcmp(dot, ".safetensors") == 0))
        *dot = '\0';
    for (char *c = name; *c; c++) /* it is a part of cases' names */
        if (strchr("/@,* ?", *c))
            *c = '-';
    *size = (struct family_size){
        .name = name, .batches = {1}, .contexts = {longest && longest < 4096 ? (int64_t)longest : 4096}};
}

/* The recipe that the file names; else the type that most of its bytes have. */
void file_dtype(const struct model_file *file, char *out, size_t capacity)
{
    const struct storage *most = NULL;
    uint64_t largest = 0;
    for (size_t i = 0; i < file->tensor_count; i++) {
        uint64_t bytes = 0;
        if (file->tensors[i].storage == most)
            continue;
        if (file->tensors[i].bytes < largest && i > 64) /* few types, and the large tensors come early */
            continue;
        for (size_t j = 0; j < file->tensor_count; j++)
            bytes += file->tensors[j].storage == file->tensors[i].storage ? file->tensors[j].bytes : 0;
        if (bytes > largest) {
            largest = bytes;
            most = file->tensors[i].storage;
        }
    }
    bool stated = file->settings.recipe[0] && file->format != FILE_SAFETENSORS;
    const char *name = stated ? file->settings.recipe : most ? most->name : "F32";
    const struct storage *storage = storage_find(name);
    const struct recipe *recipe = recipe_find(name);
    snprintf(out, capacity, "%s", recipe ? recipe->name : storage && storage->dtype ? storage->dtype : name);
}
