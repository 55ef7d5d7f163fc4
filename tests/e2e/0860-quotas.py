#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0860: quotas of SIMs and links over restarts, and routes that choose among their links.

Quotas here are of a month: a test that begins shortly before midnight on the last day of one is not worth a thought."""
from faults import *
from harness import *


def modem(name, **over):
    return merge({"name": name, "driver": "loopback", "sim": f"89490200000{name}", "window": 2}, over)


def sent(gw, *names):
    return [gw.link(name)["sent"] for name in names]


def used(gw, name):
    return gw.link(name)["quota"]["month"]["used"]


@case("a quota is never exceeded, over kill -9 and restarts; what waits says why; a higher one lets it go")
def _(w):
    sim = w.smsc(script="slow 5ms\n")
    gw = w.gateway(links=[smpp(sim, quota={"month": 50, "zone": "Europe/Berlin"}, on_uncertain="fail")])
    gw.wait_link()
    ids = post(gw.api(), rows(80))
    wait_for(lambda: sim.stats["accepted"] >= 20, 10, "some to be taken")
    gw.restart(kill=True)
    gw.wait_link()
    wait_for(lambda: gw.link()["reason"] == "quota", 10, "the quota to be used up")
    wait_for(lambda: gw.link()["in_flight"] == 0, 10, "the last to be answered")
    check(sim.stats["accepted"] <= 50, f"{sim.stats['accepted']} were taken")
    equal(used(gw, "acme"), 50, "used")
    one = wait_for(lambda: [m for m in [gw.api().message(ids[-1])] if m["reason"] == "quota"], 10, "the last one to say why")[0]
    equal(one["state"], "queued", "the last one")
    check(one["next_try"] == gw.link()["quota"]["used_up_until"], "it says until when")
    equal(gw.link()["state"], "up", "state")
    gw.restart()
    gw.wait_link()
    equal(used(gw, "acme"), 50, "used, after a restart")
    m = gw.metrics()
    equal((m['posthorn_link_quota_used{link="acme",of="month"}'], m['posthorn_link_quota_limit{link="acme",of="month"}']),
          (50, 50), "metrics")
    gw.settings["links"][0]["quota"]["month"] = 100
    gw.write_conf()
    gw.reload()
    wait_for(lambda: not [x for x in gw.api().all_messages() if x["state"] == "queued"], 20, "the rest to go")
    check(sim.stats["accepted"] <= 80, f"{sim.stats['accepted']} were taken")


@case("the count moves with the SIM, and the next link takes what the first may not")
def _(w):
    gw = w.gateway(links=[modem("1", quota={"month": 5}), modem("2")])
    gw.wait_link("1")
    gw.wait_link("2")
    post(gw.api(), rows(12))
    wait_ended(gw, 12)
    equal(sent(gw, "1", "2"), [5, 7], "sent")
    # The first gets a new SIM, and the second the one that was in the first.
    gw.settings["links"][0]["sim"], gw.settings["links"][1]["sim"] = "894902000009", "894902000001"
    gw.settings["links"][1]["quota"] = {"month": 6}
    gw.write_conf()
    gw.reload()
    gw.wait_link("1")
    gw.wait_link("2")
    equal((used(gw, "1"), used(gw, "2")), (0, 5), "used")
    gw.operator().call("POST", "/v1/links/1/stop").expect(202)
    gw.wait_link("1", "stopped")
    ids = post(gw.api(), rows(3))
    wait_for(lambda: used(gw, "2") == 6, 10, "the last of the quota to be used")
    equal(gw.api().message(ids[2])["reason"], "quota", "reason")
    equal(gw.link("2")["account"], "894902000001", "account")


@case("load: many over four modems, as many over each")
def _(w):
    names = ["1", "2", "3", "4"]
    gw = w.gateway({"routes": [{"links": names, "choose": "load"}]}, links=[modem(n, delay_ms=2) for n in names])
    for n in names:
        gw.wait_link(n)
    post(gw.api(), rows(1000))
    wait_ended(gw, 1000)
    n = sent(gw, *names)
    equal(sum(n), 1000, "sent")
    check(max(n) - min(n) <= 40, f"spread evenly: {n}")


@case("sticky: a recipient has its modem; without that one it has another, and the others keep theirs")
def _(w):
    names = ["1", "2", "3"]
    gw = w.gateway({"routes": [{"links": names, "choose": "sticky"}]}, links=[modem(n) for n in names])
    for n in names:
        gw.wait_link(n)
    some = rows(30)
    links = {}
    for _ in range(2):
        for row, i in zip(some, post(gw.api(), some)):
            link = gw.api().wait_state(i, "delivered")["parts"][0]["link"]
            equal(link, links.setdefault(row["to"], link), "the link of a recipient")
    gw.operator().call("POST", "/v1/links/2/stop").expect(202)
    gw.wait_link("2", "stopped")
    for row, i in zip(some, post(gw.api(), some)):
        link = gw.api().wait_state(i, "delivered")["parts"][0]["link"]
        check(link != "2" and (link == links[row["to"]] or links[row["to"]] == "2"), f"{link}, {links[row['to']]}")
    equal(len(set(links.values())), 3, "links that were used")


@case("price: the cheapest for the number")
def _(w):
    links = [modem("1", price=1.0, prices=[{"prefix": "79", "price": 0.1}]), modem("2", price=0.5)]
    gw = w.gateway({"routes": [{"links": ["1", "2"], "choose": "price"}]}, links=links)
    for n in ("1", "2"):
        gw.wait_link(n)
    equal(gw.api().wait_state(gw.api().send(to="+79001234567")["id"], "delivered")["parts"][0]["link"], "1", "link")
    equal(gw.api().wait_state(gw.api().send(to="+12025550142")["id"], "delivered")["parts"][0]["link"], "2", "link")


main()
