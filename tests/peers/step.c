/* Runs one case's steps when asked to, so that pytorch.py can interleave them with another engine's:
 *
 *     step CASE [--threads N]            reads step counts from stdin, one a line; answers each with the steps' seconds
 *     step CASE [--threads N] --nodes    prints where a step's time goes, by op and by node, and ends
 *     step CASE [--threads N] --trained  with the weights that one step of training leaves (the classical family's)
 *
 * With --cpu-time seconds are the process's CPU time: with one thread, what a step takes on a machine that others use.
 * The first line says what was planned; the last line, after stdin ends, the peak resident set less what the idle
 * process held. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "models/engine/case.h"
#include "models/families/family.h"
#include "models/graph/cost.h"
#include "models/graph/op.h"

enum { MOST_STEPS = 10000 };

static double seconds_of(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* A field of /proc/self/status in bytes: VmRSS, VmHWM. */
static size_t status_bytes(const char *field)
{
    char line[128];
    size_t kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, field, strlen(field)) == 0)
            kib = strtoull(line + strlen(field) + 1, NULL, 10);
    if (status)
        fclose(status);
    return kib * 1024;
}

/* What the last step computed, for a comparison with another engine's: its elements, their mean and mean square. Of a
 * training step the loss says it. */
static void print_output(const struct graph *graph, struct engine *engine)
{
    int64_t elements = graph->output == NO_TENSOR ? 0 : tensor_elements(&graph->tensors[graph->output]);
    float *output = elements > 0 ? malloc((size_t)elements * sizeof *output) : NULL;
    double sum = 0, squares = 0;
    if (!output)
        return;
    engine_read(engine, graph->output, output);
    for (int64_t i = 0; i < elements; i++) {
        sum += output[i];
        squares += (double)output[i] * output[i];
    }
    printf(", \"output_elements\": %lld, \"output_mean\": %.9g, \"output_mean_square\": %.9g", (long long)elements,
           sum / (double)elements, squares / (double)elements);
    free(output);
}

static void answer_requests(struct engine *engine, clockid_t clock)
{
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        long steps = strtol(line, NULL, 10);
        for (long i = 0; i < steps && i < MOST_STEPS; i++) {
            double before = seconds_of(clock);
            engine_step(engine);
            printf("%.9f ", seconds_of(clock) - before);
        }
        printf("\n");
        fflush(stdout);
    }
}

/* ---- the account of a step ---- */

struct line {
    const char *op, *name, *phase;
    double seconds, flops, bytes;
    int nodes;
};

static int by_seconds(const void *a, const void *b)
{
    double left = ((const struct line *)a)->seconds, right = ((const struct line *)b)->seconds;
    return left < right ? 1 : left > right ? -1 : 0;
}

static void print_lines(struct line *lines, int count, int most, double total)
{
    qsort(lines, (size_t)count, sizeof *lines, by_seconds);
    printf("%10s %6s %6s %9s %8s  %s\n", "ms", "share", "nodes", "GFLOP/s", "GB/s", "op");
    for (int i = 0; i < count && i < most; i++)
        printf("%10.3f %5.1f%% %6d %9.1f %8.1f  %s %s\n", lines[i].seconds * 1e3, 100 * lines[i].seconds / total,
               lines[i].nodes, lines[i].flops / lines[i].seconds * 1e-9, lines[i].bytes / lines[i].seconds * 1e-9,
               lines[i].op, lines[i].name);
}

/* Each node's fastest of several steps: what it takes when nothing disturbs it. */
static void print_account(const struct graph *graph, struct engine *engine)
{
    static const char *const phases[] = {"forward", "backward", "optimizer"};
    struct line *nodes = calloc((size_t)graph->node_count + 1, sizeof *nodes), *ops = nodes;
    struct line *grouped = calloc((size_t)graph->node_count + 1, sizeof *grouped);
    double *seconds = calloc((size_t)graph->node_count + 1, sizeof *seconds);
    double total = 0, wall = 1e30;
    int count = 0;
    for (int round = 0; round < 10 && nodes && grouped && seconds; round++) {
        double before = seconds_of(CLOCK_MONOTONIC);
        engine_step_timed(engine, seconds);
        double took = seconds_of(CLOCK_MONOTONIC) - before;
        wall = took < wall ? took : wall;
        for (int n = 0; n < graph->node_count; n++)
            if (round == 0 || seconds[n] < nodes[n].seconds)
                nodes[n].seconds = seconds[n];
    }
    for (int n = 0; n < graph->node_count && nodes && grouped; n++) {
        const struct node *node = &graph->nodes[n];
        struct cost cost = node_cost(graph, node);
        double seconds = nodes[n].seconds;
        nodes[n] = (struct line){node->op->name,
                                 node->name,
                                 phases[node->phase],
                                 seconds,
                                 cost.flops,
                                 cost.bytes_read + cost.bytes_written,
                                 1};
        total += seconds;
        int at = 0;
        while (at < count && (grouped[at].op != node->op->name || grouped[at].name != nodes[n].phase))
            at++;
        count += at == count;
        grouped[at].op = node->op->name;
        grouped[at].name = nodes[n].phase;
        grouped[at].seconds += seconds;
        grouped[at].flops += nodes[n].flops;
        grouped[at].bytes += nodes[n].bytes;
        grouped[at].nodes++;
    }
    if (nodes && grouped) {
        printf("fastest step %.3f ms, sum of the nodes' fastest %.3f ms\n", wall * 1e3, total * 1e3);
        print_lines(grouped, count, count, total);
        print_lines(ops, graph->node_count, 25, total);
    }
    free(seconds);
    free(nodes);
    free(grouped);
}

