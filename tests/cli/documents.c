#include "documents.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/text.h"

void document_id(char id[32], int process, int number)
{
    snprintf(id, 32, "%04x%08x", 0xb000u + (unsigned)process, (unsigned)number);
}

static double sample_s(size_t one, size_t place)
{
    return 0.25 + (double)one + (double)place / 64;
}

void document_write(const char *path, const char *id, size_t cases, size_t samples)
{
    struct text text = {0};
    text_printf(&text,
                "{\"schema\":\"benchmark.run/1\",\"id\":\"%s\",\"started\":\"2026-01-01T10:00:00.000Z\","
                "\"finished\":\"2026-01-01T10:01:00.000Z\",\"machine\":{\"fingerprint\":\"abcd\",\"name\":\"box\"},"
                "\"cases\":[",
                id);
    for (size_t one = 0; one < cases; one++) {
        text_printf(&text, "%s{\"id\":\"mlp/mlp-1m/forward/f32/b%zu\",\"status\":\"ok\",\"samples_s\":[",
                    one ? "," : "", one + 1);
        for (size_t i = 0; i < samples; i++)
            text_printf(&text, "%s%.9g", i ? "," : "", sample_s(one, i));
        text_printf(&text, "],\"time_s\":{\"median\":%.9g}}", sample_s(one, samples / 2));
    }
    text_append(&text, "]}\n");
    FILE *file = fopen(path, "w");
    if (text.failed || !file || fputs(text.data, file) < 0 || fclose(file) != 0) {
        perror(path);
        exit(99);
    }
    text_free(&text);
}

bool document_is_whole(const struct run *run, size_t cases, size_t samples)
{
    bool right = run->record_count == cases && *run->finished;
    for (size_t one = 0; right && one < cases; one++) {
        const struct record *record = &run->records[one];
        right = record->status == STATUS_OK && record->sample_count == samples;
        for (size_t i = 0; right && i < samples; i++)
            right = record->samples[i] == sample_s(one, i);
    }
    return right;
}

void document_folder_remove(const char *folder)
{
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        char name[400];
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        unlink(name);
    }
    if (entries)
        closedir(entries);
    rmdir(folder);
}
