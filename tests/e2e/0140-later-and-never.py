#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 18 s
"""0140: what is not sent at once: scheduled, expired, cancelled, without a link."""
import datetime

from harness import *


def at(iso):
    return datetime.datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp()


def ground(w, *sim_args, **named):
    sim, sink = w.smsc(*sim_args), w.sink()
    gw = w.gateway(links=[smpp(sim)], webhook=sink, **named)
    gw.wait_link()
    return sim, sink, gw, gw.api()


def down(w, **named):
    """A gateway whose only carrier does not listen, and the port where it may."""
    port, sink = free_port(), w.sink()
    gw = w.gateway(links=[smpp(port)], webhook=sink, **named)
    return port, sink, gw, gw.api()


@case("a scheduled message leaves at its time, not before")
def _(w):
    sim, sink, gw, api = ground(w)
    due = time.time() + 2
    i = api.send(send_at=rfc3339(due))["id"]
    m = api.message(i)
    equal(m["state"], "scheduled", "state")
    check(abs(at(m["next_try"]) - due) < 0.01, f"next_try {m['next_try']}")
    api.wait_state(i, "delivered", seconds=10)
    left = sim.submits()[0]["at"]
    check(due - 0.01 <= left <= due + patience(1), f"it left {left - due:.3f} s after its time")


@case("a schedule survives a restart")
def _(w):
    sim, sink, gw, api = ground(w)
    due = time.time() + 3
    i = api.send(send_at=rfc3339(due))["id"]
    gw.restart()
    api = gw.api()
    check(api.message(i)["state"] in ("scheduled", "queued", "sending", "sent", "delivered"), "it is still there")
    api.wait_state(i, "delivered", seconds=15)
    check(sim.submits()[0]["at"] >= due - 0.01, "not before its time")


@case("a time in the past means now")
def _(w):
    sim, sink, gw, api = ground(w)
    api.wait_state(api.send(send_at=rfc3339(time.time() - 60))["id"], "delivered")


@case("while the link is down a message says why it waits, and goes when the link is back")
def _(w):
    port, sink, gw, api = down(w)
    i = api.send()["id"]
    m = wait_for(lambda: (m := api.message(i)).get("reason") and m, 5, "a reason")
    equal((m["state"], m["reason"]), ("queued", "link_down"), "state and reason")
    check(m["since"], "since when")
    sim = w.smsc(port=port)
    api.wait_state(i, "delivered", seconds=20)
    equal(sim.stats["duplicates"], 0, "duplicates")


@case("no link serves it: it waits with no_route, and a reload that adds a route sends it")
def _(w):
    sim, sink = w.smsc(), w.sink()
    gw = w.gateway({"routes": [{"prefix": ["44"], "links": ["acme"]}]}, links=[smpp(sim)], webhook=sink)
    gw.wait_link()
    api = gw.api()
    i = api.send("+12025550142")["id"]
    wait_for(lambda: api.message(i).get("reason") == "no_route", 5, "reason no_route")
    gw.settings["routes"].append({"links": ["acme"]})
    gw.write_conf()
    gw.reload()
    api.wait_state(i, "delivered")


@case("ttl: it expires though every link is down, with an event")
def _(w):
    port, sink, gw, api = down(w)
    begun = time.time()
    short, long = api.send(ttl=2)["id"], api.send(ttl=3600)["id"]
    # The promise is: within 60 s of its time.
    m = api.wait_state(short, "expired", seconds=65)
    check(at(m["final_at"]) >= begun + 1.9, "not before its time")
    equal(sink.wait_final(1), {short: "expired"}, "event")
    equal(api.message(long)["state"], "queued", "the other one waits on")


@case("ttl counts from send_at")
def _(w):
    port, sink, gw, api = down(w)
    i = api.send(ttl=3600, send_at=rfc3339(time.time() + 7200))["id"]
    m = api.message(i)
    check(abs(at(m["expires_at"]) - (time.time() + 10800)) < 60, m)


@case("cancel: what waits is cancelled, told and never sent")
def _(w):
    port, sink, gw, api = down(w)
    i = api.send()["id"]
    equal(api.delete(f"/v1/messages/{i}").expect(200).json["result"], "cancelled", "answer")
    equal(api.message(i)["state"], "cancelled", "state")
    equal(sink.wait_final(1), {i: "cancelled"}, "event")
    equal(api.delete(f"/v1/messages/{i}").expect(200).json["result"], "final", "the second time")
    sim = w.smsc(port=port)
    gw.wait_link(seconds=20)
    later = api.send("+12025550199")["id"]
    api.wait_state(later, "delivered")
    equal([s["to"] for s in sim.submits()], ["12025550199"], "what the carrier got")


@case("cancel of a scheduled message")
def _(w):
    sim, sink, gw, api = ground(w)
    i = api.send(send_at=rfc3339(time.time() + 3600))["id"]
    equal(api.delete(f"/v1/messages/{i}").expect(200).json["result"], "cancelled", "answer")
    equal(sink.wait_final(1), {i: "cancelled"}, "event")


@case("cancel of what has gone: final when it is, in_flight when the carrier has not answered")
def _(w):
    sim, sink, gw, api = ground(w, "--line", "on submit_sm to 4412* swallow")
    i = api.send()["id"]
    api.wait_state(i, "delivered")
    equal(api.delete(f"/v1/messages/{i}").expect(200).json["result"], "final", "delivered")
    i = api.send("+441234567890")["id"]
    wait_for(lambda: sim.stats["swallowed"] == 1, 5, "the submit")
    equal(api.delete(f"/v1/messages/{i}").expect(200).json["result"], "in_flight", "in flight")
    api.delete("/v1/messages/1").expect(404, "not_found")
    gw.signal(15)  # leave it unanswered: the stop must not wait for more than stop_timeout
    equal(gw.wait(), 0, "exit status")


