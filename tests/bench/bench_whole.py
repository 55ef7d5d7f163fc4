# SPDX-License-Identifier: Apache-2.0
"""bench_whole.py -- the gateway as its users see it: posts, arrays and lines from end to end, what waits, what a slow disk
costs, one-time codes that overtake, start, memory; and Kannel under the same load."""
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from bench_alone import http_limit, limit, sizes, submit_limit, sync_limit, sync_ms
from bench_run import BUILD, KEY, Spent, free_port, go, program, threads, until, written
from bench_table import ROWS, row

CPU_GOAL = "<= 50"  # ms for 1,000 messages


# ---- from end to end --------------------------------------------------------------------------------------------------

def lowest(b, scale, connections, batch, binds):
    """What bounds it that is not ours: the bare exchange with the client, or that with the carrier."""
    http_ = http_limit(b, connections, min(batch, 1000), scale)
    smpp = submit_limit(b, binds, scale)
    return (http_, "bare HTTP exchange") if http_ < smpp else (smpp, "bare SMPP exchange")


def end_to_end(b, scale, name, count, connections, batch=1, binds=1, keys=False, ndjson=False, keep=False, goal=None,
               window=100):
    """Every message posted, answered, submitted, its receipt read, and its event told to the webhook.

    Nothing new is posted after some seconds, so that a slow machine measures less and not longer."""
    bare, bare_name = lowest(b, scale, connections, batch, binds)
    c = b.carrier("--receipt-delay", "20", "--deliver-window", str(window))
    port = free_port()
    g = b.gateway(c.port, hook_port=port, binds=binds, keep=keep, window=window)
    b.up(g)
    if keep:
        b.quiet(g)
    flags = ["sink"] + (["keys"] if keys else []) + (["ndjson"] if ndjson else [])
    load = b.load(*flags, to=g.port, sink_port=port, connections=connections, batch=batch, count=count, first=b.numbers(count),
                  timeout=300, seconds=1 if scale > 1 else 4)
    load.line()
    spent = Spent(gateway=g, load=load, carrier=c)
    go(load)
    r = load.result()
    used = spent.per_1000(r["accepted"])
    for p in (g, load, c):
        p.stop(signal.SIGTERM if p is g else signal.SIGKILL)
    if r["refused"]:
        print(f"   {r['refused']:,} were refused", flush=True)
    return row(name, r["events_per_s"], "msg/s", bare, bare_name, **used, goal=goal,
               more={"accepted": r["accepted"], "accepted_per_s": r["accept_per_s"], "p50_ms": r["p50_us"] / 1000,
                     "p99_ms": r["p99_us"] / 1000})


def cpu_row(of, name):
    row(f"   CPU of it, {name}", of["cpu_ms_per_1000"], "ms/1,000", goal=CPU_GOAL)


def variant(binds, keys):
    return (f", {binds} binds" if binds > 1 else "") + (", with keys" if keys else "")


def combinations(scale):
    """(binds, keys): all of them, or in a quick run one change at a time."""
    return [(b, k) for b in (1, 4) for k in (False, True) if scale == 1 or not (b > 1 and k)]


def single(b, scale):
    for connections in (1, 16, 64, 256):
        for binds, keys in combinations(scale) if scale == 1 or connections == 64 else [(1, False)]:
            count = (20000 if connections == 1 else 160000) // scale
            s = "s" if connections > 1 else ""
            plain = connections == 64 and binds == 1 and not keys
            r = end_to_end(b, scale, f"single posts, {connections} connection{s}" + variant(binds, keys), count, connections, binds=binds,
                           keys=keys, goal=">= 20000" if plain else None)
            if plain:
                b.single = r
                cpu_row(r, "single posts")


def arrays(b, scale):
    for binds, keys in combinations(scale):
        end_to_end(b, scale, "arrays of 1,000, 4 connections, window 100" + variant(binds, keys), 200000 // scale, 4, 1000,
                   binds, keys)
    for binds, keys in combinations(scale):
        r = end_to_end(b, scale, "arrays of 1,000, 4 connections, window 1,000" + variant(binds, keys), 200000 // scale, 4, 1000,
                       binds=binds, keys=keys, window=1000, goal=">= 80000" if not keys else None)
        cpu_row(r, "arrays")


