#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""points.py -- kill -9 at named points of the gateway, one after the other, and an audit after each.

    points.py [--seed N] [--rounds N] [--table] [--only WORD]

One gateway (posthornd-points, see points.c), one carrier that takes and reports, another one that sends messages and parts
of messages, one webhook.  Each round arms a point, keeps the load on until the gateway has killed itself there, starts it
again on the same data, waits until everything has come to rest, and looks:

  lost       answered 202 and never sent, nor cancelled as asked
  doubled    sent more often than it was under an open lease at a kill, or unanswered when its connection broke
  cancelled  said to be cancelled, or decided to be, and sent all the same, or another state; or nobody asked for it
  uncounted  a quota counts less than the carrier took
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
import re
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
from kill9 import (Load, Numbers, all_final, arguments, arrays, left_behind, leases_of, open_leases,  # noqa: E402,F401
                   outbox, part_of, post_again, singles, text_of)
from points_load import *  # noqa: E402
from points_load import (BREAKS, CANCELS, FORMS, KEYS, PILES, REFUSES, REPLAYS, SMALL, USUAL, Inbound,  # noqa: E402
                         Setting, inbound_load, later, patient, post_keyed_again)

PROGRAM = os.path.join(BUILD, "tests", "crash", "posthornd-points")
BINDS, WINDOW = 2, 20
DELIVERED, CANCELLED, UNCONFIRMED, CORRECTABLE = 4, 8, 9, (5, 7, 9)  # enum msg_state; undelivered, expired, unconfirmed
UNKNOWN = 4  # enum outcome
QUOTA = {"quota": {"month": 1000000000, "recipients_day": 1000000}}

# Point, the highest n-th passing of it that is tried, what may be under way there, and in which world if not the usual.
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
    ("unlease staged", 20, "the link is gone, what it had leased and not written is still leased on disk", BREAKS),
    ("unlease applied", 20, "inside the transaction", BREAKS),
    ("unlease committed", 20, "it waits again", BREAKS),
    ("spill staged", 20, "pushed out of memory, its receipt to come, before that is committed", SMALL),
    ("spill applied", 20, "inside the transaction", SMALL),
    ("spill committed", 20, "found on disk only", SMALL),
    ("receipt staged", 20, "a receipt that memory does not know, before its part is looked for on disk", SMALL),
    ("receipt applied", 20, "inside the transaction", SMALL),
    ("receipt committed", 20, "between its commit and its acknowledgement", SMALL),
    ("receipt_note staged", 20, "an intermediate receipt, before it is committed"),
    ("receipt_note applied", 20, "inside the transaction"),
    ("receipt_note committed", 20, "after it"),
    ("receipt_form staged", 1, "what was learned of a link's ids, before it is committed", FORMS),
    ("receipt_form applied", 1, "inside the transaction", FORMS),
    ("receipt_form committed", 1, "after it", FORMS),
    ("cancel staged", 3, "a tag is to be cancelled, before that is decided", CANCELS),
    ("cancel applied", 3, "inside the transaction", CANCELS),
    ("cancel committed", 3, "decided, nothing of it has its final state", CANCELS),
    ("cancel_done staged", 3, "all of it has, before the decision goes", CANCELS),
    ("cancel_done applied", 3, "inside the transaction", CANCELS),
    ("cancel_done committed", 3, "the decision is gone, before the answer", CANCELS),
    ("backlog_delete staged", 5, "a row that was left of a cancelled message, before it goes", PILES),
    ("backlog_delete applied", 5, "inside the transaction", PILES),
    ("backlog_delete committed", 5, "it is gone", PILES),
    ("stream staged", 3, "the key of a stream, before its first chunk", KEYS),
    ("stream applied", 3, "inside the transaction", KEYS),
    ("stream committed", 3, "the key is on disk, nothing of the stream", KEYS),
    ("idem_rotate staged", 1, "a new generation of idempotency keys, before it begins", KEYS),
    ("idem_rotate applied", 1, "inside the transaction", KEYS),
    ("idem_rotate committed", 1, "it has begun", KEYS),
    ("inbound_part staged", 20, "a part of an inbound message, before it is committed"),
    ("inbound_part applied", 20, "inside the transaction"),
    ("events_dead staged", 3, "an event that the webhook refused, before it is a dead letter", REFUSES),
    ("events_dead applied", 3, "inside the transaction", REFUSES),
    ("events_dead committed", 3, "it is one", REFUSES),
    ("events_replay staged", 10, "dead letters are to wait again, before that is committed", REPLAYS),
    ("events_replay applied", 10, "inside the transaction", REPLAYS),
    ("events_replay committed", 10, "they do, before the answer", REPLAYS),
    ("quota staged", 20, "what goes is counted, before that and its lease are committed"),
    ("quota applied", 20, "inside the transaction"),
    ("quota committed", 20, "with the lease, or before it"),
    ("meta staged", 1, "low water has moved, before it is committed"),
    ("meta applied", 1, "inside the transaction"),
    ("meta committed", 1, "after it"),
    ("reserve staged", 1, "the next block of ids, before it is reserved"),
    ("reserve applied", 1, "inside the transaction"),
    ("reserve committed", 1, "reserved, not used"),
    ("purge applied", 1, "retention, inside its transaction"),
    ("purge committed", 1, "retention, after it"),
    ("reload begun", 1, "a link is leaving"),
    ("reload routes", 1, "new links, new routes, not all of the rest"),
]

