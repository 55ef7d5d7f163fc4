#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0120: arrays and streams: every row has one verdict, every accepted row one final state."""
import socket

from harness import *

TO = 12025550000


def rows(n, **extra):
    return [{"to": f"+{TO + i % 10000}", "text": f"row {i}", "ref": f"ref-{i}", **extra} for i in range(n)]


def ground(w, *sim_args, **named):
    sim, sink = w.smsc(*sim_args), w.sink()
    gw = w.gateway(links=[smpp(sim, window=100)], webhook=sink, **named)
    gw.wait_link()
    return sim, sink, gw, gw.api()


@case("an array of 1,000: results in the order of the rows, all delivered, once")
def _(w):
    sim, sink, gw, api = ground(w)
    answer = api.post("/v1/messages", rows(1000)).expect(202).json
    equal((answer["accepted"], answer["rejected"], len(answer["results"])), (1000, 0, 1000), "answer")
    ids = [r["id"] for r in answer["results"]]
    equal(len(set(ids)), 1000, "different ids")
    final = sink.wait_final(1000, 30)
    equal(set(final), set(ids), "ids of the events")
    equal(set(final.values()), {"delivered"}, "states")
    equal((sim.stats["accepted"], sim.stats["duplicates"], sim.stats["malformed"]), (1000, 0, 0), "at the carrier")
    for i in (0, 499, 999):
        equal(api.message(ids[i])["ref"], f"ref-{i}", "the row of the result")


@case("a bad row is refused on its own; results=errors lists it only")
def _(w):
    sim, sink, gw, api = ground(w)
    body = rows(5)
    body[1]["to"] = "nobody"
    body[3]["txt"] = "misspelt"
    every = api.post("/v1/messages", body).expect(202).json
    equal([("id" in r, r.get("error", {}).get("code")) for r in every["results"]],
          [(True, None), (False, "invalid_to"), (True, None), (False, "unknown_field"), (True, None)], "results")
    only = api.post("/v1/messages", body, results="errors").expect(202).json
    equal((only["accepted"], only["rejected"]), (3, 2), "counts")
    equal([(r["row"], r["error"]["code"]) for r in only["results"]], [(1, "invalid_to"), (3, "unknown_field")], "errors")


@case("an array of 10,001 is refused whole and says how to send it")
def _(w):
    sim, sink, gw, api = ground(w)
    answer = api.post("/v1/messages", rows(10001)).expect(413, "too_many_rows")
    check("ndjson" in answer.json["error"]["message"], answer)
    equal(api.get("/v1/messages").json["messages"], [], "messages")


@case("a stream of 20,000 rows with 20 bad ones")
def _(w):
    sim, sink, gw, api = ground(w)
    body = rows(20000)
    bad = list(range(7, 20000, 1000))
    for i in bad:
        body[i]["to"] = "12"
    answer = api.stream(body, key="stream-1").expect(202).json
    equal((answer["accepted"], answer["rejected"]), (19980, 20), "counts")
    equal([r["row"] for r in answer["results"]], bad, "the refused rows")
    progress = api.get("/v1/streams/stream-1").expect(200).json
    equal((progress["accepted"], progress["rejected"]), (19980, 20), "progress")
    final = sink.wait_final(19980, 90)
    equal((len(final), set(final.values())), (19980, {"delivered"}), "final events")
    stats = sim.stats
    equal((stats["accepted"], stats["duplicates"], stats["malformed"]), (19980, 0, 0), "at the carrier")


@case("a stream in chunks of odd sizes, with blank ends, is read row by row")
def _(w):
    sim, sink, gw, api = ground(w)
    body = json_lines(rows(300)) + b"\n"

    def pieces():
        for i in range(0, len(body), 37):
            yield body[i:i + 37]

    answer = api.call("POST", "/v1/messages", pieces(), {"Content-Type": "application/x-ndjson",
                                                         "Transfer-Encoding": "chunked"}).expect(202).json
    equal((answer["accepted"], answer["rejected"]), (300, 0), answer)
    sink.wait_final(300, 30)


@case("a list comes in pages, newest first, and misses none")
def _(w):
    sim, sink, gw, api = ground(w)
    ids = [r["id"] for r in api.post("/v1/messages", rows(250, campaign="spring")).expect(202).json["results"]]
    sink.wait_final(250, 30)
    got = [m["id"] for m in api.all_messages(campaign="spring", limit=40)]
    equal(got, sorted(ids, key=int, reverse=True), "ids")
    equal([m["id"] for m in api.all_messages(ref="ref-7")], [ids[7]], "by ref")
    equal([m["id"] for m in api.all_messages(to=f"+{TO + 9}")], [ids[9]], "by recipient")


@case("mixed fates: the states counted here are those of the carrier")
def _(w):
    sim, sink, gw, api = ground(w, "--outcomes", "DELIVRD=70,UNDELIV=10,EXPIRED=10,REJECTD=10", "--receipt-delay", "20",
                                "--receipt-jitter", "100")
    ids = [r["id"] for r in api.post("/v1/messages", rows(1000)).expect(202).json["results"]]
    final = sink.wait_final(1000, 30)
    equal(set(final), set(ids), "ids")
    for state in ("delivered", "undelivered", "expired", "rejected"):
        listed = {m["id"] for m in api.all_messages(state=state, limit=500)}
        equal(listed, {i for i, s in final.items() if s == state}, f"list of {state}")
    check(600 < sum(s == "delivered" for s in final.values()) < 800, "about 70 % are delivered")


@case("texts of several parts reach the carrier whole and in order")
def _(w):
    sim, sink, gw, api = ground(w)
    body = [{"to": f"+{TO + i}", "text": f"{i:04d}" + "x" * 300} for i in range(200)]
    api.post("/v1/messages", body).expect(202)
    sink.wait_final(200, 30)
    parts = {}
    for s in sim.submits():
        parts.setdefault(s["to"], []).append(s["text"])
    equal(len(parts), 200, "recipients")
    for to, texts in parts.items():
        equal([t[5] for t in texts], [1, 2], f"order of the parts for {to}")
        equal(b"".join(t[6:] for t in texts), f"{int(to) - TO:04d}".encode() + b"x" * 300, "text")


@case("two hundred requests at work at once are all answered")
def _(w):
    sim, sink = w.smsc(), w.sink()
    gw = w.gateway(links=[smpp(sim)], webhook=sink)
    gw.wait_link()
    port, key = gw.port, gw.keys["shop"]
    connections = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(200)]
    for turn in range(3):
        for i, s in enumerate(connections):
            body = json.dumps({"to": f"+1202555{turn}{i:03d}", "text": "hello"}).encode()
            s.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + key.encode() +
                      b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        for i, s in enumerate(connections):
            check(s.recv(4096).startswith(b"HTTP/1.1 202"), f"connection {i} of turn {turn}")
    for s in connections:
        s.close()
    sink.wait_final(600)


main()
