#!/bin/bash
# One run on each node of an allocation, all nodes at once, one process a node and the whole node for it:
#     sbatch --nodes=64 contrib/slurm/benchmark-nodes.sh
# With a database, every node writes there:
#     sbatch --nodes=64 --export=ALL,BENCHMARK_DB=postgresql://benchmark@db/benchmark contrib/slurm/benchmark-nodes.sh
# Without one, the runs are documents in a folder that all nodes see, and are imported at the end.
#SBATCH --job-name=benchmark
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=01:30:00
set -euo pipefail

suite=${BENCHMARK_SUITE:-nightly}
budget=${BENCHMARK_BUDGET:-40m}
# On each node's own disk: a store of SQLite's isn't shared over a network file system.
disk=${BENCHMARK_LOCAL:-/var/tmp/benchmark-$USER}
results=${BENCHMARK_RESULTS:-$SLURM_SUBMIT_DIR/benchmark-$SLURM_JOB_ID}
store=${BENCHMARK_DB:-}
export OMP_WAIT_POLICY=passive

if [[ $store == postgres* ]]; then
    # What a node can't deliver it keeps there, and delivers with its next run.
    export XDG_STATE_HOME=$disk
    exec srun --kill-on-bad-exit=0 benchmark run --suite "$suite" --budget "$budget" --wait-quiet 5m \
        --no-progress --note "job $SLURM_JOB_ID" -o /dev/null
fi

mkdir -p "$results"
export suite budget disk results
# shellcheck disable=SC2016 # expanded on each node
srun --kill-on-bad-exit=0 bash -c '
    mkdir -p "$disk"
    benchmark run --db "$disk/history.db" --suite "$suite" --budget "$budget" --wait-quiet 5m --no-progress \
        --note "job $SLURM_JOB_ID" --json -o "$results/$SLURMD_NODENAME.json"' || true
benchmark import "$results"/*.json
