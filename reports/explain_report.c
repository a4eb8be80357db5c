/* An explanation as data: the document of CONTRACT.md, and beside it the sentences, the roofline and the tables. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/parse.h"
#include "models/families/family.h"
#include "reports/explain.h"
#include "reports/machine_figures.h"

enum { MOST_POINTS = 9, MOST_BARS = 12 };

static const char *phase_name(enum phase phase)
{
    static const char *const names[] = {"forward", "backward", "optimizer"};
    return names[phase];
}

static const char *basis_of(const struct explained_op *op)
{
    return op->measured_s > 0 ? "measured" : op->estimated_s > 0 ? "estimated" : NULL;
}

static double share_of(const struct explanation *all, const struct explained_op *op)
{
    return (double)op->count * explained_seconds(op) / all->seconds;
}

/* How much of what its ceiling allows the op reaches; above 1 where its operands were still in a nearer cache. */
static double reached_of(const struct explained_op *op)
{
    return op->measured_s > 0 || op->estimated_s > 0 ? op->floor_s / explained_seconds(op) : NAN;
}

/* ---- the document ---- */

static json_t *op_to_json(const struct explanation *all, const struct explained_op *op)
{
    json_t *object = json_object();
    json_put_string(object, "op", op->op);
    json_put_string(object, "name", op->name);
    json_put_string(object, "dtype", dtype_info(op->dtype)->name);
    json_put_string(object, "phase", phase_name(op->phase));
    if (op->recomputed)
        json_put_bool(object, "recomputed", true);
    json_put_count(object, "count", op->count);
    json_put_real(object, "flops", op->flops);
    json_put_real(object, "bytes", op->bytes);
    json_put_real(object, "measured_s", op->measured_s);
    json_put_real(object, "estimated_s", op->estimated_s);
    json_put_real(object, "floor_s", op->floor_s);
    json_put_real(object, "share", share_of(all, op));
    json_put_real(object, "ceiling_share", reached_of(op));
    json_put_string(object, "bound", bound_name(op->bound));
    json_put_real(object, "intensity", op->flops / op->bytes);
    json_put_string(object, "basis", basis_of(op));
    return object;
}

static json_t *layer_to_json(const struct explanation *all, const struct explained_layer *layer)
{
    json_t *object = json_object();
    json_put_string(object, "name", layer->name);
    json_put_string(object, "phase", phase_name(layer->phase));
    json_put_count(object, "count", layer->count);
    json_put_real(object, "flops", layer->flops);
    json_put_real(object, "bytes", layer->bytes);
    json_put_real(object, "seconds", layer->seconds);
    json_put_real(object, "share", layer->seconds / all->seconds);
    return object;
}

static json_t *advice_to_json(const struct advice *advice)
{
    json_t *object = json_object();
    json_put_string(object, "what", advice->what);
    json_put_real(object, "gain", advice->gain);
    json_put_real(object, "low", advice->low);
    json_put_real(object, "high", advice->high);
    json_put_string(object, "basis", advice->measured ? "measured" : "estimated");
    return object;
}

static json_t *step_to_json(const struct explanation *all)
{
    json_t *object = json_object();
    json_put_real(object, "measured_s", all->record ? all->record->time.median : NAN);
    json_put_real(object, "estimated_s", all->estimate.seconds);
    json_put_real(object, "estimated_low_s", all->estimate.low);
    json_put_real(object, "estimated_high_s", all->estimate.high);
    json_put_real(object, "ops_s", all->seconds);
    json_put_real(object, "floor_s", all->floor_s > 0 ? all->floor_s : NAN);
    return object;
}

static json_t *roofline_to_json(const struct explanation *all, const struct explain_basis *basis)
{
    json_t *object = json_object();
    json_put_real(object, "peak_gflops", all->peak_gflops);
    json_put_real(object, "read_gbs", machine_ceiling(basis->machine, "read_gbs"));
    json_put_real(object, "bandwidth_gbs", all->bandwidth_gbs);
    json_put_string(object, "bandwidth_of", isnan(all->bandwidth_gbs) ? NULL : all->bandwidth_name);
    return object;
}

