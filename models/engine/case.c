#include "models/engine/case.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/base/parse.h"
#include "models/families/family.h"
#include "models/families/recipe.h"
#include "models/graph/private.h"

static const char *const mode_names[MODE_COUNT] = {"forward", "train", "prefill", "decode", "distill"};

const char *mode_name(enum mode mode)
{
    return mode_names[mode];
}

bool mode_trains(enum mode mode)
{
    return mode == MODE_TRAIN || mode == MODE_DISTILL;
}

/* The seed of every case: weights and inputs are the same on every machine. */
enum { SEED = 1 };

enum { MAX_BATCH = 1 << 20, MAX_CONTEXT = 1 << 24 };

/* ---- reading an id ---- */

static bool take_family(const char *part, const char *id, struct model_case *one, struct error *error)
{
    one->family = family_find(part);
    if (one->family)
        return true;
    const char *names[64];
    size_t count = 0;
    for (; families[count] && count < 64; count++)
        names[count] = families[count]->name;
    char nearest[160];
    nearest_names(part, names, count, 3, nearest, sizeof nearest);
    return error_set(error, ERROR_INPUT, "case '%s': there is no family '%s'; nearest are %s", id, part, nearest);
}

static bool take_model(const char *part, const char *id, struct model_case *one, struct error *error)
{
    const struct family_size *own = one->size; /* of a file, which no table holds */
    if (own && strcasecmp(own->name, part) == 0)
        return true;
    const struct family *family;
    const struct family_size *size = family_find_size(part, &family);
    if (size && family == one->family) {
        one->size = size;
        return true;
    }
    char nearest[160];
    family_nearest_sizes(one->family, part, nearest, sizeof nearest);
    return error_set(error, ERROR_INPUT, "case '%s': family %s has no model '%s'; nearest are %s", id,
                     one->family->name, part, nearest);
}

static bool take_mode(const char *part, const char *id, struct model_case *one, struct error *error)
{
    for (int mode = 0; mode < MODE_COUNT; mode++)
        if (strcasecmp(mode_names[mode], part) == 0) {
            one->mode = (enum mode)mode;
            if (one->family->modes >> mode & 1)
                return true;
            return error_set(error, ERROR_INPUT, "case '%s': family %s has no mode %s", id, one->family->name, part);
        }
    return error_set(error, ERROR_INPUT,
                     "case '%s': '%s' is no mode; modes are forward, train, prefill, decode, distill", id, part);
}

struct model_case case_of_size(const struct family *family, const struct family_size *size, enum mode mode)
{
    return (struct model_case){.family = family,
                               .size = size,
                               .mode = mode,
                               .dtype = DTYPE_F32,
                               .kv_dtype = -1,
                               .batch = 1,
                               .context = family->has_context ? size->contexts[0] : 0,
                               .optimizer = -1,
                               .device = "cpu"};
}

const char *case_dtype_names(void)
{
    return "f32, bf16" RECIPE_NAMES;
}

bool case_set_dtype(struct model_case *one, const char *name)
{
    one->recipe = NULL;
    if (dtype_parse(name, &one->dtype) && (one->dtype == DTYPE_F32 || one->dtype == DTYPE_BF16))
        return true;
    one->dtype = DTYPE_F32;
    one->recipe = recipe_find(name);
    return one->recipe != NULL;
}

static bool take_dtype(const char *part, const char *id, struct model_case *one, struct error *error)
{
    if (case_set_dtype(one, part))
        return true;
    return error_set(error, ERROR_INPUT, "case '%s': '%s' is no dtype that runs here; %s do", id, part,
                     case_dtype_names());
}

static bool take_kv_dtype(const char *name, const char *id, struct model_case *one, struct error *error)
{
    enum dtype dtype;
    if (one->kv_dtype >= 0)
        return error_set(error, ERROR_INPUT, "case '%s': a cache's type twice", id);
    if (!dtype_parse(name, &dtype) || dtype == DTYPE_I32 || (dtype_quantised(dtype) && dtype != DTYPE_Q8_0))
        return error_set(error, ERROR_INPUT, "case '%s': '%s' is no type of a cache; f32, bf16, f16 and q8_0 are", id,
                         name);
    one->kv_dtype = (int)dtype;
    return true;
}

