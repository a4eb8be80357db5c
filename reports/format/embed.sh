#!/bin/sh
# embed.sh NAME FILE...: the files, one after the other, as a C array, and the base64 of its SHA-256, as a content security policy names it.
# Run by Meson; needs od, awk and sha256sum (or shasum).
set -eu
name=$1
shift
if command -v sha256sum >/dev/null; then
    digest=$(cat "$@" | sha256sum)
else
    digest=$(cat "$@" | shasum -a 256)
fi
printf '#include "reports/format/html.h"\n\nconst char %s[] = {' "$name"
cat "$@" | od -An -v -tu1 | awk '{ for (i = 1; i <= NF; i++) printf "%s,", $i; print "" }'
printf '0};\n'
printf '%s\n' "${digest%% *}" | awk -v name="$name" '
function value(hex) { return index("0123456789abcdef", hex) - 1 }
{
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    # Three hexadecimal digits are two of base64; 64 of them leave one over, which two zero bits fill.
    for (i = 1; i + 2 <= length($0); i += 3) {
        n = value(substr($0, i, 1)) * 256 + value(substr($0, i + 1, 1)) * 16 + value(substr($0, i + 2, 1))
        out = out substr(digits, int(n / 64) + 1, 1) substr(digits, n % 64 + 1, 1)
    }
    if (length($0) % 3 == 1)
        out = out substr(digits, value(substr($0, i, 1)) * 4 + 1, 1) "="
    printf "const char %s_sha256[] = \"%s\";\n", name, out
}'
