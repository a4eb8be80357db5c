#include "harness/command/fit_engine.h"

#include <strings.h>

#include "harness/base/log.h"

bool fit_engine_is_other(const char *engine)
{
    return engine && strcasecmp(engine, "native") != 0;
}

bool fit_engine_suffices(const char *database, const char *engine, const struct fit_demands *demands,
                         const char *processor, bool *suffices, struct error *error)
{
    struct engine_machine found = {0};
    bool right = !fit_engine_is_other(engine) || demands->modes & ~(unsigned)FIT_ENGINE_MODES ||
                 engine_known_machine(database, engine, processor, &found, error);
    *suffices = found.known;
    return right;
}

bool fit_engine_learn(const char *database, const char *engine, const char *machine, double peak_gflops,
                      struct fit_machine *room, struct engine_profile **profile, struct error *error)
{
    *profile = NULL;
    if (!fit_engine_is_other(engine))
        return true;
    struct engine_limits limits = {.read_gbs = room->read_gbs, .peak_gflops = peak_gflops};
    if (!engine_known_load(database, engine, machine, &limits, profile, error))
        return false;
    room->engine = engine;
    room->engine_profile = *profile;
    if (!*profile)
        log_warning("no result of %s from this machine is known: speeds are this program's own (to have some: "
                    "`benchmark run --engine llama-bench --model FILE.gguf`, or `benchmark import FILE`)",
                    engine);
    else if (!engine_profile_results(*profile, true) || !engine_profile_results(*profile, false))
        log_warning("%s's results are of %s alone: other speeds are this program's own", engine,
                    engine_profile_results(*profile, true) ? "decode" : "prefill");
    return true;
}
