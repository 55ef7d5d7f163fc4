#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0150: the same key sends once, also over a restart and a kill; what was answered 202 is there afterwards."""
from harness import *


def ground(w, *sim_args, **named):
    sim, sink = w.smsc(*sim_args), w.sink()
    gw = w.gateway(links=[smpp(sim)], webhook=sink, **named)
    gw.wait_link()
    return sim, sink, gw, gw.api()


BODY = {"to": "+12025550142", "text": "once"}


def post(api, key="k-1", body=None):
    return api.post("/v1/messages", body or BODY, {"Idempotency-Key": key})


@case("the same key and body: the first answer again, one message")
def _(w):
    sim, sink, gw, api = ground(w)
    first = post(api).expect(202)
    again = post(api).expect(202)
    equal(first.headers["Idempotent-Replay"], None, "header of the first answer")
    equal(again.headers["Idempotent-Replay"], "true", "header of the second")
    equal(again.json["id"], first.json["id"], "id")
    api.wait_state(first.json["id"], "delivered")
    equal((len(api.all_messages()), sim.stats["submits"]), (1, 1), "messages and submits")


@case("blanks and the order of the fields do not make another body")
def _(w):
    sim, sink, gw, api = ground(w)
    first = post(api).expect(202).json["id"]
    equal(post(api, body=b'{ "text" : "once",\n "to" : "+12025550142" }').expect(202).json["id"], first, "id")


@case("the same key with another body is 409, and the first message stands")
def _(w):
    sim, sink, gw, api = ground(w)
    first = post(api).expect(202).json["id"]
    post(api, body={**BODY, "text": "twice"}).expect(409, "idempotency_conflict")
    api.wait_state(first, "delivered")
    equal(sim.stats["submits"], 1, "submits")


@case("a key belongs to its client")
def _(w):
    sim, sink, gw, api = ground(w)
    gw.add_client("other")
    gw.write_conf()
    gw.reload()
    check(post(api).json["id"] != post(gw.api("other")).json["id"], "two messages")


@case("a refused request is not remembered: mended, the key works")
def _(w):
    sim, sink, gw, api = ground(w)
    post(api, body={**BODY, "to": "nobody"}).expect(400, "invalid_to")
    equal(post(api).expect(202).headers["Idempotent-Replay"], None, "header")


@case("keys that are none are refused")
def _(w):
    gw = w.gateway()
    api = gw.api()
    for key in ("x" * 256, "ключ".encode("utf-8").decode("latin-1"), "a\tb"):
        post(api, key).expect(400, "invalid_idempotency_key")
    api.post("/v1/messages", {**BODY, "idempotency_key": "a"}, {"Idempotency-Key": "b"}).expect(
        400, "invalid_idempotency_key")


