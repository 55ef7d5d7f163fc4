# SPDX-License-Identifier: Apache-2.0
"""bench_alone.py -- what the machine can do without a gateway, and the gateway's parts each for itself."""
import json
import os
import signal
import subprocess
import time

from bench_run import BUILD, Spent, go, program
from bench_table import row

MESSAGE = 216  # octets of a message in the database


# ---- limits: measured once in a run, when a row asks for them ---------------------------------------------------------

def limit(b, key, measure):
    if key not in b.limits:
        b.limits[key] = measure()
    return b.limits[key]


def sync_limit(b, messages):
    """(appends of that many messages' octets with fdatasync a second, the median of one in ms).  The rate is that of the
    median: what the disk can do when nothing else comes between."""
    return limit(b, ("sync", messages), lambda: measure_sync(b, messages))


def sync_ms(b, messages, seconds=0.7):
    """The median of an append with its fdatasync."""
    path, times, block = os.path.join(b.dir, "sync"), [], b"x" * (MESSAGE * messages)
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    begin = time.perf_counter()
    while (at := time.perf_counter()) - begin < seconds or len(times) < 5:
        os.write(fd, block)
        os.fdatasync(fd)
        times.append(time.perf_counter() - at)
    os.close(fd)
    os.unlink(path)
    return sorted(times)[len(times) // 2] * 1000


def measure_sync(b, messages):
    median = sync_ms(b, messages)
    row(f"limit: append {messages:,} messages' octets, fdatasync", 1000 / median, "syncs/s", more={"p50_ms": median})
    return 1000 / median, median


def submit_limit(b, binds, scale):
    """submit_sm and receipt without a gateway: messages a second."""
    return limit(b, ("submit", binds), lambda: measure_submit(b, binds, 400000 // scale))


def measure_submit(b, binds, n):
    c = b.carrier("--receipt-delay", "20")
    out = subprocess.run([program("smpp_blast"), str(c.port), str(binds), "100", str(n), "1"], capture_output=True, text=True,
                         check=True)
    used = c.cpu_s() * 1e6 / n
    c.stop()
    r = row(f"limit: bare submit_sm and receipts, {binds} bind{'s' if binds > 1 else ''}, window 100",
            json.loads(out.stdout)["per_second"], "msg/s", beside={"carrier": used})
    return r["value"]


def http_limit(b, connections, batch, scale):
    """The same requests answered by octets that lie ready: messages a second."""
    return limit(b, ("http", connections, batch), lambda: measure_http(b, connections, batch, scale))


def measure_http(b, connections, batch, scale):
    n = (20000 if connections == 1 else 200000 if batch == 1 else 4000000) // scale
    server = b.start(program("tests/bench/load"), "--serve")
    port = int(server.line().split()[1])
    load = b.load(to=port, connections=connections, batch=batch, count=n, seconds=2)
    r = load.result()
    load.p.wait(10)
    server.stop(signal.SIGKILL)
    what = "posts" if batch == 1 else f"arrays of {batch:,}"
    row(f"limit: bare loopback exchange, {what}, {connections} connection{'s' if connections > 1 else ''}", r["accept_per_s"],
        "msg/s", more={"p50_ms": r["p50_us"] / 1000, "p99_ms": r["p99_us"] / 1000})
    return r["accept_per_s"]


# ---- the parts --------------------------------------------------------------------------------------------------------

def codec(b, scale):
    """Texts planned and cut into the octets of their parts, on one core."""
    argv = [program("bench_codec"), "--json"]
    for line in subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines():
        r = json.loads(line)
        row(f"limit: memcpy of {r['name']}", r["memcpy_per_s"], "texts/s")
        row(f"limit: utf8_check of {r['name']}", r["utf8_check_per_s"], "texts/s")
        row(f"{r['name']}, planned and cut, one core", r["texts_per_s"], "texts/s", r["utf8_check_per_s"], "utf8_check",
            cpu={"loop": 1e6 / r["texts_per_s"]})


def link(b, scale):
    """Pairs of submit_sm and submit_sm_resp on one bind, the driver alone; libsmpp34 and a bare loop beside it."""
    if not os.access(os.path.join(BUILD, "bench_link"), os.X_OK):
        print("link: built without libsmpp34")
        return
    bare = None
    out = subprocess.run([program("bench_link"), "--json", "--pairs", str(1000000 // scale)], capture_output=True, text=True,
                         check=True)
    for line in out.stdout.splitlines():
        r = json.loads(line)
        bare = bare or r["pairs_per_s"]
        row(r["name"], r["pairs_per_s"], "pairs/s", bare, "bare octets", cpu={"loop": r["cpu_us"]})


def store_run(b, *flags, **options):
    argv = [program("bench_store"), "--json", "--dir", b.dir, *(f if f[0] == "-" or f.isdecimal() else f"--{f}" for f in flags)]
    for k, v in options.items():
        argv += [f"--{k}", str(v)]
    out = subprocess.run(argv, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in out.stdout.splitlines()]


def store_row(name, r, bare, bare_name, goal=None):
    return row(name, r["per_s"], "msg/s", bare, bare_name, cpu={"loop": r["loop_us"], "writer": r["writer_us"]}, goal=goal, disk=r["octets"] / 1000,
               more={"p50_ms": r["commit_p50_us"] / 1000, "p99_ms": r["commit_p99_us"] / 1000})


def store(b, scale):
    """Life cycles by the size of a group, with and without keys; restart and backlog."""
    for batch in (1, 10, 100, 1000):
        syncs = sync_limit(b, batch)[0] * batch
        n = max(batch * 20, min(200000, batch * 2000)) // scale
        for keys in (False, True):
            r = store_run(b, *(["keys"] if keys else []), messages=n, batch=batch, seconds=3)[0]
            store_row(f"store, groups of {batch:,}{', with keys' if keys else ''}", r, syncs, "raw append + fdatasync")
    parts = {r["name"]: r for r in store_run(b, "backlog", messages=1000000 // scale)}
    for name, what in (("all final", "scan at start, rows all final"), ("in backlog", "scan at start, as many in backlog"),
                       ("read back", "all of them read back from backlog")):
        row(f"store of {1000000 // scale:,} rows: {what}", parts[name]["s"], "s")


def store_sizes(b, scale, large):
    """Life cycles by what is in the table before."""
    for keys in (False, True):
        argv = [x for rows in sizes(scale, large) for x in ("--rows", str(rows))]
        first = first_cpu = None
        for rows, r in zip(sizes(scale, large), store_run(b, *(["keys"] if keys else []), *argv, messages=300000 // scale, seconds=4)):
            goal = f">= {0.9 * first:.0f}" if first else None
            cpu = r["loop_us"] + r["writer_us"]
            first, first_cpu = (first, first_cpu) if first else (r["per_s"], cpu)
            store_row(f"store, {rows:,} rows before{', with keys' if keys else ''}", r, first, "the smallest table", goal)
            if goal:
                row("   CPU of it beside that", cpu / first_cpu, "times", goal="<= 1.1")


def sizes(scale, large):
    return [100000 // scale, 1000000 // scale] + ([10000000 // scale] if large else [])


def http(b, scale):
    """HTTP without the queue: the cheapest answer, and one that reads key, JSON and text."""
    g = b.gateway()
    for what, port, options in (("GET /healthz", g.admin, {"get": "/healthz"}),
                                ("POST /v1/preview", g.port, {"path": "/v1/preview"})):
        for connections in (1, 64):
            n = (10000 if connections == 1 else 100000) // scale
            bare = http_limit(b, connections, 1, scale)
            load = b.load("wait", to=port, connections=connections, count=n, seconds=3, **options)
            spent = Spent(gateway=g, load=load)
            go(load)
            r = load.result()
            used = spent.per_1000(r["accepted"])
            row(f"HTTP alone, {what}, {connections} connection{'s' if connections > 1 else ''}", r["accept_per_s"], "req/s", bare,
                "bare exchange", **used, more={"p50_ms": r["p50_us"] / 1000, "p99_ms": r["p99_us"] / 1000})
    g.stop()

