#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 20 s
"""0340: answers are lost: what is sent again, lost or doubled under each policy, and what receipts tell instead.

A table of it is printed at the end."""
import collections

from faults import *
from harness import *

N = 100
TABLE = []

SWALLOWED = ("not taken, no answer", "on submit_sm every 5 swallow\n")
LOST = ("taken, no answer, receipts quote nothing", "on submit_sm every 5 lose\n")
QUOTED = ("taken, no answer, receipts quote the text", "on submit_sm every 5 lose\nreceipt quotes\n")
NUMBERED = ("taken, no answer, receipts have the number", "on submit_sm every 5 lose\nreceipt numbered\n")
DROPPED = ("link lost with the window open", "on submit_sm 21..39 lose\non submit_sm 60 drop\nreceipt quotes\nreceipt delay 400\n")


def finish(gw, n, seconds=40):
    begin = time.monotonic()
    wait_for(lambda: ended(gw) + ended(gw, "unconfirmed") + ended(gw, "rejected") >= n, seconds, "all to be final", every=0.02)
    return time.monotonic() - begin


def run_load(w, policy, what, **over):
    sim = w.smsc(script=what[1])
    gw = w.gateway(links=[smpp(sim, on_uncertain=policy, receipt_timeout=3, window=20, max_attempts=10,
                               **{"response_timeout": 0.5, **over})])
    some = rows(N)
    post(gw.api(), some)
    took = finish(gw, N)
    wait_for(lambda: (lambda r: r["acked"] == r["created"])(sim.stats["receipts"]), 10, "every receipt to be acknowledged")
    seen, states = taken(sim), collections.Counter(m["state"] for m in gw.api().all_messages())
    row = {"lost": sum(not seen[r["to"]] for r in some), "doubled": sum(seen[r["to"]] > 1 for r in some),
           "delivered": states["delivered"], "unconfirmed": states["unconfirmed"], "uncertain": gw.link()["uncertain"]}
    equal(row["delivered"] + row["unconfirmed"], N, "final")
    check(row["lost"] <= row["unconfirmed"], "nothing lost is called delivered")
    TABLE.append((what[0], policy, sim.stats["submits"], row["lost"], row["doubled"], row["delivered"],
                  row["unconfirmed"], f"{took:.1f} s"))
    return row


def policies(what, **over):
    def add(judge):
        for policy in ("resend", "hold", "fail"):
            @case(f"{what[0]}, {policy}")
            def _(w, policy=policy):
                judge(run_load(w, policy, what, **over), policy)
        return judge
    return add


