/* What llama.cpp's llama-bench prints, as rows and as runs: json, jsonl, csv, md and sql, of any version of it.
 *
 * A row is one test: so many tokens of prompt, or so many generated, with one model and one setting. Its fields are
 * named by llama-bench's own columns (tools/llama-bench/llama-bench.cpp of llama.cpp, from 2023 to August 2026); md has
 * short names for some. A field that a version doesn't have is unknown, one that this reader doesn't know is passed
 * over. Everything here reads untrusted text: an error says the file, the line and what would be right. */
#ifndef STORE_LLAMA_BENCH_H
#define STORE_LLAMA_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"
#include "harness/store/record.h"

/* Together these keep what a hostile file can take below 64 MB: a file's bytes, its rows, the samples of all. */
enum { BENCH_MOST_ROWS = 10000, BENCH_MOST_SAMPLES = 1 << 20, BENCH_MOST_OBJECT = 1 << 20 };

struct bench_row {
    long line; /* where it begins in the file, from 1 */
    char build[48], time[TEXT_WORD];
    char cpu[160], gpu[160], backends[64];
    char file[256], model[96]; /* the file's path; the printed description: "llama 7B Q4_K - Medium" */
    char type[48];             /* where the description says it apart from the rest; else "" */
    char type_k[16], type_v[16];
    double model_bytes, parameters; /* NaN unknown */
    double prompt, generated, depth, threads, gpu_layers;
    double rate, rate_deviation; /* tokens a second */
    double *samples;             /* seconds of a whole repetition; owned */
    size_t sample_count;
};

struct bench_rows {
    struct bench_row *rows; /* owned */
    size_t count, capacity, sample_count;
    char build[48]; /* of a table's last line */
};

/* Where a reader is: what errors begin with. */
struct bench_place {
    const char *name;
    long line;
};
bool bench_refuse(const struct bench_place *place, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A new row of which nothing is known, NULL with the error set when there are too many. */
struct bench_row *bench_rows_add(struct bench_rows *rows, const struct bench_place *place, struct error *error);
/* Sets the field that llama-bench calls `column`, or passes over one that isn't known. */
bool bench_row_set(struct bench_row *row, const char *column, const char *value, const struct bench_place *place,
                   struct error *error);
/* Whether the row says what a result must: its model, its test, its speed. */
bool bench_row_whole(const struct bench_row *row, const struct bench_place *place, struct error *error);
bool bench_column_known(const char *column);
void bench_rows_free(struct bench_rows *rows);

/* A form of the output: whether the text looks like it, and its rows. Text is NUL-terminated. */
struct bench_form {
    const char *name;
    bool (*looks)(const char *text);
    bool (*read)(const char *text, const char *name, struct bench_rows *rows, struct error *error);
};
extern const struct bench_form bench_form_json, bench_form_csv, bench_form_markdown, bench_form_sql;

/* Whether the text is of one of these forms, and its rows; on failure *rows is empty. */
bool bench_looks_like(const char *text);
bool bench_read(const char *text, const char *name, struct bench_rows *rows, struct error *error);

#endif
