/* From a case to its ops, in groups: what they cost is read off the graph, how long they take off the records. */
#include "reports/explain.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run/prepare.h"
#include "models/families/family.h"
#include "models/graph/op.h"
#include "models/graph/plan.h"

double explained_seconds(const struct explained_op *op)
{
    return op->measured_s > 0 ? op->measured_s : op->estimated_s > 0 ? op->estimated_s : op->floor_s;
}

/* ---- grouping ---- */

/* "h.11.mlp.fc" -> "h.*.mlp.fc": numbers that stand alone between dots count equal layers. */
static void generalise(const char *name, char *out, size_t capacity)
{
    size_t used = 0;
    for (const char *c = name; *c && used + 1 < capacity;) {
        size_t digits = strspn(c, "0123456789");
        bool starts = c == name || c[-1] == '.', ends = c[digits] == '.' || c[digits] == '\0';
        if (digits && starts && ends) {
            out[used++] = '*';
            c += digits;
        } else {
            out[used++] = *c++;
        }
    }
    out[used] = '\0';
}

/* Up to the number that counts layers, or else the first word. */
static void layer_of(const char *general, char *out, size_t capacity)
{
    const char *star = strstr(general, ".*");
    size_t length = star ? (size_t)(star + 2 - general) : strcspn(general, ".");
    snprintf(out, capacity, "%.*s", (int)length, general);
}

static bool is_same(const struct explained_op *op, const struct features *features, const struct node *node,
                    const char *name)
{
    return op->phase == node->phase && op->recomputed == node->recomputed && op->dtype == features->dtype &&
           op->flops == features->flops && op->bytes == features->bytes && op->rows == features->rows &&
           op->columns == features->columns && strcmp(op->op, features->op) == 0 && strcmp(op->name, name) == 0;
}

static struct explained_op *find_group(struct explanation *all, const struct features *features,
                                       const struct node *node, const char *name)
{
    for (size_t i = 0; i < all->op_count; i++)
        if (is_same(&all->ops[i], features, node, name))
            return &all->ops[i];
    return NULL;
}

/* ---- times ---- */

static bool is_near(double a, double b)
{
    return fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b));
}

static double measured_seconds(const struct record *record, const struct features *features)
{
    for (size_t i = 0; record && i < record->op_count; i++) {
        const struct op_time *op = &record->ops[i];
        if (op->dtype == features->dtype && is_near(op->flops, features->flops) &&
            is_near(op->bytes, features->bytes) && is_near(op->rows, features->rows) &&
            is_near(op->columns, features->columns) && strcmp(op->op, features->op) == 0)
            return op->seconds;
    }
    return NAN;
}

/* What the ceilings make of one. */
static void set_floor(struct explained_op *op, const struct explanation *all, const struct machine *machine)
{
    double fork_join = machine_ceiling(machine, "fork_join_s");
    double peak = prepare_peak_gflops(machine, dtype_info(op->dtype)->name);
    op->compute_s = op->flops / peak / 1e9;
    op->bandwidth_s = op->bytes / all->bandwidth_gbs / 1e9;
    op->overhead_s = fork_join;
    op->floor_s = fmax(op->compute_s, op->bandwidth_s); /* fmax passes over NaN */
    op->bound = op->compute_s >= op->bandwidth_s ? BOUND_COMPUTE : BOUND_BANDWIDTH;
    if (op->overhead_s > op->floor_s) {
        op->floor_s = op->overhead_s;
        op->bound = BOUND_OVERHEAD;
    }
}

static struct explained_op group_of(const struct explanation *all, const struct explain_basis *basis,
                                    const struct estimator *others, double step_bytes, const struct node *node,
                                    const struct features *features, const char *name)
{
    struct explained_op op = {.dtype = features->dtype,
                              .phase = node->phase,
                              .recomputed = node->recomputed,
                              .flops = features->flops,
                              .bytes = features->bytes,
                              .rows = features->rows,
                              .columns = features->columns,
                              .estimated_s = NAN};
    snprintf(op.op, sizeof op.op, "%s", features->op);
    snprintf(op.name, sizeof op.name, "%s", name);
    op.measured_s = measured_seconds(all->record, features);
    if (others)
        op.estimated_s = estimator_op(others, features, step_bytes);
    set_floor(&op, all, basis->machine);
    return op;
}

