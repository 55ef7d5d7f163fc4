#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 26 s
"""0535: inbound messages in several parts: one message for the client, whatever order, number and death they come by."""
import csv
import io
import sqlite3

from carrier import *
from faults import *
from harness import *

GAP = "[…]"


def inbound(gw, **query):
    return gw.operator().get("/v1/inbound", limit=1000, **query).expect(200).json["inbound"]


def ground(w, over=None, binds=1, **link):
    carrier, sink = Carrier(w), w.sink()
    gw = w.gateway(over, links=[smpp(carrier.port, binds=binds, **link)], webhook=sink)
    gw.wait_link()
    carrier.wait_up(binds)
    return carrier, sink, gw


def taken(*items):
    """Every one of them was acknowledged."""
    for item in items:
        equal(item.wait(), OK, "command_status")


def one(gw, sink, n=1, what="the message"):
    """The n messages there are, oldest first, each listed and pushed under one event id; a kill may make it come twice."""
    sink.wait(lambda events: len(events) >= n, 10, what)
    listed = inbound(gw)[::-1]
    equal(sorted({e["event"]: e["text"] for e in sink.events}.values()), sorted(m["text"] for m in listed), "pushed and listed")
    equal(len(listed), n, "messages")
    return listed


def database(gw):
    return sqlite3.connect(os.path.join(gw.settings["data_dir"], "posthorn.db"))


def counted(gw, name):
    return int(gw.metrics()["posthorn_inbound_" + name])


@case("three parts in any order, over two binds, in deliver_sm and data_sm, are one message and one event")
def _(w):
    carrier, sink, gw = ground(w, binds=2)
    taken(carrier.give(udh(3, 3) + b"three", bind=0))
    taken(carrier.give(udh(3, 1) + b"one, ", bind=1, data=True))
    equal(inbound(gw), [], "nothing is shown of two parts of three")
    equal(counted(gw, "unfinished"), 1, "unfinished")
    taken(carrier.give(udh(3, 2) + b"two, ", bind=1))
    m, = one(gw, sink)
    equal((m["text"], m["parts"], m["from"], m["to"], "missing" in m, "udh" in m),
          ("one, two, three", 3, "+12025550177", "5678", False, False), "message")
    equal(bytes.fromhex(m["raw"]), b"one, two, three", "octets")
    e, = sink.events
    equal((e["text"], e["parts"], e["link"]), ("one, two, three", 3, "acme"), "event")
    equal((counted(gw, "parts_total"), counted(gw, "joined_total"), counted(gw, "unfinished")), (3, 1, 0), "metrics")


@case("sar_ TLVs, a 16 bit reference, and the same number under an 8 bit one are three messages")
def _(w):
    carrier, sink, gw = ground(w)
    sar = [tlv(0x020c, b"\0\7") + tlv(0x020e, b"\2") + tlv(0x020f, bytes([i])) for i in (1, 2)]
    items = [carrier.give(b"by ", esm=0, tlvs=sar[0], sender="1"), carrier.give(udh(2, 1, wide=True) + b"wide ", sender="2"),
             carrier.give(udh(2, 1) + b"narrow ", sender="2"), carrier.give(udh(2, 2) + b"one", sender="2"),
             carrier.give(udh(2, 2, wide=True) + b"one", sender="2"),
             carrier.give(b"TLVs", esm=0, tlvs=sar[1], sender="1", data=True)]
    taken(*items)
    equal(sorted(m["text"] for m in one(gw, sink, 3)), ["by TLVs", "narrow one", "wide one"], "texts")


