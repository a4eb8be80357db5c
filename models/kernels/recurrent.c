/* Which variant of the recurrent layers runs on this machine. */
#include "models/kernels/recurrent.h"

#include "models/kernels/recurrent_variants.h"
#include "models/kernels/variant_table.h"

VARIANT_TABLE(TILED, recurrent_kernels, recurrent, recurrent_)

size_t recurrent_workspace(const struct recurrent *recurrent, int threads)
{
    return recurrent_kernels()->workspace(recurrent, threads);
}

void recurrent_run(const struct recurrent *recurrent, void *workspace, int threads)
{
    recurrent_kernels()->run(recurrent, workspace, threads);
}

size_t recurrent_gradient_workspace(const struct recurrent_gradient *gradient, int threads)
{
    return recurrent_kernels()->gradient_workspace(gradient, threads);
}

void recurrent_gradient_run(const struct recurrent_gradient *gradient, void *workspace, int threads)
{
    recurrent_kernels()->gradient_run(gradient, workspace, threads);
}

size_t lstm_workspace(const struct lstm *lstm, int threads)
{
    return recurrent_kernels()->lstm_workspace(lstm, threads);
}

void lstm_run(const struct lstm *lstm, void *workspace, int threads)
{
    recurrent_kernels()->lstm_run(lstm, workspace, threads);
}

size_t lstm_gradient_workspace(const struct lstm_gradient *gradient, int threads)
{
    return recurrent_kernels()->lstm_gradient_workspace(gradient, threads);
}

void lstm_gradient_run(const struct lstm_gradient *gradient, void *workspace, int threads)
{
    recurrent_kernels()->lstm_gradient_run(gradient, workspace, threads);
}

size_t gru_workspace(const struct gru *gru, int threads)
{
    return recurrent_kernels()->gru_workspace(gru, threads);
}

void gru_run(const struct gru *gru, void *workspace, int threads)
{
    recurrent_kernels()->gru_run(gru, workspace, threads);
}

size_t gru_gradient_workspace(const struct gru_gradient *gradient, int threads)
{
    return recurrent_kernels()->gru_gradient_workspace(gradient, threads);
}

void gru_gradient_run(const struct gru_gradient *gradient, void *workspace, int threads)
{
    recurrent_kernels()->gru_gradient_run(gradient, workspace, threads);
}