# At a start, after a kill under load.
STARTS = [
    ("lookup staged", 1, "at the next start: the messages of a block of ids, before they can be looked up"),
    ("lookup applied", 1, "inside the transaction"),
    ("lookup committed", 1, "after it"),
    ("attempt staged", 3, "at the next start: what was leased is uncertain, before that is committed"),
    ("attempt committed", 3, "the same, after it"),
]

# From the newest schema back to version 3: the columns and tables that later versions brought.
BACK = ["DROP TABLE idem", "DROP TABLE idem_run", "DROP TABLE idem_part", "DROP TABLE idem_filter", "DROP TABLE total", "DROP INDEX inbound_digest", "ALTER TABLE inbound DROP COLUMN digest", "DROP TABLE quota",
        "DROP TABLE quota_recipient", "DROP TABLE inbound_part", "DROP TABLE inbound_set", "ALTER TABLE inbound DROP COLUMN missing",
        "ALTER TABLE inbound DROP COLUMN parts", "ALTER TABLE body DROP COLUMN tlvs",
        "ALTER TABLE submit DROP COLUMN sender", "ALTER TABLE receipt_parked DROP COLUMN taken", "PRAGMA user_version = 3"]
MIGRATIONS = [("migration step", 1, "one version further, not committed"),
              ("migration step", 3, "all versions, not committed"),
              ("migration commit", 1, "before the commit of all of it")]


