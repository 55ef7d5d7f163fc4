# SPDX-License-Identifier: Apache-2.0
"""clocks.py -- a gateway whose wall clock the test moves (clock_shim.c)."""
import mmap
import os
import struct

from harness import BUILD

PROGRAM = os.path.join(BUILD, "tests", "crash", "posthornd-clock")


class Clock:
    """Add it to the world before its gateway; `env` goes to the gateway."""

    def __init__(self, w):
        path = w.path("clock")
        with open(path, "wb") as f:
            f.write(bytes(8))
        with open(path, "r+b") as f:
            self._map = mmap.mmap(f.fileno(), 8)
        self.env, self.ahead_ms = {"POSTHORN_CLOCK": path}, 0

    def advance(self, seconds):
        self.ahead_ms += int(seconds * 1000)
        self._map[:] = struct.pack("=q", self.ahead_ms)


def resident_kb(pid):
    """(now, the most there ever was)."""
    words = {}
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            k, _, v = line.partition(":")
            words[k] = v
    return int(words["VmRSS"].split()[0]), int(words["VmHWM"].split()[0])
