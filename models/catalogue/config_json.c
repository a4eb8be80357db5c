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

/* Sizes beyond any model, whose products would overflow. */
static bool check_settings(const struct configuration *c, const struct settings *s, struct error *error)
{
    uint64_t least = !(c->type->traits & NO_HEADS);
    const struct {
        const char *what;
        uint64_t value, least, most;
    } limits[] = {
        {"layers", s->layers, 0, OUTLINE_MOST_LAYERS},
        {"layers of its decoder", configuration_count(c, "decoder_layers|num_decoder_layers", 0), 0,
         OUTLINE_MOST_LAYERS},
        {"layers of its encoder", configuration_count(c, "encoder_layers", 0), 0, OUTLINE_MOST_LAYERS},
        {"hidden width", s->hidden, least, 1 << 24},
        {"heads", s->heads, least, 1 << 20},
        {"key and value heads", s->kv_heads, 0, 1 << 20},
        {"head width", s->head_dim, least && !(c->type->traits & LATENT_ATTENTION), 1 << 20},
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
            return mapping_error(c->place.mapping, c->place.begin, error, "%s: %llu; from %llu to %llu are read",
                                 limits[i].what, (unsigned long long)limits[i].value,
                                 (unsigned long long)limits[i].least, (unsigned long long)limits[i].most);
    return true;
}

static void read_labels(struct configuration *c, struct json_view whole)
{
    struct json_view names = json_view_find(whole, "id2label");
    c->labels =
        json_view_kind(names) == JSON_OBJECT_VIEW ? json_view_length(names) : configuration_count(c, "num_labels", 2);
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

/* What the defaults say stays mapped as long as it is asked. */
struct reading {
    struct configuration configuration;
    struct json_view whole;
    struct mapping defaults;
    bool excessive;
};

/* Which part of the file describes the tensors that are outlined, and of which type it is. */
static bool find_part(struct reading *reading, struct json_view whole, struct settings *s, struct error *error)
{
    struct configuration *c = &reading->configuration;
    char name[SETTINGS_WORD] = "";
    json_view_text(json_view_find(whole, "model_type"), s->architecture, sizeof s->architecture);
    json_view_text(json_view_find(whole, "_name_or_path"), s->name, sizeof s->name);
    c->place = reading->whole = whole;
    c->type = find_type(s->architecture);
    if (!json_members_of(whole, &c->given, error))
        return false;
    if (c->type && c->type->traits & WHOLE)
        return true;
    struct json_view text = configuration_find(c, text_parts);
    if (json_view_kind(text) != JSON_OBJECT_VIEW)
        return true;
    c->place = text;
    s->partial = true;
    json_members_free(&c->given);
    if (json_view_text(json_view_find(text, "model_type"), name, sizeof name) && find_type(name))
        c->type = find_type(name);
    return json_members_of(text, &c->given, error);
}

static bool take_defaults(struct reading *reading, struct error *error)
{
    const char *text = reading->configuration.type->defaults;
    struct json_view defaults;
    return mapping_of_bytes("defaults", text, strlen(text), &reading->defaults, error) &&
           json_view_of(&reading->defaults, 0, reading->defaults.size, &defaults, error) &&
           json_members_of(defaults, &reading->configuration.defaults, error);
}

/* What the whole model has besides its text model. */
static bool add_sight(const struct reading *reading, const struct settings *s, struct outline *outline)
{
    const struct configuration *c = &reading->configuration;
    struct configuration whole = {.place = reading->whole, .type = c->type, .excessive = c->excessive};
    struct error error = {0};
    bool right = json_members_of(reading->whole, &whole.given, &error) &&
                 outline_sight(&whole, s->architecture, s->hidden, outline);
    configuration_free(&whole);
    return right;
}

/* The tensors that a configuration of a known type implies. */
static bool make_outline(const struct reading *reading, struct model_file *file, struct error *error)
{
    const struct configuration *c = &reading->configuration;
    struct settings *s = &file->settings;
    if (!check_settings(c, s, error))
        return false;
    file->outline =
        (struct outline){.layers = s->layers, .heads = s->heads, .kv_heads = s->kv_heads, .experts = s->experts};
    c->type->outline(c, s, &file->outline);
    uint64_t text = file->outline.parameters;
    if (add_sight(reading, s, &file->outline)) {
        s->partial = false;
        file->sight = file->outline.parameters - text;
    }
    const char *gguf = c->type->gguf ? c->type->gguf : "";
    file->outline.many_values =
        s->layers == 80 && (strcmp(gguf, "qwen2") == 0 || (strcmp(gguf, "llama") == 0 && s->heads != s->kv_heads));
    file->outline.copied_head = strcmp(gguf, "bloom") == 0;
    if (c->type->gguf)
        snprintf(s->gguf, sizeof s->gguf, "%s", c->type->gguf);
    if (!file->outline.failed && !reading->excessive)
        return true;
    return mapping_error(c->place.mapping, c->place.begin, error,
                         "the configuration describes more than can be counted");
}

/* Fills settings, and the outline where the type is known. */
static bool read_whole(const struct mapping *mapping, struct model_file *file, struct error *error)
{
    struct json_view whole;
    struct reading reading = {0};
    struct configuration *c = &reading.configuration;
    struct settings *s = &file->settings;
    if (mapping->size > MOST_BYTES)
        return mapping_error(mapping, 0, error, "a configuration of %llu bytes; %llu at most are read",
                             (unsigned long long)mapping->size, (unsigned long long)MOST_BYTES);
    if (!json_view_of(mapping, 0, mapping->size, &whole, error))
        return false;
    if (json_view_kind(whole) != JSON_OBJECT_VIEW)
        return mapping_error(mapping, whole.begin, error, "a configuration is a JSON object");
    *s = settings_none();
    c->excessive = &reading.excessive;
    bool right = find_part(&reading, whole, s, error) && (!c->type || take_defaults(&reading, error));
    if (right) {
        read_labels(c, whole);
        if (!s->partial)
            read_class(c, whole);
        configuration_settings(c, s);
        read_storage(s, whole, c->place);
        right = !c->type || make_outline(&reading, file, error);
    }
    configuration_free(c);
    mapping_close(&reading.defaults);
    return right;
}

static bool refuse_type(const struct model_file *file, struct error *error)
{
    char nearest[160];
    if (!file->settings.architecture[0])
        return mapping_error(file->parts, 0, error, "a configuration has a 'model_type' that is a word");
    model_type_nearest(file->settings.architecture, nearest, sizeof nearest);
    return mapping_error(file->parts, 0, error,
                         "model_type '%.60s' isn't known, and without its weights nothing tells its size; the nearest "
                         "known are %s; or give the .safetensors or .gguf file",
                         file->settings.architecture, nearest);
}

static bool finish(struct model_file *file, bool right, struct error *error)
{
    right = right && read_whole(file->parts, file, error);
    if (right && !file->outline.count)
        right = refuse_type(file, error);
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
