#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Build Posthorn and watch it work: a campaign and a one-time code through a simulated carrier and a simulated modem, on
# this machine only.
#
#   contrib/quickstart.sh          everything it started is stopped at the end
#   contrib/quickstart.sh --keep   the gateway goes on; the last lines say how to use and how to stop it
#
# As root, or as a user with sudo (for packages only).  Everything is made in ./build-quickstart; data of an earlier run
# there is thrown away.  Ports are free ones of the loopback.
set -euo pipefail
cd "$(dirname "$0")/.."
# A proxy of the user's must not come between programs of this machine.
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1

keep=no
case "${1-}" in
'') ;;
--keep) keep=yes ;;
*) sed -n '3,10s/^# \{0,1\}//p' "$0"; [ "$1" = --help ] && exit 0; exit 2 ;;
esac

top=$PWD
build=$top/build-quickstart
demo=$build/demo
log=$build/quickstart.log
pids=()

# ---- helpers ------------------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }

fail() {
	say "failed: $*" >&2
	if [ -s "$log" ]; then
		say "the end of $log:" >&2
		tail -n 30 "$log" >&2
	fi
	exit 1
}

# step TEXT COMMAND...: one line on the screen, the rest in the log.
step() {
	local text=$1
	shift
	say "$text"
	printf '\n==== %s: %s\n' "$text" "$*" >>"$log"
	"$@" >>"$log" 2>&1 || fail "$text"
}

stop_all() {
	local i pid
	# The gateway was started last and goes first.
	for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
		pid=${pids[i]}
		kill "$pid" 2>/dev/null || continue
		wait "$pid" 2>/dev/null || true
	done
	pids=()
}

# start NAME COMMAND...: in the background; its pid is kept, its output goes to demo/NAME.log.
start() {
	local name=$1
	shift
	# setsid: Ctrl-C is for this script, which then stops them in order.
	setsid "$@" >"$demo/$name.log" 2>&1 </dev/null &
	pids+=($!)
	echo $! >"$demo/$name.pid"
}

