#include "harness/estimate/calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/engine/case_sample.h"
#include "models/families/family.h"
#include "models/graph/op.h"
#include "models/graph/plan.h"

/* Nearer than this to something measured, an op is known: three in a hundred of an axis' scale. */
static const double KNOWN_DISTANCE = 0.03;

/* One case costs at most this share of the budget, or this many seconds where that is less; of the few cases of models
 * that are asked about by name, a larger one. */
static const double MOST_SHARE = 0.1, NAMED_SHARE = 0.4, LEAST_MOST_S = 2;
enum { FEW_ASKED = 40 };

/* What measuring takes besides the steps: a process, its memory filled; for a whole case the check of its output. */
static const double START_S = 0.35, FILL_GBS = 0.8, CHECK_S = 0.6;
/* Steps for warming up and for timing: of slow ones fewer. */
static const double SLOW_S = 0.1;
enum { STEPS = 12, SLOW_STEPS = 6, CONTROLS = 1, ENOUGH_SCORES = 4 };

/* Before anything is known of the machine: one that takes twice its roofline at these. */
static const double GUESS_GFLOPS = 100, GUESS_GBS = 10;

struct place {
    struct features features;
    double share;    /* of the step's time */
    double distance; /* to the nearest that is known or chosen */
    struct surface_point at;
};

struct candidate {
    struct model_case one, sample;
    struct place *places; /* owned: each kind of the whole's ops */
    size_t place_count;
    double cost_s, whole_cost_s; /* of measuring the sample; and the case whole */
    double gain;                 /* counted when so many were chosen */
    size_t counted_at;
    bool settled; /* chosen, or can't be */
};

struct choice {
    const struct calibration_limits *limits;
    const struct calibration_tried *tried;
    const struct estimator *known;
    struct candidate *candidates;
    size_t candidate_count;
    struct place **places; /* of all candidates */
    size_t place_count;
    struct model_case *chosen;
    size_t count, capacity;
    double spent_s;
};

/* ---- candidates ---- */

static double guess_seconds(const struct estimator *known, const struct features *features, double step)
{
    double seconds = known ? estimator_op(known, features, step) : NAN;
    return seconds > 0 ? seconds : 2 * fmax(features->flops / GUESS_GFLOPS, features->bytes / GUESS_GBS) * 1e-9;
}

/* Each kind once; `share` is seconds until all are there. */
static bool list_places(struct candidate *candidate, const struct graph *graph, const struct estimator *known,
                        double *seconds)
{
    struct cost cost = graph_cost(graph);
    double step = cost.bytes_read + cost.bytes_written;
    candidate->places = calloc((size_t)graph->node_count + 1, sizeof *candidate->places);
    *seconds = 0;
    for (int n = 0; candidate->places && n < graph->node_count; n++) {
        if (!graph->nodes[n].op->run)
            continue;
        struct features features = node_features(graph, &graph->nodes[n]);
        size_t at = 0;
        while (at < candidate->place_count && !features_are_same(&candidate->places[at].features, &features))
            at++;
        struct place *place = &candidate->places[at];
        if (at == candidate->place_count) {
            candidate->place_count++;
            *place = (struct place){.features = features, .distance = INFINITY, .at = estimator_place(&features, step)};
            if (known)
                place->distance = estimator_distance(known, &features, step);
        }
        double once = guess_seconds(known, &features, step);
        place->share += once;
        *seconds += once;
    }
    for (size_t i = 0; i < candidate->place_count; i++)
        candidate->places[i].share /= *seconds;
    return candidate->places;
}

static double steps_of(double step_s)
{
    return step_s > SLOW_S ? SLOW_STEPS : STEPS;
}

/* Before it is planned: training holds each weight about as often as a third of the times that it moves it. */
static double cost_of(const struct graph *graph, const struct model_case *one, double step_s, bool checked)
{
    struct cost cost = graph_cost(graph);
    double moved = cost.bytes_read + cost.bytes_written;
    return START_S + (checked ? CHECK_S : 0) + moved / (mode_trains(one->mode) ? 3 : 1) / FILL_GBS * 1e-9 +
           steps_of(step_s) * step_s;
}

static double most_seconds(const struct choice *choice)
{
    double share = choice->candidate_count <= FEW_ASKED ? NAMED_SHARE : MOST_SHARE;
    return fmax(share * choice->limits->budget_s, LEAST_MOST_S);
}

