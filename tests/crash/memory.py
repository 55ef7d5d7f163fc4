#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""memory.py -- the gateway while allocations fail, now and then and at every step of its start.

    memory.py [--seed N] [--rounds N]

posthornd-points (see points.c) refuses allocations of the gateway's own code.  Under load each request gets 202, an error
that says so, or a closed connection, and the gateway lives.  What it could not remember of a part the next start finds,
by its lease: then all that was answered 202 is sent and final, what carriers got acknowledged is there, and the webhook
hears of all of it.
"""
import os
import random
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import points  # noqa: E402
from harness import *  # noqa: E402
import harness  # noqa: E402
from kill9 import arguments  # noqa: E402

SECONDS = 1.5


def starved_start(bench):
    """A life that begins, reads what waits, and sends, while allocations fail; it may end itself."""
    load = bench.patient_load()
    before = len(bench.numbers.promised)
    wait_for(lambda: len(bench.numbers.promised) > before + 100, 10, "some load")
    load.killed.set()
    bench.gw.kill()
    load.end()
    bench.inbound.collect(wait=True)
    bench.leased.update(points.open_leases(bench.data_dir, bench.w.path("copy")))
    gw = bench.gw
    gw._env = {"POSTHORN_MEMORY_READY": "1 50"}
    bench.w.remove(gw)
    gw._close_apis()
    gw._start(bench.w, wait_ready=False)
    gw.expected.add(1)
    end = time.monotonic() + SECONDS
    while gw.alive and time.monotonic() < end:
        time.sleep(0.05)
    ended = "ended itself" if not gw.alive else "lived"
    gw.kill()
    check(gw.p.returncode in (1, -signal.SIGKILL), f"it ended with {gw.p.returncode}: {gw.lines[-3:]}")
    harness._comment(f"a start without memory {ended}: {gw.lines[-1:]}")
    bench.inbound.collect(wait=True)
    bench.leased.update(points.open_leases(bench.data_dir, bench.w.path("copy")))
    gw._env = None
    gw.restart(kill=True)
    wait_for(lambda: bench.inbound.carrier.up, 10, "the carrier that sends to be bound")


def wrong_texts(bench):
    """What the carrier took that nobody wrote."""
    out = []
    for r in bench.sim.submits():
        text = r["text"][6:] if r["esm_class"] & 0x40 else r["text"]
        whole = points.text_of(int(r["to"])).encode()
        if not (text and text in whole if r["esm_class"] & 0x40 else text == whole):
            out.append((r["to"], text))
    return out


options = arguments(3)


@case("one allocation in some fails, under load: error answers, the gateway lives, nothing acknowledged is lost")
def _(w):
    rng, bench = random.Random(options.seed), points.Bench(w)
    for _ in range(options.rounds):
        every = rng.choice((20, 50, 200, 1000))
        load = bench.patient_load()
        bench.tell(f"memory {rng.randint(1, 100)} {every}")
        time.sleep(SECONDS)  # of load: there is no event to wait for
        alive = bench.gw.alive
        bench.tell("memory 0 0") if alive else None
        load.end()
        bench.inbound.collect(wait=True)
        harness._comment(f"one in {every}: {dict(load.answers)}")
        check(alive, "the gateway died: " + "\n".join(bench.gw.lines[-5:]))
    bench.gw.kill()
    bench.inbound.collect(wait=True)
    bench.leased.update(points.open_leases(bench.data_dir, w.path("copy")))
    os.unlink(bench.order)
    bench.gw.restart(kill=True)
    wait_for(lambda: bench.inbound.carrier.up, 10, "the carrier that sends to be bound")
    for _ in range(options.rounds):
        starved_start(bench)
    harness._comment(f"{bench.come_to_rest()} doubles")
    equal(wrong_texts(bench)[:3], [], "texts that nobody wrote")


if __name__ == "__main__":
    main()
