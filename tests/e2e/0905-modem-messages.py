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


main()
