/* Ceilings, measured once and kept; see ceilings.h. */
#include "harness/run/ceilings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/random.h"
#include "harness/base/text.h"
#include "harness/run/job.h"

/* The probes (probes/ceilings.c) that find what a run needs, the figure by which each is judged, and about how long it
 * takes on a slow machine. */
static const struct group {
    const char *probe, *figure;
    double cost_s;
} groups[] = {
    {"peak", "peak_f32_gflops", 2},
    {"gemm", "gemm_f32_gflops", 2},
    {"bandwidth", "read_gbs", 15},
    {"fork_join", "fork_join_s", 0.5},
};

static const char kind[] = "ceiling";
/* Repetitions on a quiet machine are closer together than this. */
static const double most_spread = 1.25;
static const double share_for_doubts = 0.05;
/* The slowest of them takes a few seconds on slow machines; this is for a hang. */
static const double most_s = 120;

struct hearing {
    struct machine *machine;
    const struct ceiling_request *request;
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

static struct ceiling *find(const struct machine *machine, const char *name)
{
    for (size_t i = 0; i < machine->ceiling_count; i++)
        if (!strcmp(machine->ceilings[i].name, name))
            return &machine->ceilings[i];
    return NULL;
}

static bool is_worth_measuring(const struct machine *machine, const struct group *group,
                               const struct ceiling_request *request)
{
    const struct ceiling *kept = find(machine, group->figure);
    if (!kept)
        return true;
    return kept->high > most_spread * kept->low && group->cost_s <= share_for_doubts * request->budget_s;
}

/* Rates are better when larger, times when smaller. */
static bool is_better(const char *name, double value, double than)
{
    size_t length = strlen(name);
    bool is_time = length > 2 && !strcmp(name + length - 2, "_s");
    return is_time ? value < than : value > than;
}

static bool take(void *state, const json_t *line)
{
    struct hearing *hearing = state;
    const char *event = json_get_string(line, "event"), *name = json_get_string(line, "name");
    double value = json_get_real(line, "value"), low = json_get_real(line, "low"), high = json_get_real(line, "high");
    if (!strcmp(event, "done"))
        return true;
    if (strcmp(event, "ceiling") || !name || !(value > 0))
        return false;
    struct ceiling *kept = find(hearing->machine, name);
    if (!kept)
        machine_add_ceiling(hearing->machine, name, value, low, high);
    if (kept && is_better(name, value, kept->value)) {
        kept->value = value;
        kept->low = low;
        kept->high = high;
    }
    return true;
}

static void tick(void *state)
{
    const struct hearing *hearing = state;
    if (hearing->request->measuring)
        hearing->request->measuring(hearing->request->state);
}

/* One worker a probe. */
static bool measure_group(struct machine *machine, const struct group *group, const struct ceiling_request *request,
                          struct error *error)
{
    struct hearing hearing = {machine, request};
    struct job job = {.ceilings = true, .cpus = request->cpus, .threads = request->threads};
    snprintf(job.subject, sizeof job.subject, "%s", group->probe);
    const struct supervision supervision = {.program = request->program,
                                            .timeout_s = most_s,
                                            .cpus = request->cpus,
                                            .threads = request->threads,
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
        machine_warn(machine, "%s could not be measured, so figures that rest on it are left out: %s", group->figure,
                     reason);
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

bool ceilings_provide(struct store *store, struct machine *machine, const struct ceiling_request *request,
                      struct error *error)
{
    char software[17];
    software_key(&machine->software, software);
    if (!add_kept(store, machine, software, error))
        return false;
    bool measured = false;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (!is_worth_measuring(machine, &groups[i], request) || (request->stop && *request->stop))
            continue;
        if (!measure_group(machine, &groups[i], request, error))
            return false;
        measured = true;
    }
    return !measured || !machine->ceiling_count || keep(store, machine, software, error);
}
