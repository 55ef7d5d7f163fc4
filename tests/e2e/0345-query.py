#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0345: receipts do not come, and the carrier is asked (query_sm)."""
import shutil

from faults import *
from harness import *
from witnesses import *


def asking(sim, **over):
    """query_after is a second, as short as it may be."""
    return smpp(sim, query="late", query_after=1, query_tps=100, **over)


def answers(api, message_id):
    """What the timeline tells of questions: (event, state and error as received)."""
    return [(e["event"], e["receipt"]["stat"], e["receipt"]["err"]) for e in api.events(message_id)
            if e.get("receipt", {}).get("form") == "query_sm"]


@case("the receipt is lost: the carrier is asked with its id and our sender, and its answer is final")
def _(w):
    sim = w.smsc(script="receipt none\nid hex\noutcome to 12025550143 UNDELIV\n")
    sink = w.sink()
    gw = w.gateway(webhook=sink, links=[asking(sim)])
    api = gw.api()
    m = api.send(**{"from": "Posthorn"})["id"]
    api.wait_state(m, "delivered", seconds=20)
    equal(answers(api, m), [("final", "2", "0")], "timeline")
    s = sim.stats
    equal((s["queries"], s["query_id"], s["query_from"]), (1, sim.submits()[0]["id"], "5/0/Posthorn"), "query_sm")
    lost = api.send(to="+12025550143")["id"]
    api.wait_state(lost, "undelivered", seconds=20)
    equal(answers(api, lost), [("final", "5", "0")], "timeline")
    wait_for(lambda: len(sink.events) >= 2, 10, "the events")
    equal(sorted(e["state"] for e in sink.events), ["delivered", "undelivered"], "events")
    link = gw.link()
    equal(link["query"], {"state": "on", "reason": "", "asked": 2, "answered": 2, "settled": 2}, "link")
    equal((link["receipts"], link["receipt_match"]["received"]), (0, 0), "no receipt is made of it")
    equal(gw.metrics()['posthorn_link_queries_settled_total{link="acme"}'], 2, "metric")
    equal(sim.stats["malformed_pdus"], [], "malformed")


@case("on its way, accepted and unknown are no end: asked again with pauses that double; its receipt still counts")
def _(w):
    sim = w.smsc(script="receipt delay 4500\non query_sm from 100 state 1\non query_sm from 600 state 6\n"
                        "on query_sm from 700 state 7\n")
    gw = w.gateway(links=[asking(sim)])
    api = gw.api()
    ids = {x: api.send(**{"from": x + "0"})["id"] for x in ("10", "60", "70")}
    wait_for(lambda: sim.stats["queries"] == 6, 20, "two questions each")  # after one and three seconds
    for word, m in ids.items():
        wait_for(lambda m=m: len(answers(api, m)) == 2, 5, "two rows")
        told = [e for e in api.events(m) if e.get("receipt", {}).get("form") == "query_sm"]
        equal([(e["event"], e["outcome"], e["receipt"]["stat"]) for e in told], [("receipt", "intermediate", word[0])] * 2)
        at = [time.mktime(time.strptime(e["at"][:19], "%Y-%m-%dT%H:%M:%S")) for e in told]
        check(1 <= at[1] - at[0] <= 3, f"the pause: {at}")
        equal(api.message(m)["state"], "sent", "state")
    for m in ids.values():
        api.wait_state(m, "delivered", seconds=10)
    equal(sim.stats["queries"], 6, "and none after that")


@case("a carrier that does not know the command is asked once, the link says why, and the session lives; a restart of the link asks anew")
def _(w):
    for answer, word in (("nack 0x03", "ESME_RINVCMDID"), ("status 0x03", "ESME_RINVCMDID"), ("status 0x101", "ESME_RPROHIBITED")):
        sim = w.smsc(script=f"receipt none\non query_sm 1 {answer}\n")
        gw = w.gateway(links=[asking(sim, receipt_timeout=3600)])
        api = gw.api()
        ids = post(api, rows(3))
        gw.wait_line(r"event=query_sm_off link=acme reason=" + word)
        equal(gw.link()["query"]["state"], "refused", answer)
        equal(gw.link()["query"]["reason"], word, answer)
        equal(gw.metrics()['posthorn_link_query_refused{link="acme"}'], 1, "metric")
        more = api.send()["id"]
        api.wait_state(more, "sent")
        check(sim.stats["queries"] <= 3, "no question after those that were under way")
        equal((sim.stats["binds"], gw.link()["state"]), (1, "up"), "binds")
        before = sim.stats["queries"]
        gw.operator().post("/v1/links/acme/stop", None).expect(202)
        gw.wait_link(state="stopped")
        gw.operator().post("/v1/links/acme/start", None).expect(202)
        wait_for(lambda: sim.stats["queries"] > before, 20, "a question")
        for m in ids:
            api.wait_state(m, "delivered", seconds=20)
        gw.stop()


