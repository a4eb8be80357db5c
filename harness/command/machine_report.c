#include "harness/command/machine_report.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "harness/base/parse.h"
#include "harness/base/text.h"
#include "probes/isa.h"
#include "reports/machine_figures.h"

static const struct column property_columns[] = {{"property", "Property", false, 0}, {"value", "Value", false, 0}};
static const struct column ceiling_columns[] = {{"ceiling", "Ceiling", false, 0},
                                                {"value", "Measured", true, 0},
                                                {"low", "Lowest", true, 1},
                                                {"high", "Highest", true, 1}};

static void row(struct table *table, enum tone tone, const char *property, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A property whose value came out empty is left out. */
static void row(struct table *table, enum tone tone, const char *property, const char *format, ...)
{
    char value[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    if (!value[0])
        return;
    struct cell *cells = table_row(table);
    cell_text(&cells[0], TONE_STRONG, "%s", property);
    cell_text(&cells[1], tone, "%s", value);
}

static void count_of(struct text *text, int count, const char *thing)
{
    if (count >= 0)
        text_printf(text, "%s%d %s%s", text->length ? ", " : "", count, thing, count == 1 ? "" : "s");
}

static void show_cores(struct table *table, const struct cpu *cpu)
{
    struct text text = {0};
    count_of(&text, cpu->packages, "package");
    count_of(&text, cpu->cores, "core");
    count_of(&text, cpu->threads, "thread");
    if (cpu->usable_threads != cpu->threads)
        text_printf(&text, ", %d of them usable here", cpu->usable_threads);
    if (isfinite(cpu->quota))
        text_printf(&text, ", quota %.2f CPUs", cpu->quota);
    row(table, TONE_PLAIN, "Cores", "%s", text_string(&text));
    text_free(&text);
    for (size_t i = 0; i < cpu->kind_count && cpu->kind_count > 1; i++) {
        const struct core_kind *kind = &cpu->kinds[i];
        char clock[48] = "";
        if (isfinite(kind->max_mhz))
            snprintf(clock, sizeof clock, ", up to %.2f GHz", kind->max_mhz / 1000);
        row(table, TONE_PLAIN, "Kind of core", "%s%s%d threads%s", kind->name, kind->name[0] ? ": " : "", kind->threads,
            clock);
    }
}

static void show_clock(struct table *table, const struct cpu *cpu)
{
    struct text text = {0};
    const struct {
        const char *name;
        double mhz;
    } clocks[] = {{"now", cpu->current_mhz}, {"base", cpu->base_mhz}, {"at most", cpu->max_mhz}};
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++)
        if (isfinite(clocks[i].mhz))
            text_printf(&text, "%s%s %.2f GHz", text.length ? ", " : "", clocks[i].name, clocks[i].mhz / 1000);
    row(table, TONE_PLAIN, "Clock", "%s", text_string(&text));
    text_free(&text);
}

static void show_cpu(struct table *table, const struct machine *machine)
{
    const struct cpu *cpu = &machine->cpu;
    struct text isa = {0};
    row(table, TONE_PLAIN, "CPU", "%s%s%s%s", cpu->model, cpu->vendor[0] ? " (" : "", cpu->vendor,
        cpu->vendor[0] ? ")" : "");
    show_cores(table, cpu);
    show_clock(table, cpu);
    for (unsigned bit = 0; bit < 32; bit++)
        if (cpu->isa & 1u << bit && isa_name(1u << bit))
            text_printf(&isa, "%s%s", isa.length ? " " : "", isa_name(1u << bit));
    row(table, TONE_PLAIN, "Instruction sets", "%s", text_string(&isa));
    text_free(&isa);
    for (size_t i = 0; i < machine->cache_count; i++) {
        const struct cache *cache = &machine->caches[i];
        char name[48], size[32];
        snprintf(name, sizeof name, "L%d %s", cache->level, cache->type);
        format_size(cache->size_bytes, size, sizeof size);
        row(table, TONE_PLAIN, name, "%d × %s, shared by %d thread%s", cache->count, size, cache->shared_by_threads,
            cache->shared_by_threads == 1 ? "" : "s");
    }
}

static void show_memory(struct table *table, const struct machine *machine)
{
    const struct memory *memory = &machine->memory;
    char total[32], available[32], limit[32];
    format_size(memory->total_bytes, total, sizeof total);
    format_size(memory->available_bytes, available, sizeof available);
    format_size(memory->limit_bytes, limit, sizeof limit);
    if (memory->total_known)
        row(table, TONE_PLAIN, "Memory", "%s%s%s", total, memory->available_known ? ", available now " : "",
            memory->available_known ? available : "");
    if (strcmp(memory->limited_by, "physical") == 0)
        row(table, TONE_PLAIN, "Limited by", "%s", memory->limit_detail);
    else if (memory->limited_by[0])
        row(table, TONE_WARNING, "Limited to", "%s by %s: %s", limit, memory->limited_by, memory->limit_detail);
    if (memory->huge_page_bytes) {
        format_size(memory->huge_page_bytes, total, sizeof total);
        row(table, TONE_PLAIN, "Huge pages", "%s each, %llu of %llu free%s%s", total,
            (unsigned long long)memory->huge_pages_free, (unsigned long long)memory->huge_pages_total,
            memory->transparent_huge_pages[0] ? "; transparent ones: " : "", memory->transparent_huge_pages);
    }
    if (memory->swap_total_bytes) {
        format_size(memory->swap_total_bytes, total, sizeof total);
        row(table, TONE_PLAIN, "Swap", "%s, not counted as room", total);
    }
    for (size_t i = 0; i < machine->numa_count && machine->numa_count > 1; i++) {
        const struct numa_node *node = &machine->numa[i];
        char name[32];
        snprintf(name, sizeof name, "NUMA node %d", node->id);
        format_size(node->memory_bytes, total, sizeof total);
        row(table, TONE_PLAIN, name, "%s, %d threads", node->memory_known ? total : "memory unknown", node->threads);
    }
}

static void show_gpus(struct table *table, const struct machine *machine)
{
    for (size_t i = 0; i < machine->gpu_count; i++) {
        const struct gpu *gpu = &machine->gpus[i];
        char size[32], unused[32];
        format_size(gpu->memory_bytes, size, sizeof size);
        format_size(gpu->free_bytes, unused, sizeof unused);
        row(table, TONE_PLAIN, "GPU", "%s%s%s%s%s (%s%s%s%s%s)%s", gpu->name, gpu->memory_known ? ", " : "",
            gpu->memory_known ? size : "", gpu->free_known ? ", free " : "", gpu->free_known ? unused : "",
            gpu->backend, gpu->driver[0] ? ", driver " : "", gpu->driver, gpu->pci_address[0] ? ", at " : "",
            gpu->pci_address, gpu->usable || machine->foreign ? "" : ": no library here computes on it");
    }
    if (machine->gpu_presence.reason[0])
        row(table, TONE_FAINT, machine->gpu_count ? "More cards" : "GPU", "%s%s",
            machine->gpu_count ? "" : "absent: ", machine->gpu_presence.reason);
}

static void show_presence(struct table *table, const char *name, const struct presence *presence, const char *detail)
{
    row(table, presence->available ? TONE_GOOD : TONE_FAINT, name, "%s%s%s",
        presence->available ? "available" : "absent",
        presence->available ? (detail[0] ? ": " : "") : (presence->reason[0] ? ": " : ""),
        presence->available ? detail : presence->reason);
}

static void show_software(struct table *table, const struct machine *machine)
{
    const struct software *software = &machine->software;
    row(table, TONE_PLAIN, "Kernel", "%s%s%s", software->kernel, software->distribution[0] ? ", " : "",
        software->distribution);
    row(table, TONE_PLAIN, "BLAS", "%s%s%s", software->blas[0] ? software->blas : "none found",
        software->blas_core[0] ? ", kernels for " : "", software->blas_core);
    row(table, TONE_PLAIN, "C library", "%s", software->libc);
    row(table, TONE_PLAIN, "Compiler", "%s", software->compiler);
    row(table, TONE_PLAIN, "Governor", "%s", software->governor);
    row(table, TONE_PLAIN, "SMT", "%s", software->smt);
    row(table, TONE_PLAIN, "Microcode", "%s", software->microcode);
    row(table, TONE_PLAIN, "Mitigations", "%s", software->mitigations);
    row(table, TONE_PLAIN, "Virtual machine", "%s", software->virtualization);
    row(table, TONE_PLAIN, "Container", "%s", software->container);
}

static void show_conditions(struct table *table, const struct conditions *conditions)
{
    if (isfinite(conditions->load1))
        row(table, TONE_PLAIN, "Load", "%.2f over the last minute", conditions->load1);
    if (isfinite(conditions->steal))
        row(table, TONE_PLAIN, "Steal", "%.2f %% since boot", 100 * conditions->steal);
    if (isfinite(conditions->temperature_celsius))
        row(table, TONE_PLAIN, "Temperature", "%.0f °C", conditions->temperature_celsius);
    if (isfinite(conditions->throttle_count))
        row(table, TONE_PLAIN, "Throttled", "%.0f times since boot", conditions->throttle_count);
}

/* "read_l1_gbs": the unit is the name's end. */
static void write_ceiling(struct cell *cell, const char *name, double value)
{
    static const struct {
        const char *ending, *unit;
    } units[] = {{"_gflops", "GFLOP/s"}, {"_gops", "GOP/s"}, {"_gbs", "GB/s"}};
    size_t length = strlen(name);
    char text[48];
    if (!isfinite(value))
        return;
    if (length > 2 && strcmp(name + length - 2, "_s") == 0) {
        format_duration(value, text, sizeof text);
        cell_number(cell, value, "%s", text);
        return;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t ending = strlen(units[i].ending);
        if (length > ending && strcmp(name + length - ending, units[i].ending) == 0) {
            cell_number(cell, value, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value, units[i].unit);
            return;
        }
    }
    cell_number(cell, value, "%g", value);
}

static void show_ceilings(struct report *report, const struct machine *machine)
{
    if (!machine->ceiling_count)
        return;
    struct table *table = report_table(report, "Ceilings", ceiling_columns, 4);
    for (size_t i = 0; i < machine->ceiling_count; i++) {
        const struct ceiling *ceiling = &machine->ceilings[i];
        struct cell *cells = table_row(table);
        cell_text(&cells[0], TONE_PLAIN, "%s", ceiling->name);
        write_ceiling(&cells[1], ceiling->name, ceiling->value);
        write_ceiling(&cells[2], ceiling->name, ceiling->low);
        write_ceiling(&cells[3], ceiling->name, ceiling->high);
    }
}

/* The machine in one sentence: its processor, its memory, and how fast both are where that was measured. */
static void say_machine(struct report *report, const struct machine *machine)
{
    struct text text = {0};
    char size[32];
    text_append(&text, machine->cpu.model[0] ? machine->cpu.model : "An unknown processor");
    count_of(&text, machine->cpu.cores, "core");
    count_of(&text, machine->cpu.threads, "thread");
    if (machine->memory.total_known) {
        format_size(machine->memory.total_bytes, size, sizeof size);
        text_printf(&text, ", %s of memory", size);
    }
    double peak = machine_ceiling(machine, "peak_f32_gflops"), read = machine_ceiling(machine, "read_gbs");
    if (peak > 0)
        text_printf(&text, ", %.4g GFLOP/s in f32", peak);
    if (read > 0)
        text_printf(&text, ", %.3g GB/s", read);
    report_answer(report, TONE_STRONG, "%s.", text_string(&text));
    text_free(&text);
}

void machine_report(struct report *report, const struct machine *machine)
{
    json_decref(report->document);
    report->document = machine_to_json(machine);
    say_machine(report, machine);
    struct table *table = report_table(report, NULL, property_columns, 2);
    row(table, TONE_PLAIN, "Machine", "%s", machine->name);
    row(table, TONE_FAINT, "Fingerprint", "%s", machine->fingerprint);
    show_cpu(table, machine);
    show_memory(table, machine);
    show_gpus(table, machine);
    show_presence(table, "Counters", &machine->counters, machine->counter_names);
    show_presence(table, "Energy", &machine->energy, "");
    show_software(table, machine);
    show_conditions(table, &machine->conditions);
    show_ceilings(report, machine);
    for (size_t i = 0; i < machine->warning_count; i++)
        report_sentence(report, TONE_WARNING, "%s", machine->warnings[i]);
    size_t before = report->block_count;
    machine_add_topology(report, report->document);
    if (report->block_count > before)
        report_drawn_only(report);
}
