#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""form.py -- the form of the sources, as far as a machine can judge it without spoiling it.

    form.py SOURCE-FOLDER

clang-format has an opinion on every line, also on tables and continuation lines that were set by hand so that they can be
read; it is therefore for lines that are being changed (`make format`).  Here is what must hold for every line and file:
a licence and a head comment, tabs, no blanks at the end of a line, a bound on its length, no notes to self.
"""
import os
import re
import sys

COLUMNS = 120
FOLDERS = ("src", "drivers", "tests")
LICENCE = "SPDX-License-Identifier: Apache-2.0"
# Data cannot be broken: strings (SQL, PDUs in hex), rows of tables, what a macro repeats.
DATA = re.compile(r'["{]|\\$')
RULES = (
    (re.compile(r"[ \t]$"), "blanks at the end of the line"),
    (re.compile(r"^\t* {8}(?! *\*)"), "spaces where tabs indent"),
    (re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"), "a note to self"),
    (re.compile(r"^[^\"*]*(?<![:\"])//"), "// is not our comment"),
    (re.compile(r"^typedef struct"), "a typedef hides a struct"),
    (re.compile(r"\r"), "a carriage return"),
)


def faults_of(text):
    lines = text.split("\n")
    if LICENCE not in lines[0]:
        yield 1, "no licence line"
    if not re.match(r"/\* .*\n?( \*|/\* )", text):
        yield 2, "no head comment"
    if lines[-1] != "" or text.endswith("\n\n"):
        yield len(lines), "must end with one line end"
    rules = True
    for number, line in enumerate(lines, 1):
        if "clang-format o" in line:
            rules = "clang-format on" in line
        if len(line.expandtabs(8)) > COLUMNS and rules and not DATA.search(line):
            yield number, f"longer than {COLUMNS} columns"
        for pattern, what in RULES:
            if rules and pattern.search(line):
                yield number, what


def main():
    top, n = sys.argv[1], 0
    for folder in FOLDERS:
        for where, _, names in os.walk(os.path.join(top, folder)):
            for name in sorted(names):
                if not name.endswith((".c", ".h")):
                    continue
                path = os.path.join(where, name)
                with open(path, encoding="utf-8") as f:
                    for number, what in faults_of(f.read()):
                        print(f"{path}:{number}: {what}")
                        n += 1
    sys.exit(1 if n else 0)


if __name__ == "__main__":
    main()