static bool add_ops(struct explanation *all, const struct explain_basis *basis, const struct estimator *others,
                    const struct graph *graph)
{
    struct cost cost = graph_cost(graph);
    double step_bytes = cost.bytes_read + cost.bytes_written;
    all->ops = calloc((size_t)graph->node_count + 1, sizeof *all->ops);
    for (int n = 0; all->ops && n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        if (!node->op->run)
            continue;
        char name[96];
        struct features features = node_features(graph, node);
        generalise(node->name ? node->name : "", name, sizeof name);
        struct explained_op *op = find_group(all, &features, node, name);
        if (!op) {
            op = &all->ops[all->op_count++];
            *op = group_of(all, basis, others, step_bytes, node, &features, name);
        }
        op->count++;
    }
    return all->ops;
}

/* ---- sums ---- */

static int by_time(const void *a, const void *b)
{
    const struct explained_op *left = a, *right = b;
    double one = (double)left->count * explained_seconds(left), other = (double)right->count * explained_seconds(right);
    return (one < other) - (one > other);
}

static int by_layer_time(const void *a, const void *b)
{
    double one = ((const struct explained_layer *)a)->seconds, other = ((const struct explained_layer *)b)->seconds;
    return (one < other) - (one > other);
}

static struct explained_layer *find_layer(struct explanation *all, const char *name, enum phase phase)
{
    for (size_t i = 0; i < all->layer_count; i++)
        if (all->layers[i].phase == phase && strcmp(all->layers[i].name, name) == 0)
            return &all->layers[i];
    struct explained_layer *layer = &all->layers[all->layer_count++];
    *layer = (struct explained_layer){.phase = phase};
    snprintf(layer->name, sizeof layer->name, "%s", name);
    return layer;
}

/* How many layers stand behind a name: those whose numbers it left out. */
static size_t count_layers(const struct graph *graph, const char *layer, enum phase phase)
{
    size_t prefix = strcspn(layer, "*");
    long most = -1;
    if (!layer[prefix])
        return 1;
    for (int n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        if (node->phase == phase && node->name && strncmp(node->name, layer, prefix) == 0 &&
            isdigit((unsigned char)node->name[prefix])) {
            long number = strtol(node->name + prefix, NULL, 10);
            most = number > most ? number : most;
        }
    }
    return (size_t)(most + 1);
}

static bool add_layers(struct explanation *all, const struct graph *graph)
{
    all->layers = calloc(all->op_count + 1, sizeof *all->layers);
    for (size_t i = 0; all->layers && i < all->op_count; i++) {
        const struct explained_op *op = &all->ops[i];
        char name[96];
        layer_of(op->name, name, sizeof name);
        struct explained_layer *layer = find_layer(all, name, op->phase);
        double count = (double)op->count, seconds = explained_seconds(op);
        layer->flops += count * op->flops;
        layer->bytes += count * op->bytes;
        layer->seconds += isnan(seconds) ? 0 : count * seconds;
    }
    for (size_t i = 0; all->layers && i < all->layer_count; i++)
        all->layers[i].count = count_layers(graph, all->layers[i].name, all->layers[i].phase);
    if (all->layers)
        qsort(all->layers, all->layer_count, sizeof *all->layers, by_layer_time);
    return all->layers;
}

static void add_up(struct explanation *all)
{
    double compute = 0, bandwidth = 0;
    for (size_t i = 0; i < all->op_count; i++) {
        const struct explained_op *op = &all->ops[i];
        double seconds = (double)op->count * explained_seconds(op);
        if (isnan(seconds))
            continue;
        all->seconds += seconds;
        all->floor_s += (double)op->count * op->floor_s;
        all->bound_s[op->bound] += seconds;
        compute += op->bound == BOUND_COMPUTE ? seconds / 2 : 0;
        bandwidth += op->bound == BOUND_BANDWIDTH ? seconds / 2 : 0;
    }
    all->faster_compute = all->seconds / (all->seconds - compute); /* Amdahl 1967 */
    all->faster_bandwidth = all->seconds / (all->seconds - bandwidth);
    all->step_s = all->record ? all->record->time.median : all->estimate.seconds;
    if (!(all->step_s > 0))
        all->step_s = all->seconds > 0 ? all->seconds : NAN;
}

