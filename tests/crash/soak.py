#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 40 s
"""soak.py -- faults on all sides for as long as one likes; then everything is counted.

    soak.py [--seconds N] [--seed N] [--rate N] [--table FILE]

`make soak` is an hour of it on a build with sanitizers; `make check` has a short form.  The load is moderate: singles,
arrays, streams, messages for later, cancels; and clients that go away in the middle of a request, after it, while an
answer is written to them.  Two carriers drop their connections, throttle, refuse, swallow, lose answers, send rubbish and
receipts of nothing; a third sends long messages in parts and is cut off; a modem is pulled out.  The webhook is slow,
answers 500 and 429, hangs, resets.  Links are stopped and started, and every ten seconds the configuration is another one,
sometimes a broken one.  In the end the faults stop, all comes to rest, and the books are closed (soak_audit.py):

  - every message that was answered 202 is final, once, and its state is explained;
  - what the carriers took is counted by recipient and part: nothing lost, and no more doubles than `on_uncertain` named
    (an attempt row that says "unknown" for each);
  - the webhook acknowledged the end of each message and each inbound message, at least once;
  - a receipt that could be matched was; what is parked belongs to nothing that was answered, or says again what is over;
  - no line of level error but those of the broken configurations; the process ends with status 0 and without leaks;
  - its memory does not rise over the second half, and its descriptors are as many as after the start.
"""
import argparse
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import *  # noqa: E402
from soak_audit import close_books  # noqa: E402
from soak_load import Ledger, start_load  # noqa: E402
from soak_world import SoakWorld  # noqa: E402


def arguments():
    a = argparse.ArgumentParser(description="faults on all sides, then count")
    a.add_argument("--seconds", type=int, default=18 if SANITIZED else 10)
    a.add_argument("--seed", type=int, default=int(time.time()))
    a.add_argument("--rate", type=int, default=150, help="messages a second, about")
    a.add_argument("--table", help="write memory and descriptors over time there")
    o = a.parse_args()
    sys.argv[1:] = []
    print(f"# seed {o.seed}", flush=True)
    return o


options = arguments()


@case(f"{options.seconds} seconds of faults on all sides: nothing is lost, doubles are named, memory is constant")
def _(w):
    rng, ledger = random.Random(options.seed), Ledger()
    world = SoakWorld(w, rng, 10 if options.seconds >= 120 else 2)
    load = world.load = start_load(world, ledger, options.rate, rng)
    end = time.monotonic() + options.seconds
    told = time.monotonic()
    while time.monotonic() < end:
        world.step()
        if time.monotonic() > told + 60:
            told = time.monotonic()
            print(f"# {int(end - told)} s to go: {ledger.word()}; {world.word()}", flush=True)
        check(world.gw.alive, "the gateway died: " + "\n".join(world.gw.lines[-5:]))
    load.stop()
    world.calm_down(ledger)
    close_books(world, ledger, options)


main()