@case("twenty at a time with one key: one message, the others 202 or in progress")
def _(w):
    sim, sink, gw, api = ground(w)
    answers, lock = [], threading.Lock()

    def one():
        a = gw.api()
        got = post(a, "race")
        with lock:
            answers.append(got)

    threads = [threading.Thread(target=one) for _ in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check(all(a.status == 202 or (a.status, a.code) == (409, "idempotency_in_progress") for a in answers), answers)
    equal(len({a.json["id"] for a in answers if a.status == 202}), 1, "ids")
    equal(len(api.all_messages()), 1, "messages")


@case("the key survives a restart")
def _(w):
    sim, sink, gw, api = ground(w)
    first = post(api).expect(202).json["id"]
    api.wait_state(first, "delivered")
    gw.restart()
    again = post(gw.api()).expect(202)
    equal((again.json["id"], again.headers["Idempotent-Replay"]), (first, "true"), "answer")
    equal(sim.stats["submits"], 1, "submits")


@case("the key survives kill -9")
def _(w):
    sim, sink, gw, api = ground(w)
    first = post(api).expect(202).json["id"]
    gw.restart(kill=True)
    again = post(gw.api()).expect(202)
    equal((again.json["id"], again.headers["Idempotent-Replay"]), (first, "true"), "answer")


@case("row keys in an array: a repeated row is the first message")
def _(w):
    sim, sink, gw, api = ground(w)
    rows = [{**BODY, "to": f"+{12025550000 + i}", "idempotency_key": f"row-{i}"} for i in range(50)]
    first = [r["id"] for r in api.post("/v1/messages", rows).expect(202).json["results"]]
    again = [r.get("id") for r in api.post("/v1/messages", rows).expect(202).json["results"]]
    equal(again, first, "ids")
    equal(len(api.all_messages()), 50, "messages")


@case("an array posted again under its key is not sent again")
def _(w):
    sim, sink, gw, api = ground(w)
    rows = [{**BODY, "to": f"+{12025550000 + i}"} for i in range(300)]
    a = api.post("/v1/messages", rows, {"Idempotency-Key": "array"}).expect(202).json
    b = api.post("/v1/messages", rows, {"Idempotency-Key": "array"}).expect(202).json
    equal((a["accepted"], b["accepted"]), (300, 300), "counts")
    sink.wait_final(300, 30)
    equal((len(api.all_messages(limit=500)), sim.stats["submits"]), (300, 300), "messages and submits")
    rows[7]["text"] = "changed"
    api.post("/v1/messages", rows, {"Idempotency-Key": "array"}).expect(409, "idempotency_conflict")


@case("what waits when it is stopped goes after the start, once, in order")
def _(w):
    port, sink = free_port(), w.sink()
    gw = w.gateway(links=[smpp(port)], webhook=sink)
    api = gw.api()
    rows = [{"to": f"+{12025550000 + i}", "text": f"row {i}"} for i in range(500)]
    ids = [r["id"] for r in api.post("/v1/messages", rows).expect(202).json["results"]]
    gw.restart()
    queue = wait_for(lambda: not (q := gw.operator().get("/v1/queue").json)["recovering"] and q, 10, "the end of the scan")
    equal(queue["waiting"], 500, "waiting after the start")
    sim = w.smsc(port=port)
    equal(set(sink.wait_final(500, 30)), set(ids), "final events")
    equal([s["to"] for s in sim.submits()], [r["to"][1:] for r in rows], "order")
    equal(sim.stats["duplicates"], 0, "duplicates")


@case("kill -9 in the middle of a campaign: every 202 has one final state, duplicates only for what was in flight")
def _(w):
    sim, sink, gw, api = ground(w, "--receipt-delay", "20", "--line", "slow 5ms")
    rows = [{"to": f"+{12025550000 + i}", "text": f"row {i}"} for i in range(3000)]
    ids = []
    for i in range(0, 3000, 500):
        ids += [r["id"] for r in api.post("/v1/messages", rows[i:i + 500]).expect(202).json["results"]]
    window = gw.settings["links"][0].get("window", 50)
    kills = 0
    for least in (300, 1200, 2100):
        wait_for(lambda: sim.stats["submits"] >= least, 30, f"{least} submits")
        gw.restart(kill=True)
        kills += 1
    final = sink.wait_final(3000, 90)
    equal(set(final), set(ids), "every 202 has its final event")
    equal(set(final.values()), {"delivered"}, "states")
    stats = sim.stats
    equal(stats["unique"], 3000, "different messages at the carrier")
    check(stats["duplicates"] <= kills * window, f"{stats['duplicates']} duplicates, at most {kills * window} were in flight")


@case("a receipt that comes while the daemon is down finds its message afterwards")
def _(w):
    sim, sink, gw, api = ground(w, "--receipt-delay", "1500", "--receipt-retry", "100")
    i = api.send()["id"]
    api.wait_state(i, "sent")
    gw.restart(kill=True)
    m = gw.api().wait_state(i, "delivered", seconds=15)
    equal(len(m["parts"]), 1, "parts")
    equal(sim.stats["submits"], 1, "submits")


main()
