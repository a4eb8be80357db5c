#include "harness/stats/nights.h"

#include <math.h>
#include <stdlib.h>

#include "harness/stats/change_evidence.h"
#include "harness/stats/evidence_chance.h"
#include "harness/stats/false_discovery.h"
#include "harness/stats/robust.h"
#include "harness/stats/shared_drift.h"

/* How many nights ago evidence is looked at to learn how it arises by chance. */
static const size_t earlier[] = {10, 16, 22, 28};
enum { EARLIER = sizeof earlier / sizeof *earlier };
/* Beyond this the evidence is told as unsure. */
static const double unsure_p = 0.03;

struct night_options night_defaults(void)
{
    return (struct night_options){.threshold = 0.01, .alpha = 0.01, .baseline = 40, .floor = 5e-4};
}

/* The panel without its drift and its gaps: each case's nights and where they stand. */
struct kept {
    double *values;    /* [case][night] */
    size_t *places;    /* [case][night] */
    size_t *counts;    /* [case] */
    const double **of; /* [case] */
    double *drift, *p;
    bool *irregular;
    struct noise_law *laws;
};

static void kept_free(struct kept *kept)
{
    free(kept->values);
    free(kept->places);
    free(kept->counts);
    free(kept->of);
    free(kept->drift);
    free(kept->p);
    free(kept->irregular);
    free(kept->laws);
}

static bool kept_make(struct kept *kept, const struct night_panel *panel, struct error *error)
{
    size_t all = panel->cases * panel->nights + 1;
    *kept = (struct kept){.values = calloc(all, sizeof *kept->values),
                          .places = calloc(all, sizeof *kept->places),
                          .counts = calloc(panel->cases + 1, sizeof *kept->counts),
                          .of = calloc(panel->cases + 1, sizeof *kept->of),
                          .drift = calloc(panel->nights + 1, sizeof *kept->drift),
                          .p = calloc(panel->cases + 1, sizeof *kept->p),
                          .irregular = calloc(panel->cases + 1, sizeof *kept->irregular),
                          .laws = calloc(panel->cases + 1, sizeof *kept->laws)};
    return (kept->values && kept->places && kept->counts && kept->of && kept->drift && kept->p && kept->irregular &&
            kept->laws) ||
           error_set(error, ERROR_SYSTEM, "not enough memory to judge the nights");
}

static bool keep(struct kept *kept, const struct night_panel *panel, struct error *error)
{
    if (panel->shares_drift && !shared_drift_find(panel->values, panel->cases, panel->nights, kept->drift, error))
        return false;
    for (size_t c = 0; c < panel->cases; c++) {
        kept->of[c] = kept->values + c * panel->nights;
        for (size_t n = 0; n < panel->nights; n++) {
            double value = panel->values[c * panel->nights + n] - kept->drift[n];
            if (!isfinite(value))
                continue;
            kept->values[c * panel->nights + kept->counts[c]] = value;
            kept->places[c * panel->nights + kept->counts[c]++] = n;
        }
    }
    return true;
}

static void learn_prior(struct kept *kept, size_t cases, const struct night_options *options, struct noise_prior *prior)
{
    for (size_t c = 0; c < cases; c++)
        if (kept->counts[c] >= 4)
            noise_law_fit(kept->of[c], kept->counts[c], &noise_prior_vague, options->floor, &kept->laws[c]);
    noise_prior_learn(kept->laws, kept->of, kept->counts, cases, prior);
}

/* The most evidence that each case had on some earlier nights. Cases that have several levels or odd nights have strong
 * evidence more often: what is learned of them isn't held against the others. */
static void learn_chance(struct kept *kept, const struct night_panel *panel, const struct change_search *search,
                         struct evidence_chance chance[2])
{
    for (size_t c = 0; c < panel->cases; c++) {
        kept->p[c] = NAN;
        for (size_t i = 0; i < EARLIER && kept->counts[c] >= earlier[i] + 2 * LEAST_BASELINE; i++) {
            struct change_evidence evidence;
            change_evidence_find(kept->of[c], kept->counts[c] - earlier[i], search, &evidence);
            kept->p[c] = fmax(evidence.up, kept->p[c]);
            kept->irregular[c] = kept->irregular[c] || evidence.irregular;
        }
    }
    for (int irregular = 0; irregular < 2; irregular++)
        chance[irregular] = evidence_chance_learn(kept->p, kept->irregular, irregular, panel->cases, EARLIER);
}

