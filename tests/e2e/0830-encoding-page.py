#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0830: docs/encoding.md tells campaign managers what texts cost: its examples are what the gateway plans and sends."""
import re

from harness import *

PAGE = os.path.join(SOURCE, "docs", "encoding.md")
ROW = re.compile(r"^\| (.+?) \| (gsm7|ucs2) \| (\d+) \| ([\d ]+) \|$")


def examples():
    """(text, encoding, parts, units) of each row of the table."""
    with open(PAGE, encoding="utf-8") as f:
        for line in f:
            row = ROW.match(line.rstrip("\n"))
            if row:
                text = "".join(piece(p) for p in row.group(1).split(" + "))
                yield text, row.group(2), int(row.group(3)), [int(n) for n in row.group(4).split()]


def piece(p):
    times, _, what = p.rpartition("×")
    return what.replace("\\n", "\n") * int(times or 1)


@case("the examples of the page are what the gateway plans")
def _(w):
    rows = list(examples())
    check(len(rows) > 12, "the table of the page was not found")
    g = w.gateway()
    for text, encoding, parts, units in rows:
        p = g.api().post("/v1/preview", {"to": "+12025550142", "text": text}).expect(200).json
        equal((p["encoding"], p["parts"], p["units"]), (encoding, parts, units), repr(text[:20] + "…" + text[-5:]))
        m = g.api().send(text=text)
        equal((m["encoding"], m["parts"]), (encoding, parts), "as accepted: " + repr(text[:20]))


def session():
    """The file of the page, and what the page says that the preview of it prints."""
    with open(PAGE, encoding="utf-8") as f:
        lines = f.read().partition("    $ cat campaign.csv\n")[2].partition("\n\n")[0].split("\n")
    at = lines.index("    $ posthorn preview --file campaign.csv")
    return ["".join(line[4:] + "\n" for line in part) for part in (lines[:at], lines[at + 1:])]


@case("the preview of a base on the page is what the program prints, and its advice saves what it says")
def _(w):
    base, wanted = session()
    path = w.path("campaign.csv")
    with open(path, "w", encoding="utf-8") as f:
        f.write(base)
    g = w.gateway()
    env = {"POSTHORN_URL": f"http://127.0.0.1:{g.port}", "POSTHORN_KEY": g.keys["shop"]}
    program = os.path.join(BUILD, "posthorn")
    status, out, err = run(program, "preview", "--file", path, env=env)
    equal((status, out.partition("\n\n")[0] + "\n"), (4, wanted), err)
    for option, parts in (("--smart", 4), ("--translit=ascii", 3)):
        status, out, err = run(program, "preview", "--file", path, option, env=env)
        check(out.startswith(f"3 messages in {parts} parts;"), out)


main()
