#include "harness/command/run_engine.h"

#include <stdio.h>
#include <string.h>

#include "harness/run/program.h"
#include "models/catalogue/file_family.h"

enum { MOST_FILES = 32, PATH_SIZE = 4096 };

static char program[PATH_SIZE];
static struct opened {
    struct model_file file;
    char dtype[24];
} opened[MOST_FILES];
static struct engine_model models_of[MOST_FILES];
static size_t count;

/* llama-bench takes several values of an option with commas between them. */
static bool open_one(const char *path, struct error *error)
{
    struct opened *one = &opened[count];
    if (count == MOST_FILES)
        return error_set(error, ERROR_INPUT, "--model: more than %d files", MOST_FILES);
    if (strchr(path, ','))
        return error_set(error, ERROR_INPUT, "--model: %.200s: llama-bench takes no path with a comma in it", path);
    if (!model_file_is_meant(path))
        return error_set(error, ERROR_INPUT,
                         "--model: '%.200s' is no file; llama-bench runs GGUF files, not the models listed here", path);
    if (!model_file_open(path, &one->file, error))
        return false;
    count++;
    if (one->file.format != FILE_GGUF)
        return error_set(error, ERROR_INPUT, "--model: %.200s is %s; llama-bench runs GGUF files", path,
                         file_format_name(one->file.format));
    file_dtype(&one->file, one->dtype, sizeof one->dtype);
    models_of[count - 1] = (struct engine_model){.path = path,
                                                 .architecture = one->file.settings.architecture,
                                                 .dtype = one->dtype,
                                                 .file_bytes = one->file.file_bytes,
                                                 .parameters = one->file.parameters,
                                                 .most_context = one->file.settings.max_context};
    return true;
}

static bool find_program(const char *engine, struct error *error)
{
    static const char name[] = "llama-bench";
    size_t length = sizeof name - 1;
    if (strncmp(engine, name, length) != 0 || (engine[length] && engine[length] != '='))
        return error_set(error, ERROR_INPUT,
                         "--engine: '%s' can't be run; native, llama-bench and llama-bench=PATH can", engine);
    if (program_find(engine[length] ? engine + length + 1 : name, program, sizeof program))
        return true;
    return engine[length]
               ? error_set(error, ERROR_INPUT, "--engine: %.300s is no program that may be run", engine + length + 1)
               : error_set(error, ERROR_INPUT,
                           "--engine: no llama-bench on PATH; --engine llama-bench=PATH says where it is");
}

bool run_engine_open(const char *engine, const char *const *models, struct engine_request *request, struct error *error)
{
    bool right = find_program(engine, error);
    if (right && (!models || !models[0]))
        right = error_set(error, ERROR_INPUT, "--engine: --model FILE.gguf says what llama-bench is to run");
    for (size_t m = 0; right && models[m]; m++)
        right = open_one(models[m], error);
    request->program = program;
    request->models = models_of;
    request->model_count = count;
    return right;
}

void run_engine_close(void)
{
    while (count)
        model_file_close(&opened[--count].file);
}
