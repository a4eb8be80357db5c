/* `run --engine`: another engine's benchmark program, and the files that it is given. */
#ifndef COMMAND_RUN_ENGINE_H
#define COMMAND_RUN_ENGINE_H

#include "harness/run/engine_bench.h"

/* `engine` is "llama-bench", searched for on PATH, or "llama-bench=PATH"; the models are GGUF files, which are opened
 * and refused here. Fills the request's program and models, which live until run_engine_close. */
bool run_engine_open(const char *engine, const char *const *models, struct engine_request *request,
                     struct error *error);
void run_engine_close(void);

#endif