static const double MOST_SKEW = 4;

static bool take_skew(const char *number, const char *id, struct model_case *one, struct error *error)
{
    char what[CASE_ID_SIZE + 32];
    snprintf(what, sizeof what, "case '%s': the routing's skew", id);
    double skew;
    if (one->skew > 0)
        return error_set(error, ERROR_INPUT, "%s twice", what);
    if (!parse_number(number, what, 0, MOST_SKEW, &skew, error))
        return false;
    one->skew = roundf((float)skew * 1000) / 1000;
    return true;
}

static bool take_layers(const char *number, const char *id, struct model_case *one, struct error *error)
{
    char what[CASE_ID_SIZE + 32];
    snprintf(what, sizeof what, "case '%s': layers", id);
    uint64_t value;
    if (one->layers)
        return error_set(error, ERROR_INPUT, "%s twice", what);
    if (!parse_count(number, what, 1, (uint64_t)1 << 20, &value, error))
        return false;
    one->layers = (int64_t)value;
    return true;
}

/* What else a training step may be told. */
static const struct {
    const char *word;
    size_t offset; /* of the flag in struct model_case */
} training_words[] = {{"checkpointing", offsetof(struct model_case, checkpointing)},
                      {"dropout", offsetof(struct model_case, dropout)},
                      {"l1", offsetof(struct model_case, l1)},
                      {"l2", offsetof(struct model_case, l2)},
                      {"mse", offsetof(struct model_case, mse)},
                      {"dp-sgd", offsetof(struct model_case, dp_sgd)}};
enum { TRAINING_WORD_COUNT = sizeof training_words / sizeof *training_words };

static const float DROPOUT_RATE = 0.1f, L1 = 1e-5f, L2 = 1e-4f;
/* dp-sgd: the norm that a sample's gradient is clipped to, and the noise in units of it (Abadi et al. 2016) */
static const float CLIP_NORM = 1, NOISE = 1.1f;

static bool *training_flag(struct model_case *one, int word)
{
    return (bool *)((char *)one + training_words[word].offset);
}

/* bN, sN, an optimizer's name, or another word about the training. */
static bool take_shape(const char *part, const char *id, struct model_case *one, struct error *error)
{
    char what[CASE_ID_SIZE + 32];
    snprintf(what, sizeof what, "case '%s': %s", id, *part == 'b' ? "batch" : "context");
    uint64_t value;
    if ((*part == 'b' || *part == 's') && part[1] >= '0' && part[1] <= '9') {
        int64_t *size = *part == 'b' ? &one->batch : &one->context;
        if (*size)
            return error_set(error, ERROR_INPUT, "%s twice", what);
        if (!parse_count(part + 1, what, 1, *part == 'b' ? MAX_BATCH : MAX_CONTEXT, &value, error))
            return false;
        *size = (int64_t)value;
        return true;
    }
    if (strncasecmp(part, "kv-", 3) == 0)
        return take_kv_dtype(part + 3, id, one, error);
    if (strncasecmp(part, "skew-", 5) == 0)
        return take_skew(part + 5, id, one, error);
    if (strncasecmp(part, "layers-", 7) == 0)
        return take_layers(part + 7, id, one, error);
    for (int word = 0; word < TRAINING_WORD_COUNT; word++)
        if (strcasecmp(part, training_words[word].word) == 0) {
            *training_flag(one, word) = true;
            return true;
        }
    for (int kind = 0; kind < OPTIMIZER_COUNT; kind++)
        if (strcasecmp(part, optimizer_name((enum optimizer_kind)kind)) == 0) {
            if (one->optimizer >= 0)
                return error_set(error, ERROR_INPUT, "case '%s': an optimizer twice", id);
            one->optimizer = kind;
            return true;
        }
    return error_set(
        error, ERROR_INPUT,
        "case '%s': '%s' is neither a batch (b4), a context (s64), an optimizer, checkpointing, dropout, "
        "l1, l2, mse, dp-sgd, a cache's type (kv-f16), a routing's skew (skew-1) nor fewer layers (layers-2)",
        id, part);
}

