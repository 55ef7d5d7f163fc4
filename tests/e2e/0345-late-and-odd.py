#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0345: answers that come late, ids that come again, and octets in addresses and ids that nobody expects."""
import json
import os
import sqlite3

from carrier import *
from harness import *

REFUSED = 0x45  # ESME_RSUBMITFAIL


def ground(w, links=1, webhook=None, **link):
    """Carriers that keep each submit_sm (bind, sequence, sender, text) and answer none by themselves."""
    carriers = [Carrier(w) for _ in range(links)]
    for c in carriers:
        c.got = []
        c.on_submit = lambda bind, sequence, body, c=c: c.got.append((bind, sequence, body[3:body.index(b"\0", 3)], body))
    names = ["acme", "second"][:links]
    gw = w.gateway({"routes": [{"links": names}]}, webhook=webhook,
                   links=[smpp(c.port, name=n, system_id=n, **link) for c, n in zip(carriers, names)])
    for n in names:
        gw.wait_link(n)
    return gw, carriers


def taken(carrier, n, seconds=10):
    wait_for(lambda: len(carrier.got) >= n, seconds, f"{n} submit_sm")
    return carrier.got[n - 1]


def say(got, smsc_id=b"", status=0):
    got[0].answer(SUBMIT_SM, got[1], smsc_id + b"\0" if not status else b"", status)


def receipt(carrier, smsc_id, stat=b"DELIVRD", sender="12025550142"):
    return carrier.give(b"id:" + smsc_id + b" stat:" + stat + b" err:000", sender=sender, esm=4)


@case("sent again, answered late, refused as a duplicate: one message, over one link, delivered")
def _(w):
    gw, (a, b) = ground(w, links=2, response_timeout=0.3)
    api = gw.api()
    m = api.send(to="+12025550142", text="once")
    first, second = taken(a, 1), taken(a, 2)
    say(first, b"late1")
    say(second, status=REFUSED)
    wait_for(lambda: "refused" not in api.message(m["id"]).get("reason", "") and
             api.message(m["id"])["parts"][0].get("smsc_id") == "late1", 10, "the late answer to be kept")
    equal(receipt(a, b"late1").wait(), OK, "command_status")
    api.wait_state(m["id"], "delivered")
    equal((len(a.got), len(b.got)), (2, 0), "submit_sm on both links")


@case("an id given again does not bring the receipt of an old message: that one stays parked")
def _(w):
    sink = w.sink()
    gw, (a,) = ground(w, webhook=sink, response_timeout=5)
    equal(receipt(a, b"77", b"UNDELIV").wait(), OK, "command_status")
    with sqlite3.connect(os.path.join(gw.settings["data_dir"], "posthorn.db")) as db:
        db.execute("UPDATE receipt_parked SET at = at - 600000")  # as if it had come ten minutes ago
    db.close()
    m = gw.api().send(to="+12025550142", text="new")
    say(taken(a, 1), b"77")
    gw.api().wait_state(m["id"], "sent")
    equal(receipt(a, b"77").wait(), OK, "command_status")
    gw.api().wait_state(m["id"], "delivered")
    sink.wait(lambda e: len(e) >= 1, 10, "the event")
    equal([(e["state"], "correction" in e) for e in sink.events], [("delivered", False)], "events")
    equal(len(gw.operator().get("/v1/receipts/parked").json["receipts"]), 1, "parked")


@case("senders of letters: Latin-1 goes out, and comes in")
def _(w):
    gw, (a,) = ground(w)
    gw.api().send(to="+12025550142", text="x", **{"from": "ÄÖÜÑäöüñàéù"})
    equal(taken(a, 1)[2], "ÄÖÜÑäöüñàéù".encode("latin-1"), "source_addr")
    say(a.got[0], b"1")
    equal(a.give(b"hello", sender="Zürich".encode("latin-1"), ton=5, esm=0).wait(), OK, "command_status")
    equal(gw.operator().get("/v1/inbound").json["inbound"][0]["from"], "Zürich", "from")


@case("control characters, quotes and broken UTF-8 in addresses, ids and states stay data: JSON, webhooks and metrics are whole")
def _(w):
    sink = w.sink()
    gw, (a,) = ground(w, webhook=sink)
    for sender in (b'"},{"x":"', b"a\nb: c\r\n", b"\xff\xfe\x80", b"\x01\x1b\x7f", b"x" * 60):
        equal(a.give(b'"}]} \\', sender=sender, ton=0, esm=0).wait(), OK, "command_status")
    sink.wait(lambda e: len(e) == 5, 10, "five events")
    listed = gw.operator().get("/v1/inbound").expect(200).json["inbound"]
    equal(sorted(m["from"] for m in listed), sorted(e["from"] for e in sink.events), "listed and pushed")
    equal({e["text"] for e in sink.events}, {m["text"] for m in listed}, "texts")
    m = gw.api().send(to="+12025550142", text="x")
    say(taken(a, 1), b'id"\\\n\xff')
    gw.api().wait_state(m["id"], "sent")
    a.give(b"", esm=4, sender="12025550142", tlvs=tlv(0x001e, b'id"\\\n\xff\0') + tlv(0x0427, b"\2")).wait()
    gw.api().wait_state(m["id"], "delivered")
    equal(receipt(a, b'"\x07\xff{', b'"\n\xe9').wait(), OK, "command_status")
    json.dumps(gw.operator().get("/v1/receipts/parked").expect(200).json)
    gw.metrics()


main()
