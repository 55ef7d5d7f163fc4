# SPDX-License-Identifier: Apache-2.0
"""wire.py -- a wire to a carrier that changes PDUs on their way back: what no carrier of ours does by itself."""
import threading
import time

from relay import *

SUBMIT_SM_RESP = 0x80000004
DELIVER_SM = 0x00000005


class Wire(Relay):
    """change(wire, pdu, n) returns a list of (delay in seconds, octets) in place of the n-th submit_sm_resp, from 1."""

    def __init__(self, w, target, change):
        self.change, self.n_answers, self._lock = change, 0, threading.Lock()
        super().__init__(w, target)

    def _pump(self, source, sink):
        if source.getpeername()[1] == self.target:
            source = _Answers(self, source, sink)
        super()._pump(source, sink)


class _Answers:
    """The carrier's side of a connection, read in whole PDUs."""

    def __init__(self, wire, source, sink):
        self.wire, self.source, self.sink, self.rest = wire, source, sink, b""

    def recv(self, n):
        out = b""
        while not out:
            data = self.source.recv(n)
            if not data:
                return b""
            self.rest += data
            out = self._whole()
        return out

    def _whole(self):
        out = b""
        while len(self.rest) >= 16 and len(self.rest) >= (n := int.from_bytes(self.rest[:4], "big")):
            pdu, self.rest = self.rest[:n], self.rest[n:]
            if int.from_bytes(pdu[4:8], "big") != SUBMIT_SM_RESP:
                out += pdu
                continue
            with self.wire._lock:
                self.wire.n_answers += 1
                number = self.wire.n_answers
            for delay, octets in self.wire.change(self.wire, pdu, number):
                if delay:
                    threading.Thread(target=self._later, args=(delay, octets), daemon=True).start()
                else:
                    out += octets
        return out

    def _later(self, delay, octets):
        time.sleep(delay)
        try:
            self.sink.sendall(octets)
        except OSError:
            pass

    def shutdown(self, how):
        self.source.shutdown(how)


def late(every, seconds):
    return lambda wire, pdu, n: [(0 if n % every else seconds, pdu)]


def twice(every):
    return lambda wire, pdu, n: [(0, pdu)] * (1 if n % every else 2)


def wrong_sequence(every):
    """The answer names a request that there never was."""
    def change(wire, pdu, n):
        if n % every == 0:
            pdu = pdu[:12] + (int.from_bytes(pdu[12:16], "big") + 1000000).to_bytes(4, "big") + pdu[16:]
        return [(0, pdu)]
    return change


def shuffled():
    """Each other one so late that the next ones overtake it."""
    return lambda wire, pdu, n: [(0.03 if n % 2 else 0, pdu)]


def with_extra(every, octets):
    return lambda wire, pdu, n: [(0, pdu)] + ([] if n % every else [(0, octets)])


def oversized(n):
    """A deliver_sm of n octets, whole and with the length that it says."""
    body = b"\0" + b"\1\1" + b"12025550142\0" + b"\1\1" + b"777\0" + bytes(10)
    tlv = n - 16 - len(body) - 4
    return (n.to_bytes(4, "big") + DELIVER_SM.to_bytes(4, "big") + bytes(4) + (0x7fff0001).to_bytes(4, "big") + body +
            (0x0424).to_bytes(2, "big") + min(tlv, 0xffff).to_bytes(2, "big") + b"x" * tlv)
