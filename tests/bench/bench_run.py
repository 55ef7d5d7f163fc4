# SPDX-License-Identifier: Apache-2.0
"""bench_run.py -- the programs of a benchmark: gateway, carrier, load; their CPU time by thread, their memory."""
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from bench_table import ROWS, row, section  # noqa: F401 -- for the modules that get this one

BUILD = os.path.abspath(os.environ.get("POSTHORN_BUILD", "."))
KEY, OTHER_KEY = "bench-key-for-loopback-only", "another-key-for-loopback-only"
NOBODY = 9  # discard: nothing answers there


def program(name):
    path = os.path.join(BUILD, name)
    if not os.access(path, os.X_OK):
        sys.exit(f"bench: {path} is not built; run make bench")
    return path


def sha256(key):
    return hashlib.sha256(key.encode()).hexdigest()


class Process:
    """One program of ours, ended by its pid."""

    def __init__(self, *argv, stdin=None, env=None, stderr=None):
        self.log = tempfile.TemporaryFile()
        self.p = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr or self.log, text=True,
                                  env={**os.environ, **(env or {})})

    def line(self):
        return self.p.stdout.readline().strip()

    def result(self):
        text = self.line()
        if not text.startswith("{"):
            raise RuntimeError(f"no result: {text!r} {self.errors()}")
        return json.loads(text)

    def cpu_s(self):
        return sum(self.threads().values())

    def threads(self):
        return threads(self.p.pid)

    def written(self):
        """Octets given to the disk."""
        return written(self.p.pid)

    def rss_mb(self, what="VmRSS"):
        with open(f"/proc/{self.p.pid}/status", encoding="ascii") as f:
            return int(re.search(what + r":\s+(\d+)", f.read()).group(1)) / 1024

    def stop(self, how=signal.SIGTERM):
        if self.p.poll() is None:
            self.p.send_signal(how)
            self.p.wait(60)
        self.p.stdout.close()

    def errors(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")


def written(pid):
    with open(f"/proc/{pid}/io", encoding="ascii") as f:
        return int(re.search(r"\bwrite_bytes: (\d+)", f.read()).group(1))


def threads(pid):
    """CPU seconds by thread: loop, writer, others (readers, libuv's pool)."""
    used = {"loop": 0.0, "writer": 0.0, "others": 0.0}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/task/{tid}/comm", encoding="ascii", errors="replace") as f:
                name = f.read().strip()
            what = "loop" if int(tid) == pid else "writer" if name == "writer" else "others"
            used[what] += thread_s(pid, tid)
    return used


def thread_s(pid, tid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0]) / 1e9
    with open(f"/proc/{pid}/task/{tid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Spent:
    """What programs use between two moments, for 1,000 of something: {"gateway": Process, "load": …}."""

    def __init__(self, **processes):
        self.processes = processes
        self.before = {name: p.threads() for name, p in processes.items()}
        self.disk = processes["gateway"].written()

    def per_1000(self, n):
        """The arguments of row() that say it: ms by thread of the gateway, of the others as a whole; kB written."""
        after = {name: p.threads() for name, p in self.processes.items()}
        gone = {name: {t: (after[name][t] - self.before[name][t]) * 1e6 / n for t in after[name]} for name in after}
        gateway = gone.pop("gateway")
        return {"cpu": gateway, "beside": {name: sum(t.values()) for name, t in gone.items()},
                "disk": (self.processes["gateway"].written() - self.disk) / n / 1000}


def until(what, condition, seconds=60, every=0.005):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(every)
    raise TimeoutError(what)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Bench:
    def __init__(self, folder=None):
        self.dir = tempfile.mkdtemp(prefix="bench.", dir=folder or BUILD)
        self.data = os.path.join(self.dir, "data")
        self.running, self.templates, self.limits = [], {}, {}
        self.env, self.next = {}, 0

    def has_modems(self):
        return "driver = \"modem\"" in subprocess.run([program("posthornd"), "--print-settings"], capture_output=True, text=True,
                                                      check=True).stdout

    def start(self, *argv, **named):
        p = Process(*argv, **named)
        self.running.append(p)
        return p

    def numbers(self, n):
        """The first of so many that were in no message before: a row key that comes again is not a new message."""
        self.next += n
        return self.next - n

    def stop_all(self):
        """Whatever a case that failed left behind."""
        while self.running:
            self.running.pop().stop(signal.SIGKILL)

    def carrier(self, *more, port=0):
        c = self.start(program("posthorn-smsc-sim"), "--listen", f"127.0.0.1:{port}", "--no-duplicates", *more)
        c.port = int(c.line().rsplit(":", 1)[1])
        return c

    def gateway(self, carrier_port=NOBODY, hook_port=None, binds=1, window=100, tps=0.0, keep=False, links=None,
                routes='{ links = [ "sim" ]; }', quick=False, other=None):
        """`links` in the words of the configuration, where it is not one to a carrier at that port.  quick: asks again at
        once for a carrier that is not there.  other: the settings of a second client, which gets what is inbound."""
        if not keep:
            shutil.rmtree(self.data, ignore_errors=True)
        hook = f'webhook: {{ url = "http://127.0.0.1:{hook_port}/"; secret = "s"; batch = 100; }};' if hook_port else ""
        retry = "reconnect_min = 0.05; reconnect_max = 0.2;" if quick else ""
        second = f', {{ name = "other"; key_sha256 = "{sha256(OTHER_KEY)}"; {other} }}' if other is not None else ""
        conf = os.path.join(self.dir, "bench.conf")
        links = links or f"""{{ name = "sim"; driver = "smpp"; host = "127.0.0.1"; port = {carrier_port}; system_id = "b";
             password = "b"; binds = {binds}; window = {window}; tps = {float(tps)}; {retry} }}"""
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"""
data_dir = "{self.data}"; queue: {{ disk_reserve_mb = 1; }};
http: {{ listen = "127.0.0.1:0"; admin_listen = "127.0.0.1:0"; max_per_address = 4096; }};
clients = ( {{ name = "bench"; key_sha256 = "{sha256(KEY)}"; {hook} }}{second} );
{'inbound = ( { client = "other"; } );' if second else ""}
links = ( {links} );
routes = ( {routes} );
""")
        with open(os.path.join(self.dir, "gateway.log"), "w", encoding="utf-8") as log:
            g = self.start(program("posthornd"), "-c", conf, stderr=log, env=self.env)
        g.port, g.admin = until("the gateway listens", lambda: self.ports(g), 120, 0.001)
        return g

    def ports(self, g):
        if g.p.poll() is not None:
            raise RuntimeError("the gateway ended:\n" + self.log())
        found = re.findall(r"event=listening on=\S+ port=(\d+)", self.log())
        return [int(p) for p in found] if len(found) == 2 else None

    def log(self):
        with open(os.path.join(self.dir, "gateway.log"), encoding="utf-8") as f:
            return f.read()

    def up(self, g):
        until("the link is up", lambda: "to=up" in self.log())

    def quiet(self, g):
        """What is read at start, as final rows that receipts may still correct, is no part of a load."""
        until("the gateway is quiet", lambda: self.is_quiet(g), 120, 0)

    @staticmethod
    def is_quiet(g):
        before = g.cpu_s()
        time.sleep(0.3)  # a measurement of time
        return g.cpu_s() - before < 0.01

    def metric(self, g, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{g.admin}/metrics", timeout=10) as r:
            for line in r.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[1])
        return None

    def load(self, *flags, to=None, stdin=subprocess.DEVNULL, **options):
        """The load generator; with --sink or --wait it waits for go()."""
        argv = [program("tests/bench/load"), "--key", KEY]
        for k, v in options.items():
            argv += [f"--{k.replace('_', '-')}", str(v)]
        argv += [f"--{f}" for f in flags]
        return self.start(*argv, *(["--to", f"127.0.0.1:{to}"] if to else []),
                          stdin=subprocess.PIPE if {"sink", "wait"} & set(flags) else stdin)

    # ---- databases that are used more than once

    def keep(self, name):
        """The data of a gateway that does not run, to begin with later."""
        self.templates[name] = os.path.join(self.dir, "kept-" + name)
        self.copy(self.data, self.templates[name])

    def restore(self, name):
        self.copy(self.templates[name], self.data)

    @staticmethod
    def copy(source, target):
        """Synced, so that what is measured next does not pay for it."""
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
        for name in os.listdir(target):
            with open(os.path.join(target, name), "rb") as f:
                os.fsync(f.fileno())

    def close(self):
        self.stop_all()
        shutil.rmtree(self.dir, ignore_errors=True)


def go(load):
    load.p.stdin.write("go\n")
    load.p.stdin.flush()
