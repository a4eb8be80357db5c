/* Ceilings, measured once and kept; see ceilings.h. */
#include "harness/run/ceilings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "harness/base/random.h"
#include "harness/base/text.h"
#include "harness/run/job.h"

const char *const ceilings_needed[] = {"gemm_*_gflops", "peak_*_gflops", "read_gbs", "fork_join_s", NULL};

static const char kind[] = "ceiling";
/* The slowest of them takes a few seconds on slow machines; this is for a hang. */
static const double most_s = 120;

struct hearing {
    struct machine *machine;
    const struct ceiling_request *request;
    size_t heard;
};

void software_key(const struct software *software, char key[17])
{
    struct text all = {0};
    const char *const fields[] = {software->kernel,      software->libc,      software->compiler, software->blas,
                                  software->blas_core,   software->governor,  software->smt,      software->microcode,
                                  software->mitigations, software->benchmark, BENCHMARK_VERSION};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        text_printf(&all, "%s\n", fields[i]);
    snprintf(key, 17, "%016llx", (unsigned long long)random_key(0, text_string(&all)));
    text_free(&all);
}

static bool add_kept(struct store *store, struct machine *machine, const char *software, struct error *error)
{
    struct calibration *figures;
    size_t count;
    if (!store_get_calibration(store, machine->fingerprint, software, kind, &figures, &count, error))
        return false;
    for (size_t i = 0; i < count; i++)
        if (isnan(machine_ceiling(machine, figures[i].name)))
            machine_add_ceiling(machine, figures[i].name, figures[i].value, figures[i].low, figures[i].high);
    free(figures);
    return true;
}

static bool has_any(const struct machine *machine, const char *glob)
{
    for (size_t i = 0; i < machine->ceiling_count; i++)
        if (glob_match(glob, machine->ceilings[i].name))
            return true;
    return false;
}

static bool take(void *state, const json_t *line)
{
    struct hearing *hearing = state;
    const char *event = json_get_string(line, "event"), *name = json_get_string(line, "name");
    double value = json_get_real(line, "value");
    if (!strcmp(event, "done"))
        return true;
    if (strcmp(event, "ceiling") || !name || !(value > 0))
        return false;
    if (isnan(machine_ceiling(hearing->machine, name))) {
        machine_add_ceiling(hearing->machine, name, value, json_get_real(line, "low"), json_get_real(line, "high"));
        hearing->heard++;
    }
    return true;
}

static void tick(void *state)
{
    const struct hearing *hearing = state;
    if (hearing->request->measuring)
        hearing->request->measuring(hearing->request->state);
}

/* One worker for all that a glob names. */
static bool measure_ceilings(struct machine *machine, const char *glob, const struct ceiling_request *request,
                             struct error *error)
{
    struct hearing hearing = {machine, request, 0};
    struct job job = {.ceilings = true, .cpus = request->cpus, .threads = request->threads};
    snprintf(job.subject, sizeof job.subject, "%s", glob);
    const struct supervision supervision = {.program = request->program,
                                            .timeout_s = most_s,
                                            .threads = (int)request->threads,
                                            .stop = request->stop,
                                            .take = take,
                                            .tick = tick,
                                            .state = &hearing};
    json_t *document = job_to_json(&job);
    enum fate fate;
    char reason[400];
    tick(&hearing);
    bool right = supervise(&supervision, document, &fate, reason, sizeof reason, error);
    json_decref(document);
    if (right && fate != FATE_DONE && fate != FATE_STOPPED)
        machine_warn(machine, "%s could not be measured, so figures that rest on it are left out: %s", glob, reason);
    return right;
}

static bool keep(struct store *store, const struct machine *machine, const char *software, struct error *error)
{
    struct calibration *figures = calloc(machine->ceiling_count + 1, sizeof *figures);
    if (!figures)
        return error_set(error, ERROR_SYSTEM, "not enough memory to keep the ceilings");
    for (size_t i = 0; i < machine->ceiling_count; i++) {
        const struct ceiling *one = &machine->ceilings[i];
        figures[i] = (struct calibration){.value = one->value, .low = one->low, .high = one->high};
        snprintf(figures[i].name, sizeof figures[i].name, "%s", one->name);
    }
    bool right =
        store_put_calibration(store, machine->fingerprint, software, kind, figures, machine->ceiling_count, error);
    free(figures);
    return right;
}

bool ceilings_provide(struct store *store, struct machine *machine, const char *const *globs,
                      const struct ceiling_request *request, struct error *error)
{
    char software[17];
    software_key(&machine->software, software);
    if (!request->again && !add_kept(store, machine, software, error))
        return false;
    bool measured = false;
    for (size_t i = 0; globs[i]; i++) {
        if (has_any(machine, globs[i]) || (request->stop && *request->stop))
            continue;
        if (!measure_ceilings(machine, globs[i], request, error))
            return false;
        measured = true;
    }
    return !measured || !machine->ceiling_count || keep(store, machine, software, error);
}
