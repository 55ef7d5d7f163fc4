#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 25 s
"""retention.py -- a gateway that lives for weeks of its own clock, under a steady load, with retention on.

    retention.py [--days N] [--messages N]

Each day (clock_shim.c) takes as many messages, over two links, in campaigns of its own, and ends them.  Texts, numbers and
rows have ages of their own.  From the time at which rows begin to go the database must not grow; nothing that is asked of
the gateway meanwhile may wait for retention; and in the end the sums of what went, and what is still there, are all that
was ever sent, by day and campaign.
"""
import argparse
import calendar
import collections
import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from clocks import PROGRAM, Clock  # noqa: E402
from harness import *  # noqa: E402
import harness  # noqa: E402

DAY = 86400
RUN_IDS = 65536 # of the look-up table: src/queue/sweep.c
BODY_DAYS, NUMBER_DAYS, ROW_DAYS = 1, 2, 3


def arguments():
    a = argparse.ArgumentParser(description="weeks of a steady load, with retention")
    a.add_argument("--days", type=int, default=10)
    a.add_argument("--messages", type=int, default=1000 if SANITIZED else 3000, help="a day")
    o = a.parse_args()
    sys.argv[1:] = []
    return o


options = arguments()


class Days:
    def __init__(self, w):
        self.clock, sim = Clock(w), w.smsc("--no-duplicates", script="outcome to 7920* UNDELIV\n")
        self.gw = w.gateway({"log_level": "info", "retention": {"body_days": BODY_DAYS, "number_days": NUMBER_DAYS,
                                                                 "row_days": ROW_DAYS}},
                            program=PROGRAM, env=self.clock.env, links=[smpp(sim, window=200), smpp(sim, name="beta", system_id="beta", window=200)])
        self.gw.settings["routes"] = [{"prefix": ["7910", "7920"], "links": ["acme"]}, {"links": ["beta"]}]
        self.gw.write_conf()
        self.gw.reload()
        for name in ("acme", "beta"):
            self.gw.wait_link(name)
        self.path = os.path.join(self.gw.settings["data_dir"], "posthorn.db")
        self.api, self.n, self.wanted, self.slowest, self.sizes = self.gw.api(), 0, collections.Counter(), 0.0, []

    def ask(self, sql):
        db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()

    def day_number(self):
        return int(time.time() + self.clock.ahead_ms / 1000) // DAY

    def load(self, day):
        """In arrays of 500; each answer is timed."""
        for at in range(0, options.messages, 500):
            rows = []
            for i in range(500):
                self.n += 1
                prefix = ("7910", "7920", "7930")[i % 3]
                rows.append({"to": f"+{prefix}{self.n:07}", "text": f"day {day}, message {self.n}", "tag": f"tag {i % 2}",
                             "campaign": f"campaign {day}"})
                self.wanted[day, f"campaign {day}", f"tag {i % 2}", "beta" if prefix == "7930" else "acme",
                            5 if prefix == "7920" else 4] += 1
            since = time.monotonic()
            answer = self.api.post("/v1/messages", rows).expect(202).json
            self.slowest = max(self.slowest, time.monotonic() - since)
            equal(answer["accepted"], 500, "rows taken")
        wait_for(lambda: sum(v for k, v in self.gw.metrics().items() if k.startswith("posthorn_final_total")) == self.n, 30,
                 "the day's messages to end", every=0.05)

    def old_rows_gone(self):
        before = int((time.time() + self.clock.ahead_ms / 1000 - ROW_DAYS * DAY - 120) * 1000)
        return self.ask(f"SELECT count(*) FROM message WHERE created < {before}")[0][0] == 0


def told(gw, **query):
    """All pages of the API, added up: (day, campaign, link, state) → messages."""
    out, after = collections.Counter(), None
    while True:
        page = gw.operator().get("/v1/totals", **query, **({"after": after} if after else {})).expect(200).json
        for t in page["totals"]:
            day = calendar.timegm(time.strptime(t["day"], "%Y-%m-%d")) // DAY
            out[day, t.get("campaign"), t.get("link"), t["state"]] += t["messages"]
        after = page["next"]
        if not after:
            return out


def without_tags(wanted):
    out = collections.Counter()
    for (day, campaign, _, link, state), n in wanted.items():
        out[day, campaign, link, {4: "delivered", 5: "undelivered"}[state]] += n
    return out


@case(f"{options.days} days with retention: the file stops growing, nothing stalls, sums are kept")
def _(w):
    d = Days(w)
    first = d.day_number()
    for day in range(first, first + options.days):
        d.load(day)
        d.clock.advance(DAY)
        since = time.monotonic()
        if day - first >= ROW_DAYS:
            wait_for(d.old_rows_gone, 150, "old rows to go", every=0.05)
        d.sizes.append(d.ask("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")[0][0])
        harness._comment(f"day {day - first}: {d.sizes[-1] >> 10} kB, {time.monotonic() - since:.1f} s until old rows were gone, "
                         f"{d.ask('SELECT count(*) FROM message')[0][0]} messages, {d.ask('SELECT count(*) FROM total')[0][0]} sums")
    # A run of the look-up table goes as a whole, so over weeks the size rises and falls with the runs.
    full = max(d.sizes[:ROW_DAYS + 2 + (2 * RUN_IDS // options.messages if options.days > 20 else 0)])
    check(d.sizes[-1] <= full * 1.08, f"the file grew from {full} to {d.sizes[-1]} octets: {d.sizes}")
    check(d.slowest < patience(1), f"an array waited {d.slowest:.2f} s")
    equal(told(d.gw), without_tags(d.wanted), "what GET /v1/totals says")
    names = {kind: dict(d.ask(f"SELECT id, text FROM name WHERE kind = {kind}")) for kind in (2, 4)}
    have = collections.Counter()
    for day, campaign, tag, link, state, n in d.ask(
            "SELECT day, campaign, tag, link, state, messages FROM total UNION ALL SELECT m.created / 86400000, m.campaign, m.tag, "
            "s.link, f.state, 1 FROM message m JOIN submit s ON s.key = m.id << 8 | 1 JOIN final f ON f.key = m.id << 8"):
        have[day, names[2][campaign], tag, names[4][link], state] += n
    equal(have == d.wanted, True, f"sums: {list((have - d.wanted).items())[:3]} too many, {list((d.wanted - have).items())[:3]} missing")
    check(d.ask("SELECT sum(messages) FROM total")[0][0] >= options.messages * (options.days - ROW_DAYS - 1), "what was summed up")
    text_before, number_before = ((d.day_number() - n - 1) * DAY * 1000 for n in (BODY_DAYS, NUMBER_DAYS))
    wait_for(lambda: d.ask(f"SELECT count(*) FROM body b JOIN message m ON m.id = b.id WHERE m.created < {text_before}") == [(0,)],
             60, "old texts to go", every=0.1)
    wait_for(lambda: d.ask(f"SELECT count(*) FROM message WHERE created < {number_before} AND recipient > 0") == [(0,)],
             60, "old numbers to go", every=0.1)
    harness._comment(f"{d.n} messages, the slowest array of 500 took {d.slowest * 1000:.0f} ms")


main()
