#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0333: a link is told what to do at the worst moment: while its carrier dies, while nothing stands, with files that are gone."""
from faults import *
from harness import *
from relay import *


def tell(gw, word, status=202, name="acme"):
    return gw.operator().call("POST", f"/v1/links/{name}/{word}").expect(status)


@case("a link that drains loses its carrier with a window open: it is stopped, and no event is without a rule")
def _(w):
    sim = w.smsc(script="on submit_sm 1..100 swallow\n")
    gw = w.gateway(links=[smpp(sim, window=5)])
    gw.wait_link()
    post(gw.api(), rows(3))
    wait_for(lambda: sim.stats["submits"] == 3, 5, "three parts to be under way")
    tell(gw, "drain")
    sim.kill()
    gw.wait_link(state="stopped")
    check(not gw.find("event=smpp_event"), "an event without a rule")
    equal((gw.link()["malformed"], gw.link()["in_flight"]), (0, 0), "malformed, in flight")


@case("rebind of a link that waits after a failure binds at once")
def _(w):
    port = free_port()
    gw = w.gateway(links=[smpp(port, reconnect_min=60.0, reconnect_max=60.0)])
    gw.wait_link(state="down")
    w.smsc(port=port)
    tell(gw, "rebind")
    gw.wait_link(seconds=5)


main()
