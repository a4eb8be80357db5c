# shellcheck shell=bash
# Sourced: a PostgreSQL server in a temporary $folder, on a socket there, for as long as the script runs; $address, and
# `ask SQL`. Where there is no server to start the script ends with 77, skipped.
initdb=$(find /usr/lib/postgresql/*/bin -name initdb 2>/dev/null | sort -V | tail -n 1)
[[ -n $initdb ]] || initdb=$(command -v initdb) || { echo 'skipped: no PostgreSQL server (initdb); Debian has it in postgresql'; exit 77; }
commands=$(dirname -- "$initdb")
# A server refuses to run as root.
as=()
[[ $(id -u) != 0 ]] || as=(setpriv --reuid nobody --regid nogroup --clear-groups)
folder=$(mktemp -d /tmp/benchmark-pg-XXXXXX)
mkdir "$folder/server"
[[ $(id -u) != 0 ]] || chown nobody "$folder/server"
chmod 711 "$folder"

fail() {
    printf 'postgresql: %s\n' "$*" >&2
    exit 1
}
server() { # start|stop [OPTION]...
    local what=$1
    shift
    (cd / && "${as[@]}" "$commands/pg_ctl" -D "$folder/server/data" -l "$folder/server/log" -w "$what" "$@" \
        -o "-k $folder/server -c listen_addresses='' -c fsync=off" >/dev/null)
}
stop() {
    (cd / && "${as[@]}" "$commands/pg_ctl" -D "$folder/server/data" -w stop -m immediate >/dev/null 2>&1) || true
}
trap 'stop; rm -rf "$folder"' EXIT
(cd / && "${as[@]}" "$initdb" -D "$folder/server/data" -U benchmark -A trust -E UTF8 --no-sync >/dev/null 2>&1) ||
    { echo 'skipped: initdb can not make a database here'; exit 77; }
server start
# shellcheck disable=SC2034 # for the script that sources this
address="postgresql://benchmark:secret@/postgres?host=$folder/server"
ask() {
    "$commands/psql" -X -q -A -t -h "$folder/server" -U benchmark postgres -c "$1"
}
