#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0400: a route with two links: the second one takes what the first cannot, and only that."""
from faults import *
from harness import *


def two(w, first="", second=""):
    a, b = w.smsc(script=first), w.smsc(script=second)
    gw = w.gateway(links=[smpp(a, "acme"), smpp(b, "beta")])
    gw.wait_link("acme")
    gw.wait_link("beta")
    return a, b, gw


@case("while the first link is up the second gets nothing")
def _(w):
    a, b, gw = two(w)
    some = rows(500)
    post(gw.api(), some)
    wait_ended(gw, 500)
    once_each(some, a)
    equal(b.stats["submits"], 0, "submits at the second")


@case("the first link is down: the second takes all, the timeline names it")
def _(w):
    b = w.smsc()
    gw = w.gateway(links=[smpp(free_port(), "acme"), smpp(b, "beta")])
    gw.wait_link("beta")
    some = rows(100)
    ids = post(gw.api(), some)
    wait_ended(gw, 100)
    once_each(some, b)
    equal(gw.api().message(ids[0])["parts"][0]["link"], "beta", "link")


@case("the first link dies under load and comes back: none lost, and it is used again")
def _(w):
    a, b, gw = two(w, "slow 20ms\n")
    some, more = rows(1500), rows(50)
    post(gw.api(), some)
    wait_for(lambda: a.stats["accepted"] > 100, 10, "the load to be under way")
    a.kill()
    gw.wait_link("acme", "down")
    wait_for(lambda: gw.metrics()["posthorn_queue_waiting"] == 0, 20, "all to be sent")
    seen = taken(a, b)
    equal([r["to"] for r in some if not seen[r["to"]]], [], "lost")
    check(sum(n - 1 for n in seen.values()) <= 50, "no more doubled than a window holds")
    check(b.stats["accepted"] > 1000, "the second took over")
    again = w.smsc(port=a.port)
    gw.wait_link("acme")
    post(gw.api(), more)
    wait_for(lambda: again.stats["accepted"] == 50, 10, "the first link to be used again")


@case("refused for good by the first: the second delivers it, both are in the timeline")
def _(w):
    a, b, gw = two(w, "on submit_sm status 0x0B\n")
    api = gw.api()
    m = api.wait_state(api.send()["id"], "delivered")
    equal([(x["link"], x["outcome"], x["code"]) for x in attempts(api, m["id"])], [("acme", "rejected", 0x0B)], "attempts")
    equal([e["link"] for e in api.events(m["id"]) if e["event"] == "submitted"], ["beta"], "submitted")


@case("refused for good by both: rejected, and both attempts are told")
def _(w):
    a, b, gw = two(w, "on submit_sm status 0x0B\n", "on submit_sm status 0x45\n")
    api = gw.api()
    m = api.wait_state(api.send()["id"], "rejected")
    equal([(x["link"], x["code"]) for x in attempts(api, m["id"])], [("acme", 0x0B), ("beta", 0x45)], "attempts")
    check("ESME_RSUBMITFAIL" in m["error"], m["error"])


@case("refused for now stays with the first link")
def _(w):
    a, b, gw = two(w, "on submit_sm 1 status 0x08\n")
    api = gw.api()
    api.wait_state(api.send()["id"], "delivered")
    equal((a.stats["submits"], b.stats["submits"]), (2, 0), "submits")


@case("an operator drains the first link: what is in flight ends there, the rest goes over the second; none twice")
def _(w):
    a, b, gw = two(w, "slow 20ms\n")
    some = rows(1000)
    post(gw.api(), some)
    wait_for(lambda: a.stats["accepted"] > 100, 10, "the load to be under way")
    gw.operator().post("/v1/links/acme/drain", None).expect(202)
    wait_ended(gw, 1000, seconds=30)
    once_each(some, a, b)
    wait_for(lambda: gw.link("acme")["state"] == "stopped", 5, "the link to be stopped")
    gw.operator().post("/v1/links/acme/start", None).expect(202)
    gw.wait_link("acme")


main()
