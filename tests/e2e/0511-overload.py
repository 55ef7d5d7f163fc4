#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0511: clients that post as fast as they can: refused before memory or disk run out, served again by itself, sending goes on."""
import contextlib
import fcntl
import http.client
import re
import signal
import socket
import sqlite3
import struct
import termios

from faults import *
from harness import *

CLIENTS, ROWS = 4, 100
# With sanitizers what is freed lies in quarantine for a while: a little is enough where memory is measured.
SMALL_QUARANTINE = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:quarantine_size_mb=4:thread_local_quarantine_size_kb=64"} \
    if SANITIZED else {}


def resident_kb(gw, which="VmRSS"):
    with open(f"/proc/{gw.pid}/status", encoding="ascii") as f:
        return int(re.search(which + r":\s+(\d+)", f.read()).group(1))


class Flood:
    """Clients that do not obey: whatever the answer, the next array comes at once."""

    def __init__(self, gw, clients):
        self.taken, self.refused, self.codes, self.bad = [], [], {}, []
        self._over, self._lock = threading.Event(), threading.Lock()
        self._threads = []
        self.add(gw, clients)

    def add(self, gw, clients):
        some = [threading.Thread(target=self._post, args=(Api(gw.port, gw.keys[c]),), daemon=True) for c in clients]
        self._threads += some
        for t in some:
            t.start()

    def _post(self, api):
        while not self._over.is_set():
            with self._lock:
                some = rows(ROWS)
            try:
                a = api.post("/v1/messages", some)
            except OSError as e:
                self.bad.append(repr(e))
                return
            with self._lock:
                self.codes[a.status, a.code] = self.codes.get((a.status, a.code), 0) + 1
                (self.taken if a.status == 202 else self.refused).extend(some)
                if a.status not in (202, 429, 503) or (a.status != 202 and int(a.headers["Retry-After"] or 0) < 1):
                    self.bad.append(repr(a))
        api.close()

    def refusals(self, status=None):
        with self._lock:
            return sum(n for (s, _), n in self.codes.items() if s != 202 and status in (None, s))

    def stop(self):
        self._over.set()
        for t in self._threads:
            t.join(patience(30))
        check(not any(t.is_alive() for t in self._threads), "a client did not end")
        equal(self.bad[:3], [], "answers that are neither 202 nor a refusal with Retry-After")
        print(f"# answers: {self.codes}", flush=True)


def judge(gw, sim, taken_rows, refused, seconds=60):
    wait_ended(gw, len(taken_rows), seconds=seconds)
    seen = taken(sim)
    equal([r["to"] for r in taken_rows if seen[r["to"]] != 1][:5], [], "accepted, and not sent once")
    equal([r["to"] for r in refused if seen[r["to"]]][:5], [], "refused, and sent all the same")


@case("a flood: 429 to the client that has its share, 503 to all, memory stays, sending goes on, and it ends by itself")
def _(w):
    sim = w.smsc()
    most, share = 2000, 500
    gw = w.gateway({"log_level": "info", "queue": {"max_waiting": most}}, links=[smpp(sim, tps=500.0)],
                   client={"max_waiting": share}, env=SMALL_QUARANTINE)
    gw.add_client("other")
    gw.write_conf()
    gw.reload()
    gw.wait_link()
    flood = Flood(gw, ["shop"])
    wait_for(lambda: flood.refusals(429) >= 10, 20, "refusals of its own")
    flood.add(gw, ["other"] * (CLIENTS - 1))
    wait_for(lambda: flood.refusals(503) >= 10, 20, "refusals of all")
    at_first, sent, refused = resident_kb(gw), len(sim.submits()), flood.refusals()
    wait_for(lambda: flood.refusals() >= refused + 500 and len(sim.submits()) >= sent + 500, 40,
             "hundreds more to be refused, and hundreds to be sent meanwhile")
    waiting = gw.metrics()["posthorn_queue_waiting"]
    risen = resident_kb(gw) - at_first
    flood.stop()
    check(waiting <= most, f"{waiting} wait, {most} may")
    check(risen < (24 << 10 if SANITIZED else 4 << 10), f"resident memory rose by {risen} kB while clients were refused")
    more = wait_for(lambda: [r for r in [rows(1)] if gw.api("other").post("/v1/messages", r).status == 202], 10, "a 202 again")[0]
    judge(gw, sim, flood.taken + more, flood.refused)


