#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install what Posthorn needs on Debian 12 (bookworm): install-packages.sh GROUP..., of build, run, test.
# Only what is missing is fetched; nothing is asked.  As root, or by sudo.
set -eu

build="autoconf automake gcc libc6-dev make pkg-config
	libuv1-dev libsqlite3-dev libconfig-dev libjansson-dev libgnutls28-dev libcurl4-gnutls-dev libsmpp34-dev libicu-dev
	libserialport-dev node-llhttp"
run="curl python3"
test="libcmocka-dev python3 python3-yaml perl libnet-smpp-perl tshark python3-gammu"

wanted=
for group in "$@"; do
	case $group in
	build) wanted="$wanted $build" ;;
	run) wanted="$wanted $run" ;;
	test) wanted="$wanted $test" ;;
	*) echo "install-packages.sh: no group \"$group\"; there are build, run and test" >&2; exit 2 ;;
	esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	# shellcheck disable=SC2086 # a list of words
	echo "install-packages.sh: this is no Debian; go on, if the likes of these are installed:" $wanted >&2
	exit 0
fi

missing=
for package in $wanted; do
	dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || {
		echo "install-packages.sh: these are missing, and there is no sudo; as root:" >&2
		echo "    apt-get install$missing" >&2
		exit 1
	}
	as_root="sudo"
fi

echo "installing:$missing"
# An old list of packages may still do, so a failed update is not the end.
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update ||
	echo "install-packages.sh: apt-get update failed; trying without" >&2
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing
