/* What finds changes in made nights, what it accuses wrongly, and where it says that they began. By hand:
 *
 *     build/tests/peers/nights [PANELS [SEED [LAW [JUDGE]]]]
 *     build/tests/peers/nights --write PANELS     series of the first law as CSV, for tests/peers/nights_peers.py */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/stats/shared_drift.h"
#include "nights_judges.h"

static const struct nights_judge *const judges[] = {&nights_judge_ours, &nights_judge_plain, &nights_judge_oracle};
enum { JUDGES = sizeof judges / sizeof *judges };

struct question {
    const char *what;
    double size;
    bool creep;
    size_t first, last; /* looked for on these nights after the change */
};
static const struct question questions[] = {
    {"5 % by the second night", 0.05, false, 1, 1},
    {"3 % within five nights", 0.03, false, 1, 4},
    {"2 % within five nights", 0.02, false, 1, 4},
    {"2 % within ten nights", 0.02, false, 1, 9},
    {"creep of 0.3 % a night before 4 %", 0.003, true, 4, 12},
};
enum { QUESTIONS = sizeof questions / sizeof *questions };

struct tally {
    int asked, found, accused, since_right;
};

/* The changed case of a panel: one whose noise is at most 2 %. */
static size_t choose_target(const struct made *made, uint64_t seed)
{
    size_t target = (size_t)(seed * 37 % MADE_CASES);
    while (made->scale[target] > 0.02)
        target = (target + 1) % MADE_CASES;
    return target;
}

/* A change in one case whose noise is at most 2 %, looked for night by night until it is found. */
static void ask(const struct nights_judge *judge, const struct made_law *law, uint64_t seed,
                const struct question *question, struct tally *tally)
{
    static struct made made;
    static struct judged judged;
    made_fill(&made, law, seed);
    size_t target = choose_target(&made, seed);
    made_change(&made, target, question->size, question->creep);
    tally->asked++;
    bool found = false, accused = false;
    for (size_t n = question->first; n <= question->last && !found; n++) {
        judge->judge(&made, MADE_BEFORE + n, &judged);
        found = judged.slower[target] && !isnan(made.values[target * MADE_NIGHTS + MADE_BEFORE + n]);
        if (n == question->first)
            for (size_t c = 0; c < MADE_CASES; c++)
                accused |= c != target && judged.slower[c];
    }
    tally->found += found;
    tally->accused += accused;
    tally->since_right += found && labs((long)judged.since[target] - MADE_BEFORE) <= 1;
}

static void measure(const struct nights_judge *judge, const struct made_law *law, int panels, uint64_t seed)
{
    static struct made made;
    static struct judged judged;
    int quiet = 0, alarms = 0;
    for (int i = 0; i < panels; i++) {
        made_fill(&made, law, seed + (uint64_t)i);
        for (size_t n = MADE_BEFORE - 8; n < MADE_NIGHTS; n += 5, quiet++) {
            judge->judge(&made, n, &judged);
            bool alarm = false;
            for (size_t c = 0; c < MADE_CASES; c++)
                alarm |= judged.slower[c];
            alarms += alarm;
        }
    }
    printf("%-18s %-7s alarms on %4.1f %% of %d quiet nights\n", law->name, judge->name, 100.0 * alarms / quiet, quiet);
    for (size_t q = 0; q < QUESTIONS; q++) {
        struct tally tally = {0};
        for (int i = 0; i < panels; i++)
            ask(judge, law, seed + 1000 + (uint64_t)i, &questions[q], &tally);
        printf("    %-34s found %5.1f %%, others accused %4.1f %%, since right to a night %5.1f %%\n",
               questions[q].what, 100.0 * tally.found / tally.asked, 100.0 * tally.accused / tally.asked,
               tally.found ? 100.0 * tally.since_right / tally.found : NAN);
        fflush(stdout);
    }
}

/* Figures rather than logarithms, without the drift, which single series don't show. */
static void write_series(const char *what, size_t first, size_t last, const struct made *made, size_t c)
{
    static double drift[MADE_NIGHTS];
    struct error error;
    if (c == 0 || *what != 'q')
        shared_drift_find(made->values, MADE_CASES, MADE_NIGHTS, drift, &error);
    printf("%s,%zu,%zu", what, first, last);
    for (size_t n = 0; n < MADE_NIGHTS; n++)
        printf(",%.6g", exp(made->values[c * MADE_NIGHTS + n] - drift[n]));
    printf("\n");
}

static void write_all(int panels)
{
    static struct made made;
    for (int i = 0; i < panels; i++) {
        made_fill(&made, &made_laws[0], 1 + (uint64_t)i);
        for (size_t c = 0; c < MADE_CASES; c++)
            write_series("quiet", 0, 0, &made, c);
    }
    for (size_t q = 0; q < QUESTIONS; q++)
        for (int i = 0; i < 10 * panels; i++) {
            uint64_t seed = 1001 + (uint64_t)i;
            made_fill(&made, &made_laws[0], seed);
            size_t target = choose_target(&made, seed);
            made_change(&made, target, questions[q].size, questions[q].creep);
            write_series(questions[q].what, questions[q].first, questions[q].last, &made, target);
        }
}

int main(int count, char **arguments)
{
    if (count > 2 && !strcmp(arguments[1], "--write")) {
        write_all(atoi(arguments[2]));
        return 0;
    }
    int panels = count > 1 ? atoi(arguments[1]) : 100;
    uint64_t seed = count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
    for (size_t l = 0; l < made_law_count; l++)
        for (size_t j = 0; j < JUDGES; j++)
            if ((count <= 3 || !strcmp(made_laws[l].name, arguments[3])) &&
                (count <= 4 || !strcmp(judges[j]->name, arguments[4])))
                measure(judges[j], &made_laws[l], panels, seed);
    return 0;
}
