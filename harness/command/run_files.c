#include "harness/command/run_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run/job.h"
#include "models/catalogue/file_family.h"
#include "models/catalogue/file_weights.h"

enum { MOST_FILES = 8, NAME = 80 };

static struct opened {
    struct model_file file;
    struct family_size size;
    char name[NAME];
} opened[MOST_FILES];
static struct file_model models_of[MOST_FILES];
static size_t count;

static bool is_file(const char *name)
{
    return !family_find_size(name, NULL) && model_file_is_meant(name);
}

/* How many they are, each a number within the vocabulary; 0 with an error where one isn't. */
static int64_t token_count(const char *tokens, uint64_t vocabulary, struct error *error)
{
    int64_t found = 0;
    for (const char *at = tokens; *at || !found; found++) {
        char *end;
        unsigned long word = strtoul(at, &end, 10);
        if (*at < '0' || *at > '9' || (*end && *end != ',') || word >= vocabulary) {
            error_set(error, ERROR_INPUT,
                      "--tokens: '%.40s' doesn't begin with a number below %llu, with commas between", at,
                      (unsigned long long)vocabulary);
            return 0;
        }
        at = *end ? end + 1 : end;
    }
    return found;
}

/* Training and decoding don't read words that are given from the first on; what is kept is of one case, which is the
 * forward step unless a filter or a suite says which. */
static unsigned choose_modes(const struct file_wishes *wishes, bool selected)
{
    unsigned inferring = 1u << MODE_FORWARD | 1u << MODE_PREFILL;
    if (wishes->output && !selected)
        return 1u << MODE_FORWARD;
    if (wishes->tokens)
        return inferring;
    return wishes->output ? inferring | 1u << MODE_DECODE : ~0u;
}

/* That the file's weights are the graph's, before anything is measured. */
static bool check_weights(const struct opened *one, const struct family *family, struct error *error)
{
    struct model_case shortest = case_of_size(family, &one->size, MODE_FORWARD);
    shortest.context = family->has_context ? 1 : 0;
    case_name(&shortest);
    struct graph *graph = case_build(&shortest, error);
    bool right = graph && file_weights_check(&one->file, graph, error);
    graph_free(graph);
    return right;
}

static bool open_one(const char *path, const struct file_wishes *wishes, bool selected, struct error *error)
{
    struct opened *one = &opened[count];
    struct file_model *model = &models_of[count];
    if (count == MOST_FILES)
        return error_set(error, ERROR_INPUT, "--model: more than %d files", MOST_FILES);
    if (strlen(path) >= JOB_PATH)
        return error_set(error, ERROR_INPUT, "--model: a path of more than %d characters", JOB_PATH - 1);
    if (!model_file_open(path, &one->file, error))
        return false;
    count++;
    file_size_of(&one->file, path, one->name, sizeof one->name, &one->size);
    one->size.file = path;
    one->size.file_weights = wishes->weights;
    one->size.tokens = wishes->tokens;
    one->size.output = wishes->output;
    if (one->size.contexts[0] > 64)
        one->size.contexts[0] = 64; /* as other models are run */
    if (wishes->tokens) {
        int64_t tokens = token_count(wishes->tokens, one->file.settings.vocabulary, error);
        if (!tokens)
            return false;
        one->size.contexts[0] = tokens;
    }
    *model = (struct file_model){.path = path,
                                 .family = file_family(&one->file, &one->size),
                                 .size = &one->size,
                                 .modes = choose_modes(wishes, selected)};
    if (!model->family && one->file.tensor_count && one->file.outline.count &&
        one->file.outline.parameters != one->file.parameters)
        return error_set(error, ERROR_INPUT,
                         "%.200s: its config.json describes %llu parameters, and its tensors have %llu", path,
                         (unsigned long long)one->file.outline.parameters, (unsigned long long)one->file.parameters);
    if (!model->family)
        return error_set(error, ERROR_INPUT, "%.200s: no family here builds this %s; `benchmark fit` tells its memory",
                         path, one->file.settings.architecture[0] ? one->file.settings.architecture : "model");
    if (wishes->weights && !one->file.tensor_count)
        return error_set(error, ERROR_INPUT, "--weights: %.200s has none; give the .gguf or .safetensors file", path);
    if (wishes->weights && !check_weights(one, model->family, error))
        return false;
    file_run_dtype(&one->file, model->family, model->dtype, sizeof model->dtype);
    return true;
}

bool run_files_open(const char *const *models, const struct file_wishes *wishes, struct selection *selection,
                    struct error *error)
{
    bool right = true, selected = selection->suites || (selection->filters && selection->filters[0]);
    for (size_t m = 0; right && models && models[m]; m++)
        if (is_file(models[m]))
            right = open_one(models[m], wishes, selected, error);
    selection->files = models_of;
    selection->file_count = count;
    if (right && (wishes->weights || wishes->tokens || wishes->output) && !count)
        right = error_set(error, ERROR_INPUT,
                          "--weights, --tokens and --save-output: are of a model's file; name it with --model");
    if (right && ((wishes->tokens && strlen(wishes->tokens) >= JOB_TOKENS) ||
                  (wishes->output && strlen(wishes->output) >= JOB_PATH)))
        right = error_set(error, ERROR_INPUT, "--tokens: at most %d characters; --save-output: %d", JOB_TOKENS - 1,
                          JOB_PATH - 1);
    return right;
}

void run_files_close(void)
{
    while (count)
        model_file_close(&opened[--count].file);
}
