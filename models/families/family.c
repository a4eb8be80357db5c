#include "models/families/family.h"

#include <string.h>
#include <strings.h>

/* Each is defined in the file of its name; lstm and gru in gated.c, whisper_encoder in whisper.c. */
#define FAMILIES(FAMILY)                                                                                               \
    FAMILY(mlp)                                                                                                        \
    FAMILY(cnn)                                                                                                        \
    FAMILY(rnn)                                                                                                        \
    FAMILY(lstm)                                                                                                       \
    FAMILY(gru)                                                                                                        \
    FAMILY(dlrm)                                                                                                       \
    FAMILY(gpt2)                                                                                                       \
    FAMILY(llama)                                                                                                      \
    FAMILY(moe)                                                                                                        \
    FAMILY(bert)                                                                                                       \
    FAMILY(classical)                                                                                                  \
    FAMILY(vit)                                                                                                        \
    FAMILY(whisper)                                                                                                    \
    FAMILY(whisper_encoder)

#define DECLARE(name) extern const struct family family_##name;
FAMILIES(DECLARE)

#define ENTRY(name) &family_##name,
const struct family *const families[] = {FAMILIES(ENTRY) NULL};

bool unit_is_audio(const char *unit)
{
    return unit && strcmp(unit, UNIT_AUDIO) == 0;
}

const char *unit_words(const char *unit)
{
    return unit_is_audio(unit) ? "× real time" : unit;
}

const struct family *family_find(const char *name)
{
    for (size_t i = 0; families[i]; i++)
        if (strcasecmp(families[i]->name, name) == 0)
            return families[i];
    return NULL;
}

static bool size_has_name(const struct family_size *size, const char *name)
{
    if (strcasecmp(size->name, name) == 0)
        return true;
    for (size_t i = 0; size->aliases && size->aliases[i]; i++)
        if (strcasecmp(size->aliases[i], name) == 0)
            return true;
    return false;
}

const struct family_size *family_find_size(const char *name, const struct family **family)
{
    for (size_t f = 0; families[f]; f++)
        for (size_t s = 0; s < families[f]->size_count; s++)
            if (size_has_name(&families[f]->sizes[s], name)) {
                if (family)
                    *family = families[f];
                return &families[f]->sizes[s];
            }
    return NULL;
}
