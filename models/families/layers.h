/* Layers as families speak of them: an op together with its weights, named and initialised. `name` is the layer's
 * ("h.0.mlp.fc"); its weights are name.weight and name.bias, as PyTorch's modules call them. */
#ifndef FAMILIES_LAYERS_H
#define FAMILIES_LAYERS_H

#include "models/families/recipe.h"
#include "models/graph/graph.h"
#include "models/ops/ops.h"

/* The type of a matrix's rows: as the model's file or the graph's recipe has it, else `dtype`. */
enum dtype layer_dtype(const struct graph *graph, const char *name, enum matrix_kind kind, enum dtype dtype,
                       int64_t columns);
/* A matrix [rows, columns], normal with standard deviation `deviation`, in `dtype` or as the graph's recipe stores it.
 */
int layer_matrix(struct graph *graph, const char *name, enum matrix_kind kind, enum dtype dtype, int64_t rows,
                 int64_t columns, float deviation);
/* y[..., outputs]; weights normal with standard deviation `deviation`, bias zero when `bias`. The result has x's dtype,
 * weights have `dtype`. */
int layer_linear(struct graph *graph, const char *name, int x, int64_t outputs, bool bias, float deviation,
                 enum activation activation);
/* The same for a matrix that a recipe may treat in its own way. */
int layer_linear_kind(struct graph *graph, const char *name, enum matrix_kind kind, int x, int64_t outputs, bool bias,
                      float deviation, enum activation activation);
/* name.down(silu(name.gate(x)) · name.up(x)), as wide as x; `last` is the deviation of down (Shazeer 2020). */
int layer_gated(struct graph *graph, const char *name, int x, int64_t width, float deviation, float last);
/* The same with another activation of the gate. */
int layer_gated_by(struct graph *graph, const char *name, int x, int64_t width, enum activation activation,
                   float deviation, float last);
/* As layer_linear_kind, for rows that lie sorted by expert: name.weight is [experts, outputs, inputs]. */
struct layer_experts {
    int64_t experts, chosen; /* of which a token goes to `chosen` */
    float skew, deviation;
};
int layer_experts(struct graph *graph, const char *name, enum matrix_kind kind, int rows, int offsets, int64_t outputs,
                  enum activation activation, const struct layer_experts *shape);
/* Of a batch norm; 0: PyTorch's defaults, 1e-5 and 0.1. */
struct conv_norm_settings {
    float epsilon, momentum;
};
struct conv_layer {
    int64_t outputs, kernel, stride, groups; /* square, padded by kernel / 2; groups: 1, or all channels: depthwise */
    int residual;                            /* added before the activation, of the result's shape; or NO_TENSOR */
    enum activation activation;
    struct conv_norm_settings norm;
};
/* Channels-last convolution without bias, then batch norm, a residual and an activation: one op where nothing needs
 * what lies between. */
int layer_conv_norm(struct graph *graph, const char *name, int x, struct conv_layer layer);
int layer_conv(struct graph *graph, const char *name, int x, int64_t outputs, int64_t kernel, int64_t stride,
               int64_t pad, bool bias, enum activation activation);
/* The mean over an image's pixels: x [N,H,W,C], y [N,C]. */
int layer_image_mean(struct graph *graph, const char *name, int x);
/* Each channel on its own, with bias; as large as x. */
int layer_depthwise(struct graph *graph, const char *name, int x, int64_t kernel);
/* Batch norm by itself, with ReLU or without. */
int layer_batch_norm(struct graph *graph, const char *name, int x, bool relu);
int layer_rms_norm(struct graph *graph, const char *name, int x, float epsilon);
/* The same with gammas that are stored less 1, and aren't 0 at the start. */
int layer_rms_norm_less_one(struct graph *graph, const char *name, int x, float epsilon);
int layer_norm(struct graph *graph, const char *name, int x, float epsilon);
/* The same without weights; ones and zeros stand in for them, once for all norms of that width. */
int layer_bare_norm(struct graph *graph, const char *name, int x, float epsilon);

/* Inputs. Images and features are normal with deviation 1; tokens and classes are uniform in [0, limit). */
int layer_input(struct graph *graph, const char *name, enum dtype dtype, int rank, const int64_t *dims);
int layer_indices(struct graph *graph, const char *name, uint32_t limit, int rank, const int64_t *dims);

/* Dropout at the graph's rate. */
int layer_dropout(struct graph *graph, const char *name, int x);
/* Marks the model's result, and in training adds the loss against generated targets. */
void layer_classify(struct graph *graph, int logits, int64_t classes);

/* √(2 / inputs): keeps the variance through ReLUs (He et al. 2015). */
float deviation_he(int64_t inputs);

#endif
