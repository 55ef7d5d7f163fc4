#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 50 s
"""0421: what was refused for now goes again: in its place, without asking all the time, and past a full queue."""
import os

from faults import *
from harness import *


@case("what was refused goes again within a second, before what came later")
def _(w):
    sim = w.smsc(script="on submit_sm 40..43 throttle\n")
    gw = w.gateway(links=[smpp(sim, tps=50.0, window=10)])
    gw.wait_link()
    some = rows(100)
    post(gw.api(), some)
    wait_ended(gw, 100)
    order = ["+" + s["to"] for s in sim.submits()]
    late = max(order.index(r["to"]) - i for i, r in enumerate(some))
    check(late <= 10, f"one came {late} places late: more than a window")
    at = {"+" + s["to"]: s["at"] for s in sim.submits()}
    gap = max(at[some[i]["to"]] - at[some[38]["to"]] for i in range(39, 43))
    print(f"# the refused ones were taken {gap:.3f} s after the one before them")
    check(gap <= patience(1.0), f"{gap:.3f} s")
    equal(gw.link()["throttled"], 4, "throttled")


@case("nothing is taken for seconds: asked once a second, idle meanwhile, and all is delivered after it")
def _(w):
    sim = w.smsc(script="on submit_sm 101..145 throttle\n")
    gw = w.gateway(links=[smpp(sim, window=10)])
    gw.wait_link()
    some = rows(1000)
    post(gw.api(), some)
    wait_for(lambda: gw.link()["rate_limit"] == 1.0, 10, "the rate to be down to one per second", every=0.1)
    equal(gw.link()["reason"], "throttled", "reason")
    before, asked, begin = cpu(gw), sim.stats["submits"], time.monotonic()
    wait_for(lambda: time.monotonic() - begin > 4, 10, "four seconds to pass", every=1)
    used, asked = cpu(gw) - before, sim.stats["submits"] - asked
    print(f"# while it waits: {used / 4 * 100:.1f} % of a processor, asked {asked} times in 4 s")
    check(asked <= 6, f"asked {asked} times in four seconds")
    check(used <= 0.08 * (3 if SANITIZED else 1), f"{used:.2f} s of processor in four seconds")
    wait_ended(gw, 1000, seconds=60)
    once_each(some, sim)


def cpu(gw):
    """Seconds of processor that the daemon has used."""
    with open(f"/proc/{gw.p.pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@case("the queue of one recipient is full (0x14): the others are not held up, it waits aside and loses no attempt")
def _(w):
    sim = w.smsc(script="on submit_sm 1..5 to 12025550114 status 0x14\n")
    gw = w.gateway(links=[smpp(sim, max_attempts=1, window=10)])
    api = gw.api()
    some = rows(300)
    one = api.send(to="+12025550114")
    begin = time.monotonic()
    for i in range(0, 300, 10):
        post(api, some[i:i + 10])
        wait_taken(some[:i + 10], sim)
    took = time.monotonic() - begin
    print(f"# 300 others were taken within {took:.1f} s")
    m = api.wait_state(one["id"], "delivered", seconds=20)
    equal(m["parts"][0]["attempts"], 1, "attempts")
    told = attempts(api, one["id"])
    check(told and all((a["outcome"], a["class"], a["reason"]) == ("throttled", "throttle", "throttled") and a["next_try"]
                       for a in told), f"the timeline tells why it waited: {told}")
    once_each(some, sim)


main()
