#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0530: inbound messages: listed, pushed to the client that a rule names, and acknowledged only when they are on disk."""
import sqlite3

from faults import *
from harness import *


def inbound(api, **query):
    return api.get("/v1/inbound", **query).expect(200).json["inbound"]


@case("an inbound message is listed with its text, acknowledged, and pushed")
def _(w):
    sim, sink = w.smsc(), w.sink()
    gw = w.gateway(links=[smpp(sim)], webhook=sink)
    gw.wait_link()
    sim.ask("mo 12025550177 5678 hello there")
    event = sink.wait(lambda events: [e for e in events if e["type"] == "message.inbound"], 10, "the push")[0]
    equal((event["from"].lstrip("+"), event["to"].lstrip("+"), event["text"], event["link"]),
          ("12025550177", "5678", "hello there", "acme"), "event")
    listed = inbound(gw.api())
    equal([m["text"] for m in listed], ["hello there"], "list")
    wait_for(lambda: sim.stats["mo"]["acked"] == 1, 5, "the acknowledgement")


@case("Cyrillic comes as UCS-2 and is listed as it was written")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim)])
    gw.wait_link()
    sim.ask("mo 79161234567 5678 Привет, Ёжик")
    wait_for(lambda: inbound(gw.operator()), 5, "the list")
    equal(inbound(gw.operator())[0]["text"], "Привет, Ёжик", "text")


@case("GSM 7-bit octets are read by 3GPP TS 23.038: @, £ and the euro")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim)])
    gw.wait_link()
    sim.ask("mo-hex 79161234567 5678 00 00 00011B65")  # @ £ (escape) e
    wait_for(lambda: inbound(gw.operator()), 5, "the list")
    equal(inbound(gw.operator())[0]["text"], "@£€", "text")


@case("rules choose the client by keyword; what no rule knows is kept for the operator")
def _(w):
    sim = w.smsc()
    gw = w.gateway({"inbound": [{"to": "5678", "keyword": "STOP", "client": "shop"}]}, links=[smpp(sim)])
    gw.add_client("other")
    gw.write_conf()
    gw.reload()
    gw.wait_link()
    sim.ask("mo 12025550177 5678 Stop, please")
    sim.ask("mo 12025550178 5678 stopped by the police")
    wait_for(lambda: len(inbound(gw.operator())) == 2, 5, "both")
    equal([m["text"] for m in inbound(gw.api())], ["Stop, please"], "of the shop")
    equal(inbound(gw.api("other")), [], "of the other")


@case("a thousand inbound messages under load: each listed once, all acknowledged, also over a kill -9")
def _(w):
    sim = w.smsc("--receipt-retry", "100", "--receipt-tries", "30",
                 script='mo every 1 from 12025550142 to 5678 text "answer"\n')
    gw = w.gateway(links=[smpp(sim)])
    gw.wait_link()
    post(gw.api(), rows(300))
    wait_for(lambda: sim.stats["mo"]["acked"] > 100, 10, "some to be acknowledged")
    acked = sim.stats["mo"]["acked"]
    gw.restart(kill=True)
    check(len(inbound(gw.operator(), limit=1000)) >= acked, "acknowledged, and gone")
    wait_for(lambda: (lambda m: m["acked"] == m["created"] and m["created"] >= 300)(sim.stats["mo"]), 20, "all acknowledged")
    # At least once: what was stored but not acknowledged before the kill comes again.
    check(len(inbound(gw.operator(), limit=1000)) >= 300, "all are listed")


@case("what the store cannot take is refused for now (ESME_RX_T_APPN) and taken when there is room")
def _(w):
    sim = w.smsc("--receipt-retry", "200", "--receipt-tries", "30")
    disk = Disk(w, 8)
    gw = w.gateway({"data_dir": os.path.join(disk.path, "data")}, links=[smpp(sim)])
    gw.wait_link()
    disk.fill()
    for i in range(20):
        sim.ask(f"mo 1202555{i:04} 5678 {'x' * 140}")
    wait_for(lambda: sim.stats["mo"]["sent"] > 20 + 5, 20, "refusals that made the carrier try again")
    check(sim.stats["mo"]["acked"] < 20, "nothing is acknowledged that is not on disk")
    disk.free()
    wait_for(lambda: sim.stats["mo"]["acked"] == 20, 20, "all to be acknowledged")
    equal(len({m["from"] for m in inbound(gw.operator(), limit=100)}), 20, "all are listed")


@case("a page of messages as large as SMPP allows ends early, and the next goes on; none is lost or shown twice")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim)])
    gw.wait_link()
    sim.ask("mo-hex 12025550177 5678 00 04 ff")  # the row that is copied
    wait_for(lambda: inbound(gw.operator()), 5, "the list")
    gw.stop()
    w.remove(gw)
    with sqlite3.connect(os.path.join(gw.dir, "data", "posthorn.db")) as db:
        columns = [c[1] for c in db.execute("PRAGMA table_info(inbound)")]
        for i in range(40):
            row = dict(zip(columns, db.execute("SELECT * FROM inbound").fetchone()))
            row.update(n=None, sender=f"+1202555{i:04}", raw=b"\xff" * 65535, text="ff" * 65535)
            db.execute(f"INSERT INTO inbound VALUES ({', '.join('?' * len(columns))})", [row[c] for c in columns])
    db.close()
    w.add(gw)
    gw._start(w)
    api, seen, pages, after = gw.operator(), [], 0, {}
    while True:
        page = api.get("/v1/inbound", limit=1000, **after).expect(200).json
        check(page["inbound"], "a page is not empty")
        seen, pages = seen + page["inbound"], pages + 1
        if not page["next"]:
            break
        equal(page["complete"], False, "a page that ended early says so")
        after = {"after": page["next"]}
    equal([m["from"] for m in seen], [f"+1202555{i:04}" for i in range(39, -1, -1)] + ["+12025550177"], "senders")
    equal({len(m["data"]) for m in seen[:-1]}, {2 * 65535}, "octets")
    check(pages > 1, "more than a page")


main()
