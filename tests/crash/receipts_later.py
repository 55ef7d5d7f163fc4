#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 25 s
"""receipts_later.py -- many messages, and all of their receipts half an hour later.

    receipts_later.py [--messages N] [--seed N]

The carrier takes every message and keeps the receipts; the gateway's clock is moved by half an hour (clock_shim.c), a minute
at a time; then the carrier sends all of them, in their order and over two binds.  Each receipt must meet its message, once:
none is parked, repeated or ignored, every message is delivered, none was unconfirmed in between.  Of what waits for a
receipt the gateway keeps SENT_MAX (src/queue/sent.h) in memory and the rest on disk, so its memory has a bound that does
not depend on the number; it is looked at all the time.  `make check-crash-long` does it with a million.
"""
import argparse
import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from clocks import PROGRAM, Clock, resident_kb  # noqa: E402
from harness import *  # noqa: E402
import harness  # noqa: E402
from kill9 import Wire  # noqa: E402

ROWS = 1000
MINUTES = 30
SENT_MAX = 1 << 19
ENTRY_OCTETS = 120   # of the ring and its index, for one message
BASE_KB = 40 << 10   # of all else: what waits to be sent, the pages of the database that are held, buffers
FIRST = 79000000000


def arguments():
    a = argparse.ArgumentParser(description="all receipts half an hour later")
    a.add_argument("--messages", type=int, default=20000 if SANITIZED else 50000)
    o = a.parse_args()
    sys.argv[1:] = []
    return o


options = arguments()
N = options.messages // ROWS * ROWS


def bound_kb():
    """The ring doubles as it fills."""
    ring = SENT_MAX
    while ring // 2 >= N and ring > 4096:
        ring //= 2
    return (BASE_KB + ring * ENTRY_OCTETS // 1024) * (3 if SANITIZED else 1)


def post(gw, numbers, problems):
    try:
        w = Wire(gw)
        for at in numbers:
            rows = ",".join('{"to":"+%d","text":"later %d"}' % (n, n) for n in range(FIRST + at, FIRST + at + ROWS))
            while True:
                status, body = w.post(f"[{rows}]".encode(), "?results=errors")
                if status != 503:
                    break
            if status != 202 or json.loads(body)["accepted"] != ROWS:
                raise AssertionError(f"{status} {body[:200]!r}")
        w.close()
    except Exception as e:
        problems.append(repr(e))


def receipts(gw):
    m = gw.metrics()
    return {k: int(m[f'posthorn_receipts_total{{met="{k}"}}']) for k in ("matched", "parked", "repeated", "ignored")}


@case(f"{N} messages whose receipts come half an hour later: all match, in bounded memory")
def _(w):
    clock = Clock(w)
    sim = w.smsc("--receipt-retry", "200", "--receipt-tries", "30", "--deliver-window", "1000", "--no-duplicates")
    gw = w.gateway({"log_level": "info", "queue": {"disk_reserve_mb": 64}}, program=PROGRAM, env=clock.env,
                   links=[smpp(sim, binds=2, window=200)])
    gw.wait_link()
    sim.ask("hold")
    problems, since = [], time.monotonic()
    threads = [threading.Thread(target=post, args=(gw, range(i * ROWS, N, 2 * ROWS), problems)) for i in (0, 1)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(problems, [], "problems")
    wait_for(lambda: sim.stats["accepted"] == N, 60 + N / 2000, "all to be taken", every=0.05)
    wait_for(lambda: gw.metrics()["posthorn_queue_in_flight"] == 0, 20, "all answers", every=0.05)
    sent_s, (at_rest, _) = time.monotonic() - since, resident_kb(gw.pid)
    for _ in range(MINUTES):
        clock.advance(60)
        gw.operator().get("/v1/queue").expect(200)
    equal(receipts(gw), {"matched": 0, "parked": 0, "repeated": 0, "ignored": 0}, "before")
    since = time.monotonic()
    sim.ask("release")
    wait_for(lambda: sim.stats["receipts"]["acked"] == N, 60 + N / 1000, "all receipts to be acknowledged", every=0.1)
    took_s, (_, most) = time.monotonic() - since, resident_kb(gw.pid)
    equal(receipts(gw), {"matched": N, "parked": 0, "repeated": 0, "ignored": 0}, "receipts")
    m = gw.metrics()
    equal({k: int(v) for k, v in m.items() if k.startswith("posthorn_final_total") and v},
          {'posthorn_final_total{state="delivered"}': N}, "final states")
    equal(int(m["posthorn_corrections_total"]), 0, "corrections")
    equal(sim.stats["receipts"]["sent"], N, "receipts sent, each once")
    gw.stop(seconds=60)
    db = sqlite3.connect(f"file:{gw.settings['data_dir']}/posthorn.db?mode=ro", uri=True)
    equal(db.execute("SELECT count(*), min(state), max(state), min(f.at - s.at) >= ? FROM final f JOIN submit s ON s.key = "
                     "f.key | 1", (MINUTES * 60000 - 1000,)).fetchone(), (N, 4, 4, 1), "rows, and how much later they came")
    db.close()
    harness._comment(f"{N} sent in {sent_s:.1f} s, {N} receipts in {took_s:.1f} s; resident {at_rest >> 10} MB while they waited, "
                     f"{most >> 10} MB at most, bound {bound_kb() >> 10} MB")
    check(most <= bound_kb(), f"{most} kB resident, the bound is {bound_kb()}")


main()
