# Set-up that the other scripts share; sourced, never run. Afterwards $python is the
# interpreter of an environment that holds the project with its extras.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${VENV:-$root/.venv}
python=$venv/bin/python
extras=all,dev

# What Qt and OpenGL need on a bare Debian or Ubuntu, and a screen for the viewer tests.
debian_packages=(
  xvfb xauth libgl1 libegl1 libgl1-mesa-dri libxkbcommon-x11-0 libxcb-cursor0
  libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-xinerama0
  libxcb-shape0 libxcb-xkb1 libxcb-randr0 libxcb-sync1 libxcb-xfixes0 libxcb-glx0
  libx11-xcb1 libxkbcommon0 libdbus-1-3 libfontconfig1 libfreetype6
)

say() { printf '\n== %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

find_python() {
  local name
  # A shim may carry the name of a Python that is not installed: run it to know.
  for name in python3.12 python3.11 python3.13 python3 python; do
    if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
        >/dev/null 2>&1; then
      command -v "$name"
      return
    fi
  done
  fail "Python 3.11, 3.12 or 3.13 is needed; none was found. Install one, then run again."
}

make_environment() {
  [ -x "$python" ] && return
  say "making $venv"
  local base
  base=$(find_python)
  "$base" -m venv "$venv" && return
  # Debian ships venv as a package of its own.
  rm -rf "$venv"
  as_root apt-get install -y -qq python3-venv >&2 || true
  "$base" -m venv "$venv" || fail "$base cannot make a virtual environment; install python3-venv."
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    DEBIAN_FRONTEND=noninteractive "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
  else
    return 1
  fi
}

install_libraries() {
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || return 0
  local missing=() package
  for package in "${debian_packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' \
      || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing system libraries: ${missing[*]}"
  if ! { as_root apt-get update -qq \
      && as_root apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >&2; then
    echo "They could not be installed; only the viewer needs them. By hand:" >&2
    echo "  sudo apt-get install -y ${missing[*]}" >&2
  fi
}

# Install by uv, which is quicker and shares files between environments, else by pip.
install_project() {
  local stamp uv
  stamp=$("$python" - "$root" "$extras" <<'PYTHON'
import hashlib, pathlib, sys
root, extras = sys.argv[1:]
wanted = pathlib.Path(root, "pyproject.toml").read_bytes()
print(hashlib.sha256(wanted + f"{root} {extras} {sys.version}".encode()).hexdigest())
PYTHON
  )
  if [ "$(cat "$venv/.installed" 2>/dev/null)" = "$stamp" ]; then
    return
  fi
  say "installing napari-semiseg[$extras]; the first time downloads several GB"
  uv=$(find_uv) || uv=
  if [ -n "$uv" ] && "$uv" pip install --python "$python" -e "$root[$extras]" >&2; then
    :
  else
    say "uv is not usable here: installing with pip, which takes longer"
    "$python" -m pip install -e "$root[$extras]" >&2 \
      || fail "The installation failed; the lines above say why."
  fi
  printf '%s\n' "$stamp" > "$venv/.installed"
}

find_uv() {
  if command -v uv; then return; fi
  [ -x "$venv/bin/uv" ] || "$python" -m pip install -q uv >&2 || return 1
  echo "$venv/bin/uv"
}

set_up() {
  install_libraries
  make_environment
  install_project
  # The package's own programs come first, whatever else is installed.
  export PATH="$venv/bin:$PATH"
}
