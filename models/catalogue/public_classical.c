/* What of family classical stands beside the networks of other tasks: as a team would try it first, on features that
 * are cheap to make. See public_models.h; what is counted is the configuration's, not a publisher's. */
#include "models/catalogue/public_models.h"

#define BESIDE(task_, name_, features_, trees_, rows)                                                                  \
    {                                                                                                                  \
        .name = name_, .task = task_, .runnable = true, .batches = {rows, 1}, .config = {                              \
            .inputs = features_,                                                                                       \
            .trees = trees_,                                                                                           \
            .examples = rows,                                                                                          \
        }                                                                                                              \
    }

/* task, name, features, trees (0: a support vector machine), rows */
/* clang-format off */
static const struct family_size models[] = {
    BESIDE("nlp",      "linear-svm-words",    4096, 0, 10000),   /* counts of words, hashed */
    BESIDE("vision",   "linear-svm-images",   2048, 0, 10000),   /* what resnet-50 makes before its classes */
    BESIDE("speech",   "linear-svm-speech",   384, 0, 10000),    /* what whisper-tiny's encoder makes, its mean */
    BESIDE("recsys",   "random-forest-clicks", 39, 100, 20000),  /* Criteo's columns */
    BESIDE("sequence", "random-forest-windows", 64, 100, 20000), /* means, slopes and extremes of a window */
};
/* clang-format on */

const struct public_models public_classical = PUBLIC_MODELS(models);
