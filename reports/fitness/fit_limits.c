#include "reports/fitness/fit_limits.h"

#include <math.h>

#include "models/graph/cost.h"
#include "models/graph/op.h"

/* What published llama-bench results of a dozen devices reached of their data sheets' peaks: decoding, 0.26 to 0.90 of
 * the bandwidth; prompts, 0.14 to 0.47 of the half-precision peak. */
static const struct share SHEET_COMPUTE = {0.33, 0.12, 0.6}, SHEET_BANDWIDTH = {0.55, 0.25, 0.95};
/* Of limits that were measured by running at them, a model's ops reach more. */
static const struct share MEASURED_COMPUTE = {0.55, 0.25, 1}, MEASURED_BANDWIDTH = {0.7, 0.4, 1};

static double known_or(double value, double otherwise)
{
    return value > 0 ? value : otherwise;
}

/* Old cards do half precision slower than single: programs take the faster. */
struct fit_limits limits_of_device(const struct device *device)
{
    double single = 1e12 * known_or(device->f32_tflops, device->half_tflops);
    double half = 1e12 * known_or(device->half_tflops, device->f32_tflops);
    return (struct fit_limits){.f32_flops = single,
                               .half_flops = fmax(half, single),
                               .bytes_per_s = 1e9 * device->bandwidth_gbs,
                               .compute = SHEET_COMPUTE,
                               .bandwidth = SHEET_BANDWIDTH,
                               .sheet = true};
}

struct fit_limits limits_of_machine(const struct machine *machine)
{
    double single = 1e9 * machine_ceiling(machine, "peak_f32_gflops");
    double half = 1e9 * machine_ceiling(machine, "peak_bf16_gflops");
    return (struct fit_limits){.f32_flops = single,
                               .half_flops = known_or(half, single),
                               .bytes_per_s = 1e9 * machine_ceiling(machine, "read_gbs"),
                               .compute = MEASURED_COMPUTE,
                               .bandwidth = MEASURED_BANDWIDTH};
}

bool limits_known(const struct fit_limits *limits)
{
    return limits->f32_flops > 0 && limits->bytes_per_s > 0;
}

struct range limits_seconds(const struct fit_limits *limits, const struct graph *graph, const char **bound)
{
    double computing = 0, reading = 0;
    struct range sum = {0, 0, 0};
    for (int n = 0; n < graph->node_count; n++) {
        if (!graph->nodes[n].op->run)
            continue;
        struct features node = node_features(graph, &graph->nodes[n]);
        double compute = node.flops / (node.dtype == DTYPE_F32 ? limits->f32_flops : limits->half_flops);
        double read = node.bytes / limits->bytes_per_s;
        double usual = fmax(compute / limits->compute.usual, read / limits->bandwidth.usual);
        *(compute / limits->compute.usual > read / limits->bandwidth.usual ? &computing : &reading) += usual;
        sum.median += usual;
        sum.low += fmax(compute / limits->compute.most, read / limits->bandwidth.most);
        sum.high += fmax(compute / limits->compute.least, read / limits->bandwidth.least);
    }
    *bound = computing > reading ? "compute" : "bandwidth";
    return sum;
}
