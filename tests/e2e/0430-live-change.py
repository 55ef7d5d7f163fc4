#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0430: rate and window of a link are changed while it runs, and taken back."""
from faults import *
from harness import *


def change(gw, body, status=200):
    return gw.operator().call("PATCH", "/v1/links/acme", body).expect(status).json


@case("tps is changed under load: the new rate at once, never more; null and a reload take it back")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim, tps=300.0)])
    gw.wait_link()
    some = rows(1000)
    post(gw.api(), some)
    wait_for(lambda: sim.stats["accepted"] > 100, 10, "the load to be under way")
    link = change(gw, {"tps": 50})
    equal((link["tps"], link["overridden"]), (50, ["tps"]), "tps, overridden")
    begin, n = time.monotonic(), sim.stats["accepted"]
    wait_for(lambda: time.monotonic() - begin > 3.2, 10, "three seconds to pass", every=0.2)
    n = sim.stats["accepted"] - n
    check(n <= 50 * 3.3 * 1.1, f"{n} in three seconds at 50 per second")
    check(n >= 50 * 1.5, f"{n} in three seconds at 50 per second, the first of them used up before")
    check(gw.metrics()['posthorn_link_rate_limit{link="acme"}'] == 50, "the metric")
    link = change(gw, {"tps": None})
    equal((link["tps"], link["overridden"]), (300, []), "tps, overridden")
    change(gw, {"tps": 10.5})
    gw.reload()
    link = gw.link()
    equal((link["tps"], link["overridden"]), (300, []), "after a reload")
    wait_ended(gw, 1000)
    once_each(some, sim)


@case("a tps below what the carrier was found to take is the limit that is shown, and no reason to say throttled")
def _(w):
    sim = w.smsc(script="on submit_sm 60..79 throttle\n")
    gw = w.gateway(links=[smpp(sim, tps=0.0, window=50)])
    gw.wait_link()
    post(gw.api(), rows(100))
    wait_for(lambda: gw.link()["throttled"] == 20 and gw.link()["sent"] == 100, 20, "all to be taken")
    check(gw.link()["rate_limit"] > 1, "a limit was found")
    link = change(gw, {"tps": 1})
    equal((link["rate_limit"], link["reason"]), (1, ""), "limit, reason")


@case("the window is changed under load, up and down, on two binds")
def _(w):
    sim = w.smsc(script="slow 50ms\n")
    gw = w.gateway(links=[smpp(sim, window=5, binds=2)])
    gw.wait_link()
    some = rows(4000)
    for i in range(0, 4000, 1000):
        post(gw.api(), some[i:i + 1000])
    wait_for(lambda: gw.link()["in_flight"] == 10, 10, "the window to be full")
    link = change(gw, {"window": 100})
    equal((link["window"], link["overridden"]), (200, ["window"]), "window, overridden")
    wait_for(lambda: gw.link()["in_flight"] > 150, 10, "the larger window to be used")
    change(gw, {"window": 3})
    wait_for(lambda: gw.link()["in_flight"] <= 6, 10, "the smaller window to be kept")
    check(gw.link()["in_flight"] > 0, "it goes on")
    equal(change(gw, {"window": None})["window"], 10, "as configured")
    change(gw, {"window": 400})
    wait_ended(gw, 4000, seconds=30)
    once_each(some, sim)
    equal(sim.stats["binds"], 2, "no bind was made anew")


@case("a link of 32 binds answers with all of them, and binds made anew keep the changed window")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim, window=5, binds=32)])
    wait_for(lambda: gw.link()["window"] == 160, 20, "all binds")
    link = change(gw, {"window": 7})
    equal((link["window"], len(link["binds"])), (224, 32), "window, binds")
    gw.operator().call("POST", "/v1/links/acme/rebind").expect(202)
    wait_for(lambda: sim.stats["binds"] == 64, 30, "all to bind again")
    wait_for(lambda: gw.link()["window"] == 224, 10, "the window")


@case("what is no such setting, out of range or no number is refused, and nothing is changed")
def _(w):
    gw = w.gateway(links=[smpp(w.smsc(), tps=100.0)])
    gw.wait_link()
    for body, status, code, field in (
            ({"tps": -1}, 400, "invalid_parameter", "tps"), ({"tps": 1000001}, 400, "invalid_parameter", "tps"),
            ({"window": 0}, 400, "invalid_parameter", "window"), ({"window": 1001}, 400, "invalid_parameter", "window"),
            ({"window": 2.5}, 400, "wrong_type", "window"), ({"tps": "fast"}, 400, "wrong_type", "tps"),
            ({"tps": 5, "burst": 3}, 400, "unknown_field", "burst"), ({}, 400, "missing_field", None),
            ([], 400, "invalid_json", None), ({"tps": 5, "window": 9999}, 400, "invalid_parameter", "window")):
        error = change(gw, body, status)["error"]
        equal((error["code"], error.get("field")), (code, field), f"{body}")
    equal(gw.operator().call("PATCH", "/v1/links/nobody", {"tps": 1}).expect(404).json["error"]["code"], "not_found")
    equal(gw.api().call("PATCH", "/v1/links/acme", {"tps": 1}).expect(403).json["error"]["code"], "not_operator")
    link = gw.link()
    equal((link["tps"], link["overridden"]), (100, []), "unchanged")


main()