@case("a flood on a small disk: 503 at the reserve and not at its end, what was accepted goes out, and it ends by itself")
def _(w):
    sim = w.smsc()
    disk = Disk(w, 160)
    disk.fill(leave_kb=84 << 10)
    gw = w.gateway({"log_level": "info", "data_dir": os.path.join(disk.path, "data"), "queue": {"disk_reserve_mb": 64}},
                   links=[smpp(sim)])
    gw.wait_link()
    flood = Flood(gw, ["shop"] * CLIENTS)
    wait_for(lambda: flood.refusals() >= 50, 60, "the reserve to be reached")
    wait_for(lambda: ended(gw) >= len(flood.taken), 60, "what was accepted to be delivered while clients are refused")
    equal({c for _, c in flood.codes if c}, {"disk_full"}, "what it was refused for")
    check("disk_full" in gw.admin().get("/readyz").expect(503).json["reasons"], "readyz")
    equal(gw.metrics()["posthorn_store_failing"], 0, "commits that failed")
    left = os.statvfs(disk.path)
    check(left.f_bavail * left.f_frsize > 16 << 20, f"{left.f_bavail * left.f_frsize >> 20} MB left of the reserve")
    n = len(flood.taken)
    disk.free()
    wait_for(lambda: len(flood.taken) >= n + ROWS, 20, "a 202 again, by itself")
    flood.stop()
    judge(gw, sim, flood.taken, flood.refused)


class Unfinished:
    """A post of so many octets whose end never comes."""

    def __init__(self, gw, client, octets, form="application/json", query=""):
        self.octets = octets
        self.s = socket.create_connection(("127.0.0.1", gw.port), timeout=patience(20))
        self.s.sendall(f"POST /v1/messages{query} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {gw.keys[client]}\r\n"
                       f"Content-Type: {form}\r\nContent-Length: {octets}\r\nExpect: 100-continue\r\n\r\n".encode())
        self.answer = self.s.recv(4096).decode()
        self.taken = self.answer.startswith("HTTP/1.1 100 ")

    def send(self, head, n):
        self.s.sendall(head + b" " * (n - len(head)))

    def reset(self):
        """Leave as a client that gave up: all that was sent has arrived."""
        wait_for(lambda: fcntl.ioctl(self.s, termios.TIOCOUTQ, bytes(4)) == bytes(4), 20, "the body to arrive")
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.s.close()


