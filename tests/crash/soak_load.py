# SPDX-License-Identifier: Apache-2.0
"""soak_load.py -- the clients of soak.py, honest and rude, and the book of what each was promised.

Each message has a recipient of its own; its beginning says what kind it is, and the routes go by that."""
import collections
import http.client
import random
import socket
import struct
import threading
import time

from harness import *
from kill9 import Wire

PLAIN, STRICT, MODEM, REFUSED, LATER, GUEST = "7910", "7920", "7930", "7940", "7950", "7960"
LONG_EVERY = 8  # of PLAIN and STRICT, one in so many has three parts
CAMPAIGNS = 20
HOLD_S = 15  # clients hold back when as much waits as comes in so many seconds
NO_LINGER = struct.pack("ii", 1, 0)  # close() is a reset


def is_long(n):
    return str(n)[:4] in (PLAIN, STRICT) and n % LONG_EVERY == 0


def text_of(n):
    return (f"three parts to {n}, " * 30)[:400] if is_long(n) else f"one to {n}"


class Ledger:
    """Who was promised what.  A number is a message."""

    def __init__(self):
        self.lock = threading.Lock()
        self.next = {kind: int(kind) * 10 ** 8 + 1 for kind in (PLAIN, STRICT, MODEM, REFUSED, LATER, GUEST)}
        self.promised, self.maybe, self.never = set(), set(), set()
        self.cancelled, self.unconfirmed, self.in_flight = set(), set(), set()
        self.counts, self.problems = collections.Counter(), []

    def take(self, kind, n=1):
        with self.lock:
            first = self.next[kind]
            self.next[kind] += n
        return range(first, first + n)

    def note(self, which, numbers, what):
        with self.lock:
            getattr(self, which).update(numbers)
            self.counts[what] += len(numbers)

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def problem(self, what):
        with self.lock:
            self.problems.append(what)

    def word(self):
        with self.lock:
            return ", ".join(f"{k} {v}" for k, v in sorted(self.counts.items()))


class Load:
    def __init__(self, world, ledger, rate, rng):
        self.world, self.gw, self.ledger, self.rate = world, world.gw, ledger, rate
        self.over, self.threads, self.rng = threading.Event(), [], rng
        self.bound, self.go, self.n_holds, self.held_s, self.held_at = rate * HOLD_S, threading.Event(), 0, 0.0, 0.0
        self.go.set()

    def add(self, work, *args):
        rng = random.Random(self.rng.random())

        def run_it():
            try:
                work(self, rng, *args)
            except Exception as e:
                self.ledger.problem(f"{work.__name__}: {e!r}")
        self.threads.append(threading.Thread(target=run_it, daemon=True))

    def obey(self, waiting):
        """Clients hold back while more waits than the links take in a while, and go on when half of it has gone."""
        if self.go.is_set() and waiting > self.bound:
            self.go.clear()
            self.n_holds, self.held_at = self.n_holds + 1, time.monotonic()
        elif not self.go.is_set() and waiting < self.bound / 2:
            self.held_s += time.monotonic() - self.held_at
            self.go.set()

    def pace(self, per_second, posts=True):
        """Yields as often as that; does not catch up after a pause."""
        due = time.monotonic()
        while not self.over.is_set():
            if posts and not self.go.wait(0.1):
                continue
            yield
            due = max(due + 1 / per_second, time.monotonic() - 0.2)
            self.over.wait(max(0, due - time.monotonic()))

    def stop(self):
        self.over.set()
        for t in self.threads:
            t.join(patience(30))
        check(not any(t.is_alive() for t in self.threads), "a client did not end")


def body_of(n, rng, **more):
    row = {"to": f"+{n}", "text": text_of(n), "class": rng.choice(("otp", "service", "service", "marketing")), **more}
    if rng.random() < 0.2:
        row["report"] = "all"
    if rng.random() < 0.3:
        row["campaign"] = f"campaign {rng.randrange(CAMPAIGNS)}"
    return json.dumps(row).encode()


