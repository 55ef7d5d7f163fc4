#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0311: the form of ids is learned, receipts find their message whatever the carrier does, and what they say is kept.

Every case counts: of so many receipts, so many found their message."""
from faults import *
from harness import *

# what the carrier does, the setting of the link if it needs one, the form that is learned
FORMS = {
    "as they are": ("", {}, "tlv"),
    "text only": ("receipt form text\n", {}, "text"),
    "TLVs only": ("receipt form tlv\n", {}, "tlv"),
    "in message_payload": ("receipt form payload\n", {}, "text"),
    "in UTF-16": ("receipt form utf16\n", {}, "text"),
    "UUIDs": ("id uuid\n", {}, "tlv"),
    "leading zeros": ("id leading-zeros\nreceipt form text\n", {}, "text"),
    "response hexadecimal, receipt decimal": ("id hex-resp-dec-receipt\nreceipt form text\n", {}, "text+dec"),
    "response decimal, receipt hexadecimal": ("id dec-resp-hex-receipt\nreceipt form text\n", {}, "text+hex"),
    "decimal in the TLV too": ("id hex-resp-dec-receipt\n", {}, "tlv+dec"),
    "text and TLV in different bases": ("id tlv-differs\n", {}, "tlv"),
    "ids of 81 octets": ("id long\n", {}, "tlv"),
    "ids of 81 octets, text only": ("id long\nreceipt form text\n", {}, "text"),
    "a name in front": ("id name-in-front\nreceipt form text\n", {}, "text+cut-front"),
    "a name behind": ("id name-behind\n", {}, "tlv+cut-back"),
    "a name in the response": ("id name-in-resp\nreceipt form text\n", {}, "text+add-front"),
    "esm_class 0 with TLVs": ("receipt esm-class 0\n", {}, "tlv"),
    "esm_class 0, text only": ("receipt esm-class 0\nreceipt form text\n", {"untyped_receipts": True}, "text"),
    "addresses not swapped": ("receipt unswapped\nid hex-resp-dec-receipt\nreceipt form text\n", {}, "text+dec"),
    "no addresses": ("receipt anonymous\n", {}, None),
}


def match(gw):
    return gw.link()["receipt_match"]


def parked(gw, **query):
    return gw.operator().get("/v1/receipts/parked", limit=1000, **query).expect(200).json["receipts"]


def all_matched(gw, sim, n):
    wait_ended(gw, n, seconds=30)
    wait_for(lambda: sim.stats["receipts"]["acked"] == n, 10, "all receipts to be acknowledged")
    m = wait_for(lambda: (lambda m: m["matched"] >= n and m)(match(gw)), 10, "all receipts to be matched")
    equal((m["received"], m["matched"], m["rate"], m["alarm"]), (n, n, 1, False), "match of the link")
    equal(parked(gw), [], "parked receipts")
    return m


def learned(name, script, link, form, n, early):
    @case(f"{name}{', before the response' if early else ''}: {n} of {n}")
    def _(w):
        sim = w.smsc(script=script + ("receipt-first\n" if early else ""))
        gw = w.gateway(links=[smpp(sim, **link)])
        post(gw.api(), rows(n))
        equal(all_matched(gw, sim, n)["form"], form, "form")


for _name, (_script, _link, _form) in FORMS.items():
    learned(_name, _script, _link, _form, 300, False)
for _name in ("as they are", "response hexadecimal, receipt decimal", "a name in front"):
    learned(_name, *FORMS[_name], 3000, True)


@case("four binds, receipts at once and over another bind: 3000 of 3000")
def _(w):
    sim = w.smsc(script="receipt other-bind\nreceipt-first\nid hex-resp-dec-receipt\nreceipt form text\n")
    gw = w.gateway(links=[smpp(sim, binds=4)])
    post(gw.api(), rows(3000))
    all_matched(gw, sim, 3000)


@case("a form is still known after kill -9, and then found without trying, also for receipts that name no number")
def _(w):
    sim = w.smsc(script="id hex-resp-dec-receipt\nreceipt form text\n")
    gw = w.gateway(links=[smpp(sim)])
    post(gw.api(), rows(200))
    equal(all_matched(gw, sim, 200)["form"], "text+dec", "form")
    gw.restart(kill=True)
    m = match(gw)
    equal(m["form"], "text+dec", "form after the restart")
    check(m["forms"][0]["hits"] >= 20, f"hits: {m['forms']}")
    port = sim.port
    sim.close()
    w.remove(sim)
    sim = w.smsc(script="id hex-resp-dec-receipt\nreceipt form text\nreceipt anonymous\n", port=port)
    gw.wait_link()
    post(gw.api(), rows(200))
    wait_ended(gw, 200)
    equal(parked(gw), [], "parked receipts")


@case("kill -9 while receipts come late, twice, over other binds and in another base: 3000 of 3000, none parked")
def _(w):
    sim = w.smsc("--receipt-delay", "300", "--receipt-jitter", "2500", "--receipt-retry", "100", "--receipt-tries", "30",
                 script="id hex-resp-dec-receipt\nreceipt form text\nreceipt twice\nreceipt other-bind\n")
    gw = w.gateway(links=[smpp(sim, binds=4)])
    some, n = rows(3000), 3000
    ids = post(gw.api(), some)
    wait_for(lambda: sim.stats["accepted"] >= n, 20, "all to be at the carrier")
    wait_for(lambda: ended(gw) >= 500, 20, "some receipts to have come")
    gw.restart(kill=True)
    wait_for(lambda: sim.stats["receipts"]["acked"] >= 2 * n, 40, "all receipts to be acknowledged", every=0.1)
    once_each(some, sim)
    api = gw.api()
    wait_for(lambda: sum(m["state"] == "delivered" for m in api.all_messages(limit=1000)) == n, 20, f"{n} delivered",
             every=0.2)
    equal(parked(gw), [], "parked receipts")
    equal((match(gw)["rate"], len(ids)), (1, n), "rate since the restart")


@case("one recipient, small numbers in two bases: no message is settled by a receipt of another")
def _(w):
    sim = w.smsc("--first-id", "1", "--receipt-delay", "300", script="id hex-resp-dec-receipt\nreceipt form text\n")
    gw = w.gateway(links=[smpp(sim)])
    n = 100
    ids = post(gw.api(), [{"to": "+12025550142", "text": f"text {i}"} for i in range(n)])
    wait_ended(gw, n, seconds=30)
    equal(match(gw)["form"], "text+dec", "form")
    # 1 to 9 are the same in both bases, and no guess
    equal(sum(f["hits"] for f in match(gw)["forms"] if f["form"] not in ("text+dec", "text")), 0, "hits of other forms")
    wait_for(lambda: parked(gw) == [], 10, "the ambiguous ones to be tried again")
    equal({gw.api().message(i)["state"] for i in ids}, {"delivered"}, "states")


@case("a wrong receipt_id parks all receipts; set right, a reload finds every message")
def _(w):
    sim = w.smsc(script="id hex-resp-dec-receipt\nreceipt form text\n")
    gw = w.gateway(links=[smpp(sim, receipt_id="text")])
    n = 300
    post(gw.api(), rows(n))
    wait_for(lambda: len(parked(gw)) == n, 20, f"{n} parked receipts")
    p = parked(gw, link="acme")[0]
    equal((p["reason"], p["state"], p["stat"]), ("unknown_id", "delivered", "DELIVRD"), "a parked receipt")
    equal(parked(gw, link="nobody"), [], "of a link that is not there")
    equal(match(gw)["rate"], 0, "rate")
    gw.settings["links"][0]["receipt_id"] = "dec"
    gw.write_conf()
    gw.reload()
    wait_ended(gw, n)
    wait_for(lambda: parked(gw) == [], 5, "none to be parked any more")


@case("a receipt that names no message is kept and listed, and does not come again")
def _(w):
    sim = w.smsc(script="receipt form no-id\n")
    gw = w.gateway(links=[smpp(sim)])
    post(gw.api(), rows(20))
    wait_for(lambda: len(parked(gw)) == 20, 10, "20 parked receipts")
    equal({p["reason"] for p in parked(gw)}, {"no_id"}, "why")
    equal(sim.stats["receipts"]["acked"], 20, "acknowledged")


@case("no more receipts than queue.parked_max are parked, and what goes is counted")
def _(w):
    sim = w.smsc(script="receipt unknown-id every 1\n")
    gw = w.gateway({"queue": {"parked_max": 10}}, links=[smpp(sim)])
    post(gw.api(), rows(50))
    wait_for(lambda: sim.stats["receipts"]["acked"] == 50, 10, "all to be acknowledged")
    wait_for(lambda: gw.metrics()['posthorn_receipts_parked_lost_total{why="number"}'] == 40, 5, "40 to be gone")
    equal((len(parked(gw)), gw.metrics()["posthorn_receipts_parked"]), (10, 10), "parked")


@case("text that looks like a receipt is a message where the link does not say otherwise")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim)])
    gw.wait_link()
    sim.ask("mo 12025550142 777 id:1 stat:DELIVRD err:000")
    wait_for(lambda: len(gw.operator().get("/v1/inbound").json["inbound"]) == 1, 10, "the inbound message")
    equal(gw.link()["receipts"], 0, "receipts")


# ---- what they say ------------------------------------------------------------------------------------------------

def said(gw, message_id, event):
    return [e for e in gw.api().events(message_id) if e["event"] == event]


@case("the timeline shows which receipt said what, and how its id was read")
def _(w):
    to = rows(2)
    sim = w.smsc(script=f"id hex-resp-dec-receipt\nreceipt form text\nreceipt intermediate\n"
                        f"outcome to {to[1]['to'][1:]} UNDELIV err 034\n")
    gw = w.gateway(links=[smpp(sim)])
    good, bad = post(gw.api(), to)
    gw.api().wait_state(good, "delivered")
    gw.api().wait_state(bad, "undelivered")
    equal(said(gw, good, "final")[0]["receipt"], {"stat": "DELIVRD", "err": "000", "form": "text+dec"}, "delivered")
    equal(said(gw, bad, "final")[0]["receipt"], {"stat": "UNDELIV", "err": "034", "form": "text+dec"}, "undelivered")
    wait_for(lambda: said(gw, good, "receipt"), 5, "the intermediate one")
    e = said(gw, good, "receipt")[0]
    equal((e["outcome"], e["receipt"]["stat"], e["link"]), ("intermediate", "ENROUTE", "acme"), "intermediate")
    check("error" not in gw.api().message(good), "a delivery is no error")


@case("a later receipt corrects undelivered to delivered, with an event; kill -9 in between does not matter: 200 of 200")
def _(w):
    sim = w.smsc("--receipt-retry", "100", "--receipt-tries", "30",
                 script="outcome to 79* UNDELIV\nreceipt then DELIVRD 4000\n")
    hook = w.sink()
    gw = w.gateway(links=[smpp(sim)], webhook=hook)
    n = 200
    ids = post(gw.api(), rows(n))
    wait_ended(gw, n, "undelivered")
    gw.restart(kill=True)
    wait_for(lambda: gw.metrics()["posthorn_corrections_total"] == n, 20, f"{n} corrections")
    equal(parked(gw), [], "parked receipts")
    hook.wait(lambda events: len([e for e in events if e.get("correction")]) >= n, what="the events of the corrections")
    last = gw.api().events(ids[0])[-1]
    equal((last["state"], last["correction"], last["receipt"]["stat"]), ("delivered", True, "DELIVRD"), "the last moment")
    first = said(gw, ids[0], "final")[0]
    equal((first["state"], first["receipt"]["stat"]), ("undelivered", "UNDELIV"), "the first end is still told")


@case("unconfirmed is corrected after a kill -9 too: 100 of 100")
def _(w):
    sim = w.smsc("--receipt-delay", "7000", "--receipt-retry", "100", "--receipt-tries", "30")
    gw = w.gateway(links=[smpp(sim, receipt_timeout=1)])
    post(gw.api(), rows(1))  # the link must have given a receipt, or none is expected of it
    wait_for(lambda: gw.metrics()["posthorn_corrections_total"] == 1, 30, "the first correction")
    n = 100
    ids = post(gw.api(), rows(n))
    wait_for(lambda: ended(gw, "unconfirmed") == n + 1, 20, f"{n} to be unconfirmed")
    gw.restart(kill=True)
    wait_for(lambda: gw.metrics()["posthorn_corrections_total"] == n, 30, f"{n} corrections")
    equal({gw.api().message(i)["state"] for i in ids}, {"delivered"}, "states")
    equal(parked(gw), [], "parked receipts")


@case("the other direction changes nothing, and stays in the timeline")
def _(w):
    sim = w.smsc(script="receipt then UNDELIV 300\n")
    gw = w.gateway(links=[smpp(sim)])
    i = post(gw.api(), rows(1))[0]
    wait_for(lambda: said(gw, i, "receipt"), 10, "the second receipt")
    e = said(gw, i, "receipt")[0]
    equal((e["outcome"], e["state"], e["receipt"]["stat"]), ("ignored", "undelivered", "UNDELIV"), "the second receipt")
    equal(gw.api().message(i)["state"], "delivered", "state")
    equal(gw.metrics()['posthorn_receipts_total{met="ignored"}'], 1, "counted")


# ---- messages of several parts ----------------------------------------------------------------------------------------

LONG = "a long text " * 40  # 480 characters: four parts


@case("a part of a message that has failed already finds its receipt after kill -9: nothing stays parked")
def _(w):
    sim = w.smsc("--receipt-jitter", "5000", "--receipt-retry", "100", "--receipt-tries", "30",
                 script="outcome to 79* UNDELIV\n")
    gw = w.gateway(links=[smpp(sim)])
    n = 50
    ids = post(gw.api(), rows(n, text=LONG))
    wait_for(lambda: sim.stats["accepted"] == 4 * n, 10, "all parts to be at the carrier")
    wait_for(lambda: ended(gw, "undelivered") >= n // 2, 10, "half of them to have failed", every=0.01)
    gw.restart(kill=True)
    wait_for(lambda: sim.stats["receipts"]["acked"] == 4 * n, 30, "all receipts to be acknowledged")
    equal(parked(gw), [], "parked receipts")
    for i in ids:
        m = gw.api().wait_state(i, "undelivered")
        equal([p["state"] for p in m["parts"]], ["undelivered"] * 4, "parts")


def one_for_all(which):
    @case(f"a carrier that gives a receipt for the {which} part only: receipts = one, 100 of 100 messages")
    def _(w):
        sim = w.smsc(script=f"receipt parts {which}\n")
        gw = w.gateway(links=[smpp(sim, receipts="one")])
        n = 100
        ids = post(gw.api(), rows(n, text=LONG, report="all"))
        wait_ended(gw, n)
        equal(sim.stats["receipts"]["sent"], n, "receipts")
        m = gw.api().message(ids[0])
        equal([p["state"] for p in m["parts"]], ["delivered"] * 4, "parts")


one_for_all("first")
one_for_all("last")


@case("receipts = one, before the responses: 100 of 100 messages")
def _(w):
    sim = w.smsc(script="receipt parts first\nreceipt-first\n")
    gw = w.gateway(links=[smpp(sim, receipts="one")])
    post(gw.api(), rows(100, text=LONG))
    wait_ended(gw, 100)


@case("receipts = one: what it says of one part failed, the message has failed")
def _(w):
    sim = w.smsc(script="receipt parts last\noutcome to 79* EXPIRED\n")
    gw = w.gateway(links=[smpp(sim, receipts="one")])
    m = gw.api().wait_state(post(gw.api(), rows(1, text=LONG))[0], "expired")
    equal([p["state"] for p in m["parts"]], ["expired"] * 4, "parts")


@case("each: with a receipt for one part only a long message is unconfirmed at the deadline, and says how many parts came")
def _(w):
    sim = w.smsc(script="receipt parts first\n")
    gw = w.gateway(links=[smpp(sim, receipt_timeout=2)])
    m = gw.api().wait_state(post(gw.api(), rows(1, text=LONG))[0], "unconfirmed", seconds=15)
    equal((m["reason"], m["parts_delivered"]), ("no_receipt", 1), "reason and parts")


@case("receipts = none: none is asked for, and messages are unconfirmed at once")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim, receipts="none")])
    m = gw.api().wait_state(post(gw.api(), rows(1))[0], "unconfirmed")
    equal((m["reason"], gw.link()["reports"]), ("no_reports", "no"), "reason")
    equal(sim.stats["receipts"]["sent"], 0, "receipts")


main()
