/* What is believed of an engine before any of its results are seen. */
#ifndef ESTIMATE_ENGINE_PRIORS_H
#define ESTIMATE_ENGINE_PRIORS_H

#include <stddef.h>

enum type_kind { KIND_PLAIN, KIND_BLOCK, KIND_SUPER, KIND_CODEBOOK, KIND_COUNT };

/* Of a type of weights, relative to q4_K: the cost of unpacking one for a token, and of multiplying with it for a
 * prompt; on a processor, and on a card. */
struct type_cost {
    const char *name;
    enum type_kind kind;
    double token, prompt, card_token, card_prompt;
};

enum { TYPE_COUNT = 26 };
extern const struct type_cost type_costs[TYPE_COUNT];
/* The type that a recipe's name speaks of: "q4_K_M" is of q4_K's. A type that isn't known is taken for q4_K. */
size_t type_find(const char *recipe);

#endif
