/* `benchmark doctor`: is everything here fit to measure with, and if not, what to do about it. */
#include <string.h>

#include "harness/base/json.h"
#include "harness/command/command.h"
#include "probes/machine.h"
#include "probes/readiness.h"
#include "reports/report.h"

static const double LOOK_SECONDS = 0.5;

static size_t count_spoiling(const struct findings *findings)
{
    size_t count = 0;
    for (size_t i = 0; i < findings->count; i++)
        count += findings->items[i].spoils;
    return count;
}

static json_t *findings_to_json(const struct findings *findings)
{
    json_t *array = json_array();
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->items[i];
        json_t *object = json_object();
        json_put_string(object, "what", finding->what);
        if (finding->remedy[0])
            json_put_string(object, "remedy", finding->remedy);
        json_put_bool(object, "spoils", finding->spoils);
        json_array_append_new(array, object);
    }
    return array;
}

static void write_findings(struct report *report, const struct findings *findings, bool spoiling)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->items[i];
        if (finding->spoils == spoiling)
            report_sentence(report, spoiling ? TONE_BAD : TONE_WARNING, "%s%s%s", finding->what,
                            finding->remedy[0] ? ": " : "", finding->remedy);
    }
}

static struct report *write_report(const struct machine *machine, const struct findings *findings)
{
    struct report *report = report_create("Is this machine fit to measure with?");
    size_t spoiling = count_spoiling(findings);
    if (!report)
        return NULL;
    json_put_string(report->document, "schema", "benchmark.doctor/1");
    json_put_string(report->document, "machine", machine->name);
    json_put_string(report->document, "fingerprint", machine->fingerprint);
    json_put_bool(report->document, "fit", spoiling == 0);
    json_put(report->document, "findings", findings_to_json(findings));
    if (spoiling)
        report_sentence(report, TONE_STRONG, "No: %zu thing%s would spoil a measurement.", spoiling,
                        spoiling == 1 ? "" : "s");
    else
        report_sentence(report, TONE_GOOD, "Yes, %s is fit to measure with.", machine->name);
    if (spoiling) {
        report_heading(report, "What would spoil it");
        write_findings(report, findings, true);
    }
    if (findings->count > spoiling) {
        report_heading(report, "Worth knowing");
        write_findings(report, findings, false);
    }
    return report;
}

static int run(const struct invocation *invocation, struct error *error)
{
    struct machine machine;
    struct findings findings;
    /* Before anything of our own runs: the probes and the peak would count as load. */
    struct observation seen = readiness_observe(LOOK_SECONDS);
    if (!machine_probe(&machine, NULL, error))
        return (int)error->kind;
    /* Whether CPUs that are shown as cores are cores: two threads tell. */
    if (!machine_measure_ceilings(&machine, "peak", error)) {
        machine_free(&machine);
        return (int)error->kind;
    }
    readiness_check(&machine, &seen, &findings);
    bool fit = count_spoiling(&findings) == 0;
    int code = command_write(invocation, write_report(&machine, &findings), error);
    findings_free(&findings);
    machine_free(&machine);
    return code ? code : fit ? 0 : ERROR_MEASURE;
}

const struct command command_doctor = {
    .name = "doctor",
    .help = "is everything here fit to measure with?",
    .details = "Looks for what would spoil a measurement (other load, steal, throttling, quotas, a slow build or BLAS) "
               "and says what to do about it. Exit code 0: fit; 3: not.",
    .run = run,
};
