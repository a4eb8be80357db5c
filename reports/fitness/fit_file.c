#include "reports/fitness/fit_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/parse.h"
#include "models/families/recipe.h"

/* ---- which family builds it ---- */

static bool is(const struct settings *settings, const char *architecture)
{
    return strcmp(settings->architecture, architecture) == 0;
}

static struct config config_of(const struct settings *s, bool untied)
{
    return (struct config){.layers = (int64_t)s->layers,
                           .hidden = (int64_t)s->hidden,
                           .heads = (int64_t)s->heads,
                           .kv_heads = (int64_t)s->kv_heads,
                           .head_dim = (int64_t)s->head_dim,
                           .feed_forward = (int64_t)s->feed_forward,
                           .vocabulary = (int64_t)s->vocabulary,
                           .max_context = (int64_t)s->max_context,
                           .rope_theta = isnan(s->rope_theta) ? 1e4f : (float)s->rope_theta,
                           .epsilon = isnan(s->epsilon) ? 1e-5f : (float)s->epsilon,
                           .untied_head = untied,
                           .projection_bias = is(s, "qwen2")};
}

static bool is_whole(const struct settings *s)
{
    return s->layers && s->layers <= OUTLINE_MOST_LAYERS && s->hidden && s->heads && s->head_dim && s->kv_heads &&
           s->feed_forward && s->vocabulary && s->max_context && s->max_context < 1 << 30 && !s->experts &&
           s->hidden < 1 << 24 && s->heads < 1 << 16 && s->head_dim < 1 << 16 && s->kv_heads <= s->heads &&
           s->heads % s->kv_heads == 0 && s->feed_forward < 1 << 26 && s->vocabulary < 1 << 28 &&
           s->head_dim == s->value_dim && s->kv_heads_of_all_layers == s->kv_heads * s->layers;
}

