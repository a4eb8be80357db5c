#include "harness/estimate/engine_work.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/families/family.h"

/* What sizes of the work: everything in elements. */
struct shape {
    double layers, hidden, attention, cache,
        vocabulary; /* attention: of all heads; cache: keys and values of a layer */
    double parameters, active;
    bool untied, routed;
};

/* A decoder's matrices, embedding and head apart. */
static double matrices(const struct config *config, double experts)
{
    double hidden = (double)config->hidden;
    double attention = (double)(config->heads * config->head_dim),
           cache = 2.0 * (double)(config->kv_heads * config->head_dim);
    double width = (double)config->feed_forward * experts + (double)config->shared_feed_forward;
    return (double)config->layers * hidden * (2 * attention + cache + 3 * width);
}

static bool shape_of_config(const struct config *config, double parameters, struct shape *shape)
{
    if (config->layers <= 0 || config->hidden <= 0 || config->heads <= 0 || config->vocabulary <= 0)
        return false;
    struct config whole = *config;
    if (!whole.head_dim)
        whole.head_dim = whole.hidden / whole.heads;
    if (!whole.kv_heads)
        whole.kv_heads = whole.heads;
    double experts = whole.experts > 0 ? (double)whole.experts : 1,
           chosen = whole.experts > 0 ? (double)whole.chosen : 1;
    double words = (double)whole.vocabulary * (double)whole.hidden;
    *shape = (struct shape){.layers = (double)whole.layers,
                            .hidden = (double)whole.hidden,
                            .attention = (double)(whole.heads * whole.head_dim),
                            .cache = 2.0 * (double)(whole.kv_heads * whole.head_dim),
                            .vocabulary = (double)whole.vocabulary,
                            .parameters = parameters,
                            .routed = whole.experts > 0};
    shape->untied = whole.untied_head || parameters > matrices(&whole, experts) + 1.5 * words;
    double idle = matrices(&whole, experts) - matrices(&whole, chosen);
    shape->active = fmax(parameters - idle, parameters / 50);
    return true;
}

/* "30b-a3b": 3e9 of a token's parameters; "8x7b": two of eight experts, as Mixtral has; else all. */
static double active_by_name(const char *name, double parameters, bool *routed)
{
    for (const char *at = name; *at; at++) {
        double value;
        int experts;
        char unit;
        if (at > name && at[-1] == '-' && sscanf(at, "a%lf%c", &value, &unit) == 2 && unit == 'b' && value > 0) {
            *routed = true;
            return fmin(parameters, value * 1e9);
        }
        if (sscanf(at, "%dx%lf%c", &experts, &value, &unit) == 3 && unit == 'b' && experts > 2 &&
            isdigit((unsigned char)*at)) {
            *routed = true;
            return parameters * (0.04 + 0.96 * 2 / experts);
        }
    }
    *routed = false;
    return parameters;
}

/* A transformer of so many parameters is about 128 times as wide as deep, with a quarter as many key heads. */
static void shape_of_count(const char *name, double parameters, struct shape *shape)
{
    *shape = (struct shape){.parameters = parameters};
    shape->active = active_by_name(name, parameters, &shape->routed);
    shape->layers = cbrt(shape->active / (12 * 128 * 128));
    shape->hidden = shape->attention = 128 * shape->layers;
    shape->cache = shape->hidden / 2;
}

static void fill(const struct shape *shape, double weights_bytes, double context, struct engine_work *work)
{
    double words = shape->vocabulary * shape->hidden;
    double embedding = shape->untied ? words : 0; /* of which one row is read */
    double bytes_per_weight = weights_bytes / shape->parameters;
    work->layers = shape->layers;
    work->routed = shape->routed;
    work->read_weights = fmax(shape->active - embedding, shape->active / 4);
    work->read_bytes = work->read_weights * bytes_per_weight;
    work->cache_bytes = 2 * shape->layers * shape->cache * context; /* f16 */
    work->tokens = work->decode ? 1 : context;
    /* of a prompt only the last token goes through the head */
    work->prompt_flops = 2 * fmax(work->read_weights - words, shape->active / 4) * work->tokens;
    work->activations = shape->layers * shape->hidden * work->tokens;
    work->attention_macs = 2 * shape->layers * shape->attention * context;
    work->attention_flops = 2 * shape->layers * shape->attention * work->tokens * work->tokens;
}

