#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""memory.py -- the gateway while allocations fail, now and then and at every step of its start.

    memory.py [--seed N] [--rounds N]

posthornd-points (see points.c) refuses allocations of the gateway's own code.  Under load each request gets 202, an error
that says so, or a closed connection, and the gateway lives.  What it could not remember of a part the next start finds,
by its lease: then all that was answered 202 is sent and final, what carriers got acknowledged is there, and the webhook
hears of all of it.
"""
import collections
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
from kill9 import Wire, arguments, text_of  # noqa: E402

SECONDS = 1.5


def patient(load, batch):
    """Posts until told to stop; counts what it is answered."""
    w = None
    while not load.killed.is_set():
        numbers = load.numbers.take(batch)
        rows = ",".join('{"to":"+%d","text":"%s"}' % (n, text_of(n)) for n in numbers)
        try:
            w = w or Wire(load.gw)
            status, body = w.post((rows if batch == 1 else f"[{rows}]").encode())
        except OSError:
            load.answers["closed"] += 1
            w = None
            continue
        load.answers[status] += 1
        if status != 202:
            if status not in (429, 503) and status < 500:
                load.problems.append(f"{status} {body!r}")
            continue
        answer = json.loads(body)
        if batch > 1 and answer["accepted"] != batch:
            load.problems.append(f"{body[:300]!r}")
        load.numbers.promise(numbers, "patient")
        load.numbers.long.update(n for n in numbers if n % points.kill9.LONG_EVERY == 0)


def starve(bench, first, every):
    with open(bench.order, "w", encoding="utf-8") as f:
        f.write(f"memory {first} {every}\n")
    bench.gw.signal(signal.SIGUSR2)


def rest(bench):
    bench.inbound.finish()
    wait_for(lambda: points.all_final(bench.data_dir), 40, "every message to be final", every=0.1)
    wait_for(lambda: not bench.open_sets(), 20, "parts to be joined", every=0.05)
    wait_for(lambda: points.outbox(bench.data_dir) == 0, 30, "every event to be delivered", every=0.1)
    found, doubles = bench.audit(set())
    equal({k: v[:5] for k, v in found.items() if v}, {}, "what the audit found")
    return doubles


options = arguments(3)


@case("one allocation in some fails, under load: error answers, the gateway lives, nothing acknowledged is lost")
def _(w):
    rng, bench = random.Random(options.seed), points.Bench(w)
    for _ in range(options.rounds):
        every = rng.choice((20, 50, 200, 1000))
        load = points.Load(bench.gw, bench.numbers, ())
        load.inbound, load.answers = bench.inbound, collections.Counter()
        load.threads = [threading.Thread(target=patient, args=(load, b), daemon=True) for b in (1, 1, 20)]
        load.threads.append(threading.Thread(target=points.inbound_load, args=(load,), daemon=True))
        for t in load.threads:
            t.start()
        starve(bench, rng.randint(1, 100), every)
        time.sleep(SECONDS)  # of load: there is no event to wait for
        alive = bench.gw.alive
        starve(bench, 0, 0) if alive else None
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
    harness._comment(f"{rest(bench)} doubles")


main()