# until_true SECONDS WHAT COMMAND...: again and again until it succeeds.
until_true() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		if ((SECONDS > end)); then
			tail -n 20 "$demo"/*.log >&2 || true
			fail "waited in vain for $what"
		fi
		sleep 0.05
	done
}

# port_of NAME PATTERN: what a program said about its port.
port_of() { sed -n "s/$2/\\1/p" "$demo/$1.log" | head -n 1; }
has_port() { [ -n "$(port_of "$@")" ]; }

trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- build --------------------------------------------------------------------------------------------------------

if ! mkdir -p "$build" 2>/dev/null || [ ! -w "$build" ]; then
	say "$build cannot be written; remove it (sudo rm -rf $build) and try again" >&2
	exit 1
fi
: >"$log"
say "Posthorn quickstart; details go to $log"
# On the screen, because sudo may ask for a password.
say "1. packages (Debian 12)"
contrib/install-packages.sh build run >>"$log" || fail "packages"
if [ ! -x configure ] || [ configure.ac -nt configure ]; then
	step "2. autoreconf" autoreconf -fi
else
	say "2. autoreconf: done before"
fi
cd "$build"
if [ ! -f Makefile ] || [ "$top/configure" -nt Makefile ]; then
	step "3. configure" "$top/configure"
else
	say "3. configure: done before"
fi
step "4. make" make -j"$(nproc)"

# ---- start --------------------------------------------------------------------------------------------------------

rm -rf "$demo"
mkdir -p "$demo"
chmod 700 "$demo"
webhook_secret=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
./posthorn key new --json >"$demo/key.json"
python3 - "$demo" <<'END' || fail "key"
import json, os, sys
demo = sys.argv[1]
os.umask(0o077)
key = json.load(open(f"{demo}/key.json"))
open(f"{demo}/key", "w").write(key["key"] + "\n")
open(f"{demo}/key_sha256", "w").write(key["key_sha256"])
os.remove(f"{demo}/key.json")
END

say "5. start a simulated carrier (receipts after 300 ms), a simulated modem, a webhook receiver and the gateway"
start carrier ./posthorn-smsc-sim --listen 127.0.0.1:0 --control 127.0.0.1:0 --receipt-delay 300 --receipt-jitter 200 \
	--outcomes DELIVRD=96,UNDELIV:err=021=2,EXPIRED=1,REJECTD=1 --log "$demo/carrier.audit"
# A radio ten times as fast as they are: 100 to 200 ms a message.
mkdir "$demo/modem"
start modem ./posthorn-modem-sim --dir "$demo/modem" --control 127.0.0.1:0 --log "$demo/modem.log.json" \
	--line "latency 100 200" --line "report-delay 100 500"
start webhook python3 -u "$top/contrib/samples/webhook.py" --secret "$webhook_secret"
until_true 10 "the carrier" has_port carrier '^control 127\.0\.0\.1:\([0-9]*\)$'
until_true 10 "the webhook receiver" has_port webhook '^listening 127\.0\.0\.1:\([0-9]*\)$'
until_true 10 "the modem" has_port modem '^control 127\.0\.0\.1:\([0-9]*\)$'
carrier_port=$(port_of carrier '^listening 127\.0\.0\.1:\([0-9]*\)$')
control_port=$(port_of carrier '^control 127\.0\.0\.1:\([0-9]*\)$')
modem_port=$(port_of modem '^control 127\.0\.0\.1:\([0-9]*\)$')
webhook_port=$(port_of webhook '^listening 127\.0\.0\.1:\([0-9]*\)$')

(umask 077 && cat >"$demo/posthorn.conf") <<END
data_dir = "$demo/data";
queue: { disk_reserve_mb = 16; };
http: { listen = "127.0.0.1:0"; admin_listen = "127.0.0.1:0"; };
clients = (
  { name = "demo"; role = "operator"; from = "POSTHORN"; class = "marketing"; default_country = "US";
    key_sha256 = "$(cat "$demo/key_sha256")";
    webhook: { url = "http://127.0.0.1:$webhook_port/sms"; secret = "$webhook_secret"; }; } );
links = (
  # 60 parts a second: slow enough to see the code overtake the campaign.
  { name = "carrier"; driver = "smpp"; host = "127.0.0.1"; port = $carrier_port;
    system_id = "demo"; password = "demo"; tps = 60.0; burst = 10; },
  # Of a real one the port is /dev/serial/by-id/..., or device = "imei:..."; see docs/modems.md.
  { name = "modem"; driver = "modem"; device = "$demo/modem/sim0-at"; } );
routes = (
  { prefix = [ "49" ]; links = [ "modem", "carrier" ]; },
  { links = [ "carrier" ]; } );
inbound = ( { client = "demo"; } );
END
./posthornd -c "$demo/posthorn.conf" -t >>"$log" 2>&1 || fail "the configuration"
start gateway ./posthornd -c "$demo/posthorn.conf"
until_true 15 "the gateway" has_port gateway '.*event=listening.* port=\([0-9]*\) .*admin=yes.*'
port=$(port_of gateway '.*event=listening.* port=\([0-9]*\) .*admin=no.*')
admin_port=$(port_of gateway '.*event=listening.* port=\([0-9]*\) .*admin=yes.*')
until_true 15 "/readyz" curl -fsS "http://127.0.0.1:$admin_port/readyz"
export POSTHORN_URL=http://127.0.0.1:$port POSTHORN_KEY
POSTHORN_KEY=$(cat "$demo/key")
url=$POSTHORN_URL

# ---- the job --------------------------------------------------------------------------------------------------------

say "6. submit a campaign: contrib/samples/campaign.csv"
./posthorn submit "$top/contrib/samples/campaign.csv" || fail "the submission"

say "7. in the middle of it, a one-time code"
python3 "$top/contrib/demo.py" middle "$url" "$demo" || fail "the campaign does not move"
./posthorn send +447700900123 "Your code is 471 108" --class otp --ttl 300 --ref code --wait 2>&1 | tee -a "$log" ||
	fail "the code"

say "8. wait until every message is final"
python3 "$top/contrib/demo.py" summary "$url" "$demo" "$control_port" "$modem_port" "$webhook_port" | tee -a "$log" ||
	fail "not everything became final"

say
say "Try one of your own; nothing leaves this machine:"
say
say "  curl $url/v1/messages -H 'Authorization: Bearer $POSTHORN_KEY' \\"
say "    -H 'Content-Type: application/json' -d '{\"to\":\"+12025550142\",\"text\":\"Hello from Posthorn\"}'"
say
if [ $keep = yes ]; then
	say "It goes on.  Settings and logs are in $demo.  Stop it with:"
	say
	say "  kill$(printf ' %s' "${pids[@]}")"
	pids=()
	trap - EXIT
else
	stop_all
	say "Everything is stopped.  For that, run it again with --keep: contrib/quickstart.sh --keep"
fi