static bool check_shape(const char *id, struct model_case *one, struct error *error)
{
    if (!family_has_dtype(one->family, one->dtype))
        return error_set(error, ERROR_INPUT, "case '%s': family %s doesn't run in %s", id, one->family->name,
                         dtype_info(one->dtype)->name);
    if (!one->batch)
        return error_set(error, ERROR_INPUT, "case '%s' has no batch, such as /b1", id);
    if (one->family->has_context != (one->context != 0))
        return error_set(error, ERROR_INPUT,
                         one->context ? "case '%s': family %s has no context"
                                      : "case '%s': family %s needs a context, such as /s64",
                         id, one->family->name);
    if (one->context > one->size->config.max_context && one->family->has_context)
        return error_set(error, ERROR_INPUT, "case '%s': %s has positions for a context of at most %lld", id,
                         one->size->name, (long long)one->size->config.max_context);
    bool caches = one->mode == MODE_PREFILL || one->mode == MODE_DECODE;
    if (one->kv_dtype >= 0 && !caches)
        return error_set(error, ERROR_INPUT, "case '%s': a cache's type goes with the modes prefill and decode", id);
    if (one->skew > 0 && !one->family->routes)
        return error_set(error, ERROR_INPUT, "case '%s': a routing's skew goes with family moe", id);
    if (one->layers > one->size->config.layers)
        return error_set(error, ERROR_INPUT, "case '%s': %s has %lld layers to take some of", id, one->size->name,
                         (long long)one->size->config.layers);
    if (one->layers == one->size->config.layers)
        one->layers = 0;
    if (one->recipe && !one->family->quantises)
        return error_set(error, ERROR_INPUT, "case '%s': family %s runs in f32 and bf16, not in %s", id,
                         one->family->name, one->recipe->name);
    if (one->recipe && (one->mode == MODE_TRAIN || one->mode == MODE_DISTILL))
        return error_set(error, ERROR_INPUT, "case '%s': f32 and bf16 are trained, %s isn't", id, one->recipe->name);
    bool trains = one->optimizer >= 0;
    for (int word = 0; word < TRAINING_WORD_COUNT; word++)
        trains |= *training_flag(one, word);
    if (!family_has_mode(one->family, one->size, one->mode))
        return error_set(error, ERROR_INPUT, "case '%s': %s has no teacher that it could be distilled from", id,
                         one->size->name);
    if (one->mode == MODE_DISTILL && one->mse)
        return error_set(error, ERROR_INPUT, "case '%s': mode distill has a loss of its own, not mse", id);
    if (one->mode == MODE_DISTILL && one->dp_sgd)
        return error_set(error, ERROR_INPUT, "case '%s': dp-sgd goes with mode train, not distill", id);
    if (!mode_trains(one->mode) && trains)
        return error_set(
            error, ERROR_INPUT,
            "case '%s': an optimizer, checkpointing, dropout, l1, l2, mse and dp-sgd go with mode train or distill",
            id);
    if (one->family->solves && trains)
        return error_set(error, ERROR_INPUT, "case '%s': family %s has its own training, which nothing else changes",
                         id, one->family->name);
    return true;
}

bool case_parse(const char *id, struct model_case *one, struct error *error)
{
    return case_parse_of(id, NULL, one, error);
}

