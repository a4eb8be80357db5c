/* The suites as data, and what is picked by them; see suites.h. Selection is in selection.c. */
#include "harness/run/suites.h"

#include <stdlib.h>
#include <string.h>

#include "harness/run/case_list.h"
#include "models/families/family.h"

#define FORWARD (1u << MODE_FORWARD)
#define PREFILL (1u << MODE_PREFILL)
#define DECODE (1u << MODE_DECODE)
#define TRAIN (1u << MODE_TRAIN)
#define DISTILL (1u << MODE_DISTILL)

static const struct pick quick_picks[] = {
    {FORWARD | TRAIN, "f32", 1, 1, 1},
    {FORWARD, "bf16", 1, 1, 1},
    {DECODE, "bf16 q4_0", 1, 1, 1},
};
static const struct pick all_picks[] = {
    {FORWARD, "f32 bf16", 3, 1, 1},    {PREFILL, "f32 q4_0", 1, 1, 1}, {DECODE, "f32 bf16 q8_0 q4_0 q4_K_M", 2, 1, 1},
    {TRAIN | DISTILL, "f32", 3, 1, 1}, {TRAIN, "bf16", 1, 1, 1},
};
static const struct pick nightly_picks[] = {
    {FORWARD | TRAIN | DISTILL, "f32", 2, 1, 1},
    {DECODE, "q8_0 q4_0", 2, 1, 1},
};
/* What estimates rest on: each op at small and large shapes, in every mode and dtype. */
static const struct pick calibration_picks[] = {
    {FORWARD | TRAIN, "f32", 2, 1, 1},
    {FORWARD | TRAIN, "bf16", 1, 1, 1},
    {DECODE, "f32 bf16 q8_0 q4_K_M", 1, 1, 1},
    {PREFILL, "bf16 q8_0 q4_K_M", 1, 1, 1},
};
static const struct pick train_picks[] = {{TRAIN | DISTILL, "f32 bf16", 3, 1, 0}};
static const struct pick infer_picks[] = {
    {FORWARD | PREFILL | DECODE, "f32 bf16", 0, 2, 0},
    {PREFILL | DECODE, "f16 q8_0 q4_0 q4_K q6_K q4_K_M", 0, 2, 0},
};

/* One relative of llama for each thing that it does differently: windows, normalised heads, biases. */
static const char *const all_named[] = {"llama/gemma-3-270m/decode/q4_0/b1/s64",
                                        "llama/gemma-3-270m/decode/bf16/b1/s64", "llama/qwen3-0.6b/decode/q4_0/b1/s64",
                                        "llama/qwen2.5-0.5b/decode/q4_K_M/b1/s64", NULL};

#define PICKS(picks) picks, sizeof picks / sizeof *picks

const struct suite suites[] = {
    {"quick", "the smallest model of every family, in under a minute", 50, 2, PICKS(quick_picks), NULL},
    {"all", "every family over its sizes, modes and dtypes, in under ten minutes", 570, 2, PICKS(all_picks), all_named},
    {"nightly", "what a nightly run watches: the same cases, measured long enough to see small changes", 1200, 3,
     PICKS(nightly_picks), NULL},
    {"calibration", "what `fit` rests its estimates on: a few steps of small and middle sizes", 30, 1,
     PICKS(calibration_picks), NULL},
    {"train", "training steps of every family", 600, 2, PICKS(train_picks), NULL},
    {"infer", "forward, prefill and decode of every family, at every dtype", 600, 2, PICKS(infer_picks), NULL},
};
const size_t suite_count = sizeof suites / sizeof *suites;

const struct suite *suite_find(const char *name)
{
    for (size_t i = 0; i < suite_count; i++)
        if (!strcmp(suites[i].name, name))
            return &suites[i];
    return NULL;
}

void case_list_free(struct case_list *list)
{
    free(list->cases);
    *list = (struct case_list){0};
}

bool case_list_add(struct case_list *list, const struct model_case *one, struct error *error)
{
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->cases[i].id, one->id))
            return true;
    struct model_case *more = realloc(list->cases, (list->count + 1) * sizeof *more);
    if (!more)
        return error_set(error, ERROR_SYSTEM, "not enough memory to list the cases");
    list->cases = more;
    more[list->count++] = *one;
    return true;
}

/* How many of a 0-ended list are taken: at least the one that stands for "none" where it is empty. */
static size_t taken(const int64_t list[4], size_t most)
{
    size_t count = 0;
    while (count < 4 && list[count] && (!most || count < most))
        count++;
    return count ? count : 1;
}

/* A combination that the family or the engine doesn't have is no case. */
static bool add_shape(struct case_list *list, struct model_case one, struct error *error)
{
    struct model_case parsed;
    struct error refused;
    strcpy(one.device, "cpu");
    case_name(&one);
    return !case_parse_of(one.id, one.size, &parsed, &refused) || case_list_add(list, &parsed, error);
}

static bool add_size(struct case_list *list, struct model_case one, const struct pick *pick, struct error *error)
{
    bool right = true;
    for (size_t b = 0; right && b < taken(one.size->batches, pick->batches); b++)
        for (size_t c = 0; right && c < taken(one.size->contexts, pick->contexts); c++) {
            one.batch = one.size->batches[b] ? one.size->batches[b] : 1;
            one.context = one.size->contexts[c];
            right = add_shape(list, one, error);
        }
    return right;
}

static bool add_dtypes(struct case_list *list, struct model_case one, const struct pick *pick, struct error *error)
{
    bool right = true;
    for (const char *name = pick->dtypes; right && *name; name += strspn(name, " ")) {
        char word[16];
        size_t length = strcspn(name, " ");
        memcpy(word, name, length);
        word[length] = '\0';
        name += length;
        if (case_set_dtype(&one, word))
            right = add_size(list, one, pick, error);
    }
    return right;
}

bool pick_size(const struct pick *pick, const struct family *family, const struct family_size *size,
               struct case_list *list, struct error *error)
{
    bool right = true;
    for (int mode = 0; right && mode < MODE_COUNT; mode++)
        if (family->modes & pick->modes & 1u << mode) {
            const struct model_case one = case_of_size(family, size, (enum mode)mode);
            right = add_dtypes(list, one, pick, error);
        }
    return right;
}

/* For each family all picks side by side, so that a table reads family by family. */
static bool pick_family(const struct suite *suite, const struct family *family, struct case_list *list,
                        struct error *error)
{
    size_t runnable = 0;
    bool right = true;
    for (size_t s = 0; right && s < family->size_count; s++) {
        if (!family->sizes[s].runnable)
            continue;
        for (size_t p = 0; right && p < suite->pick_count; p++) {
            struct pick pick = suite->picks[p];
            /* A student is not among the smallest: where more than those are taken, it is taken as a student. */
            if (pick.sizes && runnable >= pick.sizes)
                pick.modes &= pick.sizes > 1 ? 1u << MODE_DISTILL : 0;
            right = pick_size(&pick, family, &family->sizes[s], list, error);
        }
        runnable++;
    }
    return right;
}

bool suite_cases(const struct suite *suite, struct case_list *list, struct error *error)
{
    *list = (struct case_list){0};
    bool right = true;
    for (size_t f = 0; right && families[f]; f++)
        right = pick_family(suite, families[f], list, error);
    for (size_t i = 0; right && suite->named && suite->named[i]; i++) {
        struct model_case one;
        right = case_parse(suite->named[i], &one, error) && case_list_add(list, &one, error);
    }
    if (!right)
        case_list_free(list);
    return right;
}
