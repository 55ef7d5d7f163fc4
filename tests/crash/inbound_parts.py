#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""inbound_parts.py -- long messages from handsets, shuffled and repeated, while the gateway is killed again and again.

    inbound_parts.py [--seed N] [--rounds N] [--messages N]

Each message has three parts with a text that names message and part.  A carrier that knows of each part whether it was
acknowledged sends them in a random order over two binds, as deliver_sm and data_sm; every fourth goes twice, and what
was not acknowledged goes again, as a carrier does.  When everything has come to rest:

  - each part that was ever acknowledged stands in exactly one message of the list;
  - no message has a gap, none is there twice, each text is its three parts in order;
  - the webhook heard each message, under one event id.

audit() only counts; tests/crash/inbound_parts_can_fail.py runs it on a gateway that answers before its commit.
"""
import argparse
import collections
import os
import random
import re
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.dont_write_bytecode = True
from carrier import *  # noqa: E402
from harness import *  # noqa: E402
import harness  # noqa: E402

PARTS, BINDS, IN_FLIGHT = 3, 2, 60


def sender_of(message):
    """Fifty handsets; each counts its references."""
    return f"1202555{message % 50:04}"


def octets_of(message, part):
    return udh(PARTS, part, ref=message // 50 % 256) + f"<{message}.{part}>".encode() + b"x" * 100


class Sender:
    """Keeps parts on the way until each has been acknowledged at least once."""

    def __init__(self, carrier, rng, messages):
        self.carrier, self.rng = carrier, rng
        self.todo = [(m, p) for m in range(messages) for p in range(1, PARTS + 1)]
        self.todo += rng.sample(self.todo, len(self.todo) // 4)
        rng.shuffle(self.todo)
        self.total, self.way, self.acked, self.answers = len(self.todo), [], set(), collections.Counter()
        self.ended = False

    def collect(self, all_of_them=False):
        left = []
        for part, item in self.way:
            if item.status is None and not item.gone and not all_of_them:
                left.append((part, item))
                continue
            status = item.wait(20)
            self.answers[status] += 1
            if status == OK:
                self.acked.add(part)
            else:  # refused, or the connection went: the carrier tries again, some time later
                self.todo.insert(self.rng.randrange(len(self.todo) + 1), part)
        self.way = left

    def run(self, upto):
        """Until so many of all sendings are done."""
        while self.todo and self.total - len(self.todo) < upto:
            self.collect()
            if len(self.way) >= IN_FLIGHT or len(self.carrier.up) < BINDS:
                time.sleep(0.001)
                continue
            part = self.todo.pop()
            self.way.append((part, self.carrier.give(octets_of(*part), sender=sender_of(part[0]), bind=self.rng.randrange(2),
                                                     data=self.rng.random() < 0.3)))

    def finish(self):
        while self.todo or self.way:
            self.run(10 ** 9)
            self.collect(all_of_them=True)


def audit(w, rounds, seed, messages, program=None):
    rng = random.Random(seed)
    carrier, sink = Carrier(w), w.sink()
    gw = w.gateway({"log_level": "info"}, links=[smpp(carrier.port, binds=BINDS)], webhook=sink, program=program)
    db_path = os.path.join(gw.settings["data_dir"], "posthorn.db")
    s = Sender(carrier, rng, messages)
    for i in range(rounds):
        wait_for(lambda: len(carrier.up) == BINDS, 10, "the binds")
        s.run((i + 1) * s.total // (rounds + 1) + rng.randrange(40))
        gw.kill()
        s.collect(all_of_them=True)
        db = sqlite3.connect(db_path)
        found = db.execute("SELECT count(*), coalesce(sum(have = total), 0) FROM inbound_set WHERE joined = 0").fetchone()
        db.close()
        harness._comment(f"kill {i + 1}: {len(s.acked)} parts acknowledged, {found[0]} messages unfinished, "
                         f"{found[1]} of them complete and not joined")
        gw.restart(kill=True)
    wait_for(lambda: len(carrier.up) == BINDS, 10, "the binds")
    s.finish()
    end = time.monotonic() + patience(10)  # what has lost a part stays, and is counted as left
    while gw.metrics()["posthorn_inbound_unfinished"] and time.monotonic() < end:
        time.sleep(0.05)
    gw.restart()  # sweeps once more: nothing may come of it
    heard = len(sink.events)
    try:
        sink.wait(lambda events: len({e["event"] for e in events}) >= messages, 10)
    except AssertionError:
        harness._comment(f"only {heard} events")
    gw.stop()
    db = sqlite3.connect(db_path)
    rows = db.execute("SELECT text, missing FROM inbound").fetchall()
    left = db.execute("SELECT count(*) FROM inbound_set WHERE joined = 0").fetchone()[0]
    db.close()
    where = collections.Counter((int(m), int(p)) for text, _ in rows for m, p in re.findall(r"<(\d+)\.(\d)>", text))
    right = {"".join(f"<{m}.{p}>" + "x" * 100 for p in range(1, PARTS + 1)) for m in range(messages)}
    events = {e["event"]: e["text"] for e in sink.events}
    harness._comment(f"{s.total} sendings and {sum(n for a, n in s.answers.items() if a != OK)} again; answers "
                     f"{ {k if k is None else hex(k): n for k, n in s.answers.items()} }; messages: {len(rows)}; "
                     f"events: {len(sink.events)}, {len(events)} of them different")
    return {
        "acked": s.acked,
        "lost": [p for p in s.acked if not where[p]],
        "doubled": [p for p, n in where.items() if n > 1],
        "partial": [missing for _, missing in rows if missing],
        "wrong": [text[:40] for text, _ in rows if text not in right],
        "left": [left] if left else [],
        "events": [t[:40] for t in right - set(events.values())] or ([] if len(events) == messages else [len(events)]),
    }


def arguments(rounds, messages):
    a = argparse.ArgumentParser(description="kill the gateway while long messages come in, and count")
    a.add_argument("--seed", type=int, default=int(time.time()))
    a.add_argument("--rounds", type=int, default=rounds)
    a.add_argument("--messages", type=int, default=messages)
    o = a.parse_args()
    sys.argv[1:] = []
    print(f"# seed {o.seed}", flush=True)
    return o


if __name__ == "__main__":
    options = arguments(5, 1000)

    @case(f"{options.messages} messages in three parts over {options.rounds} kills: every acknowledged part is in one message")
    def _(w):
        found = audit(w, options.rounds, options.seed, options.messages)
        equal(len(found.pop("acked")), PARTS * options.messages, "acknowledged parts")
        equal({k: v[:5] for k, v in found.items() if v}, {}, "what the audit found")

    main()
