/* llama-bench's results as runs: one a machine, its cases those of the zoo where the model is one of the zoo. */
#ifndef STORE_LLAMA_BENCH_RUN_H
#define STORE_LLAMA_BENCH_RUN_H

#include "harness/store/llama_bench.h"

#define ENGINE_LLAMA_CPP "llama.cpp"

/* The runs that the rows make, at most one a machine; `machine` names it where the rows don't (NULL: the file's stem
 * does). Ids are made of the results, so that the same ones give the same id whatever form they came in. The caller
 * frees each run and *runs. */
bool bench_runs(const struct bench_rows *rows, const char *name, const char *machine, struct run **runs, size_t *count,
                struct error *error);

/* A row as a record, filled anew; the caller frees it. False without memory. */
bool bench_record(const struct bench_row *row, struct record *record, struct error *error);

#endif
