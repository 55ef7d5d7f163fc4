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

fail() {
	printf 'failed: %s\nthe end of %s:\n' "$1" "$log" >&2
	tail -n 40 "$log" >&2
	# The build is a test as well.
	echo "0 passed, 1 failed"
	exit 1
}

step() {
	local text=$1
	shift
	printf '%s\n' "$text"
	printf '\n==== %s: %s\n' "$text" "$*" >>"$log"
	"$@" >>"$log" 2>&1 || fail "$text"
}

# build FOLDER FLAGS...
build() {
	local folder=$top/$1
	shift
	mkdir -p "$folder"
	cd "$folder"
	if [ ! -f Makefile ] || [ "$top/configure" -nt Makefile ]; then
		step "   configure in $folder" "$top/configure" "$@"
	fi
	step "   make in $folder" make -j"$(nproc)" build-tests
	cd "$top"
}

if ! mkdir -p build-tests 2>/dev/null || [ ! -w build-tests ]; then
	echo "$top/build-tests cannot be written; remove it (sudo rm -rf build-tests*) and try again" >&2
	exit 1
fi
: >"$log"
echo "Posthorn tests; details of the build go to $log"
echo "1. packages (Debian 12)"
contrib/install-packages.sh build run test >>"$log" || fail "packages"
if [ ! -x configure ] || [ configure.ac -nt configure ] || [ Makefile.am -nt Makefile.in ]; then
	step "2. autoreconf" autoreconf -fi
fi
echo "3. a plain build and one with sanitizers"
build build-tests --enable-werror
build build-tests-san --enable-werror --enable-sanitizers CFLAGS="-O1 -g"
echo "4. tests"
# Crash tests kill and count; sanitizers would only slow that.  The simulator's own tests are of one build.
exec python3 tests/run.py --first-only crash,peers build-tests/tests.list build-tests-san/tests.list
