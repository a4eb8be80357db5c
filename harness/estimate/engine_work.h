/* What another engine does for one result: the bytes that a token's weights and cache take, the arithmetic of a prompt.
 * Read off the model's configuration where it is one of ours, else judged by its parameters and its name. */
#ifndef ESTIMATE_ENGINE_WORK_H
#define ESTIMATE_ENGINE_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/store/record.h"
#include "models/catalogue/settings.h"
#include "models/engine/case.h"

struct engine_work {
    bool decode;            /* a token of it; else a whole prompt */
    bool card;              /* on a GPU: layers cost launches */
    bool routed;            /* its layers have experts */
    double read_bytes;      /* weights that a token goes through */
    double read_weights;    /* and how many these are */
    double prompt_flops;    /* of the matrices, for the whole prompt */
    double attention_flops; /* of scores and values, for the whole prompt */
    double attention_macs;  /* of scores and values, for one token: of every head, where keys are shared */
    double cache_bytes;     /* that a token attends to */
    double activations;     /* that go from layer to layer, for the whole prompt */
    double layers, tokens;  /* tokens: of the prompt; 1 when decoding */
    double threads;         /* 0 unknown */
    char type[TEXT_WORD];   /* of its weights: "q4_K_M" */
};

/* False where the record is no prefill or decode, or doesn't say how large its model is. */
bool engine_work_of_record(const struct record *record, struct engine_work *work);
/* Of a case whose weights take `weights_bytes`, of the type that `type` names. */
bool engine_work_of_case(const struct model_case *one, const char *type, double parameters, double weights_bytes,
                         int threads, struct engine_work *work);

/* The same of a token of a file whose architecture no family builds: by what its settings say. */
bool engine_work_of_settings(const struct settings *settings, const struct model_case *one, const char *type,
                             double parameters, double weights_bytes, int threads, struct engine_work *work);

#endif
