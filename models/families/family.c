#include "models/families/family.h"

#include <strings.h>

extern const struct family family_mlp, family_cnn, family_rnn, family_gpt2, family_llama, family_bert, family_vit,
    family_classical;

const struct family *const families[] = {&family_mlp,  &family_cnn, &family_rnn,       &family_gpt2, &family_llama,
                                         &family_bert, &family_vit, &family_classical, NULL};

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
