#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0905: a modem: messages and their reports, what comes in, and what a kill between the two leaves."""
from modems import *


@case("messages go through a modem, and their reports come back: one part, UCS-2, three parts")
def _(w):
    sims = Modems(w)
    gw = w.gateway(links=[modem(sims)])
    gw.wait_link("sim1")
    api = gw.api()
    long = "a long text " * 30
    ids = [api.send(to="+491511234567", text=text)["id"] for text in ("hello", "Привет 🚀", long)]
    for i in ids:
        api.wait_state(i, "delivered")
    equal([r["text"] for r in sims.submits()][:2], ["hello", "Привет 🚀"], "what the network took")
    equal(len(sims.submits()), 5, "parts")
    equal(sims.stats["judged"], {"malformed": [], "repeats": []}, "what the simulator thinks of them")
    part = api.message(ids[0])["parts"][0]
    check("1234567" not in json.dumps(part), f"a number in {part}")


@case("references wrap after 256: 700 messages, each matched by its own report")
def _(w):
    sims = Modems(w)
    gw = w.gateway(links=[modem(sims)])
    some = rows(700)
    post(gw.api(), some)
    wait_ended(gw, 700)
    once_each(some, sims)


@case("what came in while nobody looked, and what comes now, goes to the webhook once and leaves the SIM")
def _(w):
    sims = Modems(w, "mo +491700000001 text first", "mo +491700000002 text Grüße")
    sink = w.sink()
    gw = w.gateway(links=[modem(sims)], webhook=sink)
    gw.wait_link("sim1")
    sims.do("mo +491700000003 text third")
    sims.do('mo +491700000004 reverse text "' + "part of a long one " * 20 + '"')

    def inbound():
        return [e for e in sink.events if e["type"] == "message.inbound"]
    wait_for(lambda: len(inbound()) >= 4, 20, "four messages")
    equal(sorted(e["text"][:5] for e in inbound()), ["Grüße", "first", "part ", "third"], "texts")
    equal({e["from"] for e in inbound()}, {f"+49170000000{i}" for i in (1, 2, 3, 4)}, "senders")
    wait_for(lambda: not any(sims.stats["modems"][0]["memories"].values()), 20, "the memories to be empty")


@case("kill -9 between receiving and deleting: the message is read again and told once")
def _(w):
    sims = Modems(w)
    sink = w.sink()
    gw = w.gateway(links=[modem(sims)], webhook=sink)
    gw.wait_link("sim1")
    sims.do("on command +CMGD 1 no-answer")
    sims.do("mo +491700000001 text once")
    wait_for(lambda: [e for e in sink.events if e["type"] == "message.inbound"], 20, "the message")
    gw.kill()
    gw.restart()
    gw.wait_link("sim1", seconds=30)
    gw.wait_line(r"event=inbound_again link=sim1", 20)
    wait_for(lambda: not any(sims.stats["modems"][0]["memories"].values()), 20, "the memory to be empty")
    equal(len(gw.operator().get("/v1/inbound").expect(200).json["inbound"]), 1, "messages that came in")


@case("kill -9 while a text is on the air: its status report tells that it went, and it is not sent again")
def _(w):
    sims = Modems(w, "on submit 1 lose-answer", "report-delay 5000")
    gw = w.gateway(links=[modem(sims, on_uncertain="hold")])
    gw.wait_link("sim1")
    message = gw.api().send(to="+491511234567", text="hello")
    wait_for(sims.submits, 20, "the text to be on the air")
    gw.kill()
    gw.restart()
    gw.api().wait_state(message["id"], "delivered", seconds=20)
    equal(len(sims.submits()), 1, "sent")


def deliver(sender, dcs, udh, body, udl):
    """SMS-DELIVER as hexadecimal (3GPP TS 23.040, 9.2.2.1)."""
    digits = sender + "F" * (len(sender) % 2)
    swapped = "".join(digits[i + 1] + digits[i] for i in range(0, len(digits), 2))
    return (f"44{len(sender):02X}91{swapped}00{dcs:02X}62112200000000{udl:02X}" + (udh + body).hex()).upper()


def septets(udh, values):
    """Packed behind a header of whole octets, and TP-UDL (3GPP TS 23.040, 9.2.3.24)."""
    fill = -8 * len(udh) % 7
    number = sum(v << (fill + 7 * i) for i, v in enumerate(values))
    bits = fill + 7 * len(values)
    return number.to_bytes((bits + 7) // 8, "little"), (8 * len(udh) + bits) // 7


def in_parts(sender, ref, dcs, bodies, gsm7):
    for n, body in enumerate(bodies, 1):
        udh = bytes((5, 0, 3, ref, len(bodies), n))
        octets, udl = septets(udh, body) if gsm7 else (body, len(udh) + len(body))
        yield "tpdu " + deliver(sender, dcs, udh, octets, udl)


@case("an escape pair and a surrogate pair that were cut between two parts are read whole")
def _(w):
    sims = Modems(w)
    sink = w.sink()
    gw = w.gateway(links=[modem(sims)], webhook=sink)
    gw.wait_link("sim1")
    for line in (*in_parts("491700000001", 7, 0, (b"five \x1b", b"e only"), True),
                 *in_parts("491700000002", 8, 8, (b"\0a\xd8\x3d", b"\xde\x00\0b"), False),
                 *in_parts("491700000003", 9, 0x11, (b"class \x1b", b"e one"), True)):
        sims.do(line)

    def inbound():
        return {e["from"]: e["text"] for e in sink.events if e["type"] == "message.inbound"}
    wait_for(lambda: len(inbound()) >= 3, 20, "three messages")
    equal(inbound(), {"+491700000001": "five € only", "+491700000002": "a😀b", "+491700000003": "class € one"}, "texts")


main()
