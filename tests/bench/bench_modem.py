# SPDX-License-Identifier: Apache-2.0
"""bench_modem.py -- the rows of bench.py about modems: what one emulated modem carries, what of its radio's time is used,
many of them in one process, and what they cost when nothing happens.

A modem sends one message at a time, so the limit is the radio's: `radio_ms` in the simulator's log is what no program can
shorten, and what is used of it is what a program is judged by.  Where gammu-smsd and smsd (smstools) are installed they
send through the same simulator in the same run."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

LONG = "a text that takes three parts, as people write them to those who wait for more than a word " * 5
TEXTS = {"GSM-7": "hello, your code is {}", "UCS-2": "Привет, код {}", "three parts": LONG[:420] + " {}"}
POST_ROWS = 5000 # of an array
# Measured elsewhere: the same kind of simulator without a radio's delay, Debian 12, one modem, status reports asked for.
ELSEWHERE = (("gammu-smsd 1.42, LoopSleep 0, measured elsewhere", 1.40), ("smstools 3.1.21, no reports, measured elsewhere", 3.20))


class Modems:
    """posthorn-modem-sim, its control port and its log."""

    def __init__(self, bench, b, *lines, n=1):
        self.dir = tempfile.mkdtemp(prefix="modems.", dir=b.dir)
        self.log = os.path.join(self.dir, "log")
        argv = [bench.program("posthorn-modem-sim"), "--dir", self.dir, "--control", "127.0.0.1:0", "--log", self.log,
                "--modems", str(n)]
        for line in lines:
            argv += ["--line", line]
        self.process = bench.Process(*argv)
        self.ports = []
        while (words := self.process.line().split()) != ["ready"]:
            if not words:
                sys.exit("bench: posthorn-modem-sim ended: " + self.process.errors())
            if words[0] == "port":
                self.ports.append(words[-1])
            else:
                self.control = socket.create_connection(("127.0.0.1", int(words[1].rsplit(":", 1)[1])), 10)
        self.answers = self.control.makefile("r", encoding="utf-8")

    def do(self, line):
        self.control.sendall(line.encode() + b"\n")
        return self.answers.readline()

    def stats(self):
        return json.loads(self.do("stats"))

    def submits(self):
        with open(self.log, encoding="utf-8") as f:
            return [r for r in map(json.loads, f) if r["event"] == "submit"]

    def stop(self):
        self.answers.close()
        self.control.close()
        self.process.stop()


class Run:
    """A gateway with one link for each simulated modem."""

    def __init__(self, bench, b, *lines, n=1):
        self.bench, self.b = bench, b
        self.sim = Modems(bench, b, *lines, n=n)
        names = [f"sim{i}" for i in range(n)]
        self.started = time.monotonic()
        self.gateway = b.gateway(links=", ".join(
            f'{{ name = "{name}"; driver = "modem"; device = "{port}"; }}' for name, port in zip(names, self.sim.ports)),
            # Links of one route stand in for each other, so each modem has numbers of its own.
            routes=", ".join(f'{{ prefix = [ "49{100 + i}" ]; links = [ "{name}" ]; }}' for i, name in enumerate(names)))
        self.n, self.posted = n, 0

    def up(self):
        self.bench.until("the modems are up", lambda: self.b.log().count("to=ready") >= self.n)

    def post(self, text, count):
        while count > POST_ROWS:
            self.post(text, POST_ROWS)
            count -= POST_ROWS
        rows = [{"to": f"+49{100 + (self.posted + i) % self.n}{self.posted + i:08d}", "text": text.format(self.posted + i)} for i in range(count)]
        self.posted += count
        request = urllib.request.Request(f"http://127.0.0.1:{self.gateway.port}/v1/messages", json.dumps(rows).encode(),
                                         {"Authorization": "Bearer " + self.bench.KEY, "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as r:
            answer = json.load(r)
        assert answer["rejected"] == 0, answer

    def delivered(self):
        return self.b.metric(self.gateway, 'posthorn_final_total{state="delivered"}') or 0

    def wait_delivered(self, seconds=120):
        self.bench.until("the reports", lambda: self.delivered() >= self.posted, seconds)

    def wait_accepted(self, n, seconds=120):
        self.bench.until("the parts", lambda: self.sim.stats()["accepted"] >= n, seconds)

    def close(self):
        self.gateway.stop()
        self.sim.stop()


@contextlib.contextmanager
def running(bench, b, *lines, n=1):
    run = Run(bench, b, *lines, n=n)
    try:
        yield run
    finally:
        run.close()


def speed(bench, b, kind, text, count):
    """As fast as one modem goes whose radio takes no time."""
    with running(bench, b) as run:
        run.up()
        run.post(TEXTS["GSM-7"], 50)  # what is done once is done
        run.wait_delivered()
        before, cpu = run.sim.stats(), run.gateway.cpu_s()
        begin = time.monotonic()
        run.post(text, count)
        parts = count * (3 if kind == "three parts" else 1)
        run.wait_accepted(before["accepted"] + parts)
        took = time.monotonic() - begin
        run.wait_delivered()
        cpu = run.gateway.cpu_s() - cpu
        after = run.sim.stats()
        bench.row(f"one modem, no radio delay: {kind}", parts / took, "parts/s", cpu_ms=cpu * 1e6 / parts)
        bench.row("   AT commands a part, reports and their acknowledgement included",
                  (after["commands"] - before["commands"]) / parts, "commands")
        bench.row("   status reports matched", run.delivered() / run.posted * 100, "%")
        assert after["duplicates"] == 0 and not after["judged"]["malformed"], after["judged"]


def share_of(submits, n_modems):
    """The time that the radio worked, of the time from the first message taken to the last, over all modems."""
    radio = passed = 0.0
    for i in range(n_modems):
        mine = sorted((r for r in submits if r["modem"] == f"sim{i}"), key=lambda r: r["time"])
        if len(mine) > 1:
            radio += sum(r["radio_ms"] for r in mine[1:]) / 1000
            passed += mine[-1]["time"] - mine[0]["time"]
    return radio / passed


def radio(bench, b, lo, hi, count, n):
    """How much of the radio's time is used when messages wait all the time."""
    with running(bench, b, f"latency {lo} {hi}", n=n) as run:
        run.up()
        run.post(TEXTS["GSM-7"], count)
        run.wait_accepted(count, 600)
        run.wait_delivered()
        what = f"{lo}–{hi} ms a message, {n} modem{'s' if n > 1 else ''}"
        bench.row(f"radio of {what}: used", share_of(run.sim.submits(), n) * 100, "%", 100, "the radio's time")


