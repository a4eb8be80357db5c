#include "harness/store/fidelity_json.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "harness/base/json.h"

/* `least`: NAN where a figure may be negative. */
static const struct {
    const char *key;
    size_t offset;
    double least, most;
} figures[] = {
    {"output_error", offsetof(struct fidelity, output_error), 0, INFINITY},
    {"kl_nats", offsetof(struct fidelity, divergence_nats), -1e-9, INFINITY}, /* rounding may take it below 0 */
    {"kl_p99_nats", offsetof(struct fidelity, divergence_p99_nats), -1e-9, INFINITY},
    {"loss_f32_nats", offsetof(struct fidelity, loss_f32_nats), 0, INFINITY},
    {"loss_difference_nats", offsetof(struct fidelity, loss_difference_nats), -INFINITY, INFINITY},
    {"top1_agreement", offsetof(struct fidelity, agreement), 0, 1},
};
enum { FIGURES = sizeof figures / sizeof *figures };

/* What every such comparison is of: nobody should take it for a published model's. */
static const char WEIGHTS[] = "generated, heavy-tailed";

struct fidelity fidelity_unknown(void)
{
    struct fidelity fidelity = {0};
    for (int i = 0; i < FIGURES; i++)
        *(double *)(void *)((char *)&fidelity + figures[i].offset) = NAN;
    return fidelity;
}

/* False for a NULL value, as where there is no memory for it. */
static bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

json_t *fidelity_to_json(const struct fidelity *fidelity)
{
    if (!isfinite(fidelity->output_error))
        return NULL;
    json_t *object = json_object();
    bool right = object;
    for (int i = 0; right && i < FIGURES; i++) {
        double value = *(const double *)(const void *)((const char *)fidelity + figures[i].offset);
        right = !isfinite(value) || put(object, figures[i].key, json_real(value));
    }
    right = right &&
            (!fidelity->positions || put(object, "positions", json_integer((json_int_t)fidelity->positions))) &&
            (!*fidelity->at || put(object, "at", json_string(fidelity->at))) &&
            put(object, "weights", json_string(WEIGHTS));
    if (right)
        return object;
    json_decref(object);
    return NULL;
}

bool fidelity_from_json(const json_t *object, struct fidelity *fidelity)
{
    *fidelity = fidelity_unknown();
    for (int i = 0; i < FIGURES; i++) {
        const json_t *value = json_object_get(object, figures[i].key);
        double number = json_number_value(value);
        if (value && (!json_is_number(value) || number < figures[i].least || number > figures[i].most))
            return false;
        if (value)
            *(double *)(void *)((char *)fidelity + figures[i].offset) = number;
    }
    const char *at = json_get_string(object, "at");
    fidelity->positions = json_get_count(object, "positions", 0);
    strncpy(fidelity->at, at ? at : "", sizeof fidelity->at - 1);
    return true;
}
