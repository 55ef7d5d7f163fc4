#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0720: posthorn decode and posthorn encode: octets in words and texts in octets, without any gateway.

Octets are worked examples of 3GPP TS 23.040 and TS 23.038 or made here by hand; nothing is compared with what the program
itself has written."""
import re
import struct

from harness import *

PROGRAM = os.path.join(BUILD, "posthorn")
OK, REFUSED, USAGE = 0, 1, 2

# "hellohello" to +46708251358, four days, the stored centre
SUBMIT = "0011000B916407281553F80000AA0AE8329BFD4697D9EC37"
# "How are you?" from +31641600986 through +31624000000
DELIVER = "07911326040000F0040B911346610089F60000208062917314480CC8F71D14969741F977FD07"
STAMP = "20806291731448"


def posthorn(w, *args, end=OK, input=""):
    """(standard output, standard error); the program has no settings and no gateway."""
    env = {"HOME": w.dir, "XDG_CONFIG_HOME": w.dir, "POSTHORN_CONFIG": "", "NO_COLOR": "1",
           "POSTHORN_URL": "http://127.0.0.1:1"}
    status, out, err = run(PROGRAM, *args, env=env, input=input)
    check(not re.search(r"Sanitizer|runtime error:", err), err)
    equal(status, end, f"exit status of posthorn {' '.join(args)} (stdout {out!r}, stderr {err!r})")
    return out, err


def objects(w, *args, end=OK, input=""):
    return [json.loads(line) for line in posthorn(w, *args, "--json", end=end, input=input)[0].splitlines()]


def tpdu(w, hex, *args, **named):
    o, = objects(w, "decode", "tpdu", hex, *args, **named)
    return o


def pdu(w, octets, *args, **named):
    o, = objects(w, "decode", "pdu", octets.hex(), *args, **named)
    return o


def packet(command, body=b"", status=0, sequence=7):
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def sm(text, data_coding=0, esm_class=0, tlvs=b""):
    return (b"\0" + b"\5\0Shop\0" + b"\1\1" + b"46708251358\0" + bytes((esm_class, 0, 0)) + b"\0" + b"000001000000000R\0"
            + bytes((1, 0, data_coding, 0, len(text))) + text + tlvs)


def meaning(o, name):
    """Of the field of that name, the words and its octets."""
    f, = [f for f in o["fields"] if f["name"].strip() == name]
    return f["meaning"], f["octets"]


@case("a SUBMIT and a DELIVER, one field a line")
def _(w):
    out, err = posthorn(w, "decode", "tpdu", SUBMIT)
    equal(err, "", "standard error")
    rows = [re.split(r"  +", line.strip()) for line in out.splitlines() if re.match(r" +\d+  ", line)]
    equal([(r[0], r[1], r[2]) for r in rows], [
        ("0", "SCA", "00"), ("1", "first octet", "11"), ("2", "TP-MR", "00"), ("3", "TP-DA", "0B 91 64 07 28 15 53 F8"),
        ("11", "TP-PID", "00"), ("12", "TP-DCS", "00"), ("13", "TP-VP", "AA"), ("14", "TP-UDL", "0A"),
        ("15", "TP-UD", "E8 32 9B FD 46 97 D9 EC 37")], "rows")
    for words in ("SMS-SUBMIT", "+46708251358", "4 days", "GSM 7 bit, no class", "10 septets", "\n    hellohello\n"):
        check(words in out, (words, out))
    o = tpdu(w, DELIVER)
    equal((o["type"], o["direction"], o["guessed"], o["tpdu_octets"]), ("SMS-DELIVER", "mt", True, 30), "what it is")
    equal((o["smsc"]["text"], o["address"]), ("+31624000000", {"text": "+31641600986", "ton": 1, "npi": 1}), "addresses")
    equal((o["scts"], o["text"], o["notes"]), ("2002-08-26T19:37:41-01:00", "How are you?", []), "content")
    equal(meaning(o, "TP-OA"), ("+31641600986  (international, ISDN/telephone)", "0B911346610089F6"), "TP-OA")


@case("the fields cover each octet once")
def _(w):
    for hex in (SUBMIT, DELIVER, "0041000B916407281553F8000008050003CC020182", "00062A039121F3" + 2 * STAMP + "460700080" + "20416",
                "0004039121F30000" + STAMP + "0131FFFF"):
        o = tpdu(w, hex)
        equal("".join(f["octets"] for f in o["fields"]), hex.upper(), "octets in their order")
        equal([f["at"] for f in o["fields"]], sorted(f["at"] for f in o["fields"]), "places")


@case("header, ports and languages of TP-UD")
def _(w):
    o = tpdu(w, "0041000B916407281553F8000008050003CC020182")
    equal((o["text"], o["concatenation"]), ("A", {"reference": 0xcc, "bits": 8, "total": 2, "part": 1}), "first of two")
    equal(meaning(o, "TP-UD"), ("1 septet, 1 fill bits in front", "82"), "TP-UD")
    check("part 1 of 2, reference 204" in meaning(o, "IE 00")[0], o)
    o = tpdu(w, "0044039121F300F5" + STAMP + "090605040B8423F0CAFE")
    equal((o["ports"], o["octets"], "text" in o), ({"destination": 2948, "source": 9200}, "CAFE", False), "WAP push")
    # Turkish locking shift: 1C is S with cedilla (3GPP TS 23.038, A.3.1)
    o = tpdu(w, "0044039121F30000" + STAMP + "0603250101E000")
    equal((o["text"], o["languages"]), ("Ş", {"locking": "tr", "single": None}), "Turkish")


@case("a status report says how it ended; the other types are named")
def _(w):
    o = tpdu(w, "00062A039121F3" + STAMP + "20806291832448" + "46")
    equal((o["type"], o["mr"], o["status"]["outcome"]), ("SMS-STATUS-REPORT", 42, "permanent"), "report")
    check("expired" in o["status"]["text"], o)
    equal(o["discharge"], "2002-08-26T19:38:42-01:00", "discharge")
    for hex, way, name in (("000100" + STAMP, "mt", "SMS-SUBMIT-REPORT"), ("000000", "mo", "SMS-DELIVER-REPORT"),
                           ("000205000000039121F300", "mo", "SMS-COMMAND")):
        o = tpdu(w, hex, "--dir", way)
        equal((o["type"], meaning(o, "rest")[0]), (name, "not interpreted"), "type")


@case("--dir, --smsc and --no-smsc are obeyed, and nothing is called guessed then")
def _(w):
    o = tpdu(w, DELIVER[16:], "--dir", "mt", "--no-smsc")
    equal((o["text"], o["guessed"], "smsc" in o), ("How are you?", False, False), "without a centre")
    equal(tpdu(w, DELIVER[16:])["text"], "How are you?", "guessed")
    equal(tpdu(w, SUBMIT[2:])["text"], "hellohello", "guessed")
    o = tpdu(w, SUBMIT, "--dir", "mo", "--smsc")
    equal((o["text"], o["guessed"]), ("hellohello", False), "with a centre")
    equal(tpdu(w, "000100" + STAMP, "--dir", "mt", "--smsc")["type"], "SMS-SUBMIT-REPORT", "as said")


@case("what lies is shown with a note and its place")
def _(w):
    for hex, at, words, text in (
            ("0004039121F30008" + STAMP + "FF04160417", 15, "beyond 160 septets", "ЖЗ"),
            ("0004039121F30008" + STAMP + "0604160417", 20, "fewer octets", "ЖЗ"),
            ("0044039121F30008" + STAMP + "040F160417", 16, "header is broken", "༖З"),
            ("0004039121F30000" + STAMP + "0131FF", 17, "behind the end", "1"),
            ("000403912143" + "0000" + STAMP + "0131", 5, "filler's place", "1")):
        o = tpdu(w, hex, "--dir", "mt", "--smsc")
        check(any(n["at"] == at and words in n["note"] for n in o["notes"]), (hex, o["notes"]))
        equal(o["text"], text, "text")
        out = posthorn(w, "decode", "tpdu", hex, "--dir", "mt", "--smsc")[0]
        check(re.search(rf"^ +{at}  note: .*{words}", out, re.M), out)
    o = tpdu(w, "0004039121F30000" + "00FFAA00000060" + "0131")
    equal((o["scts"], meaning(o, "TP-SCTS")[0], o["text"]), (None, "no date", "1"), "a time that is none")


@case("octets that mean nothing end with 1, and the place is said")
def _(w):
    for hex, at, words in (("0004039121", 2, "inside the address"), ("00041591" + "11" * 20, 2, "longer than 20"),
                           ("0004039121F30000" + STAMP, 15, "before TP-UDL"), ("0791132604", 0, "service centre")):
        out, err = posthorn(w, "decode", "tpdu", hex, "--dir", "mt", "--smsc", end=REFUSED)
        equal(out, "", "standard output")
        check(f"octet {at}: " in err and words in err, err)
        error = tpdu(w, hex, "--dir", "mt", "--smsc", end=REFUSED)["error"]
        equal((error["code"], error["at"]), ("bad_tpdu", at), "error")


@case("what is no hexadecimal ends with 2, and line and column are said")
def _(w):
    for args, input, where, words in ((("00 11 0G",), "", "character 8", "\"G\""), (("0",), "", "character 1", "two digits"),
                                      (("-",), "0011\n00 1x\n", "line 2, column 5", "\"x\""),
                                      (("-",), "+CMT: ,5\n", "line", "no octets"), (("-",), "\n \n", "", "no octets"),
                                      (("001é",), "", "character 4", "C3")):
        out, err = posthorn(w, "decode", "tpdu", *args, input=input, end=USAGE)
        check(not out and where in err and words in err, (args, err))
    error, = objects(w, "decode", "tpdu", "-", input="00\n0G", end=USAGE)
    equal((error["error"]["code"], error["error"]["at"]), ("bad_hex", {"line": 2, "column": 2}), "as JSON")
    for args in ((), ("tpdu",), ("cake", "00"), ("tpdu", "00", "--dir", "up"), ("pdu", "00", "--alphabet", "morse")):
        check(posthorn(w, "decode", *args, end=USAGE)[1], args)


@case("octets may be pasted with blanks, colons, 0x and in pieces")
def _(w):
    spaced = " ".join(SUBMIT[i:i + 2] for i in range(0, len(SUBMIT), 2))
    for args, input in (((spaced,), ""), ((spaced.replace(" ", ":"),), ""), (("0x" + SUBMIT.lower(),), ""),
                        (tuple(spaced.split()), ""), (("-",), SUBMIT[:20] + "\r\n  " + SUBMIT[20:] + "\n")):
        o, = objects(w, "decode", "tpdu", *args, input=input)
        equal(o["text"], "hellohello", args)


@case("a listing of a modem can be pasted: each message, its way and its length")
def _(w):
    listing = (f"AT+CMGL=4\r\r\n+CMGL: 1,1,,30\r\n{DELIVER}\r\n+CMGL: 2,3,,23\r\n{SUBMIT}\r\n\r\nOK\r\n"
               f"+CMT: ,29\r\n{DELIVER}\r\n+CDS: 21\r\n00062A039121F3{STAMP}{STAMP}00\r\nAT+CMGS=23\r\r\n> {SUBMIT}\x1a\r\n")
    all = objects(w, "decode", "tpdu", "-", input=listing)
    equal([(o["direction"], o["type"], o["guessed"]) for o in all], [
        ("mt", "SMS-DELIVER", False), ("mo", "SMS-SUBMIT", False), ("mt", "SMS-DELIVER", False),
        ("mt", "SMS-STATUS-REPORT", False), ("mo", "SMS-SUBMIT", False)], "messages")
    out = posthorn(w, "decode", "tpdu", "-", input=listing)[0]
    equal(out.count("the modem counted 29 octets"), 1, "the one with a wrong length")


@case("a text cannot move the cursor of whoever reads it")
def _(w):
    # ESC is no GSM character; in UCS-2 it is: ESC [ 2 J, then a mark that turns the direction of writing
    hex = "0004039121F30008" + STAMP + "0A" + "001B005B0032004A202E"
    out = posthorn(w, "decode", "tpdu", hex)[0]
    check("\x1b" not in out and "\u202e" not in out and "[2J" in out, repr(out))
    equal(tpdu(w, hex)["text"], "\x1b[2J\u202e", "JSON keeps it")


@case("a submit_sm: fields, TLVs by name, the text behind its header")
def _(w):
    tlvs = bytes.fromhex("020400020005" "0427000102" "001E0005") + b"ab12\0" + bytes.fromhex("1403000299AA")
    octets = packet(4, sm(bytes.fromhex("050003CC0201") + b"Hi \x1b\x65", esm_class=0x40, tlvs=tlvs))
    o = pdu(w, octets)
    equal((o["command"], o["command_status_name"], o["sequence_number"]), ("submit_sm", "ESME_ROK", 7), "header")
    equal((o["source_addr"], o["destination_addr"], o["validity_period"]), ("Shop", "46708251358", "000001000000000R"), "fields")
    equal((o["text"], o["concatenation"]["total"], o["notes"]), ("Hi €", 2, []), "text")
    equal([(t["tag"], t["name"]) for t in o["tlvs"]], [(0x204, "user_message_reference"), (0x427, "message_state"),
          (0x1e, "receipted_message_id"), (0x1403, "vendor specific")], "TLVs")
    check("DELIVERED" in meaning(o, "message_state")[0] and "alphanumeric" in meaning(o, "source_addr_ton")[0], o)
    equal("".join(f["octets"] for f in o["fields"]), octets.hex().upper(), "the fields cover each octet")
    o = pdu(w, packet(5, sm(b"", data_coding=8, tlvs=bytes.fromhex("042400040416D83D"))))
    equal(o["text"], "Ж\ufffd", "message_payload, cut inside a character")


@case("the text of a PDU is read as data_coding says")
def _(w):
    for coding, octets, text, alphabet in ((0, b"\0$\x02", "@¤$", "gsm7"), (0, b"a\xe9", "aé", "latin1"), (1, b"a$", "a$", "gsm7"),
                                           (3, b"\xe9@", "é@", "gsm7"), (8, "Жé".encode("utf-16-be"), "Жé", "gsm7"),
                                           (0, bytes.fromhex("E8329BFD4697D9EC37"), "hellohello", "gsm7-packed"),
                                           (0xf0, b"\0", "@", "gsm7"), (0x18, b"\x04\x16", "Ж", "gsm7"),
                                           (2, b"\xca\xfe", None, "gsm7"), (4, b"\xca\xfe", None, "gsm7"),
                                           (0xf5, b"\xca\xfe", None, "gsm7"), (0x20, b"\xca", None, "gsm7"),
                                           (6, "Жук".encode("iso-8859-5"), "Жук", "gsm7"),
                                           (7, "שלום".encode("iso-8859-8"), "שלום", "gsm7")):
        o = pdu(w, packet(4, sm(octets, coding)), "--alphabet", alphabet)
        equal(o.get("text"), text, f"data_coding {coding}")
        if text is None:
            equal(o["octets"], octets.hex().upper(), f"data_coding {coding}")


@case("every PDU is named, and one that is cut is read as far as it goes")
def _(w):
    bodies = {1: b"a\0b\0c\0\x34\0\0\0", 0x80000001: b"smsc\0" + bytes.fromhex("0210000134"), 3: b"id\0\1\1123\0",
              0x80000003: b"id\0\0\2\0", 6: b"", 7: b"id\0\1\1123\0\0\0\1\0\2hi", 8: b"\0id\0\0\0\0\0\0\0",
              0xb: b"a\0b\0", 0x15: b"", 0x21: b"\0\0\0\0\2\1\1\x01123\0\2list\0\0\0\0\0\0\1\0\0\0\2hi",
              0x80000021: b"id\0\1\1\1123\0\0\0\0\x0b", 0x102: b"\1\x01123\0\1\1456\0" + bytes.fromhex("0422000100"),
              0x103: b"\0\1\x01123\0\1\x01456\0\0\0\0" + bytes.fromhex("042400024869"), 0x80000103: b"id\0", 0x80000000: b""}
    names = []
    for command, body in bodies.items():
        o = pdu(w, packet(command, body))
        equal(o["notes"], [], o["command"])
        equal("".join(f["octets"] or "6200" for f in o["fields"]), packet(command, body).hex().upper(), o["command"])
        names.append(o["command"])
        for n in range(16, 16 + len(body)):
            cut = packet(command, body)[:n]
            objects(w, "decode", "pdu", cut.hex(), end=REFUSED)
    check({"bind_receiver", "query_sm_resp", "submit_multi", "alert_notification", "generic_nack"} <= set(names), names)
    o = pdu(w, packet(0x80000004, status=0x58))
    equal((o["command"], o["command_status_name"]), ("submit_sm_resp", "ESME_RTHROTTLED"), "refused")
    equal(pdu(w, packet(0x999, b"x"))["command"], None, "no command")
    o = pdu(w, packet(4, sm(b"hi", tlvs=b"\4\x27\0\5\2")))
    check(any("the TLV says 5 octets" in n["note"] for n in o["notes"]), o["notes"])
    two = objects(w, "decode", "pdu", (packet(0x15) + packet(0x80000015)).hex())
    equal([o["command"] for o in two], ["enquire_link", "enquire_link_resp"], "a stream")
    for octets, at in ((b"\0" * 15, 0), (packet(0x15) + b"\0\0\0\x0f" + b"\0" * 12, 16)):
        error = objects(w, "decode", "pdu", octets.hex(), end=REFUSED)[-1]["error"]
        equal((error["code"], error["at"]), ("bad_pdu", at), "error")


@case("a password is not shown, as what is decoded is pasted into tickets")
def _(w):
    octets = packet(9, b"user\0s3cret\0\0\x34\0\0\0").hex()
    for form in ((), ("--json",)):
        out, err = posthorn(w, "decode", "pdu", *form, octets)
        check("s3cret" not in out and b"s3cret".hex() not in out.lower().replace(" ", ""), out)
        check("6 characters, not shown" in out and "user" in out, out)


@case("encode: the octets that a modem is given")
def _(w):
    out, err = posthorn(w, "encode", "--to", "+46708251358", "--validity", "4d", "hellohello")
    equal((out.splitlines()[-2:], err), (["AT+CMGS=23", SUBMIT], ""), "the last lines")
    for args, hex, n in (
            (("--report", "--mr", "7"), "0021070B916407281553F800000AE8329BFD4697D9EC37", 22),
            (("--flash", "--smsc", "+31624000000"), "07911326040000F001000B916407281553F800100AE8329BFD4697D9EC37", 22),
            (("--validity", "25h"), "0011000B916407281553F80000A80AE8329BFD4697D9EC37", 23),
            (("--validity", "9015s", "--validity-form", "enhanced"),
             "0009000B916407281553F80000" + "03200351000000" + "0AE8329BFD4697D9EC37", 29)):
        o, = objects(w, "encode", "--to", "+46708251358", "hellohello", *args)
        equal((o["parts"][0]["tpdu"], o["parts"][0]["tpdu_octets"]), (hex, n), args)
    o, = objects(w, "encode", "two", "words")
    equal((o["encoding"], o["units"], o["n_parts"], "tpdu" in o["parts"][0]), ("gsm7", 9, 1, False), "without --to")
    o, = objects(w, "encode", "--to", "12345", "-", input="😀\n")
    equal((o["encoding"], o["parts"][0]["tpdu"]), ("ucs2", "00010005812143F50008" + "04D83DDE00"), "from a pipe")


@case("encode: parts, their headers and what is left in them")
def _(w):
    # 161 septets go as 153 + 8, with 7 septets of header each; the last holds 8 times "A" behind one fill bit.
    o, = objects(w, "encode", "--to", "+1", "--ref", "204", "A" * 161)
    equal([(p["units"], p["left"], p["udh"]) for p in o["parts"]], [(153, 0, "050003CC0201"), (8, 145, "050003CC0202")], "parts")
    equal(o["parts"][1]["tpdu"], "0041000191F1" + "0000" + "0F" + "050003CC0202" + "82C16030180C0601", "the second")
    o, = objects(w, "encode", "--concat", "udh16", "--ref", "1024", "Ж" * 71)
    equal([(p["units"], p["udh"]) for p in o["parts"]], [(66, "06080404000201"), (5, "06080404000202")], "16 bit reference")
    o, = objects(w, "encode", "--languages", "tr,es", "ş" * 100)
    equal((o["encoding"], o["locking"], o["n_parts"], o["parts"][0]["udh"]), ("gsm7", "tr", 1, "03250101"), "Turkish")
    o, = objects(w, "encode", "--encoding", "binary", "--udh", "0605040B8423F0", "--to", "+1", "CA", "FE")
    equal(o["parts"][0]["tpdu"], "0041000191F1" + "0004" + "09" + "0605040B8423F0CAFE", "octets")
    o, = objects(w, "encode", "--dir", "mt", "--from", "Design@Home", "1")
    check(re.fullmatch(r"000414D0C4F23C7D760390EF76190000[0-9]{14}0131", o["parts"][0]["tpdu"]), o["parts"])


@case("encode: what cannot be is refused with a code; wrong usage ends with 2")
def _(w):
    for code, at, args in (("not_gsm7", 3, ("--encoding", "gsm7", "Don’t")), ("too_many_parts", 160, ("--max-parts", "1", "A" * 161)),
                           ("bad_udh", None, ("--encoding", "binary", "--udh", "0500", "00"))):
        error = objects(w, "encode", *args, end=REFUSED)[0]["error"]
        equal((error["code"], error["at"]), (code, at), args)
    err = posthorn(w, "encode", "--encoding", "gsm7", "Don’t", end=REFUSED)[1]
    check("lacks ’ (U+2019 RIGHT SINGLE QUOTATION MARK) at 3" in err, err)  # counted as the gateway counts
    for args in ((), ("--to", "Posthorn", "x"), ("--to", "", "x"), ("--from", "a", "x"), ("--dir", "mt", "--to", "+1", "x"),
                 ("--languages", "xx", "x"), ("--concat", "sar", "x"), ("--validity", "soon", "x"), ("--mr", "256", "x"),
                 ("--encoding", "binary", "0g"), ("--smsc", "Centre", "--to", "+1", "x"), ("--udh", "00", "x"),
                 ("--validity-form", "absolute", "x"), ("--dir", "mt", "--from", "Much too long", "x"),
                 (b"\xff".decode("utf-8", "surrogateescape"),)):
        out, err = posthorn(w, "encode", *args, end=USAGE)
        check(err and not out, (args, out, err))


TRANSCRIPT = """12:00:01 > AT+CREG?
12:00:01 < +CREG: 0,5
12:00:01 < OK
AT+CPIN="4711"
AT+CMGS=15
> 0001000B912120550541F2000002E834
+CMGS: 17
RX: +CMTI: "SM",3
+CDS: 25
0006110B912120550541F252111111111100521111111111000000
+CMS ERROR: 38
hello
"""


@case("a transcript of a modem is told line by line, whatever stands in front of its lines, and without the PIN")
def _(w):
    path = w.path("modem.log")
    with open(path, "w", encoding="ascii") as f:
        f.write(TRANSCRIPT)
    o, = objects(w, "decode", "at", path)
    lines = o["lines"]
    equal([x["kind"] for x in lines], ["command", "answer", "result", "command", "command", "pdu", "answer", "answer",
                                       "answer", "pdu", "result", ""], "kinds")
    for n, words in (2, "roaming"), (6, "SMS-SUBMIT to +12025550142: hi"), (7, "reference 17"), (8, "memory SM, place 3"), \
            (10, "SMS-STATUS-REPORT about +12025550142, reference 17"), (11, "network out of order; again later"):
        check(words in lines[n - 1]["meaning"], f"line {n}: {lines[n - 1]}")
    equal(lines[3]["text"], 'AT+CPIN="****"', "the PIN")
    out = posthorn(w, "decode", "at", "-", input=TRANSCRIPT)[0]
    check("4711" not in out and "out of order" in out, out)
    posthorn(w, "decode", "at", "-", input="nothing\n", end=REFUSED)
    posthorn(w, "decode", "at", w.path("nowhere"), end=USAGE)


@case("what encode writes for an absolute validity, decode reads")
def _(w):
    before = time.time()
    o, = objects(w, "encode", "--to", "+1", "--validity", "2h", "--validity-form", "absolute", "x")
    d = tpdu(w, o["parts"][0]["tpdu"])
    equal(d["validity"]["form"], "absolute", "form")
    until = time.mktime(time.strptime(d["validity"]["until"], "%Y-%m-%dT%H:%M:%S+00:00")) - time.timezone
    check(before - 1 <= until - 7200 <= time.time(), d["validity"])


main()
