/* The recurrent cells' functions under the names of one instruction set, for the files that are compiled once for each.
 */
#ifndef KERNELS_RECURRENT_CELLS_H
#define KERNELS_RECURRENT_CELLS_H

#include "models/kernels/recurrent_variants.h"
#include "models/kernels/variant.h"

#define recurrent_forward VARIANT_NAME(recurrent_forward)
#define recurrent_forward_workspace VARIANT_NAME(recurrent_forward_workspace)
#define recurrent_backward VARIANT_NAME(recurrent_backward)
#define recurrent_backward_workspace VARIANT_NAME(recurrent_backward_workspace)

void recurrent_forward(const struct recurrent *recurrent, void *workspace, int threads);
size_t recurrent_forward_workspace(const struct recurrent *recurrent, int threads);
void recurrent_backward(const struct recurrent_gradient *gradient, void *workspace, int threads);
size_t recurrent_backward_workspace(const struct recurrent_gradient *gradient, int threads);

#define lstm_forward VARIANT_NAME(lstm_forward)
#define lstm_forward_workspace VARIANT_NAME(lstm_forward_workspace)
#define lstm_backward VARIANT_NAME(lstm_backward)
#define lstm_backward_workspace VARIANT_NAME(lstm_backward_workspace)

void lstm_forward(const struct lstm *lstm, void *workspace, int threads);
size_t lstm_forward_workspace(const struct lstm *lstm, int threads);
void lstm_backward(const struct lstm_gradient *gradient, void *workspace, int threads);
size_t lstm_backward_workspace(const struct lstm_gradient *gradient, int threads);

#define gru_forward VARIANT_NAME(gru_forward)
#define gru_forward_workspace VARIANT_NAME(gru_forward_workspace)
#define gru_backward VARIANT_NAME(gru_backward)
#define gru_backward_workspace VARIANT_NAME(gru_backward_workspace)

void gru_forward(const struct gru *gru, void *workspace, int threads);
size_t gru_forward_workspace(const struct gru *gru, int threads);
void gru_backward(const struct gru_gradient *gradient, void *workspace, int threads);
size_t gru_backward_workspace(const struct gru_gradient *gradient, int threads);

#endif
