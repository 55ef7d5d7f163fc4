#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""memory_start.py -- the n-th allocation fails, for one n after the other, from the first one of main() on.

    memory_start.py [--seed N] [--rounds N] [--every K] [--jobs J]

posthornd-points (see memory_fails.h) counts the allocations of the whole process, those of all libraries too.  Each start
has another n, and in a second way all from the n-th on fail.  The configuration has TLS, a carrier, a modem that is not
there, a webhook, an included file and rules; the database has messages that wait.  Each start must end in one of two ways:

  it ends         with status 1 and a line that names memory or threads (2 where libconfig's scanner ends the process)
  it goes on      a message posted then is taken, sent, and its webhook heard of (where an answer could not be kept the
                  log says so, and the next start finds its part under its lease); SIGTERM ends it with status 0

No signal, no hang, no third.  At last a gateway that lacks nothing starts on the same data: what was acknowledged in any of
these lives is final and was heard of, what waited waits, and `posthorn check` finds nothing.

--rounds: how many n in all (0: each), spread evenly beside the first ones; --every: then each K-th, from one of the first K
on; --first, --last: only these.
"""
import argparse
import collections
import concurrent.futures
import http.client
import random
import re
import shutil
import signal
import sqlite3
import ssl
import subprocess
import sys
import os

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from harness import *  # noqa: E402
import harness  # noqa: E402
import relay  # noqa: E402

PROGRAM = os.path.join(BUILD, "tests", "crash", "posthornd-points")
FAR = rfc3339(time.time() + 30 * 86400)
WAITING, FOUND = 30, 15  # those without a time are counted as the queue's
CLEAR = re.compile(r"memory(?!_)|threads")
SCANNER = re.compile(r"out of dynamic memory in libconfig_yy")
KEPT = re.compile(r"event=submit_not_stored .* error=memory")  # stays under its lease
INCLUDE = "cannot open include file"  # libconfig says that of one that it has no memory to read
NO_LEAKS = {"ASAN_OPTIONS": "detect_leaks=0"}  # a start that fails ends as it is
BEYOND = 300  # allocations after the gateway was ready


def port_of(lines, admin):
    found = (re.search(rf"event=listening .*port=(\d+) .*admin={admin}", x) for x in lines)
    return next(int(m.group(1)) for m in found if m)


def waiting(port):
    api = Api(port)
    try:
        m = re.search(r"^posthorn_queue_waiting (\d+)", api.get("/metrics").body.decode(), re.M)
        return m and int(m.group(1))
    except (OSError, http.client.HTTPException):  # no memory for a connection: it was closed
        return None
    finally:
        api.close()


class Bench:
    """One gateway's folder; several live side by side."""

    def __init__(self, w, number):
        self.w, self.number, self.last = w, number, 12025000000 + number * 100000
        self.sim = w.smsc("--receipt-delay", "1", "--receipt-jitter", "1", "--receipt-retry", "200", "--receipt-tries", "30")
        self.sink, self.promised = w.sink(), []
        routes = [{"prefix": ["1204"], "links": ["away"]}, {"links": ["acme"]}]
        self.gw = w.gateway({"log_level": "info", "routes": routes}, webhook=self.sink,
                            links=[smpp(self.sim, receipt_id="text"), {"name": "null", "driver": "loopback"},
                                   smpp(free_port(), name="away", reconnect_max=60)])
        api = self.gw.api()
        # Those with a time have a row of their own; the others are only found by the scan from low water on.
        api.stream([{"to": f"+1203555{i:04}", "text": "later", "send_at": FAR} for i in range(WAITING // 2)]).expect(202)
        api.stream([{"to": f"+1204555{i:04}", "text": "away"} for i in range(WAITING // 2)]).expect(202)
        self.gw.wait_link()
        api.send(to=self.next(), text="first")
        self.promised.append(f"+{self.last}")
        self.sink.wait_final(1)
        self.gw.kill()
        s = self.gw.settings
        cert, key = relay.Authority(w, f"ca{number}").certificate(f"http{number}", san="DNS:localhost")
        s["http"]["tls"] = {"cert": cert, "key": key}
        s["links"].append({"name": "stick", "driver": "modem", "device": "/dev/null/none"})
        self.gw.write_file("more.conf", 'log_level = "info";\n')
        del s["log_level"]
        self.gw.write_conf()
        with open(self.gw.conf_path, "a", encoding="utf-8") as f:
            f.write('@include "more.conf"\n')
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE

    def next(self):
        self.last += 1
        return f"+{self.last}"

    def post(self, port, patient_s, p):
        """One message: until it was taken."""
        to, end, status = self.next(), time.monotonic() + patience(patient_s), "it ended"
        while time.monotonic() < end and p.poll() is None:
            c = http.client.HTTPSConnection("127.0.0.1", port, context=self.tls, timeout=patience(2))
            try:
                c.request("POST", "/v1/messages", json.dumps({"to": to, "text": "x"}),
                          {"Authorization": "Bearer " + self.gw.keys["shop"], "Content-Type": "application/json"})
                a = c.getresponse()
                status = (a.status, a.read()[:200])
                if a.status == 202:
                    self.promised.append(to)
                    return to
            except (OSError, http.client.HTTPException) as e:
                status = repr(e)
            finally:
                c.close()
            time.sleep(0.05)
        raise AssertionError(f"a message is not taken: {status}")

    def live(self, order):
        """One life: (how it ended, the last words); raises what is wrong with it."""
        p = subprocess.Popen([PROGRAM, "-c", self.gw.conf_path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True, errors="backslashreplace",
                             env={**os.environ, **NO_LEAKS, "POSTHORN_MEMORY": order})
        lines, ready = [], threading.Event()

        def read():
            for line in p.stderr:
                lines.append(line.rstrip("\n"))
                if line.startswith("memory:"):
                    ready.set()
            ready.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            check(ready.wait(patience(15)), f"neither ready nor ended; last: {lines[-2:]}")
            if any(x.startswith("memory:") for x in lines):
                try:
                    return self.goes_on(p, lines, lasting=order.endswith(" 1"))
                except AssertionError:
                    if p.poll() is None:
                        raise
                    reader.join(patience(5))
                    return self.ended(p.poll(), lines)  # after all, and in order
            status = p.wait(patience(5))
            reader.join(patience(5))
            return self.ended(status, lines)
        finally:
            self.over = f"; it lived: {p.poll() is None}, said {[x for x in lines if 'level=info' not in x][-3:]}"
            if p.poll() is None:
                p.kill()
                p.wait()
            reader.join(patience(5))

    def ended(self, status, lines):
        said = "\n".join(lines)
        if SANITIZED and "AddressSanitizer: CHECK failed: sanitizer_" in said:
            return "ends: the sanitizer had no memory for itself"
        if SANITIZED and harness._BAD_NEWS.search(said):
            raise AssertionError(said[:3000])
        last = lines[-1] if lines else ""
        clear = CLEAR.search(last.replace(self.gw.dir, "")) or INCLUDE in last
        if not (status == 1 and clear) and not (status == 2 and SCANNER.search(said)):
            raise AssertionError(f"ended with {status}: {lines[-3:]}")
        return f"ends: {re.sub(r'.*error=', '', last).replace(self.gw.dir, '')[:70]}"

    def goes_on(self, p, lines, lasting):
        found = "goes on"
        if not lasting:
            port = port_of(lines, "no")
            admin = port_of(lines, "yes")
            try:
                wait_for(lambda: waiting(admin) == FOUND or p.poll() is not None, 10)
            except AssertionError:
                raise AssertionError(f"{waiting(admin)} messages were found, wanted {FOUND}: {lines[-3:]}") from None
            to = self.post(port, 10, p)
            kept = lambda: any(KEPT.search(x) for x in lines)  # noqa: E731
            self.sink.wait(lambda events: any(e.get("to") == to and e.get("state") == "delivered" for e in events) or kept(),
                           10, f"{to} to be heard of; log: {lines[-3:]}")
            if kept():
                found = "goes on; an answer waits for the next start"
        p.send_signal(signal.SIGTERM)
        try:
            status = p.wait(patience(15))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"SIGTERM does not end it; last: {lines[-3:]}") from None
        if status != 0 and not (status == 1 and CLEAR.search(lines[-1].replace(self.gw.dir, ""))):
            raise AssertionError(f"stopped with {status}: {lines[-3:]}")
        return found if status == 0 else "ends while it stops"

    def rest(self):
        """What all these lives left behind."""
        del self.gw.settings["http"]["tls"]
        self.gw.write_conf()
        self.gw._program = os.path.join(BUILD, "posthornd")
        self.gw.restart(kill=True)
        wait_for(lambda: self.gw.metrics()["posthorn_queue_waiting"] == FOUND, 10, f"{FOUND} messages to be found")
        self.gw.wait_link()
        heard = lambda events: {e.get("to") for e in events if e.get("state") in FINAL}  # noqa: E731
        self.sink.wait(lambda events: not set(self.promised) - heard(events), 30, "what was acknowledged to be heard of")
        self.gw.stop()
        db = sqlite3.connect(os.path.join(self.gw.settings["data_dir"], "posthorn.db"))
        unfinished = db.execute("SELECT count(*) FROM message m WHERE NOT EXISTS (SELECT 1 FROM final f WHERE f.key = m.id << 8)")
        equal(unfinished.fetchone()[0], WAITING, "messages that wait")
        db.close()
        status, out, err = run(os.path.join(BUILD, "posthorn"), "check", "--data-dir", self.gw.settings["data_dir"])
        equal(status, 0, f"posthorn check: {out}{err}")
        taken = collections.Counter(r["to"] for r in self.sim.submits())
        equal([to for to in self.promised if not taken[to.lstrip("+")]], [], "acknowledged and never sent")
        return sum(n - 1 for n in taken.values())


def parsed():
    a = argparse.ArgumentParser(description="the n-th allocation fails, from main() on")
    a.add_argument("--seed", type=int, default=int(time.time()))
    a.add_argument("--rounds", type=int, default=100)
    a.add_argument("--every", type=int, default=1)
    a.add_argument("--jobs", type=int, default=2)
    a.add_argument("--first", type=int, default=1)
    a.add_argument("--last", type=int, default=0)
    o = a.parse_args()
    sys.argv[1:] = []
    print(f"# seed {o.seed}", flush=True)
    return o


def chosen(o, total):
    """The n of this run: always the first ones, where libraries are set up that look at nothing."""
    rng, last = random.Random(o.seed), o.last or total
    if not o.rounds:
        return list(range(o.first + rng.randrange(o.every), last + 1, o.every))
    some = list(range(o.first, last + 1))
    return sorted(set(some[:o.rounds // 3]) | set(rng.sample(some, min(o.rounds - o.rounds // 3, len(some)))))


options = parsed()


def live_all(benches, orders):
    """(order, what came of it) of each; what is wrong begins with !"""
    todo, done, lock = collections.deque(orders), [], threading.Lock()

    def work(bench):
        while True:
            with lock:
                if not todo:
                    return
                order = todo.popleft()
            try:
                what = bench.live(order)
            except Exception as e:
                what = f"! {e}{bench.over}"
                harness._comment(f"{order}: {what}")
            done.append((order, what))

    with concurrent.futures.ThreadPoolExecutor(len(benches)) as pool:
        for f in [pool.submit(work, b) for b in benches]:
            f.result()
    return done


@case("the n-th allocation fails from the start on: a clear message and a status, or a gateway that goes on")
def _(w):
    benches = [Bench(w, i) for i in range(options.jobs)]
    p = subprocess.Popen([PROGRAM, "-c", benches[0].gw.conf_path], stderr=subprocess.PIPE, text=True,
                         env={**os.environ, "POSTHORN_MEMORY": "0 0"})
    total = next(int(m.group(1)) for m in (re.match(r"memory: (\d+) asked for", x) for x in p.stderr) if m)
    p.terminate()
    p.communicate()
    numbers = chosen(options, total + BEYOND)
    done = live_all(benches, [f"{n} {lasting}" for lasting in (0, 1) for n in numbers])
    for (lasting, what), n in sorted(collections.Counter((o[-1], x) for o, x in done).items()):
        harness._comment(f"{'all from the n-th' if lasting == '1' else 'only the n-th':<18} {n:>6}  {what}")
    wrong = [f"{o}: {x}" for o, x in done if x.startswith("!")]
    doubles = sum(b.rest() for b in benches)
    harness._comment(f"{total} allocations until it is ready; {len(done)} starts; {sum(len(b.promised) for b in benches)} "
                     f"messages taken on the way, {doubles} doubles")
    equal(wrong[:10], [], f"{len(wrong)} starts ended in another way")


@case("the n-th allocation of a reload fails: refused or done, with a line, and the gateway goes on")
def _(w):
    bench = Bench(w, 0)
    gw, rng, outcomes = bench.gw, random.Random(options.seed), collections.Counter()
    gw._program = PROGRAM
    order = os.path.join(gw.settings["data_dir"], "posthorn.db.point")
    del gw.settings["http"]["tls"]  # the harness asks without
    gw.write_conf()
    gw.restart(kill=True)
    for n in [*range(1, 40), *sorted(rng.sample(range(40, 1500), 60))]:
        with open(order, "w", encoding="utf-8") as f:
            f.write(f"memory {n} 0\n")
        gw.settings["clients"][0]["max_waiting"] = 1000 + n
        gw.settings["links"][2]["window"] = 10 + n % 50
        gw.write_conf()
        since = len(gw.lines)
        gw.signal(signal.SIGUSR2)
        gw.signal(signal.SIGHUP)
        try:
            outcome = gw.wait_line(r"event=(reloaded|reload_refused|reload_waits)", 10, since).group(1)
        except AssertionError:
            gw.wait(5)
            check(gw.p.returncode in (1, 2) and any(SCANNER.search(x) or "out_of_memory" in x for x in gw.lines[since:]),
                  f"{n}: it ended with {gw.p.returncode}: {gw.lines[-3:]}")
            outcome = f"ended with {gw.p.returncode}, in order"
            gw.expected.add(gw.p.returncode)
            os.unlink(order)
            gw.restart(kill=True)
        outcomes[outcome] += 1
    harness._comment(f"reloads: {dict(outcomes)}")
    check(outcomes["reloaded"] and outcomes["reload_refused"], "too few allocations to prove anything")
    with open(order, "w", encoding="utf-8") as f:
        f.write("memory 0 0\n")
    gw.signal(signal.SIGUSR2)
    wait_for(lambda: gw.metrics()["posthorn_queue_waiting"] == FOUND, 10, f"{FOUND} messages that wait")
    gw.stop()


main()
