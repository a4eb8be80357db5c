#include "models/ops/ops.h"

/* Each is defined in the file of its name; gradients' ops that only their forward op appends stay private to it. */
extern const struct op op_linear, op_conv, op_max_pool, op_average_pool, op_embedding, op_layer_norm, op_rms_norm,
    op_batch_norm, op_rope, op_prepend, op_first, op_softmax, op_attention, op_activation, op_add, op_multiply,
    op_reshape, op_cast, op_rnn, op_dropout, op_cross_entropy, op_mean_squared_error, op_linear_svm_train,
    op_random_forest_train, op_random_forest_predict;

const struct op *const ops[] = {
    &op_linear,
    &op_conv,
    &op_max_pool,
    &op_average_pool,
    &op_embedding,
    &op_layer_norm,
    &op_rms_norm,
    &op_rope,
    &op_prepend,
    &op_first,
    &op_batch_norm,
    &op_softmax,
    &op_attention,
    &op_rnn,
    &op_activation,
    &op_add,
    &op_multiply,
    &op_dropout,
    &op_reshape,
    &op_cast,
    &op_sgd,
    &op_rmsprop,
    &op_adam,
    &op_cross_entropy,
    &op_mean_squared_error,
    &op_linear_svm_train,
    &op_random_forest_train,
    &op_random_forest_predict,
    NULL,
};