def ndjson(b, scale):
    for binds, keys in combinations(scale):
        end_to_end(b, scale, "NDJSON, 10,000 lines a request, 4 connections" + variant(binds, keys), 200000 // scale, 4,
                   10000, binds, keys, ndjson=True)


def fill(b, rows, keys):
    """Final messages of a gateway that was in service: it makes the database, bench_store fills it by the store's calls."""
    if not os.path.exists(b.data):
        b.gateway().stop()
    argv = [program("bench_store"), "--fill", os.path.join(b.data, "posthorn.db"), "--rows", str(rows)]
    begin = time.monotonic()
    subprocess.run(argv + (["--keys"] if keys else []), check=True)
    print(f"   {rows:,} final rows{' with keys' if keys else ''} made in {time.monotonic() - begin:.1f} s", flush=True)


def rest(b):
    """Until a sync takes what it took before: a disk that was just given gigabytes is busy with them for a while."""
    before = limit(b, ("rest",), lambda: sync_ms(b, 100))
    os.sync()
    with contextlib.suppress(TimeoutError):
        until("the disk is at rest", lambda: sync_ms(b, 100) <= 1.25 * before)


LOADS = (("single posts, 64 connections", 100000, 64, 1), ("arrays of 1,000, 4 connections", 200000, 4, 1000))


