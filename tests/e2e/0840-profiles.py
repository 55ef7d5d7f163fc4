#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0840: what a carrier wants: profiles, addresses by rules, TLVs, and the small fields of submit_sm, octet for octet.

What is expected is written by hand from SMPP 3.4, 4.4.1, 5.2 and 5.3; the octets are those that went through a relay, and
Wireshark reads the same from them."""
import datetime
import re

from faults import *
from harness import *
from witnesses import *


def submits(relay):
    """The body of every submit_sm that went out, in hex, by recipient."""
    out = {}
    with relay.lock:
        chunks = list(relay.chunks)
    for _, ours, pdu in one_pdu_each(chunks):
        if ours and pdu[4:8] == b"\0\0\0\x04":
            body = pdu[16:]
            rest = body[body.index(b"\0") + 1:]         # service_type
            source_end = rest.index(b"\0", 2)
            dest_end = rest.index(b"\0", source_end + 3)
            out.setdefault(rest[source_end + 3:dest_end].decode(), []).append(body.hex())
    return out


def c_string(text):
    return (text.encode() + b"\0").hex()


def address(ton, npi, text):
    return f"{ton:02x}{npi:02x}" + c_string(text)


def tlv(tag, value):
    return f"{tag:04x}{len(value):04x}" + value.hex()


def body(source=(5, 0, "Shop"), dest=None, service="", esm=0, pid=0, priority=0, validity="", receipt=1, replace=0, coding=0,
         text=b"hello", tlvs=""):
    return (c_string(service) + address(*source) + address(*dest) + f"{esm:02x}{pid:02x}{priority:02x}00" + c_string(validity) +
            f"{receipt:02x}{replace:02x}{coding:02x}00{len(text):02x}" + text.hex() + tlvs)


FIELDS = [
    # Settings of the link; what is other than usual; fields of the message.
    ({}, {}, {}),
    ({"service_type": "CMT"}, {"service": "CMT"}, {}),
    ({"protocol_id": 0x41, "message_mode": "store-and-forward"}, {"pid": 0x41, "esm": 3}, {}),
    ({"priority_otp": 3, "priority_marketing": 1}, {"priority": 3}, {"class": "otp"}),
    ({"priority_otp": 3, "priority_marketing": 1}, {"priority": 1}, {"class": "marketing"}),
    ({"priority_otp": 3, "priority_marketing": 1}, {"priority": 0}, {"class": "service"}),
    ({"registered_delivery": "failure"}, {"receipt": 2}, {}),
    ({"intermediate": True}, {"receipt": 0x11}, {}),
    ({"receipts": "none"}, {"receipt": 0}, {}),
    ({"replace_if_present": True}, {"replace": 1}, {}),
    ({"source_ton": 2, "source_npi": 8, "dest_ton": 4, "dest_npi": 9}, {"source": (2, 8, "Shop"), "ton": (4, 9)}, {}),
    ({"tlvs": [{"tag": 0x1400, "value": "abc"}, {"tag": 0x1401, "type": "cstring", "value": "d"},
               {"tag": 0x1402, "type": "int16", "value": "258"}, {"tag": 0x1403, "type": "hex", "value": "00ff"}]},
     {"tlvs": tlv(0x1400, b"abc") + tlv(0x1401, b"d\0") + tlv(0x1402, b"\1\2") + tlv(0x1403, b"\0\xff")}, {}),
]


@case("the fields of a submit_sm, octet for octet; and Wireshark sees nothing malformed")
def _(w):
    relay = Relay(w, w.smsc().port)
    made = [smpp(relay.port, name=f"l{i:02}", system_id=f"l{i:02}", validity="none", **s)
            for i, (s, _, _) in enumerate(FIELDS)]
    gw = w.gateway({"routes": [{"prefix": [f"1202555{i:02}"], "links": [m["name"]]} for i, m in enumerate(made)]},
                   links=made)
    for m in made:
        gw.wait_link(m["name"])
    api = gw.api()
    for i, (_, _, fields) in enumerate(FIELDS):
        m = api.send(to=f"+1202555{i:02}00", **{"from": "Shop"}, **fields)
        api.wait_state(m["id"], "delivered", "unconfirmed", "sent")
    got = submits(relay)
    for i, (settings, other, _) in enumerate(FIELDS):
        to, other = f"1202555{i:02}00", dict(other)
        ton = other.pop("ton", (1, 1))
        equal(got[to], [body(dest=(*ton, to), **other)], f"{settings}")
    gw.stop()
    path = w.path("fields.pcap")
    pcap(path, one_pdu_each(relay.chunks))
    equal(malformed(path), [], "malformed")
    lines = tshark(path, "-Y", "smpp.command_id == 4", "-T", "fields", "-e", "smpp.destination_addr", "-e",
                   "smpp.protocol_id", "-e", "smpp.priority_flag", "-e", "smpp.regdel.receipt", "-e",
                   "smpp.replace_if_present_flag", "-e", "smpp.service_type", "-e", "smpp.vendor_op", "-e",
                   "smpp.source_addr_ton", "-e", "smpp.dest_addr_npi")
    by_to = {line.split("\t")[0]: line.split("\t")[1:] for line in lines}
    for i, (settings, other, _) in enumerate(FIELDS):
        f = by_to[f"1202555{i:02}00"]
        equal([int(x, 0) for x in f[:4]], [other.get("pid", 0), other.get("priority", 0), other.get("receipt", 1) & 3,
                                           other.get("replace", 0)], f"Wireshark, {settings}: {f}")
        equal([int(f[6], 0), int(f[7], 0)], [other.get("source", (5,))[0], other.get("ton", (1, 1))[1]],
              f"Wireshark, {settings}: {f}")


@case("no receipts asked for: the message is unconfirmed as soon as the carrier has it")
def _(w):
    gw = w.gateway(links=[smpp(w.smsc(), receipts="none")])
    gw.wait_link()
    m = gw.api().send()
    equal(gw.api().wait_state(m["id"], "unconfirmed")["reason"], "no_reports", "reason")


@case("validity: relative, absolute by the clock, none, and never more than the most")
def _(w):
    relay = Relay(w, w.smsc().port)
    made = [smpp(relay.port, name=n, system_id=n, **s) for n, s in
            (("relative", {}), ("absolute", {"validity": "absolute"}), ("none", {"validity": "none"}),
             ("capped", {"validity_max": 60}))]
    gw = w.gateway({"routes": [{"prefix": [f"120255500{i}"], "links": [m["name"]]} for i, m in enumerate(made)]}, links=made)
    for m in made:
        gw.wait_link(m["name"])
    api, began = gw.api(), datetime.datetime.now(datetime.timezone.utc)
    for i in range(4):
        api.wait_state(api.send(to=f"+120255500{i}0", ttl=7200)["id"], "delivered")
    ended = datetime.datetime.now(datetime.timezone.utc)
    got = submits(relay)

    def told(i):
        to = f"120255500{i}0"
        octets = bytes.fromhex(got[to][0])
        at = octets.index(to.encode()) + len(to) + 1 + 4
        return octets[at:octets.index(b"\0", at)].decode()
    check(told(0) in [f"00000001{m}{s:02}000R" for m, s in [(59, s) for s in range(50, 60)]] + ["000000020000000R"], told(0))
    at = datetime.datetime.strptime(told(1)[:12], "%y%m%d%H%M%S").replace(tzinfo=datetime.timezone.utc)
    equal(told(1)[12:], "000+", "tenths, quarters of an hour from UTC, sign")
    check(began - datetime.timedelta(seconds=2) <= at - datetime.timedelta(seconds=7200) <= ended, f"{told(1)}, now {ended}")
    equal((told(2), told(3)), ("", "000000000100000R"), "none and capped")


RULES = {
    "sender_rules": [{"match": "alphanumeric", "to": ["1"], "rewrite": "12345", "ton": 3, "npi": 0},
                     {"match": "44", "strip": "44", "add": "0", "ton": 2}],
    "dest_rules": [{"prefix": ["44"], "strip": "44", "add": "0", "ton": 2},
                   {"prefix": ["49"], "add": "00", "ton": 0, "npi": 0}],
}


@case("senders by rule, route and fall-back: what arrives, and what the message tells of it")
def _(w):
    relay = Relay(w, w.smsc().port)
    gw = w.gateway({"routes": [
        {"prefix": ["12025551"], "links": ["acme"], "from": "Forced"},
        {"prefix": ["12025552"], "links": ["plain"], "from_allowed": ["number", "short"], "from_fallback": "54321"},
        {"prefix": ["12025553"], "links": ["plain"], "from_fallback": "Corp"},
        {"links": ["acme"]}]},
        links=[smpp(relay.port, validity="none", **RULES), smpp(relay.port, name="plain", system_id="plain", validity="none")])
    gw.wait_link("acme"), gw.wait_link("plain")
    api = gw.api()
    for why, to, sender, source, told in (
            ("no rule for +55", "5511987654321", "Shop", (5, 0, "Shop"), None),
            ("letters to +1", "12025550142", "Shop", (3, 0, "12345"), "12345"),
            ("a short code is none of letters", "12025550143", "777", (3, 0, "777"), None),
            ("an own number, national", "12025550144", "+447700900123", (2, 1, "07700900123"), "07700900123"),
            ("the route's, then the link's rule", "12025551142", "Shop", (3, 0, "12345"), "12345"),
            ("the fall-back for letters", "12025552142", "Shop", (3, 0, "54321"), "54321"),
            ("none for a number", "12025552143", "+447700900123", (1, 1, "447700900123"), None),
            ("the fall-back for none", "12025552144", None, (3, 0, "54321"), "54321"),
            ("without from_allowed, only for none", "12025553142", "Shop", (5, 0, "Shop"), None),
            ("without from_allowed, for none", "12025553143", None, (5, 0, "Corp"), "Corp")):
        m = api.send(to="+" + to, **({"from": sender} if sender else {}))
        api.wait_state(m["id"], "delivered")
        equal(submits(relay)[to], [body(source=source, dest=(1, 1, to))], why)
        m = api.message(m["id"])
        equal(m.get("from", ""), (sender or "").lstrip("+"), f"{why}: the message's own")
        equal(m["parts"][0].get("from"), told, f"{why}: as told with the part")
        equal([e.get("from") for e in api.events(m["id"]) if e["event"] == "submitted"], [told], f"{why}: in the timeline")


@case("recipients in national form: the carrier's receipts still find their messages")
def _(w):
    relay = Relay(w, w.smsc().port)
    gw = w.gateway(links=[smpp(relay.port, validity="none", **RULES)])
    gw.wait_link()
    api = gw.api()
    for to, dest in (("447700900123", (2, 1, "07700900123")), ("491711234567", (0, 0, "00491711234567")),
                     ("12025550142", (1, 1, "12025550142"))):
        m = api.send(to="+" + to, **{"from": "777"})
        m = api.wait_state(m["id"], "delivered")
        equal(m["to"], "+" + to, "the message keeps the international number")
        equal(submits(relay)[dest[2]], [body(source=(3, 0, "777"), dest=dest)], to)


DLT = [{"tag": 0x1400, "name": "pe_id", "required": True, "max": 19}, {"tag": 0x1401, "name": "template_id", "max": 19},
       {"tag": 0x1402, "name": "n", "type": "int16", "value": "7"}]


@case("TLVs of message, client and link: on every part, through a crash, and with the message when it is asked for")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim, tlvs=DLT, reconnect_min=0.05)], client={"tlvs": [{"name": "pe_id", "value": "11"}]})
    gw.wait_link()
    port = sim.port
    sim.stop()
    gw.wait_link(state="down")
    api = gw.api()
    one = api.send(to="+12025550101", tlvs={"template_id": "22", "n": 258})
    long = api.send(to="+12025550102", text="a" * 200, tlvs={"pe_id": "", "template_id": "33"})
    plain = api.send(to="+12025550103")
    gw.restart(kill=True)  # nothing of it had left
    sim = w.smsc(port=port)
    api = gw.api()
    for m in (one, long, plain):
        api.wait_state(m["id"], "delivered")
    got = {}
    for s in sim.submits():
        got.setdefault(s["to"], []).append(s["tlvs"])
    equal(got, {"12025550101": [{0x1400: b"11", 0x1401: b"22", 0x1402: b"\1\2"}],
                "12025550102": [{0x1400: b"", 0x1401: b"33", 0x1402: b"\0\7"}] * 2,
                "12025550103": [{0x1400: b"11", 0x1402: b"\0\7"}]}, "on the wire")
    equal([api.message(m["id"]).get("tlvs") for m in (one, long, plain)],
          [{"template_id": "22", "n": "258", "pe_id": "11"}, {"pe_id": "", "template_id": "33"}, {"pe_id": "11"}], "as told")


@case("TLVs from the columns of a file: sent by posthorn submit, judged alike by a preview")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim, tlvs=DLT)])
    gw.wait_link()
    rows = "to;text;tlv.pe_id;Vorlage;tlv.n\n+12025550101;a;11;22;258\n+12025550102;b;12;;\n+12025550103;c;;33;\n"
    path = w.path("rows.csv")
    with open(path, "w", encoding="utf-8") as f:
        f.write(rows)
    status, _, err = run(os.path.join(BUILD, "posthorn"), "submit", "--map", "Vorlage=tlv.template_id", path,
                         env={"HOME": w.dir, "POSTHORN_CONFIG": "", "POSTHORN_URL": f"http://127.0.0.1:{gw.port}",
                              "POSTHORN_KEY": gw.keys["shop"]})
    equal(status, 4, f"some rows refused: {err}")  # the third lacks pe_id
    wait_for(lambda: len(sim.submits()) == 2, 10, "two messages")
    equal({s["to"]: s["tlvs"] for s in sim.submits()},
          {"12025550101": {0x1400: b"11", 0x1401: b"22", 0x1402: b"\1\2"}, "12025550102": {0x1400: b"12", 0x1402: b"\0\7"}},
          "on the wire")
    answer = gw.api().post("/v1/preview", rows.replace("Vorlage", "tlv.template_id"),
                           {"Content-Type": "text/csv"}, results="all").expect(200).json
    equal([r.get("error", {}).get("code") for r in answer["results"]], [None, None, "invalid_tlvs"], "preview")


@case("TLVs that no link takes are refused with what may be given; links without them send nothing of them")
def _(w):
    sims = w.smsc(), w.smsc()
    gw = w.gateway({"routes": [{"prefix": ["1"], "links": ["acme", "spare"]}, {"prefix": ["44"], "links": ["spare"]}]},
                   links=[smpp(sims[0], tlvs=DLT), smpp(sims[1], name="spare")])
    gw.wait_link("acme"), gw.wait_link("spare")
    api = gw.api()
    for tlvs, why in (({"pe_id": "1", "peid": "2"}, r'declares a TLV "peid"; it may be "pe_id", "template_id", "n"$'),
                      ({"pe_id": "1" * 20}, r'the value of "pe_id" has more or fewer octets'),
                      ({"pe_id": 1}, r'"pe_id" is a TLV of characters; put its value in quotes'),
                      ({"pe_id": "1", "n": 65536}, r'the value of "n" is not a whole number of 0 to 65535'),
                      ({"pe_id": "1", "n": -1}, r'the value of "n" is not a whole number'),
                      ({"pe_id": "1", "n": 1.5}, r'the value of "n" must be a string, or a whole number'),
                      ({"pe_id": ["1"]}, r'the value of "pe_id" must be a string'),
                      ({"template_id": "1"}, r'link "acme" needs a TLV "pe_id"'),
                      (None, r'link "acme" needs a TLV "pe_id"')):
        f = api.post("/v1/messages", {"to": "+12025550142", "text": "hi", **({"tlvs": tlvs} if tlvs else {})})
        f.expect(400, "invalid_tlvs")
        equal(f.json["error"]["field"], "tlvs", "field")
        check(re.search(why, f.json["error"]["message"]), f.json["error"]["message"])
    api.post("/v1/messages", {"to": "+12025550142", "text": "hi", "tlvs": "pe_id=1"}).expect(400, "wrong_type")
    api.post("/v1/messages", {"to": "+447700900123", "text": "hi", "tlvs": {"pe_id": "1"}}).expect(400, "invalid_tlvs")
    status, out, err = run(os.path.join(BUILD, "posthorn"), "send", "+12025550144", "hi", "--tlv", "pe_id=7", "--tlv", "n=9",
                           env={"POSTHORN_URL": f"http://127.0.0.1:{gw.port}", "POSTHORN_KEY": gw.keys["shop"]})
    equal(status, 0, out + err)
    wait_for(lambda: [s["tlvs"] for s in sims[0].submits()] == [{0x1400: b"7", 0x1402: b"\0\x09"}], 10, "by command line")
    # A row of many is refused on its own; and the second link of the route takes it without its TLVs.
    answer = api.post("/v1/messages", [{"to": "+12025550142", "text": "hi", "tlvs": t} for t in ({"pe_id": "1"}, {"x": "1"})])
    equal([sorted(r) for r in answer.expect(202).json["results"]], [["id"], ["error", "row"]], "rows")
    sims[0].stop()
    gw.wait_link("acme", state="down")
    m = api.send(to="+12025550143", tlvs={"pe_id": "1"})
    api.wait_state(m["id"], "delivered")
    equal([s["tlvs"] for s in sims[1].submits()], [{}], "over the spare link")


@case("a profile: the link's settings win over it, -t -o tells which, a reload sees it changed, a wrong one changes nothing")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim, profile="acme", protocol_id=3)],
                   files={"carriers/acme.conf": 'protocol_id = 1;\nservice_type = "CMT";\ntps = 50.0;\n'})
    gw.wait_link()
    status, out, _ = run(os.path.join(BUILD, "posthornd"), "-t", "-o", "-c", gw.conf_path)
    equal(status, 0, out)
    profile = os.path.join(gw.dir, "carriers", "acme.conf")
    for line in (f'links.acme.service_type = "CMT" (from {profile}:2)', "links.acme.window = 50 (default)",
                 "links.acme.password = (not shown) (from "):
        check(line in out, f"{line}\n{out}")
    check(re.search(rf"links\.acme\.protocol_id = 3 \(from {re.escape(gw.conf_path)}:\d+\)", out), out)
    check(gw.find(r"event=link_setting link=acme what=.*service_type"), "the log at debug tells it, too")
    gw.write_file("carriers/acme.conf", 'protocol_id = 1;\nservice_type = "VMN";\ntps = 60.0;\n')
    gw.reload()
    gw.wait_link()
    check(gw.find(r'what="?links\.acme\.service_type: \\?"CMT\\?" -> \\?"VMN\\?"'), "the change is logged")
    equal(gw.link()["tps"], 60, "tps")
    gw.write_file("carriers/acme.conf", "protocol_id = 1;\nservice_typ = 1;\n")
    check(gw.reload(r"event=reload_refused .*carriers/acme\.conf:2: service_typ: unknown setting"), "refused")
    equal(gw.link()["tps"], 60, "tps, as before")


@case("every shipped profile makes a link that sends")
def _(w):
    names = sorted(f[:-5] for f in os.listdir(os.path.join(SOURCE, "conf", "carriers")))
    files = {}
    for n in names:
        with open(os.path.join(SOURCE, "conf", "carriers", n + ".conf"), encoding="utf-8") as f:
            files[f"carriers/{n}.conf"] = f.read()
    sim = w.smsc()
    gw = w.gateway({"routes": [{"prefix": [f"120255500{i}"], "links": [n]} for i, n in enumerate(names)]}, files=files,
                   links=[smpp(sim, name=n, profile=n, system_id=f"l{i}") for i, n in enumerate(names)])
    api = gw.api()
    for i, n in enumerate(names):
        gw.wait_link(n)
        tlvs = {"tlvs": {"pe_id": "1101234567890123456", "template_id": "1107"}} if n == "india-dlt" else {}
        m = api.send(to=f"+120255500{i}0", **{"from": "777"}, **tlvs)
        # The simulator's ids are alike in response and receipt, which "dec" is not made for.
        api.wait_state(m["id"], "delivered", *(["sent"] if n in ("generic-33", "hex-dec-ids") else []))


main()
