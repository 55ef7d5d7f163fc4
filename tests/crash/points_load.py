# SPDX-License-Identifier: Apache-2.0
"""points_load.py -- what is under way when points.py kills the gateway: loads, and the worlds in which rare operations
come about."""
import collections
import copy
import os
import random
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from carrier import *  # noqa: E402
from harness import *  # noqa: E402
import kill9  # noqa: E402
from kill9 import Wire, text_of, until_killed  # noqa: E402

kill9.ARRAY_ROWS = 30
kill9.STREAM_ROWS = 40
TAGGED, PILED = 20, 60  # messages under one tag
REFUSED = 50  # the webhook refuses what is told of one number in so many


class Inbound:
    """The carrier that sends: what was not acknowledged goes again.  Every third message has three parts."""

    def __init__(self, carrier):
        self.carrier, self.n, self.todo, self.way = carrier, 0, [], []
        self.acked, self.sent = set(), collections.Counter()

    def more(self):
        self.n += 1
        self.todo += [(self.n, p) for p in ((1, 2, 3) if self.n % 3 == 0 else (0,))]

    def send(self):
        if not self.carrier.up:
            time.sleep(0.002)
            return
        n, p = key = self.todo.pop(0)
        self.sent[key] += 1
        mark = f"<{n}.{p}>".encode()
        sender = f"1202555{n % 5000:04}"
        octets = udh(3, p, ref=n // 3 % 256) + mark if p else mark
        self.way.append((key, self.carrier.give(octets, sender=sender, esm=0x40 if p else 0)))

    def collect(self, wait=False):
        left = []
        for key, item in self.way:
            if item.status is None and not item.gone and not wait:
                left.append((key, item))
            elif item.wait(20) == OK:
                self.acked.add(key)
            else:
                self.todo.append(key)
        self.way = left

    def finish(self):
        while self.todo or self.way:
            while self.todo:
                self.send()
            self.collect(wait=True)


@until_killed
def inbound_load(load):
    while not load.killed.is_set() and load.gw.alive:
        if len(load.inbound.way) < 10:
            if not load.inbound.todo:
                load.inbound.more()
            load.inbound.send()
        load.inbound.collect()
        time.sleep(0.001)


@until_killed
def later(load):
    """For a moment later, and of many campaigns: rows that wait for their time, and a name and a lane for each campaign."""
    w = Wire(load.gw)
    load.wires.append(w)
    while True:
        n = load.numbers.take()[0]
        row = {"to": f"+{n}", "text": text_of(n), "campaign": f"campaign {n // 10}",
               "send_at": rfc3339(time.time() + random.uniform(0.02, 0.3))}
        status, body = w.post(json.dumps(row).encode())
        if status != 202:
            raise AssertionError(f"{status} {body!r}")
        load.numbers.promise([n], "later")
        if n % kill9.LONG_EVERY == 0:
            load.numbers.long.add(n)
        time.sleep(0.002)


def patient(load, batch):
    """Posts until told to stop; counts what it is answered."""
    w = None
    while not load.killed.is_set():
        numbers = load.numbers.take(batch)
        rows = ",".join('{"to":"+%d","text":"%s"}' % (n, text_of(n)) for n in numbers)
        try:
            w = w or Wire(load.gw)
            status, body = w.post((rows if batch == 1 else f"[{rows}]").encode())
        except OSError:
            load.answers["closed"] += 1
            w = None
            continue
        load.answers[status] += 1
        if status != 202:
            if status not in (429, 503) and status < 500:
                load.problems.append(f"{status} {body!r}")
            continue
        answer = json.loads(body)
        if batch > 1 and answer["accepted"] != batch:
            load.problems.append(f"{body[:300]!r}")
        load.numbers.promise(numbers, "patient")
        load.numbers.long.update(n for n in numbers if n % kill9.LONG_EVERY == 0)


def wanted(answer, status):
    if answer[0] != status:
        raise AssertionError(f"{answer[0]} {answer[1][:300]!r}, wanted {status}")
    return json.loads(answer[1])


@until_killed
def keyed(load):
    """With an idempotency key each.  What was not answered is posted again after the restart; what was, once more."""
    w = Wire(load.gw)
    load.wires.append(w)
    while True:
        n = load.numbers.take()[0]
        key, body = f"single {n}", b'{"to":"+%d","text":"keyed"}' % n
        load.keyed[key] = (n, body, None)
        answer = wanted(w.post(body, head=f"Idempotency-Key: {key}\r\n"), 202)
        load.numbers.promise([n], "keyed")
        load.keyed[key] = (n, body, answer["id"])
        load.keyed.pop(f"single {load.old_keys.popleft()}", None)
        load.old_keys.append(n)


def post_keyed_again(gw, load):
    api = gw.api()
    for key, (n, body, first) in load.keyed.items():
        answer = api.post("/v1/messages", body, {"Idempotency-Key": key}).expect(202).json
        load.numbers.promise([n], "keyed again")
        check(first in (None, answer["id"]), f"{key} became another message: {first}, {answer['id']}")


def post_tagged(load, w, numbers, tag, more):
    """id → number."""
    rows = [{"to": f"+{n}", "text": f"under {tag}", "tag": tag, **more(n)} for n in numbers]
    answer = wanted(w.post(json.dumps(rows).encode(), "?results=all"), 202)
    load.numbers.promise(numbers, "tagged")
    return dict(zip((r["id"] for r in answer["results"]), numbers))


def take_back(load, w, ids, some):
    """By id; load.bench.cancelled is what the gateway said that it has not sent and never will."""
    load.bench.asked.update(ids[i] for i in some)
    for i in some:
        if wanted(w.ask("DELETE", f"/v1/messages/{i}"), 200)["result"] == "cancelled":
            load.bench.cancelled.add(ids[i])


def take_tag_back(load, w, ids, tag):
    load.bench.asked.update(ids.values())
    answer = wanted(w.ask("DELETE", "/v1/messages?results=all&tag=" + urllib.parse.quote(tag)), 200)
    load.bench.cancelled.update(ids[r["id"]] for r in answer["results"] if r["result"] == "cancelled")


@until_killed
def taken_back(load):
    """Some at once and some for later; a few are taken back one by one, then all of them."""
    w = Wire(load.gw)
    load.wires.append(w)
    while True:
        numbers = load.numbers.take(TAGGED)
        tag, at = f"tag {numbers[0]}", rfc3339(time.time() + 0.3)
        ids = post_tagged(load, w, numbers, tag, lambda n, at=at: {"send_at": at} if n % 2 else {})
        take_back(load, w, ids, list(ids)[:4])
        take_tag_back(load, w, ids, tag)


def order_link(w, action):
    wanted(w.ask("POST", f"/v1/links/acme/{action}"), 202)


def link_is(load, w, state):
    while next(x for x in wanted(w.ask("GET", "/v1/links"), 200)["links"] if x["name"] == "acme")["state"] != state:
        if load.killed.wait(0.005):
            return


@until_killed
def piled_up(load):
    """More than a lane has in memory, while the link is stopped; some of what is on disk only is taken back."""
    w, operator = Wire(load.gw), Wire(load.gw, "ops")
    load.wires += [w, operator]
    while not load.killed.is_set():
        order_link(operator, "stop")
        link_is(load, operator, "stopped")
        numbers = load.numbers.take(PILED)
        ids = post_tagged(load, w, numbers, f"pile {numbers[0]}", lambda n: {"class": "marketing"})
        take_back(load, w, ids, list(ids)[1::3])
        order_link(operator, "start")
        link_is(load, operator, "up")
        load.killed.wait(0.1)


@until_killed
def breaks(load):
    """The carrier drops its sessions, an operator stops the link: with parts leased, written, and neither."""
    w = Wire(load.gw, "ops")
    load.wires.append(w)
    while not load.killed.is_set():
        link_is(load, w, "up")
        load.killed.wait(random.uniform(0.02, 0.1))
        if random.random() < 0.5:
            load.bench.sim.ask("drop")
            load.killed.wait(0.02)
        else:
            order_link(w, "stop")
            link_is(load, w, "stopped")
            order_link(w, "start")


@until_killed
def replays(load):
    """Dead letters come back, are refused, and die again."""
    w = Wire(load.gw, "ops")
    load.wires.append(w)
    while not load.killed.wait(0.05):
        wanted(w.ask("POST", "/v1/webhooks/shop/replay"), 202)


def refuse_some(request):
    return 400 if any(int(e.get("to", "+1")[1:]) % REFUSED == 0 for e in request["events"] if "text" not in e) else 200


class Setting:
    """What is there beside the usual load: more of it, other settings (a function that changes them), a small table of
    parts that wait for receipts, a webhook that refuses."""

    def __init__(self, *loads, settings=None, small=False, refuse=False):
        self.loads, self.settings, self.small, self.refuse = loads, settings, small, refuse

    def enter(self, bench):
        gw = bench.gw
        if self.refuse:
            bench.sink.answer = refuse_some
        if not self.settings and not self.small:
            return
        bench.settings, gw.settings = gw.settings, copy.deepcopy(gw.settings)
        if self.settings:
            self.settings(gw.settings)
        gw.write_conf()
        if self.small:
            open(bench.small, "w", encoding="utf-8").close()
        gw.restart()
        gw.wait_link()

    @staticmethod
    def leave(bench):
        """While the gateway is down."""
        bench.sink.answer = lambda request: 200
        if os.path.exists(bench.small):
            os.unlink(bench.small)
        if bench.settings:
            bench.gw.settings, bench.settings = bench.settings, None
            bench.gw.write_conf()


USUAL = Setting()
KEYS = Setting(kill9.streams, keyed)
CANCELS = Setting(taken_back)
PILES = Setting(piled_up, settings=lambda s: s["queue"].update(lane_window=16))
BREAKS = Setting(breaks)
SMALL = Setting(small=True)
REFUSES = Setting(refuse=True)
REPLAYS = Setting(replays, refuse=True)
FORMS = Setting(settings=lambda s: s["links"][0].update(receipt_id="auto"))
