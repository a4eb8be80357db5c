/* What regress found, as the document of CONTRACT.md and for people; see regress.h. */
#include <math.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "reports/machine_changes.h"
#include "reports/regress.h"

enum column_place { CASE, WHAT, CHANGE, VERDICT, SINCE, CHANCE, COLUMNS };
static const struct column columns[COLUMNS] = {
    [CASE] = {"case", "Case", false, 0},        [WHAT] = {"quantity", "What", false, 1},
    [CHANGE] = {"change", "Change", true, 0},   [VERDICT] = {"verdict", "Verdict", false, 0},
    [SINCE] = {"since", "Since run", false, 0}, [CHANCE] = {"p", "By chance", true, 2},
};

static const char *verdict_name(enum night_verdict verdict)
{
    switch (verdict) {
    case NIGHT_SLOWER:
        return "slower";
    case NIGHT_FASTER:
        return "faster";
    case NIGHT_UNSURE:
        return "unsure";
    default:
        return "same";
    }
}

static bool is_judged(const struct night_finding *finding)
{
    return finding->verdict != NIGHT_MISSING && finding->verdict != NIGHT_NEW;
}

static bool is_told(const struct night_finding *finding)
{
    return is_judged(finding) && finding->verdict != NIGHT_SAME;
}

/* ---- the document ---- */

static json_t *finding_to_json(const struct history *history, size_t c, int q, const struct night_finding *finding)
{
    json_t *object = json_object();
    json_put_string(object, "id", history->ids[c]);
    json_put_string(object, "quantity", regress_quantity_name(q));
    json_put_real(object, "change", finding->change);
    json_put_real(object, "low", finding->low);
    json_put_real(object, "high", finding->high);
    json_put_real(object, "p", finding->p);
    json_put_string(object, "verdict", verdict_name(finding->verdict));
    if (is_told(finding))
        json_put_string(object, "since", history->runs[finding->since].id);
    if (finding->creep)
        json_put_bool(object, "creep", true);
    return object;
}

static json_t *cases_to_json(const struct regression *regression)
{
    json_t *cases = json_array();
    for (size_t c = 0; c < regression->history->case_count; c++)
        for (int q = 0; q < REGRESS_QUANTITIES; q++) {
            const struct night_finding *finding = &regression->findings[q][c];
            if (is_judged(finding) && (q != REGRESS_CHECK || is_told(finding)))
                json_array_append_new(cases, finding_to_json(regression->history, c, q, finding));
        }
    return cases;
}

/* Ids of the cases that changed at this run, or at one beside it where nothing else changed. */
static json_t *moved_at(const struct regression *regression, size_t run)
{
    const struct history *history = regression->history;
    json_t *moved = json_array();
    for (size_t c = 0; c < history->case_count; c++)
        for (int q = 0; q < REGRESS_QUANTITIES; q++) {
            const struct night_finding *finding = &regression->findings[q][c];
            size_t away = finding->since > run ? finding->since - run : run - finding->since;
            if (is_told(finding) && finding->verdict != NIGHT_FASTER && away <= 1) {
                json_array_append_new(moved, json_string(history->ids[c]));
                break;
            }
        }
    if (regression->shift.moved && regression->shift.since == run && !json_array_size(moved))
        for (size_t c = 0; c < history->case_count; c++)
            json_array_append_new(moved, json_string(history->ids[c]));
    return moved;
}

/* What changed in the machine at the runs at which cases changed. */
static json_t *suspects_to_json(const struct regression *regression)
{
    const struct history *history = regression->history;
    json_t *suspects = json_array();
    for (size_t r = 1; r < history->run_count; r++) {
        json_t *moved = moved_at(regression, r), *changes, *change;
        size_t i;
        changes =
            json_array_size(moved) ? machine_changes(history->runs[r - 1].machine, history->runs[r].machine) : NULL;
        json_array_foreach(changes, i, change)
        {
            json_put_string(change, "run", history->runs[r].id);
            json_put(change, "cases", json_deep_copy(moved));
            json_array_append(suspects, change);
        }
        json_decref(changes);
        json_decref(moved);
    }
    return suspects;
}

static const char *verdict_word(enum regress_verdict verdict)
{
    static const char *const words[] = {"clean", "regression", "unsure"};
    return words[verdict];
}

static void fill_document(json_t *document, const struct regression *regression)
{
    const struct history *history = regression->history;
    size_t last = history->run_count - 1;
    json_t *baseline = json_array();
    for (size_t r = last - regression->baseline; r < last; r++)
        json_array_append_new(baseline, json_string(history->runs[r].id));
    json_put_string(document, "schema", "benchmark.regress/1");
    json_put_string(document, "run", history->runs[last].id);
    json_put(document, "baseline", baseline);
    json_put_string(document, "verdict", verdict_word(regression->verdict));
    if (regression->shift.moved) {
        json_t *shift = json_object();
        json_put_real(shift, "change", regression->shift.change);
        json_put_bool(shift, "confirmed", regression->shift.confirmed);
        json_put_string(shift, "since", history->runs[regression->shift.since].id);
        json_put(document, "machine_shift", shift);
    }
    json_put(document, "cases", cases_to_json(regression));
    json_put(document, "suspects", suspects_to_json(regression));
}

