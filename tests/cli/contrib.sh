#!/bin/sh
# contrib.sh PROGRAM: what is in contrib/ is what systemd, cron, bash, Slurm and the CI systems take, and every option in
# it is one that the program has. Parts whose tool isn't there are skipped, and say so.
set -eu
program=$1
cd "$(dirname -- "$0")/../../contrib"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
    printf 'contrib: %s\n' "$*" >&2
    exit 1
}

# Under the names that they are installed as, with the program that was built, and without the page that isn't installed.
if command -v systemd-analyze >/dev/null; then
    for unit in systemd/*; do
        sed -e "s|/usr/local/bin/benchmark|$program|" -e '/^Documentation=/d' "$unit" >"$folder/${unit#systemd/}"
    done
    said=$(systemd-analyze verify "$folder"/*.service "$folder"/*.timer 2>&1) || fail "systemd-analyze: $said"
    [ -z "$said" ] || fail "systemd-analyze: $said"
else
    echo 'skipped: no systemd-analyze'
fi

# Comments, variables, and lines of five fields of time, a user and a command, all in one line.
awk '/^#/ || /^[A-Z_]+=/ { next }
    NF < 7 || $1 !~ /^[0-9*\/,-]+$/ || $2 !~ /^[0-9*\/,-]+$/ || $6 != "root" || $7 != "benchmark" { print; wrong = 1 }
    END { exit wrong }' cron/benchmark-nightly || fail 'cron: the line above'

if python3 -c 'import yaml' 2>/dev/null; then
    for recipe in ci/*.yml; do
        python3 -c 'import sys, yaml; yaml.safe_load(open(sys.argv[1]))' "$recipe" || fail "$recipe: no YAML"
    done
else
    echo 'skipped: no python3-yaml'
fi

# Every --option after `benchmark COMMAND`, also on the lines that go on.
for command in run regress report import; do
    "$program" "$command" --help >"$folder/help" 2>/dev/null || {
        echo "skipped: no command $command"
        continue
    }
    cat systemd/* cron/* slurm/* ci/* | sed -e ':a' -e '/\\$/N; s/\\\n//; ta' | grep -o "benchmark $command [^;|&]*" |
        grep -o -- ' --[a-z-]*' | sort -u >"$folder/used"
    [ -s "$folder/used" ] || [ "$command" = import ] || fail "no use of $command"
    while read -r option; do
        grep -q -- "$option" "$folder/help" || fail "benchmark $command has no $option"
    done <"$folder/used"
done

# Two nodes, as srun would run them: each a run, and both in the store afterwards.
mkdir "$folder/bin"
ln -s "$program" "$folder/bin/benchmark"
cat >"$folder/bin/srun" <<'SRUN'
#!/bin/sh
shift
for node in node1 node2; do
    SLURMD_NODENAME=$node "$@"
done
SRUN
chmod +x "$folder/bin/srun"
export PATH="$folder/bin:$PATH" SLURM_SUBMIT_DIR="$folder" SLURM_JOB_ID=7 USER=someone XDG_DATA_HOME="$folder/data"
export BENCHMARK_SUITE=rnn/seed-rnn/forward/f32/b1/s5 BENCHMARK_BUDGET=1m BENCHMARK_LOCAL="$folder/local"
unset BENCHMARK_DB
sed 's/--wait-quiet 5m//' slurm/benchmark-nodes.sh >"$folder/job.sh"
bash "$folder/job.sh" >"$folder/said" 2>&1 || fail "slurm: $(cat "$folder/said")"
[ "$(grep -c ' yes *$' "$folder/said")" = 2 ] || fail "slurm: $(cat "$folder/said")"
