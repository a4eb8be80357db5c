#!/bin/bash
# postgresql.sh PROGRAM: the store in a real PostgreSQL: the same documents come back as from SQLite's file, many write at
# once, a database that goes away in the middle of a run costs nothing, and a store of another version is left alone or
# backed up. Skipped (77) where there is no server to start.
set -euo pipefail
program=$1
here=$(dirname -- "$(readlink -f -- "$0")")
# shellcheck source=tests/cli/postgresql_server.sh
. "$here/postgresql_server.sh"
export XDG_STATE_HOME=$folder/state XDG_DATA_HOME=$folder/data OMP_WAIT_POLICY=passive
unset BENCHMARK_DB

# ---- what is there is what a file would have, and many write at once ----

python3 "$here/postgresql_runs.py" "$folder/runs" 60
expect_code() {
    local code=$1 got=0
    shift
    "$@" >"$folder/out" 2>"$folder/err" || got=$?
    [[ $got == "$code" ]] || fail "exit code $got for $code: ${*:2}: $(cat "$folder/err")"
}
expect_code 2 "$program" report --db "$address"
grep -q 'no run yet' "$folder/err" || fail 'an empty database is no run yet'
for writer in 0 1 2 3 4 5 6 7; do
    (for file in "$folder/runs"/*"$writer".json; do
        "$program" import --db "$address" "$file" "$folder/runs/shared.json" >/dev/null || exit
    done) &
    writers[writer]=$!
done
for writer in "${writers[@]}"; do
    wait "$writer" || fail 'a writer failed'
done
"$program" import "$folder/runs"/*.json >/dev/null
for file in "$folder/runs"/*[0-7].json "$folder/runs/shared.json"; do
    id=$(basename "$file" .json)
    [[ $id != shared ]] || id=feed0000
    "$program" export --db "$address" "$id" >"$folder/a"
    "$program" export "$id" >"$folder/b"
    cmp -s "$folder/a" "$folder/b" || fail "$id: $(diff "$folder/a" "$folder/b" | head)"
done
[[ $(ask 'SELECT count(*) FROM runs') == 49 ]] || fail "$(ask 'SELECT count(*) FROM runs') runs"
expect_code 0 "$program" report --db "$address" latest~3
expect_code 2 "$program" report --db "$address" latest~300
expect_code 2 "$program" report --db "$address" abcd # several begin so

# ---- what looks over nights sees the same ----

for line in 'history --json' 'regress --json' 'regress abcd0057 --json' 'compare abcd0057 abcd0047 --json'; do
    code=0 same=0
    # shellcheck disable=SC2086 # words
    "$program" $line --db "$address" >"$folder/a" 2>"$folder/err" || code=$?
    # shellcheck disable=SC2086
    "$program" $line >"$folder/b" 2>"$folder/err2" || same=$?
    [[ $code == "$same" && $code != 4 ]] || fail "$line exits with $code, and from a file with $same: $(cat "$folder/err" "$folder/err2")"
    cmp -s "$folder/a" "$folder/b" || fail "$line: $(diff "$folder/a" "$folder/b" | head)"
done

# ---- away in the middle of a run ----

small=rnn/seed-rnn/forward/f32/b1/s5
other=mlp/mlp-1m/forward/f32/b1
code=0
"$program" run --db "$address" --suite "$small" --max-runs 2 -o /dev/null 2>/dev/null || code=$? # has the ceilings then
[[ $code == 0 || $code == 3 ]] || fail "a run exits with $code"
[[ $(ask 'SELECT count(*) FROM runs') == 50 ]] || fail 'a run is not in the database'
[[ $(ask "SELECT count(*) FROM runs WHERE command LIKE '%secret%'") == 0 ]] || fail 'a password was kept'
"$program" run --db "$address" --suite "$small,$other" --min-runs 1000000 --budget 60 --json >/dev/null 2>"$folder/err" &
run=$!
for ((i = 0; i < 1000; i++)); do
    [[ $(ask 'SELECT count(*) FROM runs') == 50 ]] || break
    sleep 0.1
done
[[ $(ask "SELECT count(*) FROM cases JOIN runs ON runs.id = run WHERE finished IS NULL") == 2 ]] ||
    fail 'a run is not in the database while it is measured'
stop
sleep 3
kill -TERM $run || fail "without its database a run ended: $(cat "$folder/err")"
code=0
wait "$run" || code=$?
[[ $code == 143 ]] || fail "without its database a run exits with $code: $(cat "$folder/err")"
is_told() {
    grep -q 'the results are kept in .*outbox.*delivers them' "$folder/err" || fail "nothing is said of it: $(cat "$folder/err")"
    ! grep -q secret "$folder/err" || fail 'a password is told'
}
is_told
expect_code 4 "$program" report --db "$address"
[[ $(wc -l <"$folder/err") == 1 ]] || fail 'more than a line'
code=0 # from the beginning to the end
"$program" run --db "$address" --suite "$small" --max-runs 2 --json >"$folder/run.json" 2>"$folder/err" || code=$?
[[ $code == 0 || $code == 3 ]] || fail "a run exits with $code: $(cat "$folder/err")"
is_told
server start
code=0 # the one that was interrupted goes on, and all are delivered
"$program" run --db "$address" --resume --max-runs 2 --warmup 0 --json >"$folder/resumed.json" 2>"$folder/err" || code=$?
[[ $code == 0 || $code == 3 ]] || fail "a run that goes on exits with $code: $(cat "$folder/err")"
[[ $(ask 'SELECT count(*) FROM runs WHERE finished IS NOT NULL') == 52 ]] || fail 'the runs were not delivered later'
for document in run resumed; do
    id=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["id"])' "$folder/$document.json")
    "$program" export --db "$address" "$id" | cmp -s - "$folder/$document.json" || fail 'a run was delivered in part'
done

# ---- another version's tables ----

ask 'UPDATE benchmark_store SET version = 99'
expect_code 4 "$program" report --db "$address"
expect_code 4 "$program" import --db "$address" "$folder/runs/shared.json"
grep -q 'made by a newer benchmark (version 99' "$folder/err" || fail "a newer store: $(cat "$folder/err")"
ask 'ALTER TABLE cases DROP COLUMN against_f32; DROP TABLE accepted; UPDATE benchmark_store SET version = 1'
expect_code 0 "$program" report --db "$address" feed0000
expect_code 0 "$program" import --db "$address" "$folder/runs/shared.json"
grep -q 'schema benchmark_version_1' "$folder/err" || fail "no backup is named: $(cat "$folder/err")"
[[ $(ask 'SELECT count(*) FROM benchmark_version_1.runs') == 52 ]] || fail 'no backup'
