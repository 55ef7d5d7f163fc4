#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0850: what a link tells of itself is shown and measured, and USSD goes over it.

The loopback plays the modem: it knows codes for what a network or a person would do."""
import re

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
    equal(m['posthorn_link_network{link="sim1",operator="none",registration=""}'], 1, "its network")
    check(not any(name.startswith("posthorn_link_operator") or "iccid" in name for name in m), "texts are no gauges")


@case("how much waits for each link, also of a route that chooses between two")
def _(w):
    gw = w.gateway({"routes": [{"prefix": ["49"], "links": ["sim1"]}, {"links": ["sim2", "sim3"], "choose": "load"}]},
                   links=[sim(tps=0.01), sim("sim2", tps=0.01), sim("sim3", tps=0.01)])
    for name in "sim1", "sim2", "sim3":
        gw.wait_link(name)
    post(gw.api(), [{"to": f"+4915100000{i:02}", "text": "x"} for i in range(5)])
    post(gw.api(), rows(9))
    waits = lambda: [gw.link(name)["waiting"] for name in ("sim1", "sim2", "sim3")]  # one of each is at the link
    wait_for(lambda: waits() == [4, 7, 7], 10, "the counts")
    equal(gw.metrics()['posthorn_link_waiting{link="sim1"}'], 4, "the gauge")


@case("USSD: an answer, a dialogue, no answer, one at a time, and the faults of a request")
def _(w):
    gw = w.gateway(links=[sim(ussd="Balance 12.50"), {"name": "wire", "driver": "smpp", "host": "127.0.0.1", "port": 1,
                                                     "system_id": "x", "password": "x"}])
    gw.wait_link("sim1")
    equal(dial(gw, "*100#"), {"text": "Balance 12.50", "done": True}, "the answer")
    equal(dial(gw, "*1#")["done"], False, "the network waits for an answer")
    begin = time.monotonic()
    dial(gw, "*0#", 504, "no_answer")
    check(time.monotonic() - begin > 0.15, "it waited as long as the link says")
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
    head, row = posthorn(gw, "modems")[1].splitlines()[:2]
    equal(row[head.lower().index("reports"):][:4], "none", "reports in posthorn modems")
    dial(gw, "*5#")
    equal(gw.link("sim1")["reports"], "yes", "reports")
    gw.api().wait_state(gw.api().send()["id"], "delivered")


@case("the balance is asked for by USSD: a fact, a gauge, and an alarm while it is low")
def _(w):
    balance = {"ussd": "*100#", "pattern": "Guthaben: ([0-9.,]+)", "alarm_below": 50.0}
    gw = w.gateway(links=[sim(ussd="Nr. 7 Guthaben: 1.012,50 EUR", balance=balance)])
    wait_for(lambda: "balance" in gw.link("sim1")["facts"], 10, "the balance")
    equal(gw.link("sim1")["facts"]["balance"], 1012.5, "balance")
    equal(gw.metrics()['posthorn_link_balance{link="sim1"}'], 1012.5, "gauge")
    equal(gw.link("sim1")["alarms"], [], "alarms")
    gw.settings["links"][0]["balance"]["alarm_below"] = 2000.0
    gw.write_conf()
    gw.reload()
    wait_for(lambda: [a["code"] for a in gw.link("sim1")["alarms"]] == ["balance_low"], 10, "the alarm")
    gw.settings["links"][0]["balance"]["pattern"] = "(["
    gw.write_conf()
    gw.reload(wanted=r"event=reload_refused .*links\[0\]\.balance\.pattern")
    del gw.settings["links"][0]["balance"]
    gw.write_conf()
    gw.reload()
    equal((gw.link("sim1")["alarms"], "balance" in gw.link("sim1")["facts"]), ([], False), "without the setting")


@case("a balance that the network tells with a menu: the dialogue is ended")
def _(w):
    gw = w.gateway(links=[sim(ussd="12.50 left. 1 more, 2 less", balance={"ussd": "*1#", "pattern": "([0-9.]+) left"})])
    wait_for(lambda: gw.link("sim1")["facts"].get("balance") == 12.5, 10, "the balance")
    wait_for(lambda: gw.link("sim1")["facts"]["ussd_asked"] == 2, 10, "the end of the dialogue")


def posthorn(gw, *words):
    return run(os.path.join(BUILD, "posthorn"), *words,
               env={"POSTHORN_URL": f"http://127.0.0.1:{gw.port}", "POSTHORN_KEY": gw.keys["ops"]})


@case("posthorn modems and posthorn ussd")
def _(w):
    links = [sim(ussd="Balance 12.50", quota={"month": 10, "day": 100}), {"name": "null", "driver": "loopback"}]
    gw = w.gateway(links=links)
    gw.wait_link("sim1")
    post(gw.api(), rows(3))
    wait_ended(gw, 3)
    end, out, err = posthorn(gw, "modems")
    equal((end, err), (0, ""), "end")
    head, row = [line for line in out.splitlines() if line.strip()]
    check(re.match(r"NAME +STATE +OPERATOR .*SIM +WAITING +SENT/H +QUOTA LEFT", head, re.I), head)
    check(re.search(r"sim1 +up +none .*8949020000001 +0 +3 +7 of 10 \(month\)", row), row)
    equal([x["name"] for x in json.loads(posthorn(gw, "modems", "--json")[1])["links"]], ["sim1", "null"], "links")
    equal(posthorn(gw, "ussd", "sim1", "*100#"), (0, "Balance 12.50\n", ""), "an answer")
    check("waits for an answer" in posthorn(gw, "ussd", "sim1", "*1#")[2], "the network asks back")
    equal(posthorn(gw, "ussd", "sim1", "*0#")[0], 1, "end without an answer")
    equal(posthorn(gw, "ussd", "sim1")[0], 2, "end without a code")


main()
