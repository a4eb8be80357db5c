/* What storing weights in fewer bits costs: a case's model beside the same model in f32, from the same generated
 * weights on the same generated inputs.
 *
 * No weight is downloaded, so the figures are of generated weights: heavy-tailed (random.h), as trained transformers'
 * are, since what a block's scale loses is decided by its outliers. They compare types with each other on one model;
 * what a published model loses only its own weights could tell. Models are reduced (two layers, a width of some
 * hundreds) in such a way that a recipe gives each matrix the type that it has in the whole model.
 *
 * Of a model whose output is a distribution over tokens, p in f32 and q in the case's types, per position:
 *
 *     divergence = Σ_v p_v · log(p_v / q_v)                (Kullback, Leibler 1951)
 *     loss       = −log p_t and −log q_t of a token t that is drawn from p
 *     agreement  = whether both have their largest value at the same token
 *
 * Generated weights make nearly even distributions, on which nothing could be lost, and a generated embedding as the
 * head one that repeats the input's token. So where a family's head may be a matrix of its own it is one here, and both
 * models' logits are multiplied by the one factor that gives the f32 model's distributions a mean entropy of log 10: a
 * perplexity of ten, as trained decoders have. Of every model there is the error of the output, ‖y − y_f32‖ / ‖y_f32‖.
 */
#ifndef ENGINE_FIDELITY_H
#define ENGINE_FIDELITY_H

#include "models/engine/case.h"

struct fidelity {
    double output_error;
    /* Of models that predict tokens; NaN for others. */
    double divergence_nats, divergence_p99_nats; /* the mean over positions, and the 99th percentile */
    double loss_f32_nats, loss_difference_nats;  /* the mean; the case's less f32's */
    double agreement;                            /* a share of positions */
    uint64_t positions;                          /* 0 for other models */
    char at[64];                                 /* the reduced size: "b2/s128, 2 layers, width 256" */
};

/* Whether there is such a thing of the case: it stores weights otherwise than f32 and doesn't train them. */
bool case_has_fidelity(const struct model_case *one);
/* What takes longest is making the weights: a tenth of a second. */
bool case_fidelity(const struct model_case *one, int threads, struct fidelity *fidelity, struct error *error);

/* The figures of two outputs: `f32` and `other` [positions, tokens]; the tokens t are drawn with `key`. */
void fidelity_compare(const float *f32, const float *other, size_t positions, size_t tokens, uint64_t key,
                      struct fidelity *fidelity);
/* ‖other − f32‖ / ‖f32‖ */
double fidelity_output_error(const float *f32, const float *other, size_t count);

#endif