@case("failures in a row end it where the carrier has never answered, and do not where it has")
def _(w):
    sim = w.smsc(script="receipt none\non query_sm status 0x67\n")
    gw = w.gateway(links=[asking(sim, receipt_timeout=3600)])
    ids = post(gw.api(), rows(8))
    gw.wait_line(r"event=query_sm_off link=acme reason=ESME_RQUERYFAIL", 20)
    check(5 <= sim.stats["queries"] <= 8, "five, and what was under way")
    equal([gw.api().message(m)["state"] for m in ids], ["sent"] * 8, "states")
    sim = w.smsc(script="receipt none\non query_sm 2.. status 0x67\n")
    gw = w.gateway(links=[asking(sim, receipt_timeout=3600)])
    post(gw.api(), rows(8))
    wait_for(lambda: sim.stats["queries"] >= 12, 30, "more questions")
    equal(gw.link()["query"]["state"], "on", "state")


@case("a message that the carrier does not know is asked about once; one that is asked too much rests")
def _(w):
    sim = w.smsc(script="receipt none\non query_sm 1 status 0x0c\n")
    gw = w.gateway(links=[asking(sim, receipt_timeout=3)])
    api = gw.api()
    m = api.send()["id"]
    equal(api.wait_state(m, "unconfirmed", seconds=20)["reason"], "no_receipt", "reason")
    equal((sim.stats["queries"], answers(api, m)), (1, [("receipt", "ESME_RINVMSGID", "")]), "questions")
    sim = w.smsc(script="receipt none\non query_sm 1 throttle\n")
    gw = w.gateway(links=[asking(sim)])
    api = gw.api()
    m = api.send()["id"]
    wait_for(lambda: sim.stats["queries"] == 1, 10, "a question")
    api.wait_state(m, "delivered", seconds=30)
    equal(sim.stats["queries"], 2, "questions")


@case("questions stay within window and rate, and codes go on beside them")
def _(w):
    sim = w.smsc(script="receipt none\non query_sm swallow\n")
    gw = w.gateway(links=[smpp(sim, query="late", query_after=1, query_tps=5, window=8, response_timeout=20)])
    api = gw.api()
    post(api, rows(100))
    wait_for(lambda: sim.stats["queries"] == 1, 10, "the first question")
    for to in range(20):  # one place of eight is taken by the question that nobody answers
        api.wait_state(api.send(to=f"+120255501{to:02}", **{"class": "otp"})["id"], "sent")
    equal((sim.stats["queries"], gw.link()["in_flight"]), (1, 0), "questions, parts in flight")
    gw.kill()
    sim2 = w.smsc(script="receipt none\n")
    gw = w.gateway(links=[smpp(sim2, query="late", query_after=1, query_tps=5)])
    begin = time.monotonic()
    post(gw.api(), rows(20))
    wait_for(lambda: ended(gw) == 20, 30, "all to be delivered")
    check(time.monotonic() - begin >= 3, "no faster than query_tps")


@case("after a kill -9 those that wait are asked about at once, once each")
def _(w):
    sim = w.smsc(script="receipt none\n")
    gw = w.gateway(links=[smpp(sim, query="late", query_after=6, query_tps=100)])
    ids = post(gw.api(), rows(20))
    wait_for(lambda: all(gw.api().message(m)["state"] == "sent" for m in ids), 10, "all to be sent", every=0.05)
    gw.kill()
    gw.settings["links"][0]["query_after"] = 1
    gw.write_conf()
    gw.restart(kill=True)
    wait_for(lambda: ended(gw) == 20, 20, "all to be delivered")
    equal(sim.stats["queries"], 20, "questions")


@case("an answer that comes late tells the id of an uncertain part, and so it can be asked about")
def _(w):
    sim = w.smsc(script="receipt none\nslow 900\n")
    gw = w.gateway(links=[asking(sim, response_timeout=0.5, on_uncertain="fail", enquire_link=0)])
    api = gw.api()
    m = api.send()["id"]
    equal(api.wait_state(m, "unconfirmed", seconds=20)["reason"], "no_answer", "reason")
    gw.settings["links"][0]["response_timeout"] = 10  # the question shall be answered in time
    gw.write_conf()
    gw.reload()
    done = wait_for(lambda: (lambda x: x if x["state"] == "delivered" else None)(api.message(m)), 20, "the correction")
    check(done, "corrected")
    equal([e.get("correction") for e in api.events(m) if e["event"] == "final"], [None, True], "a correction")
    equal(sim.stats["submits"], 1, "submits")


@case("Wireshark reads our query_sm and finds nothing malformed")
def _(w):
    if not shutil.which("tshark"):
        skip("tshark is not installed")
    sim = w.smsc(script="receipt none\nid uuid\n")
    relay = Relay(w, sim.port)
    gw = w.gateway(links=[asking(relay.port, sender_rules=[{"match": "alphanumeric", "rewrite": "12345", "ton": 3, "npi": 0}])])
    gw.wait_link()
    api = gw.api()
    m = api.send(**{"from": "Posthorn"})["id"]
    api.wait_state(m, "delivered", seconds=20)
    gw.stop()
    path = w.path("run.pcap")
    pcap(path, relay.chunks)
    equal(malformed(path), [], "malformed")
    seen = [line.split("\t") for line in tshark(path, "-Y", "smpp.command_id == 3", "-T", "fields", "-e", "smpp.message_id",
                                                 "-e", "smpp.source_addr_ton", "-e", "smpp.source_addr_npi", "-e", "smpp.source_addr")]
    equal([(x[0], int(x[1], 0), int(x[2], 0), x[3]) for x in seen], [(sim.submits()[0]["id"], 3, 0, "12345")], "query_sm")


main()