def many(bench, b, n, count):
    """So many modems in one process: every line heard, in both directions."""
    with running(bench, b, n=n) as run:
        run.up()
        bench.row(f"{n} modems: start to all ready", time.monotonic() - run.started, "s")
        cpu = run.gateway.cpu_s()
        begin = time.monotonic()
        run.post(TEXTS["GSM-7"], count)
        run.wait_accepted(count)
        took = time.monotonic() - begin
        for i in range(n):
            run.sim.do(f"modem sim{i} mo +4917000000{i:02} text to-{i}")
        run.wait_delivered()
        cpu = run.gateway.cpu_s() - cpu
        bench.until("what came in", lambda: inbound(run) >= n)
        stats = run.sim.stats()
        bench.row(f"{n} modems, no radio delay", count / took, "msg/s", cpu_ms=cpu * 1e6 / count)
        bench.row("   of these: modems that sent", sum(m["accepted"] > 0 for m in stats["modems"]), "modems")
        bench.row("   messages taken twice", stats["duplicates"], "messages")
        bench.row("   status reports matched", run.delivered() / run.posted * 100, "%")
        bench.row("   modems whose message came in, once", inbound(run), "modems")


def inbound(run):
    return sum(run.b.metric(run.gateway, f'posthorn_link_inbound_total{{link="sim{i}"}}') or 0 for i in range(run.n))


def idle(bench, b, n, seconds):
    with running(bench, b, n=n) as run:
        run.up()
        time.sleep(2)  # what follows the start, as the first look into the memories
        before = run.gateway.cpu_s()
        time.sleep(seconds)  # a measurement of time
        used = run.gateway.cpu_s() - before
        bench.row(f"idle, {n} modem{'s' if n > 1 else ''}: CPU over {seconds} s", used / seconds * 100, "% of a core")


def first_submit(bench, b):
    with running(bench, b) as run:
        run.post(TEXTS["GSM-7"], 1)
        bench.until("the first submit", lambda: run.sim.stats()["accepted"] >= 1)
        bench.row("one modem: start of the process to the first message taken", time.monotonic() - run.started, "s")


