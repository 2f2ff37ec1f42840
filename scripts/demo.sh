#!/usr/bin/env bash
# From nothing to exported instance masks: installs the project if need be, makes sample
# images, labels three tiles of them, trains, predicts and exports; where there is a screen,
# napari opens on the project then.
#   scripts/demo.sh [options of `napari-semiseg demo`]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cd "$root"
set_up
started=$SECONDS

options=("$@")
has_screen() {
  [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || [ "$(uname)" = Darwin ]
}
if ! has_screen; then
  case " ${options[*]:-} " in
    *" --headless "* | *" --help "*) ;;
    *) options+=(--headless) ;;
  esac
fi

"$venv/bin/napari-semiseg" demo ${options[@]+"${options[@]}"}
say "the demo took $((SECONDS - started)) s after installation"
