/* The protocol between a run and its workers, from a worker or a parent gone mad: lines as the parent hears them, and
 * the job as the worker reads it. None may crash; a job that is taken is written back as one that is the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/run/job.h"
#include "harness/run/schedule.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void try_lines(const char *bytes, size_t size)
{
    struct visit visit = visit_unknown();
    for (bool goes_on = true; goes_on && size;) {
        const char *end = memchr(bytes, '\n', size);
        size_t length = end ? (size_t)(end - bytes) : size;
        struct error error = {0};
        json_t *line = json_parse(bytes, length, "worker", &error);
        const char *event = json_get_string(line, "event");
        goes_on = end && visit_take(&visit, line) && strcmp(event, "done") != 0;
        json_decref(line);
        bytes += length + (end != NULL);
        size -= length + (end != NULL);
    }
    for (size_t i = 0; i < visit.count; i++)
        require(visit.samples[i] > 0 || !visit.fate);
    require(memchr(visit.check_against, '\0', sizeof visit.check_against));
    visit_free(&visit);
}

static void try_job(const char *bytes, size_t size)
{
    struct error error = {0};
    struct job job, again;
    json_t *document = json_parse(bytes, size, "job", &error);
    if (document && job_from_json(&job, document, &error)) {
        json_t *written = job_to_json(&job);
        require(job_from_json(&again, written, &error));
        require(strcmp(job.subject, again.subject) == 0 && strcmp(job.tokens, again.tokens) == 0 &&
                job.threads == again.threads && job.planned_bytes == again.planned_bytes);
        json_decref(written);
        free((void *)job.cpus);
        free((void *)again.cpus);
    } else {
        require(error.message[0] && !strchr(error.message, '\n'));
    }
    json_decref(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_lines((const char *)data, size);
    try_job((const char *)data, size);
    return 0;
}
