#include "harness/estimate/known.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/json.h"

/* Runs further back than this say little about how fast the machine is now. */
enum { MOST_RUNS = 40 };

static const double CONFIDENCE = 0.9;

static bool is_there(const struct known *known, const char *id)
{
    for (size_t i = 0; i < known->record_count; i++)
        if (strcmp(known->records[i].id, id) == 0)
            return true;
    return false;
}

static bool is_calibration(const struct run *run)
{
    return strcmp(run->suite, CALIBRATION_SUITE) == 0;
}

/* The run's measured records that no later run has; a quiet one is taken before a noisy one of the same case. */
static bool add_records(struct known *known, const struct run *run, int threads, enum status status)
{
    for (size_t i = 0; i < run->record_count; i++) {
        const struct record *record = &run->records[i];
        if (record->status != status || record->threads != threads || is_there(known, record->id))
            continue;
        struct record *more = realloc(known->records, (known->record_count + 1) * sizeof *more);
        if (!more)
            return false;
        known->records = more;
        bool *calibration = realloc(known->calibration, known->record_count + 1);
        if (!calibration)
            return false;
        known->calibration = calibration;
        calibration[known->record_count] = is_calibration(run);
        more[known->record_count++] = *record;
        known->op_cases += record->op_count > 0;
    }
    return true;
}

/* The limits that the latest run with any rested on. */
static struct limits find_limits(const struct run *runs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *ceilings = json_object_get(runs[i].machine, "ceilings");
        struct limits limits = {json_get_real(ceilings, "peak_f32_gflops"), json_get_real(ceilings, "peak_bf16_gflops"),
                                json_get_real(ceilings, "read_gbs")};
        if (limits.peak_f32_gflops > 0 && limits.read_gbs > 0)
            return limits;
    }
    return (struct limits){NAN, NAN, NAN};
}

/* A distillation is a training step with a teacher's forward part in it. */
static enum mode mode_of(const struct record *record)
{
    for (int mode = 0; mode < MODE_COUNT; mode++)
        if (strcmp(record->mode, mode_name((enum mode)mode)) == 0 && mode != MODE_DISTILL)
            return (enum mode)mode;
    return MODE_TRAIN;
}

struct measured_case known_case(const struct record *record)
{
    return (struct measured_case){.id = record->id,
                                  .model = record->model,
                                  .family = record->family,
                                  .mode = mode_of(record),
                                  .layers = strstr(record->id, "/layers-") != NULL,
                                  .seconds = record->time.median,
                                  .ops = record->ops,
                                  .op_count = record->op_count};
}

/* The ops of layers that were timed while the machine was busy say nothing, where enough were while it wasn't. */
static void drop_doubtful(struct known *known)
{
    enum { ENOUGH = 8 };
    size_t quiet = 0;
    for (size_t i = 0; i < known->record_count; i++)
        quiet += known->records[i].op_count && known->records[i].status == STATUS_OK;
    for (size_t i = 0; quiet >= ENOUGH && i < known->record_count; i++) {
        struct record *record = &known->records[i]; /* borrowed: the run keeps what is left out here */
        if (record->op_count && record->status == STATUS_NOISY && known_case(record).layers) {
            record->op_count = 0;
            known->op_cases--;
        }
    }
}

static bool make_estimator(struct known *known, struct error *error)
{
    struct measured_case *cases = calloc(known->op_cases + 1, sizeof *cases);
    if (!cases)
        return error_set(error, ERROR_SYSTEM, "not enough memory for the estimates");
    size_t count = 0;
    for (size_t i = 0; i < known->record_count; i++) {
        const struct record *record = &known->records[i];
        if (!record->op_count)
            continue;
        cases[count] = known_case(record);
        cases[count++].kept = known->calibration[i];
    }
    if (count)
        known->estimator = estimator_create(cases, count, &known->limits, CONFIDENCE, error);
    free(cases);
    return !count || known->estimator;
}

static bool load_runs(struct store *store, const char *fingerprint, struct known *known, struct error *error)
{
    char(*ids)[TEXT_WORD];
    size_t count;
    if (!store_list_runs(store, fingerprint, MOST_RUNS, &ids, &count, error))
        return false;
    known->runs = calloc(count + 1, sizeof *known->runs);
    bool right = known->runs || error_set(error, ERROR_SYSTEM, "not enough memory to read the store");
    for (size_t i = 0; right && i < count; i++) {
        right = store_get_run(store, ids[i], &known->runs[i], error);
        known->run_count += right;
    }
    free(ids);
    return right;
}

bool known_load(const char *database, const char *fingerprint, int threads, struct known *known, struct error *error)
{
    *known = (struct known){0};
    if (!store_is_address(database) && access(database, F_OK) != 0)
        return true;
    struct store *store = store_open(database, STORE_READ, error);
    bool right = store && load_runs(store, fingerprint, known, error);
    store_close(store);
    for (int calibration = 0; calibration < 2; calibration++)
        for (int status = STATUS_OK; status <= STATUS_NOISY; status++)
            for (size_t i = 0; right && i < known->run_count; i++)
                right = is_calibration(&known->runs[i]) != calibration ||
                        add_records(known, &known->runs[i], threads, (enum status)status) ||
                        error_set(error, ERROR_SYSTEM, "not enough memory to read the store");
    known->limits = find_limits(known->runs, known->run_count);
    if (right)
        drop_doubtful(known);
    if (right && make_estimator(known, error))
        return true;
    known_free(known);
    return false;
}

bool known_of_run(const struct run *run, int threads, struct known *known, struct error *error)
{
    *known = (struct known){.limits = find_limits(run, 1)};
    bool right = add_records(known, run, threads, STATUS_OK) && add_records(known, run, threads, STATUS_NOISY);
    if (!right)
        error_set(error, ERROR_SYSTEM, "not enough memory for the estimates");
    if (right)
        drop_doubtful(known);
    if (right && make_estimator(known, error))
        return true;
    known_free(known);
    return false;
}

void known_free(struct known *known)
{
    for (size_t i = 0; i < known->run_count; i++)
        run_free(&known->runs[i]);
    free(known->runs);
    free(known->records);
    free(known->calibration);
    estimator_free(known->estimator);
    *known = (struct known){0};
}
