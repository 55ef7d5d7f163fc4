#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""points.py -- kill -9 at named points of the gateway, one after the other, and an audit after each.

    points.py [--seed N] [--rounds N] [--table]

One gateway (posthornd-points, see points.c), one carrier that takes and reports, another one that sends messages and parts
of messages, one webhook.  Each round arms a point, keeps the load on until the gateway has killed itself there, starts it
again on the same data, waits until everything has come to rest, and looks:

  lost       answered 202 and never sent
  doubled    sent more often than it was under an open lease at a kill
  crowded    more leases at a kill than the windows have room for
  changed    a final state is another one than before, and not by a lawful correction
  unheard    final, and the webhook was not told; or an inbound message that it was not told of
  inbound    acknowledged to the carrier and not in the database
  joined     an inbound message of several parts that is there twice, or with a gap
  check      what `posthorn check` finds

--table prints what came of it as docs/durability.md has it.  --rounds: how often the whole table is gone through, each time with the n-th passing of each point for another n.
"""
import collections
import os
import random
import shutil
import signal
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from carrier import *  # noqa: E402
from harness import *  # noqa: E402
import harness  # noqa: E402
import kill9  # noqa: E402
from kill9 import (Load, Numbers, Wire, all_final, arguments, arrays, open_leases, outbox, part_of, singles,  # noqa: E402
                   text_of, until_killed)

PROGRAM = os.path.join(BUILD, "tests", "crash", "posthornd-points")
BINDS, WINDOW = 2, 20
kill9.ARRAY_ROWS = 30
DELIVERED, CORRECTABLE = 4, (5, 7, 9)  # enum msg_state: undelivered, expired, unconfirmed

# Point, the highest n-th passing of it that is tried, and what may be under way there.
POINTS = [
    ("accept staged", 40, "taken, not committed: no 202"),
    ("accept applied", 40, "inside the transaction"),
    ("accept committed", 40, "on disk, before the 202"),
    ("lease staged", 20, "before the lease is committed"),
    ("lease applied", 20, "inside the transaction"),
    ("lease committed", 20, "leased, before the first octet"),
    ("part written", 20, "written to the link, before the answer"),
    ("answer read", 40, "after the answer, before anything of it is stored"),
    ("submit staged", 40, "before the answer is committed"),
    ("submit applied", 40, "inside the transaction"),
    ("submit committed", 40, "what the carrier took is on disk"),
    ("receipt read", 40, "before anything of a receipt is stored"),
    ("final staged", 40, "before a receipt is committed"),
    ("final applied", 40, "inside the transaction"),
    ("final committed", 40, "between the commit of a receipt and its acknowledgement"),
    ("inbound read", 20, "before anything of an inbound message is stored"),
    ("inbound staged", 10, "before it is committed"),
    ("inbound applied", 10, "inside the transaction, also that of joined parts"),
    ("inbound committed", 10, "between its commit and its acknowledgement"),
    ("inbound_part committed", 20, "the same of a part"),
    ("events_done staged", 5, "between the webhook's 2xx and the commit of that"),
    ("events_done applied", 5, "inside the transaction"),
    ("events_done committed", 5, "after it"),
    ("name staged", 5, "a campaign's name, before it is committed"),
    ("name applied", 5, "inside the transaction"),
    ("name committed", 5, "with the first messages of it, or before them"),
    ("lane staged", 5, "a lane, before it is committed"),
    ("lane applied", 5, "inside the transaction"),
    ("lane committed", 5, "with the first rows of it, or before them"),
    ("due_fire staged", 20, "the time of a message has come, it is not back in its lane on disk"),
    ("due_fire applied", 20, "inside the transaction"),
    ("due_fire committed", 20, "it is"),
    ("attempt staged", 5, "refused for now by the carrier, before that and the next try are committed"),
    ("attempt applied", 5, "inside the transaction"),
    ("attempt committed", 5, "after it"),
    ("purge applied", 1, "retention, inside its transaction"),
    ("purge committed", 1, "retention, after it"),
    ("reload begun", 1, "a link is leaving"),
    ("reload routes", 1, "new links, new routes, not all of the rest"),
]

# From the newest schema back to version 3: the columns and tables that later versions brought.
BACK = ["DROP TABLE idem", "DROP TABLE idem_run", "DROP TABLE idem_part", "DROP TABLE idem_filter", "DROP TABLE total", "DROP INDEX inbound_digest", "ALTER TABLE inbound DROP COLUMN digest", "DROP TABLE quota",
        "DROP TABLE quota_recipient", "DROP TABLE inbound_part", "DROP TABLE inbound_set", "ALTER TABLE inbound DROP COLUMN missing",
        "ALTER TABLE inbound DROP COLUMN parts", "ALTER TABLE body DROP COLUMN tlvs",
        "ALTER TABLE submit DROP COLUMN sender", "ALTER TABLE receipt_parked DROP COLUMN taken", "PRAGMA user_version = 3"]
MIGRATIONS = [("migration step", 1, "one version further, not committed"),
              ("migration step", 3, "all versions, not committed"),
              ("migration commit", 1, "before the commit of all of it")]


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


class Bench:
    """All that lives through the rounds, and what is known so far."""

    def __init__(self, w, client=None, script=""):
        self.w, self.numbers, self.leased, self.known, self.doubles = w, Numbers(), collections.Counter(), {}, 0
        self.sim = w.smsc("--receipt-delay", "20", "--receipt-jitter", "60", "--receipt-retry", "200", "--receipt-tries", "30",
                          script=script)
        carrier = Carrier(w)
        self.inbound, self.sink = Inbound(carrier), w.sink()
        self.gw = w.gateway({"log_level": "info", "routes": [{"links": ["acme"]}]}, program=PROGRAM, webhook=self.sink, client=client,
                            links=[smpp(self.sim, binds=BINDS, window=WINDOW, receipt_id="text", max_attempts=100, retry_min=0.05, retry_max=0.2),
                                   smpp(carrier.port, name="mo")])
        self.data_dir = self.gw.settings["data_dir"]
        self.order = os.path.join(self.data_dir, "posthorn.db.point")
        self.gw.wait_link()

    def arm(self, point, nth):
        with open(self.order, "w", encoding="utf-8") as f:
            f.write(f"kill {point} {nth}\n")

    def tell(self, order):
        """See points.c."""
        with open(self.order, "w", encoding="utf-8") as f:
            f.write(order + "\n")
        self.gw.signal(signal.SIGUSR2)

    def break_promise(self, what):
        since = len(self.gw.lines)
        self.tell(f"break {what}")
        self.gw.wait_line(f"broken: {what}", since=since)

    def load(self):
        load = Load(self.gw, self.numbers, ())
        load.inbound = self.inbound
        load.threads = [threading.Thread(target=k, args=(load,), daemon=True) for k in (singles, singles, arrays, later, inbound_load)]
        for t in load.threads:
            t.start()
        return load

    def patient_load(self):
        """Without a kill: what is refused is tried again with another number."""
        load = Load(self.gw, self.numbers, ())
        load.inbound, load.answers = self.inbound, collections.Counter()
        load.threads = [threading.Thread(target=patient, args=(load, b), daemon=True) for b in (1, 1, 20)]
        load.threads.append(threading.Thread(target=inbound_load, args=(load,), daemon=True))
        for t in load.threads:
            t.start()
        return load

    def come_to_rest(self):
        """All final, joined and heard of; the number of doubles."""
        self.inbound.finish()
        wait_for(lambda: all_final(self.data_dir), 40, "every message to be final", every=0.1)
        wait_for(lambda: not self.open_sets(), 20, "parts to be joined", every=0.05)
        wait_for(lambda: outbox(self.data_dir) == 0, 30, "every event to be delivered", every=0.1)
        found, doubles = self.audit(set())
        equal({k: v[:5] for k, v in found.items() if v}, {}, "what the audit found")
        return doubles

    def die(self, point, nth):
        """Under load."""
        gw, load = self.gw, self.load()
        self.arm(point, nth)
        gw.expected.add(-signal.SIGKILL)
        gw.signal(signal.SIGUSR2)
        if point.startswith("reload"):
            time.sleep(0.1)  # some load first, so that there is something to lose
            gw.settings["links"][0]["enquire_link"] = 30 + nth + gw.settings["links"][0].get("enquire_link", 0)
            gw.write_conf()
            gw.signal(signal.SIGHUP)
        try:
            gw.wait(20)
        except Exception:
            gw.kill()
            raise AssertionError(f"{point} was not passed {nth} times") from None
        finally:
            load.end()
            self.inbound.collect(wait=True)

    def migrate_and_die(self, point, nth):
        gw = self.gw
        gw.stop()
        db = sqlite3.connect(os.path.join(self.data_dir, "posthorn.db"))
        for sql in BACK:
            db.execute(sql)
        db.close()
        self.arm(point, nth)
        self.w.remove(gw)
        gw._close_apis()
        gw._start(self.w, wait_ready=False)
        gw.expected.add(-signal.SIGKILL)
        equal(gw.wait(20), -signal.SIGKILL, "how it ended")
        db = sqlite3.connect(os.path.join(self.data_dir, "posthorn.db"))
        equal(db.execute("PRAGMA user_version").fetchone()[0], 3, "the schema after the kill")
        db.close()

    def rest(self):
        """Start again; until all is final and heard of."""
        leases = open_leases(self.data_dir, self.w.path("copy"))
        self.leased.update(leases)
        os.unlink(self.order)
        self.gw.restart(kill=True)
        wait_for(lambda: len(self.inbound.carrier.up) > 0, 10, "the carrier that sends to be bound")
        self.inbound.finish()
        wait_for(lambda: all_final(self.data_dir), 60, "every message to be final", every=0.05)
        wait_for(lambda: not self.open_sets(), 20, "parts to be joined", every=0.05)
        wait_for(lambda: outbox(self.data_dir) == 0, 30, "every event to be delivered", every=0.05)
        return leases

    def ask(self, sql):
        db = sqlite3.connect(f"file:{self.data_dir}/posthorn.db?mode=ro", uri=True)
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()

    def open_sets(self):
        return self.ask("SELECT count(*) FROM inbound_set WHERE joined = 0 AND have = total")[0][0]

    def audit(self, leases):
        seen = collections.Counter((int(r["to"]), part_of(r)) for r in self.sim.submits() if r["status"] == 0)
        heard = {e["to"] for e in self.sink.events if "text" not in e}
        states = dict(self.ask("SELECT m.recipient, coalesce((SELECT max(c.state) FROM correction c WHERE c.key = f.key), "
                               "f.state) FROM message m JOIN final f ON f.key = m.id << 8"))
        rows = [t for (t,) in self.ask("SELECT text FROM inbound")]
        marks = collections.Counter(rows)
        told = {e["text"] for e in self.sink.events if "text" in e}
        whole = {n: "".join(f"<{n}.{p}>" for p in (1, 2, 3)) for n, p in self.inbound.acked if p}
        single = [f"<{n}.0>" for n, p in self.inbound.acked if not p]
        promised = self.numbers.promised
        status, _, _ = run(os.path.join(BUILD, "posthorn"), "check", "--data-dir", self.data_dir)
        found = {
            "lost": [n for n in promised for part in ((1, 2, 3) if n in self.numbers.long else (1,)) if not seen[n, part]],
            "doubled": [n for n, k in seen.items() if k - 1 > self.leased[n]],
            "crowded": [len(leases)] if len(leases) > BINDS * WINDOW else [],
            "changed": [n for n, s in self.known.items() if states.get(n) != s
                        and not (s in CORRECTABLE and states.get(n) == DELIVERED)],
            "unheard": [n for n in promised if f"+{n}" not in heard] + [t for t in rows if t not in told],
            "inbound": [t for t in single if not marks[t]],
            "joined": [t for t in whole.values() if marks[t] != 1]
                      + [t for t in marks if "." in t and t.count("<") in (1, 2) and not t.endswith(".0>")],
            "check": [status] if status else [],
        }
        self.known = states
        return found, sum(k - 1 for k in seen.values())


def backup_dies(bench, where):
    """Beside the running gateway: nothing under the name of the copy, the gateway does not care, and the next backup to
    the same place does not either."""
    folder = bench.w.path("backups")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    copy = os.path.join(folder, "copy.db")
    load = bench.load()
    status, _, _ = run(os.path.join(BUILD, "tests", "crash", "backup-dies"), os.path.join(bench.data_dir, "posthorn.db"),
                       copy, where)
    equal(status, -signal.SIGKILL, "how the backup ended")
    check("copy.db" not in os.listdir(folder), "a copy that was not finished has its name")
    check("copy.db.part" in os.listdir(folder), "it was killed before it had begun")
    posthorn = os.path.join(BUILD, "posthorn")
    status, _, err = run(posthorn, "backup", "--data-dir", bench.data_dir, copy)
    equal((status, os.listdir(folder)), (0, ["copy.db"]), f"the next backup to the same place: {err}")
    status, out, err = run(posthorn, "check", "--data-dir", copy)
    equal(status, 0, f"what it made: {out}{err}")
    load.killed.set()
    bench.gw.kill()
    load.end()
    bench.inbound.collect(wait=True)
    open(bench.order, "w", encoding="utf-8").close()


def table(bench, rng):
    results = []

    def one(point, nth, what, die):
        before = bench.doubles
        die()
        leases = bench.rest()
        found, doubles = bench.audit(leases)
        wrong = {k: v for k, v in found.items() if v}
        harness._comment(f"{point:<23} {nth:>3}  {len(leases):>3} leases {doubles - before:>3} doubles  "
                         f"{'ok' if not wrong else wrong}  ({what})")
        results.append((point, what, len(leases), doubles - before, wrong))
        bench.doubles = doubles

    for point, most, what in POINTS:
        nth = rng.randint(1, most)
        one(point, nth, what, lambda: bench.die(point, nth))
    for point, nth, what in MIGRATIONS:
        one(point, nth, what, lambda: bench.migrate_and_die(point, nth))
    for where, what in (("copied", "all pages copied, not verified"), ("named", "verified, without its name")):
        one(f"backup {where}", 1, what, lambda: backup_dies(bench, where))
    return results


def machine():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        cpu = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), "?")
    return f"{os.cpu_count()} × {cpu}, Linux {os.uname().release}"


def print_table(results, rounds):
    """For docs/durability.md: what came of all rounds, by point."""
    print(f"\n`tests/crash/points.py --rounds {rounds} --table`, {machine()}, {time.strftime('%Y-%m-%d')}:\n")
    print("| point | what is under way | kills | open leases, at most | doubles, all leased | lost, changed, unheard, not acknowledged |")
    print("|---|---|---|---|---|---|")
    for point, what in dict.fromkeys((p, what) for p, what, *_ in results):
        some = [r for r in results if r[:2] == (point, what)]
        wrong = [w for *_, w in some if w]
        print(f"| {point} | {what} | {len(some)} | {max(r[2] for r in some)} | {sum(r[3] for r in some)} "
              f"| {'0' if not wrong else wrong} |", flush=True)


if __name__ == "__main__":
    options = arguments(1, lambda a: a.add_argument("--table", action="store_true", help="print it as Markdown at the end"))

    @case("kill -9 at each named point: nothing promised is lost, changed, or doubled without a lease")
    def _(w):
        rng, bench, results = random.Random(options.seed), Bench(w, script="on submit_sm every 41 status 0x08\n"), []
        for _ in range(options.rounds):
            results += table(bench, rng)
            found = [(r[0], {k: v[:3] for k, v in r[-1].items()}) for r in results if r[-1]]
            if found:
                break
        if options.table:
            print_table(results, options.rounds)
        equal(found, [], "what the audits found")
        harness._comment(f"{len(bench.numbers.promised)} messages promised, {len(bench.inbound.acked)} inbound acknowledged")
        check(len(bench.numbers.promised) > 500 and len(bench.inbound.acked) > 100, "too little load to prove anything")

    main()
