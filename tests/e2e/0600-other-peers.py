#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 13 s
"""0600: judged by others: the npm package "smpp" as the carrier, and Wireshark's dissector on what goes over the wire."""
import collections
import shutil

from faults import *
from harness import *
from witnesses import *


# ---- npm smpp -------------------------------------------------------------------------------------------------------

TEXTS = [
    ("GSM letters and those of the extension table", "Hello @£$¥ [€] {ok} ÄÖÜ ß"),
    ("Cyrillic", "Привет, как дела?"),
    ("beyond the first plane", "party 🎉 at 8"),
]


@case('npm "smpp" is the carrier: it reads what we meant, and its receipts are ours')
def _(w):
    carrier = NpmCarrier(w)
    gw = w.gateway(links=[smpp(carrier.port, enquire_link=0.2)])
    gw.wait_link()
    api = gw.api()
    for why, text in TEXTS:
        m = api.send(text=text, **{"from": "Posthorn"})
        api.wait_state(m["id"], "delivered")
        got = carrier.of("submit_sm")[-1]
        equal((got["from"], got["to"], got["text"]), ("Posthorn", "12025550142", text), why)
    wait_for(lambda: carrier.of("enquire_link"), 5, "an enquire_link")
    carrier.tell("mo 12025550177 5678 answer from npm")
    wait_for(lambda: gw.operator().get("/v1/inbound").json["inbound"], 5, "the inbound message")
    equal(gw.operator().get("/v1/inbound").json["inbound"][0]["text"], "answer from npm", "inbound")
    wait_for(lambda: len(carrier.of("deliver_sm_resp")) == len(TEXTS) + 1, 5, "the answers to deliver_sm")
    equal({h["status"] for h in carrier.of("deliver_sm_resp")}, {0}, "their status")
    gw.stop()
    wait_for(lambda: carrier.of("unbind"), 5, "unbind")
    equal([(b["system_id"], b["password"], b["version"]) for b in carrier.of("bind_transceiver")],
          [("posthorn", "secret", 0x34)], "bind")
    equal(carrier.of("error") + carrier.of("unknown"), [], "errors")


@case('npm "smpp" puts a long message together from our parts')
def _(w):
    carrier = NpmCarrier(w)
    gw = w.gateway(links=[smpp(carrier.port)])
    api = gw.api()
    for text in ("A long story, told in several parts. " * 10, "Длинная история из нескольких частей. " * 10):
        before = len(carrier.of("submit_sm"))
        m = api.send(text=text)
        api.wait_state(m["id"], "delivered")
        parts = carrier.of("submit_sm")[before:]
        equal(len(parts), m["parts"], "parts")
        # 3GPP TS 23.040, 9.2.3.24.1: 00 03 reference parts part
        headers = [bytes.fromhex(p["udh"][0]) for p in parts]
        equal([h[:2] + h[3:] for h in headers], [bytes((0, 3, len(parts), i + 1)) for i in range(len(parts))], "headers")
        equal(len({h[2] for h in headers}), 1, "one reference")
        equal("".join(p["text"] for p in parts), text, "text")


@case('npm "smpp" speaks 5.0: congestion_state 90 slows us down, 10 lets us climb')
def _(w):
    carrier = NpmCarrier(w)
    gw = w.gateway(links=[smpp(carrier.port, interface_version=0x50, tps=100)])
    gw.wait_link()
    equal(gw.link()["binds"][0]["version"], "5.0", "version")
    check('posthorn_link_congestion{link="acme"}' not in gw.metrics(), "not told yet")
    carrier.tell("congestion 90")
    post(gw.api(), rows(1000))
    wait_for(lambda: gw.link()["slowed"] >= 2, 20, "it to slow down")
    low = gw.link()
    equal(low["congestion"], 90, "congestion")
    check(low["rate_limit"] < 98, f"below 100: {low['rate_limit']}")
    carrier.tell("congestion 10")
    wait_for(lambda: gw.link()["congestion"] == 10, 10, "the news")
    then = gw.link()
    wait_for(lambda: gw.link()["rate_limit"] > then["rate_limit"], 20, "it to climb")
    equal(gw.link()["slowed"], then["slowed"], "not slowed again")
    equal(gw.metrics()['posthorn_link_congestion{link="acme"}'], 10, "metric")
    equal(carrier.of("error") + carrier.of("unknown"), [], "errors")
    gw.kill()