class Bench:
    """All that lives through the rounds, and what is known so far."""

    def __init__(self, w, client=None, script="", link=None):
        self.w, self.numbers, self.leased, self.known, self.doubles = w, Numbers(), collections.Counter(), {}, 0
        self.asked, self.cancelled, self.decided, self.settings, self.loaded = set(), set(), set(), None, None
        self.seen, self.read_to, self.uncounted_before = collections.Counter(), 0, 0
        self.sim = w.smsc("--receipt-delay", "20", "--receipt-jitter", "60", "--receipt-retry", "200", "--receipt-tries", "30",
                          script=script)
        carrier = Carrier(w)
        self.inbound, self.sink = Inbound(carrier), w.sink()
        self.gw = w.gateway({"log_level": "info", "routes": [{"links": ["acme"]}]}, program=PROGRAM, webhook=self.sink, client=client,
                            links=[smpp(self.sim, binds=BINDS, window=WINDOW, receipt_id="text", max_attempts=100, **(link or {})),
                                   smpp(carrier.port, name="mo")])
        self.data_dir = self.gw.settings["data_dir"]
        self.order = os.path.join(self.data_dir, "posthorn.db.point")
        self.small = os.path.join(self.data_dir, "posthorn.db.small")
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

    def load(self, more=()):
        self.loaded = load = Load(self.gw, self.numbers, ())
        load.bench, load.inbound, load.keyed, load.old_keys = self, self.inbound, {}, collections.deque([0] * 5)
        load.threads = [threading.Thread(target=k, args=(load,), daemon=True)
                        for k in (singles, singles, arrays, later, inbound_load, *more)]
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

    def die(self, point, nth, setting=USUAL):
        """Under load."""
        setting.enter(self)
        gw, load = self.gw, self.load(setting.loads)
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

    def start_and_die(self, point, nth):
        gw = self.gw
        self.arm(point, nth)
        self.w.remove(gw)
        gw._close_apis()
        gw._start(self.w, wait_ready=False)
        gw.expected.add(-signal.SIGKILL)
        try:
            gw.wait(20)
        except Exception:
            gw.kill()
            raise AssertionError(f"{point} was not passed {nth} times after a start") from None

    def die_twice(self, point, nth):
        """Under load, wherever it is, and at the start after that."""
        before, leases = len(self.numbers.promised), ()
        while len(leases) <= nth or len(self.numbers.promised) < before + 200:
            load = self.load()
            wanted_more = len(self.numbers.promised) + 200
            wait_for(lambda: len(self.numbers.promised) > wanted_more, 10, "some load")
            load.killed.set()
            self.gw.kill()
            load.end()
            self.inbound.collect(wait=True)
            leases = self.look()
            if len(leases) <= nth:
                self.gw.restart(kill=True)
        self.start_and_die(point, nth)

    def migrate_and_die(self, point, nth):
        gw = self.gw
        gw.stop()
        self.uncounted_before = self.seen.total()  # all is at rest, and version 3 had no quotas
        db = sqlite3.connect(os.path.join(self.data_dir, "posthorn.db"))
        for sql in BACK:
            db.execute(sql)
        db.close()
        self.start_and_die(point, nth)
        db = sqlite3.connect(os.path.join(self.data_dir, "posthorn.db"))
        equal(db.execute("PRAGMA user_version").fetchone()[0], 3, "the schema after the kill")
        db.close()

    def look(self):
        """What the kill left behind: the leases, and what was decided and has no final state."""
        with left_behind(self.data_dir, self.w.path("copy")) as db:
            leases = leases_of(db)
            self.leased.update(leases)
            self.decided.update(n for (n,) in db.execute(
                "SELECT m.recipient FROM cancel c JOIN message m ON m.client = c.client AND m.tag = c.tag AND m.id <= c.upto_id "
                "WHERE NOT EXISTS (SELECT 1 FROM lease l WHERE l.key BETWEEN m.id << 8 AND m.id << 8 | 255) "
                "AND NOT EXISTS (SELECT 1 FROM submit s WHERE s.key BETWEEN m.id << 8 AND m.id << 8 | 255) "
                "AND NOT EXISTS (SELECT 1 FROM final f WHERE f.key = m.id << 8)"))
        return leases

    def replay(self):
        """What the webhook refused it takes now."""
        while self.ask("SELECT count(*) FROM dead")[0][0]:
            self.gw.operator().post("/v1/webhooks/shop/replay", None).expect(202)

    def rest(self):
        """Start again; until all is final and heard of."""
        leases = self.look()
        os.unlink(self.order)
        self.gw.kill()
        Setting.leave(self)
        self.gw.restart(kill=True)
        if self.loaded:
            post_again(self.gw, self.loaded.cut, self.numbers)
            post_keyed_again(self.gw, self.loaded)
            self.loaded = None
        self.replay()
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

    def uncounted(self, taken):
        if "quota" not in self.gw.settings["links"][0]:
            return []
        n = self.ask("SELECT coalesce(sum(n), 0) FROM quota WHERE kind = 3")[0][0]  # QUOTA_MONTH
        return [(n, taken)] if n < taken - self.uncounted_before else []

    def audit(self, leases):
        submits, self.read_to = self.sim.submits_from(self.read_to)
        self.seen.update((int(r["to"]), part_of(r)) for r in submits if r["status"] == 0)
        seen = self.seen
        broken = collections.Counter(self.ask("SELECT m.recipient, a.key & 255 FROM attempt a JOIN message m ON m.id = a.key >> 8 "
                                              f"WHERE a.outcome = {UNKNOWN} AND a.text <> 'restart'"))
        maybe = {n for n, _ in self.leased} | {n for n, _ in broken}  # sent, or not
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
            "lost": [n for n in promised for part in ((1, 2, 3) if n in self.numbers.long else (1,)) if not seen[n, part]
                     and not (n in self.asked and (states.get(n) == CANCELLED or (states.get(n) == UNCONFIRMED and n in maybe)))],
            "doubled": [n for n, k in seen.items() if k - 1 > self.leased[n] + broken[n]],
            "cancelled": [n for n in self.cancelled | self.decided if states.get(n) != CANCELLED
                          and not (n in maybe and n not in self.cancelled)]
                         + [n for n, s in states.items() if s == CANCELLED
                            and (n not in self.asked or any(seen[n, part] for part in (1, 2, 3)))],
            "uncounted": self.uncounted(seen.total()),
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


