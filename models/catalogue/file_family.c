#include "models/catalogue/file_family.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/catalogue/file_names.h"
#include "models/families/decoder.h"
#include "models/families/llama.h"
#include "models/families/recipe.h"
#include "models/kernels/gemm.h" /* activations */

static const struct rope quarter = {.kind = ROPE_PLAIN, .share = 0.25f};

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
    {.name = "gpt2", .family = "gpt2"},
    {"bloom", "gpt2", {.alibi = true, .embedding_norm = true}},
    {.name = "t5", .family = "t5"},
    {"t5", "t5", {.gated = true}},
    {"t5", "t5", {.gated = true, .own_tables = true}},
    {"bert", "bert", {.classes = 2}},
    {"distilbert", "bert", {.classes = 2}},
    {"roberta", "bert", {.first_position = 2, .classes = 2}},
    {"xlm-roberta", "bert", {.first_position = 2, .classes = 2}},
    {"camembert", "bert", {.first_position = 2, .classes = 2}},
    {"opt", "gpt2", {.activation = ACTIVATION_RELU, .first_position = 2}},
    {"olmo", "llama", {.bare_norm = true}},
    {"gptneox", "neox", {.projection_bias = true, .rope = &quarter}},
    {"vit", "vit", {.side = 224, .patch = 16, .classes = 1000}},
    {"whisper", "whisper", {.frames = 3000, .inputs = 80}},
};

/* The next of that name after `before`, the first after NULL: several models may go by one name. */
static const struct kind *find_kind(const char *name, const struct kind *before)
{
    for (const struct kind *kind = before ? before + 1 : kinds; kind < kinds + sizeof kinds / sizeof *kinds; kind++)
        if (strcmp(kind->name, name) == 0)
            return kind;
    return NULL;
}

static const struct kind *kind_of(const struct settings *s, const struct kind *before)
{
    bool mixtral = s->experts && (strcmp(s->architecture, "llama") == 0); /* as GGUF files have it */
    const char *name = mixtral ? "mixtral" : s->architecture;
    return find_kind(find_kind(name, NULL) || !s->gguf[0] ? name : s->gguf, before);
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
    return model_file_find(file, name) != NULL;
}

static bool has_own_head(const struct model_file *file)
{
    if (!file->tensor_count)
        return !file->settings.tied;
    return has_tensor(file, "output.weight") || has_tensor(file, "embed_out.weight") ||
           (has_tensor(file, "lm_head.weight") && !file->settings.tied);
}

int file_activation(const struct settings *s)
{
    static const struct {
        const char *name;
        enum activation activation;
    } words[] = {{"silu", ACTIVATION_SILU},          {"swish", ACTIVATION_SILU},
                 {"gelu", ACTIVATION_GELU},          {"gelu_new", ACTIVATION_GELU_TANH},
                 {"relu", ACTIVATION_RELU},          {"gelu_pytorch_tanh", ACTIVATION_GELU_TANH},
                 {"gelu_fast", ACTIVATION_GELU_TANH}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].name, s->activation) == 0)
            return words[i].activation;
    return s->activation[0] ? -1 : ACTIVATION_NONE;
}

/* What isn't a shape. */
static void take_details(const struct settings *s, struct config *config)
{
    int activation = file_activation(s);
    if (activation > 0)
        config->activation = activation;
    if (!isnan(s->attention_softcap))
        config->attention_softcap = (float)s->attention_softcap;
    if (!isnan(s->logits_softcap))
        config->logits_softcap = (float)s->logits_softcap;
    if (!isnan(s->query_width))
        config->query_width = (float)s->query_width;
    if (!isnan(s->local_theta) && config->local_theta > 0)
        config->local_theta = (float)s->local_theta;
    if (config->global_every && s->global_every)
        config->global_every = (int64_t)s->global_every;
    if (s->renormalised != NOT_STATED)
        config->renormalise = s->renormalised == STATED_YES;
}

/* Of encoders of text and of pictures. */
static void take_encoder(const struct model_file *file, struct config *config)
{
    const struct settings *s = &file->settings;
    static const char *const poolers[] = {"pooler.dense.weight", "bert.pooler.dense.weight",
                                          "roberta.pooler.dense.weight"};
    bool pooled = !file->tensor_count;
    for (size_t i = 0; i < sizeof poolers / sizeof *poolers; i++)
        pooled |= has_tensor(file, poolers[i]);
    config->no_pooler = !pooled;
    config->inputs = (int64_t)s->token_types;
    config->max_context -= config->first_position;
}

