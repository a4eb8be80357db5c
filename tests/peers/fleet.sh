#!/bin/bash
# fleet.sh PROGRAM: 64 machines over 365 nights, 20 cases with 21 samples each, in one PostgreSQL database (ten million
# samples, made there by SQL); one of them has a case that is 6 % slower in its last five nights. How long `regress` and
# `history` take, and that the change is found.
set -euo pipefail
program=$1
here=$(dirname -- "$(readlink -f -- "$0")")
# shellcheck source=tests/cli/postgresql_server.sh
. "$here/../cli/postgresql_server.sh"
"$program" import --db "$address" - >/dev/null <<'RUN'
{"schema":"benchmark.run/1","id":"first","started":"2024-01-01T02:00:00Z","machine":{},"cases":[]}
RUN
ask "
INSERT INTO machines SELECT 'fleet' || m, 'node' || m, 'x', 64, 100000000000 FROM generate_series(1, 64) m;
INSERT INTO runs SELECT 'node' || lpad(m::text, 2, '0') || 'n' || lpad(n::text, 3, '0'),
    to_char(timestamp '2025-01-01 02:00' + n * interval '1 day', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),
    to_char(timestamp '2025-01-01 02:10' + n * interval '1 day', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), 'nightly', NULL, NULL,
    'fleet' || m, '[]', '{\"fingerprint\":\"fleet' || m || '\",\"name\":\"node' || m || '\"}'
    FROM generate_series(1, 64) m, generate_series(1, 365) n;
INSERT INTO cases (run, position, id, status, unfinished, median_s, low_s, high_s, confidence, threads)
    SELECT id, c, 'mlp/case-' || c, 'ok', 0, t, t * 0.99, t * 1.01, 0.95, 64 FROM (SELECT id, c,
        (1 + c * 0.1) * (1 + 0.01 * (random() - 0.5)) *
        CASE WHEN id LIKE 'node07n%' AND right(id, 3)::int > 360 AND c = 3 THEN 1.06 ELSE 1 END AS t
        FROM runs, generate_series(0, 19) c WHERE id LIKE 'node%') x;
INSERT INTO samples SELECT key, s, median_s * (1 + 0.001 * (s - 10)) FROM cases, generate_series(0, 20) s;
ANALYZE;"
printf '%s samples\n' "$(ask 'SELECT count(*) FROM samples')"
timed() {
    local start=$EPOCHREALTIME
    "$program" "$@" --db "$address" >"$folder/said" || true
    printf '%s: %s s\n' "$1" "$(python3 -c "print(round($EPOCHREALTIME - $start, 2))")"
}
timed regress node07n365
grep -q 'mlp/case-3 .*slower .*node07n361' "$folder/said" || fail "not found: $(cat "$folder/said")"
timed history
