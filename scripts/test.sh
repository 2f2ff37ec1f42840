#!/usr/bin/env bash
# Every check of the project, from a bare machine on:
#   scripts/test.sh           lint, types, quick and slow tests, viewer tests
#   scripts/test.sh --quick   lint and quick tests; those of the viewer where there is
#                             a display, or xvfb-run to make one
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

quick=
case "${1:-}" in
  "") ;;
  --quick) quick=1 ;;
  *) fail "usage: scripts/test.sh [--quick]" ;;
esac

failed=()
check() {
  local name=$1 started=$SECONDS
  shift
  say "$name"
  if "$@"; then
    printf -- '-- %s: ok, %s s\n' "$name" $((SECONDS - started)) >&2
  else
    printf -- '-- %s: FAILED, %s s\n' "$name" $((SECONDS - started)) >&2
    failed+=("$name")
  fi
}

several=(-n logical --maxprocesses 4)

# The core's tests do without Qt, and in processes without the viewer's.
core_tests() {
  "$python" -m pytest -q "${several[@]}" -p no:pytest-qt -p no:napari --ignore=tests/viewer "$@"
}

viewer_tests() {
  if command -v xvfb-run >/dev/null; then
    xvfb-run -a -s "-screen 0 1600x1000x24" "$python" -m pytest -q tests/viewer "$@"
  else
    "$python" -m pytest -q tests/viewer "$@"
  fi
}

# Linux may have no display; other systems always have one.
has_display() {
  command -v xvfb-run >/dev/null || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] ||
    [ "$(uname)" != Linux ]
}

# As many processes test as there are cores; more threads would be in each other's way.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

cd "$root"
set_up
check "ruff check" "$python" -m ruff check .
check "ruff format" "$python" -m ruff format --check .
[ -n "$quick" ] || check "mypy" "$python" -m mypy
check "quick tests" core_tests -m "not slow"
[ -n "$quick" ] || check "slow tests" core_tests -m slow
if [ -z "$quick" ] || has_display; then
  check "quick viewer tests" viewer_tests "${several[@]}" -m "not slow"
  # One after the other: a viewer and its training share the machine already.
  [ -n "$quick" ] || check "slow viewer tests" viewer_tests -m slow
else
  say "no display and no xvfb-run: the viewer is not tested"
fi

if [ ${#failed[@]} -gt 0 ]; then
  say "failed: ${failed[*]}"
  exit 1
fi
say "all checks passed in $SECONDS s"
