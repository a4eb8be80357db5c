#include "reports/fitness/fit_steps.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "harness/base/parse.h"
#include "models/families/family.h"

/* ---- what families are good at ---- */

static const struct {
    const char *family, *good_at;
} strengths[] = {
    {"llama", "text of every kind, and the most published models; each token reads all weights"},
    {"moe", "the quality of many parameters at the speed of few, where there is memory for all of them"},
    {"gpt2", "short texts and fine-tuning in little memory"},
    {"t5", "translating and summarising: one text into another"},
    {"bert", "classifying and searching text, all positions at once; it doesn't write"},
    {"lstm", "streams of text on small machines: no cache that grows"},
    {"gru", "as lstm, with a quarter fewer weights"},
    {"rnn", "short numeric sequences on the smallest machines"},
    {"cnn", "images with few examples to learn from; mobilenet-v2 where each image must be cheap"},
    {"vit", "images where a large model was trained beforehand"},
    {"clip", "finding images by words, and words for images"},
    {"whisper", "turning speech into text"},
    {"whisper-encoder", "features of speech, to classify or search it"},
    {"wav2vec2", "speech in any language, from few transcripts"},
    {"dlrm", "what to recommend, from sparse features: memory for the tables comes before speed"},
    {"ncf", "what to recommend, from who took what and nothing else"},
    {"wide-deep", "what to recommend, where rare pairs of features matter as such"},
    {"mlp", "dense tables with many rows"},
    {"classical",
     "tables with few rows or mixed columns, and features made by others: trains in seconds, often as good: "
     "the model to beat"},
};

/* ---- writing ---- */