bool case_parse_of(const char *id, const struct family_size *size, struct model_case *one, struct error *error)
{
    *one = (struct model_case){.kv_dtype = -1, .optimizer = -1, .device = "cpu", .size = size};
    char copy[CASE_ID_SIZE], *rest = copy, *part;
    if (strlen(id) >= sizeof copy)
        return error_set(error, ERROR_INPUT, "a case's name of %zu characters is too long: '%.40s…'", strlen(id), id);
    strcpy(copy, id);
    char *device = strchr(copy, '@');
    if (device) {
        *device++ = '\0';
        if (strcmp(device, "cpu") != 0)
            return error_set(error, ERROR_INPUT, "case '%s': device '%s' isn't one that runs here; cpu is", id, device);
    }
    for (int index = 0; (part = strsep(&rest, "/")); index++) {
        bool right = true;
        if (index == 0) {
            right = take_family(part, id, one, error);
        } else if (index == 1) {
            right = take_model(part, id, one, error);
        } else if (index == 2) {
            right = take_mode(part, id, one, error);
        } else if (index == 3) {
            right = take_dtype(part, id, one, error);
        } else {
            right = take_shape(part, id, one, error);
        }
        if (!right)
            return false;
    }
    if (!one->size || strchr(id, '/') == NULL)
        return error_set(error, ERROR_INPUT, "'%s' is no case: family/model/mode/dtype/bN[/sN] is", id);
    if (!check_shape(id, one, error))
        return false;
    case_name(one);
    return true;
}

const char *case_dtype_name(const struct model_case *one)
{
    return one->recipe ? one->recipe->name : dtype_info(one->dtype)->name;
}

enum dtype case_kv_dtype(const struct model_case *one)
{
    return one->kv_dtype >= 0 ? (enum dtype)one->kv_dtype : one->recipe ? DTYPE_F16 : one->dtype;
}

void case_name(struct model_case *one)
{
    int length = snprintf(one->id, sizeof one->id, "%s/%s/%s/%s/b%lld", one->family->name, one->size->name,
                          mode_names[one->mode], case_dtype_name(one), (long long)one->batch);
    size_t used = (size_t)length;
    if (one->context && used < sizeof one->id)
        used += (size_t)snprintf(one->id + used, sizeof one->id - used, "/s%lld", (long long)one->context);
    if (one->kv_dtype >= 0 && used < sizeof one->id)
        used += (size_t)snprintf(one->id + used, sizeof one->id - used, "/kv-%s",
                                 dtype_info((enum dtype)one->kv_dtype)->name);
    if (one->skew > 0 && used < sizeof one->id)
        used += (size_t)snprintf(one->id + used, sizeof one->id - used, "/skew-%g", (double)one->skew);
    if (one->layers && used < sizeof one->id)
        used += (size_t)snprintf(one->id + used, sizeof one->id - used, "/layers-%lld", (long long)one->layers);
    bool own = one->optimizer < 0 || one->optimizer == (int)one->family->optimizer;
    if (!own && used < sizeof one->id)
        used += (size_t)snprintf(one->id + used, sizeof one->id - used, "/%s",
                                 optimizer_name((enum optimizer_kind)one->optimizer));
    for (int word = 0; word < TRAINING_WORD_COUNT; word++)
        if (*training_flag(one, word) && used < sizeof one->id)
            used += (size_t)snprintf(one->id + used, sizeof one->id - used, "/%s", training_words[word].word);
    if (strcmp(one->device, "cpu") != 0 && used < sizeof one->id)
        snprintf(one->id + used, sizeof one->id - used, "@%s", one->device);
}

/* ---- building ---- */

/* The teacher's forward part: as published, but with the student's vocabulary and classes, and as many blocks fewer as
 * a check takes from the student. */
static bool build_teacher(struct graph *graph, const struct model_case *one, const struct config *student,
                          struct error *error)
{
    struct model_case teacher = *one;
    const struct family *family;
    teacher.size = family_find_size(one->size->teacher, &family);
    if (!teacher.size || family != one->family)
        return error_set(error, ERROR_INPUT, "there is no %s in family %s", one->size->teacher, one->family->name);
    struct config config = teacher.size->config;
    int64_t whole = one->size->config.layers;
    config.layers = whole ? (config.layers * student->layers + whole - 1) / whole : config.layers;
    config.vocabulary = student->vocabulary;
    config.classes = student->classes;
    graph->teaching = true;
    bool right = one->family->build(graph, &config, &teacher, error);
    graph->teaching = false;
    graph->teacher = graph->output;
    graph->output = NO_TENSOR;
    return right;
}