static bool has_tensor(const struct model_file *file, const char *name)
{
    for (size_t i = 0; i < file->tensor_count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return true;
    return false;
}

/* A family builds the file when its graph has the file's parameters to the last one. */
static bool builds(const struct fit_file *fit, const struct family *family)
{
    struct model_case one = case_of_size(family, &fit->size, MODE_PREFILL);
    one.context = 1;
    struct graph *graph = case_build(&one, NULL);
    bool same = graph && graph_parameters(graph) == fit->file.parameters;
    graph_free(graph);
    return same;
}

static void find_family(struct fit_file *fit)
{
    const struct settings *s = &fit->file.settings;
    bool windowed = s->sliding_window && s->sliding_window < s->max_context && is(s, "mistral");
    const char *name = is(s, "llama") || (is(s, "mistral") && !windowed) || is(s, "qwen2") ? "llama"
                       : is(s, "gpt2")                                                     ? "gpt2"
                                                                                           : NULL;
    const struct family *family = name ? family_find(name) : NULL;
    if (!family || !is_whole(s) || s->partial)
        return;
    bool untied = fit->file.tensor_count ? has_tensor(&fit->file, "output.weight") ||
                                               (has_tensor(&fit->file, "lm_head.weight") && !s->tied)
                                         : !s->tied;
    fit->size.config = config_of(s, untied);
    if (builds(fit, family))
        fit->same = family;
}

/* ---- the file ---- */

/* The recipe that the file names; else the type that most of its bytes have. */
static void name_dtype(struct fit_file *fit)
{
    const struct model_file *file = &fit->file;
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
    snprintf(fit->dtype, sizeof fit->dtype, "%s",
             recipe                      ? recipe->name
             : storage && storage->dtype ? storage->dtype
                                         : name);
}

bool fit_file_open(const char *path, struct fit_file *fit, struct error *error)
{
    *fit = (struct fit_file){0};
    if (!model_file_open(path, &fit->file, error))
        return false;
    const char *slash = strrchr(path, '/');
    const char *stem = slash && slash[1] ? slash + 1 : path;
    snprintf(fit->name, sizeof fit->name, "%s", stem);
    char *dot = strrchr(fit->name, '.');
    if (dot && dot != fit->name && (strcmp(dot, ".gguf") == 0 || strcmp(dot, ".safetensors") == 0))
        *dot = '\0';
    const struct settings *s = &fit->file.settings;
    fit->size =
        (struct family_size){.name = fit->name,
                             .batches = {1},
                             .contexts = {s->max_context && s->max_context < 4096 ? (int64_t)s->max_context : 4096}};
    fit->family = *family_find("llama");
    fit->family.name = s->architecture[0] ? s->architecture : "unknown";
    fit->family.task = "nlp";
    name_dtype(fit);
    find_family(fit);
    return true;
}

void fit_file_close(struct fit_file *fit)
{
    model_file_close(&fit->file);
}

/* ---- rows ---- */

/* From the tensors alone: weights, and the cache where the file says enough; what a step works in isn't known. */
static bool add_plain(struct fit *fit, const struct fit_file *file, const struct fit_demands *demands,
                      const struct fit_machine *machine, struct error *error)
{
    const struct settings *s = &file->file.settings;
    struct fit_row row = {.one = case_of_size(&file->family, &file->size, MODE_DECODE)};
    row.one.context = demands->context ? demands->context : file->size.contexts[0];
    row.one.batch = demands->batch ? demands->batch : 1;
    row.one.size = &file->size;
    row.dtype = file->dtype;
    row.tensors_only = true;
    case_name(&row.one);
    row.parameters = file->file.parameters;
    row.weights_bytes = file->file.tensor_bytes;
    uint64_t cached, width = s->head_dim < 1 << 20 && s->value_dim < 1 << 20 ? s->head_dim + s->value_dim : 0;
    if (!__builtin_mul_overflow(s->kv_heads_of_all_layers, width * 2, &cached) &&
        !__builtin_mul_overflow(cached, (uint64_t)row.one.context, &cached) &&
        !__builtin_mul_overflow(cached, (uint64_t)row.one.batch, &cached))
        row.kv_cache_bytes = cached;
    row.machine = machine->name;
    row.available_bytes = machine->available_bytes;
    row.runtime_bytes = machine->runtime_bytes;
    row.total_bytes = row.weights_bytes + row.kv_cache_bytes + row.runtime_bytes;
    row.throughput = row.latency_s = (struct range){NAN, NAN, NAN};
    row.max_batch = row.kv_cache_bytes && machine->available_bytes > row.weights_bytes + row.runtime_bytes
                        ? (int64_t)((machine->available_bytes - row.weights_bytes - row.runtime_bytes) /
                                    (row.kv_cache_bytes / (uint64_t)row.one.batch))
                        : 0;
    fit_judge(&row, demands, machine);
    char total[32], speed[80] = "";
    format_size(row.weights_bytes + row.kv_cache_bytes, total, sizeof total);
    if (machine->read_gbs > 0)
        snprintf(speed, sizeof speed, "; at most %.3g tokens/s, from reading its bytes once for each",
                 machine->read_gbs * 1e9 / (double)row.weights_bytes);
    snprintf(row.reason, sizeof row.reason, "%s of weights%s; no family here builds this %s%s", total,
             row.kv_cache_bytes ? " and cache" : "", file->family.name, speed);
    return fit_append(fit, &row, error);
}

bool fit_file_add(struct fit *fit, const struct fit_file *file, const struct fit_demands *demands,
                  const struct fit_machine *machine, struct error *error)
{
    struct model_case one;
    if (!file->same)
        return add_plain(fit, file, demands, machine, error);
    if (demands->context > file->size.config.max_context)
        return error_set(error, ERROR_INPUT, "%s has positions for a context of at most %lld", file->name,
                         (long long)file->size.config.max_context);
    for (int mode = 0; mode < MODE_COUNT; mode++) {
        if (!family_has_mode(file->same, &file->size, (enum mode)mode) ||
            (demands->modes && !(demands->modes >> mode & 1)))
            continue;
        one = case_of_size(file->same, &file->size, (enum mode)mode);
        one.batch = demands->batch ? demands->batch : 1;
        one.context = demands->context ? demands->context : one.context;
        one.kv_dtype = mode == MODE_PREFILL || mode == MODE_DECODE ? demands->kv_dtype : -1;
        one.optimizer = mode_trains((enum mode)mode) ? demands->optimizer : -1;
        one.checkpointing = mode_trains((enum mode)mode) && demands->checkpointing;
        size_t dtypes = demands->dtype_count ? demands->dtype_count : 1;
        for (size_t i = 0; i < dtypes; i++) {
            bool own = !demands->dtype_count;
            bool runs = case_set_dtype(&one, own ? file->dtype : demands->dtypes[i]);
            if (!runs && mode_trains((enum mode)mode))
                continue;
            if (!runs) /* a type that no kernel runs: memory is the file's, and the rest as the nearest that does */
                case_set_dtype(&one, "q4_0");
            if (one.recipe && (mode == MODE_TRAIN || mode == MODE_DISTILL))
                continue;
            case_name(&one);
            bool inference = !mode_trains((enum mode)mode);
            if (!fit_add_row(fit, &one, demands, machine, own && inference ? file->file.tensor_bytes : 0, error))
                return false;
            fit->rows[fit->row_count - 1].dtype = own ? file->dtype : NULL;
        }
    }
    return true;
}
