/* Random forests: trees are grown node for node as the specification grows them, whatever the number of threads, and
 * every variant of prediction finds the leaf that a walk finds. */
#include "models/kernels/forest.h"
#include "tests/kernels/arrays.h"

enum { TREES = 5 };

/* What is awkward about the features. */
enum kind { NORMAL, FEW_VALUES, CONSTANT, ONE_CLASS };

struct table {
    struct array x;
    int32_t *labels;
    struct forest_problem problem;
};

static struct table make(size_t rows, size_t columns, enum kind kind)
{
    struct table table = {.x = array_random(rows * columns, 1, 1, 1), .labels = malloc(rows * sizeof(int32_t))};
    for (size_t i = 0; i < rows * columns; i++)
        table.x.f[i] = kind == FEW_VALUES ? roundf(table.x.f[i]) : kind == CONSTANT ? 3 : table.x.f[i];
    for (size_t r = 0; r < rows; r++)
        table.labels[r] = kind != ONE_CLASS && table.x.f[r * columns] + random_normal(5, r) > 0;
    table.problem = (struct forest_problem){.x = table.x.f,
                                            .labels = table.labels,
                                            .rows = rows,
                                            .columns = columns,
                                            .trees = TREES,
                                            .capacity = forest_capacity(rows),
                                            .key = 77};
    return table;
}

static void free_table(struct table *table)
{
    array_free(&table->x);
    free(table->labels);
}

/* threads 0: the specification */
static struct forest_node *train(const struct forest_problem *problem, int threads)
{
    struct forest_node *nodes = malloc(problem->trees * problem->capacity * sizeof *nodes);
    size_t bytes = forest_workspace(problem->rows, problem->columns, problem->capacity, threads ? threads : 1);
    void *room = NULL;
    ck_assert(posix_memalign(&room, 64, bytes) == 0);
    memset(nodes, 0xff, problem->trees * problem->capacity * sizeof *nodes);
    if (threads)
        forest_train(problem, nodes, room, threads);
    else
        forest_train_reference(problem, nodes, room);
    free(room);
    return nodes;
}

static const struct {
    size_t rows, columns;
    enum kind kind;
} shapes[] = {{1, 1, NORMAL},      {2, 3, NORMAL},       {17, 1, NORMAL},   {300, 50, NORMAL}, {1500, 9, NORMAL},
              {1500, 256, NORMAL}, {400, 5, FEW_VALUES}, {50, 4, CONSTANT}, {50, 4, ONE_CLASS}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

START_TEST(trees_grow_as_specified)
{
    struct table table = make(shapes[_i].rows, shapes[_i].columns, shapes[_i].kind);
    struct forest_node *want = train(&table.problem, 0);
    for (int threads = 1; threads <= 3; threads++) {
        struct forest_node *got = train(&table.problem, threads);
        for (size_t i = 0; i < TREES * table.problem.capacity; i++)
            ck_assert_msg(memcmp(&got[i], &want[i], sizeof *got) == 0,
                          "%zu x %zu, %d threads: node %zu of tree %zu is %g %#x, not %g %#x", table.problem.rows,
                          table.problem.columns, threads, i % table.problem.capacity, i / table.problem.capacity,
                          (double)got[i].value, got[i].link, (double)want[i].value, want[i].link);
        free(got);
    }
    free(want);
    free_table(&table);
}
END_TEST

START_TEST(a_tree_without_room_has_larger_leaves)
{
    struct table table = make(300, 8, NORMAL);
    table.problem.capacity = 320; /* as many as rows, and no more than the bootstrap's bookkeeping needs */
    table.problem.trees = 1;
    struct forest_node *full = train(&table.problem, 1);
    for (size_t i = 0; i < table.problem.capacity; i++)
        ck_assert_msg(full[i].link >> 8 < table.problem.capacity - 1, "node %zu has children outside the tree", i);
    free(full);
    free_table(&table);
}
END_TEST

/* Prediction on rows that were not trained on, counts that don't fill the lanes, values that aren't numbers. */
START_TEST(predictions_are_those_of_a_walk)
{
    static const size_t counts[] = {1, 15, 16, 17, 1000, 2051};
    struct table table = make(1500, 13, NORMAL);
    struct forest_node *nodes = train(&table.problem, 2);
    for (const struct forest_kernels *const *variant = forest_variants(); *variant; variant++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            struct array x = array_random(counts[c] * 13, 3, 8, 1);
            for (size_t i = 0; i < x.count; i += 7)
                x.f[i] = any_float(3, i / 7);
            struct array got = array_new(counts[c], 1), want = array_new(counts[c], 0);
            forest_kernels_plain.predict(nodes, TREES, table.problem.capacity, x.f, counts[c], 13, want.f);
            (*variant)->predict(nodes, TREES, table.problem.capacity, x.f, counts[c], 13, got.f);
            check_same("predict", (*variant)->name, got.f, want.f, counts[c]);
            array_free(&x), array_free(&got), array_free(&want);
        }
    free(nodes);
    free_table(&table);
}
END_TEST

/* A forest whose leaves all are of one training row knows its bootstrap rows' classes. */
START_TEST(trees_learn_what_they_saw)
{
    struct table table = make(1500, 9, NORMAL);
    struct forest_node *nodes = train(&table.problem, 2);
    struct array y = array_new(table.problem.rows, 0);
    forest_kernels()->predict(nodes, 1, table.problem.capacity, table.x.f, table.problem.rows, 9, y.f);
    size_t drawn = 0, right = 0;
    for (size_t i = 0; i < table.problem.rows; i++) {
        size_t row = random_below(forest_tree_key(77, 0), i, (uint32_t)table.problem.rows);
        drawn++;
        right += (y.f[row] > 0.5f) == table.labels[row];
    }
    ck_assert_msg((double)right >= 0.99 * (double)drawn, "%zu of %zu rows that it saw are judged right", right, drawn);
    array_free(&y);
    free(nodes);
    free_table(&table);
}
END_TEST

int main(void)
{
    return suite_run("random forest", 600,
                     SUITE(LOOP(trees_grow_as_specified, SHAPES), ONCE(a_tree_without_room_has_larger_leaves),
                           ONCE(predictions_are_those_of_a_walk), ONCE(trees_learn_what_they_saw)));
}
