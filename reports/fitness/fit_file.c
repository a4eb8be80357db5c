#include "reports/fitness/fit_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/parse.h"
#include "models/catalogue/file_family.h"
#include "models/catalogue/file_recipe.h"
#include "models/families/recipe.h"
#include "reports/fitness/fit_engine.h"
#include "reports/fitness/fit_recipe.h"

/* ---- the file ---- */

bool fit_file_open(const char *path, struct fit_file *fit, struct error *error)
{
    *fit = (struct fit_file){0};
    if (!model_file_open(path, &fit->file, error))
        return false;
    const struct settings *s = &fit->file.settings;
    file_size_of(&fit->file, path, fit->name, sizeof fit->name, &fit->size);
    fit->family = *family_find("llama");
    fit->family.name = s->architecture[0] ? s->architecture : "unknown";
    fit->family.task = "nlp";
    file_dtype(&fit->file, fit->dtype, sizeof fit->dtype);
    fit->size.file = path;
    fit->same = file_family(&fit->file, &fit->size);
    return true;
}

void fit_file_close(struct fit_file *fit)
{
    model_file_close(&fit->file);
}

/* ---- rows ---- */

/* Of a model that also sees or hears: how much of it is told here. */
static void tell_partial(struct fit_row *row, const struct fit_file *file, bool own)
{
    size_t used = strlen(row->reason);
    if ((file->file.settings.partial && !file->file.tensor_count) || (file->file.sight && !own))
        snprintf(row->reason + used, sizeof row->reason - used, "; its text model only, not what sees or hears");
    else if (file->file.sight && !row->tensors_only)
        snprintf(row->reason + used, sizeof row->reason - used,
                 "; its weights with what sees, its speed that of its text model");
}

/* From the tensors alone: weights, and the cache where the file says enough; what a step works in isn't known. */
static bool add_plain(struct fit *fit, const struct fit_file *file, const char *dtype,
                      const struct fit_demands *demands, const struct fit_machine *machine, struct error *error)
{
    const struct settings *s = &file->file.settings;
    struct fit_row row = {.one = case_of_size(&file->family, &file->size, MODE_DECODE)};
    row.one.context = demands->context ? demands->context : file->size.contexts[0];
    row.one.batch = demands->batch ? demands->batch : 1;
    row.one.size = &file->size;
    row.dtype = dtype ? dtype : file->dtype;
    row.tensors_only = true;
    case_name(&row.one);
    row.parameters = file->file.parameters;
    row.weights_bytes = file->file.tensor_bytes;
    if (dtype && !file_recipe_bytes(&file->file.outline, dtype, &row.weights_bytes))
        return true; /* no such recipe of files */
    uint64_t cached, width = s->head_dim < 1 << 20 && s->value_dim < 1 << 20 ? s->head_dim + s->value_dim : 0;
    if (!__builtin_mul_overflow(s->kv_heads_of_all_layers, width * 2, &cached) &&
        !__builtin_mul_overflow(cached, (uint64_t)row.one.context, &cached) &&
        !__builtin_mul_overflow(cached, (uint64_t)row.one.batch, &cached))
        row.kv_cache_bytes = cached;
    row.machine = machine->name;
    row.available_bytes = machine->available_bytes;
    row.runtime_bytes = machine->runtime_bytes;
    row.total_bytes = row.weights_bytes + row.kv_cache_bytes + row.runtime_bytes;
    row.throughput = row.latency_s = (struct range){NAN, NAN, NAN};
    row.max_batch = row.kv_cache_bytes && machine->available_bytes > row.weights_bytes + row.runtime_bytes
                        ? (int64_t)((machine->available_bytes - row.weights_bytes - row.runtime_bytes) /
                                    (row.kv_cache_bytes / (uint64_t)row.one.batch))
                        : 0;
    bool foretold = fit_engine_speed_of_settings(&row, s, machine);
    fit_judge(&row, demands, machine);
    char total[32], speed[80] = "";
    format_size(row.weights_bytes + row.kv_cache_bytes, total, sizeof total);
    if (machine->read_gbs > 0 && !foretold)
        snprintf(speed, sizeof speed, "; at most %.3g tokens/s, from reading its bytes once for each",
                 machine->read_gbs * 1e9 / (double)row.weights_bytes);
    snprintf(row.reason, sizeof row.reason, "%s of weights%s; no family here builds this %s%s", total,
             row.kv_cache_bytes ? " and cache" : "", file->family.name, speed);
    tell_partial(&row, file, true);
    return fit_append(fit, &row, error);
}

bool fit_file_add(struct fit *fit, const struct fit_file *file, const struct fit_demands *demands,
                  const struct fit_machine *machine, struct error *error)
{
    struct model_case one;
    bool right = true;
    for (size_t i = 0; !file->same && right && i < demands->dtype_count && file->file.outline.count; i++)
        right = add_plain(fit, file, demands->dtypes[i], demands, machine, error);
    if (!file->same && (!demands->dtype_count || !file->file.outline.count))
        right = add_plain(fit, file, NULL, demands, machine, error);
    if (!file->same)
        return right;
    if (demands->context > file->size.config.max_context)
        return error_set(error, ERROR_INPUT, "%s has positions for a context of at most %lld", file->name,
                         (long long)file->size.config.max_context);
    for (int mode = 0; mode < MODE_COUNT; mode++) {
        if (!family_has_mode(file->same, &file->size, (enum mode)mode) ||
            (demands->modes && !(demands->modes >> mode & 1)))
            continue;
        one = case_of_size(file->same, &file->size, (enum mode)mode);
        one.batch = demands->batch ? demands->batch : 1;
        one.context = demands->context ? demands->context : one.context;
        one.kv_dtype = mode == MODE_PREFILL || mode == MODE_DECODE ? demands->kv_dtype : -1;
        one.optimizer = mode_trains((enum mode)mode) ? demands->optimizer : -1;
        one.checkpointing = mode_trains((enum mode)mode) && demands->checkpointing;
        size_t dtypes = demands->dtype_count ? demands->dtype_count : 1;
        for (size_t i = 0; i < dtypes; i++) {
            bool own = !demands->dtype_count;
            const char *name = own ? file->dtype : demands->dtypes[i];
            bool runs = case_set_dtype(&one, name);
            uint64_t weights_bytes = own    ? file->file.tensor_bytes
                                     : runs ? 0
                                            : fit_recipe_bytes(file->same, &file->size, name);
            if (!runs && mode_trains((enum mode)mode))
                continue;
            if (!runs && !weights_bytes)
                continue;
            if (!runs) /* a type that no kernel runs: memory is the file's, and the rest as the nearest that does */
                case_set_dtype(&one, fit_recipe_stand_in(file->same, &file->size, weights_bytes));
            if (one.recipe && (mode == MODE_TRAIN || mode == MODE_DISTILL))
                continue;
            case_name(&one);
            bool inference = !mode_trains((enum mode)mode);
            if (!fit_add_row(fit, &one, demands, machine, inference ? weights_bytes : 0, error))
                return false;
            if (inference) /* in training a classifier may come to it */
                fit->rows[fit->row_count - 1].parameters = file->file.parameters;
            tell_partial(&fit->rows[fit->row_count - 1], file, own && inference);
            fit->rows[fit->row_count - 1].dtype = own || !runs ? name : NULL;
        }
    }
    return true;
}
