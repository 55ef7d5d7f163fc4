#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""inbound_parts_can_fail.py -- the audit of inbound_parts.py, run on a gateway that acknowledges a part before its commit,
must miss parts.

posthornd-early-part (see early_part.c) differs in that one thing.  At any instant some dozens of parts have been
acknowledged and are not on disk yet.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from inbound_parts import *  # noqa: E402,F403
from inbound_parts import arguments, audit  # noqa: E402

options = arguments(5, 400)


@case("the audit finds the parts that a gateway loses that answers before the disk has them")
def _(w):
    found = audit(w, options.rounds, options.seed, options.messages,
                  program=os.path.join(BUILD, "tests", "crash", "posthornd-early-part"))
    check(found["lost"] or found["left"], f"{len(found['acked'])} parts were acknowledged too early, {options.rounds} kills, "
                                          "none missed: the audit cannot fail")
    print(f"# {len(found['lost'])} of {len(found['acked'])} parts were missed", flush=True)


main()
