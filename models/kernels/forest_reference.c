/* Growing a forest as forest.h states it: for every node all rows are looked through, and every cut is counted anew. */
#include <string.h>

#include "harness/base/random.h"
#include "models/kernels/forest.h"

struct growing {
    const struct forest_problem *problem;
    const float *edges;
    const uint8_t *codes;
    uint32_t *times, *node_of; /* of each row: how often it was drawn, and where it has come to */
    uint64_t key;
};

struct counts {
    int64_t all, ones;
};

/* Of the node's rows, those whose code of `feature` is in [low, high]. */
static struct counts count(const struct growing *growing, size_t node, size_t feature, int low, int high)
{
    const uint8_t *codes = growing->codes + feature * growing->problem->rows;
    struct counts counts = {0, 0};
    for (size_t r = 0; r < growing->problem->rows; r++)
        if (growing->times[r] && growing->node_of[r] == node && codes[r] >= low && codes[r] <= high) {
            counts.all += growing->times[r];
            counts.ones += growing->problem->labels[r] ? growing->times[r] : 0;
        }
    return counts;
}

struct choice {
    double score;
    size_t feature;
    int code;
};

/* Does any cut part the node's rows by this feature? *best becomes the better. */
static int judge(const struct growing *growing, size_t node, size_t feature, struct choice *best)
{
    struct counts codes[FOREST_BINS], left = {0, 0};
    struct counts all = count(growing, node, feature, 0, FOREST_BINS - 1);
    int last = -1, differs = 0;
    memset(codes, 0, sizeof codes);
    for (size_t r = 0; r < growing->problem->rows; r++)
        if (growing->times[r] && growing->node_of[r] == node) {
            struct counts *at = &codes[growing->codes[feature * growing->problem->rows + r]];
            at->all += growing->times[r];
            at->ones += growing->problem->labels[r] ? growing->times[r] : 0;
        }
    for (int code = 0; code < FOREST_BINS; code++) {
        if (!codes[code].all)
            continue;
        if (last >= 0) {
            int64_t off = left.ones * all.all - left.all * all.ones;
            double score = (double)off * (double)off / ((double)left.all * (double)(all.all - left.all));
            differs = 1;
            if (score > best->score)
                *best = (struct choice){score, feature, (last + code - 1) / 2};
        }
        left.all += codes[code].all;
        left.ones += codes[code].ones;
        last = code;
    }
    return differs;
}

static struct choice choose(const struct growing *growing, size_t node)
{
    const size_t columns = growing->problem->columns, draws = forest_draws(columns);
    struct choice best = {.score = -1};
    size_t order[FOREST_MOST_COLUMNS];
    int differs = 0;
    for (size_t c = 0; c < columns; c++)
        order[c] = c;
    for (size_t j = 0; j < columns && (j < draws || !differs); j++) {
        size_t other =
            j + random_below(growing->key, growing->problem->rows + node * columns + j, (uint32_t)(columns - j));
        size_t feature = order[other];
        order[other] = order[j];
        order[j] = feature;
        differs |= judge(growing, node, feature, &best);
    }
    return best;
}

static void grow(const struct growing *growing, struct forest_node *nodes)
{
    const struct forest_problem *problem = growing->problem;
    size_t made = 1;
    for (size_t node = 0; node < made; node++) {
        struct counts all = count(growing, node, 0, 0, FOREST_BINS - 1);
        int leaf = all.ones == 0 || all.ones == all.all || made + 2 > problem->capacity;
        struct choice best = leaf ? (struct choice){.score = -1} : choose(growing, node);
        if (best.score < 0) {
            nodes[node] = (struct forest_node){.value = (float)all.ones / (float)all.all};
            continue;
        }
        for (size_t r = 0; r < problem->rows; r++)
            if (growing->node_of[r] == node)
                growing->node_of[r] = (uint32_t)made + (growing->codes[best.feature * problem->rows + r] > best.code);
        nodes[node].value = growing->edges[best.feature * FOREST_BINS + (size_t)best.code];
        nodes[node].link = (uint32_t)made << 8 | (uint32_t)best.feature;
        made += 2;
    }
    memset(nodes + made, 0, (problem->capacity - made) * sizeof *nodes);
}

void forest_train_reference(const struct forest_problem *problem, struct forest_node *nodes, void *workspace)
{
    float *edges = workspace;
    uint8_t *codes = (uint8_t *)(edges + problem->columns * FOREST_BINS);
    uint32_t *room = (uint32_t *)(codes + (problem->columns * problem->rows + 63) / 64 * 64);
    forest_bin(problem, edges, codes, room, 1);
    for (size_t t = 0; t < problem->trees; t++) {
        struct growing growing = {.problem = problem,
                                  .edges = edges,
                                  .codes = codes,
                                  .times = room,
                                  .node_of = room + problem->rows,
                                  .key = forest_tree_key(problem->key, t)};
        memset(room, 0, 2 * problem->rows * sizeof *room);
        for (size_t i = 0; i < problem->rows; i++)
            growing.times[random_below(growing.key, i, (uint32_t)problem->rows)]++;
        grow(&growing, nodes + t * problem->capacity);
    }
}
