#include "models/catalogue/settings.h"

#include <math.h>

struct settings settings_none(void)
{
    return (struct settings){.rope_theta = NAN,
                             .epsilon = NAN,
                             .local_theta = NAN,
                             .attention_softcap = NAN,
                             .logits_softcap = NAN,
                             .query_width = NAN};
}
