#include "models/catalogue/config_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "models/catalogue/model_type.h"

static const uint64_t MOST_BYTES = 8 << 20;

/* A model of pictures and text, or of sound and text, keeps its text model's configuration in one of these. */
static const char *const text_parts = "text_config|llm_config|language_config|thinker_config";

/* model_types of whole models, and of the text model in them where that doesn't say; or another name for the same. */
static const struct {
    const char *whole, *text;
} text_types[] = {{"gemma3", "gemma3_text"},     {"mistral3", "mistral"},       {"llava", "llama"},
                  {"llava_next", "llama"},       {"qwen2_vl", "qwen2_vl_text"}, {"qwen2_5_vl", "qwen2_5_vl_text"},
                  {"qwen3_vl", "qwen3_vl_text"}, {"mllama", "llama"},           {"paligemma", "gemma"},
                  {"idefics3", "llama"},         {"smolvlm", "llama"},          {"internvl", "qwen2"},
                  {"RefinedWebModel", "falcon"}, {"RefinedWeb", "falcon"}};

static const struct model_type *find_type(const char *name)
{
    const struct model_type *type = model_type_find(name);
    for (size_t i = 0; !type && i < sizeof text_types / sizeof *text_types; i++)
        if (strcmp(text_types[i].whole, name) == 0)
            type = model_type_find(text_types[i].text);
    return type;
}

/* ---- settings ---- */

static void read_counts(const struct configuration *c, struct settings *s)
{
    s->layers = configuration_count(c, "num_hidden_layers|n_layer|n_layers|num_layers", 0);
    s->hidden = configuration_count(c, "hidden_size|n_embd|n_embed|dim|d_model", 0);
    s->heads = configuration_count(c, "num_attention_heads|n_head|n_heads|num_heads|decoder_attention_heads", 0);
    s->kv_heads = configuration_count(c, "num_key_value_heads|num_kv_heads|n_head_kv", s->heads);
    s->head_dim = configuration_count(c, "head_dim|d_kv", s->heads ? s->hidden / s->heads : 0);
    s->value_dim = configuration_count(c, "v_head_dim", s->head_dim);
    s->feed_forward = configuration_count(
        c, "intermediate_size|n_inner|ffn_dim|hidden_dim|d_ff|ffn_hidden_size|decoder_ffn_dim", 4 * s->hidden);
    s->vocabulary = configuration_count(c, "vocab_size", 0);
    s->max_context = configuration_count(c, "max_position_embeddings|n_positions|max_target_positions", 0);
    s->sliding_window = configuration_count(c, "sliding_window", 0);
    s->kv_heads_of_all_layers = s->kv_heads * s->layers;
    s->rope_theta = configuration_number(c, "rope_theta");
    s->epsilon = configuration_number(c, "rms_norm_eps|layer_norm_eps|layer_norm_epsilon|norm_epsilon");
    s->tied = configuration_flag(c, "tie_word_embeddings");
}

static void read_experts(const struct configuration *c, struct settings *s)
{
    s->experts = configuration_count(c, "num_local_experts|num_experts|n_routed_experts", 0);
    if (!s->experts)
        return;
    s->experts_used = configuration_count(c, "num_experts_per_tok|num_experts_per_token", 0);
    s->expert_feed_forward = configuration_count(c, "moe_intermediate_size", s->feed_forward);
    s->shared_feed_forward = configuration_count(c, "shared_expert_intermediate_size", 0);
    uint64_t shared = configuration_count(c, "n_shared_experts", 0);
    if (!s->shared_feed_forward && __builtin_mul_overflow(shared, s->expert_feed_forward, &s->shared_feed_forward))
        s->shared_feed_forward = 0;
}

