#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill9.py -- kill -9 in the middle of everything, again and again; then count.

    kill9.py [--seed N] [--rounds N]

Each round puts singles (four connections), arrays of 100 and a slow stream of lines with an idempotency key on the
gateway, and kills it with SIGKILL at a random instant.  The database as the kill left it is copied, and its table of
leases read, before the gateway starts again on the same data.  The carrier is a process of its own that lives on: its
log is written before each answer, and it keeps sending receipts that nobody acknowledged.

Every recipient is used once, so recipients are what is counted.  When everything has come to rest:

  - what was answered 202 is in the carrier's log at least once, with all of its parts;
  - a part that is there k times was under an open lease at k - 1 kills at least: no other duplicates;
  - no kill left more leases than the windows of the link allow, and at no time are there more duplicates than so many
    for each kill so far (those of a kill may come after the next one: the carrier may be slow to be bound again);
  - each message in the database is final, and delivered: receipts find their messages across restarts;
  - a stream that was cut and posted again with its key has each of its rows once.

`audit()` only counts and returns what it found; kill9_can_fail.py runs the same on a gateway that answers too early.
"""
import argparse
import collections
import contextlib
import os
import random
import shutil
import socket
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.dont_write_bytecode = True
from harness import *  # noqa: E402
import harness  # noqa: E402

SINGLES = 4
ARRAY_ROWS = 100
STREAM_ROWS = 150
STREAM_PAUSE_S = 0.02
LONG_EVERY = 8  # singles: one in so many has three parts
BINDS, WINDOW = 2, 50


def text_of(n):
    return ("three parts to %d, " % n * 30)[:400] if n % LONG_EVERY == 0 else "one to %d" % n


def part_of(submit):
    """3GPP TS 23.040, 9.2.3.24.1: 05 00 03 reference parts part, where esm_class says that there is a header."""
    return submit["text"][5] if submit["esm_class"] & 0x40 else 1


class Numbers:
    """Recipients that nobody used before, and who promised what about them."""

    def __init__(self):
        self.lock, self.last = threading.Lock(), 79000000000
        self.promised, self.long, self.counts = set(), set(), collections.Counter()

    def take(self, n=1):
        with self.lock:
            first = self.last + 1
            self.last += n
        return range(first, first + n)

    def promise(self, numbers, kind):
        with self.lock:
            self.promised.update(numbers)
            self.counts[kind] += len(numbers)


class Wire:
    """As little HTTP as possible, so that Python is not what limits the load.  Raises OSError when the peer is gone."""

    def __init__(self, gw, client="shop"):
        self.head = (f"Host: localhost\r\nAuthorization: Bearer {gw.keys[client]}\r\n"
                     "Content-Type: application/json\r\n")
        self.s = socket.create_connection(("127.0.0.1", gw.port), patience(10))
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def send(self, data):
        self.s.sendall(data)

    def ask(self, method, path, body=b"", head=""):
        self.send(f"{method} {path} HTTP/1.1\r\n{self.head}{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return self.answer()

    def post(self, body, query="", head=""):
        return self.ask("POST", f"/v1/messages{query}", body, head)

    def answer(self):
        """Status and body of one whole answer."""
        data = self.rest
        while b"\r\n\r\n" not in data:
            data += self.more()
        head, _, body = data.partition(b"\r\n\r\n")
        lower = head.lower()
        at = lower.index(b"content-length:")
        n = int(lower[at + 15:].split(b"\r\n", 1)[0])
        while len(body) < n:
            body += self.more()
        self.rest = body[n:]
        return int(head[9:12]), body[:n]

    def more(self):
        data = self.s.recv(65536)
        if not data:
            raise ConnectionResetError("closed")
        return data

    def close(self):
        self.s.close()


def until_killed(work):
    """A thread of the load: it ends when the gateway is gone, and only then."""
    def run_it(load):
        try:
            work(load)
        except OSError:
            if not load.killed.wait(patience(5)):
                load.problems.append(f"{work.__name__}: the connection broke before the kill")
        except Exception as e:
            load.problems.append(f"{work.__name__}: {e!r}")
    return run_it


@until_killed
def singles(load):
    w = Wire(load.gw)
    load.wires.append(w)
    while True:
        n = load.numbers.take()[0]
        status, body = w.post(b'{"to":"+%d","text":"%s"}' % (n, text_of(n).encode()))
        if status != 202:
            raise AssertionError(f"{status} {body!r}")
        load.numbers.promise([n], "single")
        if n % LONG_EVERY == 0:
            load.numbers.long.add(n)


@until_killed
def arrays(load):
    w = Wire(load.gw)
    load.wires.append(w)
    while True:
        numbers = load.numbers.take(ARRAY_ROWS)
        rows = ",".join('{"to":"+%d","text":"array %d","class":"marketing"}' % (n, n) for n in numbers)
        status, body = w.post(f"[{rows}]".encode())
        if status != 202 or json.loads(body)["accepted"] != ARRAY_ROWS:
            raise AssertionError(f"{status} {body[:200]!r}")
        load.numbers.promise(numbers, "array")


@until_killed
def streams(load):
    """Lines a few at a time.  Its 202 speaks for all of its rows; one that is cut is posted again after the restart."""
    w = Wire(load.gw)
    load.wires.append(w)
    while True:
        numbers = load.numbers.take(STREAM_ROWS)
        key = f"stream {numbers[0]}"
        lines = ['{"to":"+%d","text":"stream %d"}\n' % (n, n) for n in numbers]
        load.cut[key] = (numbers, lines)
        w.send((f"POST /v1/messages HTTP/1.1\r\n{w.head.replace('json', 'x-ndjson')}Idempotency-Key: {key}\r\n"
                "Transfer-Encoding: chunked\r\n\r\n").encode())
        for at in range(0, STREAM_ROWS, 10):
            chunk = "".join(lines[at:at + 10])
            w.send(f"{len(chunk):x}\r\n{chunk}\r\n".encode())
            if load.killed.wait(STREAM_PAUSE_S):
                return
        w.send(b"0\r\n\r\n")
        status, body = w.answer()
        if status != 202 or json.loads(body)["accepted"] != STREAM_ROWS:
            raise AssertionError(f"{status} {body[:200]!r}")
        del load.cut[key]
        load.numbers.promise(numbers, "stream")


ALL = (singles,) * SINGLES + (arrays,) * 2 + (streams,)


class Load:
    def __init__(self, gw, numbers, kinds):
        self.gw, self.numbers, self.killed = gw, numbers, threading.Event()
        self.problems, self.wires, self.cut = [], [], {}
        self.threads = [threading.Thread(target=k, args=(self,), daemon=True) for k in kinds]
        for t in self.threads:
            t.start()

    def end(self):
        self.killed.set()
        for t in self.threads:
            t.join(patience(10))
        for w in self.wires:
            w.close()
        check(not any(t.is_alive() for t in self.threads), "a thread of the load did not end")
        check(not self.problems, f"load: {self.problems[:3]}")


@contextlib.contextmanager
def left_behind(data_dir, copy_dir):
    """The database that a kill left behind (a copy: reading it would change it)."""
    shutil.rmtree(copy_dir, ignore_errors=True)
    os.mkdir(copy_dir)
    for name in ("posthorn.db", "posthorn.db-wal"):
        if os.path.exists(os.path.join(data_dir, name)):
            shutil.copy(os.path.join(data_dir, name), copy_dir)
    db = sqlite3.connect(os.path.join(copy_dir, "posthorn.db"))
    try:
        equal(db.execute("PRAGMA quick_check").fetchone()[0], "ok", "the database after the kill")
        yield db
    finally:
        db.close()
        shutil.rmtree(copy_dir)


def leases_of(db):
    """(Recipient, part) under a lease."""
    return set(db.execute("SELECT m.recipient, l.key & 255 FROM lease l JOIN message m ON m.id = l.key >> 8"))


def open_leases(data_dir, copy_dir):
    with left_behind(data_dir, copy_dir) as db:
        return leases_of(db)


def post_again(gw, cut, numbers):
    """Streams that were cut: the same body under the same key goes on where it stopped."""
    api = gw.api()
    for key, (rows, lines) in cut.items():
        a = api.stream("".join(lines).encode(), key=key).expect(202).json
        equal(a["accepted"], STREAM_ROWS, f"rows of {key}, posted again")
        numbers.promise(rows, "stream again")


def n_not_final(data_dir):
    db = sqlite3.connect(f"file:{data_dir}/posthorn.db?mode=ro", uri=True)
    try:
        return db.execute("SELECT count(*) FROM message m WHERE NOT EXISTS "
                          "(SELECT 1 FROM final f WHERE f.key = m.id << 8)").fetchone()[0]
    finally:
        db.close()


def all_final(data_dir):
    return n_not_final(data_dir) == 0


def wait_until_final(data_dir):
    """However many there are: as long as they become fewer."""
    left, end = n_not_final(data_dir), time.monotonic() + patience(60)
    while left:
        check(time.monotonic() < end, f"{left} messages do not become final")
        time.sleep(0.1 if left < 10000 else 2)
        before, left = left, n_not_final(data_dir)
        if left < before:
            end = time.monotonic() + patience(60)


def states(data_dir):
    """recipient → the states of its messages, as words of the schema: delivered is 4."""
    out = collections.defaultdict(list)
    db = sqlite3.connect(f"file:{data_dir}/posthorn.db?mode=ro", uri=True)
    try:
        for to, state in db.execute("SELECT m.recipient, coalesce((SELECT c.state FROM correction c WHERE "
                                    "c.key = m.id << 8 ORDER BY n DESC LIMIT 1), f.state) "
                                    "FROM message m LEFT JOIN final f ON f.key = m.id << 8"):
            out[to].append(state)
    finally:
        db.close()
    return out


def outbox(data_dir):
    db = sqlite3.connect(f"file:{data_dir}/posthorn.db?mode=ro", uri=True)
    try:
        return db.execute("SELECT count(*) FROM event").fetchone()[0] + db.execute("SELECT count(*) FROM dead").fetchone()[0]
    finally:
        db.close()


DELIVERED = 4  # enum msg_state, src/message.h


def audit(w, rounds, seed, kinds=ALL, program=None, sink=None, windows=BINDS * WINDOW):
    """Run it; what was wrong, by kind: lost, doubled, unfinished, undelivered, twice."""
    rng = random.Random(seed)
    numbers, leased = Numbers(), collections.Counter()
    sim = w.smsc("--receipt-delay", "20", "--receipt-jitter", "180", "--receipt-retry", "200", "--receipt-tries", "30")
    gw = w.gateway({"log_level": "info"}, links=[smpp(sim, binds=BINDS, window=WINDOW, receipt_id="text", max_attempts=100)], program=program,
                   webhook=sink)
    data_dir = gw.settings["data_dir"]
    duplicates_before, crowded, flooded = 0, [], []
    for i in range(rounds):
        before = len(numbers.promised)
        load = Load(gw, numbers, kinds)
        time.sleep(rng.uniform(0.2, 1.0))
        gw.kill()
        load.end()
        leases = open_leases(data_dir, w.path("copy"))
        leased.update(leases)
        if len(leases) > windows:
            crowded.append(len(leases))
        cut = len(load.cut)
        gw.restart(kill=True)
        post_again(gw, load.cut, numbers)
        duplicates = sim.stats["duplicates"]
        harness._comment(f"round {i + 1}: {len(numbers.promised) - before} answered 202, {len(leases)} leases at the "
                         f"kill, {duplicates - duplicates_before} duplicates since the last, {cut} streams cut")
        if duplicates > (i + 1) * windows:
            flooded.append(duplicates)
        duplicates_before = duplicates
    wait_until_final(data_dir)
    if sink:
        wait_for(lambda: outbox(data_dir) == 0, 30, "every event to be delivered", every=0.1)
    gw.stop()
    duplicates = sim.stats["duplicates"]
    if duplicates > rounds * windows:
        flooded.append(duplicates)
    seen = collections.Counter((int(r["to"]), part_of(r)) for r in sim.submits())
    by_state = states(data_dir)
    harness._comment(f"answered 202: {dict(numbers.counts)}; messages: {len(by_state)}; carrier took: "
                     f"{sum(seen.values())}; duplicates: {sum(n - 1 for n in seen.values())}; leases: {leased.total()}")
    return {
        "promised": numbers.promised,
        "lost": [n for n in numbers.promised for part in ((1, 2, 3) if n in numbers.long else (1,)) if not seen[n, part]],
        "doubled": [n for n, k in seen.items() if k - 1 > leased[n]],
        "crowded": crowded,
        "flooded": flooded,
        "duplicates": duplicates,
        "unfinished": [n for n, s in by_state.items() if None in s],
        "undelivered": [n for n, s in by_state.items() if any(x not in (None, DELIVERED) for x in s)],
        "twice": [n for n, s in by_state.items() if len(s) != 1],
        "unknown": [n for n, _ in seen if n not in by_state],
    }


def arguments(rounds, add=lambda a: None):
    a = argparse.ArgumentParser(description="kill the gateway, again and again, and count")
    a.add_argument("--seed", type=int, default=int(time.time()))
    a.add_argument("--rounds", type=int, default=rounds)
    add(a)
    o = a.parse_args()
    sys.argv[1:] = []
    print(f"# seed {o.seed}", flush=True)
    return o


if __name__ == "__main__":
    options = arguments(20)

    @case(f"kill -9, {options.rounds} times under load: nothing promised is lost, every duplicate was leased, all is final")
    def _(w):
        found = audit(w, options.rounds, options.seed)
        check(len(found["promised"]) > 100 * options.rounds, f"only {len(found['promised'])} messages were promised")
        for kind, what in (("lost", "answered 202 and never sent"), ("doubled", "sent again without having been leased"),
                           ("crowded", "leased beyond the windows"),
                           ("flooded", "times more duplicates so far than the windows had room for at all kills so far"),
                           ("unfinished", "without a final state"), ("undelivered", "final, but not delivered"),
                           ("twice", "with more than one message"), ("unknown", "sent and not in the database")):
            check(not found[kind], f"{len(found[kind])} {what}: {sorted(found[kind])[:5]}")

    @case("kill -9, five times, with a webhook: the endpoint hears the end of every message at least once")
    def _(w):
        sink = w.sink()
        found = audit(w, 5, options.seed, (singles,) * SINGLES + (streams,), sink=sink)
        check(len(found["promised"]) > 500, f"only {len(found['promised'])} messages were promised")
        equal({k: v for k, v in found.items() if v and k not in ("promised", "duplicates")}, {}, "what the audit found")
        heard = {e["to"] for e in sink.events if e["type"] == "message.status" and e["state"] == "delivered"}
        equal(["+" + str(n) for n in found["promised"] if "+" + str(n) not in heard][:5], [], "not heard of")
        events = [e["event"] for e in sink.events]
        print(f"# {len(events)} events, {len(set(events))} of them different")

    main()
