/* Growing trees fast: see forest.h. Rows of a node stand side by side; a feature's histogram counts rows and those of
 * class 1 in one addition, and a bitmap of the codes that occur makes a small node's histogram as cheap as it is small.
 */
#include <omp.h>
#include <stdbool.h>
#include <string.h>

#include "harness/base/random.h"
#include "models/kernels/forest.h"

enum { WORDS = FOREST_BINS / 64 };

/* How often a row was drawn, shifted up by one, and its class. */
struct drawn {
    uint32_t row, times_and_class;
};

struct part {
    uint32_t first, end; /* in `rows` */
    uint32_t count, ones;
};

struct cut {
    double score;
    uint32_t feature, code, left, left_ones;
};

struct tree {
    const struct forest_problem *problem;
    const float *edges;
    const uint8_t *codes;
    struct drawn *rows;
    struct part *parts; /* [capacity], of each node */
    struct forest_node *nodes;
    uint64_t key, histogram[FOREST_BINS], present[WORDS];
    size_t draws;
};

static size_t lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static size_t tree_bytes(size_t rows, size_t capacity)
{
    size_t growing = lines(rows * sizeof(struct drawn)) + lines(capacity * sizeof(struct part));
    size_t binning = lines(rows * 2 * sizeof(uint32_t));
    return growing > binning ? growing : binning;
}

static size_t binned_bytes(size_t rows, size_t columns)
{
    return lines(columns * FOREST_BINS * sizeof(float)) + lines(columns * rows);
}

size_t forest_workspace(size_t rows, size_t columns, size_t capacity, int threads)
{
    return binned_bytes(rows, columns) + (size_t)threads * tree_bytes(rows, capacity);
}

/* The rows that the tree sees, in their order; `times` is counted where the parts will be. */
static struct part draw_rows(struct tree *tree)
{
    const size_t rows = tree->problem->rows;
    uint32_t *times = (uint32_t *)tree->parts;
    memset(times, 0, rows * sizeof *times);
    for (size_t i = 0; i < rows; i++)
        times[random_below(tree->key, i, (uint32_t)rows)]++;
    struct part whole = {.count = (uint32_t)rows};
    for (size_t r = 0; r < rows; r++)
        if (times[r]) {
            uint32_t one = tree->problem->labels[r] != 0;
            tree->rows[whole.end++] = (struct drawn){(uint32_t)r, times[r] << 1 | one};
            whole.ones += one ? times[r] : 0;
        }
    return whole;
}

static void count_codes(struct tree *tree, const struct part *part, const uint8_t *codes)
{
    for (uint32_t i = part->first; i < part->end; i++) {
        const struct drawn drawn = tree->rows[i];
        uint64_t times = drawn.times_and_class >> 1, one = -(uint64_t)(drawn.times_and_class & 1);
        uint8_t code = codes[drawn.row];
        tree->histogram[code] += times | (times << 32 & one);
        tree->present[code / 64] |= UINT64_C(1) << code % 64;
    }
}

/* The best cut of one feature into *best, if it is better; false when all rows have the same code. Clears the
 * histogram. */
static bool judge_feature(struct tree *tree, const struct part *part, uint32_t feature, struct cut *best)
{
    count_codes(tree, part, tree->codes + (size_t)feature * tree->problem->rows);
    struct cut cut = {.feature = feature};
    bool differs = false, pending = false; /* a cut that waits for the code on its other side */
    uint32_t last = 0;
    for (uint32_t word = 0; word < WORDS; word++) {
        for (uint64_t bits = tree->present[word]; bits; bits &= bits - 1) {
            uint32_t code = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (pending) {
                differs = true;
                uint64_t right = part->count - cut.left;
                int64_t off = (int64_t)cut.left_ones * part->count - (int64_t)cut.left * part->ones;
                cut.score = (double)off * (double)off / ((double)cut.left * (double)right);
                cut.code = (last + code - 1) / 2;
                if (cut.score > best->score)
                    *best = cut;
            }
            cut.left += (uint32_t)tree->histogram[code];
            cut.left_ones += (uint32_t)(tree->histogram[code] >> 32);
            tree->histogram[code] = 0;
            last = code;
            pending = true;
        }
        tree->present[word] = 0;
    }
    return differs;
}

