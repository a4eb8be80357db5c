#include "harness/run/op_times.h"

#include <stdlib.h>
#include <string.h>

#include "harness/stats/robust.h"
#include "harness/store/op_time.h"
#include "models/graph/cost.h"
#include "models/graph/op.h"

/* Odd numbers: the median is one of them. */
enum { MOST_STEPS = 25, LEAST_STEPS = 3 };

static size_t steps_within(double step_s, double budget_s)
{
    double steps = step_s > 0 ? budget_s / step_s : 1;
    return steps >= MOST_STEPS ? MOST_STEPS : steps >= LEAST_STEPS ? ((size_t)steps - 1) / 2 * 2 + 1 : 1;
}

/* Times are skewed: the median of the sums is more than the sum of the medians. */
static double median_step(const double *seconds, size_t nodes, size_t steps)
{
    double of_step[MOST_STEPS] = {0};
    for (size_t step = 0; step < steps; step++)
        for (size_t n = 0; n < nodes; n++)
            of_step[step] += seconds[step * nodes + n];
    return stats_median(of_step, steps);
}

struct op_time *op_times_measure(struct engine *engine, const struct graph *graph, double step_s, double budget_s,
                                 void (*before)(void *state), void *before_state, size_t *count)
{
    size_t nodes = (size_t)graph->node_count, steps = steps_within(step_s, budget_s);
    double *seconds = calloc(nodes * steps + 1, sizeof *seconds);
    struct op_time *ops = calloc(nodes + 1, sizeof *ops); /* room for one more, the caller's */
    *count = 0;
    for (size_t step = 0; seconds && ops && step < steps; step++) {
        if (before)
            before(before_state);
        engine_step_timed(engine, seconds + step * nodes);
    }
    double sum = 0;
    for (size_t n = 0; seconds && ops && n < nodes; n++) {
        double of_node[MOST_STEPS];
        for (size_t step = 0; step < steps; step++)
            of_node[step] = seconds[step * nodes + n];
        struct features features = node_features(graph, &graph->nodes[n]);
        double median = stats_median(of_node, steps);
        if (graph->nodes[n].op->run)
            op_times_count(ops, count, &features)->seconds += median; /* a sum until the end */
        sum += median;
    }
    double scale = sum > 0 ? median_step(seconds, nodes, steps) / sum : 1;
    for (size_t i = 0; i < *count; i++)
        ops[i].seconds *= scale / ops[i].count;
    free(seconds);
    return ops;
}
