#!/bin/sh
# install.sh FILE PATH MODE: what Meson can't install under the name it should have. PATH is below the prefix.
set -eu
target="$MESON_INSTALL_DESTDIR_PREFIX/$2"
[ -n "${MESON_INSTALL_QUIET:-}" ] || echo "Installing $1 to $target"
mkdir -p "$(dirname "$target")"
install -m "$3" "$1" "$target"
