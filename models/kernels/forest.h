/* Random forests for two classes (Breiman 2001), on features in up to 256 bins.
 *
 * x [rows, columns] f32, labels 0 or 1. Each feature's values are sorted into bins of about equally many rows: `edges`
 * are midpoints between neighbours in order, and a value's code is the number of edges below it, so `code <= b` is
 * `x <= edges[b]`. Tree t then is grown from the rows that random_below(key_t, 0 … rows − 1, rows) draws, a row as
 * often as it is drawn, node after node in the order of their numbers:
 *
 *   - A node of one class, of equal rows, or for whose children no room is left, is a leaf: the share of class 1.
 *   - Another draws features without repetition, the j-th of node k by random_below(key_t, rows + k · columns + j,
 *     columns − j), until √columns were seen and one of them differs within the node.
 *   - For each, in the order drawn, each cut between codes that occur is judged by the decrease of Gini's impurity,
 *     which for two classes goes by (left₁ · n − left · n₁)² / (left · right); the first of the greatest is taken, half
 *     way between the two codes that it parts. The children get the next two numbers.
 *
 * Whole numbers and one division: every variant and every number of threads grows the same forest. */
#ifndef KERNELS_FOREST_H
#define KERNELS_FOREST_H

#include <stddef.h>
#include <stdint.h>

/* 8 bytes, as two i32 of a tensor [trees, capacity, 2]. A memory of zeros is a leaf. */
struct forest_node {
    float value;   /* of a leaf: the share of class 1; else the threshold: x <= value goes left */
    uint32_t link; /* left child · 256 + feature, the right child is the next; 0: a leaf */
};

enum { FOREST_BINS = 256, FOREST_MOST_COLUMNS = 256, FOREST_MOST_ROWS = 1 << 20 };

/* Nodes that a tree of a bootstrap sample of `rows` has room for. 63 % of the rows are in it, so a tree needs fewer
 * than 1.27 of them; of few rows it may be all. */
static inline size_t forest_capacity(size_t rows)
{
    return rows > 1024 ? rows + rows / 3 : 2 * rows;
}

struct forest_problem {
    const float *x;
    const int32_t *labels;
    size_t rows, columns;
    size_t trees, capacity;
    uint64_t key;
};

static inline uint64_t forest_tree_key(uint64_t key, size_t tree)
{
    return key + tree * UINT64_C(0xd1342543de82ef95);
}

/* Grows nodes [trees, capacity]. */
void forest_train(const struct forest_problem *problem, struct forest_node *nodes, void *workspace, int threads);
/* The specification: the same, searching for every node's rows among all. */
void forest_train_reference(const struct forest_problem *problem, struct forest_node *nodes, void *workspace);
/* Bytes that either needs, 64-byte aligned. */
size_t forest_workspace(size_t rows, size_t columns, size_t capacity, int threads);

/* edges [columns, 256] (the last are infinite) and codes [columns, rows]; room: 8 bytes a row and thread. */
void forest_bin(const struct forest_problem *problem, float *edges, uint8_t *codes, void *room, int threads);
/* The features that node `node` draws, all of them in their order: order [columns]. */
static inline size_t forest_draws(size_t columns)
{
    size_t root = 1;
    while ((root + 1) * (root + 1) <= columns)
        root++;
    return root;
}

/* y[r] = mean over the trees of the leaf that row r comes to, on the calling thread. */
typedef void forest_predict_function(const struct forest_node *nodes, size_t trees, size_t capacity, const float *x,
                                     size_t rows, size_t columns, float *y);
struct forest_kernels {
    const char *name;
    forest_predict_function *predict;
};
const struct forest_kernels *forest_kernels(void);
/* Every variant that this machine can run, fastest first, the plain one last, ended by NULL. */
const struct forest_kernels *const *forest_variants(void);
extern const struct forest_kernels forest_kernels_plain;

#endif