@policies(SWALLOWED)
def _(row, policy):
    check(row["uncertain"] >= N // 5, "answers were missing")
    equal(row["doubled"], 0, "doubled")
    equal(row["lost"], 0 if policy == "resend" else row["uncertain"], "lost")
    equal(row["unconfirmed"], row["lost"], "unconfirmed")


@policies(LOST)
def _(row, policy):
    equal(row["lost"], 0, "lost")
    if policy == "resend":
        check(0 < row["doubled"] <= row["uncertain"], "doubled: some, and only what was uncertain")
    else:
        equal((row["doubled"], row["unconfirmed"]), (0, row["uncertain"]), "doubled, unconfirmed")


@policies(QUOTED)
def _(row, policy):
    equal(row["uncertain"], N // 5, "uncertain: none was sent again")
    equal((row["lost"], row["doubled"], row["unconfirmed"]), (0, 0, 0), "lost, doubled, unconfirmed")


@policies(NUMBERED, user_message_reference=True)
def _(row, policy):
    equal(row["uncertain"], N // 5, "uncertain: none was sent again")
    equal((row["lost"], row["doubled"], row["unconfirmed"]), (0, 0, 0), "lost, doubled, unconfirmed")


# 19 answers are outstanding and taken, one more is not, when the connection breaks; receipts come after the next bind.
@policies(DROPPED, response_timeout=5)
def _(row, policy):
    check(row["uncertain"] >= 10, "the window was open")
    check(row["doubled"] <= row["uncertain"], "only what was uncertain is doubled")
    if policy == "resend":
        equal(row["lost"], 0, "lost")
    else:
        equal((row["doubled"], row["lost"], row["unconfirmed"]), (0, 1, 1), "doubled, lost, unconfirmed")


@case("the timeline says by what a part without an answer was settled; nothing is parked then")
def _(w):
    sim = w.smsc(script="on submit_sm 1 lose\nreceipt quotes\nreceipt delay 800\n")
    gw = w.gateway(links=[smpp(sim, response_timeout=0.3, on_uncertain="hold", receipt_timeout=60)])
    api = gw.api()
    m = api.wait_state(api.send(text="Your parcel arrives today")["id"], "delivered", seconds=20)
    told = api.events(m["id"])
    equal([e["outcome"] for e in told if e["event"] == "attempt"], ["unknown"], "attempts")
    equal([e["receipt"]["form"] for e in told if e.get("receipt")], ["no id, recipient and text"], "receipts")
    equal(gw.operator().get("/v1/receipts/parked").json["receipts"], [], "parked")
    equal(sim.stats["submits"], 1, "submits")


@case("of two messages of one text to one number the number tells which was not answered; so after a restart")
def _(w):
    sim = w.smsc(script="on submit_sm lose\nreceipt numbered\nreceipt quotes\nreceipt delay 1500\n"
                        "outcome to 12025550142 UNDELIV\n")
    gw = w.gateway(links=[smpp(sim, response_timeout=0.3, on_uncertain="hold", receipt_timeout=60,
                               user_message_reference=True)])
    api = gw.api()
    ids = [api.send(text="Your parcel arrives today")["id"] for _ in range(2)]
    wait_for(lambda: gw.link()["uncertain"] == 2, 10, "both to be uncertain")
    gw.restart(kill=True)
    api = gw.api()
    for m in ids:
        api.wait_state(m, "undelivered", seconds=20)
        equal([e["receipt"]["form"] for e in api.events(m) if e.get("receipt")],
              ["no id, recipient and number"], "receipts")
    equal(sim.stats["submits"], 2, "submits")


@case("the second part, which quotes nothing of its own, is told by its number; so is binary data")
def _(w):
    sim = w.smsc(script="on submit_sm 2..3 lose\nreceipt numbered\nreceipt delay 600\n")
    gw = w.gateway(links=[smpp(sim, response_timeout=0.3, on_uncertain="hold", receipt_timeout=60,
                               user_message_reference=True)])
    api = gw.api()
    long = api.send(text="x" * 200)["id"]
    api.wait_state(long, "delivered", seconds=20)
    data = api.post("/v1/messages", {"to": "+12025550143", "data": "00ff10"}).expect(202).json["id"]
    api.wait_state(data, "delivered", seconds=20)
    equal((sim.stats["submits"], gw.link()["uncertain"]), (3, 2), "submits, uncertain")


@case("a receipt without id but with our number is believed; one with another's number is not, whatever it quotes")
def _(w):
    sim = w.smsc(script="on submit_sm 1 lose\nreceipt form no-id\nreceipt numbered\nreceipt delay 600\n")
    gw = w.gateway(links=[smpp(sim, response_timeout=0.3, on_uncertain="hold", receipt_timeout=60,
                               user_message_reference=True)])
    api = gw.api()
    api.wait_state(api.send(text="Your parcel arrives today")["id"], "delivered", seconds=20)
    held = w.smsc(script="on submit_sm lose\nreceipt none\n")
    gw2 = w.gateway(links=[smpp(held, response_timeout=0.3, on_uncertain="hold", receipt_timeout=3,
                                user_message_reference=True)])
    m = gw2.api().send(text="Your parcel arrives today")["id"]
    wait_for(lambda: gw2.link()["uncertain"] == 1, 10, "it to be uncertain")
    number = int.from_bytes(held.submits()[0]["tlvs"][0x0204], "big")
    text = b"id:77 sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:Your parcel arrives"
    held.ask(f"mo-hex 12025550142 posthorn 4 0 {text.hex()} 02040002{number ^ 1:04x}")
    wait_for(lambda: gw2.operator().get("/v1/receipts/parked").json["receipts"], 10, "it to be parked")
    equal(gw2.api().wait_state(m, "unconfirmed", seconds=20)["reason"], "no_answer")


@case("each class by its own setting: the code goes again, the campaign is held")
def _(w):
    sim = w.smsc(script="on submit_sm 1..2 swallow\n")
    gw = w.gateway(links=[smpp(sim, response_timeout=0.3, on_uncertain_otp="resend", on_uncertain="fail",
                               on_uncertain_marketing="hold", receipt_timeout=1)])
    api = gw.api()
    code, news = api.send(**{"class": "otp"})["id"], api.send(to="+12025550143", **{"class": "marketing"})["id"]
    api.wait_state(code, "delivered")
    equal(api.wait_state(news, "unconfirmed")["reason"], "no_answer")
    equal(sim.stats["submits"], 3, "submits")


@case("what came of it")
def _(w):
    head = ("fault", "policy", "sent", "lost", "doubled", "delivered", "unconfirmed", "time")
    for line in [head] + TABLE:
        print("# %-42s %-7s %5s %5s %8s %10s %12s %7s" % line, flush=True)
    equal(len(TABLE), 15, "rows")


main()