@case('npm "smpp" understands our query_sm, and we its answer')
def _(w):
    carrier = NpmCarrier(w)
    carrier.tell("receipts no")
    gw = w.gateway(links=[smpp(carrier.port, query="late", query_after=1)])
    api = gw.api()
    m = api.send(**{"from": "Posthorn"})["id"]
    api.wait_state(m, "delivered", seconds=20)
    equal([e["receipt"] for e in api.events(m) if e.get("receipt")], [{"stat": "2", "err": "0", "form": "query_sm"}], "timeline")
    asked = carrier.of("query_sm")
    equal([(q["id"], q["from"], q["ton"], q["npi"]) for q in asked], [(carrier.of("submit_sm")[0]["id"], "Posthorn", 5, 0)], "query_sm")


# ---- Wireshark ---------------------------------------------------------------------------------------------------------

def commands(path):
    """How many PDUs of each command the dissector saw."""
    seen = collections.Counter()
    for line in tshark(path, "-Y", "smpp", "-T", "fields", "-e", "smpp.command_id"):
        seen.update(int(x, 0) for x in line.split(","))
    return seen


@case("Wireshark finds nothing malformed in a run with every kind of message, and counts the PDUs that the carrier counted")
def _(w):
    if not shutil.which("tshark"):
        skip("tshark is not installed")
    sim = w.smsc(script="on submit_sm every 25 throttle\non submit_sm 7 status 0x45\n"
                        'mo every 40 from 12025550142 to 5678 text "hello"\n')
    relay = Relay(w, sim.port)
    gw = w.gateway(links=[smpp(relay.port, enquire_link=0.1)])
    gw.wait_link()
    api = gw.api()
    some = rows(200)
    for i, text in enumerate(("short", "x" * 400, "Привет", "Я" * 200, "€" * 200, "party 🎉")):
        some[i]["text"] = text
    some[6] = {"to": some[6]["to"], "data": "00ff10", "udh": "0605040b8423f0"}
    some[7]["flash"] = True
    some[8]["from"] = "Posthorn"
    some[9]["from"] = "12345"
    post(api, some)
    wait_for(lambda: sum(ended(gw, s) for s in ("delivered", "rejected")) == 200, 20, "all to be final")
    wait_for(lambda: sim.stats["enquire_links"] >= 2, 5, "enquire_link")
    gw.stop()
    s = sim.stats
    path = w.path("run.pcap")
    pcap(path, relay.chunks)
    seen = commands(path)
    # SMPP 3.4, 5.1.2.1
    equal((seen[0x00000009], seen[0x80000009], seen[0x00000006]), (1, 1, 1), "bind_transceiver, its answer, unbind")
    equal(seen[0x00000004], s["submits"], "submit_sm")
    equal(seen[0x80000004], s["submits"], "submit_sm_resp")
    equal(seen[0x00000005], s["receipts"]["sent"] + s["mo"]["sent"], "deliver_sm")
    equal(seen[0x80000005], seen[0x00000005], "deliver_sm_resp")
    equal(malformed(path), [], "malformed")
    print(f"# {sum(seen.values())} PDUs dissected")
    # And it would have told: the same run with one submit_sm cut short inside its frame.
    spoilt, done = [], False
    for connection, ours, data in relay.chunks:
        if ours and not done and data[4:8] == b"\0\0\0\4":
            data, done = data[:4] + data[4:36] + b"\xff" * (len(data) - 36), True
        spoilt.append((connection, ours, data))
    check(done, "a submit_sm to spoil")
    pcap(path, spoilt)
    check(malformed(path), "a spoilt submit_sm is seen")


main()
