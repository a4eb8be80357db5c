/* Stands in for llama.cpp's llama-bench: takes the options that it takes and prints one result as it prints it, with
 * times that are made up. FALSE_LLAMA_BENCH tells it to misbehave: hang, die, garbage, endless, other (another test
 * than was asked for), open (an array without end, and exit code 1), many (several results), child (ends, and leaves a
 * child that holds its output), old (knows no -d). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct asked {
    const char *model;
    int prompt, generated, depth, repetitions, threads;
};

static int usage(const char *argument)
{
    fprintf(stderr, "usage: llama-bench [options]\nerror: invalid parameter for argument: %s\n", argument);
    return 1;
}

static void print_result(const struct asked *asked, double rate)
{
    double tokens = asked->prompt + asked->generated, seconds = tokens / rate;
    printf(
        "  {\n    \"build_commit\": \"0c1e570\",\n    \"build_number\": 7000,\n"
        "    \"cpu_info\": \"Another Name of This Processor\",\n    \"gpu_info\": \"\",\n    \"backends\": \"CPU\",\n"
        "    \"model_filename\": \"%s\",\n    \"model_type\": \"llama ?B Q4_0\",\n    \"model_size\": 52736,\n"
        "    \"model_n_params\": 86336,\n    \"n_threads\": %d,\n    \"type_k\": \"f16\",\n    \"type_v\": \"f16\",\n"
        "    \"n_gpu_layers\": -1,\n    \"flash_attn\": -1,\n    \"n_prompt\": %d,\n    \"n_gen\": %d,\n"
        "    \"n_depth\": %d,\n    \"test_time\": \"2026-08-01T10:00:00Z\",\n    \"avg_ts\": %.6f,\n"
        "    \"samples_ns\": [",
        asked->model, asked->threads, asked->prompt, asked->generated, asked->depth, rate);
    for (int i = 0; i < asked->repetitions; i++)
        printf("%s %.0f", i ? "," : "", seconds * 1e9 * (1 + 0.001 * i));
    printf(" ]\n  }");
}

static int misbehave(const char *how)
{
    if (!strcmp(how, "hang")) {
        sleep(1000);
    } else if (!strcmp(how, "die")) {
        fprintf(stderr, "first line\nggml: \033[1mlast words\n");
        fflush(stderr);
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    } else if (!strcmp(how, "garbage")) {
        printf("\033[31mno results \001here\n");
    } else if (!strcmp(how, "endless")) {
        while (putchar('x') != EOF)
            ;
    } else if (!strcmp(how, "child") && fork() == 0) {
        sleep(1000);
    }
    return 0;
}

int main(int count, char **words)
{
    const char *how = getenv("FALSE_LLAMA_BENCH") ? getenv("FALSE_LLAMA_BENCH") : "";
    struct asked asked = {.prompt = 512, .generated = 128, .repetitions = 5, .threads = 1};
    for (int i = 1; i + 1 < count; i += 2) {
        const char *value = words[i + 1];
        int number = atoi(value);
        if (!strcmp(words[i], "-m"))
            asked.model = value;
        else if (!strcmp(words[i], "-p"))
            asked.prompt = number;
        else if (!strcmp(words[i], "-n"))
            asked.generated = number;
        else if (!strcmp(words[i], "-d") && strcmp(how, "old"))
            asked.depth = number;
        else if (!strcmp(words[i], "-r"))
            asked.repetitions = number;
        else if (!strcmp(words[i], "-t"))
            asked.threads = number;
        else if (strcmp(words[i], "-o") || strcmp(value, "json"))
            return usage(words[i]);
    }
    if (!asked.model)
        return usage("-m");
    misbehave(how);
    if (!strcmp(how, "garbage"))
        return 0;
    if (!strcmp(how, "other"))
        asked.prompt += 1;
    printf("[\n");
    print_result(&asked, asked.prompt ? 1000 : 100);
    if (!strcmp(how, "many")) {
        printf(",\n");
        print_result(&asked, 1);
    }
    if (!strcmp(how, "open")) {
        fprintf(stderr, "main: error: failed to decode\n");
        return 1;
    }
    printf("\n]\n");
    return 0;
}