/* ---- the basis ---- */

/* Estimates from the other models' cases, and from layers: what would have been said of this one before it was
 * measured.
 */
static struct estimator *without_model(const struct explain_basis *basis, const char *model, struct error *error)
{
    struct measured_case *cases = calloc(basis->record_count + 1, sizeof *cases);
    size_t count = 0;
    for (size_t i = 0; cases && i < basis->record_count; i++) {
        const struct record *record = &basis->records[i];
        struct measured_case one = known_case(record);
        if (record->op_count && (one.layers || strcmp(record->model, model) != 0))
            cases[count++] = one;
    }
    struct estimator *others = cases ? estimator_create(cases, count, &basis->limits, 0.9, error) : NULL;
    if (!cases)
        error_set(error, ERROR_SYSTEM, "out of memory for the estimates");
    free(cases);
    return others;
}

static const struct record *find_record(const struct explain_basis *basis, const char *id)
{
    const struct record *found = NULL;
    for (size_t i = 0; i < basis->record_count; i++) {
        const struct record *record = &basis->records[i];
        if (strcmp(record->id, id) == 0 && record->time.median > 0 &&
            (!found || (!found->op_count && record->op_count)))
            found = record;
    }
    return found;
}

/* A step whose memory all fits into a cache is fed by it from the second step on. */
static void set_bandwidth(struct explanation *all, const struct machine *machine, size_t arena_bytes)
{
    all->bandwidth_gbs = machine_ceiling(machine, "read_gbs");
    snprintf(all->bandwidth_name, sizeof all->bandwidth_name, "memory");
    for (size_t i = 0; i < machine->cache_count; i++) {
        const struct cache *cache = &machine->caches[i];
        char name[32];
        snprintf(name, sizeof name, "read_l%d_gbs", cache->level);
        double gbs = machine_ceiling(machine, name);
        if (strcmp(cache->type, "instruction") == 0 || arena_bytes > cache->size_bytes * (uint64_t)cache->count ||
            !(gbs > all->bandwidth_gbs))
            continue;
        all->bandwidth_gbs = gbs;
        snprintf(all->bandwidth_name, sizeof all->bandwidth_name, "L%d", cache->level);
    }
}

static bool explain_graph(struct explanation *all, const struct explain_basis *basis, const struct estimator *others,
                          const struct graph *graph)
{
    all->estimate.seconds = all->estimate.low = all->estimate.high = NAN;
    if (others)
        all->estimate = estimator_estimate(others, graph, all->one.mode);
    if (!add_ops(all, basis, others, graph))
        return false;
    if (!add_layers(all, graph))
        return false;
    add_up(all);
    qsort(all->ops, all->op_count, sizeof *all->ops, by_time);
    return true;
}

bool explain_case(const struct model_case *one, const struct explain_basis *basis, struct explanation *all,
                  struct error *error)
{
    *all = (struct explanation){.one = *one, .step_s = NAN};
    struct plan plan = {0};
    struct estimator *others = NULL;
    struct graph *graph = case_build(one, error);
    bool right = graph && plan_make(graph, basis->threads, &plan, error);
    if (right && basis->estimator) {
        others = without_model(basis, one->size->name, error);
        right = others;
    }
    if (right) {
        all->record = find_record(basis, one->id);
        all->peak_gflops = prepare_peak_gflops(basis->machine, case_dtype_name(one));
        set_bandwidth(all, basis->machine, plan.arena_bytes);
        right = explain_graph(all, basis, others, graph) ||
                error_set(error, ERROR_SYSTEM, "out of memory for the ops of %s", one->id);
    }
    right = right && explain_advise(all, basis, error);
    estimator_free(others);
    plan_free(&plan);
    graph_free(graph);
    if (!right)
        explanation_free(all);
    return right;
}

void explanation_free(struct explanation *all)
{
    free(all->ops);
    free(all->layers);
    *all = (struct explanation){0};
}
