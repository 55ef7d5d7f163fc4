# SPDX-License-Identifier: Apache-2.0
"""clocks.py -- a gateway whose wall clock the test moves (clock_shim.c)."""
import mmap
import os
import struct

from harness import BUILD, SANITIZED

# What is freed lies in quarantine for a while: a little is enough where memory is measured.
SMALL_QUARANTINE = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:quarantine_size_mb=8:thread_local_quarantine_size_kb=64"
                                    ":malloc_context_size=8:allocator_release_to_os_interval_ms=500"} if SANITIZED else {}
PROGRAM = os.path.join(BUILD, "tests", "crash", "posthornd-clock")


class Clock:
    """Add it to the world before its gateway; `env` goes to the gateway."""

    def __init__(self, w):
        path = w.path("clock")
        with open(path, "wb") as f:
            f.write(bytes(8))
        with open(path, "r+b") as f:
            self._map = mmap.mmap(f.fileno(), 8)
        self.env, self.ahead_ms = {"POSTHORN_CLOCK": path, **SMALL_QUARANTINE}, 0

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
