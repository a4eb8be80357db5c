/* Which model and which storage a llama-bench row speaks of. */
#ifndef STORE_LLAMA_BENCH_MODEL_H
#define STORE_LLAMA_BENCH_MODEL_H

#include "harness/store/llama_bench.h"

/* Fills the record's family, model, task and dtype: the zoo's where the file's name or the description is that of one
 * of its sizes, else what the row calls them. */
void bench_name_model(const struct bench_row *row, struct record *record);

#endif
