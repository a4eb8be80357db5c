/* What would make a case faster, and by how much. Each suggestion is another case, which is looked up among the
 * measured ones or estimated like any other, or an op that runs further from its ceiling than the same op does
 * elsewhere on this machine. The gain is the ratio that those figures have; what gains less than a few hundredths isn't
 * told. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/parse.h"
#include "harness/run/prepare.h"
#include "models/families/family.h"
#include "models/families/recipe.h"
#include "reports/explain.h"

static const double LEAST_GAIN = 1.03;
/* An op that is over sooner says little of what its kernel can reach. */
static const double LEAST_REFERENCE_S = 20e-6;

struct search {
    const struct explain_basis *basis;
    struct explanation *all;
    double units_per_s;           /* of the case as it is; NaN unknown */
    double estimated_units_per_s; /* as the estimates have it, whose errors then cancel in ratios */
};

/* Keeps the best few, the best first. */
static void offer(struct explanation *all, const struct advice *advice)
{
    if (!(advice->gain >= LEAST_GAIN))
        return;
    size_t at = all->advice_count < MOST_ADVICE ? all->advice_count++ : MOST_ADVICE;
    while (at > 0 && all->advice[at - 1].gain < advice->gain) {
        if (at < MOST_ADVICE)
            all->advice[at] = all->advice[at - 1];
        at--;
    }
    if (at < MOST_ADVICE)
        all->advice[at] = *advice;
}

/* ---- other cases ---- */

static bool is_better(const struct advice *advice, const struct advice *than)
{
    return advice->gain > 0 && (!(than->gain > 0) || advice->gain > than->gain);
}

static const struct record *measured_record(const struct explain_basis *basis, const char *id)
{
    for (size_t i = 0; i < basis->record_count; i++)
        if (strcmp(basis->records[i].id, id) == 0 && basis->records[i].time.median > 0)
            return &basis->records[i];
    return NULL;
}

/* The gain of the case `other`, from its record or else estimated; false when it is no case, or nothing is known. */
static bool weigh(const struct search *search, struct model_case *other, struct advice *advice)
{
    struct model_case valid;
    case_name(other);
    bool named =
        family_find_size(other->size->name, NULL) == other->size; /* a file's model has no name to find it by */
    if (named && !case_parse(other->id, &valid, NULL))
        return false;
    const struct record *record = search->units_per_s > 0 ? measured_record(search->basis, other->id) : NULL;
    double units = case_units(other);
    advice->measured = record;
    advice->low = advice->high = NAN;
    if (record) {
        advice->gain = units / record->time.median / search->units_per_s;
        return advice->gain > 0;
    }
    struct graph *graph = search->basis->estimator ? case_build(other, NULL) : NULL;
    if (!graph)
        return false;
    struct estimate estimate = estimator_estimate(search->basis->estimator, graph, other->mode);
    graph_free(graph);
    advice->gain = units / estimate.seconds / search->estimated_units_per_s;
    advice->low = units / estimate.high / search->estimated_units_per_s;
    advice->high = units / estimate.low / search->estimated_units_per_s;
    return advice->gain > 0;
}

static void try_dtypes(const struct search *search)
{
    const struct model_case *one = &search->all->one;
    struct advice best = {0};
    static const char *const plain[] = {"f32", "bf16"};
    size_t plain_count = sizeof plain / sizeof *plain;
    for (size_t i = 0; i < plain_count + (size_t)recipe_count; i++) {
        struct model_case other = *one;
        struct advice advice = {0};
        const char *name = i < plain_count ? plain[i] : recipes[i - plain_count].name;
        if (!case_set_dtype(&other, name) || strcmp(name, case_dtype_name(one)) == 0 ||
            !weigh(search, &other, &advice) || !is_better(&advice, &best))
            continue;
        best = advice;
        snprintf(best.what, sizeof best.what, "%s %s instead of %s",
                 one->mode == MODE_TRAIN ? "train in" : "weights in", name, case_dtype_name(one));
    }
    offer(search->all, &best);
}

/* More at once shares each read of the weights among more. */
static void try_batches(const struct search *search)
{
    const struct model_case *one = &search->all->one;
    struct advice best = {0};
    for (int64_t times = 2; times <= 8; times *= 2) {
        struct model_case other = *one;
        struct advice advice = {0};
        other.batch = one->batch * times;
        if (!weigh(search, &other, &advice) || !is_better(&advice, &best))
            continue;
        best = advice;
        snprintf(best.what, sizeof best.what, "%lld at once instead of %lld (each step then takes %.2g times as long)",
                 (long long)other.batch, (long long)one->batch, (double)times / best.gain);
    }
    offer(search->all, &best);
}

