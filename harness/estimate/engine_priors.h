/* What is believed of an engine before any of its results are seen. */
#ifndef ESTIMATE_ENGINE_PRIORS_H
#define ESTIMATE_ENGINE_PRIORS_H

#include <stddef.h>

enum type_kind { KIND_PLAIN, KIND_BLOCK, KIND_SUPER, KIND_CODEBOOK, KIND_COUNT };

/* Of a type of weights, relative to q4_K: the cost of unpacking one for a token, and of multiplying with it for a
 * prompt; by what does it. */
enum engine_kind { ENGINE_ANY, ENGINE_ARM, ENGINE_X86, ENGINE_CARD, ENGINE_KINDS };
struct type_cost {
    const char *name;
    enum type_kind kind;
    struct {
        double token, prompt;
    } of[ENGINE_KINDS]; /* ENGINE_ANY: of a processor of which nothing is known */
};

enum { TYPE_COUNT = 26 };
extern const struct type_cost type_costs[TYPE_COUNT];
/* The type that a recipe's name speaks of: "q4_K_M" is of q4_K's. A type that isn't known is taken for q4_K. */
size_t type_find(const char *recipe);

/* How far a machine lies from these: of a kind of types, and of one type; and what differs by what does it. */
struct kind_belief {
    double token_kind, prompt_kind, token_type, prompt_type; /* deviations of logarithms */
    double token_attention, attention_doubt;                 /* a multiplication beside an unpacked q4_K weight */
    double activation, activation_doubt;                     /* flops that an activation is worth */
};
extern const struct kind_belief kind_beliefs[ENGINE_KINDS];
/* By a processor's name: "Apple M2", "AMD EPYC 7763". */
enum engine_kind engine_kind_of_name(const char *processor);

#endif