static void say(struct fit_step *step, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct fit_step *step, const char *format, ...)
{
    size_t used = strlen(step->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(step->text + used, sizeof step->text - used, format, arguments);
    va_end(arguments);
}

static void say_task(struct fit_step *step, const struct fit_row *row, const struct fit_demands *demands)
{
    char word[32];
    bool named = demands->models && demands->models[0];
    if (demands->task || named)
        say(step, "%s, %s", demands->task ? demands->task : family_task(row->one.family, row->one.size),
            mode_name(row->one.mode));
    else
        say(step, "any (--task narrows it); the answer is for %s, %s", family_task(row->one.family, row->one.size),
            mode_name(row->one.mode));
    if (demands->context)
        say(step, "; a context of %lld", (long long)demands->context);
    if (demands->min_throughput > 0)
        say(step, "; at least %.4g %s", demands->min_throughput, unit_words(case_unit(&row->one)));
    if (demands->max_latency_s > 0) {
        format_duration(demands->max_latency_s, word, sizeof word);
        say(step, "; a step within %s", word);
    }
    if (!demands->min_throughput && !demands->max_latency_s)
        say(step, "; no speed demanded (--min-throughput, --max-latency)");
    say(step, ".");
}

static bool is_first_of_family(const struct fit *fit, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (fit->rows[i].one.family == fit->rows[index].one.family)
            return false;
    return true;
}

static const char *strength_of(const struct family *family)
{
    for (size_t i = 0; i < sizeof strengths / sizeof *strengths; i++)
        if (strcmp(strengths[i].family, family->name) == 0)
            return strengths[i].good_at;
    return family->help;
}

/* The classical models that stand beside the task's, with how long they take to train. */
static void say_beside(struct fit_step *step, const struct fit *fit, const char *task, const char *before)
{
    for (size_t i = 0; i < fit->row_count; i++) {
        const struct fit_row *row = &fit->rows[i];
        char seconds[32];
        if (!row->one.size->task || strcmp(row->one.size->task, task) != 0 || !mode_trains(row->one.mode))
            continue;
        say(step, "%sBeside them %s, on features, is the model to beat", before, row->one.size->name);
        if (row->latency_s.median > 0) {
            format_duration(row->latency_s.median, seconds, sizeof seconds);
            say(step, ": it learns %lld rows in %s%s", (long long)row->one.batch, row->measured ? "" : "about ",
                seconds);
        }
        before = ". ";
    }
}

static void say_families(struct fit_step *step, const struct fit *fit, const struct fit_row *row)
{
    const char *task = family_task(row->one.family, row->one.size), *before = "";
    for (size_t i = 0; i < fit->row_count; i++) {
        const struct model_case *one = &fit->rows[i].one;
        if (strcmp(one->family->task, task) != 0 || !is_first_of_family(fit, i))
            continue;
        say(step, "%s%s: %s", before, one->family->name, strength_of(one->family));
        before = ". ";
    }
    say_beside(step, fit, task, before);
    say(step, "%sWithin a family the ladder is ordered by size; size is not quality.", *step->text ? ". " : "");
}

static void say_part(struct fit_step *step, const char *name, uint64_t bytes, const char **before)
{
    char word[32];
    if (bytes < 1 << 20)
        return;
    format_size(bytes, word, sizeof word);
    say(step, "%s%s %s", *before, name, word);
    *before = ", ";
}

static void say_needs(struct fit_step *step, const struct fit_row *row)
{
    char total[32];
    const char *before = ": ";
    format_size(row->total_bytes, total, sizeof total);
    say(step, "%s in %s (%s) takes %s", row->one.size->name, fit_row_dtype(row), mode_name(row->one.mode), total);
    say_part(step, "weights", row->weights_bytes, &before);
    say_part(step, "cache", row->kv_cache_bytes, &before);
    say_part(step, "activations", row->activations_bytes, &before);
    say_part(step, "gradients", row->gradients_bytes, &before);
    say_part(step, "optimizer", row->optimizer_bytes, &before);
    say_part(step, "workspace", row->workspace_bytes, &before);
    say_part(step, "the process", row->runtime_bytes, &before);
    if (*row->bound)
        say(step, "; its speed is limited by %s", row->bound);
    say(step, ".");
}

static void say_fits(struct fit_step *step, const struct fit *fit, const struct fit_row *row)
{
    size_t counts[3] = {0, 0, 0};
    char parameters[32];
    for (size_t i = 0; i < fit->row_count; i++)
        counts[fit->rows[i].fits]++;
    say(step, "%zu of %zu rows: yes; tight: %zu; no: %zu", counts[FITS_YES], fit->row_count, counts[FITS_TIGHT],
        counts[FITS_NO]);
    if (row->max_context)
        say(step, "; %s up to a context of %lld", row->one.size->name, (long long)row->max_context);
    if (row->max_batch > 0)
        say(step, "; up to %lld at once", (long long)row->max_batch);
    for (size_t i = 0; i < fit->width_count; i++) {
        const struct width *width = &fit->widths[i];
        if (strcmp(width->family->task, row->one.family->task) != 0)
            continue;
        format_count((double)width->parameters, parameters, sizeof parameters);
        say(step, "; %s: up to hidden %lld (%lld layers, %s, %s, %s)", width->family->name, (long long)width->hidden,
            (long long)width->layers, mode_name(width->mode), width->dtype, parameters);
    }
    say(step, ".");
}

static void say_gain(struct fit_step *step, const char *what, struct range gain)
{
    if (gain.low > 0)
        say(step, " %s %.2f× (%.2f–%.2f)", what, gain.median, gain.low, gain.high);
    else
        say(step, " %s %.2f×", what, gain.median);
}

/* What was tried when the machine's limits were measured: threads, and pages. */
static void say_tried(struct fit_step *step, const struct fit_tuning *tuning)
{
    const struct tuning_step *one = &tuning->steps[0], *all = &tuning->steps[tuning->step_count - 1];
    if (tuning->step_count > 1) {
        say(step, " Tried here: %d threads beside one", all->threads);
        say_gain(step, "read memory", range_ratio(all->read_gbs, one->read_gbs));
        if (tuning->multiply_one.median > 0 && tuning->multiply_all.median > 0)
            say_gain(step, "and multiply", range_ratio(tuning->multiply_all, tuning->multiply_one));
        say(step, " as fast.");
    }
    if (tuning->step_count && tuning->small_pages.median > 0) {
        struct range gain = range_ratio(all->read_gbs, tuning->small_pages);
        say(step, " Huge pages, which weights are given where the system has them,");
        say_gain(step, "read", gain);
        say(step, " as fast as small ones.");
    }
}

static void say_tune(struct fit_step *step, const struct fit_row *row, const struct fit_tuning *tuning)
{
    for (size_t i = 0; i < row->advice_count; i++)
        say(step, "%s%s", i ? ". " : "", row->advice[i]);
    say(step, "%s", row->advice_count ? "." : "nothing that was tried by planning gains 5 % or more.");
    if (tuning)
        say_tried(step, tuning);
}

void fit_make_steps(const struct fit *fit, const struct fit_demands *demands, const struct fit_machine *machine,
                    struct fit_step steps[FIT_STEPS])
{
    static const char *const names[FIT_STEPS] = {"task", "families", "needs", "fits", "tune"};
    const struct fit_row *row = &fit->rows[fit->answer];
    for (int i = 0; i < FIT_STEPS; i++)
        steps[i] = (struct fit_step){.name = names[i]};
    say_task(&steps[0], row, demands);
    say_families(&steps[1], fit, row);
    say_needs(&steps[2], row);
    say_fits(&steps[3], fit, row);
    say_tune(&steps[4], row, machine->tuning);
}
