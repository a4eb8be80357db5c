#include "models/families/family.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "harness/base/parse.h"

/* Each is defined in the file of its name; lstm and gru in gated.c, whisper_encoder in whisper.c. */
#define FAMILIES(FAMILY)                                                                                               \
    FAMILY(mlp)                                                                                                        \
    FAMILY(cnn)                                                                                                        \
    FAMILY(rnn)                                                                                                        \
    FAMILY(lstm)                                                                                                       \
    FAMILY(gru)                                                                                                        \
    FAMILY(dlrm)                                                                                                       \
    FAMILY(ncf)                                                                                                        \
    FAMILY(wide_deep)                                                                                                  \
    FAMILY(gpt2)                                                                                                       \
    FAMILY(llama)                                                                                                      \
    FAMILY(neox)                                                                                                       \
    FAMILY(moe)                                                                                                        \
    FAMILY(t5)                                                                                                         \
    FAMILY(bert)                                                                                                       \
    FAMILY(classical)                                                                                                  \
    FAMILY(clip)                                                                                                       \
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

const struct family_size *family_size_at(const struct family *family, size_t index)
{
    if (index < family->size_count)
        return &family->sizes[index];
    index -= family->size_count;
    return family->published && index < family->published->count ? &family->published->sizes[index] : NULL;
}

bool family_has_rung(const struct family *family, const struct family_size *size)
{
    return size >= family->sizes && size < family->sizes + family->size_count;
}

/* ---- names ---- */

enum { NAME_SIZE = 128, MOST_NAMES = 1024 };

/* What publishers add to a model's name when they tune it or store it another way, its configuration being the same. */
static const char *const suffixes[] = {"-instruct", "-chat", "-it", "-base", "-hf", "-gguf", "-pt", "-preview"};

/* Lower case, without the publisher, dashes and underscores. */
static void plain_name(const char *name, char *out)
{
    const char *slash = strrchr(name, '/');
    size_t length = 0;
    for (const char *at = slash ? slash + 1 : name; *at && length < NAME_SIZE - 1; at++)
        if (*at != '-' && *at != '_' && *at != ' ')
            out[length++] = (char)tolower((unsigned char)*at);
    out[length] = '\0';
}

/* Takes the last of the suffixes away; false when there is none. */
static bool drop_suffix(char *name)
{
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t length = strlen(name), tail = strlen(suffixes[i]);
        if (length > tail && strcasecmp(name + length - tail, suffixes[i]) == 0) {
            name[length - tail] = '\0';
            return true;
        }
    }
    return false;
}

static bool is_called(const char *own, const char *plain)
{
    char other[NAME_SIZE];
    plain_name(own, other);
    return strcmp(other, plain) == 0;
}

static bool size_has_name(const struct family_size *size, const char *plain)
{
    if (is_called(size->name, plain))
        return true;
    for (size_t i = 0; size->aliases && size->aliases[i]; i++)
        if (is_called(size->aliases[i], plain))
            return true;
    return false;
}

static const struct family_size *find_plain(const char *name, const struct family **family)
{
    char plain[NAME_SIZE];
    const struct family_size *size;
    plain_name(name, plain);
    for (size_t f = 0; plain[0] && families[f]; f++)
        for (size_t s = 0; (size = family_size_at(families[f], s)); s++)
            if (strcasecmp(size->name, name) == 0 || size_has_name(size, plain)) {
                if (family)
                    *family = families[f];
                return size;
            }
    return NULL;
}

const struct family_size *family_find_size(const char *name, const struct family **family)
{
    char shorter[NAME_SIZE];
    if (strlen(name) >= sizeof shorter)
        return NULL;
    strcpy(shorter, name);
    const struct family_size *size = find_plain(shorter, family);
    while (!size && drop_suffix(shorter))
        size = find_plain(shorter, family);
    return size;
}

void family_nearest_sizes(const struct family *family, const char *name, char *out, size_t capacity)
{
    const char *names[MOST_NAMES];
    const struct family_size *size;
    size_t count = 0;
    for (size_t f = 0; families[f]; f++)
        for (size_t s = 0; (!family || family == families[f]) && (size = family_size_at(families[f], s)); s++) {
            if (count < MOST_NAMES)
                names[count++] = size->name;
            for (size_t a = 0; size->aliases && size->aliases[a] && count < MOST_NAMES; a++)
                names[count++] = size->aliases[a];
        }
    nearest_names(name, names, count, 3, out, capacity);
}
