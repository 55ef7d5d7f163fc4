#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0110: the life of one message, seen by the client, the carrier and the webhook."""
from harness import *


def ground(w, *sim_args, link=None, **named):
    sim, sink = w.smsc(*sim_args), w.sink()
    gw = w.gateway(links=[smpp(sim, **(link or {}))], webhook=sink, **named)
    gw.wait_link()
    return sim, sink, gw, gw.api()


@case("202, submit_sm, receipt, delivered, one signed event")
def _(w):
    sim, sink, gw, api = ground(w)
    answer = api.send("+12025550142", "hello", ref="r-1")
    equal({k: answer[k] for k in ("parts", "encoding")}, {"parts": 1, "encoding": "gsm7"}, "answer")
    check(answer["state"] in ("queued", "sending"), answer)
    check(answer["id"].isdecimal(), "the id is decimal text")
    m = api.wait_state(answer["id"], "delivered")
    equal((m["to"], m["text"], m["ref"], len(m["parts"])), ("+12025550142", "hello", "r-1", 1), "message")
    part, = m["parts"]
    submit, = sim.submits()
    equal((part["state"], part["link"], part["smsc_id"], part["attempts"]), ("delivered", "acme", submit["id"], 1))
    equal((submit["to"], submit["text"], submit["data_coding"], submit["esm_class"]),
          ("12025550142", b"hello", 0, 0), "submit_sm")
    sink.wait_final(1)
    event, = sink.of(answer["id"])
    equal((event["type"], event["state"], event["ref"], event["to"]),
          ("message.status", "delivered", "r-1", "+12025550142"), "event")
    check(event["event"].startswith("evt_"), event)
    equal(sim.stats["malformed"], 0, "malformed PDUs")


@case("the times of its life are in order")
def _(w):
    sim, sink, gw, api = ground(w, "--receipt-delay", "50")
    m = api.wait_state(api.send()["id"], "delivered")
    part, = m["parts"]
    # RFC 3339 in UTC with milliseconds sorts as text.
    times = [m["created_at"], part["submitted_at"], part["final_at"]]
    equal(times, sorted(times), "created, submitted, final")
    equal(m["final_at"], part["final_at"], "the message is final when its part is")


@case("the timeline tells submit and receipt, with link and id")
def _(w):
    sim, sink, gw, api = ground(w)
    i = api.send()["id"]
    api.wait_state(i, "delivered")
    events = api.events(i)
    text = json.dumps(events)
    check("acme" in text and sim.submits()[0]["id"] in text and "delivered" in text, events)
    at = [e["at"] for e in events]
    equal(at, sorted(at), "in order of time")


@case("GSM letters and the euro sign go as GSM 03.38 octets")
def _(w):
    # 3GPP TS 23.038, 6.2.1: @ is 0x00, _ is 0x11; 6.2.1.1: the euro sign is 0x1B 0x65.
    sim, sink, gw, api = ground(w)
    api.wait_state(api.send(text="a@_€")["id"], "delivered")
    equal(sim.submits()[0]["text"].hex(), "6100111b65", "short_message")


@case("Cyrillic and emoji go as UCS-2 with data_coding 8")
def _(w):
    sim, sink, gw, api = ground(w)
    answer = api.send(text="Ж😀")
    equal(answer["encoding"], "ucs2", "encoding")
    api.wait_state(answer["id"], "delivered")
    submit, = sim.submits()
    # 3GPP TS 23.038, 5: UCS-2; SMPP 3.4, 5.2.19: 0x08.
    equal((submit["data_coding"], submit["text"].hex()), (8, "0416d83dde00"), "submit_sm")


@case("a link's Latin-1 or ASCII carries what it has; a letter it lacks makes the text UCS-2, never a question mark")
def _(w):
    for alphabet, fits, wire in (
            ("latin1", "Gr\u00fc\u00dfe", (3, "4772fcdf65")), ("ascii", "hello", (1, "68656c6c6f"))):
        sim, sink, gw, api = ground(w, link={"alphabet": alphabet})
        api.wait_state(api.send(text=fits)["id"], "delivered")
        api.wait_state(api.send(text="\u20ac\u0394")["id"], "delivered")  # both are GSM-7, neither is Latin-1 or ASCII
        # SMPP 3.4, 5.2.19: 0x01 IA5, 0x03 Latin-1, 0x08 UCS-2.
        equal([(m["data_coding"], m["text"].hex()) for m in sim.submits()], [wire, (8, "20ac0394")], alphabet)


@case("a long text is cut at 153 septets, with one reference, in order")
def _(w):
    sim, sink, gw, api = ground(w)
    text = "".join(chr(ord("a") + i % 26) for i in range(400))
    answer = api.send(text=text)
    equal(answer["parts"], 3, "parts")
    m = api.wait_state(answer["id"], "delivered")
    equal([p["part"] for p in m["parts"]], [1, 2, 3], "parts")
    submits = sim.submits()
    # 3GPP TS 23.040, 9.2.3.24.1: UDHL 05, IEI 00, length 03, reference, total, number.
    heads = [s["text"][:6] for s in submits]
    equal([h[:3].hex() for h in heads], ["050003"] * 3, "header")
    equal(len({h[3] for h in heads}), 1, "one reference")
    equal([(h[4], h[5]) for h in heads], [(3, 1), (3, 2), (3, 3)], "total and number")
    equal([s["esm_class"] & 0x40 for s in submits], [0x40] * 3, "UDHI (SMPP 3.4, 5.2.12)")
    equal([len(s["text"]) - 6 for s in submits], [153, 153, 94], "septets, one an octet")
    equal(b"".join(s["text"][6:] for s in submits), text.encode(), "text")
    sink.wait_final(1)
    equal(len(sink.of(answer["id"])), 1, "one event for the message")


