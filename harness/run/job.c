#include "harness/run/job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"

json_t *job_to_json(const struct job *job)
{
    json_t *document = json_object(), *cpus = json_array();
    json_put_bool(document, "ceilings", job->ceilings);
    json_put_string(document, "subject", job->subject);
    if (*job->model)
        json_put_string(document, "model", job->model);
    json_put_bool(document, "weights", job->weights);
    if (*job->tokens)
        json_put_string(document, "tokens", job->tokens);
    if (*job->output)
        json_put_string(document, "output", job->output);
    for (size_t i = 0; i < job->threads; i++)
        json_array_append_new(cpus, json_integer(job->cpus[i]));
    json_put(document, "cpus", cpus);
    json_put_bool(document, "check", job->check);
    json_put_bool(document, "ops", job->ops);
    json_put_count(document, "least", job->measure.least);
    json_put_count(document, "most", job->measure.most);
    if (job->measure.warmup >= 0)
        json_put_count(document, "warmup", (uint64_t)job->measure.warmup);
    json_put_real(document, "target", job->measure.target);
    json_put_real(document, "until_s", job->measure.until_s);
    json_put_real(document, "deadline_s", job->measure.deadline_s);
    json_put_count(document, "planned_bytes", job->planned_bytes);
    return document;
}

static double real_or(const json_t *document, const char *key, double otherwise)
{
    double value = json_get_real(document, key);
    return isnan(value) ? otherwise : value;
}

static const char *text_or_none(const json_t *document, const char *key)
{
    const char *text = json_get_string(document, key);
    return text ? text : "";
}

bool job_from_json(struct job *job, const json_t *document, struct error *error)
{
    const char *subject = json_get_string(document, "subject");
    const char *model = text_or_none(document, "model"), *tokens = text_or_none(document, "tokens"),
               *output = text_or_none(document, "output");
    const json_t *cpus = json_object_get(document, "cpus");
    size_t threads = json_array_size(cpus);
    *job = (struct job){.measure = measure_defaults()};
    if (!subject || strlen(subject) >= sizeof job->subject || !threads || strlen(model) >= sizeof job->model ||
        strlen(tokens) >= sizeof job->tokens || strlen(output) >= sizeof job->output)
        return error_set(error, ERROR_INPUT, "worker: its input is no job: this command is for `benchmark run` only");
    int *list = malloc(threads * sizeof *list);
    if (!list)
        return error_set(error, ERROR_SYSTEM, "worker: not enough memory");
    for (size_t i = 0; i < threads; i++)
        list[i] = (int)json_integer_value(json_array_get(cpus, i));
    strcpy(job->subject, subject);
    strcpy(job->model, model);
    strcpy(job->tokens, tokens);
    strcpy(job->output, output);
    job->weights = json_is_true(json_object_get(document, "weights"));
    job->cpus = list;
    job->threads = threads;
    job->ceilings = json_is_true(json_object_get(document, "ceilings"));
    job->check = json_is_true(json_object_get(document, "check"));
    job->ops = json_is_true(json_object_get(document, "ops"));
    job->measure.least = json_get_count(document, "least", job->measure.least);
    job->measure.most = json_get_count(document, "most", job->measure.most);
    job->measure.warmup = (long)json_get_count(document, "warmup", (uint64_t)job->measure.warmup);
    job->measure.target = real_or(document, "target", job->measure.target);
    job->measure.until_s = real_or(document, "until_s", INFINITY);
    job->measure.deadline_s = real_or(document, "deadline_s", INFINITY);
    job->planned_bytes = json_get_count(document, "planned_bytes", 0);
    return true;
}
