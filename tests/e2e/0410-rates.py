#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0410: rates are kept, and a one-time code overtakes what waits."""
from faults import *
from harness import *


def limit(rate, burst=0):
    """What the carrier may count in a second: the rate, and what a moment in which this machine's carrier slept pushes
    together (the unit tests have no such moments and allow nothing).  A client's rate shapes only: its burst adds."""
    return rate + burst + rate * patience(0.0125)


@case("a link never gets more than its tps in any second, and nearly that much over time")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim, tps=100.0)])
    gw.wait_link()
    some = rows(400)
    post(gw.api(), some)
    wait_ended(gw, 400)
    once_each(some, sim)
    check(sim.stats["peak_per_s"] <= limit(100), f"peak {sim.stats['peak_per_s']} in a second, wanted 100")
    times = [s["at"] for s in sim.submits()]
    check(times[-1] - times[0] <= 6, f"400 messages took {times[-1] - times[0]:.1f} s at 100 per second")


@case("two binds share one tps")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim, tps=100.0, binds=2)])
    gw.wait_link()
    post(gw.api(), rows(300))
    wait_ended(gw, 300)
    check(sim.stats["peak_per_s"] <= limit(100), f"peak {sim.stats['peak_per_s']}")


@case("a link that a reload makes anew has no second allowance within its second")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim, tps=100.0, burst=100)])
    gw.wait_link()
    post(gw.api(), rows(400))
    for n in (100, 200, 300):
        wait_for(lambda n=n: sim.stats["accepted"] >= n, 10, f"{n} to be taken")
        gw.settings["links"][0]["password"] = f"pass{n}"
        gw.write_conf()
        gw.reload()
    wait_ended(gw, 400)
    equal(sim.stats["binds"], 4, "binds")
    check(sim.stats["peak_per_s"] <= limit(100), f"peak {sim.stats['peak_per_s']} in a second, wanted 100")


@case("parts count, not messages")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim, tps=60.0)])
    gw.wait_link()
    post(gw.api(), [{**r, "text": "x" * 400} for r in rows(60)])
    wait_ended(gw, 60)
    equal(sim.stats["accepted"], 180, "parts")
    check(sim.stats["peak_per_s"] <= limit(60), f"peak {sim.stats['peak_per_s']}")


@case("a client's tps holds that client back, and nobody else")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim)], client={"tps": 50.0, "burst": 5})
    gw.add_client("other")
    gw.write_conf()
    gw.reload()
    gw.wait_link()
    slow, fast = rows(200), rows(200)
    post(gw.api(), slow)
    post(gw.api("other"), fast)
    wait_taken(fast, sim, seconds=5)
    went = taken(sim)
    check(sum(went[r["to"]] for r in slow) < 200, "the slow client still waits")
    wait_ended(gw, 400)
    at = sorted(s["at"] for s in sim.submits() if "+" + s["to"] in {r["to"] for r in slow})
    worst = max(sum(t <= u < t + 1 for u in at) for t in at)
    check(worst <= limit(50, 5), f"{worst} of the slow client in one second, wanted 50 and its burst of 5")


@case("the carrier's own limit is found by throttling, and everything arrives")
def _(w):
    sim = w.smsc(script="tps 200\n")
    gw = w.gateway(links=[smpp(sim, tps=400.0)])
    gw.wait_link()
    some = rows(600)
    post(gw.api(), some)
    wait_ended(gw, 600, seconds=30)
    once_each(some, sim)
    check(gw.link()["throttled"] > 0, "throttled")


@case("a one-time code overtakes 20,000 marketing messages on a link of 200 per second")
def _(w):
    sim = w.smsc(script="slow 10ms\n")
    gw = w.gateway(links=[smpp(sim, tps=200.0, window=50)])
    gw.wait_link()
    api = gw.api()
    for _ in range(2):
        post(api, rows(10000, **{"class": "marketing", "campaign": "sale"}))
    wait_for(lambda: sim.stats["accepted"] > 50, 10, "the campaign to be under way")
    posted = {}
    for row in rows(40, **{"class": "otp"}):
        posted[row["to"]] = time.time()
        api.post("/v1/messages", row).expect(202)
        wait_for(lambda: taken(sim)[row["to"]] == 1, 5, "the code to be at the carrier", every=0.002)
    arrived = {"+" + s["to"]: s["at"] for s in sim.submits()}
    took = sorted(arrived[to] - at for to, at in posted.items())
    print(f"# request written to submit_sm logged: median {took[20] * 1e3:.1f} ms, worst {took[-1] * 1e3:.1f} ms")
    check(took[-1] <= patience(0.5), f"a code took {took[-1]:.3f} s")
    lanes = gw.operator().get("/v1/queue").json["lanes"]
    check(sum(x["waiting"] for x in lanes if x["class"] == "marketing") > 15000, "the campaign still waits")
    peak = sim.stats["peak_per_s"]
    check(peak <= limit(200), f"the codes stay within the rate: peak {peak}")


@case("two campaigns share a link: the second does not wait for the end of the first")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim, tps=200.0)])
    gw.wait_link()
    first, second = rows(3000, **{"campaign": "a"}), rows(100, **{"campaign": "b"})
    post(gw.api(), first)
    wait_for(lambda: sim.stats["accepted"] > 20, 10, "the first to be under way")
    post(gw.api(), second)
    wait_taken(second, sim)
    order = ["+" + s["to"] for s in sim.submits()]
    before = max(order.index(r["to"]) for r in second) + 1 - len(second)
    check(before < 1000, f"{before} of the first campaign went before the end of the second")


main()