/* False without memory; a case that can't be built is settled. */
static bool make_candidate(struct candidate *candidate, const struct choice *choice)
{
    struct error error = {0};
    struct graph *whole = case_build_shapes(&candidate->one, &error);
    candidate->settled = !whole;
    if (!whole)
        return true;
    double whole_s, sample_s;
    bool right = list_places(candidate, whole, choice->known, &whole_s);
    bool built = right && case_sample(&candidate->one, whole, &candidate->sample, &error);
    struct graph *sample = built ? case_build_shapes(&candidate->sample, &error) : NULL;
    candidate->settled = !sample;
    if (sample) {
        bool same = candidate->sample.layers == candidate->one.layers;
        double share = graph_cost(sample).flops / graph_cost(whole).flops;
        sample_s = whole_s * (isfinite(share) ? share : 1);
        candidate->whole_cost_s = cost_of(whole, &candidate->one, whole_s, true);
        candidate->cost_s = same ? candidate->whole_cost_s : cost_of(sample, &candidate->sample, sample_s, false);
        if (!same && candidate->whole_cost_s < candidate->cost_s)
            candidate->sample = candidate->one;
        while (!candidate->sample.layers && candidate->sample.batch > 1 && sample_s * SLOW_STEPS > LEAST_MOST_S) {
            candidate->sample.batch = (candidate->sample.batch + 1) / 2; /* asked about by a smaller one */
            sample_s /= 2;
            candidate->cost_s -= sample_s * SLOW_STEPS;
        }
        case_name(&candidate->sample);
        candidate->settled = candidate->cost_s > most_seconds(choice) ||
                             choice->tried->was_tried(choice->tried->state, candidate->sample.id);
    }
    graph_free(sample);
    graph_free(whole);
    return right;
}

static bool make_candidates(struct choice *choice, const struct model_case *asked)
{
    bool right = true;
#pragma omp parallel for schedule(dynamic, 4) num_threads(choice->limits->threads)
    for (size_t i = 0; i < choice->candidate_count; i++) {
        choice->candidates[i].one = asked[i];
        if (!make_candidate(&choice->candidates[i], choice)) {
#pragma omp atomic write
            right = false;
        }
    }
    return right;
}

/* All places in one list. */
static bool list_all(struct choice *choice)
{
    size_t count = 0;
    for (size_t i = 0; i < choice->candidate_count; i++)
        count += choice->candidates[i].place_count;
    choice->places = calloc(count + 1, sizeof *choice->places);
    for (size_t i = 0; choice->places && i < choice->candidate_count; i++) {
        struct candidate *candidate = &choice->candidates[i];
        candidate->gain = INFINITY;
        candidate->counted_at = SIZE_MAX;
        for (size_t k = 0; k < candidate->place_count; k++)
            choice->places[choice->place_count++] = &candidate->places[k];
    }
    return choice->places;
}

/* ---- choosing ---- */

/* By how much all that is asked comes nearer to what is known by measuring the candidate's sample. */
static double gain_of(const struct choice *choice, const struct candidate *candidate)
{
    double sum = 0;
    for (size_t j = 0; j < candidate->place_count; j++) {
        const struct place *added = &candidate->places[j];
        for (size_t i = 0; i < choice->place_count; i++) {
            const struct place *place = choice->places[i];
            if (place->features.op == added->features.op && place->distance > 0) {
                double apart = surface_distance(&place->at, &added->at);
                sum += place->share * fmax(0, fmin(place->distance, ESTIMATE_FAR_AWAY) - apart);
            }
        }
    }
    return sum;
}

/* Everything that is asked is now as near to the candidate's ops as to others'. */
static void draw_near(struct choice *choice, const struct candidate *chosen)
{
    for (size_t i = 0; i < choice->place_count; i++) {
        struct place *place = choice->places[i];
        for (size_t j = 0; j < chosen->place_count && place->distance > 0; j++)
            if (place->features.op == chosen->places[j].features.op)
                place->distance = fmin(place->distance, surface_distance(&place->at, &chosen->places[j].at));
    }
}

/* Whether the sample's plan fits, into the memory and into what is left of the time. */
static bool has_room(const struct choice *choice, const struct candidate *candidate)
{
    struct error error;
    struct plan plan = {0};
    struct graph *graph = case_build_shapes(&candidate->sample, &error);
    bool fits = graph && plan_make(graph, choice->limits->threads, &plan, &error) &&
                plan.arena_bytes <= choice->limits->memory_bytes;
    double fill_s = (double)plan.arena_bytes / FILL_GBS * 1e-9, left_s = choice->limits->budget_s - choice->spent_s;
    plan_free(&plan);
    graph_free(graph);
    return fits && fmax(candidate->cost_s, fill_s) <= fmin(left_s, most_seconds(choice));
}

static bool add(struct choice *choice, const struct model_case *one, double cost_s)
{
    for (size_t i = 0; i < choice->count; i++)
        if (strcmp(choice->chosen[i].id, one->id) == 0)
            return true;
    if (choice->count == choice->capacity) {
        size_t capacity = choice->capacity ? 2 * choice->capacity : 64;
        struct model_case *more = realloc(choice->chosen, capacity * sizeof *more);
        if (!more)
            return false;
        choice->chosen = more;
        choice->capacity = capacity;
    }
    choice->chosen[choice->count++] = *one;
    choice->spent_s += cost_s;
    return true;
}

