/* The worker's side; see worker.h. The case itself is in worker_case.c. */
#include "harness/run/worker.h"

#include <errno.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/run/answer.h"
#include "probes/machine.h"

enum { JOB_MOST = 1 << 20 };

void answer(int out, json_t *line)
{
    char *text = json_write(line, false);
    json_decref(line);
    if (!text)
        _exit(ERROR_SYSTEM);
    size_t length = strlen(text), done = 0;
    text[length++] = '\n'; /* in place of its end, which nobody needs */
    while (done < length) {
        ssize_t count = write(out, text + done, length - done);
        if (count < 0 && errno != EINTR)
            _exit(ERROR_SYSTEM);
        done += count > 0 ? (size_t)count : 0;
    }
    free(text);
}

json_t *answer_event(const char *event)
{
    json_t *line = json_object();
    json_put_string(line, "event", event);
    return line;
}

void answer_failed(int out, const char *status, const char *reason)
{
    json_t *line = answer_event("failed");
    json_put_string(line, "status", status);
    json_put_string(line, "reason", reason);
    answer(out, line);
}

static bool read_job(int in, struct job *job, struct error *error)
{
    struct text text = {0};
    char block[4096];
    ssize_t count;
    while (text.length < JOB_MOST && (count = read(in, block, sizeof block)) != 0)
        if (count > 0)
            text_append_n(&text, block, (size_t)count);
        else if (errno != EINTR)
            break;
    json_t *document = json_parse(text_string(&text), text.length, "worker: its input", error);
    text_free(&text);
    bool right = document && job_from_json(job, document, error);
    json_decref(document);
    return right;
}

/* Starts the pool: an idle worker has its threads. Where they run was said in the environment (spawn.c). */
static void start_pool(const struct job *job)
{
    omp_set_dynamic(0);
    omp_set_num_threads((int)job->threads);
#pragma omp parallel num_threads((int)job->threads)
    {
#pragma omp barrier
    }
}

static void measure_ceilings(const struct job *job, int out)
{
    struct machine machine = {0};
    struct error error = {0};
    if (!machine_probe(&machine, NULL, &error) ||
        !machine_measure_ceilings(&machine, *job->subject ? job->subject : NULL, &error)) {
        answer_failed(out, "failed", error.message);
    } else {
        for (size_t i = 0; i < machine.ceiling_count; i++) {
            json_t *line = answer_event("ceiling");
            json_put_string(line, "name", machine.ceilings[i].name);
            json_put_real(line, "value", machine.ceilings[i].value);
            json_put_real(line, "low", machine.ceilings[i].low);
            json_put_real(line, "high", machine.ceilings[i].high);
            answer(out, line);
        }
        answer(out, answer_event("done"));
    }
    machine_free(&machine);
}

int worker_run(int in, int out, struct error *error)
{
    struct job job;
    if (!read_job(in, &job, error))
        return (int)error->kind;
    /* Opened before there are threads, so that theirs count. */
    struct presence why_not;
    struct counters *counters = job.ceilings ? NULL : counters_open(&why_not);
    start_pool(&job);
    if (job.ceilings)
        measure_ceilings(&job, out);
    else
        worker_measure_case(&job, counters, out);
    counters_close(counters);
    free((void *)job.cpus);
    return 0;
}
