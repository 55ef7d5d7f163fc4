#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The modem simulator against AT commands and TPDUs written down from TS 27.005 and TS 23.040.

Nothing here packs or parses through the simulator's own code: PDUs are octets from the standard's tables, answers are
compared as they come from the port.  Every wait has a deadline and an event; no sleeps.  gammu, where it is installed,
sends and receives through it too.  Output is TAP.

    python3 tests/peers/test_modem_sim.py [test_name...]     POSTHORN_BUILD names the build folder (default .)
"""
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
import traceback
import tty

PROGRAM = os.path.join(os.environ.get("POSTHORN_BUILD", "."), "posthorn-modem-sim")
DEADLINE = 10.0
# TS 23.040 9.2.2.2: no service centre, SUBMIT with relative VP and a report wanted, 46708251358, "hellohello".
HELLO = "0031000B916407281553F80000AA0AE8329BFD4697D9EC37"


class Sim:
    def __init__(self, *lines, args=()):
        self.dir = tempfile.TemporaryDirectory()
        self.log = os.path.join(self.dir.name, "log")
        args = [PROGRAM, "--dir", self.dir.name, "--control", "127.0.0.1:0", "--log", self.log, *args]
        for line in lines:
            args += ["--line", line]
        self.p = subprocess.Popen(args, stdout=subprocess.PIPE, text=True)
        self.ports = {}
        while True:
            words = self.p.stdout.readline().split()
            assert words, "it did not start"
            if words[0] == "port":
                self.ports[words[1] + "-" + words[2]] = words[3]
            elif words[0] == "control":
                control = int(words[1].rsplit(":", 1)[1])
            elif words == ["ready"]:
                break
        self.control = socket.create_connection(("127.0.0.1", control), DEADLINE)
        self.lines = self.control.makefile("r")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.p.poll() is None:
            self.p.terminate()
        self.p.stdout.read()  # to the end, which wait() with a deadline would find by looking now and then
        assert self.p.wait(DEADLINE) in (0, -9), self.p.returncode
        self.p.stdout.close()
        self.lines.close()
        self.control.close()
        self.dir.cleanup()

    def ask(self, line):
        self.control.sendall(line.encode() + b"\n")
        return self.lines.readline().rstrip("\n")

    def do(self, line):
        answer = self.ask(line)
        assert answer == "ok", (line, answer)

    def stats(self):
        return json.loads(self.ask("stats"))

    def until(self, what, test):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            s = self.stats()
            if test(s):
                return s
        raise AssertionError("never: " + what + "; " + json.dumps(s))

    def events(self, event):
        self.stats()
        with open(self.log) as f:
            return [e for e in map(json.loads, f) if e["event"] == event]

    def link(self, name="sim0-at"):
        return os.path.join(self.dir.name, name)

    def until_link(self, there, name="sim0-at"):
        end = time.monotonic() + DEADLINE
        while os.path.lexists(self.link(name)) != there:
            assert time.monotonic() < end, f"{name} is {'not ' if there else ''}there"


class Client:
    """Raw octets to a port and from it; `sim` alone: its only port."""

    def __init__(self, sim, name="sim0-at", speed=termios.B115200, quiet=True):
        path = sim.ports.get(name) or sim.link(name)
        if not path.startswith("/"):
            host, port = path.rsplit(":", 1)
            self.s = socket.create_connection((host, int(port)), DEADLINE)
            self.fd = self.s.fileno()
        else:
            self.s = None
            self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
            tty.setraw(self.fd)
            self.speed(speed)
        self.got = b""
        if quiet:
            self.at("ATE0")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def speed(self, speed):
        attributes = termios.tcgetattr(self.fd)
        attributes[4] = attributes[5] = speed
        termios.tcsetattr(self.fd, termios.TCSANOW, attributes)

    def close(self):
        if self.s:
            self.s.close()
        elif self.fd >= 0:
            os.close(self.fd)
        self.s, self.fd = None, -1

    def send(self, text):
        os.write(self.fd, text.encode() if isinstance(text, str) else text)

    def until(self, pattern, deadline=DEADLINE):
        """All octets up to the end of what fits the pattern."""
        end = time.monotonic() + deadline
        while True:
            m = re.search(pattern, self.got, re.S)
            if m:
                taken, self.got = self.got[:m.end()], self.got[m.end():]
                return taken.decode("latin-1")
            left = end - time.monotonic()
            assert left > 0 and select.select([self.fd], [], [], left)[0], (pattern, self.got)
            more = os.read(self.fd, 65536)
            assert more, (pattern, "the end of the file")
            self.got += more

    FINAL = rb"\r\n(OK|ERROR|NO CARRIER|\+CM[SE] ERROR: [^\r]*)\r+\n"

    def at(self, command):
        """The lines of the answer."""
        self.send(command + "\r")
        return [x for x in re.split("[\r\n]+", self.until(self.FINAL)) if x]

    def pdu(self, pdu, command=None):
        length = len(pdu) // 2 - 1 - int(pdu[:2], 16)
        self.send((command or "AT+CMGS=%d" % length) + "\r")
        self.until(rb"\r\n> ?")
        self.send(pdu + "\x1a")

    def submit(self, pdu=HELLO):
        self.pdu(pdu)
        return [x for x in re.split("[\r\n]+", self.until(self.FINAL)) if x]

    def line(self, pattern):
        """The next unsolicited line that fits, without what was before."""
        self.until(rb"\r\n(?=" + pattern.encode() + rb")")
        return self.until(rb"\r+\n").rstrip("\r\n")

    def nothing(self):
        """Nothing more was said: an answer comes straight behind."""
        self.send("AT+CGMI\r")
        said = self.until(rb"OK\r+\n")
        assert said.count("\r\n") <= 4, said

    def silent(self):
        """No answer; the simulator has had the octets, as its control port says."""
        return not select.select([self.fd], [], [], 0.1)[0]

    def closed(self):
        try:
            return os.read(self.fd, 1) == b""
        except OSError:
            return True


def submit_for(number, text_octets=b"hi", dcs=4, first=0x01, udh=b""):
    """A SUBMIT of 8-bit data to +number."""
    digits = number + "F" * (len(number) % 2)
    swapped = "".join(digits[i + 1] + digits[i] for i in range(0, len(digits), 2))
    ud = udh + text_octets
    return "00%02X00%02X91%s00%02X%02X%s" % (first, len(number), swapped, dcs, len(ud), ud.hex().upper())


# ---- the well-behaved modem

def test_commands_are_answered_as_v250_says():
    with Sim() as sim, Client(sim, quiet=False) as c:
        c.send("AT\r")
        assert c.until(rb"OK\r\n") == "AT\r\r\nOK\r\n"
        c.send("ate0\r")
        assert c.until(rb"OK\r\n") == "ate0\r\r\nOK\r\n"
        c.send("AT+CREG?;+CSQ\r")
        assert c.until(rb"OK\r\n") == "\r\n+CREG: 0,1\r\n+CSQ: 20,99\r\n\r\nOK\r\n"
        assert c.at("AT+NOSUCH") == ["ERROR"]
        assert c.at("AT+CREG?;+NOSUCH;+CSQ") == ["+CREG: 0,1", "ERROR"]
        assert c.at("\x1b\x00garbageAT") == ["OK"]
        c.send("ATV0\r")
        assert c.until(rb"0\r\n") == "\r\n0\r\n"


def test_errors_follow_cmee():
    with Sim("sim out") as sim, Client(sim) as c:
        assert c.at("AT+CIMI") == ["ERROR"]
        c.at("AT+CMEE=1")
        assert c.at("AT+CIMI") == ["+CME ERROR: 10"]
        c.at("AT+CMEE=2")
        assert c.at("AT+CIMI") == ["+CME ERROR: SIM not inserted"]


def test_a_message_is_taken_and_reported():
    with Sim() as sim, Client(sim) as c:
        c.at("AT+CNMI=2,1,0,1,0")
        assert c.submit() == ["+CMGS: 0", "OK"]
        assert c.line(r"\+CDS") == "+CDS: 25"
        report = c.until(rb"\r\n").strip()
        # +491710760000; STATUS-REPORT, MR 0, 46708251358, two times, received
        assert re.fullmatch("0791947101670000" "06000B916407281553F8" "[0-9]{12}40" "[0-9]{12}40" "00", report), report
        assert c.submit() == ["+CMGS: 1", "OK"]
        s = sim.stats()
        assert (s["accepted"], s["unique"], s["duplicates"], s["malformed"]) == (2, 1, 1, 0), s
        e = sim.events("submit")
        assert [(x["to"], x["text"], x["mr"], x["duplicate"]) for x in e] == \
            [("+46708251358", "hellohello", 0, False), ("+46708251358", "hellohello", 1, True)], e
        assert e[0]["pdu"] == HELLO


def test_escape_cancels_an_entry():
    with Sim() as sim, Client(sim) as c:
        c.send("AT+CMGS=23\r")
        c.until(rb"> ")
        c.send(HELLO[:20] + "\x1b")
        assert c.until(rb"OK\r\n") == "\r\nOK\r\n"
        assert sim.stats()["submits"] == 0


def test_malformed_tpdus_are_named():
    rows = [
        ("length in the command", HELLO, 22, "length in the command"),
        ("no hexadecimal", "00ZZ" + HELLO[4:], 23, None),
        ("DELIVER", "0030" + HELLO[4:], 23, "TP-MTI"),
        ("destination without digits", "00010000910000024142", 9, "TP-DA has no digits"),
        ("destination of 21 digits", "00010015911111111111111111111111000004024142", 21, "more than 20"),
        ("alphanumeric destination", "00010004D0C122000402" + "4142", 11, "alphanumeric"),
        ("bit 7 of TOA", "0001000411" + "1122" + "0004024142", 11, "bit 7"),
        ("filler among the digits", "0001000491F122" + "0004024142", 11, "filler inside"),
        ("odd without filler", "0001000391" + "1122" + "0004024142", 11, "no filler"),
        ("reserved alphabet", "0001000491" + "1122" + "000C024142", 11, "reserved"),
        ("class without its bit", "0001000491" + "1122" + "0005024142", 11, "class"),
        ("TP-UDL past the end", "0001000491" + "1122" + "0004034142", 11, "past the end"),
        ("octets left over", "0001000491" + "1122" + "0004014142", 11, "behind the user data"),
        ("161 septets", "0001000491" + "1122" + "0000A1" + "00" * 141, 150, "140 octets"),
        ("dirty bits behind the last septet", "0001000491" + "1122" + "00000181", 10, "behind the last septet"),
        ("UCS-2 odd", "0001000491" + "1122" + "000803004100", 12, "odd number"),
        ("half a surrogate pair", "0001000491" + "1122" + "000802D83D", 11, "surrogate"),
        ("header past the data", "0041000491" + "1122" + "0004020500", 11, "goes past"),
        ("part 3 of 2", "0041000491" + "1122" + "000406" + "050003AA0203", 15, "counts wrongly"),
        ("fill bit set", "0041000491" + "1122" + "000008" + "050003CC020183", 16, "fill bits"),
        ("escape at the end", "0001000491" + "1122" + "0000011B", 10, "escape"),
        ("service centre of one octet", "0191" + HELLO[2:], 23, "service centre"),
    ]
    with Sim() as sim, Client(sim) as c:
        for i, (why, pdu, length, reason) in enumerate(rows):
            c.pdu(pdu, "AT+CMGS=%d" % length)
            assert "+CMS ERROR: 304" in c.until(c.FINAL), why
            s = sim.stats()
            assert s["malformed"] == i + 1 and s["accepted"] == 0, (why, s)
            if reason:
                assert reason in s["judged"]["malformed"][-1]["why"], (why, s["judged"]["malformed"][-1])
        assert c.submit() == ["+CMGS: 0", "OK"]


def test_texts_are_read():
    rows = [
        # concatenation, reference CC, part 1 of 2, fill bit, "A": TS 23.040, 9.2.3.24.1
        ("41000B916407281553F8000008050003CC020182", "A", {"ref": 0xCC, "total": 2, "seq": 1}),
        ("01000B916407281553F8000804D83DDE00", "\U0001F600", None),
        ("01000B916407281553F800000A" "E8329BFD4697D9EC37", "hellohello", None),
        ("01000B916407281553F80000029B32", "€", None),
    ]
    with Sim() as sim, Client(sim) as c:
        for tpdu, text, concat in rows:
            assert c.submit("00" + tpdu)[-1] == "OK", tpdu
            e = sim.events("submit")[-1]
            assert (e["text"], e.get("concat")) == (text, concat), e
        c.submit("00" "01000B916407281553F80004024142")
        assert sim.events("submit")[-1]["hex"] == "4142"
        assert sim.stats()["long_messages"] == 1


def test_the_same_part_is_a_duplicate_under_any_reference():
    with Sim() as sim, Client(sim) as c:
        for first, duplicates in (("050003AA0201", 0), ("050003AA0202", 0), ("050003BB0201", 1)):
            c.submit(submit_for("4915112345678", first=0x41, udh=bytes.fromhex(first)))
            assert sim.stats()["duplicates"] == duplicates, first
        c.submit(submit_for("4915112345679", first=0x41, udh=bytes.fromhex("050003BB0201")))
        assert sim.stats()["duplicates"] == 1


def test_without_a_service_centre_nothing_goes():
    with Sim('sca ""') as sim, Client(sim) as c:
        assert c.at("AT+CSCA?")[0] == '+CSCA: "",129'
        assert c.submit() == ["+CMS ERROR: 330"]
        assert c.submit("07919471016700" + "00" + HELLO[2:])[-1] == "OK"
        c.at('AT+CSCA="+491710760000",145')
        assert c.submit()[-1] == "OK"


def test_messages_can_be_stored_and_sent_from_there():
    with Sim() as sim, Client(sim) as c:
        c.pdu(HELLO, "AT+CMGW=23")
        assert "+CMGW: 1\r\n" in c.until(c.FINAL)
        assert c.at("AT+CMGR=1") == ["+CMGR: 2,,23", HELLO, "OK"]
        assert c.at("AT+CMSS=1") == ["+CMSS: 0", "OK"]
        assert c.at("AT+CMGL=3") == ["+CMGL: 1,3,,23", HELLO, "OK"]
        assert c.at("AT+CMGD=0,4") == ["OK"]
        assert c.at("AT+CMGL=4") == ["OK"]
        assert c.at("AT+CMSS=1") == ["+CMS ERROR: 321"]
        assert sim.stats()["accepted"] == 1


# ---- how makers differ

def test_cnmi_is_as_the_maker_has_it():
    rows = [("generic", "2,1,0,1,0", True), ("generic", "2,1,0,1,2", False), ("generic", "4,1,0,1,0", False),
            ("wavecom", "2,1,0,1,0", False), ("wavecom", "2,1,0,0,0", True), ("qualcomm", "2,1,0,1,0", False),
            ("qualcomm", "2,1,0,2,0", True), ("mc35", "2,1,0,2,0", False), ("mc35", "2,1,0,2,1", True),
            ("mc35", "2,1,0,1,1", False), ("cinterion", "2,1,0,1,1", False), ("telit", "2,1,0,1,0", True),
            ("telit", "2,1,0,2,0", False), ("zte", "2,1,0,1,0", True)]
    for profile, setting, taken in rows:
        with Sim("profile " + profile) as sim, Client(sim) as c:
            got = c.at("AT+CNMI=" + setting)[-1] == "OK"
            assert got == taken, (profile, setting)
            if taken:
                assert "+CNMI: " + setting in c.at("AT+CNMI?"), profile
    with Sim("profile cinterion") as sim, Client(sim) as c:
        c.at("AT+CSMS=1")
        assert c.at("AT+CNMI=2,1,0,1,1") == ["OK"]


def test_reports_go_where_the_maker_puts_them():
    # profile, ds, what is said, where it is found
    rows = [("generic", 1, r"\+CDS: 25", None), ("generic", 2, r'\+CDSI: "SM",1', "SM"),
            ("ec25", 2, r'\+CDSI: "SM",0', "SR"), ("sim7600", 2, r'\+CDSI: "SR",0', "SR"),
            ("zte", 1, None, "SM"), ("zte", 2, r'\+CDSI: "SM",0', "SM"), ("wavecom", 0, None, None)]
    for profile, ds, said, memory in rows:
        with Sim("profile " + profile) as sim, Client(sim) as c:
            assert c.at("AT+CNMI=2,1,0,%d,0" % ds) == ["OK"]
            assert c.submit()[-1] == "OK"
            if said:
                c.line(said)
            else:
                c.nothing()
            s = sim.stats()
            assert s["reports_made"] == 1, (profile, s)
            assert s["modems"][0]["memories"] == {**dict.fromkeys(s["modems"][0]["memories"], 0),
                                                  **({memory: 1} if memory else {})}, (profile, ds, s)


def test_the_sim_counts_wrong_pins():
    with Sim("pin 1234") as sim, Client(sim) as c:
        c.at("AT+CMEE=1")
        assert c.at("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
        assert c.at("AT+CIMI") == ["+CME ERROR: 11"]
        assert c.at("AT+CMGS=23") == ["+CMS ERROR: 311"]
        assert c.at('AT+CPIN="0000"') == ["+CME ERROR: 16"]
        assert c.at('AT+CPIN="0000"') == ["+CME ERROR: 16"]
        assert sim.stats()["modems"][0]["pin_left"] == 1
        assert c.at('AT+CPIN="0000"') == ["+CME ERROR: 12"]
        assert c.at("AT+CPIN?") == ["+CPIN: SIM PUK", "OK"]
        assert c.at('AT+CPIN="11111111","4321"') == ["+CME ERROR: 16"]
        assert c.at('AT+CPIN="12345678","4321"') == ["OK"]
        assert c.at("AT+CPIN?") == ["+CPIN: READY", "OK"]
        assert sim.stats()["pins_wrong"] == 4


def test_the_counter_is_asked_as_the_maker_wants():
    rows = [("generic", "AT+CPINR", "+CPINR: SIM PIN,2,3"), ("huawei-e173", "AT^CPIN?", "^CPIN: SIM PIN,2,10,2,10,3"),
            ("sim800", "AT+SPIC", "+SPIC: 2,10,3,10"), ("ec25", "AT+QPINC?", '+QPINC: "SC",2,10'),
            ("mc35", "AT^SPIC", "^SPIC: 2"), ("telit", "AT#PCT", "#PCT: 2"), ("u-blox", "AT+UPINCNT", "+UPINCNT: 2,3,10,10"),
            ("zte", "AT+ZPINPUK=?", "+ZPINPUK: 2,10")]
    for profile, command, line in rows:
        with Sim("profile " + profile, "pin 1234") as sim, Client(sim) as c:
            c.at('AT+CPIN="0000"')
            assert line in c.at(command), (profile, c.at(command))
            assert c.at('AT+CPIN="1234"') == ["OK"]


def test_identity_and_odd_line_ends():
    rows = [("generic", "AT+CCID", "+CCID: 8949"), ("huawei-e173", "AT^ICCID?", "^ICCID: 8949"),
            ("ec25", "AT+QCCID", "+QCCID: 8949"), ("sim7600", "AT+CICCID", "+CICCID: 8949"), ("sim800", "AT+CCID", "8949"),
            ("sim7600", "AT+CGMR", "+CGMR: LE20"), ("huawei-e173", "AT+CGMI", "huawei"), ("ec25", "AT+CGMM", "EC25")]
    for profile, command, start in rows:
        with Sim("profile " + profile) as sim, Client(sim) as c:
            assert c.at(command)[0].startswith(start), (profile, c.at(command))
    with Sim("profile huawei-e173") as sim, Client(sim) as c:
        c.send("AT\r")
        assert c.until(rb"OK\r+\n") == "\r\r\nOK\r\r\n"


def test_ports_have_their_roles():
    with Sim("profile huawei-e173", args=["--all-ports"]) as sim:
        assert sorted(sim.ports) == ["sim0-at", "sim0-diag", "sim0-modem"]
        with Client(sim, "sim0-diag", quiet=False) as diag, Client(sim, "sim0-modem") as modem, Client(sim) as c:
            diag.send("AT\r")
            sim.do("urc ^RSSI:1")
            assert c.line(r"\^RSSI") == "^RSSI:1"
            modem.nothing()
            assert diag.silent()


# ---- mobile originated

def test_a_message_for_the_sim_is_stored_or_shown():
    with Sim() as sim, Client(sim) as c:
        c.at("AT+CNMI=2,1,0,0,0")
        sim.do("mo +4915112345678 text How are you?")
        assert c.line(r"\+CMTI") == '+CMTI: "SM",1'
        head, pdu, ok = c.at("AT+CMGR=1")
        assert (head, ok) == ("+CMGR: 0,,31", "OK")
        assert re.fullmatch("0791947101670000" "040D91945111325476F8" "0000" "[0-9]{12}40" "0CC8F71D14969741F977FD07", pdu), pdu
        assert c.at("AT+CMGR=1")[0] == "+CMGR: 1,,31"
        c.at("AT+CMGD=1")
        c.at("AT+CNMI=2,2,0,0,0")
        sim.do('mo "Design@Home" text "Привет 😀"')
        assert c.line(r"\+CMT").startswith("+CMT: ,")
        pdu = c.until(rb"\r\n").strip()
        assert "14D0C4F23C7D760390EF7619" in pdu and pdu.endswith("Привет 😀".encode("utf-16-be").hex().upper()), pdu
        assert sim.stats()["modems"][0]["memories"]["SM"] == 0


def test_long_messages_come_in_any_order():
    with Sim() as sim, Client(sim) as c:
        c.at("AT+CNMI=2,1,0,0,0")
        sim.do("mo +491 reverse text " + "x" * 400)
        sim.until("three parts", lambda s: s["mo_stored"] == 3)
        got = [x for x in c.at("AT+CMGL=4") if x.startswith("07919")]
        assert [re.search("050003(..)(..)(..)", x).groups() for x in got] == [("01", "03", "03"), ("01", "03", "02"),
                                                                             ("01", "03", "01")], got
        sim.do("mo +491 lose 2 twice ucs2 text " + "y" * 200)
        sim.until("two of three, twice", lambda s: s["mo_stored"] == 7)


def test_class_0_type_0_and_mms_are_not_texts():
    with Sim() as sim, Client(sim) as c:
        c.at("AT+CNMI=2,1,0,0,0")
        sim.do("mo +491 class 0 text flash")
        assert c.line(r"\+CMT:").startswith("+CMT: ,")
        c.until(rb"\r\n")
        sim.do("mo +491 type0 text ping")
        sim.do("mms +491")
        assert c.line(r"\+CMTI") == '+CMTI: "SM",1'
        pdu = c.at("AT+CMGR=1")[1]
        assert "0605040B8423F0" in pdu and b"application/vnd.wap.mms-message\0".hex().upper() in pdu
        s = sim.stats()
        assert (s["mo_made"], s["mo_stored"], s["mo_shown"]) == (3, 1, 1), s


def test_a_full_memory_holds_messages_up():
    with Sim("profile ec25", "memory SM 2") as sim, Client(sim) as c:
        c.at('AT+CPMS="SM","SM","SM"')
        c.at("AT+CNMI=2,1,0,0,0")
        sim.do("memory SM full")
        sim.do("mo +491 text new")
        assert c.line(r"\+QIND").startswith('+QIND: "smsfull"')
        assert sim.stats()["modems"][0]["waiting"] == 1
        assert c.at("AT+CMGD=0") == ["OK"]
        assert c.line(r"\+CMTI") == '+CMTI: "SM",0'
        assert sim.stats()["modems"][0]["waiting"] == 0


def test_direct_messages_want_an_acknowledgement_in_phase_2plus():
    with Sim("cnma-timeout 200") as sim, Client(sim) as c:
        assert c.at("AT+CNMA") == ["+CMS ERROR: 303"]
        c.at("AT+CSMS=1")
        assert c.at("AT+CNMA") == ["+CMS ERROR: 340"]
        c.at("AT+CNMI=2,2,0,1,0")
        sim.do("mo +491 text one")
        sim.do("mo +491 text two")
        c.line(r"\+CMT:")
        assert c.at("AT+CNMA")[-1] == "OK"
        c.line(r"\+CMT:")
        sim.until("no acknowledgement", lambda s: s["mo_unacked"] == 1)
        assert "+CNMI: 2,0,0,0,0" in c.at("AT+CNMI?")
        c.at("AT+CNMI=2,2,0,1,0")
        c.line(r"\+CMT:")
        c.at("AT+CNMA=1")
        s = sim.stats()
        assert (s["mo_direct"], s["mo_acked"], s["modems"][0]["waiting"]) == (3, 2, 0), s


def test_mode_0_keeps_indications():
    with Sim() as sim, Client(sim) as c:
        c.at("AT+CNMI=0,1,0,0,0")
        sim.do("mo +491 text one")
        c.nothing()
        c.at("AT+CNMI=2,1,0,0,0")
        assert c.line(r"\+CMTI") == '+CMTI: "SM",1'


# ---- faults

def test_errors_are_given_as_scripted():
    with Sim("on submit 1 cms 500", "on submit 2 cms 38 taken", "on submit 3 error", "on cmgs 4 cms 302",
             "on command +CSQ 2 cme 100", "on submit to +467* mr 7") as sim, Client(sim) as c:
        c.at("AT+CMEE=1")
        assert c.submit() == ["+CMS ERROR: 500"]
        assert c.submit() == ["+CMS ERROR: 38"]
        assert c.submit() == ["ERROR"]
        assert c.at("AT+CMGS=23") == ["+CMS ERROR: 302"]
        assert c.submit() == ["+CMGS: 7", "OK"]
        assert c.at("AT+CSQ")[-1] == "OK"
        assert c.at("AT+CSQ") == ["+CME ERROR: 100"]
        s = sim.stats()
        assert (s["accepted"], s["refused"], s["answers_lost"]) == (2, 2, 1), s


def test_answers_are_lost_as_scripted():
    with Sim("on submit 1 lose-answer", "on submit 2 no-answer", "on submit 3 lose-ok", "on submit 4 lose-cmgs") as sim, \
            Client(sim) as c:
        for accepted in (1, 1):
            c.pdu(HELLO)
            sim.until("it is in", lambda s: s["accepted"] == accepted)
            c.nothing()
        c.pdu(HELLO)
        assert c.until(rb"\+CMGS: \d+\r\n") == "\r\n+CMGS: 1\r\n"
        c.nothing()
        assert c.submit() == ["OK"]
        assert sim.stats()["accepted"] == 3


def test_prompts_come_late_or_never():
    with Sim("on cmgs 1 late 50", "on cmgs 2 no-answer", "on cmgs 3 lose-prompt", "prompt-bare on") as sim, Client(sim) as c:
        assert c.submit() == ["+CMGS: 0", "OK"]
        c.send("AT+CMGS=23\r")
        c.nothing()
        c.send("AT+CMGS=23\r")
        sim.until("the third", lambda s: s["cmgs"] == 3)
        c.send("AT\r\x1b")
        assert c.until(rb"OK\r\n") == "\r\nOK\r\n"
        c.send("AT+CMGS=23\r")
        assert c.until(rb">") == "\r\n>"


def test_silence_ends_as_scripted():
    with Sim("on command +CSQ 1 silent until-reopen", "on command +CSQ 2 silent 100") as sim:
        with Client(sim) as c:
            c.send("AT+CSQ\r")
            sim.until("silent", lambda s: s["modems"][0]["state"] == "silent")
            c.send("AT\r")
            assert c.silent()
        with Client(sim) as c:
            c.send("AT+CSQ\r")
            sim.until("talkative", lambda s: s["modems"][0]["state"] == "ready" and s["commands"] == 4)
            assert c.at("AT") == ["OK"]
            sim.do("silence forever")
            c.send("AT\r")
            assert c.silent()
            sim.do("silence 0")
            assert c.at("AT") == ["OK"]


def test_a_restart_forgets_and_moves():
    with Sim("pin 1234", "boot-after 50", "on submit 1 restart taken", "on submit 2 restart 60") as sim:
        for accepted in (1, 1):
            with Client(sim) as c:
                c.at('AT+CPIN="1234"')
                c.at("AT+CNMI=2,1,0,1,0")
                device = os.readlink(sim.link())
                c.pdu(HELLO)
                assert c.closed()
            sim.until("it is back", lambda s: s["modems"][0]["state"] == "ready")
            assert sim.stats()["accepted"] == accepted
        with Client(sim, quiet=False) as c:
            c.send("AT\r")
            assert c.until(rb"OK\r\n") == "AT\r\r\nOK\r\n"
            assert c.at("ATE0;+CPIN?")[-2:] == ["+CPIN: SIM PIN", "OK"]
        assert sim.stats()["restarts"] == 2
        assert device


def test_cfun_resets_and_may_hang_or_come_back_as_a_disk():
    with Sim("boot-after 50") as sim, Client(sim) as c:
        assert c.at("AT+CFUN=1,1") == ["OK"]
        assert c.closed()
        sim.until("it is back", lambda s: s["modems"][0]["state"] == "ready" and s["resets"] == 1)
    with Sim("reset-to-storage on") as sim, Client(sim) as c:
        c.at("AT+CFUN=1,1")
        assert c.closed()
        assert sim.until("a disk", lambda s: s["modems"][0]["state"] == "disk")
        assert not os.path.lexists(sim.link())
        sim.do("replug")
        with Client(sim) as d:
            assert d.at("AT") == ["OK"]
    with Sim("reset-hangs on") as sim, Client(sim) as c:
        c.send("AT+CFUN=1,1\r")
        sim.until("hangs", lambda s: s["modems"][0]["state"] == "silent")


def test_a_serial_modem_keeps_its_line():
    with Sim("profile sim800", "boot-after 50", "ready-after 100", "ready-code 515") as sim, Client(sim) as c:
        c.at("AT+CMEE=1")
        assert c.at("AT+CMGF=0") == ["OK"]
        c.line("SMS Ready")
        sim.do("restart")
        c.send("AT\r")
        lines = c.until(rb"Call Ready\r\n").split()
        assert lines[:2] == ["RDY", "+CFUN:"], lines
        c.at("ATE0")
        c.at("AT+CMEE=1")
        assert c.at("AT+CPIN?") == ["+CME ERROR: 515"]
        assert c.line("SMS Ready") == "SMS Ready"
        assert c.at("AT+CPIN?") == ["+CPIN: READY", "OK"]


def test_unplugged_and_plugged_in_under_another_name():
    with Sim() as sim, Client(sim) as c:
        sim.do("unplug")
        assert c.closed()
        sim.until_link(False)
        sim.do("mo +491 text waits")
        sim.do("replug other")
        with Client(sim, "other-at") as d:
            d.at("AT+CNMI=2,1,0,0,0")
            assert d.at("AT+CMGL=4")[0].startswith("+CMGL: 1,0")
        assert not os.path.lexists(sim.link())
        sim.do("unplug 30")
        sim.until_link(False, "other-at")
        sim.until_link(True, "other-at")


def test_registration_and_networks_go():
    with Sim("creg 0", "cgreg 0") as sim, Client(sim) as c:
        assert c.at("AT+CREG?") == ["+CREG: 0,0", "OK"]
        assert c.at("AT+CEREG?") == ["+CEREG: 0,1", "OK"]
        assert c.submit()[-1] == "OK"
        c.at("AT+CEREG=1")
        sim.do("network off 50")
        assert c.line(r"\+CEREG") == "+CEREG: 2"
        assert c.at("AT+CSQ")[0] == "+CSQ: 99,99"
        assert c.line(r"\+CEREG") == "+CEREG: 1"
        sim.do("network off")
        assert c.submit() == ["+CMS ERROR: 331"]
        sim.do("network on")
        c.at("AT+CEREG=0")
        sim.do("reg 5")
        assert c.at("AT+CREG?")[0] == "+CREG: 0,5"
        sim.do("creg-quotes on")
        assert c.at("AT+CREG?")[0].count('"') % 2 == 0 and '""' in c.at("AT+CREG?")[0]


def test_reports_go_wrong_as_scripted():
    REPORT = r"\+CDS: ?,?\d+\r\n0791\w{12}06(\w\w)(\w\w)(\w\w)(\w+?)[0-9]{12}40[0-9]{12}40(\w\w)\r\n"

    def reports(*lines, n=1, ds=1):
        with Sim(*lines) as sim, Client(sim) as c:
            c.at("AT+CNMI=2,1,0,%d,0" % ds)
            got = ""
            for pdu in (HELLO, submit_for("4915112345678", first=0x21)):
                c.send("AT+CMGS=%d\r" % (len(pdu) // 2 - 1))
                got += c.until(rb"> ")
                c.send(pdu + "\x1a")
                got += c.until(c.FINAL)
            while len(re.findall(REPORT, got)) < n:
                got += c.until(rb"\r\n")
            if not n:
                c.nothing()
            return re.findall(REPORT, got), got

    assert [x[0] for x in reports("report-twice on", n=4)[0]] == ["00", "00", "01", "01"]
    assert reports("report-none on", n=0)[0] == []
    assert [x[0] for x in reports("report-mr-zero on", n=2)[0]] == ["00", "00"]
    assert [x[0] for x in reports("report-mr-wrong on", n=2)[0]] == ["64", "65"]
    got = [x[1:4] for x in reports("report-national on", n=2)[0]]
    assert got == [("0A", "81", "7080523185"), ("0C", "81", "101521436587")], got
    assert [x[4] for x in reports("on submit 2 st 0x30 then 0x46 1", n=3)[0]] == ["00", "30", "46"]
    assert "+CDS: ,25" in reports("report-comma on", n=2)[1]
    with Sim("report-before on") as sim, Client(sim) as c:
        c.at("AT+CNMI=2,1,0,1,0")
        c.pdu(HELLO)
        assert re.search(r"\+CDS: .*\+CMGS: 0", c.until(c.FINAL), re.S)
    with Sim("report-silent on") as sim, Client(sim) as c:
        c.at("AT+CNMI=2,1,0,2,0")
        c.submit()
        c.nothing()
        assert sim.stats()["modems"][0]["memories"]["SM"] == 1


def test_the_line_loses_and_adds_octets():
    def answers(*lines, seed=1):
        with Sim(*lines, args=["--seed", str(seed)]) as sim, Client(sim, quiet=False) as c:
            for _ in range(200):
                c.send("AT+CGSN\r")
            sim.stats()
            got = b""
            while select.select([c.fd], [], [], 0.2)[0]:
                got += os.read(c.fd, 65536)
            return got, sim.stats()
    whole, _ = answers()
    less, _ = answers("lose-to-host 2%")
    assert len(whole) * 0.9 < len(less) < len(whole)
    assert answers("lose-to-modem 5%")[1]["commands"] < 200
    more, _ = answers("garbage 10%")
    assert len(more) > len(whole) and any(x > 0x7F for x in more)
    inside, _ = answers("profile huawei-e173", "urc-inside 30%")
    assert inside.count(b"^RSSI") + inside.count(b"^BOOT") > 10
    between, _ = answers("profile huawei-e173", "urc-between 30%")
    assert between.count(b"\r\n860000000000009\r\r\n") == 200 and between.count(b"^RSSI") > 10


def test_all_octets_are_traced():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "trace")
        with Sim(args=["--trace", path]) as sim, Client(sim, quiet=False) as c:
            c.send("\x01AT\r")
            c.until(rb"OK\r\n")
            sim.stats()
            with open(path) as f:
                lines = [x.split(" ", 1)[1].rstrip("\n") for x in f]
        assert "".join(x[10:] for x in lines if x[8] == ">") == "\\x01AT\\r", lines
        assert lines[-1].endswith("OK\\r\\n") and " < " in lines[-1], lines


def test_the_same_seed_is_the_same_run():
    def run(seed):
        with Sim("on submit 50% cms 500", args=["--seed", seed]) as sim, Client(sim) as c:
            return [c.submit()[-1] for _ in range(20)]
    assert run("7") == run("7") != run("8")


def test_speed_of_the_line_and_chunks_matter():
    with Sim("baud 19200") as sim, Client(sim, quiet=False) as c:
        c.send("AT\r")
        assert any(ord(x) > 0x7F for x in c.until(rb"[\x80-\xff]"))
        c.speed(termios.B19200)
        c.at("ATE0")
        assert c.at("AT") == ["OK"]
    with Sim("chunk 16") as sim, Client(sim) as c:
        c.pdu(HELLO)
        while c.silent():
            c.send("\x1a")  # that of the entry was lost with the rest
        assert "+CMS ERROR: 304" in c.until(c.FINAL)


def test_echo_may_be_impossible_to_switch_off():
    with Sim("echo-stuck on") as sim, Client(sim) as c:
        c.send("AT\r")
        assert c.until(rb"OK\r\n") == "AT\r\r\nOK\r\n"


def test_noise_and_timed_lines_come():
    with Sim("profile ec25", "noise 20", "at 1 urc +TEST: \"a b\"", "every 10 modem sim0 urc +AGAIN") as sim, Client(sim) as c:
        c.line(r"\+QIND: \"csq\"")
        c.line(r"\+AGAIN")
        c.line(r"\+AGAIN")


def test_ussd_in_three_encodings():
    # "Hello" packed: C8329BFD06; UCS-2; the requests in the same ways.  *100# packed: AA180C3602.
    for form, request, answer in (("plain", "*100#", '"Hello",15'), ("packed", "AA180C3602", '"C8329BFD06",15'),
                                  ("ucs2", "002A0031003000300023", '"00480065006C006C006F",72')):
        with Sim("ussd *100# Hello " + form) as sim, Client(sim) as c:
            assert c.at('AT+CUSD=1,"%s",15' % request) == ["OK"]
            assert c.line(r"\+CUSD") == "+CUSD: 0," + answer
            assert sim.events("ussd")[0]["detail"] == "*100#"
    with Sim('ussd *101# "one\\ntwo"') as sim, Client(sim) as c:
        c.at('AT+CUSD=1,"*101#",15')
        assert '+CUSD: 0,"one\r\ntwo",15\r\n' in c.until(rb'",15\r\n')
        c.at('AT+CUSD=1,"*999#",15')
        assert c.line(r"\+CUSD") == "+CUSD: 4"
        sim.do("ussd-silent on")
        c.at('AT+CUSD=1,"*101#",15')
        c.nothing()


def test_calls_ring_until_hung_up():
    with Sim() as sim, Client(sim) as c:
        c.at("AT+CLIP=1")
        sim.do("call +4930123")
        assert c.line("RING") == "RING"
        assert c.line(r"\+CLIP") == '+CLIP: "+4930123",145,,,,0'
        assert c.at("AT+CHUP") == ["OK"]
        assert sim.stats()["calls_hung_up"] == 1


def test_tcp_modems_and_many_of_them():
    with Sim(args=["--tcp", "127.0.0.1:0", "--modems", "3"]) as sim:
        for i in range(3):
            with Client(sim, "sim%d-at" % i) as c:
                assert c.submit(submit_for("49151%08d" % i))[-1] == "OK"
        s = sim.stats()
        assert [m["accepted"] for m in s["modems"]] == [1, 1, 1] and s["unique"] == 3
    with Sim("modem sim63 profile ec25", "latency 5 10", args=["--modems", "64"]) as sim:
        clients = [Client(sim, "sim%d-at" % i) for i in range(64)]
        for i, c in enumerate(clients):
            c.pdu(submit_for("49151%08d" % i))
        for c in clients:
            assert "+CMGS: 0" in c.until(c.FINAL)
            c.close()
        assert sim.stats()["unique"] == 64
        assert sim.stats()["modems"][63]["profile"] == "ec25"


def test_it_ends_while_events_are_due():
    with Sim("noise 1", args=["--modems", "64"]) as sim:
        sim.p.terminate()
        assert json.loads(sim.p.stdout.read())["accepted"] == 0


def test_wrong_lines_are_refused_with_their_place():
    for line, why in (("nosuch 1", "no setting"), ("on submit 0 error", "no count"), ("latency x", "a number"),
                      ("on cmgs lose-answer", "does not go"), ("garbage 5", "percentage"), ("modem x restart", "no modem")):
        p = subprocess.run([PROGRAM, "--line", line], capture_output=True, text=True, timeout=DEADLINE)
        assert p.returncode == 2 and "--line: " in p.stderr and why in p.stderr, (line, p)
    with Sim() as sim:
        assert sim.ask("nosuch").startswith("err control: ")


def test_every_word_is_in_the_manual_page():
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "..", "..", "man", "posthorn-modem-sim.1")) as f:
        page = f.read().replace("\\-", "-")
    words = []
    for name, row in (("modem_conf.c", r'\b[NRPT]\("([a-z0-9-]+)", '), ("modem_action.c", r'\{"([a-z0-9-]+)", do_'),
                      ("modem_rules.c", r'\{"([a-z0-9-]+)", FAULT_'), ("modem_profile.c", r'\.name = "([a-z0-9-]+)"'),
                      ("modem_sim.c", r'\{"([a-z-]+)", (?:OPT_|\')')):
        with open(os.path.join(here, name)) as f:
            found = re.findall(row, f.read())
        assert len(found) > 9, name
        words += found
    missing = [w for w in words if not re.search(r"(?<!\w)(?<!\w-)%s(?![\w-])" % re.escape(w), page)]
    assert not missing, missing


def test_every_script_that_is_shipped_is_understood():
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "modem-scripts")
    names = sorted(os.listdir(here))
    assert names
    for name in names:
        with Sim(args=["--script", os.path.join(here, name)]):
            pass


# ---- judged by others

GAMMU = """
import sys, gammu
sm = gammu.StateMachine()
sm.SetConfig(0, {"Device": sys.argv[1], "Connection": "at115200"})
sm.Init()
print(sm.GetManufacturer(), sm.GetIMEI(), sep="|")
print(sm.SendSMS({"Text": "hello from gammu", "SMSC": {"Location": 1}, "Number": "+4915112345678"}))
start = True
while True:
    try:
        got = sm.GetNextSMS(Folder=0, Start=True) if start else sm.GetNextSMS(Folder=0, Location=got[0]["Location"])
    except gammu.ERR_EMPTY:
        break
    start = False
    print(got[0]["Number"], got[0]["Text"].rstrip("\\0"), sep="|")  # it counts an escape as a character
"""


def test_gammu_sends_and_receives():
    python = next((p for p in (sys.executable, "/usr/bin/python3") if os.path.exists(p) and subprocess.run(
        [p, "-c", "import gammu"], capture_output=True, timeout=60).returncode == 0), None)
    if not python:
        return "SKIP gammu is not installed"
    with Sim() as sim:
        sim.do("mo +4930123 text Grüße €")
        sim.do("mo +4930124 text Привет 😀")
        p = subprocess.run([python, "-c", GAMMU, sim.link()], capture_output=True, text=True, timeout=60)
        assert p.returncode == 0, p
        lines = p.stdout.splitlines()
        assert lines[0].split("|")[1] == "860000000000009", lines
        assert lines[2:] == ["+4930123|Grüße €", "+4930124|Привет 😀"], lines
        assert [(e["to"], e["text"]) for e in sim.events("submit")] == [("+4915112345678", "hello from gammu")]
        assert sim.stats()["malformed"] == 0
    return None


def main():
    wanted = sys.argv[1:]
    tests = [(n, f) for n, f in list(globals().items()) if n.startswith("test_") and (not wanted or n in wanted)]
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
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
