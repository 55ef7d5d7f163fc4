#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Build Posthorn twice, plain (warnings are errors) and with sanitizers, and run every test there is.
#
#   contrib/run-tests.sh        the last line is "N passed, N failed"; the exit status says the same
#
# As root, or as a user with sudo (for packages only).  Builds are in ./build-tests and ./build-tests-san; nothing leaves
# the loopback.
set -euo pipefail
cd "$(dirname "$0")/.."
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1

top=$PWD
log=$top/build-tests/run-tests.log

# The build is a test as well.  Of two builds side by side both may fail: that is counted behind them.
count_failure() {
	[ "$BASHPID" = $$ ] || exit 1
	echo "0 passed, 1 failed"
	exit 1
}

fail() {
	printf 'failed: %s\nthe end of %s:\n' "$1" "$log" >&2
	tail -n 40 "$log" >&2
	count_failure
}

step() {
	local text=$1
	shift
	printf '%s\n' "$text"
	printf '\n==== %s: %s\n' "$text" "$*" >>"$log"
	"$@" >>"$log" 2>&1 || fail "$text"
}

# build FOLDER FLAGS...; in a subshell of its own
build() {
	local folder=$top/$1
	shift
	mkdir -p "$folder"
	cd "$folder"
	log=$folder/build.log
	: >"$log"
	if [ ! -f Makefile ] || [ "$top/configure" -nt Makefile ]; then
		step "   configure in $folder" "$top/configure" "$@"
	fi
	step "   make in $folder" make -j"$(nproc)" build-tests
}

if ! mkdir -p build-tests 2>/dev/null || [ ! -w build-tests ]; then
	echo "$top/build-tests cannot be written; remove it (sudo rm -rf build-tests*) and try again" >&2
	exit 1
fi
: >"$log"
echo "Posthorn tests; details of the builds go to $log and build-tests*/build.log"
echo "1. packages (Debian 12)"
contrib/install-packages.sh build run test >>"$log" || fail "packages"
if [ ! -x configure ] || [ configure.ac -nt configure ] || [ Makefile.am -nt Makefile.in ]; then
	step "2. autoreconf" autoreconf -fi
fi
echo "3. a plain build and one with sanitizers"
# Side by side: configure and the long files at the end of a make leave processors idle.
build build-tests --enable-werror >build-tests/build.out 2>&1 &
plain=$!
build build-tests-san --enable-werror --enable-sanitizers CFLAGS="-O1 -g" &
sanitized=$!
ok=yes
wait "$sanitized" || ok=no
wait "$plain" || ok=no
cat build-tests/build.out
[ $ok = yes ] || count_failure
echo "4. tests"
# Crash tests kill and count; sanitizers would only slow that.  The simulator's own tests are of one build.
exec python3 tests/run.py --first-only crash,peers build-tests/tests.list build-tests-san/tests.list
