/* Every row of the whole table, family by family: what was planned without names, at other batches of one graph and by
 * nodes that are alike, is what the case's own graph, built anew with names, is planned with; and the rows that people
 * are shown have the same figures where only those were solved. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "models/families/family.h"
#include "reports/fitness/fit.h"
#include "tests/suite.h"

enum { THREADS = 2, FAMILIES = 22 };

static struct fit_machine machine_of(uint64_t bytes)
{
    return (struct fit_machine){.name = "made up", .cpu = "made up", .available_bytes = bytes, .read_gbs = NAN};
}

static uint64_t direct_bytes(struct model_case one, int64_t batch, int64_t context)
{
    struct error error = {0};
    struct plan plan;
    one.batch = batch;
    one.context = context;
    struct graph *graph = case_build(&one, &error);
    ck_assert_msg(graph && plan_make(graph, THREADS, &plan, &error), "%s: %s", one.id, error.message);
    uint64_t bytes = plan.arena_bytes;
    plan_free(&plan);
    graph_free(graph);
    return bytes;
}

static struct fit fit_of(const struct family *family, const struct fit_machine *machine, bool shown_only)
{
    static const char *names[512];
    const struct family_size *size;
    size_t count = 0;
    for (size_t s = 0; (size = family_size_at(family, s)) && count < 511; s++)
        names[count++] = size->name;
    names[count] = NULL;
    struct fit_demands demands = {
        .models = names, .kv_dtype = -1, .optimizer = -1, .threads = THREADS, .shown_only = shown_only};
    struct fit fit;
    struct error error = {0};
    ck_assert_msg(fit_make(&demands, machine, &fit, &error), "%s", error.message);
    return fit;
}

static void check_row(const struct fit_row *row, uint64_t room)
{
    const struct model_case *one = &row->one;
    uint64_t planned = row->total_bytes - row->runtime_bytes, direct = direct_bytes(*one, one->batch, one->context);
    bool of_file = one->recipe && planned != direct; /* weights as a file of that recipe has them */
    ck_assert_msg(planned == direct || of_file, "%s: %llu instead of %llu", one->id, (unsigned long long)planned,
                  (unsigned long long)direct);
    if (row->max_batch)
        ck_assert_msg(direct_bytes(*one, row->max_batch, one->context) <= room, "%s: max batch", one->id);
    if (row->max_batch < FIT_MOST_BATCH)
        ck_assert_msg(direct_bytes(*one, row->max_batch + 1, one->context) > room, "%s: max batch + 1", one->id);
    if (row->max_context)
        ck_assert_msg(direct_bytes(*one, one->batch, row->max_context) <= room, "%s: max context", one->id);
}

START_TEST(every_row_is_what_it_takes)
{
    const struct family *family = families[0];
    const struct fit_machine machine = machine_of(12ull << 30);
    for (int f = 1; family && f <= _i; f++)
        family = families[f];
    if (!family)
        return; /* fewer families than are tried */
    struct fit fit = fit_of(family, &machine, false), shown = fit_of(family, &machine, true);
    ck_assert_uint_eq(fit.row_count, shown.row_count);
    for (size_t i = 0; i < fit.row_count; i++) {
        const struct fit_row *row = &fit.rows[i], *other = &shown.rows[i];
        check_row(row, fit_room(&machine));
        ck_assert_str_eq(row->one.id, other->one.id);
        ck_assert_uint_eq(row->total_bytes, other->total_bytes);
        if (other->shown) {
            ck_assert_int_eq(row->max_batch, other->max_batch);
            ck_assert_int_eq(row->max_context, other->max_context);
        }
    }
    ck_assert_str_eq(fit.why, shown.why);
    fit_free(&fit);
    fit_free(&shown);
}
END_TEST

START_TEST(all_families_are_tried)
{
    size_t count = 0;
    while (families[count])
        count++;
    ck_assert_uint_le(count, FAMILIES);
}
END_TEST

int main(void)
{
    return suite_run("fit_rows", 120, SUITE(LOOP(every_row_is_what_it_takes, FAMILIES), ONCE(all_families_are_tried)));
}