/* Sizes beyond any model, whose products would overflow. */
static bool check_settings(const struct configuration *c, const struct settings *s, struct error *error)
{
    const struct {
        const char *what;
        uint64_t value, least, most;
    } limits[] = {
        {"layers", s->layers, 0, OUTLINE_MOST_LAYERS},
        {"layers of its decoder", configuration_count(c, "decoder_layers|num_decoder_layers", 0), 0,
         OUTLINE_MOST_LAYERS},
        {"layers of its encoder", configuration_count(c, "encoder_layers", 0), 0, OUTLINE_MOST_LAYERS},
        {"hidden width", s->hidden, 1, 1 << 24},
        {"heads", s->heads, 1, 1 << 20},
        {"key and value heads", s->kv_heads, 0, 1 << 20},
        {"head width", s->head_dim, 1, 1 << 20},
        {"feed-forward width", s->feed_forward, 0, 1 << 28},
        {"vocabulary", s->vocabulary, 0, 1 << 30},
        {"positions", s->max_context, 0, 1 << 30},
        {"experts", s->experts, 0, 1 << 16},
        {"experts' width", s->expert_feed_forward, 0, 1 << 28},
        {"shared experts' width", s->shared_feed_forward, 0, 1 << 28},
        {"labels", c->labels, 0, 1 << 24},
        {"value width", configuration_count(c, "v_head_dim", 0), 0, 1 << 20},
        {"width of queries without positions", configuration_count(c, "qk_nope_head_dim", 0), 0, 1 << 20},
        {"width of queries with positions", configuration_count(c, "qk_rope_head_dim", 0), 0, 1 << 20},
        {"rank of keys and values", configuration_count(c, "kv_lora_rank", 0), 0, 1 << 24},
        {"rank of queries", configuration_count(c, "q_lora_rank", 0), 0, 1 << 24},
        {"image side", configuration_count(c, "image_size", 0), 0, 1 << 16},
        {"patch side", configuration_count(c, "patch_size", 0), 0, 1 << 16},
        {"channels", configuration_count(c, "num_channels", 0), 0, 1 << 16},
        {"audio features", configuration_count(c, "num_mel_bins", 0), 0, 1 << 20},
        {"encoder's feed-forward width", configuration_count(c, "encoder_ffn_dim", 0), 0, 1 << 28},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (limits[i].value < limits[i].least || limits[i].value > limits[i].most)
            return mapping_error(c->given.mapping, c->given.begin, error, "%s: %llu; from %llu to %llu are read",
                                 limits[i].what, (unsigned long long)limits[i].value,
                                 (unsigned long long)limits[i].least, (unsigned long long)limits[i].most);
    return true;
}

static void read_labels(struct configuration *c, struct json_view whole)
{
    struct json_view names = json_view_find(whole, "id2label");
    c->labels = json_view_kind(names) == JSON_OBJECT_VIEW ? json_view_length(names) : 2;
    uint64_t count;
    if (json_view_kind(names) != JSON_OBJECT_VIEW && json_view_count(json_view_find(whole, "num_labels"), &count))
        c->labels = count;
}

static void read_class(struct configuration *c, struct json_view whole)
{
    struct json_walk walk = {0};
    if (json_walk_next(json_view_find(whole, "architectures"), &walk))
        json_view_text(walk.value, c->class_name, sizeof c->class_name);
}

static void read_storage(struct settings *s, struct json_view whole, struct json_view part)
{
    static const struct {
        const char *name, *storage;
    } types[] = {{"bfloat16", "BF16"}, {"float16", "F16"}, {"float32", "F32"}, {"float64", "F64"}};
    char word[32] = "";
    const struct json_view places[] = {json_view_find(whole, "torch_dtype"), json_view_find(whole, "dtype"),
                                       json_view_find(part, "torch_dtype"), json_view_find(part, "dtype")};
    for (size_t i = 0; !word[0] && i < sizeof places / sizeof *places; i++)
        json_view_text(places[i], word, sizeof word);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(word, types[i].name) == 0)
            snprintf(s->recipe, sizeof s->recipe, "%s", types[i].storage);
}

/* ---- the file ---- */