static void try_cache(const struct search *search)
{
    const struct model_case *one = &search->all->one;
    if (one->mode != MODE_DECODE && one->mode != MODE_PREFILL)
        return;
    struct model_case other = *one;
    struct advice advice = {0};
    other.kv_dtype = DTYPE_Q8_0;
    if (case_kv_dtype(one) == DTYPE_Q8_0 || !weigh(search, &other, &advice))
        return;
    snprintf(advice.what, sizeof advice.what, "a cache of keys and values in q8_0 instead of %s",
             dtype_info(case_kv_dtype(one))->name);
    offer(search->all, &advice);
}

static void try_training(const struct search *search)
{
    const struct model_case *one = &search->all->one;
    if (!mode_trains(one->mode))
        return;
    struct model_case other = *one;
    struct advice advice = {0};
    if (one->checkpointing) {
        other.checkpointing = false;
        if (weigh(search, &other, &advice))
            snprintf(advice.what, sizeof advice.what, "no gradient checkpointing, where the memory allows it");
        offer(search->all, &advice);
    }
    other = *one;
    other.optimizer = OPTIMIZER_SGD;
    advice = (struct advice){0};
    if ((one->optimizer < 0 ? (int)one->family->optimizer : one->optimizer) == OPTIMIZER_SGD ||
        !weigh(search, &other, &advice))
        return;
    snprintf(advice.what, sizeof advice.what,
             "plain SGD, which has no moments to read and write (and learns otherwise)");
    offer(search->all, &advice);
}

/* ---- ops ---- */

static double floor_of(const struct search *search, const struct op_time *op)
{
    double peak = prepare_peak_gflops(search->basis->machine, dtype_info(op->dtype)->name);
    return fmax(op->flops / peak, op->bytes / search->all->bandwidth_gbs) / 1e9;
}

/* The best share of its ceiling that the op has reached in any measured case at least as long. */
static double best_reached(const struct search *search, const struct explained_op *op, const struct record **where)
{
    double best = NAN;
    for (size_t i = 0; i < search->basis->record_count; i++) {
        const struct record *record = &search->basis->records[i];
        for (size_t k = 0; k < record->op_count; k++) {
            const struct op_time *other = &record->ops[k];
            double reached = floor_of(search, other) / other->seconds;
            if (other->dtype != op->dtype || other->seconds < fmax(LEAST_REFERENCE_S, op->measured_s / 10) ||
                strcmp(other->op, op->op) != 0 || !(reached <= 1) || !(isnan(best) || reached > best))
                continue;
            best = reached;
            *where = record;
        }
    }
    return best;
}

static void try_ops(const struct search *search)
{
    struct explanation *all = search->all;
    for (size_t i = 0; i < all->op_count; i++) {
        const struct explained_op *op = &all->ops[i];
        const struct record *where = NULL;
        if (!(op->measured_s > 0) || op->bound == BOUND_OVERHEAD || !(all->seconds > 0))
            continue;
        double reached = op->floor_s / op->measured_s, best = best_reached(search, op, &where);
        double saved_s = (double)op->count * op->measured_s * (1 - reached / best);
        struct advice advice = {.gain = all->seconds / (all->seconds - saved_s), .low = NAN, .high = NAN};
        if (!where || !(best > reached) || strcmp(where->id, all->one.id) == 0)
            continue;
        snprintf(advice.what, sizeof advice.what,
                 "%s%s%s in %s at the %.0f %% of its %s ceiling that it reaches in %s: here it reaches %.0f %%", op->op,
                 op->name[0] ? " " : "", op->name, dtype_info(op->dtype)->name, 100 * best, bound_name(op->bound),
                 where->id, 100 * reached);
        offer(all, &advice);
    }
}

bool explain_advise(struct explanation *all, const struct explain_basis *basis, struct error *error)
{
    struct search search = {.basis = basis, .all = all, .units_per_s = NAN, .estimated_units_per_s = NAN};
    double units = case_units(&all->one);
    if (all->record)
        search.units_per_s = units / all->record->time.median;
    struct graph *graph = basis->estimator ? case_build(&all->one, error) : NULL;
    if (basis->estimator && !graph)
        return false;
    if (graph)
        search.estimated_units_per_s = units / estimator_estimate(basis->estimator, graph, all->one.mode).seconds;
    graph_free(graph);
    try_dtypes(&search);
    try_batches(&search);
    try_cache(&search);
    try_training(&search);
    try_ops(&search);
    return true;
}