def kind_of(rng):
    return rng.choices((PLAIN, STRICT, REFUSED), (75, 24, 1))[0]


def singles(load, rng):
    w = Wire(load.gw)
    for _ in load.pace(load.rate * 0.4 / 3):
        n = load.ledger.take(kind_of(rng))[0]
        status, body = w.post(body_of(n, rng))
        if status != 202:
            load.ledger.problem(f"single: {status} {body[:200]!r}")
            return
        load.ledger.note("promised", [n], "singles")


def modem_singles(load, rng):
    w = Wire(load.gw)
    for _ in load.pace(1):
        n = load.ledger.take(MODEM)[0]
        status, body = w.post(body_of(n, rng))
        if status != 202:
            load.ledger.problem(f"modem: {status} {body[:200]!r}")
            return
        load.ledger.note("promised", [n], "modem")


def arrays(load, rng):
    w, rows = Wire(load.gw), 25
    for _ in load.pace(load.rate * 0.3 / rows):
        numbers = load.ledger.take(kind_of(rng), rows)
        status, body = w.post(b"[" + b",".join(body_of(n, rng) for n in numbers) + b"]")
        if status != 202 or json.loads(body)["accepted"] != rows:
            load.ledger.problem(f"array: {status} {body[:200]!r}")
            return
        load.ledger.note("promised", numbers, "array rows")


