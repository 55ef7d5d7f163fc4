#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The carrier simulator against octets written down from SMPP 3.4.

Nothing here packs or parses through the simulator's own code: PDUs are put together with struct from the tables of the
standard (chapters 4 and 5) and answers are compared octet by octet.  Every wait has a deadline and an event; no sleeps.
Output is TAP.  POSTHORN_SMSC_SIM names the program (default ./posthorn-smsc-sim); PEERS_DIR the folder of this file.
"""
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

PROGRAM = os.environ.get("POSTHORN_SMSC_SIM", "./posthorn-smsc-sim")
HERE = os.environ.get("PEERS_DIR", os.path.dirname(os.path.abspath(__file__)))
DEADLINE = 10.0

BIND_RX, BIND_TX, BIND_TRX, SUBMIT, DELIVER, UNBIND, ENQUIRE = 1, 2, 9, 4, 5, 6, 0x15
RESP = 0x80000000


class Sim:
    def __init__(self, *args, script=None):
        self.dir = tempfile.TemporaryDirectory()
        if script is not None:
            path = os.path.join(self.dir.name, "test.smsc")
            with open(path, "w") as f:
                f.write(script)
            args += ("--script", path)
        self.p = subprocess.Popen([PROGRAM, "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--first-id", "255",
                                   *args], stdout=subprocess.PIPE, text=True)
        self.port = int(re.fullmatch(r"listening 127\.0\.0\.1:(\d+)\n", self.p.stdout.readline()).group(1))
        control = int(re.fullmatch(r"control 127\.0\.0\.1:(\d+)\n", self.p.stdout.readline()).group(1))
        self.control = socket.create_connection(("127.0.0.1", control), DEADLINE)
        self.lines = self.control.makefile("r")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.p.poll() is None:
            self.p.terminate()
        # Not 0 when it crashed, or leaked under a sanitizer; -9 is ours.
        assert self.p.wait(DEADLINE) in (0, -9), self.p.returncode
        self.p.stdout.close()
        self.lines.close()
        self.control.close()
        self.dir.cleanup()

    def ask(self, line):
        self.control.sendall(line.encode() + b"\n")
        return self.lines.readline().rstrip("\n")

    def stats(self):
        return json.loads(self.ask("stats"))

    def until(self, what, test):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            s = self.stats()
            if test(s):
                return s
        raise AssertionError("never: " + what + "; " + json.dumps(s))

    def end(self):
        self.p.send_signal(signal.SIGTERM)
        out = self.p.stdout.read()
        assert self.p.wait(DEADLINE) == 0
        return json.loads(out)


class Peer:
    def __init__(self, sim, bind=None, system_id=b"esme", password=b"secret"):
        self.s = socket.create_connection(("127.0.0.1", sim.port), DEADLINE)
        self.sequence = 0
        if bind:
            self.bind(bind, system_id, password)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.s.close()

    def send(self, command, body=b"", status=0, sequence=None):
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        self.s.sendall(struct.pack(">IIII", 16 + len(body), command, status, sequence) + body)
        return sequence

    def octets(self, n):
        data = bytearray()
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise EOFError(bytes(data))
            data += more
        return bytes(data)

    def recv(self):
        length, command, status, sequence = struct.unpack(">IIII", self.octets(16))
        assert 16 <= length <= 70000, length
        return command, status, sequence, self.octets(length - 16)

    def bind(self, kind, system_id=b"esme", password=b"secret", expect=0):
        q = self.send(kind, system_id + b"\0" + password + b"\0" + b"\0" + b"\x34" + b"\0\0" + b"\0")
        answer = self.recv()
        assert answer[:3] == (kind | RESP, expect, q), answer
        if expect == 0:
            assert answer[3] == b"smsc-sim\0\x02\x10\x00\x01\x34", answer
        return answer

    def submit(self, **k):
        return self.send(SUBMIT, submit_body(**k))

    def submit_ok(self, **k):
        q = self.submit(**k)
        command, status, sequence, body = self.recv()
        assert (command, status, sequence) == (SUBMIT | RESP, 0, q), (hex(command), status, sequence)
        assert body.endswith(b"\0") and body.count(b"\0") == 1
        return body[:-1].decode()

    def submit_status(self, **k):
        self.submit(**k)
        command, status, _, _ = self.recv()
        assert command == SUBMIT | RESP, hex(command)
        return status

    def closed(self):
        try:
            return self.s.recv(1) == b""
        except ConnectionResetError:
            return True


def submit_body(source=b"POST", ston=5, snpi=0, dest=b"12025550142", dton=1, dnpi=1, esm=0, priority=0, schedule=b"",
                validity=b"", registered=0, replace=0, dcs=0, text=b"hello", length=None, tlvs=b""):
    return (b"\0" + bytes([ston, snpi]) + source + b"\0" + bytes([dton, dnpi]) + dest + b"\0" +
            bytes([esm, 0, priority]) + schedule + b"\0" + validity + b"\0" + bytes([registered, replace, dcs, 0]) +
            bytes([len(text) if length is None else length]) + text + tlvs)


def tlv(tag, value):
    return struct.pack(">HH", tag, len(value)) + value


def parse_deliver(body):
    """The mandatory part by position, then the TLVs."""
    i, f = 0, {}

    def cstr():
        nonlocal i
        e = body.index(0, i)
        v, i = body[i:e], e + 1
        return v

    def one():
        nonlocal i
        i += 1
        return body[i - 1]

    f["service_type"] = cstr()
    f["source"] = (one(), one(), cstr())
    f["dest"] = (one(), one(), cstr())
    f["esm_class"], f["protocol_id"], f["priority"] = one(), one(), one()
    f["schedule"], f["validity"] = cstr(), cstr()
    f["registered"], f["replace"], f["dcs"], f["default"] = one(), one(), one(), one()
    n = one()
    f["text"] = body[i:i + n]
    i += n
    f["tlvs"] = {}
    while i < len(body):
        tag, n = struct.unpack(">HH", body[i:i + 4])
        f["tlvs"][tag] = body[i + 4:i + 4 + n]
        i += 4 + n
    assert i == len(body)
    return f


def receipt(peer, status=0, answer=True):
    command, st, q, body = peer.recv()
    assert (command, st) == (DELIVER, 0), (hex(command), st)
    assert 1 <= q <= 0x7FFFFFFF
    if answer:
        peer.send(DELIVER | RESP, b"\0", status, q)
    return parse_deliver(body)


def receipt_id(f):
    return re.match(rb"id:(\S+) ", f["text"]).group(1).decode()


# ---- the well-behaved carrier

def test_bind_and_unbind_in_each_role():
    with Sim() as sim:
        for kind in (BIND_RX, BIND_TX, BIND_TRX):
            with Peer(sim, kind) as p:
                q = p.send(ENQUIRE)
                assert p.recv() == (ENQUIRE | RESP, 0, q, b"")
                q = p.send(UNBIND)
                assert p.recv() == (UNBIND | RESP, 0, q, b"")
                assert p.closed()
        s = sim.end()
        assert (s["binds"], s["unbinds"], s["enquire_links"], s["malformed"]) == (3, 3, 3, 0), s


def test_old_clients_get_no_tlv():
    with Sim() as sim, Peer(sim) as p:
        p.send(BIND_TX, b"a\0b\0\0\x33\0\0\0")
        assert p.recv() == (BIND_TX | RESP, 0, 1, b"smsc-sim\0")


def test_login_is_checked():
    with Sim("--system-id", "esme", "--password", "secret") as sim:
        for who, word, status in ((b"other", b"secret", 0x0F), (b"esme", b"wrong", 0x0E), (b"esme", b"", 0x0E)):
            with Peer(sim) as p:
                p.bind(BIND_TRX, who, word, expect=status)
                assert p.closed()
        with Peer(sim, BIND_TRX):
            pass
        assert sim.stats()["binds_refused"] == 3


def test_second_bind_is_refused():
    with Sim() as sim, Peer(sim, BIND_TX) as p:
        p.bind(BIND_TRX, expect=0x05)
        p.submit_ok()


def test_states_are_kept():
    with Sim() as sim:
        with Peer(sim) as p:
            assert p.submit_status() == 0x04
            p.send(UNBIND)
            assert p.recv()[:2] == (UNBIND | RESP, 0x04)
        with Peer(sim, BIND_RX) as p:
            assert p.submit_status() == 0x04
        assert sim.stats()["by_status"] == {"0x00000004": 2}


def test_ids_differ_and_sequence_is_echoed():
    with Sim() as sim, Peer(sim, BIND_TX) as p:
        for q in (7, 0x7FFFFFFF, 1):
            p.send(SUBMIT, submit_body(), sequence=q)
        got = [p.recv() for _ in range(3)]
        assert [g[2] for g in got] == [7, 0x7FFFFFFF, 1]
        assert [g[3] for g in got] == [b"255\0", b"256\0", b"257\0"], got


def test_data_sm_carries_a_payload():
    with Sim() as sim, Peer(sim, BIND_TX) as p:
        body = b"\0\x01\x01" + b"1234\0" + b"\x01\x01" + b"12025550142\0" + b"\0\0\0" + tlv(0x0424, b"x" * 300)
        q = p.send(0x103, body)
        assert p.recv() == (0x80000103, 0, q, b"255\0")


def test_split_and_joined_pdus_are_framed():
    with Sim() as sim, Peer(sim, BIND_TX) as p:
        body = submit_body()
        pdu = struct.pack(">IIII", 16 + len(body), SUBMIT, 0, 9) + body
        for i in range(len(pdu)):
            p.s.sendall(pdu[i:i + 1])
        assert p.recv()[:3] == (SUBMIT | RESP, 0, 9)
        p.s.sendall(pdu * 500)
        for _ in range(500):
            assert p.recv()[:3] == (SUBMIT | RESP, 0, 9)


def test_unknown_command_is_nacked():
    with Sim() as sim, Peer(sim, BIND_TRX) as p:
        p.send(0x0666, b"what", sequence=77)
        assert p.recv() == (0x80000000, 0x03, 77, b"")
        p.submit_ok()
        assert sim.stats()["unknown_commands"] == 1


def test_bad_length_ends_the_session():
    for length in (0, 15, 0x01000000, 0xFFFFFFFF):
        with Sim() as sim, Peer(sim, BIND_TRX) as p:
            p.s.sendall(struct.pack(">IIII", length, SUBMIT, 0, 3))
            assert p.recv() == (0x80000000, 0x02, 0, b"")
            assert p.closed()
            assert sim.stats()["malformed"] == 1


def test_malformed_submits_are_described():
    udh = b"\x05\x00\x03\x09\x02"
    rows = [
        ("sm_length past the end", dict(length=200), 0x01),
        ("sm_length 255", dict(text=b"x" * 255), 0x01),
        ("destination of 21 digits", dict(dest=b"1" * 21, dton=0), 0x0B),
        ("destination empty", dict(dest=b""), 0x0B),
        ("plus in an international number", dict(dest=b"+12025550142"), 0x0B),
        ("alphanumeric sender of 12", dict(source=b"ABCDEFGHIJKL"), 0x0A),
        ("source TON 7", dict(ston=7), 0x48),
        ("source NPI 2", dict(snpi=2), 0x49),
        ("dest TON 7", dict(dton=7), 0x50),
        ("dest NPI 5", dict(dnpi=5), 0x51),
        ("priority 4", dict(priority=4), 0x06),
        ("schedule of 15", dict(schedule=b"260708091011004"), 0x61),
        ("validity in letters", dict(validity=b"00000100000000XR"), 0x62),
        ("registered_delivery reserved", dict(registered=0x20), 0x07),
        ("replace_if_present 2", dict(replace=2), 0x54),
        ("UDHI without a header", dict(esm=0x40, text=b""), 0x43),
        ("UDHL past the text", dict(esm=0x40, text=b"\x20\x00"), 0x43),
        ("concat part 3 of 2", dict(esm=0x40, text=udh + b"\x03x"), 0x43),
        ("element past UDHL", dict(esm=0x40, text=b"\x03\x00\x05\x01hello"), 0x43),
        ("UCS-2 odd", dict(dcs=8, text=b"\0a\0"), 0x01),
        ("TLV past the end", dict(tlvs=b"\x02\x04\x00\x08\x01"), 0xC2),
        ("stray octet", dict(tlvs=b"\x02"), 0xC0),
        ("user_message_reference of 1", dict(tlvs=tlv(0x0204, b"\x01")), 0xC2),
        ("text twice", dict(tlvs=tlv(0x0424, b"again")), 0xC0),
        ("half of sar", dict(tlvs=tlv(0x020C, b"\0\1")), 0xC3),
        ("sar 0 of 2", dict(tlvs=tlv(0x020C, b"\0\1") + tlv(0x020E, b"\2") + tlv(0x020F, b"\0")), 0xC4),
        ("sar and UDH", dict(esm=0x40, text=udh + b"\x01x", tlvs=tlv(0x020C, b"\0\1") + tlv(0x020E, b"\2") +
                             tlv(0x020F, b"\1")), 0xC1),
    ]
    for i, (why, fields, status) in enumerate(rows):
        with Sim() as sim, Peer(sim, BIND_TX) as p:
            got = p.submit_status(**fields)
            assert got == status, (why, hex(got))
            s = sim.stats()
            assert s["malformed"] == 1 and s["accepted"] == 0 and len(s["malformed_pdus"]) == 1, (why, s)
            body = submit_body(**fields)
            pdu = struct.pack(">IIII", 16 + len(body), SUBMIT, 0, 2) + body
            assert s["malformed_pdus"][0]["hex"] == pdu[:64].hex(), why
            assert s["malformed_pdus"][0]["length"] == len(pdu), why


def test_sound_submits_are_not_called_malformed():
    with Sim() as sim, Peer(sim, BIND_TX) as p:
        p.submit_ok(text=b"x" * 254)
        p.submit_ok(esm=0x40, text=b"\x05\x00\x03\x09\x02\x01part")
        p.submit_ok(esm=0x40, text=b"\x06\x08\x04\x01\x09\x02\x02part")
        p.submit_ok(dcs=8, text="Ж".encode("utf-16-be"))
        p.submit_ok(esm=0x40, dcs=8, text=b"\x05\x00\x03\x09\x02\x01" + "Ж".encode("utf-16-be"))
        p.submit_ok(schedule=b"260708091011004+", validity=b"000001000000000R")
        p.submit_ok(text=b"", tlvs=tlv(0x0424, b"y" * 1000))
        p.submit_ok(tlvs=tlv(0x020C, b"\0\1") + tlv(0x020E, b"\2") + tlv(0x020F, b"\2"))
        p.submit_ok(tlvs=tlv(0x1400, b"vendor") + tlv(0x0204, b"\0\1"))
        p.submit_ok(source=b"1234", ston=3, snpi=0, dest=b"0" * 20, dton=0, dnpi=0)
        s = sim.stats()
        assert (s["malformed"], s["accepted"]) == (0, 10), s


def test_status_and_sequence_of_requests_are_checked():
    with Sim() as sim, Peer(sim, BIND_TX) as p:
        p.send(ENQUIRE, status=1, sequence=5)
        assert p.recv()[:3] == (ENQUIRE | RESP, 0, 5)
        p.send(ENQUIRE, sequence=0)
        assert p.recv()[:3] == (ENQUIRE | RESP, 0, 0)
        p.send(ENQUIRE, b"x", sequence=6)
        assert p.recv()[:3] == (ENQUIRE | RESP, 0, 6)
        assert [m["why"] for m in sim.stats()["malformed_pdus"]] == [
            "command_status in a request", "sequence_number out of range", "a body where none belongs"]


def test_query_and_cancel():
    def query(p, mid):
        p.send(3, mid + b"\0" + b"\x05\x00POST\0")
        return p.recv()

    def cancel(p, mid):
        p.send(8, b"\0" + mid + b"\0" + b"\x05\x00POST\0" + b"\x01\x01\0")
        return p.recv()

    with Sim("--receipt-delay", "600000") as sim, Peer(sim, BIND_TX) as p:
        mid = p.submit_ok().encode()
        assert query(p, mid)[:2] == (0x80000003, 0)
        assert query(p, mid)[3] == mid + b"\0" + b"\0" + b"\x01\x00"
        assert query(p, b"254")[1] == 0x67
        assert query(p, b"0255")[1] == 0x67
        assert [sim.stats()[k] for k in ("queries", "query_id", "query_from")] == [4, "0255", "5/0/POST"]
        assert cancel(p, mid)[:2] == (0x80000008, 0)
        assert cancel(p, mid)[:2] == (0x80000008, 0x11)
        assert query(p, mid)[3][-2] == 4
    with Sim() as sim, Peer(sim, BIND_TX) as p:
        mid = p.submit_ok().encode()
        body = query(p, mid)[3]
        assert re.fullmatch(re.escape(mid) + rb"\0\d{12}000\+\0\x02\x00", body), body


# ---- receipts

def test_receipt_has_text_and_tlvs():
    with Sim() as sim, Peer(sim, BIND_TRX) as p:
        mid = p.submit_ok(registered=1)
        f = receipt(p)
        assert f["esm_class"] == 0x04 and f["source"] == (1, 1, b"12025550142") and f["dest"] == (5, 0, b"POST"), f
        assert re.fullmatch(rb"id:255 sub:001 dlvrd:001 submit date:\d{10} done date:\d{10} stat:DELIVRD err:000 text:",
                            f["text"]), f
        assert f["tlvs"] == {0x001E: b"255\0", 0x0427: b"\x02"} and mid == "255"
        assert time.strftime("%y%m%d").encode() in f["text"] or time.gmtime().tm_hour in (0, 23)
        s = sim.until("acknowledged", lambda s: s["receipts"]["acked"] == 1)
        assert s["receipts"]["sent"] == 1 and s["malformed"] == 0


def test_registered_delivery_is_obeyed():
    with Sim("--line", "outcome to 1303* UNDELIV err 021") as sim, Peer(sim, BIND_TRX) as p:
        for registered, dest in ((0, b"12025550142"), (2, b"12025550142"), (3, b"13035550142"), (0x10, b"12025550142")):
            p.submit_ok(registered=registered, dest=dest)
        assert sim.stats()["receipts"]["created"] == 0
        p.submit_ok(registered=2, dest=b"13035550142")
        f = receipt(p)
        assert b"stat:UNDELIV err:021" in f["text"] and b"dlvrd:000" in f["text"] and f["tlvs"][0x0427] == b"\x05"


def test_receipt_forms():
    for form, has_text, has_tlvs in (("text", True, False), ("tlv", False, True)):
        with Sim("--receipt-form", form) as sim, Peer(sim, BIND_TRX) as p:
            p.submit_ok(registered=1)
            f = receipt(p)
            assert bool(f["text"]) == has_text and bool(f["tlvs"]) == has_tlvs, f


def test_receipt_in_message_payload():
    for form, wide in (("payload", False), ("utf16", True)):
        with Sim("--line", "receipt form " + form) as sim, Peer(sim, BIND_TRX) as p:
            p.submit_ok(registered=1)
            f = receipt(p)
            assert not f["text"] and set(f["tlvs"]) == {0x0424}, f
            assert f["dcs"] == (8 if wide else 0), f
            text = f["tlvs"][0x0424].decode("utf-16-be" if wide else "ascii")
            assert re.match(r"id:\S+ sub:001 .* stat:DELIVRD err:000 text:$", text), text


def test_receipts_that_look_otherwise():
    with Sim("--line", "receipt form no-id", "--line", "receipt esm-class 0") as sim, Peer(sim, BIND_TRX) as p:
        p.submit_ok(registered=1)
        f = receipt(p)
        assert (f["esm_class"], f["text"]) == (0, b"stat:DELIVRD err:000"), f
    with Sim("--line", "receipt quotes") as sim, Peer(sim, BIND_TRX) as p:
        p.submit_ok(text=b"Your parcel arrives today", registered=1)
        f = receipt(p)
        assert f["text"].endswith(b" text:Your parcel arrives "), f
    for line, source, dest in (("receipt unswapped", b"777", b"12025550142"), ("receipt anonymous", b"", b"")):
        with Sim("--line", line) as sim, Peer(sim, BIND_TRX) as p:
            p.submit_ok(source=b"777", dest=b"12025550142", registered=1)
            f = receipt(p)
            assert (f["source"][2], f["dest"][2]) == (source, dest), f
    with Sim("--line", "receipt intermediate", "--line", "receipt then UNDELIV 50") as sim, Peer(sim, BIND_TRX) as p:
        p.submit_ok(registered=1)
        seen = [receipt(p) for _ in range(3)]
        assert [(f["esm_class"], re.search(rb"stat:(\w+)", f["text"]).group(1)) for f in seen] == \
            [(0x20, b"ENROUTE"), (4, b"DELIVRD"), (4, b"UNDELIV")], seen


def test_a_receipt_for_one_part_only():
    for which, wanted in (("first", 1), ("last", 3)):
        with Sim("--line", "receipt parts " + which) as sim, Peer(sim, BIND_TRX) as p:
            asked = [p.submit(esm=0x40, text=b"\x05\0\3\x2a\3" + bytes([n]) + b"x", registered=1) for n in (1, 2, 3)]
            got = [p.recv() for _ in range(4)]  # the receipt of the first part may come before the answer for the last
            ids = {q: body[:-1].decode() for command, _, q, body in got if command == SUBMIT | RESP}
            told = next(x for x in got if x[0] == DELIVER)
            p.send(DELIVER | RESP, b"\0", 0, told[2])
            assert receipt_id(parse_deliver(told[3])) == ids[asked[wanted - 1]]
            p.submit_ok(registered=1)  # alone: a receipt of its own
            receipt(p)
            assert sim.stats()["receipts"]["sent"] == 2


def test_id_spellings():
    uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-0000000000ff"
    for form, in_resp, in_receipt in (("dec", "255", "255"), ("hex", "ff", "ff"),
                                      ("hex-resp-dec-receipt", "ff", "255"), ("dec-resp-hex-receipt", "255", "ff"),
                                      ("leading-zeros", "00000000000000000255", "255"), ("uuid", uuid, uuid),
                                      ("name-in-front", "255", "acme-255"), ("name-behind", "255", "255@smsc"),
                                      ("name-in-resp", "acme-255", "255"), ("tlv-differs", "ff", "0000000255")):
        with Sim("--line", "id " + form) as sim, Peer(sim, BIND_TRX) as p:
            mid = p.submit_ok(registered=1)
            f = receipt(p)
            assert re.fullmatch(in_resp, mid), (form, mid)
            assert re.fullmatch(in_receipt, receipt_id(f)), (form, f)
            assert f["tlvs"][0x001E] == (mid if form == "tlv-differs" else receipt_id(f)).encode() + b"\0"
            if form == "uuid":
                assert mid == receipt_id(f)
            p.send(3, mid.encode() + b"\0" + b"\x05\x00POST\0")
            assert p.recv()[1] == 0, form


def test_receipt_waits_for_its_time_and_for_a_receiver():
    with Sim("--receipt-delay", "300") as sim:
        with Peer(sim, BIND_TX) as tx:
            start = time.monotonic()
            tx.submit_ok(registered=1)
            sim.until("due", lambda s: s["receipts"]["created"] == 1)
            with Peer(sim, BIND_RX) as rx:
                receipt(rx)
                assert time.monotonic() - start >= 0.3
            tx.submit_ok(registered=1)
            sim.until("gone", lambda s: len(s["connections_now"]) == 1)
            with Peer(sim, BIND_RX) as rx:
                assert receipt_id(receipt(rx)) == "256"


def test_accounts_do_not_mix():
    with Sim() as sim, Peer(sim, BIND_TX, b"one") as one, Peer(sim, BIND_RX, b"two") as two:
        one.submit_ok(registered=1)
        two.send(ENQUIRE)
        assert two.recv()[0] == ENQUIRE | RESP
        assert sim.until("due", lambda s: s["receipts_waiting"] == 1)["receipts"]["sent"] == 0
        with Peer(sim, BIND_RX, b"one") as rx:
            receipt(rx)


def test_round_robin_over_binds():
    with Sim() as sim, Peer(sim, BIND_TX) as tx, Peer(sim, BIND_RX) as a, Peer(sim, BIND_RX) as b:
        for _ in range(10):
            tx.submit_ok(registered=1)
        got = sorted([receipt_id(receipt(a)) for _ in range(5)] + [receipt_id(receipt(b)) for _ in range(5)])
        assert got == [str(255 + i) for i in range(10)], got


def test_deliver_window_is_kept():
    with Sim("--deliver-window", "3") as sim, Peer(sim, BIND_TX) as tx, Peer(sim, BIND_RX) as rx:
        for _ in range(5):
            tx.submit_ok(registered=1)
        s = sim.until("window full", lambda s: s["receipts"]["sent"] == 3 and s["receipts_waiting"] == 2)
        first = [rx.recv() for _ in range(3)]
        assert sim.stats()["receipts"]["sent"] == 3
        for _, _, q, _ in reversed(first):
            rx.send(DELIVER | RESP, b"\0", 0, q)
        for _ in range(2):
            receipt(rx)
        s = sim.until("all", lambda s: s["receipts"]["acked"] == 5)
        assert s["receipts"]["sent"] == 5 and s["unexpected_responses"] == 0


def test_receipts_are_retried_or_refused():
    with Sim("--receipt-retry", "20", "--deliver-timeout", "1200", "--receipt-tries", "4") as sim, \
            Peer(sim, BIND_TRX) as p:
        p.submit_ok(registered=1)
        for status in (0x64, 0x14, 0x08):
            receipt(p, status)
        receipt(p)
        assert sim.until("acked", lambda s: s["receipts"]["acked"] == 1)["receipts"]["retried"] == 3
        p.submit_ok(registered=1)
        receipt(p, 0x66)
        sim.until("refused", lambda s: s["receipts"]["refused"] == 1)
        p.submit_ok(registered=1)
        assert receipt_id(receipt(p, answer=False)) == "257"
        assert receipt_id(receipt(p)) == "257"
        assert sim.until("acked", lambda s: s["receipts"]["acked"] == 2)["timeouts"] == 1
        p.submit_ok(registered=1)
        for _ in range(4):
            receipt(p, 0x64)
        sim.until("given up", lambda s: s["receipts"]["refused"] == 2)


def test_unacknowledged_receipt_survives_the_connection():
    with Sim() as sim:
        with Peer(sim, BIND_TRX) as p:
            p.submit_ok(registered=1)
            receipt(p, answer=False)
        with Peer(sim, BIND_RX) as p:
            assert receipt_id(receipt(p)) == "255"


def test_responses_are_checked():
    with Sim() as sim, Peer(sim, BIND_TRX) as p:
        p.submit_ok(registered=1)
        _, _, q, _ = p.recv()
        p.send(DELIVER | RESP, b"", 0, q)
        p.send(DELIVER | RESP, b"\0", 0, 4711)
        s = sim.until("seen", lambda s: s["unexpected_responses"] == 1)
        assert s["malformed"] == 1 and s["receipts"]["acked"] == 1


def test_outcomes_are_weighted_and_repeatable():
    spec = "DELIVRD=70,UNDELIV:err=021=20,EXPIRED=10"

    def run():
        with Sim("--outcomes", spec) as sim, Peer(sim, BIND_TRX) as p:
            for i in range(1000):
                p.submit(dest=b"1202%07d" % i, registered=1)
            got, n_resp = {}, 0
            while len(got) < 1000 or n_resp < 1000:
                command, _, q, body = p.recv()
                if command == DELIVER:
                    f = parse_deliver(body)
                    got[f["source"][2]] = re.search(rb"stat:(\S+) err:(\S+)", f["text"]).groups()
                    p.send(DELIVER | RESP, b"\0", 0, q)
                else:
                    n_resp += 1
            return got

    a = run()
    counts = {k: list(a.values()).count(k) for k in set(a.values())}
    assert set(counts) == {(b"DELIVRD", b"000"), (b"UNDELIV", b"021"), (b"EXPIRED", b"001")}, counts
    for k, want in (((b"DELIVRD", b"000"), 700), ((b"UNDELIV", b"021"), 200), ((b"EXPIRED", b"001"), 100)):
        assert abs(counts[k] - want) < 60, counts
    assert run() == a


# ---- the misbehaving carrier

def shipped(name):
    return "--script", os.path.join(HERE, "scripts", name + ".smsc")


def test_every_shipped_script_says_what_it_is_and_loads():
    folder = os.path.join(HERE, "scripts")
    names = [n for n in os.listdir(folder) if n.endswith(".smsc")]
    assert len(names) >= 30
    for n in names:
        with open(os.path.join(folder, n)) as f:
            assert f.readline().startswith("# "), n
        with Sim(*shipped(n[:-5])):
            pass


def test_bad_scripts_are_refused_with_their_line():
    for line in ("on submit_sm every 0 throttle", "on submit_sm explode", "on nothing 1 throttle", "slow soon", "id roman",
                 "after submit_sm drop", "after 5 submit_sm throttle", "on submit_sm 5..2 throttle", "tps 0", "bogus",
                 "mo every 10 from 1 to 2", "receipt thrice", "bind refuse", "on submit_sm 1 status 0x100000000",
                 "slow 5ms 6ms", 'mo every 1 from 1 to 2 text "open'):
        with tempfile.NamedTemporaryFile("w", suffix=".smsc") as f:
            f.write("# comment\n\n" + line + "\n")
            f.flush()
            r = subprocess.run([PROGRAM, "--listen", "127.0.0.1:0", "--script", f.name], capture_output=True, text=True,
                               timeout=DEADLINE)
            assert r.returncode == 2 and f.name + ":3: " in r.stderr, (line, r)


def test_rules_by_count_and_pattern():
    with Sim(script="on submit_sm every 3 throttle\non submit_sm 1..2 to 1303* status 0x0B\n") as sim, \
            Peer(sim, BIND_TX) as p:
        got = [p.submit_status(dest=d) for d in (b"12020000001", b"13030000001", b"12020000002", b"13030000002",
                                                 b"13030000003", b"12020000003")]
        assert got == [0, 0x0B, 0x58, 0x0B, 0, 0x58], got
        assert sim.stats()["by_status"] == {"0x00000000": 2, "0x0000000B": 2, "0x00000058": 2}


def test_in_a_calm_only_rules_that_count_rest():
    with Sim(script="on submit_sm every 2 throttle\non submit_sm to 1303* status 0x0B\n") as sim, Peer(sim, BIND_TX) as p:
        assert [p.submit_status() for _ in range(2)] == [0, 0x58]
        assert sim.ask("calm") == "ok"
        assert [p.submit_status() for _ in range(4)] == [0] * 4
        assert p.submit_status(dest=b"13030000001") == 0x0B


def test_swallowed_is_not_taken_and_lost_is():
    with Sim(script="on submit_sm 1 swallow\non submit_sm 2 lose\n") as sim, Peer(sim, BIND_TX) as p:
        p.submit(text=b"one")
        p.submit(text=b"two")
        q = p.submit(text=b"two")
        assert p.recv()[2] == q
        s = sim.stats()
        assert (s["swallowed"], s["lost_answers"], s["accepted"], s["duplicates"]) == (1, 1, 2, 1), s


def test_drop_and_unbind():
    with Sim(script="after 2 submit_sm drop\nafter 3 submit_sm unbind\n") as sim:
        with Peer(sim, BIND_TX) as p:
            p.submit_ok()
            p.submit_ok()
            assert p.closed()
        with Peer(sim, BIND_TX) as p:
            p.submit_ok()
            command, status, q, _ = p.recv()
            assert (command, status) == (UNBIND, 0)
            p.submit_ok()
            p.send(UNBIND | RESP, sequence=q)
            assert p.closed()
    with Sim(script="on submit_sm 2 drop\n") as sim, Peer(sim, BIND_TX) as p:
        p.submit_ok()
        p.submit()
        assert p.closed()


def test_broken_streams():
    enquire = bytes.fromhex("00000010 00000015 00000000 7f000001")
    for fault, wanted in (("half-pdu", enquire[:10]), ("wrong-length", b"\0\0\0\x08" + enquire[4:]),
                          ("garbage", b"HTTP/1.1 400 Bad")):
        with Sim("--line", fault + " after 1") as sim, Peer(sim, BIND_TX) as p:
            p.submit_ok()
            assert p.octets(len(wanted)) == wanted, fault
    with Sim("--line", "unknown-command after 1") as sim, Peer(sim, BIND_TX) as p:
        p.submit_ok()
        command, _, q, _ = p.recv()
        assert command == 0x666
        p.send(0x80000000, b"", 3, q)
        p.submit_ok()
        assert sim.stats()["nacks_received"] == 1


def test_slow_delays_each_answer_but_not_the_window():
    with Sim("--line", "slow 200ms") as sim, Peer(sim, BIND_TX) as p:
        start = time.monotonic()
        for _ in range(20):
            p.submit()
        assert [p.recv()[2] for _ in range(20)] == list(range(2, 22))
        took = time.monotonic() - start
        assert 0.2 <= took < 1.5, took
        assert sim.stats()["window_peak"] == 20


def test_bind_is_answered_before_receipts_even_when_slow():
    with Sim("--line", "slow 50ms") as sim:
        with Peer(sim, BIND_TX) as p:
            p.submit_ok(registered=1)
        with Peer(sim, BIND_RX) as p:
            receipt(p)


def test_receipt_first_overtakes():
    with Sim(*shipped("receipt-first")) as sim, Peer(sim, BIND_TRX) as p:
        p.submit(registered=1)
        f = receipt(p)
        assert p.recv()[3] == receipt_id(f).encode() + b"\0"


def test_receipt_faults():
    with Sim(*shipped("receipt-twice")) as sim, Peer(sim, BIND_TRX) as p:
        p.submit_ok(registered=1)
        assert [receipt_id(receipt(p)) for _ in range(2)] == ["255", "255"]
    with Sim(*shipped("receipt-none")) as sim, Peer(sim, BIND_TRX) as p:
        p.submit_ok(registered=1)
        assert sim.stats()["receipts"]["created"] == 0
    with Sim(*shipped("receipt-unknown-id")) as sim, Peer(sim, BIND_TRX) as p:
        ids = []
        for _ in range(14):
            p.submit_ok(registered=1)
            ids.append(int(receipt_id(receipt(p))))
        assert [i for i in range(14) if ids[i] != 255 + i] == [6, 13], ids
    with Sim(*shipped("receipt-other-bind")) as sim, Peer(sim, BIND_TRX) as a, Peer(sim, BIND_TRX) as b:
        for _ in range(5):
            a.submit_ok(registered=1)
            receipt(b)
    with Sim("--max-pending", "2", "--receipt-delay", "600000") as sim, Peer(sim, BIND_TX) as p:
        for _ in range(5):
            p.submit_ok(registered=1)
        assert sim.stats()["receipts"]["dropped"] == 3


def test_bind_refusals_run_out():
    with Sim(*shipped("bind-password-twice")) as sim:
        for _ in range(2):
            with Peer(sim) as p:
                p.bind(BIND_TRX, expect=0x0E)
                assert p.closed()
        with Peer(sim, BIND_TRX) as p:
            p.submit_ok()


def test_short_error_responses():
    with Sim(*shipped("status-resp-short")) as sim, Peer(sim, BIND_TX) as p:
        q = p.submit()
        assert p.recv() == (SUBMIT | RESP, 8, q, b"")
        p.submit_ok()
    with Sim("--line", "on submit_sm 1 status 0x08") as sim, Peer(sim, BIND_TX) as p:
        q = p.submit()
        assert p.recv() == (SUBMIT | RESP, 8, q, b"\0")


def test_silent_enquire_and_nack():
    with Sim(script="no-enquire-answer\non submit_sm 1 nack 0x03\n") as sim, Peer(sim, BIND_TX) as p:
        p.send(ENQUIRE)
        q = p.submit()
        assert p.recv() == (0x80000000, 3, q, b"")
        p.submit_ok()


def test_tps_is_a_real_limit():
    with Sim(*shipped("tps-100")) as sim, Peer(sim, BIND_TX) as p:
        start = time.monotonic()
        ok = n = 0
        while time.monotonic() - start < 1.0:
            n += 1
            ok += p.submit_status() == 0
        took = time.monotonic() - start
        assert n > 500 and 50 * took <= ok <= 100 * took + 12, (n, ok, took)


def test_tps_by_the_clock_gives_a_second_all_at_once():
    with Sim(*shipped("tps-100-by-clock")) as sim, Peer(sim, BIND_TX) as p:
        start = time.monotonic()
        ok = run = longest = 0
        while time.monotonic() - start < 2.2:
            taken = p.submit_status() == 0
            ok += taken
            run = run + 1 if taken else 0
            longest = max(longest, run)
        assert 200 <= ok <= 400 and 90 <= longest <= 200, (ok, longest)


# ---- control, MO, evidence

def test_mo_by_control_and_by_script():
    with Sim(*shipped("mo-every-10")) as sim:
        assert sim.ask("mo 12025550142 5678 hi") == "err nobody has bound yet"
        with Peer(sim, BIND_TRX) as p:
            assert sim.ask("mo 12025550142 5678 hello you") == "ok"
            f = receipt(p)
            assert (f["esm_class"], f["source"], f["dest"], f["dcs"], f["text"]) == (
                0, (1, 1, b"12025550142"), (0, 1, b"5678"), 0, b"hello you"), f
            assert sim.ask("mo 12025550142 5678 Привет 😀") == "ok"
            f = receipt(p)
            assert (f["dcs"], f["text"]) == (8, "Привет 😀".encode("utf-16-be"))
            assert sim.ask("mo-hex 12025550142 5678 40 00 0500030902016869") == "ok"
            f = receipt(p)
            assert (f["esm_class"], f["text"]) == (0x40, bytes.fromhex("0500030902016869"))
            assert sim.ask("mo-hex 12025550142 5678 00 04 - 042400020a0b020b00020b84") == "ok"
            f = receipt(p)
            assert (f["text"], f["tlvs"]) == (b"", {0x0424: b"\x0a\x0b", 0x020b: b"\x0b\x84"}), f
            assert sim.ask("mo-hex 12025550142 5678 00 04 00 04x4").startswith("err ")
            assert sim.ask("mo 1 2 " + "x" * 255).startswith("err ")
            for _ in range(9):
                p.submit_ok()
            p.submit()
            got = sorted(p.recv() for _ in range(2))
            assert parse_deliver(got[0][3])["text"] == b"hello"
            p.send(DELIVER | RESP, b"\0", 0, got[0][2])
            sim.until("acked", lambda s: s["mo"] == dict(created=5, sent=5, acked=5, refused=0, dropped=0))


def test_what_is_held_goes_when_it_is_told_to():
    with Sim() as sim, Peer(sim, BIND_TRX) as p:
        assert sim.ask("hold") == "ok"
        for _ in range(3):
            p.submit_ok(registered=1)
        assert sim.stats()["receipts"]["created"] == 3 and sim.stats()["receipts"]["sent"] == 0
        assert sim.ask("release") == "ok"
        assert sorted(p.recv()[0] for _ in range(3)) == [DELIVER] * 3
        assert sim.ask("hold") == "ok"


def test_control_drops_pauses_and_quits():
    with Sim() as sim:
        with Peer(sim, BIND_TX) as p:
            assert sim.ask("drop") == "ok" and p.closed()
        assert sim.ask("pause") == "ok"
        try:
            Peer(sim)
            raise AssertionError("still listening")
        except ConnectionRefusedError:
            pass
        assert sim.ask("resume") == "ok"
        with Peer(sim, BIND_TX) as p:
            p.submit_ok()
        assert sim.ask("nonsense").startswith("err ")
        assert sim.ask("quit") == "ok"
        assert json.loads(sim.p.stdout.read())["accepted"] == 1
        assert sim.p.wait(DEADLINE) == 0


def test_duplicates_are_seen():
    with Sim() as sim, Peer(sim, BIND_TX) as p:
        p.submit_ok(text=b"one")
        p.submit_ok(text=b"one", dest=b"12025550143")
        p.submit_ok(text=b"two")
        p.submit_ok(esm=0x40, text=b"\x05\x00\x03\x01\x02\x01one")
        p.submit_ok(esm=0x40, text=b"\x05\x00\x03\x01\x02\x02one")
        assert sim.stats()["duplicates"] == 0
        for _ in range(3):
            p.submit_ok(text=b"two")
        s = sim.stats()
        assert (s["unique"], s["repeated"], s["duplicates"]) == (5, 1, 3), s
        assert s["repeats"][0] == {"to": "12025550142", "hex": b"two".hex()}


def test_many_keys_grow_the_table():
    with Sim() as sim, Peer(sim, BIND_TX) as p:
        for turn in range(2):
            for at in range(0, 50000, 500):
                pdus = b""
                for i in range(at, at + 500):
                    body = submit_body(text=b"%d" % i)
                    pdus += struct.pack(">IIII", 16 + len(body), SUBMIT, 0, i + 1) + body
                p.s.sendall(pdus)
                for _ in range(500):
                    p.recv()
        s = sim.stats()
        assert (s["unique"], s["repeated"], s["duplicates"], s["keys_dropped"]) == (50000, 50000, 50000, 0), s


def test_audit_log_is_complete_after_kill():
    with tempfile.TemporaryDirectory() as d, Sim("--log", os.path.join(d, "log")) as sim, Peer(sim, BIND_TX) as p:
        p.submit_ok(source=b"My Shop", text=b"a\0b")
        p.submit_ok(esm=0x40, dcs=0xF5, text=b"\x05\x00\x03\x01\x01\x01x")
        p.submit_ok(text=b"y", tlvs=bytes.fromhex("0005000101 0204000200ff"))
        p.submit_ok(text=b"", tlvs=bytes.fromhex("042400027a7a"))
        sim.p.kill()
        sim.p.wait(DEADLINE)
        with open(os.path.join(d, "log")) as f:
            lines = [line.split() for line in f]
        assert [x[1:] for x in lines] == [
            ["2", "0", "255", "My%20Shop", "12025550142", "00", "00", "610062", "-", "-", "-"],
            ["3", "0", "256", "POST", "12025550142", "40", "f5", "05000301010178", "-", "-", "-"],
            ["4", "0", "257", "POST", "12025550142", "00", "00", "79", "00050001010204000200ff", "-", "-"],
            ["5", "0", "258", "POST", "12025550142", "00", "00", "7a7a", "042400027a7a", "-", "-"]], lines
        assert abs(int(lines[0][0]) / 1e6 - time.time()) < 60


def test_stats_file_is_written_on_usr1_and_at_the_end():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "stats")
        with Sim("--stats", path) as sim, Peer(sim, BIND_TX) as p:
            p.submit_ok()
            sim.p.send_signal(signal.SIGUSR1)
            end = time.monotonic() + DEADLINE
            while not os.path.exists(path) and time.monotonic() < end:
                sim.stats()
            with open(path) as f:
                assert json.load(f)["accepted"] == 1
            p.submit_ok()
            assert sim.end()["accepted"] == 2
            with open(path) as f:
                assert json.load(f)["accepted"] == 2


def test_slow_reader_does_not_cost_memory_or_answers():
    """48 MB of requests and no reading: more than all kernel buffers, so the simulator has to stop reading."""
    with Sim() as sim, Peer(sim, BIND_TX) as p:
        pdu = struct.pack(">IIII", 16, ENQUIRE, 0, 9)
        left = memoryview(pdu * 3000000)
        p.s.settimeout(1.0)
        try:
            while left:
                left = left[p.s.send(left[:65536]):]
        except socket.timeout:
            pass
        assert left, "everything was taken without reading one answer"
        with open("/proc/%d/status" % sim.p.pid) as f:
            assert int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) < 200000
        n = (3000000 * 16 - len(left)) // 16
        want = struct.pack(">IIII", 16, ENQUIRE | RESP, 0, 9) * 4096
        p.s.settimeout(DEADLINE)
        while n > 0:
            k = min(n, 4096)
            assert p.octets(16 * k) == want[:16 * k]
            n -= k


# ---- a third opinion

def pcap(path, pdus):
    """One TCP segment for each PDU, from port 2775; raw IPv4 (link type 101), checksums left at zero."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 70000, 101))
        seq = 1
        for pdu in pdus:
            tcp = struct.pack(">HHIIBBHHH", 2775, 40000, seq, 1, 0x50, 0x18, 65535, 0, 0)
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(pdu), 0, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
            f.write(struct.pack("<IIII", 0, 0, 40 + len(pdu), 40 + len(pdu)) + ip + tcp + pdu)
            seq += len(pdu)