@case("large bodies that do not end: bounded in memory, half of the room for one client, 503 and Retry-After for the rest")
def _(w):
    gw = w.gateway({"http": {"max_held": 64 << 20}}, env=SMALL_QUARANTINE)
    gw.add_client("other")
    gw.write_conf()
    gw.reload()
    gw.api().send()
    idle, n = resident_kb(gw), 8 << 20
    held = lambda: gw.metrics()['posthorn_http_held_octets{listener="main"}']
    some = [Unfinished(gw, "shop", n) for _ in range(60)]
    on = [u for u in some if u.taken]
    equal(len(on), 4, "bodies of 8 MB that were let in")
    for u in some:
        if not u.taken:
            check("HTTP/1.1 503 " in u.answer and "Retry-After: " in u.answer and '"room_full"' in u.answer, u.answer)
    for u in on:
        u.send(b"[", n - 1)
    lines = [Unfinished(gw, "other", n, "application/x-ndjson") for _ in range(70)]
    equal(sum(u.taken for u in lines), 64, "streams of another client, each with room for a row")
    for u in lines:
        if u.taken:
            u.send(b"{", 200_000)
    wait_for(lambda: gw.metrics()['posthorn_http_octets_in_total{listener="main"}'] >= 4 * (n - 1) + 64 * 200_000, 30, "all of it")
    risen = resident_kb(gw) - idle
    print(f"# resident memory rose by {risen >> 10} MB", flush=True)
    check(risen < (120 << 10 if SANITIZED else 70 << 10), f"resident memory rose by {risen} kB")
    equal(held(), 4 * n + 64 * (256 << 10), "the room taken")
    gw.api().send()
    gw.api().post("/v1/messages", rows(50)).expect(202)
    gw.api().post("/v1/messages", rows(500)).expect(503, "room_full")
    gw.api("other").post("/v1/messages", rows(500)).expect(503, "room_full")
    gw.operator().post("/v1/messages", rows(500)).expect(202)
    for u in some + lines:
        u.s.close()
    wait_for(lambda: held() == 0, 10, "the room to be free")
    gw.api().post("/v1/messages", rows(500)).expect(202)
    gw.api().post("/v1/messages", b"[" + b"{}," * (n // 3 - 10) + b"{}]").expect(413, "too_many_rows")
    risen = resident_kb(gw, "VmHWM") - idle
    check(risen < (200 << 10 if SANITIZED else 70 << 10), f"resident memory rose by {risen} kB for small objects")
    equal(gw.metrics()['posthorn_http_no_room_total{listener="main"}'], 64, "refusals")


@case("clients that post large bodies and are gone: what waits to be parsed goes with them")
def _(w):
    gw = w.gateway({"http": {"max_held": 64 << 20}}, env=SMALL_QUARANTINE)
    gw.api().send()
    idle, n, left = resident_kb(gw), 8 << 20, [20] * 4

    def leave(i):
        while left[i]:
            u = Unfinished(gw, "shop", n)
            if u.taken:
                u.send(b"[", n - 1)
                u.s.sendall(b"]")
                left[i] -= 1
            u.reset()

    threads = [threading.Thread(target=leave, args=(i,)) for i in range(len(left))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(patience(60))
    equal(left, [0] * 4, "bodies that were not let in")
    risen = resident_kb(gw, "VmHWM") - idle
    print(f"# resident memory rose by {risen >> 10} MB", flush=True)
    check(risen < (200 << 10 if SANITIZED else 130 << 10), f"resident memory rose by {risen} kB")
    wait_for(lambda: gw.metrics()['posthorn_http_held_octets{listener="main"}'] == 0, 10, "the room to be free")
    gw.api().post("/v1/messages", rows(500)).expect(202)


@case("room: what never finds any is told so, and results that a stream gathers take some")
def _(w):
    gw = w.gateway({"http": {"max_held": 16 << 20}})
    held = lambda: gw.metrics()['posthorn_http_held_octets{listener="main"}']
    large = [dict(r, text="x" * 600) for r in rows(10000)]
    gw.api().post("/v1/messages", large).expect(413, "too_many_rows")
    gw.api().post("/v1/preview", large[:3000]).expect(200)
    stream = lambda: Unfinished(gw, "shop", 20001, "application/x-ndjson", "?results=all")
    u, more = stream(), None
    u.s.sendall(b"x\n" * 10000)
    wait_for(lambda: held() > 1 << 20, 10, "room to be taken for 10,000 refusals")
    equal((held() - (256 << 10)) % (64 << 10), 0, "in steps")
    more = [stream() for _ in range(10)]
    for m in more:
        m.s.sendall(b"x\n" * 10000)
    wait_for(lambda: gw.metrics()['posthorn_http_no_room_total{listener="main"}'] > 0, 20, "the room to be full")
    check(held() <= 12 << 20, f"one client holds {held()}")
    said = []
    for m in (u, *more):
        m.s.sendall(b"\n")
        r = http.client.HTTPResponse(m.s)
        r.begin()
        said.append(json.loads(r.read()))
        m.s.close()
    equal({s["rejected"] for s in said}, {10000}, "refused rows")
    equal(len(said[0]["results"]), 10000, "all of the first one's are listed")
    check(any(s.get("truncated") and len(s["results"]) > 500 for s in said), "some are not listed, and the answer says so")
    wait_for(lambda: held() == 0, 10, "the room to be free")


class Unread:
    """A connection that asks for lists one behind the other and reads nothing."""

    def __init__(self, gw, client, lists, limit=1000):
        self.s = socket.socket()
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.s.connect(("127.0.0.1", gw.port))
        self.s.sendall(f"GET /v1/messages?limit={limit} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {gw.keys[client]}\r\n\r\n"
                       .encode() * lists)


@contextlib.contextmanager
def frozen(gw):
    """What clients do meanwhile comes to the gateway at once, however fast it is."""
    os.kill(gw.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(gw.pid, signal.SIGCONT)


def asked_since(gw, at):
    """Whose lists were answered, in that order."""
    with open(gw.log_path, encoding="utf-8") as f:
        f.seek(at)
        return re.findall("event=http_re[^ ]* path=v1/messages .*client=\"?([a-z0-9]+)", f.read())


def lists_gateway(w):
    """With 1,000 messages of 900 characters, of which a list becomes 1.2 MB and 2.6 MB of rows."""
    gw = w.gateway({"http": {"max_held": 16 << 20, "max_per_address": 1000}}, env=SMALL_QUARANTINE)
    gw.add_client("other")
    gw.write_conf()
    gw.reload()
    gw.api().post("/v1/messages", [dict(r, text="x" * 900) for r in rows(500)]).expect(202)
    gw.api().post("/v1/messages", [dict(r, text="x" * 900) for r in rows(500)]).expect(202)
    gw.api("other").post("/v1/messages", rows(20)).expect(202)
    equal(len(gw.api().all_messages(limit=1000)), 1000, "rows of a list")
    return gw


@case("lists that nobody reads: bounded in memory, rows that were read included; 503 to that client, others take their turn")
def _(w):
    gw = lists_gateway(w)
    main = lambda name: gw.metrics()[f'posthorn_http_{name}{{listener="main"}}']
    idle, log_at = resident_kb(gw, "VmHWM"), os.path.getsize(gw.log_path)
    with frozen(gw):
        some = [Unread(gw, "shop", 20) for _ in range(80)]
        other = Unread(gw, "other", 1)
    answer = http.client.HTTPResponse(other.s)
    answer.begin()
    equal(len(json.loads(answer.read())["messages"]), 20, "rows of another client")
    asked = asked_since(gw, log_at)
    check(asked.index("other") < 20, f"it waited for {asked.index('other')} lists of the first one")
    wait_for(lambda: main("requests_in_work") == 0 and main("no_room_total") > 20, 60, "lists to be refused")
    risen, held = resident_kb(gw, "VmHWM") - idle, main("held_octets")
    print(f"# resident memory rose by {risen >> 10} MB, {held / 2**20:.1f} MB are held", flush=True)
    check(held <= 8 << 20, f"one client holds {held}")
    check(risen < (90 << 10 if SANITIZED else 30 << 10), f"resident memory rose by {risen} kB")
    a = gw.api().get("/v1/messages", limit=1000).expect(503, "room_full")
    check(int(a.headers["Retry-After"]) > 0, "Retry-After")
    gw.api("other").get("/v1/messages", limit=1000).expect(200)
    for u in some:
        u.s.close()
    wait_for(lambda: main("held_octets") == 0, 10, "the room to be free")
    equal(len(gw.api().all_messages(limit=1000)), 1000, "rows of a list again")


@case("clients that ask for the next list as soon as they have one: who has four in line gets its turns beside them")
def _(w):
    gw = w.gateway({"http": {"max_per_address": 1000}})
    others, lists = [f"c{i}" for i in range(12)], 30
    for name in others:
        gw.add_client(name)
    gw.write_conf()
    gw.reload()
    for name in (*others, "shop"):
        gw.api(name).post("/v1/messages", rows(1)).expect(202)
    log_at = os.path.getsize(gw.log_path)
    with frozen(gw):
        some = [Unread(gw, name, lists, limit=1) for name in others] + [Unread(gw, "shop", 4, limit=1) for _ in range(4)]
    asked = wait_for(lambda: [a for a in [asked_since(gw, log_at)] if len(a) == 12 * lists + 16], 30, "all of them to be answered")[0]
    last = len(asked) - 1 - asked[::-1].index("shop")
    print(f"# lists of shop are answers {[i for i, name in enumerate(asked) if name == 'shop']}", flush=True)
    check(last < 12 * 20, f"of {len(asked)} lists the last of its 16 came as number {last}")
    for u in some:
        u.s.close()


@case("a list of long messages ends at 1 MB of memory, and its cursor leads to the rest; 1,000 ordinary ones are one page")
def _(w):
    gw = w.gateway(client={"max_parts": 64})
    some = [dict(r, text="x" * 153 * 64) for r in rows(200)]
    for i in range(0, len(some), 50):
        gw.api().post("/v1/messages", some[i:i + 50]).expect(202)
    for _ in range(2):
        gw.api().post("/v1/messages", [dict(r, text="x" * 160) for r in rows(500)]).expect(202)
    pages, after = [], {}
    while after is not None:
        p = gw.api().get("/v1/messages", limit=1000, **after).expect(200).json
        pages.append([m["to"] for m in p["messages"]])
        check(p["complete"] or p["next"], "a page that ended early has a cursor")
        after = {"after": p["next"]} if p["next"] else None
    print(f"# pages of {[len(p) for p in pages]} rows", flush=True)
    # A page of a slow machine ends after 50 ms.
    check(len(pages[0]) >= 300, f"{len(pages[0])} ordinary messages on a page")
    equal([to for p in pages for to in p][1000:], [r["to"] for r in reversed(some)], "all of them, the newest first")
    check(10 < len(pages[-2]) < 60, f"pages of {[len(p) for p in pages]} rows")


@case("clients that ask for lists and are gone: what waits for its turn is not read")
def _(w):
    gw = lists_gateway(w)
    main = lambda name: gw.metrics()[f'posthorn_http_{name}{{listener="main"}}']
    # Of both listeners; the metrics themselves are answers of the other one.
    answered = lambda m: m["posthorn_request_seconds_count"] - m['posthorn_http_requests_total{listener="admin"}']
    at_first = main("connections_open")
    for _ in range(20): # the lists may be done before they are looked at
        wait_for(lambda: main("connections_open") <= at_first, 20, "earlier ones to be gone")
        with frozen(gw):
            some = [Unread(gw, "shop", 1 + i % 2) for i in range(200)]
        before = gw.metrics()
        waiting = before['posthorn_http_requests_in_work{listener="main"}']
        with frozen(gw):
            for u in some:
                u.s.close()
        if waiting >= 100:
            break
    check(waiting >= 100, f"only {waiting:.0f} lists waited")
    wait_for(lambda: main("connections_open") <= at_first, 20, "the connections to be gone")
    done = answered(gw.metrics()) - answered(before)
    print(f"# {done:.0f} of {waiting:.0f} were answered", flush=True)
    check(done <= waiting / 4, f"{done} lists of clients that had left were answered")
    equal(len(gw.api().all_messages(limit=1000)), 1000, "rows of a list")


@case("a program holds the write lock: all posts are refused soon, with a reason; receipts wait; it ends by itself")
def _(w):
    sim = w.smsc("--receipt-delay", "1000", "--receipt-retry", "300", "--receipt-tries", "30")
    gw = w.gateway(links=[smpp(sim, tps=100.0)])
    gw.wait_link()
    some = rows(100)
    post(gw.api(), some)
    wait_for(lambda: len(sim.submits()) >= 20, 10, "some to be sent")
    db = sqlite3.connect(os.path.join(gw.settings["data_dir"], "posthorn.db"), isolation_level=None, timeout=10)
    db.execute("BEGIN IMMEDIATE")
    from_s, answers = time.monotonic(), []
    refused = rows(64)
    threads = [threading.Thread(target=lambda r=r: answers.append(gw.api().post("/v1/messages", r))) for r in refused]
    for t in threads:
        t.start()
    for t in threads:
        t.join(patience(30))
    took_s = time.monotonic() - from_s
    equal({(a.status, a.code) for a in answers}, {(503, "database_locked")}, "answers")
    equal(len(answers), 64, "answers")
    check(all(int(a.headers["Retry-After"]) > 0 for a in answers), "Retry-After")
    check(took_s < (20 if SANITIZED else 6), f"64 posts took {took_s:.1f} s to be refused")
    gw.wait_line(r"level=error event=database_locked .*another program holds the database's write lock")
    equal(gw.admin().get("/readyz").expect(503).json["reasons"], ["database_locked"], "readyz")
    equal(gw.api().all_messages(limit=1000)[0]["to"][:3], "+79", "reads go on")
    wait_for(lambda: sim.stats["receipts"]["refused"] + sim.stats["receipts"]["retried"], 10, "a receipt that is not taken")
    db.execute("ROLLBACK")
    gw.wait_line("event=database_unlocked")
    wait_for(lambda: gw.admin().get("/readyz").status == 200, 10, "/readyz to say 200")
    equal(len([line for line in gw.lines if "event=database_locked" in line]), 1, "lines that say so")
    more = rows(10)
    post(gw.api(), more)
    wait_ended(gw, 110, seconds=30)
    once_each(some + more, sim)
    check(not set(taken(sim)) & {r["to"] for r in refused}, "a refused one was sent")


@case("campaigns without end: 422 too_many_campaigns for new ones, half of what is left for one client, known ones go on")
def _(w):
    gw = w.gateway({"queue": {"max_campaigns": 20}})
    gw.add_client("other")
    gw.write_conf()
    gw.reload()

    def codes(client, names):
        a = gw.api(client).post("/v1/messages", [dict(r, campaign=c) for r, c in zip(rows(len(names)), names)])
        return [r["error"]["code"] if "error" in r else None for r in a.json["results"]]

    full = "too_many_campaigns"
    equal(codes("shop", [f"a{i}" for i in range(12)]), [None] * 10 + [full] * 2, "new ones of one client")
    equal(codes("other", [f"b{i}" for i in range(6)]), [None] * 5 + [full], "those of another")
    equal(codes("shop", ["a3", "b3", "a20"]), [None, None, full], "known ones")
    a = gw.api().post("/v1/messages", dict(rows(1)[0], campaign="a21")).expect(422, full)
    check('"tag"' in a.json["error"]["message"], f"what to do instead: {a}")
    gw.api().post("/v1/messages", dict(rows(1)[0], tag="a21")).expect(202)
    equal(gw.api().post("/v1/preview", dict(rows(1)[0], campaign="a21")).code, full, "the preview")
    gw.restart()
    equal(gw.metrics()["posthorn_campaigns"], 15, "campaigns that are known")
    equal(codes("shop", ["a3", "c0", "c1", "c2", "c3"]), [None] * 4 + [full], "after a restart")
    gw.settings["queue"]["max_campaigns"] = 1000
    gw.write_conf()
    gw.reload()
    equal(codes("shop", ["c3", "c4"]), [None] * 2, "with a higher limit")


main()