/* Fills settings, and the outline where the type is known. */
static bool read_whole(const struct mapping *mapping, struct model_file *file, struct error *error)
{
    struct json_view whole, part;
    struct configuration c = {0};
    struct settings *s = &file->settings;
    struct mapping defaults = {0};
    char name[SETTINGS_WORD] = "";
    if (mapping->size > MOST_BYTES)
        return mapping_error(mapping, 0, error, "a configuration of %llu bytes; %llu at most are read",
                             (unsigned long long)mapping->size, (unsigned long long)MOST_BYTES);
    if (!json_view_of(mapping, 0, mapping->size, &whole, error))
        return false;
    if (json_view_kind(whole) != JSON_OBJECT_VIEW)
        return mapping_error(mapping, whole.begin, error, "a configuration is a JSON object");
    *s = settings_none();
    part = (struct configuration){.given = whole}.given;
    c.given = whole;
    struct json_view text = configuration_find(&c, text_parts);
    if (json_view_kind(text) == JSON_OBJECT_VIEW)
        part = text;
    json_view_text(json_view_find(whole, "model_type"), s->architecture, sizeof s->architecture);
    json_view_text(json_view_find(whole, "_name_or_path"), s->name, sizeof s->name);
    if (!json_view_text(json_view_find(part, "model_type"), name, sizeof name))
        memcpy(name, s->architecture, sizeof name);
    c.type = find_type(name);
    if (!c.type)
        c.type = find_type(s->architecture);
    c.given = part;
    if (c.type && !(mapping_of_bytes("defaults", c.type->defaults, strlen(c.type->defaults), &defaults, error) &&
                    json_view_of(&defaults, 0, defaults.size, &c.defaults, error)))
        return false;
    read_labels(&c, whole);
    if (part.begin == whole.begin)
        read_class(&c, whole);
    else
        s->partial = true;
    read_counts(&c, s);
    read_experts(&c, s);
    read_storage(s, whole, part);
    bool right = !c.type || check_settings(&c, s, error);
    if (right && c.type) {
        file->outline =
            (struct outline){.layers = s->layers, .heads = s->heads, .kv_heads = s->kv_heads, .experts = s->experts};
        c.type->outline(&c, s, &file->outline);
        if (file->outline.failed)
            right = mapping_error(mapping, part.begin, error, "the configuration describes more than can be counted");
        if (c.type->gguf)
            snprintf(s->gguf, sizeof s->gguf, "%s", c.type->gguf);
    }
    mapping_close(&defaults);
    return right;
}

static bool finish(struct model_file *file, bool right, struct error *error)
{
    const struct mapping *mapping = file->parts;
    right = right && read_whole(mapping, file, error);
    if (right && !file->outline.count)
        right = file->settings.architecture[0]
                    ? mapping_error(mapping, 0, error,
                                    "model_type '%.60s' isn't known, and without its weights nothing tells its size; "
                                    "give the .safetensors or .gguf file instead",
                                    file->settings.architecture)
                    : mapping_error(mapping, 0, error, "a configuration has a 'model_type' that is a word");
    if (right) {
        const struct storage *storage = storage_of_safetensors("F32", 3);
        if (file->settings.recipe[0])
            storage = storage_of_safetensors(file->settings.recipe, strlen(file->settings.recipe));
        file->parameters = file->outline.parameters;
        file->tensor_bytes = file->parameters * storage->bytes;
    }
    if (!right)
        model_file_close(file);
    return right;
}

static bool begin(struct model_file *file, struct error *error)
{
    *file = (struct model_file){.format = FILE_CONFIG, .parts = calloc(1, sizeof *file->parts)};
    return file->parts || error_set(error, ERROR_SYSTEM, "out of memory for a file");
}

bool config_json_open(const char *path, struct model_file *file, struct error *error)
{
    bool right = begin(file, error) && mapping_open(path, file->parts, error);
    file->part_count = right;
    return finish(file, right, error);
}

bool config_json_of_bytes(const char *name, const void *bytes, uint64_t size, struct model_file *file,
                          struct error *error)
{
    bool right = begin(file, error) && mapping_of_bytes(name, bytes, size, file->parts, error);
    file->part_count = right;
    return finish(file, right, error);
}

bool config_json_beside(const char *path, struct model_file *file, struct error *error)
{
    struct mapping mapping;
    bool right = mapping_open(path, &mapping, error) && read_whole(&mapping, file, error);
    mapping_close(&mapping);
    return right;
}
