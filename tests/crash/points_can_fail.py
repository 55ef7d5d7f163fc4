#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""points_can_fail.py -- the audits of points.py, memory.py, clock_jumps.py and faults_gateway.py must see each promise broken.

posthornd-points breaks the one that it is told (see points.c): it answers 202, or deliver_sm, before the commit, keeps no
leases, changes a final state, drops an event, sends what it said was cancelled, forgets how far a stream was or what a
quota counts.  After a kill, or with memory or a disk that fails, the audit must find just that; one that finds nothing here
finds nothing anywhere.
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

# The promise broken, where it is killed, and what of the audit must see it.
BREAKS = [("answer", "accept applied", ("lost",)),
          ("ack", "inbound applied", ("inbound", "joined")),
          ("lease", "answer read", ("doubled",)),
          ("final", "final committed", ("changed",)),
          ("event", "final committed", ("unheard",)),
          ("cancel", "cancel_done committed", ("cancelled",), points.CANCELS),
          ("stream", "accept committed", ("doubled",), points.KEYS),
          ("quota", "submit committed", ("uncounted",))]
PASSINGS = {"final": (50, 150), "event": (50, 150), "cancel": (3, 6), "stream": (100, 200)}
ROUNDS = 5  # a kill may come when nothing was open

options = arguments(1)
rng = random.Random(options.seed)


def found_in_rounds(bench, what, point, kinds, *setting):
    for i in range(ROUNDS):
        bench.break_promise(what)
        bench.die(point, rng.randint(*PASSINGS.get(what, (5, 30))), *setting)
        found, _ = bench.audit(bench.rest())
        found = {k: len(v) for k, v in found.items() if v}
        harness._comment(f"{what}, kill {i + 1} at {point}: {found}")
        if any(found.get(k) for k in kinds):
            return
    raise AssertionError(f"a broken promise was not seen in {ROUNDS} rounds: {what}")


for broken in BREAKS:
    @case(f"a gateway that breaks its promise ({broken[0]}): the audit says {' or '.join(broken[2])}")
    def _(w, broken=broken):
        bench = points.Bench(w, link=points.QUOTA)
        bench.die("receipt read", 40)  # so that there is something to be changed
        bench.audit(bench.rest())
        found_in_rounds(bench, *broken)


@case("answers before the commit, while memory or the disk fails: the audit says lost")
def _(w):
    # Of a disk that fails intake hears within a tenth of a second: there is not much more load then.
    for order, kind, more in (("memory 1 20", "memory", 300), ("fail write short", "the disk", 20)):
        bench = points.Bench(w)
        if kind == "the disk":
            bench.gw.stop()
            open(os.path.join(bench.data_dir, "posthorn.db.faulty"), "w", encoding="utf-8").close()
            bench.gw.restart()
            bench.gw.wait_link()
        bench.break_promise("answer")
        load = bench.patient_load()
        wait_for(lambda: len(bench.numbers.promised) > 100, 10, "some load")
        bench.tell(order)
        before = len(bench.numbers.promised)
        wait_for(lambda: len(bench.numbers.promised) > before + more or not bench.gw.alive, 10, "more load")
        load.killed.set()
        bench.gw.kill()
        load.end()
        found, _ = bench.audit(bench.rest())
        harness._comment(f"{kind}: { {k: len(v) for k, v in found.items() if v} }")
        check(found["lost"], f"{kind}: messages were answered that could not be kept, and nothing is missed")


main()
