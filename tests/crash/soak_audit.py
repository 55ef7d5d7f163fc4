# SPDX-License-Identifier: Apache-2.0
"""soak_audit.py -- what is counted when soak.py has come to rest."""
import collections
import os
import re
import sqlite3

import harness
from harness import *
from kill9 import all_final, outbox
from soak_load import MODEM, REFUSED, STRICT, is_long
from soak_world import UNKNOWN_EVERY

DELIVERED, UNDELIVERED, REJECTED, EXPIRED, CANCELLED, UNCONFIRMED = range(4, 10)  # enum msg_state, src/message.h
STATES = dict(zip(range(4, 10), FINAL))
TTL, NO_ANSWER, CLIENT = 11, 12, 18  # enum msg_reason
UNKNOWN = 4     # enum outcome
# In kilobytes.  The heap in use is what a build with sanitizers tells (live_heap.c).  It may rise by as much as the table
# of what was sent does when it doubles, once in that time: it has a bound, and what a receipt may still correct stays in
# it.  What is resident rises a little longer, as the sanitizer's allocator gives little of what was freed back.
HEAP_RISE_MAX_KB, RISE_MAX_KB, RESIDENT_MAX_KB = 4096, 8192, 256 << 10
RISE_AT_FIRST_KB = 24 << 10 # while tables are growing to their size
DRAIN_S = 60 # patience() makes it longer; more than HOLD_S of load does not wait, and no link refuses any more
EXPLAINED = r"event=reload_refused "


class Books:
    def __init__(self, data_dir):
        self.db = sqlite3.connect(f"file:{data_dir}/posthorn.db?mode=ro", uri=True)

    def ask(self, sql, *args):
        return self.db.execute(sql, args).fetchall()

    def one(self, sql, *args):
        return self.ask(sql, *args)[0][0]


def taken(world):
    """(recipient, part) → how often all carriers together took it, from the logs that they wrote before they answered;
    and recipient → when they last did."""
    seen, last = collections.Counter(), {}
    for sim in (world.acme, world.beta):
        with open(sim.audit, encoding="utf-8") as f:
            for line in f:
                w = line.split()
                seen[int(w[5]), int(w[8][10:12], 16) if int(w[6], 16) & 0x40 else 1] += 1
                last[int(w[5])] = max(last.get(int(w[5]), 0), int(w[0]) / 1e6)
    for r in world.sims.events("submit"):
        seen[int(r["to"].lstrip("+")), r["concat"]["part"] if r.get("concat") else 1] += 1
        last[int(r["to"].lstrip("+"))] = max(last.get(int(r["to"].lstrip("+")), 0), r["time"])
    return seen, last


def slope(points):
    """Least squares: (value at the beginning, rise over all of it)."""
    n = len(points)
    mx, my = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    above = sum((x - mx) * (y - my) for x, y in points)
    below = sum((x - mx) ** 2 for x, _ in points) or 1
    k = above / below
    return my + k * (points[0][0] - mx), k * (points[-1][0] - points[0][0])


def judge_memory(world, options):
    under_load = [s for s in world.samples if s[0] <= world.rest_from]
    half = [s for s in under_load if s[0] >= world.rest_from / 2]
    if options.table:
        with open(options.table, "w", encoding="ascii") as f:
            f.write("seconds resident_kb anonymous_kb descriptors threads heap_in_use_kb\n")
            f.writelines(" ".join(f"{x:.0f}" for x in s) + "\n" for s in world.samples)
    begin, rise = slope([(s[0], s[1]) for s in half])
    heap, heap_rise = slope([(s[0], s[5]) for s in half])
    most = max(s[1] for s in world.samples)
    fds = [s[3] for s in under_load]
    harness._comment(f"resident: {under_load[0][1] >> 10} MB at the start, {begin / 1024:.1f} MB at half time, risen by "
                     f"{rise / 1024:+.1f} MB since, {most / 1024:.1f} MB at most; heap in use: {heap / 1024:.2f} MB at half time, "
                     f"{heap_rise / 1024:+.2f} MB since; descriptors: {min(fds)} to {max(fds)}, "
                     f"{world.samples[-1][3]} at rest; threads: {min(s[4] for s in under_load)} to {max(s[4] for s in under_load)}")
    wrong = []
    if most > RESIDENT_MAX_KB:
        wrong.append(f"{most} kB resident")
    if options.seconds >= 600 and heap_rise > HEAP_RISE_MAX_KB:
        wrong.append(f"heap in use rose by {heap_rise:.0f} kB over the second half")
    if rise > (RISE_MAX_KB if options.seconds >= 600 else RISE_AT_FIRST_KB):
        wrong.append(f"resident memory rose by {rise:.0f} kB over the second half")
    if world.samples[-1][3] > world.fds_before + 8:
        wrong.append(f"{world.samples[-1][3]} descriptors at rest, {world.fds_before} before the load")
    return wrong


def first(some):
    return sorted(some)[:5]