static void take_image(const struct settings *s, struct config *config)
{
    bool whole = s->image_side && s->patch_side && s->image_side < 1 << 14 && s->image_side % s->patch_side == 0;
    config->side = whole ? (int64_t)s->image_side : config->side;
    config->patch = whole ? (int64_t)s->patch_side : config->patch;
    config->classes = s->labels && s->labels < 1 << 24 ? (int64_t)s->labels : config->classes;
}

/* Rotary positions as the file has them; the factors stay where they are. */
static void take_rope(const struct settings *s, struct family_size *size)
{
    size->rope = s->rope;
    if (s->rope.kind == ROPE_LONG) {
        size->rope.short_factors = s->rope_factors[0];
        size->rope.long_factors = s->rope_factors[1];
    }
    if ((s->rope.kind != ROPE_PLAIN && !s->unknown_rope) || s->rope.share > 0)
        size->config.rope = &size->rope;
    if (s->unknown_rope)
        size->rope.kind = ROPE_PLAIN;
}

/* Types tensor by tensor. */
static void take_types(const struct model_file *file, const struct family *family, struct family_size *size)
{
    char name[24];
    file_run_dtype(file, family, name, sizeof name);
    size->stored = (struct stored_types){.file = file, .recipe = recipe_find(name)};
    if (file->tensor_count && size->stored.recipe && family->quantises)
        size->stored.type_of = file_type_of;
}

static struct config config_of(const struct model_file *file, const struct kind *kind)
{
    const struct settings *s = &file->settings;
    struct config config = kind->config;
    bool llama = strcmp(kind->family, "llama") == 0, encodes = strcmp(kind->family, "bert") == 0;
    config.layers = (int64_t)s->layers;
    config.hidden = (int64_t)s->hidden;
    config.heads = (int64_t)s->heads;
    config.kv_heads = (int64_t)s->kv_heads;
    config.head_dim = (int64_t)s->head_dim;
    config.feed_forward = (int64_t)(s->experts && s->expert_feed_forward ? s->expert_feed_forward : s->feed_forward);
    config.vocabulary = (int64_t)s->vocabulary;
    config.max_context = (int64_t)s->max_context;
    config.epsilon = isnan(s->epsilon) ? 1e-5f : (float)s->epsilon;
    if (encodes && isnan(s->epsilon))
        config.epsilon = 1e-12f;
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
    if (llama && windowed && s->sliding_window && (s->sliding_window < s->max_context || config.local_theta > 0))
        config.window = (int64_t)s->sliding_window;
    config.untied_head = !encodes && has_own_head(file);
    if (strcmp(kind->name, "qwen3moe") == 0 && file->format != FILE_GGUF)
        config.renormalise = false; /* unless it says so */
    take_details(s, &config);
    if (encodes)
        take_encoder(file, &config);
    if (strcmp(kind->family, "vit") == 0)
        take_image(s, &config);
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
        take_rope(s, size);
        take_types(file, family, size);
        if ((s->max_context || !family->has_context) && builds(family, size, file->parameters))
            return family;
    }
    return NULL;
}

void file_size_of(const struct model_file *file, const char *path, char *name, size_t capacity,
                  struct family_size *size)
{
    static const char *const plain[] = {"config.json", "model.safetensors", "model.safetensors.index.json"};
    uint64_t longest = file->settings.max_context;
    size_t end = strlen(path), begin;
    for (bool folder = true; folder;) { /* a file that is called as all are has its folder's name */
        while (end > 1 && path[end - 1] == '/')
            end--;
        for (begin = end; begin > 0 && path[begin - 1] != '/';)
            begin--;
        folder = false;
        for (size_t i = 0; begin > 1 && i < sizeof plain / sizeof *plain; i++)
            folder |= end - begin == strlen(plain[i]) && strncmp(path + begin, plain[i], end - begin) == 0;
        end = folder ? begin : end;
    }
    snprintf(name, capacity, "%.*s", (int)(end - begin), path + begin);
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

void file_run_dtype(const struct model_file *file, const struct family *family, char *out, size_t capacity)
{
    struct model_case one;
    double bits = 8 * (double)file->tensor_bytes / (double)(file->parameters ? file->parameters : 1);
    file_dtype(file, out, capacity);
    if (!family->quantises && bits < 12)
        snprintf(out, capacity, "bf16");
    else if (!case_set_dtype(&one, out))
        snprintf(out, capacity, "%s", bits < 5.5 ? "q4_K_M" : bits < 7.5 ? "q6_K" : bits < 12 ? "q8_0" : "f16");
}