def answers_of_a_long_session():
    pdus = []

    class Recorder(Peer):
        def recv(self):
            got = Peer.recv(self)
            pdus.append(struct.pack(">IIII", 16 + len(got[3]), *got[:3]) + got[3])
            return got

    for form in ("text", "tlv", "both"):
        with Sim("--receipt-form", form, "--line", "on submit_sm 2 throttle", "--line", "id uuid") as sim, \
                Recorder(sim) as p:
            p.bind(BIND_TRX)
            mid = p.submit_ok(registered=1)
            receipt(p)
            p.submit_status()
            p.submit_status(length=255)
            for command, body in ((3, mid.encode() + b"\0\5\0POST\0"), (3, b"x\0\5\0POST\0"), (ENQUIRE, b""),
                                  (8, b"\0" + mid.encode() + b"\0\5\0POST\0\1\1\0"), (0x666, b""), (UNBIND, b"")):
                if command == ENQUIRE:
                    assert sim.ask("mo-hex 12025550142 5678 40 08 0500030902010416") == "ok"
                    receipt(p)
                p.send(command, body)
                p.recv()
    return pdus


def test_wireshark_finds_nothing_malformed():
    try:
        subprocess.run(["tshark", "--version"], capture_output=True, timeout=60)
    except FileNotFoundError:
        return "SKIP tshark is not installed"
    pdus = answers_of_a_long_session()

    def tshark(path, show):
        out = subprocess.run(["tshark", "-r", path, "-Y", show, "-T", "fields", "-e", "frame.number"],
                             capture_output=True, text=True, timeout=60)
        assert out.returncode == 0, out.stderr
        return len(out.stdout.split())

    bad = "_ws.malformed || _ws.short || smpp && _ws.expert.severity >= 0x600000"
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "session.pcap")
        pcap(path, pdus)
        assert tshark(path, "smpp") == len(pdus) == 36, len(pdus)
        assert tshark(path, bad) == 0
        # A receipt cut short: the filter does find something when there is something.
        cut = next(p for p in pdus if p[7] == DELIVER)[:-1]
        pcap(path, [struct.pack(">I", len(cut)) + cut[4:]])
        assert tshark(path, bad) == 1
    return None


def main():
    wanted = sys.argv[1:]
    tests = [(n, f) for n, f in list(globals().items()) if n.startswith("test_") and (not wanted or n in wanted)]
    print("1..%d" % len(tests))
    bad = 0
    for i, (name, f) in enumerate(tests, 1):
        try:
            skip = f()
            print("ok %d - %s%s" % (i, name[5:].replace("_", " "), " # " + skip if skip else ""), flush=True)
        except Exception:
            bad += 1
            for line in traceback.format_exc().splitlines():
                print("# " + line)
            print("not ok %d - %s" % (i, name[5:].replace("_", " ")), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
