#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 28 s
"""0332: three SMPP stacks by three authors, over TCP that cuts PDUs into octets or glues many together."""
from carriers import *
from faults import *
from harness import *
from relay import *

MODES = ("plain", "fragment", "coalesce")


def through(name, carrier_of, check_carrier):
    for mode in MODES:
        @case(f"{name}, {mode}: 100 messages with receipts, each once, in one session")
        def _(w, mode=mode):
            carrier = carrier_of(w)
            relay = Relay(w, carrier.port, mode)
            gw = w.gateway(links=[smpp(relay.port, window=20, enquire_link=0.3)])
            gw.wait_link()
            some = rows(100)
            post(gw.api(), some)
            wait_ended(gw, 100, seconds=30)
            time.sleep(0.4)  # an enquire_link goes both ways through it
            link = gw.link()
            equal((link["reconnects"], link["malformed"], link["uncertain"], relay.n), (0, 0, 0, 1),
                  "reconnects, malformed, uncertain, connections")
            gw.stop()
            check_carrier(carrier, some)


def heard_all(carrier, some):
    got = carrier.of("submit_sm")
    equal(sorted((h["to"], h["text"]) for h in got), sorted((r["to"][1:], r["text"]) for r in some), "heard")
    equal({int(h["status"]) for h in carrier.of("deliver_sm_resp")}, {0}, "answers to receipts")
    equal(len(carrier.of("deliver_sm_resp")), 100, "answers to receipts")
    check(carrier.of("enquire_link"), "an enquire_link")
    wait_for(lambda: carrier.of("unbind"), 5, "unbind")
    equal(carrier.of("error") + carrier.of("unknown") + [h for h in carrier.of("other") if h["cmd"] != "80000015"], [],
          "errors")


def sim_all(sim, some):
    once_each(some, sim)
    s = sim.stats
    equal((s["malformed"], s["unexpected_responses"], s["unbinds"]), (0, 0, 1), "malformed, odd, unbinds")


through('npm "smpp"', NpmCarrier, heard_all)
through("Perl Net::SMPP", PerlCarrier, heard_all)
through("the simulated carrier", lambda w: w.smsc(), sim_all)


@case("a carrier that itself writes octet by octet")
def _(w):
    sim = w.smsc(script="fragment\n")
    gw = w.gateway(links=[smpp(sim, window=20)])
    some = rows(100)
    post(gw.api(), some)
    wait_ended(gw, 100)
    sim_all_but_unbind = sim.stats
    once_each(some, sim)
    equal((sim_all_but_unbind["malformed"], gw.link()["reconnects"]), (0, 0), "malformed, reconnects")


@case("TLS over a wire that cuts every record into octets")
def _(w):
    sim, ca = w.smsc(), Authority(w)
    front = Relay(w, sim.port, tls=terminator(*ca.certificate("smsc", san="DNS:localhost")))
    wire = Relay(w, front.port, "fragment")
    gw = w.gateway(links=[smpp(wire.port, host="localhost", tls=True, tls_ca=ca.path)])
    some = rows(50)
    post(gw.api(), some)
    wait_ended(gw, 50)
    once_each(some, sim)
    equal(gw.link()["reconnects"], 0, "reconnects")


main()
