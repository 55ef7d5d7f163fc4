#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0300: the carrier goes away, comes back, or breaks the rules: nothing is lost, and only what was in flight may double."""
import collections

from faults import *
from harness import *

WINDOW = 20


@case("while the carrier is away texts wait and say link_down; when it is back each goes once")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim)])
    api, before, after = gw.api(), rows(50), rows(300)
    post(api, before)
    wait_ended(gw, 50)
    sim.close()
    gw.wait_link(state="down")
    check(gw.link()["reason"], "a link that is down says why")
    ids = post(api, after)
    m = wait_for(lambda: (lambda m: m if m.get("reason") == "link_down" else None)(api.message(ids[-1])), 5,
                 "a message to say link_down")
    equal(m["state"], "queued")
    check(m["since"], "a message that waits says since when")
    lanes = gw.operator().get("/v1/queue").json["lanes"]
    equal([(x["waiting"], x["reason"]) for x in lanes], [(300, "link_down")], "lanes")
    again = w.smsc(port=sim.port)
    wait_ended(gw, 350)
    once_each(before + after, sim, again)
    equal(again.stats["malformed"], 0, "malformed")


@case("a carrier that is not there at the start is found when it comes")
def _(w):
    port = free_port()
    gw = w.gateway(links=[smpp(port)])
    m = gw.api().send()
    wait_for(lambda: gw.link()["state"] == "down", 5, "the link to be down")
    w.smsc(port=port)
    gw.api().wait_state(m["id"], "delivered")


@case("the carrier dies (kill -9) under load: none is lost, none doubled beyond the window")
def _(w):
    # Slow answers keep the window full; receipts at once, because a killed carrier forgets the others.
    sim = w.smsc(script="slow 20ms\n")
    gw = w.gateway(links=[smpp(sim, window=WINDOW, max_attempts=20)])
    some = rows(2000)
    post(gw.api(), some)
    wait_for(lambda: sim.stats["submits"] > 200, 10, "the load to be under way")
    sim.kill()
    again = w.smsc(port=sim.port)
    # What the dead carrier took and answered, but whose receipt died with it, stays sent.
    wait_for(lambda: gw.metrics()["posthorn_queue_waiting"] == 0, 20, "all to be sent")
    seen = taken(sim, again)
    equal([r["to"] for r in some if not seen[r["to"]]], [], "lost")
    doubled = [to for to, n in seen.items() if n > 1]
    check(len(doubled) <= WINDOW, f"{len(doubled)} doubled, window {WINDOW}")
    check(max(seen.values()) <= 2, "nothing goes a third time")
    equal(gw.link()["uncertain"] >= len(doubled), True, "each doubled one was counted as uncertain")


def breaks(name, script, lost_answers=True):
    """The carrier does something to the connection every so often; what it took is known from its log."""
    @case(f"{name}: bound again, none lost, only what was in flight doubled")
    def _(w):
        sim = w.smsc(script=script)
        gw = w.gateway(links=[smpp(sim, window=WINDOW, response_timeout=0.5, enquire_link=0.3, max_attempts=20)])
        some = rows(150)
        post(gw.api(), some)
        wait_ended(gw, 150, seconds=40)
        seen = taken(sim)
        equal([r["to"] for r in some if not seen[r["to"]]], [], "lost")
        link = gw.link()
        check(link["reconnects"] >= 1, f"the link bound again: {link}")
        doubled = sum(n - 1 for n in seen.values())
        check(doubled <= link["uncertain"], f"{doubled} doubled, {link['uncertain']} uncertain")
        # A carrier that only falls silent gets a second window while the first one's answers are given up.
        check(doubled <= 2 * WINDOW * link["reconnects"], f"{doubled} doubled in {link['reconnects']} breaks")
        equal(sim.stats["malformed"], 0, "malformed at the carrier")


breaks("connection cut in the middle of the window", "on submit_sm 60 drop\n")
breaks("unbind in the middle of the window", "on submit_sm 60 unbind\n")
breaks("garbage instead of a PDU", "garbage after 40\n")
breaks("half a PDU and silence", "half-pdu after 40\n")
breaks("a wrong command_length", "wrong-length after 40\n")
breaks("enquire_link not answered", "no-enquire-answer\non submit_sm 30 half-pdu\n")


@case("an unknown command is refused with generic_nack and the bind stays")
def _(w):
    sim = w.smsc(script="unknown-command after 20\n")
    gw = w.gateway(links=[smpp(sim)])
    some = rows(100)
    post(gw.api(), some)
    wait_ended(gw, 100)
    once_each(some, sim)
    s = sim.stats
    equal((s["connections"], s["nacks_received"]), (1, 1), "connections, nacks")


@case("binds that are refused are tried again until one is taken")
def _(w):
    sim = w.smsc(script="bind refuse 0x0D first 2\n")
    gw = w.gateway(links=[smpp(sim, reconnect_refused=0.05)])
    m = gw.api().send()
    gw.api().wait_state(m["id"], "delivered")
    s = sim.stats
    equal((s["binds_refused"], s["accepted"]), (2, 1), "binds refused, messages")


@case("one of four binds is cut again and again: the others go on")
def _(w):
    sim = w.smsc(script="on submit_sm every 100 drop\n")
    gw = w.gateway(links=[smpp(sim, binds=4, window=10, max_attempts=50)])
    some = rows(1000)
    post(gw.api(), some)
    wait_ended(gw, 1000, seconds=30)
    seen = taken(sim)
    equal([r["to"] for r in some if not seen[r["to"]]], [], "lost")
    check(sum(n - 1 for n in seen.values()) <= gw.link()["uncertain"], "only uncertain ones are doubled")


main()
