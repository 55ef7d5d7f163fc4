#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0420: a carrier that takes less than it is sent: its limit is found and used, nothing is lost, nothing burns."""
import os

from faults import *
from harness import *

# Of what a carrier allows, in the time after the search.  A machine that sleeps for a moment loses that moment.
SHARE = 0.90 if SANITIZED else 0.95


def share(sim, rate, after=4.0):
    """What was taken of what was allowed, from `after` seconds behind the first to the last."""
    at = sorted(s["at"] for s in sim.submits())
    late = [t for t in at if t >= at[0] + after]
    return (len(late) - 1) / (rate * (late[-1] - late[0])), len(at) / (rate * (at[-1] - at[0]))


def post_many(gw, n):
    some = rows(n)
    for i in range(0, n, 1000):
        post(gw.api(), some[i:i + 1000])
    return some


def steady(what, script, rate, n, **link):
    @case(f"a carrier of {rate} per second, {what}: 95 % and more of it is used, all is delivered once, in no attempts")
    def _(w):
        sim = w.smsc(script=script + "\n")
        gw = w.gateway(links=[smpp(sim, max_attempts=1, **link)])
        gw.wait_link()
        some = post_many(gw, n)
        wait_ended(gw, n, seconds=n / rate * 1.2 + 15)
        once_each(some, sim)
        late, whole = share(sim, rate)
        refused = sim.stats["submits"] - sim.stats["accepted"]
        print(f"# {what}: used {late * 100:.1f} % after the search, {whole * 100:.1f} % with it; "
              f"refused {refused} of {sim.stats['submits']}")
        check(late >= SHARE, f"used {late * 100:.1f} %")
        check(refused <= n * 0.1 + 100, f"{refused} refused")
        check(gw.link()["slowed"] > 0, "the link tells that it was slowed")
        equal(gw.link()["retried"], 0, "retries")


steady("nothing configured", "tps 100", 100, 1500)
steady("by the clock", "tps 100 by-clock", 100, 1500)
steady("nothing configured", "tps 1000", 1000, 12000)
steady("1,500 configured", "tps 1000", 1000, 12000, tps=1500.0)
steady("by the clock, window 200", "tps 1000 by-clock", 1000, 12000, window=200)


@case("configured at what the carrier takes, nothing is refused and 95 % is used")
def _(w):
    sim = w.smsc(script="tps 200\n")
    gw = w.gateway(links=[smpp(sim, tps=200.0)])
    gw.wait_link()
    some = post_many(gw, 2000)
    wait_ended(gw, 2000, seconds=20)
    late, _ = share(sim, 200, after=0.5)
    print(f"# used {late * 100:.1f} %, refused {sim.stats['submits'] - 2000}")
    check(late >= SHARE, f"used {late * 100:.1f} %")
    once_each(some, sim)


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