def judge_messages(world, ledger, b):
    seen, last = taken(world)
    final, twice = {}, []
    for to, state, reason in b.ask(
            "SELECT m.recipient, coalesce((SELECT c.state FROM correction c WHERE c.key = m.id << 8 ORDER BY n DESC LIMIT 1), "
            "f.state), f.reason FROM message m LEFT JOIN final f ON f.key = m.id << 8"):
        if to in final:
            twice.append(to)
        final[to] = (state, reason)
    doubt = collections.Counter()
    for to, part in b.ask("SELECT m.recipient, a.key & 255 FROM attempt a JOIN message m ON m.id = a.key >> 8 "
                          "WHERE a.outcome = ?", UNKNOWN):
        doubt[to, part] += 1
    doubted = {to for to, _ in doubt}
    cancelled_at = dict(b.ask("SELECT m.recipient, f.at / 1000.0 FROM final f JOIN message m ON m.id = f.key >> 8 "
                              "WHERE f.key & 255 = 0 AND f.reason = ?", CLIENT))
    by_kind = collections.Counter((str(to)[:4], STATES.get(s, s)) for to, (s, _) in final.items())
    parts_of = lambda n: (1, 2, 3) if is_long(n) else (1,)

    def lost(n):
        """Not at a carrier with all its parts, and not a state that says so."""
        state, reason = final.get(n, (None, None))
        missing = [p for p in parts_of(n) if not seen[n, p]]
        if not missing or state == CANCELLED:
            return False
        if state == UNCONFIRMED and reason in (NO_ANSWER, TTL, CLIENT):  # given up in doubt, and called so
            return not any(doubt[n, p] for p in parts_of(n))
        if is_long(n) and state in (UNDELIVERED, REJECTED, EXPIRED, UNCONFIRMED):  # a part failed before the others went
            return False
        return not (state == REJECTED and str(n).startswith(REFUSED))

    # A modem that is pulled out takes its reports along.  A receipt that names nobody leaves its message without one: it is
    # asked about, but not over a link that is gone meanwhile.
    unconfirmed = [(n, r) for n, (s, r) in final.items() if s == UNCONFIRMED and n not in doubted and not str(n).startswith(MODEM)]
    misnamed = world.acme.stats["receipts"]["created"] // UNKNOWN_EVERY
    harness._comment(f"{len(unconfirmed)} unconfirmed without a doubt, {misnamed} receipts named nobody")
    extra = {k: n - 1 for k, n in seen.items() if n > 1}
    harness._comment("final: " + ", ".join(f"{k}… {s} {n}" for (k, s), n in sorted(by_kind.items(), key=str)))
    harness._comment(f"carriers took {seen.total()} parts; {sum(extra.values())} doubles, {doubt.total()} attempts without an answer")
    return {
        "refused or broken": ledger.problems,
        "promised, and not in the database": first(n for n in ledger.promised if n not in final),
        "without a final state": first(n for n, (s, _) in final.items() if s is None),
        "with two messages": first(twice),
        "nobody asked for": first(n for n in final if n not in ledger.promised and n not in ledger.maybe),
        "never whole, and sent": first(n for n in ledger.never if n in final or seen[n, 1]),
        "lost": first((n, final.get(n)) for n in ledger.promised if lost(n)),
        "doubled without a name": first((k, n, doubt[k]) for k, n in extra.items() if n > doubt[k]),
        "doubled where on_uncertain is fail": first(k for k in extra if str(k[0]).startswith(STRICT)),
        "cancelled, and called otherwise": first((n, final.get(n)) for n in ledger.cancelled if final.get(n) != (CANCELLED, CLIENT)),
        # It may have arrived, and a receipt may have said so.
        "in doubt, and called otherwise": first((n, final.get(n)) for n in ledger.unconfirmed if n not in doubted
                                                or final.get(n) not in ((UNCONFIRMED, CLIENT), (DELIVERED, CLIENT))),
        "sent, and called cancelled": first(n for n, (s, _) in final.items() if s == CANCELLED
                                            and (n in doubted or any(seen[n, p] for p in parts_of(n)))),
        "sent after it was cancelled": first(n for n, at in cancelled_at.items() if last.get(n, 0) > at + 1),
        "refused, and not called so": first(n for n, (s, _) in final.items() if str(n).startswith(REFUSED) and s != REJECTED
                                             and n not in doubted),
        "unconfirmed without a doubt": unconfirmed if len(unconfirmed) > misnamed else [],
        "not heard of": first((n, STATES.get(s)) for n, (s, _) in final.items() if world.sink.heard.get(n) != STATES.get(s)),
    }


