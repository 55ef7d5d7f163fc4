#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0850: what a link tells of itself is shown and measured, and USSD goes over it.

The loopback plays the modem: it knows codes for what a network or a person would do."""
from faults import *
from harness import *


def sim(name="sim1", **over):
    return merge({"name": name, "driver": "loopback", "sim": "8949020000001", "response_timeout": 0.2}, over)


def dial(gw, code, status=200, error=None):
    return gw.operator().call("POST", "/v1/links/sim1/ussd", {"code": code}).expect(status, error).json


@case("facts are in the list of links, and its numbers are gauges")
def _(w):
    gw = w.gateway(links=[sim(), sim("sim2", sim="8949020000002")])
    gw.wait_link("sim1")
    post(gw.api(), rows(3))
    wait_ended(gw, 3)
    facts = gw.link("sim1")["facts"]
    equal((facts["iccid"], facts["operator"], facts["settled"]), ("8949020000001", "none", 3), "facts")
    equal(gw.link("sim2")["facts"]["settled"], 0, "of the other link")
    m = gw.metrics()
    equal((m['posthorn_link_settled{link="sim1"}'], m['posthorn_link_settled{link="sim2"}']), (3, 0), "gauges")
    check(not any("operator" in name or "iccid" in name for name in m), "texts are no gauges")


@case("USSD: an answer, a dialogue, no answer, one at a time, and the faults of a request")
def _(w):
    gw = w.gateway(links=[sim(ussd="Balance 12.50"), {"name": "wire", "driver": "smpp", "host": "127.0.0.1", "port": 1,
                                                     "system_id": "x", "password": "x"}])
    gw.wait_link("sim1")
    equal(dial(gw, "*100#"), {"text": "Balance 12.50", "done": True}, "the answer")
    equal(dial(gw, "*1#")["done"], False, "the network waits for an answer")
    begin = time.monotonic()
    dial(gw, "*0#", 504, "no_answer")
    check(time.monotonic() - begin >= 0.2, "it waited as long as the link says")
    ops = gw.operator()
    ops.call("POST", "/v1/links/sim1/ussd", {"code": "x" * 183}).expect(400, "invalid_parameter")
    ops.call("POST", "/v1/links/sim1/ussd", {"code": 100}).expect(400, "wrong_type")
    ops.call("POST", "/v1/links/sim1/ussd", {}).expect(400, "missing_field")
    ops.call("POST", "/v1/links/sim1/ussd", {"code": "*1#", "x": 1}).expect(400, "unknown_field")
    ops.call("POST", "/v1/links/wire/ussd", {"code": "*1#"}).expect(422, "unsupported")
    ops.call("POST", "/v1/links/none/ussd", {"code": "*1#"}).expect(404, "not_found")
    gw.api().call("POST", "/v1/links/sim1/ussd", {"code": "*1#"}).expect(403, "not_operator")
    ops.call("POST", "/v1/links/sim1/stop").expect(202)
    gw.wait_link("sim1", "stopped")
    dial(gw, "*100#", 409, "link_state")


@case("two codes at once: the second is told to wait; a link that stops answers the first")
def _(w):
    gw = w.gateway(links=[sim(response_timeout=30.0)])
    gw.wait_link("sim1")
    results = []
    t = threading.Thread(target=lambda: results.append(gw.operator().call("POST", "/v1/links/sim1/ussd", {"code": "*0#"})))
    t.start()
    wait_for(lambda: gw.link("sim1")["facts"]["ussd_asked"] == 1, 10, "the first code to be sent")
    dial(gw, "*100#", 409, "link_state")
    gw.operator().call("POST", "/v1/links/sim1/stop").expect(202)
    t.join(10)
    results[0].expect(409, "link_state")


@case("an alarm is listed, measured and logged once, until it is over")
def _(w):
    gw = w.gateway(links=[sim()])
    gw.wait_link("sim1")
    equal(gw.link("sim1")["alarms"], [], "no alarm")
    for _ in range(2):
        dial(gw, "*2#")
    alarm = gw.link("sim1")["alarms"]
    equal([(a["code"], a["text"]) for a in alarm], [("as_asked", "somebody dialled *2#")], "alarms")
    m = gw.metrics()
    equal((m['posthorn_link_alarm{link="sim1",alarm="as_asked"}'], m['posthorn_link_alarms{link="sim1"}'],
           m['posthorn_link_alarms_total{link="sim1"}']), (1, 1, 1), "metrics")
    dial(gw, "*3#")
    equal(gw.link("sim1")["alarms"], [], "over")
    m = gw.metrics()
    equal((m['posthorn_link_alarms{link="sim1"}'], m['posthorn_link_alarms_total{link="sim1"}']), (0, 1), "metrics")
    equal(sum("event=link_alarm " in line for line in gw.lines), 1, "lines of its beginning")
    equal(sum("event=link_alarm_over " in line for line in gw.lines), 1, "lines of its end")


@case("a link that finds out that it gives no receipts: what it takes is unconfirmed, with the reason")
def _(w):
    gw = w.gateway(links=[sim()])
    gw.wait_link("sim1")
    equal(gw.link("sim1")["reports"], "yes", "reports")
    dial(gw, "*4#")
    equal(gw.link("sim1")["reports"], "no", "reports")
    one = gw.api().wait_state(gw.api().send()["id"], "unconfirmed")
    equal(one["reason"], "no_reports", "reason")
    dial(gw, "*5#")
    equal(gw.link("sim1")["reports"], "yes", "reports")
    gw.api().wait_state(gw.api().send()["id"], "delivered")


main()