@case("what a sender cut apart comes out whole: a surrogate pair, an escape and its code; packed septets by part")
def _(w):
    carrier, sink, gw = ground(w)
    taken(carrier.give(udh(2, 1, 1) + bytes.fromhex("0416d83d"), dcs=8), carrier.give(udh(2, 2, 1) + bytes.fromhex("de000416"), dcs=8))
    taken(carrier.give(udh(2, 1, 2) + b"5 \x1b"), carrier.give(udh(2, 2, 2) + b"e only"))
    taken(carrier.give(udh(2, 1, 3) + b"abc"), carrier.give(udh(2, 2, 3) + bytes.fromhex("0416"), dcs=8))
    equal([m["text"] for m in one(gw, sink, 3)], ["Ж😀Ж", "5 € only", "abcЖ"], "texts")
    check(not any(m.get("malformed") for m in inbound(gw)), "nothing is malformed")


@case("packed septets: each part has its own filling")
def _(w):
    carrier, sink, gw = ground(w, alphabet="gsm7-packed")
    # "A" behind a header of six octets: one bit of filling (3GPP TS 23.040, 9.2.3.24)
    taken(carrier.give(udh(2, 1) + bytes.fromhex("82")), carrier.give(udh(2, 2) + bytes.fromhex("84")))
    m, = one(gw, sink)
    equal(m["text"], "AB", "text")


@case("the keyword that names the client is that of the whole text")
def _(w):
    carrier = Carrier(w)
    gw = w.gateway({"inbound": [{"keyword": "REGISTER", "client": "shop"}]}, links=[smpp(carrier.port)])
    gw.add_client("other")
    gw.write_conf()
    gw.reload()
    gw.wait_link()
    carrier.wait_up()
    taken(carrier.give(udh(2, 2) + b"ster me"), carrier.give(udh(2, 1) + b"regi"))
    wait_for(lambda: gw.api().get("/v1/inbound").json["inbound"], 10, "the list of the shop")
    equal(gw.api("other").get("/v1/inbound").json["inbound"], [], "of the other")


@case("octets with ports are joined as octets; the header is shown without what joined them")
def _(w):
    carrier, sink, gw = ground(w)
    ports = bytes.fromhex("05040b8423f0")
    taken(carrier.give(udh(2, 2, more=ports) + b"\xff\0", dcs=0xf5), carrier.give(udh(2, 1, more=ports) + b"\0\1", dcs=0xf5))
    m, = one(gw, sink)
    e, = sink.events
    for x in (m, e):
        equal((x["encoding"], x["udh"], x["data"], x["text"], x["ports"], x["class"]),
              ("binary", "0605040b8423f0", "0001ff00", "0001ff00", {"to": 2948, "from": 9200}, 1), "facts")


@case("a repeated part is acknowledged and nothing else, before and after the message is whole, also after a restart")
def _(w):
    carrier, sink, gw = ground(w)
    first, second = udh(2, 1) + b"one ", udh(2, 2) + b"two"
    taken(*[carrier.give(first) for _ in range(3)])
    taken(carrier.give(second))
    one(gw, sink)
    taken(carrier.give(second), carrier.give(first))
    equal((counted(gw, "parts_total"), counted(gw, "parts_repeated_total")), (2, 4), "metrics")
    gw.restart(kill=True)
    gw.wait_link()
    wait_for(lambda: len(carrier.up) == 1, 10, "the bind")
    taken(carrier.give(first), carrier.give(second))
    equal(counted(gw, "parts_repeated_total"), 2, "repeated")
    equal(len(inbound(gw)), 1, "messages")
    equal(len({e["event"] for e in sink.events}), 1, "events")


@case("another text under a used reference is a new message; the unfinished one goes as it is, a joined one makes room")
def _(w):
    carrier, sink, gw = ground(w)
    taken(carrier.give(udh(2, 1) + b"old "))
    taken(carrier.give(udh(2, 1) + b"new "), carrier.give(udh(2, 2) + b"text"))
    equal({(m["text"], str(m.get("missing"))) for m in one(gw, sink, 2)}, {("old " + GAP, "[2]"), ("new text", "None")}, "texts")
    taken(carrier.give(udh(2, 2) + b"again"), carrier.give(udh(2, 1) + b"once "))
    equal(one(gw, sink, 3)[2]["text"], "once again", "the third")
    equal(counted(gw, "reference_reused_total"), 1, "reused while unfinished")


