#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""carrier_faults.py -- everything that a carrier's link can do wrong, and what it costs: one table.

    make check-faults     or    tests/bench/carrier_faults.py [--only WORD] [--json FILE] [--csv FILE] [--markdown FILE]

For each fault a carrier simulator that commits it, a gateway before it, and some hundred different messages.  What
was lost and what came twice is counted at the carrier, by the text of each message, not by the gateway.  Where Debian's
package kannel is installed the faults marked so go through Kannel as well, in the same run.

Columns: sent (taken by the gateway with a 202), accepted (submit_sm that the carrier took), lost (texts that never came
there), doubled (superfluous copies), the final states that the client is told, s (from the first message to the last
final state), stall (the longest time in which the carrier took nothing while messages waited: how long it took to come
back).  Exit status 1: a promise of ours was broken, that is: a message without a final state; one lost though it is
called delivered; one lost with on_uncertain = resend; or one doubled without an uncertain attempt.
"""
import argparse
import collections
import contextlib
import csv
import os
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e")]
sys.dont_write_bytecode = True

import kannel_peer  # noqa: E402
import wire  # noqa: E402
from faults import post, rows  # noqa: E402
from harness import *  # noqa: E402
from relay import Relay  # noqa: E402

N = 300
WINDOW = 20
COLUMNS = ("fault", "gateway", "policy", "sent", "accepted", "lost", "doubled", "delivered", "unconfirmed", "other",
           "s", "stall")


class Ours:
    name = "Posthorn"

    def __init__(self, w, port, **link):
        self.gw = w.gateway({"log_level": "info"}, links=[smpp(port, window=WINDOW, max_attempts=20, **link)])
        self.policy = link.get("on_uncertain", "resend")

    def post(self, some):
        return len(post(self.gw.api(), some))

    def kill(self):
        self.gw.restart(kill=True)

    def states(self, n):
        with contextlib.closing(self.gw.api()) as api:
            return collections.Counter(m["state"] for m in api.all_messages(limit=1000))

    def over(self, n):
        return sum(v for k, v in self.states(n).items() if k in FINAL) >= n


class Fault:
    """script, args: of the simulator.  link: settings of ours.  change: of a Wire; relay: a plain one.  during(w, sim,
    gateway, relay): what happens while the messages are under way; may return a second carrier.  binds: it is waited for
    the first bind before the messages come."""

    def __init__(self, group, name, script="", args=(), link=None, change=None, relay=False, during=None, policies=("",),
                 kannel=False, kannel_conf="", n=N, binds=True):
        self.group, self.name, self.script, self.args, self.link = group, name, script, args, link or {}
        self.change, self.relay, self.during, self.policies, self.kannel = change, relay, during, policies, kannel
        self.n, self.binds, self.kannel_conf = n, binds, kannel_conf


ALL = ("resend", "hold", "fail")


def stall_at_100(w, sim, gw, relay):
    wait_for(lambda: sim.stats["accepted"] >= 100, 10, "100 to be taken")
    relay.stalled = True
    n = relay.n
    wait_for(lambda: relay.n > n, 20, "the silence to be noticed")
    relay.stalled = False


def restart_carrier(w, sim, gw, relay):
    wait_for(lambda: sim.stats["accepted"] >= 100, 10, "100 to be taken")
    script = sim.script
    sim.close()
    w.remove(sim)
    time.sleep(1)
    return w.smsc(port=sim.port, script=script)


def kill_gateway(w, sim, gw, relay):
    wait_for(lambda: sim.stats["accepted"] >= 100, 10, "100 to be taken")
    gw.kill()


def mend_password(w, sim, gw, relay):
    wait_for(lambda: sim.stats["binds_refused"] >= 1, 10, "a bind to be refused")
    sim.close()
    w.remove(sim)
    return w.smsc(port=sim.port)


QUICK = {"response_timeout": 1.0}
ALIVE = {"enquire_link": 0.3, "response_timeout": 1.0}
SLOW = "slow 20ms\nreceipt delay 200\n"  # so that the window is open, and receipts come behind the responses

FAULTS = [
    Fault("", "none", kannel=True),
    # -- refusals
    Fault("refusals", "every 10th throttled (0x58), whatever the rate", "on submit_sm every 10 throttle\n", n=100, kannel=True),
    Fault("refusals", "no more than 200 a second taken", "tps 200\n", n=1000),
    Fault("refusals", "every 10th: queue full (0x14)", "on submit_sm every 10 status 0x14\n", kannel=True),
    Fault("refusals", "every 10th: try again (ESME_RX_T_APPN, 0x64)", "on submit_sm every 10 status 0x64\n"),
    Fault("refusals", "every 10th: system error (0x08)", "on submit_sm every 10 status 0x08\n"),
    Fault("refusals", "every 10th: generic_nack", "on submit_sm every 10 nack 0x08\n"),
    Fault("refusals", "20 in a row throttled", "on submit_sm 101..120 throttle\n", kannel=True),
    # -- answers
    Fault("answers", "every 20th swallowed: not taken, no answer", "on submit_sm every 20 swallow\n", link=QUICK,
          policies=ALL, kannel=True),
    Fault("answers", "every 20th taken, its answer lost", "on submit_sm every 20 lose\n", link=QUICK, policies=ALL,
          kannel=True),
    Fault("answers", "every 20th taken, its answer lost; receipts quote the text", "on submit_sm every 20 lose\nreceipt quotes\n", link=QUICK,
          policies=ALL),
    Fault("answers", "every 20th comes after its time-out", change=wire.late(20, 1.6), link=QUICK, policies=("resend", "hold"),
          kannel=True),
    Fault("answers", "every 5th comes twice", change=wire.twice(5)),
    Fault("answers", "every 20th names another sequence_number", change=wire.wrong_sequence(20), link=QUICK,
          policies=("resend", "hold")),
    Fault("answers", "out of order", change=wire.shuffled()),
    Fault("answers", "each after 500 ms", "slow 500ms\n"),
    # -- the link
    Fault("link", "lost with 20 answers outstanding, all taken", "on submit_sm 101..119 lose\nafter 120 submit_sm drop\n" + SLOW,
          policies=ALL, kannel=True),
    Fault("link", "lost with 20 answers outstanding, all taken; receipts quote the text",
          "on submit_sm 101..119 lose\nafter 120 submit_sm drop\nreceipt quotes\n" + SLOW, policies=ALL),
    Fault("link", "lost with 20 answers outstanding, none taken", "on submit_sm 101..119 swallow\non submit_sm 120 drop\n" + SLOW,
          policies=ALL),
    Fault("link", "lost again and again (each second)", "restart every 1000\n" + SLOW, n=1500),
    Fault("link", "unbind with a window open", SLOW + "after 100 submit_sm unbind\n", kannel=True),
    Fault("link", "carrier away for a second", SLOW, during=restart_carrier, kannel=True),
    Fault("link", "half-open: silent, nothing closed", SLOW, link=ALIVE, relay=True, during=stall_at_100,
          kannel=True),
    Fault("link", "enquire_link never answered", SLOW + "no-enquire-answer\n", link=ALIVE, n=1000),
    Fault("link", "first two binds never answered", "on bind 1..2 swallow\n", link=QUICK, binds=False),
    Fault("link", "first three binds refused (0x0D)", "bind refuse 0x0D first 3\n", link={"reconnect_refused": 1.0},
          binds=False),
    Fault("link", "wrong password, then the right one", args=("--password", "other"), link={"reconnect_refused": 1.0},
          during=mend_password, binds=False),
    # -- octets
    Fault("octets", "garbage", "garbage after 100\n" + SLOW),
    Fault("octets", "a PDU that ends in its first field", "truncated after 100\n" + SLOW),
    Fault("octets", "half a PDU, then silence", "half-pdu after 100\n" + SLOW, link=ALIVE),
    Fault("octets", "command_length 8", "wrong-length after 100\n" + SLOW),
    Fault("octets", "command_length 2 GB", "huge-length after 100\n" + SLOW),
    Fault("octets", "a whole deliver_sm of 60,000 octets", change=wire.with_extra(100, wire.oversized(60000))),
    Fault("octets", "a whole deliver_sm of 65,580 octets", change=wire.with_extra(100, wire.oversized(65580))),
    Fault("octets", "sequence_number 0, FFFFFFFF, twice the same; unknown command; stray answer",
          "zero-sequence after 20\nhigh-sequence after 30\nsame-sequence after 40\nstray-response after 50\n"
          "wrong-request after 60\nunknown-command after 70\n"),
    Fault("octets", "each octet by itself", "fragment\n"),
    # -- receipts
    Fault("receipts", "before the response", "receipt-first\n", kannel=True),
    Fault("receipts", "over the other bind, at once", "receipt other-bind\nreceipt-first\n", link={"binds": 2}),
    Fault("receipts", "id hexadecimal, in the receipt decimal", "id hex-resp-dec-receipt\nreceipt form text\n", kannel=True,
          kannel_conf="msg-id-type = 1"),
    Fault("receipts", "id decimal, in the receipt hexadecimal", "id dec-resp-hex-receipt\nreceipt form text\n"),
    Fault("receipts", "twice", "receipt twice\n"),
    Fault("receipts", "every 10th under an unknown id", "receipt unknown-id every 10\n"),
    Fault("receipts", "none", "receipt none\n"),
    Fault("receipts", "an intermediate one first", "receipt intermediate\n"),
    Fault("receipts", "in any order", "receipt jitter 1000\n"),
    Fault("receipts", "a final one, then ENROUTE", "receipt then ENROUTE 200\n"),
    # -- ourselves
    Fault("gateway", "kill -9 with a window open", SLOW, during=kill_gateway, policies=ALL, kannel=True),
    Fault("gateway", "kill -9 with a window open; receipts quote the text", SLOW + "receipt quotes\n", during=kill_gateway,
          policies=("resend", "hold")),
    Fault("gateway", "kill -9, receipts come after the restart", SLOW, args=("--receipt-delay", "2500", "--receipt-retry", "200",
          "--receipt-tries", "30"), during=kill_gateway, kannel=True),
]


# ---- one row -------------------------------------------------------------------------------------------------------

def settled(gateway, n, seconds, quiet):
    """Seconds until all is final, or until nothing has changed for `quiet` seconds."""
    begin = changed = time.monotonic()
    last = None
    while time.monotonic() - begin < seconds:
        if gateway.over(n):
            return time.monotonic()
        now = gateway.states(n)
        if now != last:
            last, changed = now, time.monotonic()
        if quiet and time.monotonic() - changed > quiet:
            return changed
        time.sleep(0.05)
    return time.monotonic()


def stall(submits, begin):
    at = [begin] + sorted(s["at"] for s in submits)
    return max((b - a for a, b in zip(at, at[1:])), default=0.0)


def measure(w, fault, policy, kannel):
    sim = w.smsc("--max-pending", "1000000", *fault.args, script=fault.script)
    sim.script = fault.script
    relay = wire.Wire(w, sim.port, fault.change) if fault.change else Relay(w, sim.port) if fault.relay else None
    port = relay.port if relay else sim.port
    over = {**fault.link, **({"on_uncertain": policy} if policy else {})}
    if kannel:
        gateway = kannel_peer.Kannel(w, port, WINDOW, max(1, int(over.get("response_timeout", 10))),
                                     1 if "enquire_link" in over else 30,
                                     more=fault.kannel_conf)
    else:
        over.setdefault("receipt_timeout", 6)
        gateway = Ours(w, port, **over)
        if fault.binds:
            gateway.gw.wait_link()
    if kannel and fault.binds:
        wait_for(lambda: sim.stats["binds"] >= 1, 20, "Kannel to bind")
    some, carriers = rows(fault.n), [sim]
    begun, wall = time.monotonic(), time.time()
    sent = gateway.post(some)
    if fault.during:
        more = fault.during(w, sim, gateway, relay)
        if more:
            carriers.append(more)
    # Receipts that cannot come are waited for up to receipt_timeout; Kannel has no such thing.
    end = settled(gateway, fault.n, 120, 40 if kannel else 0)
    submits = [s for c in carriers for s in c.submits()]
    seen = collections.Counter(s["text"] for s in submits)
    states = gateway.states(fault.n)
    row = {"fault": (fault.group + ": " if fault.group else "") + fault.name, "gateway": gateway.name,
           "policy": "" if kannel else policy or "resend", "sent": sent, "accepted": len(submits),
           "lost": sum(not seen[r["text"].encode()] for r in some),
           "doubled": sum(n - 1 for n in seen.values()), "delivered": states["delivered"],
           "unconfirmed": states["told nothing" if kannel else "unconfirmed"]}
    row["other"] = fault.n - row["delivered"] - row["unconfirmed"]
    row["s"], row["stall"] = round(end - begun, 1), round(stall(submits, wall), 1)
    if not kannel:
        row["broken"] = judge(gateway, fault, row)
    return row


def judge(gateway, fault, row):
    """Which promise was broken, or nothing."""
    with contextlib.closing(gateway.gw.api()) as api:
        messages = api.all_messages(limit=1000)
    if sum(m["state"] in FINAL for m in messages) != fault.n:
        return "not all are final"
    if row["lost"] > fault.n - row["delivered"]:
        return "a lost one is called delivered"
    if gateway.policy == "resend" and row["lost"]:
        return "lost with on_uncertain = resend"
    if row["doubled"] and gateway.policy != "resend":
        return "doubled without on_uncertain = resend"
    if row["doubled"] > max(gateway.gw.link()["uncertain"], WINDOW if fault.during is kill_gateway else 0):
        return "doubled more than was uncertain"
    if row["other"]:
        return "other final states"
    return ""


# ---- the table -----------------------------------------------------------------------------------------------------

def text_table(table):
    rows_ = [COLUMNS] + [tuple(str(r[c]) for c in COLUMNS) for r in table]
    widths = [max(len(r[i]) for r in rows_) for i in range(len(COLUMNS))]
    return "\n".join("  ".join(c.ljust(n) if i < 3 else c.rjust(n) for i, (c, n) in enumerate(zip(r, widths))).rstrip()
                     for r in rows_)


def markdown(table):
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|---|---|" + "---:|" * (len(COLUMNS) - 3)]
    return "\n".join(lines + ["| " + " | ".join(str(r[c]) for c in COLUMNS) + " |" for r in table]) + "\n"


def run(fault, policy, kannel, number):
    world = World(f"{os.getpid()}-{number}")
    try:
        with world:
            row = measure(world, fault, policy, kannel)
    except Exception as e:  # the next rows are worth having all the same
        row = {**dict.fromkeys(COLUMNS, ""), "fault": f"{fault.group}: {fault.name}",
               "gateway": "Kannel" if kannel else "Posthorn", "policy": policy, "broken": (str(e).splitlines() or [repr(e)])[0]}
    world.forget()
    print("  ".join(f"{c}={row[c]}" for c in COLUMNS) + (f"  BROKEN: {row['broken']}" if row.get("broken") else ""),
          flush=True)
    return row


def main_():
    a = argparse.ArgumentParser(description="what each fault of a carrier's link costs")
    a.add_argument("--only", default="", help="faults whose group or name contains this")
    a.add_argument("--gateway", choices=("posthorn", "kannel", "both"), default="both")
    for form in ("json", "csv", "markdown"):
        a.add_argument("--" + form, metavar="FILE")
    o = a.parse_args()
    table, ours, beside = [], o.gateway != "kannel", o.gateway != "posthorn" and kannel_peer.installed()
    for fault in FAULTS:
        if o.only not in f"{fault.group}: {fault.name}":
            continue
        for policy in fault.policies if ours else ():
            table.append(run(fault, policy, False, len(table) + 1))
        if beside and fault.kannel:
            table.append(run(fault, "", True, len(table) + 1))
    print("\n" + text_table(table))
    if o.json:
        with open(o.json, "w", encoding="utf-8") as f:
            json.dump(table, f, indent=1)
    if o.csv:
        with open(o.csv, "w", encoding="utf-8", newline="") as f:
            out = csv.DictWriter(f, COLUMNS, extrasaction="ignore")
            out.writeheader()
            out.writerows(table)
    if o.markdown:
        with open(o.markdown, "w", encoding="utf-8") as f:
            f.write(markdown(table))
    broken = [r for r in table if r.get("broken") and r["gateway"] == "Posthorn"]
    for r in broken:
        print(f"broken: {r['fault']} ({r['gateway']} {r['policy']}): {r['broken']}")
    return 1 if broken or not table else 0


if __name__ == "__main__":
    sys.exit(main_())