def at_size(b, scale, load, rows, keys):
    what, count, connections, batch = load
    return end_to_end(b, scale, f"{what}, {rows:,} rows before" + variant(1, keys), count // scale, connections, batch, keys=keys, keep=True)


def at_smallest(b, *how):
    """In a copy of the smallest database; the other one is then where it was."""
    aside = b.data + ".aside"
    os.rename(b.data, aside)
    b.restore("smallest")
    r = at_size(b, *how)
    shutil.rmtree(b.data)
    os.rename(aside, b.data)
    return r


ROUNDS = 5


def beside_smallest(b, scale, load, smallest, rows, keys):
    """In turns, and the best of each side's runs counts: what else runs on the machine, or beside it on the same host, only takes
    away, by a tenth and more in a run of some seconds.  Returns how many rows came."""
    n = ROUNDS if scale == 1 else 1
    rounds = [(at_smallest(b, scale, load, smallest, keys), at_size(b, scale, load, rows, keys)) for _ in range(n)]

    def ratio(of, best):
        small, large = (best(r[of] for r in side) for side in zip(*rounds))
        return large / small

    what = f"   {rows:,} rows beside {smallest:,}{variant(1, keys)}, best of {n}: "
    row(what + "messages", ratio("value", max), "times", goal=">= 0.9")
    row(what + "CPU", ratio("cpu_ms_per_1000", min), "times", goal="<= 1.1")
    return sum(large["accepted"] for _, large in rounds)


def table_size(b, scale, large):
    """The same load while the database has many rows: each size against the smallest."""
    smallest, *larger = sizes(scale, large)
    for keys in (False, True):
        shutil.rmtree(b.data, ignore_errors=True)
        rest(b)  # what a sync takes before anything is filled
        fill(b, smallest, keys)
        b.keep("smallest")
        there = smallest
        for rows in larger:
            fill(b, rows - there, keys)
            there = rows
            rest(b)
            for load in LOADS:
                there += beside_smallest(b, scale, load, smallest, rows, keys)


def one_connection(b, scale):
    """What a client that waits for each answer waits."""
    sync = sync_limit(b, 1)[1]
    c = b.carrier("--receipt-delay", "20")
    g = b.gateway(c.port)
    b.up(g)
    for keys in (False, True):
        load = b.load(*(["keys"] if keys else []), to=g.port, connections=1, count=10000 // scale, first=b.numbers(10000), seconds=4)
        r = load.result()
        row("one connection, durable accept: median" + variant(1, keys), r["p50_us"] / 1000, "ms", sync, "one append + fdatasync",
            goal="<= 0.5", more={"p99_ms": r["p99_us"] / 1000})
    g.stop()
    c.stop()


def slow_disk(b, scale):
    """Each fsync() and fdatasync() takes 10 ms more."""
    shim = os.path.join(BUILD, "tests/bench/slow_sync.so")
    b.env = {"LD_PRELOAD": shim, "POSTHORN_SYNC_MS": "10"}
    try:
        if not os.access(shim, os.R_OK):
            print("slow disk: tests/bench/slow_sync.so is not built")
            return
        # Windows of 1,000: what a link carries is bounded by the parts that may be under way while a commit lasts.
        for keys in (False, True):
            end_to_end(b, scale, "syncs take 10 ms more: arrays of 1,000, 4 connections, window 1,000" + variant(1, keys), 200000 // scale, 4,
                       1000, keys=keys, window=1000, goal=">= 30000" if not keys else None)
        for keys in (False, True):
            end_to_end(b, scale, "syncs take 10 ms more: arrays of 1,000, 4 connections, window 1,000" + variant(4, keys), 200000 // scale, 4,
                       1000, binds=4, keys=keys, window=1000)
            end_to_end(b, scale, "syncs take 10 ms more: arrays of 1,000, 4 connections, window 100" + variant(1, keys), 80000 // scale, 4,
                       1000, keys=keys)
            end_to_end(b, scale, "syncs take 10 ms more: single posts, 64 connections" + variant(1, keys), 20000 // scale, 64, keys=keys)
    finally:
        b.env = {}


# ---- what waits -------------------------------------------------------------------------------------------------------

def make_waiting(b, count, keys):
    """Marketing messages posted in arrays while no link is up; the gateway and the load's result."""
    g = b.gateway()
    idle = g.rss_mb()
    load = b.load("wait", *(["keys"] if keys else []), to=g.port, connections=4, batch=1000, count=count, timeout=1200, **{"class": "marketing"})
    spent = Spent(gateway=g, load=load)
    go(load)
    r = load.result()
    return g, idle, r, spent.per_1000(count)


def waiting(b, scale, large):
    """Memory while messages wait; kill -9; the time to the first submit_sm."""
    for count, keys in [(c // scale, k) for c in [1000000] + [10000000] * large for k in (False, True)]:
        g, idle, r, used = make_waiting(b, count, keys)
        what = f"{count:,} waiting" + variant(1, keys)
        row(f"accepted in arrays of 1,000, no link up: {what}", r["accept_per_s"], "msg/s", http_limit(b, 4, 1000, scale), "bare HTTP exchange",
            **used, more={"p50_ms": r["p50_us"] / 1000, "p99_ms": r["p99_us"] / 1000})
        time.sleep(5)  # what is free goes back to the system when the gateway rests
        row("resident memory, idle", idle, "MB")
        row(f"resident memory, {what}", g.rss_mb(), "MB", goal="<= 64")
        row("   of it anonymous, the rest are mapped files", g.rss_mb("RssAnon"), "MB")
        g.stop(signal.SIGKILL)
        if count == 1000000 // scale and not keys:
            b.keep("waiting")
        restart(b, what)


def restart(b, what):
    c = b.carrier()
    begin = time.monotonic()
    g = b.gateway(c.port, keep=True)
    listens = time.monotonic() - begin
    until("the first submit_sm", lambda: (b.metric(g, 'posthorn_link_sent_total{link="sim"}') or 0) > 0)
    row(f"kill -9, {what}: start to first submit_sm", time.monotonic() - begin, "s", goal="<= 1")
    row("   start to listening", listens, "s")
    time.sleep(3)
    row(f"resident memory after that restart, {what}", g.rss_mb(), "MB", goal="<= 64")
    g.stop(signal.SIGKILL)
    c.stop(signal.SIGKILL)


def otp(b, scale):
    for keys in (False, True):
        otp_overtakes(b, scale, keys)


def otp_overtakes(b, scale, keys):
    """One-time codes while a campaign waits and two clients post arrays: carrier 10 ms, window 100, 2,000/s."""
    rows = 1000000 // scale
    if "waiting" in b.templates and not keys:
        b.restore("waiting")
    else:
        make_waiting(b, rows, keys)[0].stop(signal.SIGKILL)
    log = os.path.join(b.dir, "audit.log")
    sync = sync_limit(b, 1)[1]
    c = b.carrier("--line", "slow 10ms", "--log", log)
    g = b.gateway(c.port, tps=2000, keep=True)
    b.up(g)
    flags = ["keys"] if keys else []
    bulk = [b.load(*flags, to=g.port, connections=1, batch=1000, count=10 ** 8, first=20000000 + i * 50000000, timeout=600,
                   **{"class": "marketing"}) for i in range(2)]
    until("the campaign waits", lambda: (b.metric(g, "posthorn_queue_waiting") or 0) > rows / 2)
    # A link with a rate sends nothing in the second after a restart: the process before may have used it up.
    until("the link sends", lambda: (b.metric(g, 'posthorn_link_sent_total{link="sim"}') or 0) > 0)
    taken = lambda: b.metric(g, "posthorn_queue_waiting") + b.metric(g, 'posthorn_link_sent_total{link="sim"}')
    before, taken_before = b.metric(g, "posthorn_queue_waiting"), taken()
    begin = time.monotonic()
    spent = Spent(gateway=g)
    posted, took = post_codes(g.port, 30 if scale == 1 else 10, keys)
    used = spent.per_1000(taken() - taken_before)
    more = (b.metric(g, "posthorn_queue_waiting") - before) / (time.monotonic() - begin)
    until("every code is submitted", lambda: len(codes(log).keys() & posted.keys()) >= len(posted), 30, 0.2)
    for p in bulk:
        p.stop(signal.SIGKILL)
    at_carrier = codes(log)
    late = sorted((at_carrier[to] - at) * 1000 for to, at in posted.items())
    row(f"otp, {rows:,} rows wait{variant(1, keys)}: post to submit_sm at the carrier, 99 %", percentile(late, 0.99), "ms", sync, "one append + fdatasync",
        goal="<= 20", **used, more={"p50_ms": percentile(late, 0.5), "p99_ms": percentile(late, 0.99)})
    row("   answer to the post", percentile(sorted(took), 0.99), "ms", sync, "one append + fdatasync", more={"p50_ms": percentile(sorted(took), 0.5)})
    row("   meanwhile the campaign grew by", more, "msg/s")
    g.stop(signal.SIGKILL)
    c.stop(signal.SIGKILL)


def post_codes(port, seconds, keys):
    """20 a second: recipient → Unix time before the first octet of its request; and what the answers took, in ms."""
    posted, took = {}, []
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    begin = time.monotonic()
    for i in range(20 * seconds):
        time.sleep(max(0, begin + i / 20 - time.monotonic()))  # an open load: what is late does not hold back the next
        to = f"7911{5000000 + i}"
        own = {"ref": f"code-{i}", "tag": "codes", "idempotency_key": f"code-{i}"} if keys else {}
        body = json.dumps({"to": "+" + to, "class": "otp", "text": f"Code {i}", **own})
        at = time.time()
        conn.request("POST", "/v1/messages", body, {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
        answer = conn.getresponse()
        answer.read()
        if answer.status == 202:
            posted[to] = at
            took.append((time.time() - at) * 1000)
    conn.close()
    return posted, took


def percentile(sorted_values, p):
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * p))]


def codes(log):
    """Recipient → Unix time of its submit_sm, for the codes."""
    found = {}
    with open(log, encoding="ascii", errors="replace") as f:
        for line in f:
            if " 7911" in line:
                fields = line.split()
                found[next(x for x in fields if x.startswith("7911"))] = int(fields[0]) / 1e6
    return found


# ---- start and memory -------------------------------------------------------------------------------------------------

def start_up(b, scale):
    times, first = [], []
    c = b.carrier()
    for _ in range(5):
        begin = time.monotonic()
        g = b.gateway(c.port)
        times.append(time.monotonic() - begin)
        load = b.load(to=g.port, connections=1, count=1)
        load.result()
        until("the first submit_sm", lambda: (b.metric(g, 'posthorn_link_sent_total{link="sim"}') or 0) > 0, every=0.001)
        first.append(time.monotonic() - begin)
        g.stop()
    row("start to listening, empty database, median of 5", sorted(times)[2], "s")
    row("start to first submit_sm, its post and the bind included", sorted(first)[2], "s")
    c.stop()


def idle_connections(b, scale):
    """1,000 connections: never used, and after a request each."""
    n = 1000
    g = b.gateway()
    ask(g.port).close()
    time.sleep(1)
    before = g.rss_mb()
    sockets = [socket.create_connection(("127.0.0.1", g.port), 10) for _ in range(n)]
    ask(g.port).close()
    row(f"resident memory, idle gateway", before, "MB")
    row(f"{n:,} idle connections that never spoke: growth", g.rss_mb() - before, "MB", goal="<= 6")
    for s in sockets:
        ask(g.port, s)
    row(f"{n:,} idle connections after a request each: growth", g.rss_mb() - before, "MB", goal="<= 6")
    for s in sockets:
        s.close()
    g.stop()


def ask(port, s=None):
    """A preview: as a post, but nothing stays in the gateway."""
    s = s or socket.create_connection(("127.0.0.1", port), 10)
    body = b'{"to":"+79001234567","text":"Your order is ready, thank you"}'
    s.sendall(b"POST /v1/preview HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + KEY.encode() +
              b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    if not s.recv(65536).startswith(b"HTTP/1.1 200"):
        raise RuntimeError("the preview was refused")
    return s


# ---- another make -----------------------------------------------------------------------------------------------------

def kannel(b, scale):
    """Debian's Kannel with the same carrier, load and number of connections; its callbacks go to the same sink."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
    import harness
    import kannel_peer
    if not kannel_peer.installed():
        print("Kannel is not installed (apt-get install kannel): no rows beside it")
        return
    if not any(r["name"] == "single posts, 64 connections" for r in ROWS):
        b.single = end_to_end(b, scale, "single posts, 64 connections", 80000 // scale, 64, goal=">= 20000")
    for what, store, count in (("messages on disk (spool)", "spool", 6000), ("messages in memory", "none", 20000)):
        world = harness.World(f"kannel-{os.getpid()}")
        with world:
            kannel_row(b, kannel_peer, world, f"Kannel, the same load, {what}", store, count // scale)
        world.forget()


class Boxes:
    """bearerbox and smsbox as one program."""

    def __init__(self, k):
        self.pids = (k.bearer.pid, k.box.pid)

    def threads(self):
        return {"others": sum(sum(threads(pid).values()) for pid in self.pids)}

    def written(self):
        return sum(written(pid) for pid in self.pids)


def kannel_row(b, kannel_peer, world, name, store, count):
    c = b.carrier("--receipt-delay", "20")
    port = free_port()
    try:
        k = kannel_peer.Kannel(world, c.port, 100, 60, store=store)
    except AssertionError:  # its ports are chosen before it takes them
        k = kannel_peer.Kannel(world, c.port, 100, 60, store=store)
    path = f"/cgi-bin/sendsms?username=shop&password=loopback&from=777&dlr-mask=1&dlr-url=http%3A%2F%2F127.0.0.1%3A{port}%2F"
    load = b.load("sink", to=k.http, sink_port=port, connections=64, count=count, timeout=120, seconds=8, get=path)
    load.line()
    spent = Spent(gateway=Boxes(k), load=load, carrier=c)
    go(load)
    r = load.result()
    used = spent.per_1000(r["accepted"])
    load.stop(signal.SIGKILL)
    c.stop(signal.SIGKILL)
    row(name, r["events_per_s"], "msg/s", b.single["value"], "Posthorn's single posts", **used,
        more={"accepted": r["accepted"], "accepted_per_s": r["accept_per_s"], "p50_ms": r["p50_us"] / 1000,
                     "p99_ms": r["p99_us"] / 1000})
    row("   Posthorn beside it", b.single["value"] / r["events_per_s"], "times as many")
    row("   CPU of it beside Posthorn's", sum(used["cpu"].values()) / b.single["cpu_ms_per_1000"], "times as much")