struct request {
    const char *id;
    int threads;
    bool nodes, cpu_time, trained;
};

static bool read_arguments(int count, char **arguments, struct request *request)
{
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--nodes") == 0)
            request->nodes = true;
        else if (strcmp(arguments[i], "--cpu-time") == 0)
            request->cpu_time = true;
        else if (strcmp(arguments[i], "--trained") == 0)
            request->trained = true;
        else if (strcmp(arguments[i], "--threads") == 0 && i + 1 < count)
            request->threads = atoi(arguments[++i]);
        else if (arguments[i][0] != '-' && !request->id)
            request->id = arguments[i];
        else
            return false;
    }
    return request->id && request->threads > 0;
}

static int find_tensor(const struct graph *graph, const struct tensor *like)
{
    for (int t = 0; t < graph->tensor_count; t++)
        if (graph->tensors[t].persistent && strcmp(graph->tensors[t].name, like->name) == 0 &&
            tensor_bytes(&graph->tensors[t]) == tensor_bytes(like))
            return t;
    return NO_TENSOR;
}

/* One step of the model's training on its usual batch; what it leaves in weights and buffers goes to `engine`. */
static bool train(const struct model_case *one, const struct graph *graph, struct engine *engine, int threads,
                  struct error *error)
{
    struct model_case training = *one;
    training.mode = MODE_TRAIN;
    training.batch = one->size->batches[0];
    struct plan plan = {0};
    struct graph *from = case_build(&training, error);
    const struct engine_options options = {.threads = threads};
    struct engine *trained =
        from && plan_make(from, threads, &plan, error) ? engine_open(from, &plan, &options, error) : NULL;
    if (trained)
        engine_step(trained);
    for (int t = 0; trained && t < graph->tensor_count; t++) {
        const struct tensor *tensor = &graph->tensors[t];
        int found = find_tensor(from, tensor);
        if (found != NO_TENSOR && (tensor->role == ROLE_WEIGHT || tensor->role == ROLE_BUFFER))
            memcpy(engine_tensor(engine, t), engine_tensor(trained, found), tensor_bytes(tensor));
    }
    engine_close(trained);
    plan_free(&plan);
    graph_free(from);
    FILE *peak = fopen("/proc/self/clear_refs", "w"); /* what training took isn't what the case takes */
    if (peak) {
        fputs("5", peak);
        fclose(peak);
    }
    return trained != NULL;
}

int main(int count, char **arguments)
{
    struct request request = {.threads = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    if (!read_arguments(count, arguments, &request)) {
        fprintf(stderr, "usage: step CASE [--threads N] [--nodes | --cpu-time] [--trained]\n");
        return 2;
    }
    size_t idle = status_bytes("VmRSS");
    struct error error = {0};
    struct model_case one;
    struct plan plan = {0};
    struct graph *graph = case_parse(request.id, &one, &error) ? case_build(&one, &error) : NULL;
    const struct engine_options options = {.threads = request.threads};
    struct engine *engine =
        graph && plan_make(graph, request.threads, &plan, &error) ? engine_open(graph, &plan, &options, &error) : NULL;
    if (engine && request.trained && !train(&one, graph, engine, request.threads, &error)) {
        engine_close(engine);
        engine = NULL;
    }
    if (engine) {
        printf("{\"case\": \"%s\", \"parameters\": %llu, \"flops\": %.0f, \"planned_bytes\": %zu}\n", one.id,
               (unsigned long long)graph_parameters(graph), graph_cost(graph).flops, plan.arena_bytes);
        fflush(stdout);
        if (request.nodes)
            print_account(graph, engine);
        else
            answer_requests(engine, request.cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC);
        printf("{\"peak_bytes\": %zu", status_bytes("VmHWM") - idle);
        if (isfinite(engine_loss(engine)))
            printf(", \"loss\": %.9g", engine_loss(engine));
        else if (!request.nodes)
            print_output(graph, engine);
        printf("}\n");
    } else {
        fprintf(stderr, "step: %s\n", error.message);
    }
    engine_close(engine);
    plan_free(&plan);
    graph_free(graph);
    return engine ? 0 : 4;
}
