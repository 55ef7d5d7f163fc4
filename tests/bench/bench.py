#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench.py -- what the gateway does on this machine, beside what the machine can do at all.

Every row is measured in this one run, on the same cores as the carrier simulator and the load generator; each stands
beside its limit (the same work without a gateway) as a ratio, with the gateway's CPU time per 1,000 messages.  Ratios
carry over to another machine, seconds do not; nothing here passes or fails.

    make bench            or    tests/bench/bench.py [--quick] [--json FILE]      in the build folder
"""
import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import bench_modem

BUILD = os.path.abspath(os.environ.get("POSTHORN_BUILD", "."))
KEY = "bench-key-for-loopback-only"
ROWS = []


def program(name):
    path = os.path.join(BUILD, name)
    if not os.access(path, os.X_OK):
        sys.exit(f"bench: {path} is not built; run make bench")
    return path


class Process:
    """One program of ours, ended by its pid."""

    def __init__(self, *argv, stdin=None):
        self.log = tempfile.TemporaryFile()
        self.p = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE, stderr=self.log, text=True)

    def line(self):
        return self.p.stdout.readline().strip()

    def cpu_s(self):
        with open(f"/proc/{self.p.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self):
        with open(f"/proc/{self.p.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024

    def stop(self, how=signal.SIGTERM):
        if self.p.poll() is None:
            self.p.send_signal(how)
            self.p.wait(60)
        self.p.stdout.close()

    def errors(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")


def until(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise TimeoutError(what)


class Bench:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="bench.", dir=BUILD)

    def has_modems(self):
        return "driver = \"modem\"" in subprocess.run([program("posthornd"), "--print-settings"], capture_output=True, text=True,
                                                      check=True).stdout

    def carrier(self, *more):
        c = Process(program("posthorn-smsc-sim"), "--listen", "127.0.0.1:0", "--no-duplicates", *more)
        c.port = int(c.line().rsplit(":", 1)[1])
        return c

    def gateway(self, carrier_port=0, hook_port=None, binds=1, window=100, tps=0.0, keep=False, links=None,
                routes='{ links = [ "sim" ]; }'):
        """`links` in the words of the configuration, where it is not one to a carrier at that port."""
        data = os.path.join(self.dir, "data")
        if not keep:
            shutil.rmtree(data, ignore_errors=True)
        hook = f'webhook: {{ url = "http://127.0.0.1:{hook_port}/"; secret = "s"; batch = 100; }};' if hook_port else ""
        conf = os.path.join(self.dir, "bench.conf")
        links = links or f"""{{ name = "sim"; driver = "smpp"; host = "127.0.0.1"; port = {carrier_port}; system_id = "b";
             password = "b"; binds = {binds}; window = {window}; tps = {float(tps)}; }}"""
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"""
data_dir = "{data}"; queue: {{ disk_reserve_mb = 1; }};
http: {{ listen = "127.0.0.1:0"; admin_listen = "127.0.0.1:0"; }};
clients = ( {{ name = "bench"; key_sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"; {hook} }} );
links = ( {links} );
routes = ( {routes} );
""")
        with open(os.path.join(self.dir, "gateway.log"), "w", encoding="utf-8") as log:
            g = Process.__new__(Process)
            g.log = tempfile.TemporaryFile()
            g.p = subprocess.Popen([program("posthornd"), "-c", conf], stdout=subprocess.PIPE, stderr=log, text=True)
        ports = until("the gateway listens", lambda: self.ports(g))
        g.port, g.admin = ports
        return g

    def ports(self, g):
        if g.p.poll() is not None:
            sys.exit("bench: the gateway ended:\n" + self.log())
        found = re.findall(r"event=listening on=\S+ port=(\d+)", self.log())
        return [int(p) for p in found] if len(found) == 2 else None

    def log(self):
        with open(os.path.join(self.dir, "gateway.log"), encoding="utf-8") as f:
            return f.read()

    def up(self, g):
        until("the link is up", lambda: "to=up" in self.log())

    def metric(self, g, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{g.admin}/metrics", timeout=10) as r:
            for line in r.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[1])
        return None

    def load(self, sink=True, **options):
        argv = [program("tests/bench/load"), "--key", KEY]
        for k, v in options.items():
            argv += [f"--{k}", str(v)]
        return argv + (["--sink"] if sink else [])

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)


def row(name, value, unit, limit=None, limit_name="", cpu_ms=None):
    r = {"name": name, "value": value, "unit": unit, "limit": limit, "limit_name": limit_name,
         "ratio": value / limit if limit else None, "cpu_ms_per_1000": cpu_ms}
    ROWS.append(r)
    ratio = f"{r['ratio']:6.2f} of {limit_name}" if limit else ""
    cpu = f"{cpu_ms:7.1f} ms" if cpu_ms is not None else ""
    print(f"{name:<58} {value:>12,.1f} {unit:<10} {cpu:>12}  {ratio}", flush=True)


# ---- limits ------------------------------------------------------------------------------------------------------

def limit_fsync(b):
    """Append 100 messages' worth of octets and sync, again and again: commits a second."""
    path, n, block = os.path.join(b.dir, "fsync"), 0, b"x" * 21600
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    begin = time.monotonic()
    while time.monotonic() - begin < 1:
        os.write(fd, block)
        os.fdatasync(fd)
        n += 1
    took = time.monotonic() - begin
    os.close(fd)
    os.unlink(path)
    row("limit: append 100 messages' octets and fdatasync", n / took, "syncs/s")
    return n / took


def limit_smpp(b, n):
    c = b.carrier()
    out = subprocess.run([program("smpp_blast"), str(c.port), "1", "100", str(n)], capture_output=True, text=True, check=True)
    c.stop()
    rate = json.loads(out.stdout)
    value = next(v for k, v in rate.items() if "per_s" in k or "rate" in k)
    row("limit: bare submit_sm exchange, one bind, window 100", value, "msg/s")
    return value


# ---- the text layer ----------------------------------------------------------------------------------------------

def texts():
    """Texts planned and cut into the octets of their parts, on one core."""
    argv = [program("bench_codec"), "--json"]
    for line in subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines():
        r = json.loads(line)
        row(f"limit: memcpy of {r['name']}", r["memcpy_per_s"], "texts/s")
        row(f"limit: utf8_check of {r['name']}", r["utf8_check_per_s"], "texts/s")
        row(f"{r['name']}, planned and cut, one core", r["texts_per_s"], "texts/s", r["utf8_check_per_s"], "utf8_check")


# ---- one link ----------------------------------------------------------------------------------------------------

def one_link(pairs):
    """Pairs of submit_sm and submit_sm_resp on one bind, the driver alone; libsmpp34 and a bare loop beside it."""
    limit = None
    out = subprocess.run([program("bench_link"), "--json", "--pairs", str(pairs)], capture_output=True, text=True, check=True)
    for line in out.stdout.splitlines():
        r = json.loads(line)
        limit = limit or r["pairs_per_s"]
        row(r["name"], r["pairs_per_s"], "pairs/s", limit, "bare octets", r["cpu_us"])


# ---- the gateway -------------------------------------------------------------------------------------------------

def end_to_end(b, name, limit, count, batch, connections, binds=1, window=100):
    c = b.carrier("--receipt-delay", "20")
    load = None
    try:
        port = free_port()
        g = b.gateway(c.port, hook_port=port, binds=binds, window=window)
        b.up(g)
        argv = b.load(connections=connections, batch=batch, count=count, timeout=300)
        load = Process(*argv, "--to", f"127.0.0.1:{g.port}", "--sink-port", str(port), stdin=subprocess.PIPE)
        load.line()
        before = g.cpu_s()
        load.p.stdin.write("go\n")
        load.p.stdin.flush()
        result = json.loads(load.line())
        cpu = g.cpu_s() - before
        row(name, result["events_per_s"], "msg/s", limit, "bare exchange", cpu * 1e6 / count)
        row("   of these: accepted (202 after the sync)", result["accept_per_s"], "msg/s")
        row("   answer, median", result["p50_us"] / 1000, "ms")
        row("   answer, 99 %", result["p99_us"] / 1000, "ms")
        g.stop()
    finally:
        if load:
            load.stop()
        c.stop()


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def one_connection(b):
    c = b.carrier("--receipt-delay", "20")
    g = b.gateway(c.port)
    b.up(g)
    load = Process(*b.load(sink=False, connections=1, batch=1, count=2000), "--to", f"127.0.0.1:{g.port}",
                   stdin=subprocess.DEVNULL)
    result = json.loads(load.line())
    row("one connection, durable accept, median", result["p50_us"] / 1000, "ms")
    row("one connection, durable accept, 99 %", result["p99_us"] / 1000, "ms")
    load.stop()
    g.stop()
    c.stop()


def waiting(b, count):
    """Memory while messages wait, then kill -9 and the time to the first submit_sm."""
    port = free_port()
    g = b.gateway(port)
    idle = g.rss_mb()
    load = Process(*b.load(sink=False, connections=4, batch=1000, count=count, timeout=300), "--to", f"127.0.0.1:{g.port}",
                   stdin=subprocess.DEVNULL)
    result = json.loads(load.line())
    load.stop()
    row(f"accept {count:,} messages in arrays of 1,000, no link up", result["accept_per_s"], "msg/s")
    row("resident memory, idle", idle, "MB")
    row(f"resident memory, {count:,} waiting, more than idle", g.rss_mb() - idle, "MB")
    g.stop(signal.SIGKILL)
    c = b.carrier()
    begin = time.monotonic()
    g = b.gateway(c.port, keep=True)
    until("the first submit_sm", lambda: (b.metric(g, 'posthorn_link_sent_total{link="sim"}') or 0) > 0)
    row(f"kill -9 with {count:,} waiting: start to first submit_sm", time.monotonic() - begin, "s")
    g.stop(signal.SIGKILL)
    c.stop()


def otp_overtakes(b, rows, seconds):
    """One-time codes while a campaign waits: carrier 10 ms, window 100, 2,000/s."""
    log = os.path.join(b.dir, "audit.log")
    script = os.path.join(b.dir, "slow.smsc")
    with open(script, "w", encoding="ascii") as f:
        f.write("slow 10ms\n")
    c = b.carrier("--script", script, "--log", log)
    g = b.gateway(c.port, tps=2000)
    b.up(g)
    bulk = Process(*b.load(sink=False, connections=2, batch=1000, count=rows, timeout=300), "--class", "marketing", "--to",
                   f"127.0.0.1:{g.port}", stdin=subprocess.DEVNULL)
    begin_wait = time.monotonic()
    until("the campaign waits", lambda: (b.metric(g, "posthorn_queue_waiting") or 0) > min(rows / 2, 20000))
    posted, number = {}, 5000000
    import http.client
    conn = http.client.HTTPConnection("127.0.0.1", g.port, timeout=30)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        number += 1
        body = json.dumps({"to": f"+7911{number:07d}", "class": "otp", "text": f"Code {number}"})
        at = time.time()
        conn.request("POST", "/v1/messages", body, {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
        answer = conn.getresponse()
        answer.read()
        if answer.status == 202:
            posted[f"7911{number:07d}"] = at
        time.sleep(max(0, at + 0.05 - time.time()))
    until("every code is submitted", lambda: codes_in(log, posted) >= len(posted), 30)
    late = sorted((codes(log)[to] - at) * 1000 for to, at in posted.items())
    row(f"otp posted → submit_sm at the carrier, median, {rows:,} rows wait", late[len(late) // 2], "ms")
    row("   99 %", late[min(len(late) - 1, int(len(late) * 0.99))], "ms")
    bulk.stop(signal.SIGKILL)
    g.stop(signal.SIGKILL)
    c.stop()


def codes(log):
    """Recipient → Unix time of its submit_sm, for the codes."""
    found = {}
    with open(log, encoding="ascii", errors="replace") as f:
        for line in f:
            if " 7911" in line:
                fields = line.split()
                found[next(x for x in fields if x.startswith("7911"))] = int(fields[0]) / 1e6
    return found


def codes_in(log, posted):
    return len(codes(log).keys() & posted.keys())


def links_and_queue(b, scale):
    texts()
    limit_fsync(b)
    if os.access(os.path.join(BUILD, "bench_link"), os.X_OK):
        one_link(1000000 // scale)
    bare = limit_smpp(b, 1000000 // scale)
    end_to_end(b, "single posts, 64 connections, receipts, webhooks", bare, 200000 // scale, 1, 64)
    end_to_end(b, "single posts, 64 connections, 4 binds", bare, 200000 // scale, 1, 64, binds=4)
    end_to_end(b, "arrays of 1,000, 4 connections, receipts, webhooks", bare, 500000 // scale, 1000, 4)
    end_to_end(b, "arrays of 1,000, 4 connections, 4 binds", bare, 500000 // scale, 1000, 4, binds=4)
    one_connection(b)
    waiting(b, 1000000 // scale)
    otp_overtakes(b, 1000000 // scale, 20 if scale == 1 else 5)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the messages")
    parser.add_argument("--modems", action="store_true", help="the rows about modems alone")
    parser.add_argument("--json", metavar="FILE", help="also write the rows as JSON")
    args = parser.parse_args()
    scale = 10 if args.quick else 1
    b = Bench()
    try:
        print(f"{os.cpu_count()} cores shared by gateway, carrier and load; CPU is the gateway's per 1,000 messages\n")
        if not args.modems:
            links_and_queue(b, scale)
        bench_modem.rows(sys.modules[__name__], b, scale)
    finally:
        b.close()
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(ROWS, f, indent=1)


if __name__ == "__main__":
    main()
