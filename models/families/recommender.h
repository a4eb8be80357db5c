/* What recommenders are made of: tables of rows that samples look up, layers with ReLU, and the loss of a yes or no. */
#ifndef FAMILIES_RECOMMENDER_H
#define FAMILIES_RECOMMENDER_H

#include "models/families/family.h"

/* Look-ups of `lookups` rows by each sample, drawn from Zipf's law with exponent 1.05: some rows are popular, most are
 * rarely seen. */
int recommender_lookups(struct graph *graph, const char *name, const struct model_case *one, int64_t rows,
                        int64_t lookups);
/* The sum of the rows of table name.weight [rows, width] that `indices` name. */
int recommender_bag(struct graph *graph, const char *name, const struct model_case *one, int indices, int64_t rows,
                    int64_t width);
/* Layers of these widths (0-ended), with ReLU but for the last where it is the logit. */
int recommender_layers(struct graph *graph, const char *name, int x, const int64_t *widths, bool logit);
/* The logit [B,1] is the model's output, and in training the loss is taken of it. */
void recommender_click(struct graph *graph, const struct model_case *one, int logit);
double recommender_units(const struct model_case *one);

#endif