static json_t *document(const struct explanation *all, const struct explain_basis *basis)
{
    json_t *object = json_object(), *ops = json_array(), *layers = json_array(), *advice = json_array();
    json_put_string(object, "schema", "benchmark.explain/1");
    json_put_string(object, "id", all->one.id);
    json_put_string(object, "machine", basis->machine->name);
    json_put_string(object, "basis", all->record ? "measured" : all->estimate.seconds > 0 ? "estimated" : NULL);
    json_put(object, "step", step_to_json(all));
    for (size_t i = 0; i < all->op_count; i++)
        json_array_append_new(ops, op_to_json(all, &all->ops[i]));
    for (size_t i = 0; i < all->layer_count; i++)
        json_array_append_new(layers, layer_to_json(all, &all->layers[i]));
    for (size_t i = 0; i < all->advice_count; i++)
        json_array_append_new(advice, advice_to_json(&all->advice[i]));
    json_put(object, "ops", ops);
    json_put(object, "layers", layers);
    json_put(object, "advice", advice);
    json_put(object, "roofline", roofline_to_json(all, basis));
    return object;
}

/* ---- sentences ---- */

static void say_percent(double share, char *out, size_t capacity)
{
    snprintf(out, capacity, "%.*f %%", share < 0.0995 ? 1 : 0, 100 * share);
}

static void answer(struct report *report, const struct explanation *all)
{
    static const char *const words[] = {"arithmetic", "bandwidth", "the cost of starting them"};
    if (!(all->seconds > 0)) {
        report_answer(report, TONE_WARNING,
                      "Nothing was measured on this machine yet, so times are unknown: `benchmark run --suite "
                      "calibration` takes half a minute.");
        return;
    }
    int most = 0;
    for (int i = 1; i < 3; i++)
        most = all->bound_s[i] > all->bound_s[most] ? i : most;
    char step[32], bound[16], share[16];
    const struct explained_op *first = &all->ops[0];
    const char *basis = all->record                 ? "measured"
                        : all->estimate.seconds > 0 ? "estimated"
                                                    : "at the least, by the ceilings";
    format_duration(all->step_s, step, sizeof step);
    say_percent(all->bound_s[most] / all->seconds, bound, sizeof bound);
    say_percent(share_of(all, first), share, sizeof share);
    char reached[64] = "";
    if (all->floor_s > 0 && basis_of(first))
        snprintf(reached, sizeof reached, ", at %.0f %% of what the machine's ceilings allow",
                 100 * all->floor_s / all->seconds);
    report_answer(report, TONE_STRONG,
                  "A step takes %s (%s)%s; %s of it is in ops limited by %s, and most goes to %s%s%s: %s.", step, basis,
                  reached, bound, words[most], first->op, *first->name ? " " : "", first->name, share);
}

static void say_basis(struct report *report, const struct explanation *all, const struct explain_basis *basis)
{
    double unknown_s = 0;
    for (size_t i = 0; i < all->op_count; i++)
        unknown_s += all->ops[i].measured_s > 0 ? 0 : (double)all->ops[i].count * explained_seconds(&all->ops[i]);
    if (!all->record)
        report_sentence(report, TONE_WARNING,
                        "This case was never measured on this machine%s; every time here is an estimate.",
                        basis->threads ? " with these threads" : "");
    else if (!all->record->op_count)
        report_sentence(report, TONE_WARNING,
                        "The step was measured, but not each op in it; their times are estimates.");
    else if (unknown_s > 0.01 * all->seconds)
        report_sentence(report, TONE_WARNING,
                        "Ops with %.0f %% of the time were not in the step that was measured (another version's?); "
                        "theirs is estimated.",
                        100 * unknown_s / all->seconds);
    if (all->record && all->record->op_count && all->estimate.seconds > 0) {
        char low[32], high[32], estimate[32];
        format_duration(all->estimate.seconds, estimate, sizeof estimate);
        format_duration(all->estimate.low, low, sizeof low);
        format_duration(all->estimate.high, high, sizeof high);
        report_sentence(report, TONE_FAINT,
                        "From the cases of other models alone the estimate would be %s (%s to %s); the column "
                        "\"estimated\" is of that kind.",
                        estimate, low, high);
    }
    if (!isnan(all->bandwidth_gbs) && strcmp(all->bandwidth_name, "memory") != 0)
        report_sentence(report, TONE_FAINT,
                        "All that the step touches fits into the %s cache, so bytes are held against its %.0f GB/s.",
                        all->bandwidth_name, all->bandwidth_gbs);
}