static struct cut find_cut(struct tree *tree, const struct part *part, size_t node)
{
    const uint32_t columns = (uint32_t)tree->problem->columns;
    uint8_t order[FOREST_MOST_COLUMNS];
    struct cut best = {.score = -1};
    bool differs = false;
    for (uint32_t c = 0; c < columns; c++)
        order[c] = (uint8_t)c;
    for (uint32_t j = 0; j < columns && (j < tree->draws || !differs); j++) {
        uint64_t index = tree->problem->rows + (uint64_t)node * columns + j;
        uint32_t other = j + random_below(tree->key, index, columns - j);
        uint8_t feature = order[other];
        order[other] = order[j];
        order[j] = feature;
        differs |= judge_feature(tree, part, feature, &best);
    }
    return best;
}

/* Rows of the left child to the front; returns where the right one's begin. */
static uint32_t partition(struct tree *tree, const struct part *part, const struct cut *cut)
{
    const uint8_t *codes = tree->codes + (size_t)cut->feature * tree->problem->rows;
    struct drawn *rows = tree->rows;
    uint32_t left = part->first;
    for (uint32_t i = part->first; i < part->end; i++) { /* without a branch that nobody can foretell */
        struct drawn moved = rows[i];
        rows[i] = rows[left];
        rows[left] = moved;
        left += codes[moved.row] <= cut->code;
    }
    return left;
}

static void grow(struct tree *tree)
{
    const size_t capacity = tree->problem->capacity;
    size_t count = 1;
    tree->parts[0] = draw_rows(tree);
    for (size_t node = 0; node < count; node++) {
        const struct part part = tree->parts[node];
        bool leaf = part.ones == 0 || part.ones == part.count || part.end - part.first < 2 || count + 2 > capacity;
        struct cut cut = leaf ? (struct cut){.score = -1} : find_cut(tree, &part, node);
        if (cut.score < 0) {
            tree->nodes[node] = (struct forest_node){.value = (float)part.ones / (float)part.count};
            continue;
        }
        uint32_t middle = partition(tree, &part, &cut);
        tree->parts[count] = (struct part){part.first, middle, cut.left, cut.left_ones};
        tree->parts[count + 1] = (struct part){middle, part.end, part.count - cut.left, part.ones - cut.left_ones};
        tree->nodes[node].value = tree->edges[cut.feature * FOREST_BINS + cut.code];
        tree->nodes[node].link = (uint32_t)count << 8 | cut.feature;
        count += 2;
    }
    memset(tree->nodes + count, 0, (capacity - count) * sizeof *tree->nodes);
}

void forest_train(const struct forest_problem *problem, struct forest_node *nodes, void *workspace, int threads)
{
    const size_t edges_bytes = lines(problem->columns * FOREST_BINS * sizeof(float));
    const size_t own_bytes = tree_bytes(problem->rows, problem->capacity);
    float *edges = workspace;
    uint8_t *codes = (uint8_t *)workspace + edges_bytes;
    char *own = (char *)workspace + binned_bytes(problem->rows, problem->columns);
    forest_bin(problem, edges, codes, own, threads);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (size_t t = 0; t < problem->trees; t++) {
        char *room = own + (size_t)omp_get_thread_num() * own_bytes;
        struct tree tree = {.problem = problem,
                            .edges = edges,
                            .codes = codes,
                            .rows = (struct drawn *)room,
                            .parts = (struct part *)(room + lines(problem->rows * sizeof(struct drawn))),
                            .nodes = nodes + t * problem->capacity,
                            .key = forest_tree_key(problem->key, t),
                            .draws = forest_draws(problem->columns)};
        grow(&tree);
    }
}