# ---- others, where they are installed ----------------------------------------------------------------------------

def gammu_smsd(folder, device, count):
    for name in ("inbox", "outbox", "sent", "error"):
        os.mkdir(os.path.join(folder, name))
    for i in range(count):
        with open(os.path.join(folder, "outbox", f"OUTA20260101_000000_{i:02}_+4915{i:09d}_s.txtd"), "w", encoding="ascii") as f:
            f.write(TEXTS["GSM-7"].format(i))
    with open(os.path.join(folder, "conf"), "w", encoding="ascii") as f:
        f.write(f"[gammu]\ndevice = {device}\nconnection = at115200\n[smsd]\nservice = FILES\nLoopSleep = 0\n"
                "CheckSecurity = 0\nCheckBattery = 0\nCheckSignal = 0\nCheckNetwork = 0\nDeliveryReport = log\n")
        for name, where in (("Inbox", "inbox"), ("Outbox", "outbox"), ("SentSMS", "sent"), ("ErrorSMS", "error")):
            f.write(f"{name}Path = {folder}/{where}/\n")
    return ["gammu-smsd", "-c", os.path.join(folder, "conf")]


def smsd(folder, device, count):
    for name in ("outgoing", "checked", "incoming", "sent", "failed", "report"):
        os.mkdir(os.path.join(folder, name))
    for i in range(count):
        with open(os.path.join(folder, "outgoing", f"m{i:02}"), "w", encoding="ascii") as f:
            f.write(f"To: 4915{i:09d}\n\n" + TEXTS["GSM-7"].format(i))
    with open(os.path.join(folder, "conf"), "w", encoding="ascii") as f:
        f.write("devices = GSM1\ndelaytime = 1\n" + "".join(
            f"{name} = {folder}/{name}\n" for name in ("outgoing", "checked", "incoming", "sent", "failed", "report")))
        f.write(f"logfile = {folder}/smsd.log\ninfofile = {folder}/run\npidfile = {folder}/pid\nterminal = yes\n"
                f"[GSM1]\ndevice = {device}\nincoming = no\nreport = no\npoll_faster = 30\n")
    return ["smsd", "-c" + os.path.join(folder, "conf")]


def peer(bench, b, name, program, prepare, ours, count):
    """The same messages through the same simulator, from the first that was taken to the last; None: it did not work."""
    if not shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin"):
        return
    sim, folder = Modems(bench, b), tempfile.mkdtemp(prefix="peer.", dir=b.dir)
    argv = prepare(folder, sim.ports[0], count)
    env = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin"}
    p = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env, start_new_session=True)
    try:
        bench.until("the peer's messages", lambda: sim.stats()["accepted"] >= count or p.poll() is not None, 90)
        times = sorted(r["time"] for r in sim.submits())
        rate = (len(times) - 1) / (times[-1] - times[0])
        bench.row(f"{name}, this simulator, this run", rate, "parts/s", ours, "Posthorn's")
    except (TimeoutError, ZeroDivisionError, IndexError) as e:
        print(f"{name}: no figure: {e!r}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(p.pid, signal.SIGTERM)
        p.wait(30)
        sim.stop()


def rows(bench, b, scale):
    if not b.has_modems():
        print("modems: built without libserialport")
        return
    for kind, text in TEXTS.items():
        speed(bench, b, kind, text, (3000 if kind == "three parts" else 9000) // scale)
    ours = next(r["value"] for r in bench.ROWS if r["name"].startswith("one modem, no radio delay: GSM-7"))
    for name, rate in ELSEWHERE:
        bench.row(name, rate, "parts/s", ours, "Posthorn's")
    peer(bench, b, "gammu-smsd", "gammu-smsd", gammu_smsd, ours, 20)
    peer(bench, b, "smstools", "smsd", smsd, ours, 20)
    first_submit(bench, b)
    radio(bench, b, 100, 400, 120 if scale == 1 else 40, 1)
    radio(bench, b, 1000, 4000, 512 if scale == 1 else 256, 64)
    many(bench, b, 64, 19200 // scale)
    idle(bench, b, 1, 20 if scale == 1 else 5)
    idle(bench, b, 64, 20 if scale == 1 else 5)
