/* Measuring another engine by that engine's own benchmark program: llama.cpp's llama-bench, on GGUF files.
 *
 * Each test of each model is a process of its own, so that one that hangs, crashes or prints nonsense costs itself
 * alone. Tests go round: all models' first, then all models' second, and all once more while the budget lasts. What
 * comes of each is kept at once, as a case of the engine llama.cpp in a run of its own. */
#ifndef RUN_ENGINE_BENCH_H
#define RUN_ENGINE_BENCH_H

#include "harness/run/execute.h"

struct engine_model {
    const char *path;
    const char *architecture, *dtype; /* as the file says: what a case is called by before the program has named it */
    uint64_t file_bytes, parameters;
    uint64_t most_context; /* that the model has positions for; 0 unknown */
};

/* What llama-bench is asked for with each model. */
struct engine_test {
    int prompt, generated, depth; /* tokens: read, generated, and in the cache before that */
};
extern const struct engine_test engine_tests[];
extern const size_t engine_test_count;

struct engine_request {
    const char *program; /* its path */
    const struct engine_model *models;
    size_t model_count;
    const struct run_request *run; /* of which the cases, the suite and what is resumed aren't read */
};

/* As run_execute. */
bool engine_bench(const struct engine_request *request, struct run *run, struct error *error);

#endif
