/* llama-bench's output from anyone's hands, in each of its forms. None may crash; what is refused is told in one line;
 * the runs of what is taken are documents that are taken again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/store/document.h"
#include "harness/store/llama_bench_run.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void require_line(const struct error *error)
{
    require(error->kind == ERROR_INPUT && error->message[0] && !strchr(error->message, '\n'));
}

static void try_run(struct run *run)
{
    struct error error = {0};
    struct run again;
    json_t *document = run_to_json(run);
    require(run_from_json(&again, document, "again.json", &error));
    json_decref(document);
    run_free(&again);
    run_free(run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct bench_rows rows;
    struct run *runs;
    size_t count;
    char *text = calloc(size + 1, 1);
    memcpy(text, data, size);
    if (bench_read(text, "fuzz", &rows, &error)) {
        require(bench_runs(&rows, "fuzz", NULL, &runs, &count, &error) && count > 0);
        for (size_t i = 0; i < count; i++)
            try_run(&runs[i]);
        free(runs);
        bench_rows_free(&rows);
    } else {
        require_line(&error);
    }
    free(text);
    return 0;
}
