/* The table entry of one instruction set's recurrent layers. */
#include "models/kernels/recurrent_cells.h"

const struct recurrent_kernels VARIANT_NAME(recurrent) = {
    .name = VARIANT_STRING,
    .workspace = recurrent_forward_workspace,
    .run = recurrent_forward,
    .gradient_workspace = recurrent_backward_workspace,
    .gradient_run = recurrent_backward,
    .lstm_workspace = lstm_forward_workspace,
    .lstm_run = lstm_forward,
    .lstm_gradient_workspace = lstm_backward_workspace,
    .lstm_gradient_run = lstm_backward,
    .gru_workspace = gru_forward_workspace,
    .gru_run = gru_forward,
    .gru_gradient_workspace = gru_backward_workspace,
    .gru_gradient_run = gru_backward,
};
