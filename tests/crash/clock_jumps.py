#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clock_jumps.py -- the clock of the machine is set forth and back while messages are sent and receipts come in.

    clock_jumps.py [--seed N] [--rounds N]

posthornd-points has a real-time clock of its own (see clock_moves.h), which is moved by days, hours and seconds under load;
the carriers and the webhook keep theirs.  After each jump a message posted then must be delivered and heard of as soon as
ever, and the load must have got on.  At last nothing is lost, nothing was sent twice (there was no kill, so no lease
excuses it), nothing expired, all is delivered in the end, times of messages never fall with their ids, and the gateway starts again
under the true clock.
"""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import points  # noqa: E402
from harness import *  # noqa: E402
import harness  # noqa: E402
from kill9 import arguments  # noqa: E402

HOUR, DAY = 3600, 86400
JUMPS = [DAY, -DAY, -HOUR, 0, HOUR, -3 * DAY, 5, -5, DAY]  # from the true time
STALL_S = 5
# Set forth by more than `receipt_timeout`, a receipt is late by the clock, and corrects what was said then.
IN_THE_END = ("SELECT coalesce((SELECT c.state FROM correction c WHERE c.key = f.key ORDER BY n DESC LIMIT 1), f.state) s, "
              "count(*) FROM final f WHERE f.key & 255 = 0 GROUP BY s")
DECREASED = "SELECT count(*) FROM message a JOIN message b ON b.id = a.id + 1 WHERE b.created < a.created"


def set_clock(bench, away):
    since = len(bench.gw.lines)
    bench.tell(f"clock {away}")
    bench.gw.wait_line(f"clock: \\{away:+} s", since=since)


def passes_through(bench):
    """A message of now: seconds until its webhook was heard."""
    begun = time.monotonic()
    n = bench.numbers.take()[0]
    bench.gw.api().send(to=f"+{n}", text="now")
    bench.numbers.promise([n], "probe")
    bench.sink.wait(lambda events: any(e.get("to") == f"+{n}" and e.get("state") == "delivered" for e in events[-5000:]),
                    STALL_S, f"+{n} to be delivered")
    return time.monotonic() - begun


options = arguments(1)


@case("a clock set by days and hours, forth and back, under load: nothing lost, doubled, expired or stalled")
def _(w):
    rng = random.Random(options.seed)
    # What was accepted before a jump of a day is not too late then.
    bench = points.Bench(w, {"ttl": 30 * DAY})
    bench.sink.judge = lambda *_: ""  # the time in a signature is that of the clock
    load = bench.patient_load()
    for _ in range(options.rounds):
        jumps = JUMPS[:]
        rng.shuffle(jumps)
        for away in jumps:
            set_clock(bench, away)
            before = len(bench.numbers.promised)
            took_s = passes_through(bench)
            wait_for(lambda: len(bench.numbers.promised) > before + 200, STALL_S, "the load to get on")
            harness._comment(f"{away:+8} s: a message went through in {took_s:.2f} s")
    load.end()
    bench.inbound.collect(wait=True)
    doubles = bench.come_to_rest()
    equal(doubles, 0, "doubles")
    states = dict(bench.ask(IN_THE_END))
    equal(set(states), {points.DELIVERED}, f"final states: {states}")
    equal(bench.ask(DECREASED)[0][0], 0, "messages older than the one before")
    os.unlink(bench.order)
    bench.gw.restart()
    passes_through(bench)
    bench.come_to_rest()
    harness._comment(f"{len(bench.numbers.promised)} messages, {len(bench.inbound.acked)} inbound; answers {dict(load.answers)}")


main()
