/* Which reader a path is for: told by the file's first bytes, and for a folder by what is in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "models/catalogue/config_json.h"
#include "models/catalogue/gguf.h"
#include "models/catalogue/json_view.h"
#include "models/catalogue/safetensors.h"

enum { PATH_SIZE = 4096 };

/* `name` in the same folder as `path`; false when it isn't there. */
static bool beside(const char *path, const char *name, char *out, size_t capacity)
{
    const char *slash = strrchr(path, '/');
    struct stat status;
    int folder = slash ? (int)(slash - path) + 1 : 0;
    return (size_t)snprintf(out, capacity, "%.*s%s", folder, path, name) < capacity && stat(out, &status) == 0 &&
           S_ISREG(status.st_mode);
}

/* The head and the embedding are one matrix, of which some files have two copies. */
static void count_tied_once(struct model_file *file)
{
    const struct file_tensor *head = NULL, *words = NULL;
    for (size_t i = 0; i < file->tensor_count && file->settings.tied; i++) {
        const char *name = file->tensors[i].name, *tail = strstr(name, "embed_tokens.weight");
        if (strcmp(name, "lm_head.weight") == 0)
            head = &file->tensors[i];
        if (tail && strcmp(tail, "embed_tokens.weight") == 0)
            words = &file->tensors[i];
    }
    if (head && words && head->rows == words->rows && head->columns == words->columns)
        file->parameters -= head->rows * head->columns;
}

bool model_file_is_meant(const char *text)
{
    static const char *const tails[] = {".gguf", ".json", ".safetensors"};
    struct stat status;
    size_t length = strlen(text);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
        if (length > strlen(tails[i]) && strcasecmp(text + length - strlen(tails[i]), tails[i]) == 0)
            return true;
    return strchr(text, '/') || stat(text, &status) == 0;
}

static bool open_weights(const char *path, bool index, struct model_file *file, struct error *error)
{
    char config[PATH_SIZE];
    if (!(index ? safetensors_open_index : safetensors_open)(path, file, error))
        return false;
    if (!beside(path, "config.json", config, sizeof config))
        return true;
    if (!config_json_beside(config, file, error)) {
        model_file_close(file);
        return false;
    }
    count_tied_once(file);
    return true;
}

/* A JSON object is an index of shards, or a configuration. */
static bool open_json(const char *path, const struct mapping *mapping, struct model_file *file, struct error *error)
{
    struct json_view whole;
    if (!json_view_of(mapping, 0, mapping->size, &whole, error))
        return false;
    if (json_view_find(whole, "weight_map").mapping)
        return open_weights(path, true, file, error);
    return config_json_open(path, file, error);
}

static bool open_file(const char *path, struct model_file *file, struct error *error)
{
    struct mapping mapping;
    if (!mapping_open(path, &mapping, error))
        return false;
    const uint8_t *bytes = mapping.bytes;
    uint64_t at = 0;
    while (at < mapping.size && strchr(" \t\r\n", bytes[at]) && bytes[at])
        at++;
    bool right;
    if (mapping.size >= 4 && memcmp(bytes, "GGUF", 4) == 0)
        right = gguf_open(path, file, error);
    else if (at < mapping.size && bytes[at] == '{')
        right = open_json(path, &mapping, file, error);
    else if (mapping.size > 8 && bytes[8] == '{')
        right = open_weights(path, false, file, error);
    else if (mapping.size >= 4 && memcmp(bytes, "PK\3\4", 4) == 0)
        right = mapping_error(&mapping, 0, error,
                              "an archive, as PyTorch's pickles are; convert it to safetensors or GGUF");
    else
        right = mapping_error(&mapping, 0, error, "neither GGUF, safetensors, an index of shards nor a config.json");
    mapping_close(&mapping);
    return right;
}

bool model_file_open(const char *path, struct model_file *file, struct error *error)
{
    static const char *const names[] = {"model.safetensors.index.json", "model.safetensors", "config.json"};
    char folder[PATH_SIZE], inside[PATH_SIZE];
    struct stat status;
    *file = (struct model_file){0};
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return open_file(path, file, error);
    if ((size_t)snprintf(folder, sizeof folder, "%s/", path) < sizeof folder)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (beside(folder, names[i], inside, sizeof inside))
                return open_file(inside, file, error);
    return error_set(error, ERROR_INPUT, "%.90s: has neither model.safetensors, its index, nor config.json", path);
}