static void say_advice(struct report *report, const struct explanation *all)
{
    static const char *const ranks[] = {"First", "Second", "Third"};
    report_heading(report, "What would help most");
    for (size_t i = 0; i < all->advice_count; i++) {
        const struct advice *advice = &all->advice[i];
        char interval[64] = "";
        if (!isnan(advice->low))
            snprintf(interval, sizeof interval, " (%.2f to %.2f)", advice->low, advice->high);
        report_sentence(report, TONE_PLAIN, "%s: %s: %s%.2f times as fast%s, %s.", ranks[i], advice->what,
                        advice->measured ? "" : "about ", advice->gain, interval,
                        advice->measured ? "measured" : "estimated");
    }
    if (!all->advice_count)
        report_sentence(report, TONE_PLAIN,
                        "Nothing that is known of this machine would make it more than a few hundredths faster.");
    if (all->seconds > 0)
        report_sentence(report, TONE_FAINT,
                        "On another machine: twice the arithmetic would make it %.2f times as fast, twice the "
                        "bandwidth %.2f times.",
                        all->faster_compute, all->faster_bandwidth);
}

/* ---- tables and figures ---- */

enum { OP, NAME, COUNT, FLOPS, BYTES, TIME, ESTIMATE, SHARE, BOUND, REACHED, INTENSITY, PHASE, BASIS, OP_COLUMNS };

static const struct column op_columns[OP_COLUMNS] = {
    [OP] = {"op", "Op", false, 0},
    [NAME] = {"name", "Layer", false, 0},
    [COUNT] = {"count", "×", true, 1},
    [FLOPS] = {"flops", "FLOPs", true, 4},
    [BYTES] = {"bytes", "Bytes", true, 4},
    [TIME] = {"measured_s", "Time", true, 0},
    [ESTIMATE] = {"estimated_s", "Estimated", true, 3},
    [SHARE] = {"share", "Share", true, 0},
    [BOUND] = {"bound", "Bound", false, 2},
    [REACHED] = {"ceiling_share", "Of ceiling", true, 1},
    [INTENSITY] = {"intensity", "FLOP/byte", true, 5},
    [PHASE] = {"phase", "Phase", false, 3},
    [BASIS] = {"basis", "Basis", false, 6},
};

static void put_time(struct cell *cell, double seconds, const char *mark)
{
    char text[32];
    if (!(seconds > 0))
        return;
    format_duration(seconds, text, sizeof text);
    cell_number(cell, seconds, "%s%s", mark, text);
}

static void put_share(struct cell *cell, double share)
{
    char text[16];
    if (!isfinite(share))
        return;
    say_percent(share, text, sizeof text);
    cell_number(cell, share, "%s", text);
}

static void put_count(struct cell *cell, double count)
{
    char text[32];
    format_count(count, text, sizeof text);
    cell_number(cell, count, "%s", text);
}

static void put_bytes(struct cell *cell, double bytes)
{
    char text[32];
    format_size((uint64_t)bytes, text, sizeof text);
    cell_number(cell, bytes, "%s", text);
}

/* Numbers are of all `count` together, as are the times: what they make of the step. */
static void add_op_row(struct table *table, const struct explanation *all, const struct explained_op *op)
{
    struct cell *row = table_row(table);
    double count = (double)op->count, reached = reached_of(op);
    cell_text(&row[OP], TONE_STRONG, "%s", op->op);
    cell_text(&row[NAME], TONE_PLAIN, "%s%s", op->name, op->recomputed ? " (again)" : "");
    cell_number(&row[COUNT], count, "%zu", op->count);
    put_count(&row[FLOPS], count * op->flops);
    put_bytes(&row[BYTES], count * op->bytes);
    put_time(&row[TIME], count * explained_seconds(op), op->measured_s > 0 ? "" : op->estimated_s > 0 ? "~" : "≥ ");
    put_time(&row[ESTIMATE], count * op->estimated_s, "~");
    put_share(&row[SHARE], share_of(all, op));
    cell_text(&row[BOUND], TONE_PLAIN, "%s", isnan(op->floor_s) ? "" : bound_name(op->bound));
    put_share(&row[REACHED], reached);
    if (reached > 1.05)
        cell_note(&row[REACHED], "above its ceiling: what it read was still in a nearer cache");
    if (op->flops > 0 && op->bytes > 0)
        cell_number(&row[INTENSITY], op->flops / op->bytes, "%.3g", op->flops / op->bytes);
    cell_text(&row[PHASE], TONE_FAINT, "%s", phase_name(op->phase));
    cell_text(&row[BASIS], TONE_FAINT, "%s", basis_of(op) ? basis_of(op) : "ceiling");
}

