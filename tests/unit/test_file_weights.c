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

static void load(const char *path, enum mode mode, int64_t context, struct loaded *model)
{
    struct error error = {0};
    ck_assert_msg(model_file_open(path, &model->file, &error), "%s", error.message);
    file_size_of(&model->file, path, model->name, sizeof model->name, &model->size);
    const struct family *family = file_family(&model->file, &model->size);
    ck_assert_msg(family != NULL, "%s: no family builds it", path);
    struct model_case one = case_of_size(family, &model->size, mode);
    one.context = family->has_context ? context : 0;
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

/* Tokens as given, of the first type; or a picture. */
static void put_inputs(struct loaded *model, const float *tokens)
{
    static float first[MOST_TOKENS], image[1 << 10];
    for (int i = 0; i < 1 << 10; i++)
        image[i] = (float)(i * 7919 % 1000) / 500 - 1;
    for (int t = 0; t < model->graph->tensor_count; t++) {
        const struct tensor *tensor = &model->graph->tensors[t];
        if (tensor->role == ROLE_INPUT && strcmp(tensor->name, "tokens") == 0)
            engine_write(model->engine, t, tokens);
        if (tensor->role == ROLE_INPUT && strcmp(tensor->name, "types") == 0)
            engine_write(model->engine, t, first);
        if (tensor->role == ROLE_INPUT && strcmp(tensor->name, "images") == 0)
            engine_write(model->engine, t, image);
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

/* Runs the file's model, and compares the last `count` values of its output. */
static void compare(const char *path, enum mode mode, const float *tokens, size_t length, const float *want,
                    size_t count)
{
    static float found[1 << 14];
    struct loaded model = {0};
    load(path, mode, (int64_t)length, &model);
    put_inputs(&model, tokens);
    engine_step(model.engine);
    int output = model.graph->output;
    size_t made = (size_t)tensor_elements(&model.graph->tensors[output]);
    ck_assert_msg(mode == MODE_FORWARD ? made == count : made < count, "%s: %zu outputs", path, made);
    engine_read(model.engine, output, found);
    float largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmaxf(largest, fabsf(want[i]));
    want += count - made;
    for (size_t i = 0; i < made; i++)
        ck_assert_msg(fabsf(found[i] - want[i]) <= 1e-4f * largest, "%s %s: output %zu is %g, transformers has %g",
                      path, mode_name(mode), i, (double)found[i], (double)want[i]);
    unload(&model);
}

static bool caches(const char *path)
{
    struct model_file file;
    struct family_size size = {0};
    struct error error = {0};
    ck_assert_msg(model_file_open(path, &file, &error), "%s", error.message);
    const struct family *family = file_family(&file, &size);
    model_file_close(&file);
    return family && family->modes >> MODE_PREFILL & 1;
}

START_TEST(outputs_are_those_of_transformers)
{
    char *text = text_read_file(GOLDEN_DATA "/file_weights.txt", 1 << 20), *rest = text, *line;
    int lines = 0;
    ck_assert_ptr_nonnull(text);
    for (; (line = strsep(&rest, "\n")) && *line; lines++) {
        static float want[1 << 14];
        float tokens[MOST_TOKENS];
        char path[512];
        snprintf(path, sizeof path, "%s/models/%s", UNIT_DATA, strsep(&line, "|"));
        size_t length = take_numbers(strsep(&line, "|"), tokens, MOST_TOKENS);
        size_t count = take_numbers(line, want, sizeof want / sizeof *want);
        compare(path, MODE_FORWARD, tokens, length, want, count);
        if (caches(path))
            compare(path, MODE_PREFILL, tokens, length, want, count);
    }
    free(text);
    ck_assert_int_eq(lines, 37);
}
END_TEST

START_TEST(a_file_without_the_tensors_is_refused)
{
    struct loaded model = {0};
    struct error error = {0};
    load(UNIT_DATA "/models/bert", MODE_FORWARD, 4, &model);
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
