#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench.py -- what the gateway does on this machine, beside what the machine can do at all.

Every row is measured in this one run, on the same cores as the carrier simulator and the load generator; it stands beside
its limit (the same work without a gateway) as a ratio, with the gateway's CPU time for 1,000 messages by thread.  Ratios
carry over to another machine, seconds do not.  Where a goal is set the row says whether it is met; nothing here passes or
fails, but the exit status is 1 when a case broke.

    make bench            or    tests/bench/bench.py [--quick | --large] [--only CASE] [--json FILE]      in the build folder
"""
import argparse
import json
import os
import sys
import time
import traceback

import bench_alone
import bench_fair
import bench_modem
import bench_run
import bench_table
import bench_whole

# name, section of the table, what it is, and the function: of (bench, scale, large).
CASES = (
    ("codec", "Text layer", "texts planned and cut, one core", lambda b, s, l: bench_alone.codec(b, s)),
    ("link", "One SMPP bind", "the driver alone beside bare octets and libsmpp34", lambda b, s, l: bench_alone.link(b, s)),
    ("store", "Store alone", "life cycles by group size, restart scan, backlog", lambda b, s, l: bench_alone.store(b, s)),
    ("store-size", "Store alone, by rows in the table", "life cycles while the table has many rows", bench_alone.store_sizes),
    ("http", "HTTP alone", "the cheapest answer, and key + JSON + text", lambda b, s, l: bench_alone.http(b, s)),
    ("accept", "Durable accept, one connection", "what one client waits for its 202", lambda b, s, l: bench_whole.one_connection(b, s)),
    ("single", "End to end: single posts", "1, 16, 64, 256 connections, 1 and 4 binds, with and without keys",
     lambda b, s, l: bench_whole.single(b, s)),
    ("arrays", "End to end: arrays", "arrays of 1,000", lambda b, s, l: bench_whole.arrays(b, s)),
    ("ndjson", "End to end: NDJSON", "streams of lines", lambda b, s, l: bench_whole.ndjson(b, s)),
    ("kannel", "Kannel, the same load", "Debian's Kannel, where it is installed", lambda b, s, l: bench_whole.kannel(b, s)),
    ("table-size", "End to end, by rows in the database", "10^5, 10^6, with --large 10^7 final rows", bench_whole.table_size),
    ("slow-disk", "End to end, a slow disk", "each sync takes 10 ms more", lambda b, s, l: bench_whole.slow_disk(b, s)),
    ("waiting", "What waits", "memory and restart with 10^6, with --large 10^7 rows waiting", bench_whole.waiting),
    ("otp", "One-time codes overtake", "while 10^6 rows wait and two clients post arrays", lambda b, s, l: bench_whole.otp(b, s)),
    ("fair", "A fair share", "links, webhooks and answers to carriers while four connections post arrays", lambda b, s, l: bench_fair.fair(b, s)),
    ("start", "Start", "start to listening, to the first submit_sm", lambda b, s, l: bench_whole.start_up(b, s)),
    ("idle-connections", "Idle connections", "memory of 1,000", lambda b, s, l: bench_whole.idle_connections(b, s)),
    ("modems", "Modems", "emulated modems: speed, radio time used, many at once",
     lambda b, s, l: bench_modem.rows(bench_run, b, s)),
)


def chosen(args):
    words = (["modems"] if args.modems else []) + [w for o in args.only for w in o.split(",")]
    names = [c[0] for c in CASES]
    for w in words:
        if w not in names:
            sys.exit(f"bench: no case {w}; there are: {' '.join(names)}")
    skipped = [w for o in args.skip for w in o.split(",")]
    return [c for c in CASES if (not words or c[0] in words) and c[0] not in skipped]


def measure(args):
    scale, broken = 10 if args.quick else 1, []
    b = bench_run.Bench(args.dir)
    facts = {"load": os.getloadavg()[0]}
    try:
        bench_table.section("Limits of this machine")
        facts["sync_ms"] = bench_alone.sync_limit(b, 100)[1]
        for name, title, _, function in chosen(args):
            bench_table.section(title)
            begin = time.monotonic()
            try:
                function(b, scale, args.large)
            except Exception:  # the next rows are worth having all the same
                broken.append(name)
                traceback.print_exc()
            b.stop_all()
            print(f"   ({name}: {time.monotonic() - begin:.0f} s)", flush=True)
    finally:
        b.close()
    return bench_table.as_run(facts), broken


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0], epilog="Cases: " + "; ".join(f"{c[0]} ({c[2]})" for c in CASES))
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a tenth of the messages and rows, fewer variants")
    size.add_argument("--large", action="store_true", help="also with 10^7 rows: some GB of disk")
    parser.add_argument("--only", metavar="CASE", action="append", default=[], help="these cases (comma or repeated)")
    parser.add_argument("--skip", metavar="CASE", action="append", default=[], help="all but these")
    parser.add_argument("--modems", action="store_true", help="the same as --only modems")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    parser.add_argument("--dir", metavar="FOLDER", help="where databases are made (the build folder): which disk is measured")
    parser.add_argument("--json", metavar="FILE", help="also write the rows as JSON")
    parser.add_argument("--markdown", metavar="FILE", help="also write the tables as Markdown")
    parser.add_argument("--from", metavar="FILE", dest="source", help="measure nothing: tables of such a JSON file")
    args = parser.parse_args()
    if args.list:
        print("\n".join(f"{c[0]:<18}{c[2]}" for c in CASES))
        return 0
    broken = []
    if args.source:
        with open(args.source, encoding="utf-8") as f:
            run = json.load(f)
    else:
        run, broken = measure(args)
    print(bench_table.text(run["rows"]))
    if args.json:
        bench_table.write(args.json, run)
    if args.markdown:
        bench_table.write(args.markdown, bench_table.markdown(run))
    missed = bench_table.missed(run["rows"])
    print(f"\ngoals: {sum(r['met'] is True for r in run['rows'])} met, {len(missed)} not" + "".join(f"\n  not met: {m}" for m in missed))
    if broken:
        print("broken: " + " ".join(broken))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