/* Gains only shrink as more is chosen, so the first whose gain, counted again, is still more for its cost than what
 * others' were is the best (Minoux 1978). */
static struct candidate *find_best(struct choice *choice)
{
    for (;;) {
        struct candidate *best = NULL;
        for (size_t i = 0; i < choice->candidate_count; i++) {
            struct candidate *candidate = &choice->candidates[i];
            if (!candidate->settled && (!best || candidate->gain / candidate->cost_s > best->gain / best->cost_s))
                best = candidate;
        }
        if (!best || best->counted_at == choice->count)
            return best && best->gain > KNOWN_DISTANCE ? best : NULL;
        best->gain = gain_of(choice, best);
        best->counted_at = choice->count;
    }
}

static bool choose_samples(struct choice *choice)
{
    struct candidate *next;
    while ((next = find_best(choice))) {
        next->settled = true;
        if (!has_room(choice, next))
            continue;
        if (!add(choice, &next->sample, next->cost_s))
            return false;
        draw_near(choice, next);
    }
    return true;
}

/* The cheapest case of that mode whose sample isn't itself, and that isn't chosen yet. */
static struct candidate *find_control(const struct choice *choice, enum mode mode)
{
    struct candidate *cheapest = NULL;
    for (size_t i = 0; i < choice->candidate_count; i++) {
        struct candidate *candidate = &choice->candidates[i];
        if (!candidate->settled && candidate->one.mode == mode && candidate->sample.layers != candidate->one.layers &&
            (!cheapest || candidate->whole_cost_s < cheapest->whole_cost_s))
            cheapest = candidate;
    }
    return cheapest;
}

static bool choose_controls(struct choice *choice)
{
    for (int mode = 0; mode < MODE_COUNT; mode++)
        for (int i = 0; i < CONTROLS; i++) {
            struct candidate *control = find_control(choice, (enum mode)mode);
            double cost_s = control ? control->cost_s + control->whole_cost_s : INFINITY;
            if (cost_s > LEAST_MOST_S || choice->spent_s + cost_s > choice->limits->budget_s / 2)
                break;
            control->settled = true;
            if (!add(choice, &control->one, control->whole_cost_s) || !add(choice, &control->sample, control->cost_s))
                return false;
            draw_near(choice, control);
        }
    return true;
}

bool calibration_choose(const struct model_case *asked, size_t asked_count, const struct estimator *known,
                        const struct calibration_limits *limits, const struct calibration_tried *tried,
                        struct model_case **chosen, size_t *count, struct error *error)
{
    struct choice choice = {.limits = limits, .tried = tried, .known = known, .candidate_count = asked_count};
    choice.candidates = calloc(asked_count + 1, sizeof *choice.candidates);
    bool tested = known && estimator_scores(known) >= ENOUGH_SCORES;
    bool right = choice.candidates && make_candidates(&choice, asked) && list_all(&choice) &&
                 (tested || choose_controls(&choice)) && choose_samples(&choice);
    for (size_t i = 0; choice.candidates && i < asked_count; i++)
        free(choice.candidates[i].places);
    free(choice.places);
    free(choice.candidates);
    if (!right) {
        free(choice.chosen);
        return error_set(error, ERROR_SYSTEM, "out of memory for choosing what to measure");
    }
    *chosen = choice.chosen;
    *count = choice.count;
    return true;
}

/* ---- of measured cases ---- */

static bool add_parsed(struct choice *choice, struct model_case one)
{
    struct model_case valid;
    case_name(&one);
    return !case_parse_of(one.id, one.size, &valid, NULL) || add(choice, &valid, 0);
}

static bool add_samples(struct choice *choice, const struct model_case *one, struct error *error)
{
    struct graph *whole = case_build_shapes(one, error);
    struct model_case sample;
    bool right = whole && case_sample(one, whole, &sample, error);
    graph_free(whole);
    if (!right)
        return false;
    struct model_case half = *one, twice = *one;
    half.batch /= 2;
    twice.batch *= 2;
    return (sample.layers != one->layers ? add(choice, &sample, 0)
                                         : (!half.batch || add_parsed(choice, half)) && add_parsed(choice, twice)) ||
           error_set(error, ERROR_SYSTEM, "out of memory for choosing what to measure");
}

bool calibration_samples(const struct model_case *measured, size_t measured_count, struct model_case **samples,
                         size_t *count, struct error *error)
{
    struct choice choice = {.chosen = NULL};
    bool right = true;
    for (size_t i = 0; right && i < measured_count; i++)
        right = add_samples(&choice, &measured[i], error);
    if (!right) {
        free(choice.chosen);
        return false;
    }
    *samples = choice.chosen;
    *count = choice.count;
    return true;
}
