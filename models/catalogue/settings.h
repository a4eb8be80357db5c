/* A model's configuration as its file states it, by one name for each value whatever the format calls it. A count that
 * the file doesn't state is 0, a number NaN, a word empty. */
#ifndef CATALOGUE_SETTINGS_H
#define CATALOGUE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

enum { SETTINGS_WORD = 64 };

struct settings {
    char architecture[SETTINGS_WORD]; /* "llama", as GGUF's general.architecture or Hugging Face's model_type */
    char name[SETTINGS_WORD];         /* that the file gives the model */
    char recipe[16];                  /* by which its tensors were quantised, as GGUF names it; or their type */
    char gguf[SETTINGS_WORD];         /* what GGUF calls the architecture, where another format's name is above */
    uint64_t layers, hidden, heads, kv_heads, head_dim, value_dim, feed_forward, vocabulary, max_context;
    uint64_t kv_heads_of_all_layers; /* their sum, where layers differ or not */
    uint64_t experts, experts_used, expert_feed_forward, shared_feed_forward;
    uint64_t sliding_window;
    double rope_theta, epsilon;
    bool stretched; /* rotary positions are scaled beyond those that it was first trained with */
    bool tied;      /* the head is the embedding's matrix */
    bool partial;   /* only the text model of one that also sees or hears */
};

/* Nothing stated yet; a reader fills in what it finds. */
struct settings settings_none(void);

#endif