@case("at the deadline what is there goes, its gaps marked and named; what comes later is a message of its own")
def _(w):
    carrier, sink, gw = ground(w, inbound_wait=10)
    began = time.monotonic()
    taken(carrier.give(udh(5, 2) + b"two"), carrier.give(udh(5, 5) + b"five"))
    event = sink.wait(lambda events: events and events[0], 15, "the deadline")
    check(time.monotonic() - began >= 10, "not before the deadline")
    m, = inbound(gw)
    for x in (m, event):
        equal((x["text"], x["parts"], x["missing"]), (GAP + "two" + GAP + "five", 5, [1, 3, 4]), "what is told")
    status, out, err = run(os.path.join(BUILD, "posthorn"), "inbound", "--csv",
                           env={"POSTHORN_URL": f"http://127.0.0.1:{gw.port}", "POSTHORN_KEY": gw.keys["shop"]})
    equal(status, 0, err)
    row, = csv.DictReader(io.StringIO(out))
    equal(row["parts"], "5", "by command line")
    check("3" in row["missing"] and "2" not in row["missing"], f"missing by command line: {row['missing']}")
    equal(counted(gw, "partial_total"), 1, "partial")
    taken(carrier.give(udh(5, 5) + b"five"))  # a repetition still
    taken(carrier.give(udh(5, 3) + b"three"))
    sink.wait(lambda events: len(events) == 2, 15, "the late one")
    equal(inbound(gw)[0]["text"], GAP + "three" + GAP, "the late one")


@case("what is no part of anything is shown at once and as it came")
def _(w):
    carrier, sink, gw = ground(w)
    singles = [
        ("sequence 0", udh(3, 0) + b"a"), ("sequence beyond the total", udh(3, 4) + b"b"), ("total 0", udh(0, 0) + b"c"),
        ("total 1", udh(1, 1) + b"d"), ("a broken header", b"\x09\0\3\7\2\1e"),
        ("larger than any handset makes them", udh(255, 1) + b"f" * 300), ("one piece in message_payload", b"\0" + b"g" * 600),
    ]
    for i, (why, octets) in enumerate(singles):
        taken(carrier.give(octets, sender=f"1202555{i:04}"))
    for (why, octets), m in zip(singles, one(gw, sink, len(singles))):
        equal((bytes.fromhex(m["raw"]), m["parts"]), (octets, 1), why)


@case("large parts in message_payload are joined as well")
def _(w):
    carrier, sink, gw = ground(w)
    taken(carrier.give(udh(2, 2) + b"y" * 20000, data=True), carrier.give(udh(2, 1) + b"x" * 20000))
    m, = one(gw, sink)
    equal(m["text"], "x" * 20000 + "y" * 20000, "text")


@case("255 parts, the longest there is")
def _(w):
    carrier, sink, gw = ground(w)
    taken(*[carrier.give(udh(255, i) + (f"{i:03}" * 51).encode()) for i in range(255, 0, -1)])
    m, = one(gw, sink)
    equal(m["text"], "".join(f"{i:03}" * 51 for i in range(1, 256)), "text")
    equal(m["parts"], 255, "parts")


@case("hours apart, with a kill -9 after each part")
def _(w):
    carrier, sink, gw = ground(w, inbound_wait=604800)
    for seq in (2, 3, 1):
        taken(carrier.give(udh(3, seq) + f"part {seq} ".encode()))
        gw.kill()
        with database(gw) as db:  # five hours pass
            db.execute("UPDATE inbound_set SET at = at - 18000000, until = until - 18000000, "
                       "due = max(0, due - 18000000)")
        db.close()
        gw.restart(kill=True)
        gw.wait_link()
        wait_for(lambda: len(carrier.up) == 1, 10, "the bind")
    m, = one(gw, sink)
    equal(m["text"], "part 1 part 2 part 3 ", "text")


