#!/usr/bin/env bash
# Installs, moves what was installed, and builds and runs a stranger's programs against it, by
# find_package and by pkg-config.   try_install.sh BUILD SOURCE WRITER
set -euo pipefail
build=$1 source=$2 writer=$3
scratch=$(mktemp -d)
export RINGSIDE_SHM_ROOT=$scratch/shm
writer_pid=
finish() {
  [ -z "$writer_pid" ] || kill "$writer_pid" 2>/dev/null || true
  rm -rf "$scratch"
}
trap finish EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

cmake --install "$build" --prefix "$scratch/first" >"$scratch/install.log" || fail "install"
mkdir -p "$scratch/opt" && mv "$scratch/first" "$scratch/opt/moved"
prefix=$scratch/opt/moved
grep -rlF -e "$scratch/first" -e "$source" "$prefix/lib" --include=*.cmake --include=*.pc &&
  fail "the installed files name where they came from"
library=$(find "$prefix" -name 'libringside.so.0')
[ -e "$library" ] || fail "no libringside.so.0"

# The C library, and nothing else: what else it needs would have to be there on a stranger's host.
readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vx 'libc.so.6' &&
  fail "it needs more than libc"
# Nothing of it aborts, prints, throws or allocates but by aligned_alloc in *_open.
nm -D --undefined-only "$library" |
  grep -E ' (abort|__assert|exit|printf|puts|write|fputs|malloc|calloc|realloc|_Zn|_ZSt|__cxa_throw|pthread)' |
  grep . && fail "symbols that the reader must not use"
# What it exports is what the header declares, neither more nor less.
nm -D --defined-only "$library" | sed 's/.* //' | sort >"$scratch/exported"
grep -o '\bringside_[a-z_]*(' "$prefix/include/ringside/ringside.h" | tr -d '(' | sort -u >"$scratch/declared"
diff "$scratch/declared" "$scratch/exported" || fail "exports differ from the header"

mkdir -p "$scratch/shm"
coproc WRITER { exec "$writer"; }
writer_pid=$WRITER_PID
read -r -t 30 line <&"${WRITER[0]}" && [ "$line" = ready ] || fail "the instance is not there"

run_both() {
  timeout 60 "$1/best_prices" stranger 6 >"$scratch/prices" || fail "best_prices, $2"
  [ "$(grep -cE '^kraken (BTC|ETH)/USD 10[01]\.[0-9]{2} 10[01]\.[0-9]{2}$' "$scratch/prices")" = 6 ] ||
    { cat "$scratch/prices"; fail "best_prices printed something else, $2"; }
  timeout 60 "$1/follow_trades" stranger w0.0 c0 6 >"$scratch/trades" || fail "follow_trades, $2"
  [ "$(grep -cE '^[0-9]{19} (BTC|ETH)/USD buy 10[0-9]{3} [0-9]+$' "$scratch/trades")" = 6 ] ||
    { cat "$scratch/trades"; fail "follow_trades printed something else, $2"; }
}

cmake -S "$source/tests/install/stranger" -B "$scratch/stranger" -DEXAMPLES="$source/tools/examples" \
  -DCMAKE_PREFIX_PATH="$prefix" >"$scratch/stranger.log" 2>&1 || { cat "$scratch/stranger.log"; fail "configure"; }
cmake --build "$scratch/stranger" >"$scratch/stranger.log" 2>&1 || { cat "$scratch/stranger.log"; fail "build"; }
run_both "$scratch/stranger" find_package

export PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name ringside.pc)")
mkdir "$scratch/by_pc"
# shellcheck disable=SC2046
cc -std=c11 -Wall -Werror "$source/tools/examples/best_prices.c" $(pkg-config --cflags --libs ringside) \
  -o "$scratch/by_pc/best_prices" || fail "cc with pkg-config"
# shellcheck disable=SC2046
c++ -std=c++20 -Wall -Werror "$source/tools/examples/follow_trades.cpp" $(pkg-config --cflags --libs ringside) \
  -o "$scratch/by_pc/follow_trades" || fail "c++ with pkg-config"
LD_LIBRARY_PATH=$(dirname "$library") run_both "$scratch/by_pc" pkg-config

# A reader of an instance that is gone ends with a line, not with a signal.
kill "$writer_pid" && wait "$writer_pid" 2>/dev/null || true
writer_pid=
status=0
LD_LIBRARY_PATH=$(dirname "$library") timeout 60 "$scratch/by_pc/follow_trades" stranger w0.0 c0 1 2>"$scratch/gone" || status=$?
[ "$status" = 2 ] && grep -qx 'follow_trades: writer_gone' "$scratch/gone" ||
  { cat "$scratch/gone"; fail "a dead writer's instance: status $status"; }
echo "installed, moved, built and run by find_package and by pkg-config"
