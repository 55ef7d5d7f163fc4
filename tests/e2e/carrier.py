# SPDX-License-Identifier: Apache-2.0
"""carrier.py -- an SMSC of which a test says every octet of every message that comes in, and hears every answer.

The simulator chooses binds and repeats by itself; here the test does: it names the bind, the PDU (deliver_sm or data_sm)
and whether something goes again.  Layouts are those of SMPP 3.4, 4.6.1 and 4.7.1; nothing of the gateway's code is used.
"""
import socket
import struct
import threading

from harness import patience, wait_for

OK, TEMPORARY = 0, 0x64  # ESME_ROK, ESME_RX_T_APPN
WRONG = -1  # answered with the response to another command
DELIVER_SM, DATA_SM, SUBMIT_SM = 0x00000005, 0x00000103, 0x00000004


def tlv(tag, value):
    return struct.pack(">HH", tag, len(value)) + value


def udh(total, seq, ref=7, wide=False, more=b""):
    """A header with a concatenation element (3GPP TS 23.040, 9.2.3.24.1 and .8), and other elements before it."""
    concat = bytes([8, 4, ref >> 8, ref & 255, total, seq]) if wide else bytes([0, 3, ref, total, seq])
    return bytes([len(more) + len(concat)]) + more + concat


class Item:
    """One PDU on its way; status is None until it is answered, gone says that the connection went first."""

    def __init__(self, body):
        self.body, self.status, self.gone, self._over = body, None, False, threading.Event()

    def settle(self, status):
        self.status, self.gone = status, status is None
        self._over.set()

    def wait(self, seconds=10):
        if not self._over.wait(patience(seconds)):
            raise AssertionError("an inbound message was never answered")
        return self.status


class Bind:
    def __init__(self, carrier, s):
        self.carrier, self.s = carrier, s
        self.bound, self.sequence, self.open, self.lock = False, 0, {}, threading.Lock()

    def send(self, command, body, item):
        with self.lock:
            self.sequence += 1
            self.open[self.sequence] = (command, item)
            try:
                self.s.sendall(struct.pack(">IIII", 16 + len(body), command, 0, self.sequence) + body)
            except OSError:
                pass  # the reader sees the end and settles it
        if not self.bound:
            self.end()

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise ConnectionResetError
            data += more
        return data

    def run(self):
        try:
            while True:
                n, command, status, sequence = struct.unpack(">IIII", self._exactly(16))
                body = self._exactly(n - 16)
                if command == SUBMIT_SM and self.carrier.on_submit:
                    self.carrier.on_submit(self, sequence, body)
                self.heard(command, status, sequence)
        except OSError:
            pass
        self.end()

    def answer(self, command, sequence, body=b"", status=0):
        with self.lock:
            self.s.sendall(struct.pack(">IIII", 16 + len(body), 0x80000000 | command, status, sequence) + body)

    def heard(self, command, status, sequence):
        if command in (1, 2, 9):
            self.answer(command, sequence, b"smsc\0")
            self.bound = True
        elif command in (6, 0x15):
            self.answer(command, sequence)
        elif command & 0x80000000:
            asked, item = self.open.pop(sequence, (0, None))
            if item:  # the response to another command is none (SMPP 3.4, 4.6.2 and 4.7.2)
                item.settle(status if command == 0x80000000 | asked else WRONG)

    def end(self):
        self.bound = False
        with self.lock:
            items, self.open = self.open, {}
        for _, item in items.values():
            item.settle(None)
        self.s.close()


class Carrier:
    def __init__(self, w):
        self.on_submit = None  # called with bind, sequence and body of each submit_sm, which it answers when it likes
        self.binds, self._server = [], socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        w.add(self)

    def _accept(self):
        while True:
            try:
                s, _ = self._server.accept()
            except OSError:
                return
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            b = Bind(self, s)
            self.binds.append(b)
            threading.Thread(target=b.run, daemon=True).start()

    @property
    def up(self):
        return [b for b in self.binds if b.bound]

    def wait_up(self, n=1, seconds=10):
        wait_for(lambda: len(self.up) >= n, seconds, f"{n} binds")

    def give(self, octets, sender="12025550177", to="5678", esm=0x40, dcs=0, tlvs=b"", data=False, bind=0, ton=1):
        """Send; with `data` as data_sm, which has its octets in message_payload.  `sender`: also octets."""
        sender = sender.encode() if isinstance(sender, str) else sender
        source, dest = bytes([ton, 1]) + sender + b"\0", b"\0\0" + to.encode() + b"\0"
        if data:
            body = b"\0" + source + dest + bytes([esm, 0, dcs]) + tlv(0x0424, octets) + tlvs
        else:
            short = octets if len(octets) < 255 else b""
            body = (b"\0" + source + dest + bytes([esm, 0, 0]) + b"\0\0" + bytes([0, 0, dcs, 0, len(short)]) + short + tlvs)
            if not short and octets:
                body += tlv(0x0424, octets)
        item = Item(body)
        binds = self.up
        if not binds:
            item.settle(None)
        else:
            binds[bind % len(binds)].send(DATA_SM if data else DELIVER_SM, body, item)
        return item

    def close(self):
        self._server.close()
        for b in self.binds:
            b.s.close()