@case("the sender is the message's, else the client's")
def _(w):
    sim, sink, gw, api = ground(w, client={"from": "SHOP"})
    for extra in ({}, {"from": "12345"}, {"from": "+12025550199"}):
        api.wait_state(api.send(**extra)["id"], "delivered")
    equal([s["from"] for s in sim.submits()], ["SHOP", "12345", "12025550199"], "source_addr")


for _stat, _state in (("UNDELIV", "undelivered"), ("DELETED", "undelivered"), ("UNKNOWN", "undelivered"),
                      ("EXPIRED", "expired"), ("REJECTD", "rejected")):
    @case(f"a receipt {_stat} makes it {_state}")
    def _(w, stat=_stat, state=_state):
        sim, sink, gw, api = ground(w, "--outcomes", f"{stat}:err=021=1")
        i = api.send()["id"]
        m = api.wait_state(i, state)
        check("021" in json.dumps(m["parts"][0].get("error")), m["parts"][0])
        equal(sink.wait_final(1), {i: state}, "event")


@case("a carrier's final refusal makes it rejected, with the code")
def _(w):
    # SMPP 3.4, 5.1.3: ESME_RINVDSTADR is 0x0B.
    sim, sink, gw, api = ground(w, "--line", "on submit_sm status 0x0B")
    m = api.wait_state(api.send()["id"], "rejected")
    check("error" in m["parts"][0], m["parts"][0])
    equal(sim.stats["submits"], 1, "it is not tried again")


@case("a throttled submit is tried again and the client sees one message")
def _(w):
    sim, sink, gw, api = ground(w, "--line", "on submit_sm 1..2 throttle")
    i = api.send()["id"]
    api.wait_state(i, "delivered", seconds=20)
    equal((sim.stats["submits"], sim.stats["accepted"]), (3, 1), "submits and accepted")
    sink.wait_final(1)
    equal(len(sink.of(i)), 1, "events")


@case("a receipt before its response is not lost")
def _(w):
    sim, sink, gw, api = ground(w, "--line", "receipt-first")
    api.wait_state(api.send()["id"], "delivered")


@case("a carrier's inbound message reaches the webhook and the list")
def _(w):
    sim, sink, gw, api = ground(w, over={"inbound": [{"client": "shop"}]})
    sim.ask("mo 12025550142 12345 Привет")
    event = sink.wait(lambda es: next((e for e in es if e["type"] == "message.inbound"), None), what="the event")
    equal((event["from"].lstrip("+"), event["to"], event["text"], event["link"]),
          ("12025550142", "12345", "Привет", "acme"), "event")
    row, = api.get("/v1/inbound").expect(200).json["inbound"]
    equal((row["from"].lstrip("+"), row["text"]), ("12025550142", "Привет"), "row")
    wait_for(lambda: sim.stats["mo"]["acked"] == 1, 5, "deliver_sm_resp")


@case("report: all tells sent and delivered, none tells nothing")
def _(w):
    sim, sink, gw, api = ground(w, "--receipt-delay", "50")
    none, every = api.send(report="none")["id"], api.send(report="all")["id"]
    api.wait_state(none, "delivered")
    api.wait_state(every, "delivered")
    sink.wait(lambda es: any(e.get("id") == every and e["state"] == "delivered" for e in es), what="delivered")
    states = [e["state"] for e in sink.of(every)]
    check("sent" in states and states[-1] == "delivered", states)
    last = api.send()["id"]
    sink.wait(lambda es: any(e.get("id") == last for e in es), what="the event of a later message")
    equal(sink.of(none), [], "events of report: none")


@case("preview says what sending would do, and sends nothing")
def _(w):
    sim, sink, gw, api = ground(w)
    p = api.post("/v1/preview", {"to": "+12025550142", "text": "“Hi”"}).expect(200).json
    equal((p["encoding"], p["parts"]), ("ucs2", 1), "preview")
    equal([(c["position"], c["codepoint"]) for c in p["culprits"]], [(0, "U+201C"), (3, "U+201D")], "culprits")
    equal(sim.stats["submits"], 0, "submits")
    equal(api.get("/v1/messages").json["messages"], [], "messages")


@case("another client does not see it")
def _(w):
    sim, sink, gw, api = ground(w)
    i = api.send()["id"]
    gw.add_client("other")
    gw.write_conf()
    gw.reload()
    other = gw.api("other")
    other.get(f"/v1/messages/{i}").expect(404, "not_found")
    other.get(f"/v1/messages/{i}/events").expect(404)
    other.delete(f"/v1/messages/{i}").expect(404)
    equal(other.get("/v1/messages").expect(200).json["messages"], [], "list")


main()