def table(bench, rng, only=""):
    results = []

    def one(point, nth, what, die):
        if only not in point:
            return
        before = bench.doubles
        die()
        leases = bench.rest()
        found, doubles = bench.audit(leases)
        wrong = {k: v for k, v in found.items() if v}
        harness._comment(f"{point:<23} {nth:>3}  {len(leases):>3} leases {doubles - before:>3} doubles  "
                         f"{'ok' if not wrong else wrong}  ({what})")
        results.append((point, what, len(leases), doubles - before, wrong))
        bench.doubles = doubles

    for point, most, what, *setting in POINTS:
        nth = rng.randint(1, most)
        one(point, nth, what, lambda: bench.die(point, nth, *setting))
    for point, most, what in STARTS:
        nth = rng.randint(1, most)
        one(point, nth, what, lambda: bench.die_twice(point, nth))
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
    def more(a):
        a.add_argument("--table", action="store_true", help="print it as Markdown at the end")
        a.add_argument("--only", default="", help="points with this in their name")

    options = arguments(1, more)

    @case("each operation of the store has its three points in the table")
    def _(w):
        with open(os.path.join(SOURCE, "src", "queue", "store.h"), encoding="utf-8") as f:
            words = re.search(r"enum store_op_kind \{(.*?)\bOP_N\b", f.read(), re.DOTALL).group(1)
        kinds = [k.lower() for k in re.findall(r"\bOP_(\w+)", words)]
        check(len(kinds) > 20, f"operations: {kinds}")
        there = {p for p, *_ in POINTS + STARTS}
        missing = [f"{k} {at}" for k in kinds for at in ("staged", "applied", "committed") if f"{k} {at}" not in there]
        equal(missing, ["purge staged"], "points that are missing")  # nobody waits for that one, and nothing is in memory

    @case("kill -9 at each named point: nothing promised is lost, changed, or doubled without a lease")
    def _(w):
        rng, bench, results = random.Random(options.seed), Bench(w, script="on submit_sm every 41 status 0x08\nreceipt intermediate\n", link=QUOTA), []
        for _ in range(options.rounds):
            results += table(bench, rng, options.only)
            found = [(r[0], {k: v[:3] for k, v in r[-1].items()}) for r in results if r[-1]]
            if found:
                break
        if options.table:
            print_table(results, options.rounds)
        equal(found, [], "what the audits found")
        harness._comment(f"{len(bench.numbers.promised)} messages promised, {len(bench.inbound.acked)} inbound acknowledged, "
                         f"{len(bench.cancelled)} said to be cancelled, {len(bench.decided)} decided to be at a kill")
        check(options.only or len(bench.numbers.promised) > 500 and len(bench.inbound.acked) > 100, "too little load to prove anything")

    main()
