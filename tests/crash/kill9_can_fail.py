#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill9_can_fail.py -- the audit of kill9.py, run on a gateway that answers 202 before the commit, must miss messages.

posthornd-early (see early_answer.c) differs in that one thing.  A few kills under load are enough: at any instant some
hundred messages have been answered and are not yet on disk.  And the windows that bound leases and duplicates are counted:
held against a window of one, each kill is found.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from kill9 import *  # noqa: E402,F403
from kill9 import SINGLES, arguments, arrays, audit, singles  # noqa: E402

options = arguments(4)


@case("the audit finds what a gateway loses that answers before the disk has it")
def _(w):
    found = audit(w, options.rounds, options.seed, (singles,) * SINGLES + (arrays,) * 2,
                  program=os.path.join(BUILD, "tests", "crash", "posthornd-early"))
    check(found["lost"], f"{len(found['promised'])} messages were promised too early, {options.rounds} kills, none missed: "
                         "the audit cannot fail")
    print(f"# {len(found['lost'])} of {len(found['promised'])} messages were missed", flush=True)


@case("the audit finds more leases and more duplicates than a window has room for")
def _(w):
    found = audit(w, options.rounds, options.seed, (singles,) * SINGLES + (arrays,) * 2, windows=1)
    equal((len(found["crowded"]), bool(found["flooded"])), (options.rounds, found["duplicates"] > options.rounds),
          f"kills with too many leases, and too many duplicates, of {found['duplicates']}")
    equal((found["lost"], found["doubled"]), ([], []), "lost, doubled")


main()