def streams(load, rng):
    """Every third is cut off in its middle and posted again under its key."""
    rows = 40
    for _ in load.pace(load.rate * 0.2 / rows):
        numbers = load.ledger.take(kind_of(rng), rows)
        lines, key = [body_of(n, rng) + b"\n" for n in numbers], f"stream {numbers[0]}"
        if rng.random() < 0.33:
            w = Wire(load.gw)
            w.send((f"POST /v1/messages HTTP/1.1\r\n{w.head.replace('json', 'x-ndjson')}Idempotency-Key: {key}\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n").encode())
            for at in range(0, rng.randrange(10, rows), 10):
                chunk = b"".join(lines[at:at + 10])
                w.send(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
                time.sleep(0.02)
            leave(w.s, rng)
            load.ledger.count("streams cut")
        api = Api(load.gw.port, load.gw.keys["shop"])
        try:
            a = again_while_busy(load, lambda: api.stream(b"".join(lines), key=key))
        finally:
            api.close()
        if a.status != 202 or a.json["accepted"] != rows:
            load.ledger.problem(f"stream: {a}")
            return
        load.ledger.note("promised", numbers, "stream rows")


def again_while_busy(load, post):
    """409 idempotency_in_progress: the gateway has not yet heard that the first connection is gone."""
    end = time.monotonic() + patience(20)
    while True:
        a = post()
        if a.status != 409 or a.code != "idempotency_in_progress" or time.monotonic() > end:
            return a
        time.sleep(0.1)


def leave(s, rng):
    """Without a word: a reset, or an end."""
    if rng.random() < 0.5:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    s.close()


# ---- clients that go away ----

def in_the_head(load, rng):
    w = Wire(load.gw)
    w.send(f"POST /v1/messages HTTP/1.1\r\n{w.head}".encode()[:rng.randrange(1, 90)])
    leave(w.s, rng)


def in_the_body(load, rng):
    n = load.ledger.take(PLAIN)[0]
    body, w = body_of(n, rng), Wire(load.gw)
    w.send(f"POST /v1/messages HTTP/1.1\r\n{w.head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:-2])
    leave(w.s, rng)
    load.ledger.note("never", [n], "left in the body")


def before_the_answer(load, rng):
    n = load.ledger.take(PLAIN)[0]
    body, w = body_of(n, rng), Wire(load.gw)
    w.send(f"POST /v1/messages HTTP/1.1\r\n{w.head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    leave(w.s, rng)
    load.ledger.note("maybe", [n], "left before the answer")


def before_the_answer_with_a_key(load, rng):
    """And comes again: the first answer, or the message now; never two."""
    n = load.ledger.take(PLAIN)[0]
    body, w = body_of(n, rng), Wire(load.gw)
    head = f"POST /v1/messages HTTP/1.1\r\n{w.head}Idempotency-Key: single {n}\r\nContent-Length: {len(body)}\r\n\r\n"
    w.send(head.encode() + body)
    leave(w.s, rng)
    time.sleep(rng.random() * 0.2)
    end = time.monotonic() + patience(20)
    while True:
        w = Wire(load.gw)
        w.send(head.encode() + body)
        status, answer = w.answer()
        w.close()
        if status != 409 or b"in_progress" not in answer or time.monotonic() > end:
            break
        time.sleep(0.05)
    if status != 202:
        load.ledger.problem(f"again with its key: {status} {answer[:200]!r}")
    load.ledger.note("promised", [n], "came again with a key")


def in_an_answer(load, rng):
    """A long list is asked for and not read."""
    w = Wire(load.gw)
    w.send(f"GET /v1/messages?limit=1000 HTTP/1.1\r\n{w.head}\r\n".encode() * rng.randrange(1, 4))
    w.s.recv(rng.randrange(1, 2000))
    leave(w.s, rng)
    load.ledger.count("lists not read")


def with_nonsense(load, rng):
    w = Wire(load.gw)
    status, _ = w.post(rng.choice((b'{"to":"+7910","text":', b'{"to":"x","text":"y"}', b"[", b'{"to":7,"text":1}')))
    if not 400 <= status < 500:
        load.ledger.problem(f"nonsense: {status}")
    w.close()


RUDE = (in_the_head, in_the_body, before_the_answer, before_the_answer_with_a_key, in_an_answer, with_nonsense)


def rude(load, rng):
    for _ in load.pace(8):
        rng.choice(RUDE)(load, rng)


# ---- cancels ----

def cancels(load, rng):
    """By id at once, by id while it waits for its time, by tag."""
    api, tags = load.gw.api(), []
    for turn, _ in enumerate(load.pace(4)):
        n = load.ledger.take(LATER)[0]
        tag = f"tag {turn // 8}"
        later = rng.random() < 0.7
        more = {"send_at": rfc3339(time.time() + rng.uniform(1, 12))} if later else {}
        message = api.post("/v1/messages", json.loads(body_of(n, rng, tag=tag, **more))).expect(202).json["id"]
        load.ledger.note("promised", [n], "for later" if later else "at once")
        if turn % 8 == 7 and rng.random() < 0.5:
            api.delete("/v1/messages", tag=tag).expect(200)
            tags.append(tag)
        elif rng.random() < 0.3:
            result = api.delete(f"/v1/messages/{message}").expect(200).json["result"]
            if result != "final":
                load.ledger.note(result, [n], result)


def guest(load, rng):
    """A client that is there in some configurations only: what was answered 202 goes on all the same."""
    key = load.gw.keys["guest"]
    for _ in load.pace(3):
        api, n = Api(load.gw.port, key), load.ledger.take(GUEST)[0]
        a = api.post("/v1/messages", json.loads(body_of(n, rng)))
        api.close()
        if a.status == 202:
            load.ledger.note("promised", [n], "guest")
        elif a.status == 401:
            load.ledger.note("never", [n], "guest refused")
        else:
            load.ledger.problem(f"guest: {a}")


def readers(load, rng):
    ops = load.gw.operator()
    for _ in load.pace(2, posts=False):
        path = rng.choice(("/v1/links", "/v1/queue", "/v1/webhooks", "/v1/receipts/parked", "/v1/inbound?limit=50",
                           "/v1/messages?limit=20", "/v1/messages?state=queued&limit=20"))
        a = ops.get(path)
        if a.status != 200:
            load.ledger.problem(f"{path}: {a}")


def start_load(world, ledger, rate, rng):
    load = Load(world, ledger, rate, rng)
    for work in (singles,) * 3 + (arrays, streams, modem_singles, rude, rude, cancels, guest, readers):
        load.add(work)
    for t in load.threads:
        t.start()
    return load
