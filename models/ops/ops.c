#include "models/ops/ops.h"

/* Each is defined in the file of its name; gradients' ops that only their forward op appends stay private to it. */
#define OPS(OP)                                                                                                        \
    OP(linear)                                                                                                         \
    OP(expert_linear)                                                                                                  \
    OP(conv)                                                                                                           \
    OP(conv_norm)                                                                                                      \
    OP(max_pool)                                                                                                       \
    OP(average_pool)                                                                                                   \
    OP(embedding)                                                                                                      \
    OP(embedding_bag)                                                                                                  \
    OP(interaction)                                                                                                    \
    OP(layer_norm)                                                                                                     \
    OP(rms_norm)                                                                                                       \
    OP(batch_norm)                                                                                                     \
    OP(rope)                                                                                                           \
    OP(prepend)                                                                                                        \
    OP(pick)                                                                                                           \
    OP(softmax)                                                                                                        \
    OP(top_k)                                                                                                          \
    OP(dispatch)                                                                                                       \
    OP(combine)                                                                                                        \
    OP(attention)                                                                                                      \
    OP(cached_attention)                                                                                               \
    OP(cross_attention)                                                                                                \
    OP(relative_bias)                                                                                                  \
    OP(head_linear)                                                                                                    \
    OP(join)                                                                                                           \
    OP(channel_scale)                                                                                                  \
    OP(part)                                                                                                           \
    OP(rnn)                                                                                                            \
    OP(lstm)                                                                                                           \
    OP(gru)                                                                                                            \
    OP(activation)                                                                                                     \
    OP(add)                                                                                                            \
    OP(scale)                                                                                                          \
    OP(exp_scale)                                                                                                      \
    OP(softcap)                                                                                                        \
    OP(multiply)                                                                                                       \
    OP(dropout)                                                                                                        \
    OP(reshape)                                                                                                        \
    OP(quantise)                                                                                                       \
    OP(dequantise)                                                                                                     \
    OP(cast)                                                                                                           \
    OP(sgd)                                                                                                            \
    OP(rmsprop)                                                                                                        \
    OP(adam)                                                                                                           \
    OP(linear_svm_train)                                                                                               \
    OP(random_forest_train)                                                                                            \
    OP(random_forest_predict)                                                                                          \
    OP(select_sample)                                                                                                  \
    OP(square_sum)                                                                                                     \
    OP(clipped_sum)                                                                                                    \
    OP(gaussian_noise)                                                                                                 \
    OP(distillation)                                                                                                   \
    OP(contrastive)                                                                                                    \
    OP(cross_entropy)                                                                                                  \
    OP(binary_cross_entropy)                                                                                           \
    OP(mean_squared_error)

#define DECLARE(name) extern const struct op op_##name;
OPS(DECLARE)

#define ENTRY(name) &op_##name,
const struct op *const ops[] = {OPS(ENTRY) NULL};