static void tell_change(struct night_finding *finding, double size, double error)
{
    finding->change = exp(size);
    finding->low = exp(size - 1.96 * error);
    finding->high = exp(size + 1.96 * error);
}

static void judge_case(const struct kept *kept, const struct night_panel *panel, size_t c,
                       const struct change_search *search, const struct evidence_chance chance[2],
                       struct night_finding *finding)
{
    size_t count = kept->counts[c], tonight = panel->nights - 1;
    *finding = (struct night_finding){NIGHT_MISSING, NAN, NAN, NAN, NAN, tonight, false, NAN};
    kept->p[c] = NAN;
    if (!count || kept->places[c * panel->nights + count - 1] != tonight)
        return;
    finding->verdict = NIGHT_NEW;
    if (count < LEAST_BASELINE + 2)
        return;
    struct change_evidence evidence;
    change_evidence_find(kept->of[c], count, search, &evidence);
    double log_factor = fmax(evidence.up, evidence.down);
    kept->p[c] = evidence_chance_p(&chance[kept->irregular[c] || evidence.irregular], log_factor);
    finding->verdict = evidence.up > evidence.down ? NIGHT_SLOWER : NIGHT_FASTER;
    finding->scale = evidence.scale;
    tell_change(finding, evidence.away, evidence.scale);
    if (kept->p[c] > unsure_p)
        return;
    tell_change(finding, evidence.size, evidence.error);
    finding->since = kept->places[c * panel->nights + evidence.first];
    finding->creep = evidence.creep;
}

static void conclude(const struct kept *kept, size_t tonight, const struct night_options *options, size_t c,
                     struct night_finding *finding)
{
    if (finding->verdict == NIGHT_MISSING || finding->verdict == NIGHT_NEW)
        return;
    finding->p = kept->p[c];
    if (finding->p <= options->alpha)
        return;
    if (finding->p <= unsure_p) {
        finding->verdict = NIGHT_UNSURE;
        return;
    }
    finding->verdict = NIGHT_SAME;
    finding->since = tonight;
    finding->creep = false;
}

/* The drift's last nights beside those before: by steps, since drift walks. */
static void find_shift(const struct kept *kept, const struct night_panel *panel, const struct night_options *options,
                       struct shared_shift *shift)
{
    size_t tonight = panel->nights - 1;
    *shift = (struct shared_shift){false, false, 1, tonight};
    double recent[32], steps[32], before;
    size_t known = 0;
    for (size_t n = panel->nights; n-- > 0 && known < 22;)
        if (isfinite(kept->drift[n]))
            recent[known++] = kept->drift[n];
    if (!panel->shares_drift || known < 8 || !isfinite(kept->drift[tonight]))
        return;
    for (size_t i = 2; i + 1 < known; i++)
        steps[i - 2] = fabs(recent[i] - recent[i + 1]);
    double usual = 1.4826 * stats_median(steps, known - 3);
    double least = fmax(2 * options->threshold, 5 * usual);
    before = stats_median(recent + 2, known - 2 < 5 ? known - 2 : 5);
    shift->moved = fabs(recent[0] - before) > least;
    shift->confirmed = shift->moved && fabs(recent[1] - before) > least && (recent[0] > before) == (recent[1] > before);
    shift->change = exp(recent[0] - before);
    if (shift->confirmed && tonight)
        shift->since = tonight - 1;
}

bool nights_judge(const struct night_panel *panel, const struct night_options *options, struct night_finding *findings,
                  struct shared_shift *shift, struct error *error)
{
    struct kept kept = {0};
    struct evidence_chance chance[2];
    struct change_search search = {
        .threshold = log1p(options->threshold), .floor = options->floor, .baseline = options->baseline};
    *shift = (struct shared_shift){false, false, 1, 0};
    bool right = panel->nights && kept_make(&kept, panel, error) && keep(&kept, panel, error);
    if (right) {
        learn_prior(&kept, panel->cases, options, &search.prior);
        learn_chance(&kept, panel, &search, chance);
        for (size_t c = 0; c < panel->cases; c++)
            judge_case(&kept, panel, c, &search, chance, &findings[c]);
        right = false_discovery_adjust(kept.p, panel->cases, error);
        for (size_t c = 0; right && c < panel->cases; c++)
            conclude(&kept, panel->nights - 1, options, c, &findings[c]);
        find_shift(&kept, panel, options, shift);
    }
    kept_free(&kept);
    return right;
}