static struct graph *build_untrained(const struct model_case *one, const struct config *config, bool nameless,
                                     struct error *error)
{
    struct graph *graph = graph_create(SEED);
    if (!graph) {
        error_set(error, ERROR_SYSTEM, "out of memory for the graph");
        return NULL;
    }
    graph->nameless = nameless && !one->size->stored.type_of; /* whose types go by names */
    if (one->mode == MODE_DISTILL && !build_teacher(graph, one, config, error)) {
        error_prefix(error, "case %s: its teacher", one->id);
        graph_free(graph);
        return NULL;
    }
    graph->training = mode_trains(one->mode);
    graph->dropout_rate = one->dropout ? DROPOUT_RATE : 0;
    graph->squares_errors = one->mse;
    graph->recipe = one->recipe;
    graph->layers = (int)config->layers;
    bool stored = one->size->stored.type_of && one->recipe && one->recipe == one->size->stored.recipe;
    graph->stored = stored ? &one->size->stored : NULL;
    if (!one->family->build(graph, config, one, error)) {
        error_prefix(error, "case %s", one->id);
        graph_free(graph);
        return NULL;
    }
    return graph;
}

struct graph *case_build_untrained(const struct model_case *one, const struct config *config, struct error *error)
{
    return build_untrained(one, config, false, error);
}

static struct graph *build_config(const struct model_case *one, const struct config *config, bool nameless,
                                  struct error *error)
{
    struct model_case built = *one;
    built.batch = one->dp_sgd ? 1 : one->batch; /* private training takes the samples apart */
    struct graph *graph = build_untrained(&built, config, nameless, error);
    if (!graph || !graph->training || one->family->solves)
        return graph;
    enum optimizer_kind kind = one->optimizer < 0 ? one->family->optimizer : (enum optimizer_kind)one->optimizer;
    struct optimizer optimizer = optimizer_defaults(kind);
    optimizer.l1 = one->l1 ? L1 : 0;
    optimizer.l2 = one->l2 ? L2 : 0;
    const struct training training = {.optimizer = &optimizer, .checkpointing = one->checkpointing};
    const struct privacy privacy = {.batch = one->batch, .norm = CLIP_NORM, .noise = NOISE};
    if (!(one->dp_sgd ? graph_train_privately(graph, &training, &privacy, error)
                      : graph_train(graph, &training, NULL, error))) {
        error_prefix(error, "case %s", one->id);
        graph_free(graph);
        return NULL;
    }
    return graph;
}

struct graph *case_build_config(const struct model_case *one, const struct config *config, struct error *error)
{
    return build_config(one, config, false, error);
}

struct config case_config(const struct model_case *one)
{
    struct config config = one->size->config;
    if (one->layers) {
        config.layers = one->layers;
        if (config.decoder_layers > config.layers)
            config.decoder_layers = config.layers;
    }
    return config;
}

struct graph *case_build(const struct model_case *one, struct error *error)
{
    struct config config = case_config(one);
    return case_build_config(one, &config, error);
}

/* A student finds its teacher's inputs by their names; and what is wrong with a graph is told by names. */
struct graph *case_build_config_shapes(const struct model_case *one, const struct config *config, struct error *error)
{
    struct graph *graph = one->mode == MODE_DISTILL ? NULL : build_config(one, config, true, NULL);
    return graph ? graph : case_build_config(one, config, error);
}

struct graph *case_build_shapes(const struct model_case *one, struct error *error)
{
    struct config config = case_config(one);
    return case_build_config_shapes(one, &config, error);
}

double case_units(const struct model_case *one)
{
    return one->family->units(one);
}

const char *case_unit(const struct model_case *one)
{
    return family_unit(one->family, one->mode);
}
