/* A worker that misbehaves as its job's subject says, for tests of the parent's side. Not a model is run: the times it
 * tells are made up. Subjects: "ok MILLISECONDS [JITTER%]", "die SIGNAL", "hang", "nonsense", "endless", "exit CODE",
 * "quiet", "memory", "wrong", "twice", "late MILLISECONDS" (sleeps before it answers), "grandchild". */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/json.h"
#include "harness/base/random.h"
#include "harness/run/clock.h"

static void pause_ms(double milliseconds)
{
    struct timespec left = {(time_t)(milliseconds / 1000), (long)(fmod(milliseconds, 1000) * 1e6)};
    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

/* Sleeps through steps like a real one would compute, until it is precise enough or its time is up. */
static void measure_ok(const json_t *job, double step_ms, double jitter)
{
    double until = json_get_real(job, "until_s"), deadline = json_get_real(job, "deadline_s");
    uint64_t least = json_get_count(job, "least", 1), most = json_get_count(job, "most", 1), count = 0;
    uint64_t key = random_key((uint64_t)getpid(), "jitter");
    printf("{\"event\":\"check\",\"passed\":true,\"error\":1e-7,\"allowed\":1e-5,\"against\":\"itself\"}\n");
    printf("{\"event\":\"samples\",\"seconds\":[");
    do {
        double seconds = step_ms / 1000 * (1 + jitter * (double)random_uniform(key, count));
        pause_ms(seconds * 1000);
        printf("%s%.9g", count ? "," : "", seconds);
        count++;
    } while (count < most && !(clock_now_s() >= deadline) &&
             (count < least || (jitter > 0 && !(clock_now_s() >= until))));
    printf("]}\n");
    printf("{\"event\":\"done\",\"setup_s\":0.001,\"measured_s\":0.1,\"peak_bytes\":1000,\"steal\":0,\"run_delay\":0,"
           "\"canary_s\":0.001,\"cold\":false}\n");
}

static void misbehave(const char *subject)
{
    double number = strchr(subject, ' ') ? atof(strchr(subject, ' ') + 1) : 0;
    if (!strncmp(subject, "die", 3)) {
        fprintf(stderr, "first line\nlast words\n");
        fflush(stderr);
        signal((int)number, SIG_DFL); /* a sanitizer would catch it */
        raise((int)number);
    } else if (!strncmp(subject, "hang", 4)) {
        pause_ms(1e6);
    } else if (!strncmp(subject, "nonsense", 8)) {
        printf("\033[31mSegment\001ation\n");
        fflush(stdout);
        pause_ms(1e6);
    } else if (!strncmp(subject, "endless", 7)) {
        while (putchar('x') != EOF)
            ;
    } else if (!strncmp(subject, "exit", 4)) {
        exit((int)number);
    } else if (!strncmp(subject, "memory", 6)) {
        printf("{\"event\":\"failed\",\"status\":\"out_of_memory\",\"reason\":\"no room for 3 GiB\"}\n");
    } else if (!strncmp(subject, "wrong", 5)) {
        printf("{\"event\":\"check\",\"passed\":false,\"error\":0.5,\"against\":\"itself\"}\n"
               "{\"event\":\"failed\",\"status\":\"failed\",\"reason\":\"the output is wrong\"}\n");
    } else if (!strncmp(subject, "twice", 5)) {
        printf("{\"event\":\"done\"}\n{\"event\":\"done\"}\n");
    }
}

int main(void)
{
    char text[4096];
    size_t length = fread(text, 1, sizeof text - 1, stdin);
    struct error error;
    json_t *job = json_parse(text, length, "job", &error);
    const char *subject = job ? json_get_string(job, "subject") : NULL;
    if (!subject)
        return 9;
    char *end = NULL;
    if (!strncmp(subject, "ok ", 3)) {
        double milliseconds = strtod(subject + 3, &end);
        measure_ok(job, milliseconds, *end ? atof(end) / 100 : 0);
    } else if (!strncmp(subject, "late ", 5)) {
        pause_ms(atof(subject + 5));
        measure_ok(job, 1, 0);
    } else {
        misbehave(subject);
    }
    json_decref(job);
    return 0;
}
