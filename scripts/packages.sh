# Sourced by the other scripts: the Debian packages that a build needs, installed when missing.

ringside_packages=(
  g++ cmake ninja-build pkg-config
  libboost-dev liburing-dev libsimdjson-dev libnuma-dev libssl-dev zlib1g-dev libzstd-dev
  libtomlplusplus-dev libcli11-dev libfmt-dev
)
ringside_test_packages=(libgtest-dev libbenchmark-dev nlohmann-json3-dev libreaderwriterqueue-dev libtbb-dev)
# Foreign servers that the client is tried with; their tests are skipped where they are missing.
# Not for everybody's machine: Debian starts nginx when it installs it.
ringside_peer_packages=(python3-websockets nginx-light nodejs node-ws)
ringside_fuzz_packages=(clang libclang-rt-14-dev)

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() { say "$*"; exit 2; }

# ensure_packages NAME...: installs those that dpkg does not know as installed.
ensure_packages() {
  local missing=() name
  command -v dpkg-query >/dev/null || die "no dpkg here: these scripts are for Debian 12; install by hand: $*"
  for name in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null && sudo -n true 2>/dev/null ||
      die "missing packages, and neither root nor sudo to install them; ask an administrator for: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing: ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update -qq &&
         "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -5 "$log" >&2
    rm -f "$log"
    die "apt-get could not install the packages above; check the network and the package sources"
  fi
  rm -f "$log"
}

# build_preset PRESET TARGET...: configures once and builds; quiet unless it fails.
build_preset() {
  local preset=$1 log
  shift
  log=$(mktemp)
  say "building ($preset)"
  if ! { { [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset"; } >"$log" 2>&1 &&
         cmake --build --preset "$preset" --target "$@" >>"$log" 2>&1; }; then
    tail -40 "$log" >&2
    rm -f "$log"
    say "the build failed"
    exit 1
  fi
  rm -f "$log"
}
