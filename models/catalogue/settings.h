/* A model's configuration as its file states it, by one name for each value whatever the format calls it. A count that
 * the file doesn't state is 0, a number NaN, a word empty. */
#ifndef CATALOGUE_SETTINGS_H
#define CATALOGUE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "models/ops/rope.h"

enum { SETTINGS_WORD = 64, SETTINGS_ROPE_FACTORS = 128 };

/* A choice that a file may leave to its publisher's code. */
enum stated { NOT_STATED, STATED_NO, STATED_YES };

struct settings {
    char architecture[SETTINGS_WORD]; /* "llama", as GGUF's general.architecture or Hugging Face's model_type */
    char name[SETTINGS_WORD];         /* that the file gives the model */
    char recipe[16];                  /* by which its tensors were quantised, as GGUF names it; or their type */
    char gguf[SETTINGS_WORD];         /* what GGUF calls the architecture, where another format's name is above */
    uint64_t layers, hidden, heads, kv_heads, head_dim, value_dim, feed_forward, vocabulary, max_context;
    uint64_t kv_heads_of_all_layers; /* their sum, where layers differ or not */
    uint64_t experts, experts_used, expert_feed_forward, shared_feed_forward;
    uint64_t sliding_window, token_types, image_side, patch_side, labels;
    uint64_t global_every; /* every so manieth layer isn't windowed; 0: not stated */
    double rope_theta, epsilon;
    double local_theta; /* the base of rotary positions in windowed layers */
    double attention_softcap, logits_softcap, query_width;
    char activation[SETTINGS_WORD]; /* of the feed-forward, in the publishers' word */
    enum stated renormalised;       /* the chosen experts' weights are made to sum to 1 */
    struct rope rope;               /* how rotary positions are stretched, and what share of a head turns */
    float rope_factors[2][SETTINGS_ROPE_FACTORS]; /* short and long ones, where they are of that kind */
    bool stretched;      /* rotary positions are scaled beyond those that it was first trained with */
    bool unknown_rope;   /* in a way that isn't known here */
    const char *unusual; /* a setting that the family's graphs don't follow, or NULL */
    bool tied;           /* the head is the embedding's matrix */
    bool partial;        /* only the text model of one that also sees or hears */
};

/* Nothing stated yet; a reader fills in what it finds. */
struct settings settings_none(void);

#endif
