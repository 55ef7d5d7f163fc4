#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coverage.py -- which share of the lines of each source file the tests have run.

    coverage.py BUILD

BUILD was compiled with --coverage and its tests were run.  gcov gives the counts; a header or source that is compiled
into several objects counts a line as run when one of them ran it.  What no test has run at all is in the table, too.
"""
import glob
import gzip
import json
import os
import subprocess
import sys
import tempfile


def main(build):
    if not glob.glob(os.path.join(build, "**", "*.gcda"), recursive=True):
        sys.exit(f"{build}: nothing was run there")
    notes = [os.path.abspath(p) for p in glob.glob(os.path.join(build, "**", "*.gcno"), recursive=True)]
    source = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    lines = {}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["gcov", "--json-format", "--preserve-paths", *notes], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for path in glob.glob(os.path.join(folder, "*.gcov.json.gz")):
            with gzip.open(path) as f:
                data = json.load(f)
            for file in data["files"]:
                name = os.path.relpath(os.path.join(data["current_working_directory"], file["file"]), source)
                if name.startswith(("src/", "drivers/")):
                    counts = lines.setdefault(name, {})
                    for line in file["lines"]:
                        n = line["line_number"]
                        counts[n] = counts.get(n, 0) + line["count"]
    run = of = 0
    for name, counts in sorted(lines.items()):
        hit = sum(c > 0 for c in counts.values())
        run, of = run + hit, of + len(counts)
        print(f"{name:44} {hit:5} of {len(counts):5}  {100 * hit / max(1, len(counts)):5.1f} %")
    print(f"{'all':44} {run:5} of {of:5}  {100 * run / max(1, of):5.1f} %")


if __name__ == "__main__":
    main(sys.argv[1])