/* ---- for people ---- */

static void add_row(struct table *table, const struct history *history, size_t c, int q,
                    const struct night_finding *finding)
{
    static const char *const what[] = {"time", "memory", "check"};
    struct cell *row = table_row(table);
    enum tone tone = finding->verdict == NIGHT_SLOWER   ? TONE_BAD
                     : finding->verdict == NIGHT_UNSURE ? TONE_WARNING
                                                        : TONE_GOOD;
    cell_text(&row[CASE], TONE_PLAIN, "%s", history->ids[c]);
    cell_text(&row[WHAT], TONE_PLAIN, "%s", what[q]);
    if (isfinite(finding->change)) {
        cell_number(&row[CHANGE], finding->change, "%+.1f %% (%+.1f to %+.1f)", 100 * (finding->change - 1),
                    100 * (finding->low - 1), 100 * (finding->high - 1));
        row[CHANGE].low = finding->low;
        row[CHANGE].high = finding->high;
    }
    const char *word = q == REGRESS_CHECK                                        ? "fails"
                       : q == REGRESS_MEMORY && finding->verdict == NIGHT_SLOWER ? "larger"
                       : q == REGRESS_MEMORY && finding->verdict == NIGHT_FASTER ? "smaller"
                       : finding->creep && finding->verdict == NIGHT_SLOWER      ? "slower, bit by bit"
                                                                                 : verdict_name(finding->verdict);
    cell_text(&row[VERDICT], tone, "%s", word);
    cell_text(&row[SINCE], TONE_PLAIN, "%s (%.10s)", history->runs[finding->since].id,
              history->runs[finding->since].started);
    if (isfinite(finding->p))
        cell_number(&row[CHANCE], finding->p, "%.1g", finding->p);
}

static bool anything_is_told(const struct regression *regression)
{
    for (int q = 0; q < REGRESS_QUANTITIES; q++)
        for (size_t c = 0; c < regression->history->case_count; c++)
            if (is_told(&regression->findings[q][c]))
                return true;
    return false;
}

static void add_table(struct report *report, const struct regression *regression)
{
    if (!anything_is_told(regression))
        return;
    struct table *table = report_table(report, "What changed", columns, COLUMNS);
    static const enum night_verdict order[] = {NIGHT_SLOWER, NIGHT_UNSURE, NIGHT_FASTER};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        for (int q = REGRESS_QUANTITIES; q-- > 0;)
            for (size_t c = 0; c < regression->history->case_count; c++)
                if (regression->findings[q][c].verdict == order[i])
                    add_row(table, regression->history, c, q, &regression->findings[q][c]);
}

static void add_suspects(struct report *report)
{
    size_t i;
    json_t *suspect;
    json_array_foreach(json_object_get(report->document, "suspects"), i, suspect)
    {
        const char *before = json_get_string(suspect, "before"), *after = json_get_string(suspect, "after");
        report_sentence(report, TONE_WARNING, "Suspect: at run %s %s became %s (it was %s); %zu cases changed there.",
                        json_get_string(suspect, "run"), json_get_string(suspect, "field"), after ? after : "absent",
                        before ? before : "absent", json_array_size(json_object_get(suspect, "cases")));
    }
}

static void add_answer(struct report *report, const struct regression *regression)
{
    size_t before = regression->baseline;
    const struct shared_shift *shift = &regression->shift;
    if (!before)
        report_answer(report, TONE_PLAIN, "The first run of this machine: there is nothing yet to compare it with.");
    else if (regression->slower)
        report_answer(report, TONE_BAD, "%zu got worse, of %zu figures beside the %zu runs before.", regression->slower,
                      regression->judged, before);
    else if (regression->verdict == REGRESS_FOUND)
        report_answer(report, TONE_BAD, "The whole machine is %.1f %% slower since run %s, for the second time now.",
                      100 * (shift->change - 1), regression->history->runs[shift->since].id);
    else if (shift->moved && shift->change > 1)
        report_answer(report, TONE_WARNING,
                      "All cases together are %.1f %% slower: that is the machine. Another run tells whether it stays.",
                      100 * (shift->change - 1));
    else if (regression->verdict == REGRESS_UNSURE)
        report_answer(report, TONE_WARNING,
                      "%zu may have got worse: another run settles it (benchmark regress --confirm).",
                      regression->unsure);
    else if (!regression->judged)
        report_answer(report, TONE_PLAIN, "Too few runs yet to judge by: %zu before this one, and it takes 7.", before);
    else
        report_answer(report, TONE_GOOD, "Nothing got slower: %zu figures beside the %zu runs before.",
                      regression->judged, before);
}

struct report *regress_report(const struct regression *regression)
{
    struct report *report = report_create("Regressions");
    if (!report)
        return NULL;
    fill_document(report->document, regression);
    add_answer(report, regression);
    add_suspects(report);
    add_table(report, regression);
    return report;
}
