/* Models with their files' weights: what they compute is what transformers computes with the same files
 * (tests/golden/file_weights.py). */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/text.h"
#include "models/catalogue/file_family.h"
#include "models/catalogue/file_weights.h"
#include "models/engine/case.h"
#include "models/graph/plan.h"
#include "tests/suite.h"

enum { MOST_TOKENS = 64 };

struct loaded {
    struct model_file file;
    struct family_size size;
    char name[80];
    struct graph *graph;
    struct plan plan;
    struct engine *engine;
};

static void load(const char *path, int64_t context, struct loaded *model)
{
    struct error error = {0};
    ck_assert_msg(model_file_open(path, &model->file, &error), "%s", error.message);
    file_size_of(&model->file, path, model->name, sizeof model->name, &model->size);
    const struct family *family = file_family(&model->file, &model->size);
    ck_assert_msg(family != NULL, "%s: no family builds it", path);
    struct model_case one = case_of_size(family, &model->size, MODE_FORWARD);
    one.context = context;
    case_name(&one);
    model->graph = case_build(&one, &error);
    ck_assert_msg(model->graph && plan_make(model->graph, 1, &model->plan, &error), "%s", error.message);
    const struct engine_options options = {.threads = 1};
    model->engine = engine_open(model->graph, &model->plan, &options, &error);
    ck_assert_msg(model->engine && file_weights_load(&model->file, model->graph, model->engine, &error), "%s",
                  error.message);
}

static void unload(struct loaded *model)
{
    engine_close(model->engine);
    plan_free(&model->plan);
    graph_free(model->graph);
    model_file_close(&model->file);
}

/* Tokens as given, of the first type. */
static void put_tokens(struct loaded *model, const float *tokens)
{
    static const float first[MOST_TOKENS];
    for (int t = 0; t < model->graph->tensor_count; t++) {
        const struct tensor *tensor = &model->graph->tensors[t];
        if (tensor->role == ROLE_INPUT && strcmp(tensor->name, "tokens") == 0)
            engine_write(model->engine, t, tokens);
        if (tensor->role == ROLE_INPUT && strcmp(tensor->name, "types") == 0)
            engine_write(model->engine, t, first);
    }
}

static size_t take_numbers(char *text, float *out, size_t most)
{
    size_t count = 0;
    for (char *end; count < most; text = end, count++) {
        out[count] = strtof(text, &end);
        if (end == text)
            break;
    }
    return count;
}

START_TEST(outputs_are_those_of_transformers)
{
    char *text = text_read_file(GOLDEN_DATA "/file_weights.txt", 1 << 20), *rest = text, *line;
    int lines = 0;
    ck_assert_ptr_nonnull(text);
    for (; (line = strsep(&rest, "\n")) && *line; lines++) {
        static float want[1 << 14], found[1 << 14];
        float tokens[MOST_TOKENS];
        char path[512];
        struct loaded model = {0};
        snprintf(path, sizeof path, "%s/models/%s", UNIT_DATA, strsep(&line, "|"));
        size_t length = take_numbers(strsep(&line, "|"), tokens, MOST_TOKENS);
        size_t count = take_numbers(line, want, sizeof want / sizeof *want);
        load(path, (int64_t)length, &model);
        put_tokens(&model, tokens);
        engine_step(model.engine);
        int output = model.graph->output;
        ck_assert_uint_eq((size_t)tensor_elements(&model.graph->tensors[output]), count);
        engine_read(model.engine, output, found);
        float largest = 0;
        for (size_t i = 0; i < count; i++)
            largest = fmaxf(largest, fabsf(want[i]));
        for (size_t i = 0; i < count; i++)
            ck_assert_msg(fabsf(found[i] - want[i]) <= 1e-5f * largest, "%s: output %zu is %g, transformers has %g",
                          path, i, (double)found[i], (double)want[i]);
        unload(&model);
    }
    free(text);
    ck_assert_int_eq(lines, 3);
}
END_TEST

START_TEST(a_file_without_the_tensors_is_refused)
{
    struct loaded model = {0};
    struct error error = {0};
    load(UNIT_DATA "/models/bert", 4, &model);
    struct file_tensor *tensor = &model.file.tensors[0];
    tensor->name = "something.else";
    ck_assert(!file_weights_load(&model.file, model.graph, model.engine, &error));
    ck_assert_msg(strstr(error.message, "has no tensor that is the model's"), "%s", error.message);
    unload(&model);
}
END_TEST

int main(void)
{
    return suite_run("file_weights", 60,
                     SUITE(ONCE(outputs_are_those_of_transformers), ONCE(a_file_without_the_tensors_is_refused)));
}
