#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 68 s, calm
"""0420: a carrier that takes less than it is sent: its limit is found and used, nothing is lost, nothing burns."""
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


def steady(what, script, rate, n, least=SHARE, **link):
    @case(f"a carrier of {rate} per second, {what}: {least * 100:.0f} % and more of it is used, all is delivered once, in no "
          "attempts")
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
        check(late >= least, f"used {late * 100:.1f} %")
        check(refused <= n * 0.1 + 100, f"{refused} refused")
        check(gw.link()["slowed"] > 0, "the link tells that it was slowed")
        equal(gw.link()["retried"], 0, "retries")


steady("nothing configured", "tps 100", 100, 1500)
steady("by the clock", "tps 100 by-clock", 100, 1500)
steady("nothing configured", "tps 1000", 1000, 12000)
# Its refusals may be taken for some that are not about the rate (adapt.c), once in a while; that costs seconds.
steady("1,500 configured", "tps 1000", 1000, 12000, least=SHARE - 0.15, tps=1500.0)
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


main()
