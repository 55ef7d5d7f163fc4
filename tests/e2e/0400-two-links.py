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
    a, b, gw = two(w, "on submit_sm status 0x45\n")
    api = gw.api()
    m = api.wait_state(api.send()["id"], "delivered")
    equal([(x["link"], x["outcome"], x["code"]) for x in attempts(api, m["id"])], [("acme", "rejected", 0x45)], "attempts")
    equal([e["link"] for e in api.events(m["id"]) if e["event"] == "submitted"], ["beta"], "submitted")


@case("a long message refused by the first goes whole over the second")
def _(w):
    a, b, gw = two(w, "on submit_sm status 0x45\n")
    api = gw.api()
    m = api.wait_state(api.send(text="x" * 400)["id"], "delivered")
    equal([p["link"] for p in m["parts"]], ["beta"] * 3, "links of the parts")
    got = b.submits()
    # 3GPP TS 23.040, 9.2.3.24.1: 05 00 03 reference parts part
    equal([s["text"][4:6] for s in got], [b"\x03\x01", b"\x03\x02", b"\x03\x03"], "parts at the second")
    equal(len({s["text"][3] for s in got}), 1, "one reference")


def one_part_refused(which):
    @case(f"part {which} of a long message refused, the others taken: rejected, naming the part; nothing goes over the second")
    def _(w):
        a, b, gw = two(w, f"on submit_sm {which} status 0x45\n")
        api = gw.api()
        m = api.wait_state(api.send(text="x" * 400)["id"], "rejected")
        equal(m["decided_by"], which, "the part that decided")
        equal(m["error"], {"code": "69", "text": "ESME_RSUBMITFAIL"}, "error")
        wait_for(lambda: all(p["state"] in FINAL for p in api.message(m["id"])["parts"]), 5, "every part to be final")
        equal([p["state"] for p in api.message(m["id"])["parts"]],
              ["rejected" if i == which else "delivered" for i in (1, 2, 3)], "parts")
        equal((a.stats["submits"], b.stats["submits"]), (3, 0), "submits")


for part in (1, 2, 3):
    one_part_refused(part)


@case("a long message that has to wait for the window is refused and goes over the second all the same")
def _(w):
    a, b = w.smsc(script="on submit_sm status 0x45\n"), w.smsc()
    gw = w.gateway(links=[smpp(a, "acme", window=2), smpp(b, "beta", window=2)])
    gw.wait_link("acme")
    gw.wait_link("beta")
    some = [{**r, "text": "x" * 400} for r in rows(20)]
    post(gw.api(), some)
    wait_ended(gw, 20)
    equal(set(taken(b).values()), {3}, "parts of each at the second")
    equal(b.stats["accepted"], 60, "parts at the second")


@case("a number that does not exist (0x0B): rejected by the first, the second is not asked")
def _(w):
    a, b, gw = two(w, "on submit_sm status 0x0B\n")
    api = gw.api()
    m = api.wait_state(api.send()["id"], "rejected")
    equal(m["error"]["text"], "ESME_RINVDSTADR", "error")
    equal((a.stats["submits"], b.stats["submits"]), (1, 0), "submits")


@case("attempts used up at the first: the second delivers it")
def _(w):
    a, b, gw = two(w, "on submit_sm status 0x08\n")
    api = gw.api()
    gw.settings["links"][0]["max_attempts"] = 2
    gw.write_conf()
    gw.reload()
    m = api.send()
    api.wait_state(m["id"], "delivered")
    equal([(x["link"], x["class"], x["code"]) for x in attempts(api, m["id"])], [("acme", "temporary", 8)] * 2, "attempts")
    equal((a.stats["submits"], b.stats["submits"]), (2, 1), "submits")


@case("a fault of the first link's session: the second delivers it at once")
def _(w):
    a, b, gw = two(w, "on submit_sm 1 status 0x04\n")
    api = gw.api()
    m = api.send()
    equal(api.wait_state(m["id"], "delivered")["parts"][0]["link"], "beta", "link")
    equal([(x["link"], x["outcome"]) for x in attempts(api, m["id"])], [("acme", "link_fault")], "attempts")


@case("refused for good by both: rejected, and both attempts are told")
def _(w):
    a, b, gw = two(w, "on submit_sm status 0x0A\n", "on submit_sm status 0x45\n")
    api = gw.api()
    m = api.wait_state(api.send()["id"], "rejected")
    equal([(x["link"], x["code"]) for x in attempts(api, m["id"])], [("acme", 0x0A), ("beta", 0x45)], "attempts")
    equal(m["error"]["text"], "ESME_RSUBMITFAIL", "error")


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