@case("cancel of what was never answered: it goes no more, and as it may have arrived it is unconfirmed")
def _(w):
    sim, sink, gw, api = ground(w, "--line", "on submit_sm swallow")
    one, tagged = api.send()["id"], api.send(tag="sale")["id"]
    wait_for(lambda: sim.stats["swallowed"] == 2, 5, "the submits")
    sim.kill()
    for i in (one, tagged):
        wait_for(lambda i=i: api.message(i)["state"] == "queued", 10, "it to wait for another attempt")
        equal([e["outcome"] for e in api.events(i) if e["event"] == "attempt"], ["unknown"], "attempts")
    equal(api.delete(f"/v1/messages/{one}").expect(200).json["result"], "unconfirmed", "by id")
    counts = api.delete("/v1/messages", tag="sale", results="all").expect(200).json
    equal((counts["unconfirmed"], counts["results"]), (1, [{"id": tagged, "result": "unconfirmed"}]), "by tag")
    for i in (one, tagged):
        m = api.message(i)
        equal((m["state"], m["reason"]), ("unconfirmed", "client"), "state and reason")
    equal(sink.wait_final(2), {one: "unconfirmed", tagged: "unconfirmed"}, "events")


@case("cancel by tag of what is in flight says so, and it goes on")
def _(w):
    sim = w.smsc("--line", "on submit_sm 1 swallow")
    gw = w.gateway(links=[smpp(sim, response_timeout=1)])
    gw.wait_link()
    i = gw.api().send(tag="sale")["id"]
    wait_for(lambda: sim.stats["swallowed"] == 1, 5, "the submit")
    equal(gw.api().delete("/v1/messages", tag="sale").expect(200).json["in_flight"], 1, "in flight")
    gw.api().wait_state(i, "delivered", seconds=10)


@case("cancel by tag stops a campaign of 3,000, counts, and leaves other tags alone")
def _(w):
    port, sink, gw, api = down(w, over={"queue": {"lane_window": 500}})
    rows = [{"to": f"+{12025550000 + n}", "text": "sale", "tag": "sale", "class": "marketing"} for n in range(3000)]
    equal(api.stream(rows).expect(202).json["accepted"], 3000, "accepted")
    other = api.send(tag="code")["id"]
    counts = api.delete("/v1/messages", tag="sale").expect(200).json
    equal({k: counts[k] for k in ("cancelled", "in_flight", "final")}, {"cancelled": 3000, "in_flight": 0, "final": 0})
    final = sink.wait_final(3000, 60)
    equal(set(final.values()), {"cancelled"}, "events")
    equal(api.message(other)["state"], "queued", "the other tag")
    sim = w.smsc(port=port)
    api.wait_state(other, "delivered", seconds=20)
    equal(sim.stats["submits"], 1, "what the carrier got")
    # A tag may be used again: what came after the cancellation is not touched by it.
    again = api.send(tag="sale")["id"]
    api.wait_state(again, "delivered")


@case("a tag of another client is not touched")
def _(w):
    port, sink, gw, api = down(w)
    gw.add_client("other")
    gw.write_conf()
    gw.reload()
    mine = api.send(tag="t")["id"]
    other = gw.api("other")
    theirs = other.send(tag="t")["id"]
    equal(other.delete("/v1/messages", tag="t").expect(200).json["cancelled"], 1, "cancelled")
    equal((api.message(mine)["state"], other.message(theirs)["state"]), ("queued", "cancelled"), "states")


@case("a code overtakes a campaign that waits")
def _(w):
    sim, sink, gw, api = ground(w, "--line", "tps 200", client={"class": "marketing"})
    gw.settings["links"][0]["tps"] = 100.0
    gw.write_conf()
    gw.reload()
    gw.wait_link()
    api.stream([{"to": f"+{12025550000 + n}", "text": "sale"} for n in range(1000)]).expect(202)
    begun = time.time()
    i = api.send("+447700900123", "Code 4711", **{"class": "otp"})["id"]
    api.wait_state(i, "delivered", seconds=3)
    gone = next(s["at"] for s in sim.submits() if s["to"] == "447700900123")
    check(gone - begun < patience(0.25), f"it took {gone - begun:.3f} s while a campaign of 10 s was under way")
    equal(gw.operator().get("/v1/queue").json["waiting"] > 100, True, "the campaign still waits")
    gw.api().delete("/v1/messages", tag="none").expect(200)


@case("what is for later waits at the carrier where the link says so: sent in at once, with its time and a validity behind it")
def _(w):
    for form in ("relative", "absolute"):
        sim = w.smsc(script="receipt delay 60000\n")
        gw = w.gateway(links=[smpp(sim, schedule=form, validity=form)])
        gw.wait_link()
        api, at = gw.api(), time.time() + 7200
        m = api.send(send_at=rfc3339(at), ttl=3600)["id"]
        wait_for(sim.submits, 10, "the message at the carrier")
        s = sim.submits()[0]
        if form == "relative":
            check(s["schedule"] in ("000000020000000R", "000000015959000R"), s["schedule"])
            check(s["validity"] in ("000000030000000R", "000000025959000R", "000000025958000R"), s["validity"])
        else:
            equal((s["schedule"][:10], s["schedule"][-4:]), (time.strftime("%y%m%d%H%M", time.gmtime(at)), "000+"), "time")
            check(s["schedule"] < s["validity"], f"{s['schedule']} before {s['validity']}")
        api.wait_state(m, "sent")
        api.wait_state(api.send()["id"], "sent")
        equal(sim.submits()[1]["schedule"], "", "one for now has no time")
        equal(api.delete(f"/v1/messages/{m}").json["result"], "in_flight", "it cannot be cancelled any more")


main()