def judge_inbound(world, b):
    rows = collections.Counter(t for (t,) in b.ask("SELECT text FROM inbound"))
    single = [f"<{n}.0>" for n, p in world.inbound.acked if not p]
    whole = {"".join(f"<{n}.{p}>" for p in (1, 2, 3)) for n, p in world.inbound.acked if p}
    texts = {f"<modem {i}>" + (" long" * 60 if i % 2 else "") for i in range(1, world.modem_mo + 1)}
    harness._comment(f"inbound: {len(single)} messages of one part, {len(whole)} of three, {len(texts)} by modem; "
                     f"{sum(rows.values())} rows")
    return {
        "inbound acknowledged, and not there": first(t for t in single if not rows[t]),
        "joined not once": first(t for t in whole if rows[t] != 1),
        "inbound by modem, not once": first((t, rows[t]) for t in texts if rows[t] != 1),
        "inbound with gaps": first(t for (t,) in b.ask("SELECT text FROM inbound WHERE missing IS NOT NULL")),
        "inbound, not heard of": first(t for t in rows if not world.sink.texts[t]),
    }


def judge_receipts(world, b, stats):
    """What is parked belongs to no part whose id is known, and there are as many as the carriers made for nobody."""
    # A carrier that lost the acknowledgement says again what is over: memory has let go of what was delivered.
    known = {str(i).lower() for (i,) in b.ask("SELECT s.smsc_id FROM submit s JOIN final f ON f.key = s.key >> 8 << 8 WHERE "
                                              "coalesce((SELECT c.state FROM correction c WHERE c.key = f.key ORDER BY n DESC "
                                              "LIMIT 1), f.state) != ?", DELIVERED)}
    parked = [i for (i,) in b.ask("SELECT smsc_id FROM receipt_parked")]
    made = sum(s["receipts"]["created"] for s in stats)
    unknown = stats[0]["receipts"]["created"] // UNKNOWN_EVERY + 1
    doubts = b.one("SELECT count(*) FROM attempt WHERE outcome = ?", UNKNOWN)
    harness._comment(f"receipts: {made} made by the SMSCs, {sum(s['receipts']['acked'] for s in stats)} acknowledged, "
                     f"{len(parked)} parked ({unknown} of nothing, {doubts} doubts); queries: {sum(s['queries'] for s in stats)}")
    return {
        "parked, and of something known": first(i for i in parked if i.lower() in known),
        "more parked than nobody's": [len(parked)] if len(parked) > 2 * (unknown + doubts) else [],
        "receipts never acknowledged": [s["receipts"]["dropped"] + s["receipts"]["refused"] for s in stats
                                        if s["receipts"]["dropped"] + s["receipts"]["refused"]],
    }


def rest(found, what, predicate, seconds, every=0.2):
    """Waited for, or found; the books are closed in any case."""
    since = time.monotonic()
    try:
        wait_for(predicate, seconds, what, every=every)
        print(f"# {what}: after {time.monotonic() - since:.0f} s", flush=True)
    except AssertionError as e:
        found[what] = [str(e)]


def come_to_rest(found, world, data_dir):
    print(f"# {world.look_at_queue()} wait", flush=True)
    rest(found, "the queue to drain", lambda: world.look_at_queue() == 0, DRAIN_S, 0.5)
    rest(found, "every message to be final", lambda: all_final(data_dir), 120, 1)
    rest(found, "every event to be told", lambda: outbox(data_dir) == 0, 60)
    rest(found, "every receipt to be acknowledged", lambda: all(
        r["created"] == r["acked"] + r["refused"] + r["dropped"]
        for r in (world.acme.stats["receipts"], world.beta.stats["receipts"])), 60)


def close_books(world, ledger, options):
    gw, data_dir, found = world.gw, world.gw.settings["data_dir"], {}
    come_to_rest(found, world, data_dir)
    for a in gw._apis:
        a.close()
    wait_for(lambda: len(os.listdir(f"/proc/{gw.pid}/fd")) <= world.fds_before + 8, 20, "descriptors to be closed", every=0.2)
    world._sample()
    found["memory"] = judge_memory(world, options)
    stats = [world.acme.stats, world.beta.stats]
    gw.stop(seconds=60)
    b = Books(data_dir)
    found.update(judge_messages(world, ledger, b))
    found.update(judge_inbound(world, b))
    found.update(judge_receipts(world, b, stats))
    found["errors in the log"] = [e for e in gw.errors if not re.search(EXPLAINED, e)][:5]
    found["malformed at the SMSC"] = [s["malformed_pdus"][:2] for s in stats if s["malformed_pdus"]]
    status, out, err = run(os.path.join(BUILD, "posthorn"), "check", "--data-dir", data_dir, seconds=120)
    found["posthorn check"] = [out, err] if status else []
    harness._comment(f"faults: {dict(world.n_faults)}; {world.n_reloads_done} reloads; webhook: {dict(world.sink.answers)}, "
                     f"{len(world.sink.ids)} events, {sum(n > 1 for n in world.sink.ids.values())} of them acknowledged twice; "
                     f"carrier connections: {[s['connections'] for s in stats]}")
    harness._comment(f"clients held back {world.load.n_holds} times, {world.load.held_s:.0f} s in all; most that waited: "
                     f"{world.most_waiting}")
    harness._comment(f"log: {dict(gw.events.most_common(12))}")
    wrong = {k: v for k, v in found.items() if v}
    equal(wrong, {}, "what the audit found")
    total = len(ledger.promised)
    check(total > options.seconds * options.rate / 3, f"only {total} messages were promised")

