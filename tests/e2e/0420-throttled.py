#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 84 s, calm
"""0420: a carrier that takes less than it is sent: its limit is found and used, nothing is lost, nothing burns."""
from faults import *
from harness import *

# Of what a carrier allows, in the time after the search, and refused in all.  A machine that sleeps for a moment loses
# that moment: tests/unit/adapt_carriers_test.c asks for more, with a clock of its own.  One that has no time at all takes
# less than the link allows itself, which then counts.  A limit that is taken for something else is seen all the same: at
# 1,500 over 1,000 it has 500 refused in a second.
SHARE = 0.75 if SANITIZED else 0.80
SEARCH_S = 4.0


def wait_ended_at(gw, n, rate, seconds):
    """… and the mean of what the link allowed itself after the search, as a share of the rate."""
    begin, seen = time.monotonic(), []

    def all_ended():
        limit = gw.link()["rate_limit"]
        if time.monotonic() - begin >= SEARCH_S:
            seen.append(min(limit or rate, rate) / rate)
        return ended(gw, "delivered") >= n
    wait_for(all_ended, seconds, f"{n} messages to be delivered", every=0.1)
    equal(ended(gw, "delivered"), n, "messages that are delivered")
    return sum(seen) / len(seen)


def share(sim, rate, after=SEARCH_S):
    """What was taken of what was allowed, from `after` seconds behind the first to the last."""
    at = sorted(s["at"] for s in sim.submits())
    late = [t for t in at if t >= at[0] + after]
    return (len(late) - 1) / (rate * (late[-1] - late[0])), len(at) / (rate * (at[-1] - at[0]))


def post_many(gw, n):
    some = rows(n)
    for i in range(0, n, 1000):
        post(gw.api(), some[i:i + 1000])
    return some


def steady(what, script, rate, n, most=0.05, **link):
    @case(f"a carrier of {rate} per second, {what}: {SHARE * 100:.0f} % and more of it is used, all is delivered once, in no "
          "attempts")
    def _(w):
        sim = w.smsc(script=script + "\n")
        gw = w.gateway(links=[smpp(sim, max_attempts=1, **link)])
        gw.wait_link()
        some = post_many(gw, n)
        allowed = wait_ended_at(gw, n, rate, seconds=n / rate * 1.2 + 30)
        once_each(some, sim)
        late, whole = share(sim, rate)
        refused = sim.stats["submits"] - sim.stats["accepted"]
        print(f"# {what}: used {late * 100:.1f} % after the search, {whole * 100:.1f} % with it; "
              f"allowed itself {allowed * 100:.1f} %; refused {refused} of {sim.stats['submits']}")
        check(max(late, allowed) >= SHARE, f"used {late * 100:.1f} %, allowed itself {allowed * 100:.1f} %")
        check(refused <= n * most + 100, f"{refused} refused")
        check(gw.link()["slowed"] > 0, "the link tells that it was slowed")
        equal(gw.link()["retried"], 0, "retries")


steady("nothing configured", "tps 100", 100, 1500)
steady("by the clock", "tps 100 by-clock", 100, 1500)
steady("nothing configured", "tps 1000", 1000, 12000)
steady("1,500 configured", "tps 1000", 1000, 12000, tps=1500.0)
# Ten times as fast as the carrier takes, and it takes a second's worth before it refuses: it has thousands of them when the
# limit is not found.
steady("by the clock, window 200", "tps 1000 by-clock", 1000, 12000, most=0.1, window=200)


@case("a carrier that refuses every third whatever the rate: the link is not slowed down for it")
def _(w):
    sim = w.smsc(script="on submit_sm every 3 throttle\n")
    gw = w.gateway(links=[smpp(sim, max_attempts=1, tps=500.0)])
    gw.wait_link()
    some = post_many(gw, 4000)
    wait_ended(gw, 4000, seconds=45)  # 12 s at 500 per second
    once_each(some, sim)
    wait_for(lambda: gw.link()["rate_limit"] == 500.0, 10, "the link to be as fast as it is configured")


@case("configured at what the carrier takes, little is refused and it is used")
def _(w):
    sim = w.smsc(script="tps 200\n")
    gw = w.gateway(links=[smpp(sim, tps=200.0)])
    gw.wait_link()
    some = post_many(gw, 2000)
    wait_ended(gw, 2000, seconds=20)
    late, _ = share(sim, 200, after=0.5)
    print(f"# used {late * 100:.1f} %, refused {sim.stats['submits'] - 2000}")
    check(late >= 0.5, f"used {late * 100:.1f} %")  # how much more it is, is the machine's: 0410, pace_test.c
    once_each(some, sim)


main()