static void add_ops(struct report *report, const struct explanation *all)
{
    struct table *table = report_table(report, "Ops, the longest first", op_columns, OP_COLUMNS);
    for (size_t i = 0; i < all->op_count; i++)
        add_op_row(table, all, &all->ops[i]);
}

static void add_layers(struct report *report, const struct explanation *all)
{
    static const struct column columns[] = {{"layer", "Layer", false, 0}, {"phase", "Phase", false, 1},
                                            {"count", "×", true, 0},      {"flops", "FLOPs", true, 2},
                                            {"bytes", "Bytes", true, 2},  {"seconds", "Time", true, 0},
                                            {"share", "Share", true, 0}};
    struct table *table = report_table(report, "Layers", columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < all->layer_count; i++) {
        const struct explained_layer *layer = &all->layers[i];
        struct cell *row = table_row(table);
        cell_text(&row[0], TONE_STRONG, "%s", *layer->name ? layer->name : "(none)");
        cell_text(&row[1], TONE_PLAIN, "%s", phase_name(layer->phase));
        cell_number(&row[2], (double)layer->count, "%zu", layer->count);
        put_count(&row[3], layer->flops);
        put_bytes(&row[4], layer->bytes);
        put_time(&row[5], layer->seconds, all->record && all->record->op_count ? "" : "~");
        put_share(&row[6], layer->seconds / all->seconds);
    }
}

static void name_op(const struct explained_op *op, char *out, size_t capacity)
{
    snprintf(out, capacity, "%s%s%s", op->op, *op->name ? " " : "", op->name);
}

static void add_roofline(struct report *report, const struct explanation *all, const struct explain_basis *basis)
{
    if (isnan(all->peak_gflops) || isnan(all->bandwidth_gbs))
        return;
    json_t *machine = machine_to_json(basis->machine);
    struct roofline *roofline = report_roofline(report, "Roofline");
    machine_add_ceilings(roofline, machine, case_dtype_name(&all->one));
    json_decref(machine);
    size_t shown = 0;
    for (size_t i = 0; i < all->op_count && shown < MOST_POINTS; i++) {
        const struct explained_op *op = &all->ops[i];
        double seconds = explained_seconds(op);
        if (!(op->flops > 0) || !(op->bytes > 0) || !(seconds > 0))
            continue;
        char name[160];
        name_op(op, name, sizeof name);
        struct roofline_point *point = roofline_point(roofline, name, op->flops / op->bytes, op->flops / seconds / 1e9);
        point->share = share_of(all, op);
        point->estimated = !(op->measured_s > 0);
        shown++;
    }
}

static void add_bars(struct report *report, const struct explanation *all)
{
    static const char *const parts[] = {"at its ceiling", "above it"};
    struct bars *bars = report_bars(report, "Where the time goes", parts, 2);
    for (size_t i = 0; i < all->op_count && i < MOST_BARS; i++) {
        const struct explained_op *op = &all->ops[i];
        double count = (double)op->count, seconds = explained_seconds(op);
        char name[160], time[32], share[16], text[64];
        name_op(op, name, sizeof name);
        format_duration(count * seconds, time, sizeof time);
        say_percent(share_of(all, op), share, sizeof share);
        snprintf(text, sizeof text, "%s, %s", time, share);
        struct bar *bar = bars_add(bars, name, text);
        bar->parts[0] = count * fmin(op->floor_s, seconds);
        bar->parts[1] = count * fmax(seconds - op->floor_s, 0);
        bar->estimated = !(op->measured_s > 0);
    }
}

struct report *explain_report(const struct explanation *all, const struct explain_basis *basis)
{
    char title[CASE_ID_SIZE + 32];
    snprintf(title, sizeof title, "Where the time goes in %s", all->one.id);
    struct report *report = report_create(title);
    if (!report)
        return NULL;
    json_decref(report->document);
    report->document = document(all, basis);
    answer(report, all);
    report_sentence(report, TONE_FAINT, "%s, %d thread%s (%s).", basis->machine->cpu.model, basis->threads,
                    basis->threads == 1 ? "" : "s", basis->machine->name);
    say_basis(report, all, basis);
    say_advice(report, all);
    report_heading(report, "Op by op");
    if (all->seconds > 0)
        add_bars(report, all);
    add_ops(report, all);
    add_roofline(report, all, basis);
    add_layers(report, all);
    json_t *machine = machine_to_json(basis->machine);
    machine_add_topology(report, machine);
    report_drawn_only(report);
    json_decref(machine);
    return report;
}