@case("kill -9 between the last part and the joining: the next start joins it, once")
def _(w):
    carrier, sink, gw = ground(w)
    n, seen = 0, 0
    for attempt in range(20):
        some = range(n, n + 100)
        n += 100
        taken(*[carrier.give(udh(2, 1) + b"%d " % i, sender=f"7{i:010}") for i in some])
        last = [carrier.give(udh(2, 2) + b"end", sender=f"7{i:010}") for i in some]
        last[0].wait()
        gw.kill()
        with database(gw) as db:
            seen += db.execute("SELECT count(*) FROM inbound_set WHERE joined = 0 AND have = total").fetchone()[0]
        db.close()
        gw.restart(kill=True)
        gw.wait_link()
        wait_for(lambda: len(carrier.up) == 1, 10, "the bind")
        taken(*[carrier.give(udh(2, 2) + b"end", sender=f"7{i:010}") for i, x in zip(some, last) if x.wait() != OK])
        if seen:
            break
    check(seen, "no kill found a set that was complete and not joined")
    wait_for(lambda: gw.metrics()["posthorn_inbound_unfinished"] == 0, 10, "all to be joined")
    with database(gw) as db:
        texts = [t for t, in db.execute("SELECT text FROM inbound ORDER BY n")]
    db.close()
    equal(sorted(texts), sorted(f"{i} end" for i in range(n)), "texts")
    sink.wait(lambda events: len({e["event"] for e in events}) == n, 10, "an event for each")
    equal(len({e["text"] for e in sink.events}), n, "different texts")


@case("a part that the disk cannot take is refused for now (ESME_RX_T_APPN), and taken when there is room")
def _(w):
    carrier, sink = Carrier(w), w.sink()
    disk = Disk(w, 8)
    gw = w.gateway({"data_dir": os.path.join(disk.path, "data")}, links=[smpp(carrier.port)], webhook=sink)
    gw.wait_link()
    carrier.wait_up()
    taken(carrier.give(udh(3, 1) + b"one "))
    disk.fill()
    refused = 0
    for i in range(200):  # what SQLite has already, it fills first
        status = carrier.give(udh(3, 2, 9) + b"x" * 140, sender=f"1202555{i:04}").wait()
        check(status in (OK, TEMPORARY), f"command_status {status:#x}")
        refused += status == TEMPORARY
        if refused == 3:
            break
    equal(refused, 3, "refusals")
    disk.free()
    wait_for(lambda: carrier.give(udh(3, 2) + b"two ").wait() == OK, 10, "room")
    taken(carrier.give(udh(3, 3) + b"three"))
    m, = one(gw, sink)
    equal(m["text"], "one two three", "text")


@case("a joined message that the disk cannot take is given when there is room; every part was answered")
def _(w):
    carrier, sink, gw = ground(w)
    taken(carrier.give(udh(2, 1) + b"one "))
    gw.kill()
    with database(gw) as db:  # complete, as a death between two commits leaves it; the joining is refused once by a trigger
        db.execute("INSERT INTO inbound_part SELECT set_n, 2, 5, dcs, esm_class, 'two', x'050003070202' || x'74776f' "
                   "FROM inbound_part")
        db.execute("UPDATE inbound_set SET have = 2, due = 0")
        db.execute("CREATE TRIGGER full BEFORE INSERT ON inbound BEGIN SELECT RAISE(ABORT, 'full'); END")
    db.close()
    gw.restart(kill=True)
    gw.wait_line(r"event=inbound_join_failed")
    equal(inbound(gw), [], "nothing yet")
    with database(gw) as db:
        db.execute("DROP TRIGGER full")
    db.close()
    m, = one(gw, sink)
    equal(m["text"], "one two", "text")


main()
