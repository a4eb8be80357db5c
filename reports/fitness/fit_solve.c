#include "reports/fitness/fit_solve.h"

#include <math.h>

#include "models/families/family.h"

/* ---- the search that both are ---- */

/* Bytes at a value; UINT64_MAX where there is no such case. */
typedef uint64_t bytes_at(void *subject, int64_t value);

/* The largest value up to `most` with no more than `room` bytes. Memory is nearly a straight line, so a guess along the
 * one through the two nearest values is close at once; where it keeps missing, the middle is taken. */
static int64_t largest_within(bytes_at *bytes, void *subject, int64_t most, uint64_t room)
{
    int64_t fits = 0, fails = most + 1;
    uint64_t fits_bytes = 0, fails_bytes = bytes(subject, most);
    if (fails_bytes <= room)
        return most;
    fails = most;
    for (int turn = 0; fails - fits > 1 && fails - fits > fits / 500; turn++) {
        double share = turn % 3 == 2 || fails_bytes == UINT64_MAX
                           ? 0.5
                           : ((double)room - (double)fits_bytes) / ((double)fails_bytes - (double)fits_bytes);
        int64_t next = fits + (int64_t)((double)(fails - fits) * share);
        next = next <= fits ? fits + 1 : next >= fails ? fails - 1 : next;
        uint64_t now = bytes(subject, next);
        if (now <= room) {
            fits = next;
            fits_bytes = now;
        } else {
            fails = next;
            fails_bytes = now;
        }
    }
    return fits;
}

static uint64_t plan_bytes(struct graph *graph, int threads, uint64_t *parameters)
{
    struct plan plan;
    uint64_t bytes = UINT64_MAX;
    if (graph && plan_make(graph, threads, &plan, NULL)) {
        bytes = plan.arena_bytes;
        plan_free(&plan);
        if (parameters)
            *parameters = graph_parameters(graph);
    }
    graph_free(graph);
    return bytes;
}

/* ---- context ---- */

struct context_subject {
    struct model_case one;
    int threads;
};

static uint64_t context_bytes(void *subject, int64_t context)
{
    struct context_subject *asked = subject;
    asked->one.context = context;
    return plan_bytes(case_build_shapes(&asked->one, NULL), asked->threads, NULL);
}

/* Caches and activations grow with the context at the most in proportion, since no op keeps its scores. */
static bool surely_fits(const struct model_case *one, const struct plan *plan, int64_t context, uint64_t room)
{
    double growing = (double)(plan->arena_bytes - plan->weights_bytes);
    return context >= one->context &&
           (double)plan->weights_bytes + growing * (double)context / (double)one->context <= (double)room;
}

int64_t solve_context(const struct model_case *one, const struct plan *plan, uint64_t room)
{
    struct context_subject subject = {*one, plan->threads};
    int64_t most = one->size->config.max_context;
    if (surely_fits(one, plan, most, room))
        return most;
    if (plan->arena_bytes > room && context_bytes(&subject, 1) > room)
        return 0;
    return largest_within(context_bytes, &subject, most, room);
}

/* ---- width ---- */

struct width_subject {
    const struct model_case *one;
    struct config config; /* the size's own */
    int64_t step;
    int threads;
    uint64_t parameters;
};

/* Heads and feed-forward in the proportion of the size's own; heads whole, and the feed-forward whole super-blocks. */
static struct config widened(const struct width_subject *subject, int64_t steps)
{
    struct config config = subject->config;
    int64_t hidden = steps * subject->step, own = config.hidden;
    config.heads = config.heads * hidden / own;
    config.kv_heads = config.kv_heads * hidden / own;
    config.feed_forward = (config.feed_forward * hidden / own + 255) / 256 * 256;
    config.hidden = hidden;
    return config;
}

static uint64_t width_bytes(void *asked, int64_t steps)
{
    struct width_subject *subject = asked;
    struct config config = widened(subject, steps);
    uint64_t parameters = 0;
    uint64_t bytes = plan_bytes(case_build_config_shapes(subject->one, &config, NULL), subject->threads, &parameters);
    if (bytes != UINT64_MAX)
        subject->parameters = parameters;
    return bytes;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    return b ? common_divisor(b, a % b) : a;
}

/* Heads that come in whole groups of those that share keys, of a whole width each. */
static int64_t groups_of(const struct config *config)
{
    return common_divisor(config->heads, config->kv_heads ? config->kv_heads : config->heads);
}

bool has_width(const struct model_case *one)
{
    const struct config *config = &one->size->config;
    return config->hidden && config->heads && config->hidden % groups_of(config) == 0;
}

bool solve_width(const struct model_case *one, uint64_t room, int threads, struct width *width)
{
    enum { MOST_STEPS = 512 };
    const struct config *config = &one->size->config;
    if (!has_width(one))
        return false;
    struct width_subject subject = {
        .one = one, .config = *config, .step = config->hidden / groups_of(config), .threads = threads};
    int64_t steps = largest_within(width_bytes, &subject, MOST_STEPS, room);
    if (!steps || width_bytes(&subject, steps) > room)
        return false;
    *width = (struct width){.family = one->family,
                            .mode = one->mode,
                            .dtype = case_dtype_name(one),
                            .layers = config->layers,
                            .hidden = steps * subject.step,
                            .parameters = subject.parameters};
    return true;
}