/* By its name; a file that is called otherwise by its parameters, where these are a published model's to the last one.
 */
static const struct family_size *find_size(const struct record *record)
{
    const struct family_size *size = family_find_size(record->model, NULL);
    for (size_t f = 0; !size && families[f]; f++)
        for (size_t s = 0; families[f]->modes >> MODE_DECODE & 1 && (size = family_size_at(families[f], s)); s++)
            if (size->published == record->parameters)
                break;
    return size;
}

bool engine_work_of_record(const struct record *record, struct engine_work *work)
{
    struct shape shape;
    *work = (struct engine_work){.decode = strcmp(record->mode, "decode") == 0,
                                 .card = strcmp(record->device, "cpu") != 0,
                                 .threads = record->threads};
    snprintf(work->type, sizeof work->type, "%s", record->dtype);
    bool prefill = strcmp(record->mode, "prefill") == 0;
    if ((!work->decode && !prefill) || !record->parameters || record->context <= 0 || strstr(record->id, "/after-"))
        return false;
    const struct family_size *size = find_size(record);
    double parameters = (double)record->parameters;
    if (!size || !shape_of_config(&size->config, parameters, &shape))
        shape_of_count(record->model, parameters, &shape);
    double bytes = record->memory[MEMORY_WEIGHTS] == BYTES_UNKNOWN ? NAN : (double)record->memory[MEMORY_WEIGHTS];
    if (isnan(bytes) && work->decode)
        return false;
    fill(&shape, isnan(bytes) ? parameters : bytes, (double)record->context, work);
    return true;
}

static bool work_of_config(const struct config *config, const struct model_case *one, const char *type,
                           double parameters, double weights_bytes, int threads, struct engine_work *work)
{
    struct shape shape;
    *work = (struct engine_work){.decode = one->mode == MODE_DECODE, .threads = threads};
    snprintf(work->type, sizeof work->type, "%s", type);
    if ((one->mode != MODE_DECODE && one->mode != MODE_PREFILL) || one->batch != 1 || one->context <= 0 ||
        !(parameters > 0) || !(weights_bytes > 0))
        return false;
    if (!shape_of_config(config, parameters, &shape))
        shape_of_count(one->size->name, parameters, &shape);
    fill(&shape, weights_bytes, (double)one->context, work);
    return true;
}

bool engine_work_of_case(const struct model_case *one, const char *type, double parameters, double weights_bytes,
                         int threads, struct engine_work *work)
{
    return work_of_config(&one->size->config, one, type, parameters, weights_bytes, threads, work);
}

/* Settings are a file's own words: one that no model could have is left out. */
static int64_t sane(uint64_t value)
{
    return value < 1u << 24 ? (int64_t)value : 0;
}

bool engine_work_of_settings(const struct settings *settings, const struct model_case *one, const char *type,
                             double parameters, double weights_bytes, int threads, struct engine_work *work)
{
    const struct config config = {.layers = sane(settings->layers),
                                  .hidden = sane(settings->hidden),
                                  .heads = sane(settings->heads),
                                  .kv_heads = sane(settings->kv_heads),
                                  .head_dim = sane(settings->head_dim),
                                  .vocabulary = sane(settings->vocabulary),
                                  .experts = sane(settings->experts),
                                  .chosen = sane(settings->experts_used),
                                  .feed_forward =
                                      sane(settings->experts ? settings->expert_feed_forward : settings->feed_forward),
                                  .shared_feed_forward = sane(settings->shared_feed_forward)};
    return work_of_config(&config, one, type, parameters, weights_bytes, threads, work);
}
