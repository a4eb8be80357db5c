/* A run's document from anyone's hands. None may crash; what is refused is told in one line; what is taken is written
 * back as a document that is taken again and says the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/store/document.h"
#include "reports/run.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void try_run(const json_t *document)
{
    struct error error = {0};
    struct run run, again;
    if (!run_from_json(&run, document, "fuzz.json", &error)) {
        require(error.kind == ERROR_INPUT && error.message[0] && !strchr(error.message, '\n'));
        return;
    }
    json_t *written = run_to_json(&run);
    require(run_from_json(&again, written, "again.json", &error));
    json_t *twice = run_to_json(&again);
    require(json_equal(written, twice));
    report_free(run_report(&run));
    json_decref(written);
    json_decref(twice);
    run_free(&run);
    run_free(&again);
}

/* Few mutations of bytes make a document whole: a sound one, of which the input replaces one field, gets further. */
static void try_field(const json_t *value)
{
    static const char *const keys[] = {"id",      "status", "batch", "memory",     "samples_s", "time_s", "throughput",
                                       "check",   "noise",  "bound", "counters",   "ops",       "reason", "estimate_s",
                                       "threads", "flops",  "mfu",   "parameters", "unfinished"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *document =
            json_pack("{s:s,s:s,s:s,s:{},s:[{s:s,s:s,s:{s:f,s:f,s:f}}]}", "schema", "benchmark.run/1", "id", "abcd1234",
                      "started", "2026-01-01T00:00:00Z", "machine", "cases", "id", "mlp/x/forward/f32/b1", "status",
                      "ok", "time_s", "median", 1.0, "low", 0.5, "high", 2.0);
        json_object_set(json_array_get(json_object_get(document, "cases"), 0), keys[i], (json_t *)value);
        try_run(document);
        json_decref(document);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *document = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    if (!document)
        return 0;
    try_run(document);
    try_field(document);
    json_decref(document);
    return 0;
}
