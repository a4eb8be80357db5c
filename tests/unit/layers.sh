#!/bin/sh
# layers.sh [--write]: includes flow one way, and docs/ARCHITECTURE.md shows how.
#
# Fails where a folder includes what stands to its right, where the order below lacks a folder, and where the diagram is
# not what the includes say; --write draws it anew. The diagram has every include between two folders except those that
# a longer way implies.
set -eu
cd "$(dirname -- "$0")/../.."

# From left to right. Folders of one line may include each other; `models/*` are one room with parts.
order='harness/base
probes probes/ceilings
models/graph models/ops models/kernels models/engine models/families models/catalogue
harness/stats
harness/store harness/estimate harness/run
reports reports/fitness reports/format
harness/command'

includes() {
    find harness probes models reports -name '*.[ch]' -exec grep -H '^#include "' {} + |
        sed -n 's|^\(.*\)/[^/]*\.[ch]:#include "\(.*\)/[^/"]*"$|\1 \2|p; s|^\(.*\)/\([^/]*\.[ch]\):#include "\([^/"]*\)"$|\1/\2 BARE \3|p' |
        sort -u
}

check_and_draw() {
    includes | awk -v order="$order" '
        BEGIN {
            lines = split(order, line, "\n")
            for (i = 1; i <= lines; i++) {
                n = split(line[i], folder, " ")
                for (j = 1; j <= n; j++) {
                    rank[folder[j]] = i
                    all[++count] = folder[j]
                }
            }
        }
        $2 == "BARE" { print "layers: " $1 " includes \"" $3 "\" without its folder" > "/dev/stderr"; bad = 1; next }
        $1 == $2 { next }
        !($1 in rank) || !($2 in rank) {
            print "layers: " $1 " or " $2 " has no place in the order of tests/unit/layers.sh" > "/dev/stderr"
            bad = 1
            next
        }
        rank[$2] > rank[$1] {
            print "layers: " $1 " includes " $2 ", which stands to its right" > "/dev/stderr"
            bad = 1
        }
        # Seen from outside, the parts of models are one.
        { a = room($1); b = room($2); part[$1] = part[$2] = 1 }
        a == b { inside[$1, $2] = 1; next }
        { edge[a, b] = 1 }
        function room(folder) { return folder ~ /^models\// ? "models" : folder }
        function name(folder) { gsub("/", "_", folder); return folder }
        # Whether `to` is reached from `from` over folders that stand between the two.
        function implied(from, to,    k, middle) {
            for (k = 1; k <= rooms; k++) {
                middle = rooms_in_order[k]
                if (((from, middle) in edge) && place[middle] < place[from] && place[middle] > place[to] &&
                    (((middle, to) in edge) || implied(middle, to)))
                    return 1
            }
            return 0
        }
        END {
            for (i = 1; i <= count; i++)
                if (!(room(all[i]) in place)) {
                    place[room(all[i])] = rank[all[i]]
                    rooms_in_order[++rooms] = room(all[i])
                }
            print "flowchart RL"
            print "    subgraph models"
            for (i = 1; i <= count; i++)
                if ((all[i] in part) && room(all[i]) == "models")
                    print "        " name(all[i]) "[" all[i] "]"
            for (i = 1; i <= count; i++)
                for (j = 1; j <= count; j++)
                    if ((all[i], all[j]) in inside)
                        print "        " name(all[i]) " --> " name(all[j])
            print "    end"
            for (i = 1; i <= count; i++)
                if ((all[i] in part) && room(all[i]) != "models")
                    print "    " name(all[i]) "[" all[i] "]"
            for (i = 1; i <= rooms; i++)
                for (j = 1; j <= rooms; j++)
                    if (((rooms_in_order[i], rooms_in_order[j]) in edge) &&
                        !implied(rooms_in_order[i], rooms_in_order[j]))
                        print "    " name(rooms_in_order[i]) " --> " name(rooms_in_order[j])
            exit bad
        }'
}

page() {
    cat <<'TEXT'
# Architecture

A folder includes what stands to its left, never what stands to its right:

    harness/base <- probes <- models <- harness/stats <- harness/{store,estimate,run} <- reports <- harness/command

The diagram is drawn from the includes in the source (`tests/unit/layers.sh --write`), and a test fails where it is not
what they say. An arrow means "includes"; those that follow from a longer way are left out.

```mermaid
TEXT
    printf '%s\n' "$1"
    cat <<'TEXT'
```
TEXT
}

diagram=$(check_and_draw)
if [ "${1:-}" = --write ]; then
    mkdir -p docs
    page "$diagram" >docs/ARCHITECTURE.md
elif [ "$(page "$diagram")" != "$(cat docs/ARCHITECTURE.md 2>/dev/null)" ]; then
    echo 'layers: docs/ARCHITECTURE.md is not what the includes say; draw it anew: tests/unit/layers.sh --write' >&2
    exit 1
fi
