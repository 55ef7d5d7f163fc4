#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""modem_faults.py -- what becomes of messages when a modem misbehaves: one line a fault, counted at the modem.

    POSTHORN_BUILD=build python3 tests/bench/modem_faults.py [--messages N] [--seconds S] [--csv] [FAULT...]

Each fault is a script of tests/peers/modem-scripts; each run has a gateway and a simulated modem of its own, several at
a time, as they mostly wait.  The radio takes a message in 400 ms.  `lost`: never taken by the network when the time was up, and not waiting either; `left`:
still waiting, nothing lost; `twice`: taken again; `gap`: the longest time without a message taken, which is how long
it took to recover.  The final states are the gateway's."""
import argparse
import concurrent.futures
import contextlib
import csv
import sys
import tempfile

HERE = __file__.rsplit("/", 1)[0]
sys.path.insert(0, HERE + "/../e2e")
from modems import *  # noqa: E402

OVER = {"pin": {"pin": "1234"}}                       # settings of the link
MO = {"sim-full": 51, "mo-long-reverse": 1}           # messages that must come in
COLUMNS = ["fault", "messages", "taken", "lost", "left", "twice", "first s", "gap s", "all s", "delivered", "unconfirmed",
           "other", "came in", "restarts", "link says"]


class Place(World):
    """A world of its own for each run."""

    def __init__(self, name):
        self.dir = tempfile.mkdtemp(prefix=f"posthorn-{name}-")
        self._things, self._numbers = [], {}


def finals(gw):
    return {k.split('"')[1]: int(v) for k, v in gw.metrics().items() if k.startswith("posthorn_final_total{state=") and v}


def measure(name, n, seconds, timeout):
    with Place(name) as w:
        sims = Modems(w, "latency 400", scripts=[] if name == "none" else [name], args=["--seed", "7"])
        gw = w.gateway(links=[modem(sims, response_timeout=timeout, **OVER.get(name, {}))])
        some = rows(n)
        began = time.monotonic()
        started = time.time()
        post(gw.api(), some)
        wanted = {r["to"] for r in some}
        wanted_mo = MO.get(name, 0)
        while time.monotonic() - began < seconds:
            ended = sum(finals(gw).values())
            if ended >= n and len(inbound(gw)) >= wanted_mo:
                break
            time.sleep(0.1)  # a measurement, not a test: it looks until the time is up
        seen = taken(sims)
        times = sorted(e["time"] for e in sims.events("submit"))
        states = finals(gw)
        s = sims.stats
        waiting = n - sum(states.values())
        never = [to for to in wanted if not seen[to]]
        gaps = [b - a for a, b in zip(times, times[1:])]
        return [name, n, len([to for to in wanted if seen[to]]), max(0, len(never) - waiting), min(waiting, len(never)),
                sum(k - 1 for k in seen.values()), round(times[0] - started, 1) if times else "",
                round(max(gaps, default=0), 1), round(time.monotonic() - began, 1), states.get("delivered", 0),
                states.get("unconfirmed", 0), n - waiting - states.get("delivered", 0) - states.get("unconfirmed", 0),
                len(inbound(gw)), s["restarts"] + s["resets"], gw.link("sim1")["reason"] or gw.link("sim1")["state"]]


def inbound(gw):
    with contextlib.closing(Api(gw.port, gw.keys["ops"])) as api:
        return api.get("/v1/inbound", limit=1000).expect(200).json["inbound"]


def main_():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--messages", type=int, default=20)
    p.add_argument("--seconds", type=float, default=90)
    p.add_argument("--timeout", type=int, default=60, help="response_timeout of the link")
    p.add_argument("--jobs", type=int, default=12)
    p.add_argument("--csv", action="store_true")
    p.add_argument("fault", nargs="*")
    a = p.parse_args()
    names = a.fault or ["none"] + sorted(f[:-6] for f in os.listdir(SCRIPTS) if f.endswith(".modem"))
    with concurrent.futures.ProcessPoolExecutor(a.jobs) as pool:
        table = list(pool.map(measure, names, *([x] * len(names) for x in (a.messages, a.seconds, a.timeout))))
    if a.csv:
        csv.writer(sys.stdout).writerows([COLUMNS] + table)
        return
    widths = [max(len(str(r[i])) for r in [COLUMNS] + table) for i in range(len(COLUMNS))]
    for r in [COLUMNS] + table:
        print("  ".join(str(c).ljust(x) if i in (0, len(COLUMNS) - 1) else str(c).rjust(x)
                        for i, (c, x) in enumerate(zip(r, widths))).rstrip())


if __name__ == "__main__":
    main_()
