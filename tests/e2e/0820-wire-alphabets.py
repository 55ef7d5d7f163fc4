#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 22 s
"""0820: texts as octets on the wire, out and in: every alphabet with every concatenation, octet for octet; and Wireshark
and npm "smpp" read the same letters.

What is expected is written here by hand, from 3GPP TS 23.038 and 23.040 and SMPP 3.4: the septets of each text, where it
is cut, what stands before it.  Only the packing of septets into octets is computed, by the sum that defines it."""
import csv
import io
import re

from faults import *
from harness import *
from witnesses import *

ALPHABETS = ("gsm7-unpacked", "gsm7-packed", "latin1", "ascii")
CONCATS = ("udh8", "udh16", "sar", "payload")
GSM7 = ("gsm7-unpacked", "gsm7-packed")
HEADERS = ("udh8", "udh16")


# ---- out: what each text is in each alphabet ----------------------------------------------------------------------------

class Row:
    """A message, and what becomes of it: its septets, its Latin-1, its UTF-16, or octets, and where each is cut.

    `cuts` are the units of each part with an 8-bit reference, `cuts16` with one of 16 bits where that differs; one
    number is one part.  ucs2_cuts are those where the alphabet lacks a letter."""

    def __init__(self, why, text=None, septets="", cuts=None, cuts16=None, ucs2_cuts=None, ucs2_cuts16=None, only=None,
                 headers=False, shift="", **fields):
        self.why, self.text, self.fields, self.shift, self.headers = why, text, fields, bytes.fromhex(shift), headers
        self.septets = bytes.fromhex(septets) if isinstance(septets, str) else septets
        self.only = ALPHABETS if only is None else only
        self.cuts, self.ucs2_cuts = cuts or [len(self.septets)], ucs2_cuts
        self.cuts16, self.ucs2_cuts16 = cuts16 or self.cuts, ucs2_cuts16 or ucs2_cuts
        self.flash = fields.get("flash", False)


A_160_B = b"a" * 160 + b"b"
ROWS = [
    # @ is 00, { and } are 1b28 and 1b29: TS 23.038, 6.2.1 and 6.2.1.1
    Row("letters of ASCII", "Hello @ {1}", "48656c6c6f2000201b28311b29"),
    Row("seven letters: packed, seven bits are left over", "1234567", "31323334353637"),
    Row("eight letters", "12345678", "3132333435363738"),
    Row("accents: in Latin-1, not in ASCII", "déjà", "64056a7f", only=(*GSM7, "latin1"), ucs2_cuts=[4]),
    Row("the euro: an escape pair, in no Latin-1", "5 €", "35201b65", only=GSM7, ucs2_cuts=[3]),
    Row("160 letters are one part", "a" * 160, b"a" * 160),
    Row("161 letters are two", "a" * 160 + "b", A_160_B, [153, 8], [152, 9]),
    Row("an escape pair is not cut", "a" * 152 + "{" + "b" * 10, b"a" * 152 + b"\x1b\x28" + b"b" * 10, [152, 12],
        [152, 12]),
    Row("Cyrillic", "Жук", only=(), ucs2_cuts=[3]),
    Row("71 Cyrillic letters are two parts", "Ж" * 71, only=(), ucs2_cuts=[67, 4], ucs2_cuts16=[66, 5]),
    Row("a surrogate pair is not cut", "Ж" * 66 + "😀" + "жуки", only=(), ucs2_cuts=[66, 6]),
    Row("flash", "hi", "6869", flash=True),
    Row("flash in UCS-2", "Ж", only=(), ucs2_cuts=[1], flash=True),
    # Turkish, 6.2.1.2 and A.3.1: 1d s with cedilla, 07 dotless i, 0b G with breve
    Row("Turkish in one part, where UCS-2 would need two", "şıĞ" * 30, b"\x1d\x07\x0b" * 30, only=GSM7, headers=True,
        shift="250101"),
    Row("Turkish in two parts, where UCS-2 would need three", "şı" * 80, b"\x1d\x07" * 80, [149, 11], [148, 12], only=GSM7,
        headers=True, shift="250101"),
]
PORTS = "0605043e803e81"  # 16000 and 16001: of nobody, or Wireshark would read what is behind as WSP
OCTETS = [
    # Data, header, octets of data in each part with the two references
    ("octets", "00ff10", "", [3], [3]),
    ("octets with ports", "00ff10", PORTS, [3], [3]),
    ("octets in two parts", "5a" * 200, "", [134, 66], [133, 67]),
    ("octets with ports in two parts", "5a" * 200, PORTS, [128, 72], [127, 73]),
]


def pack(septets, fill):
    """TS 23.038, 6.1.2.1.1: septet i takes the bits from 7i on; seven spare bits at the end hold CR (6.1.2.3.1)."""
    if (fill + 7 * len(septets)) % 8 == 1:
        septets += b"\r"
    bits = fill + 7 * len(septets)
    return sum(s << fill + 7 * i for i, s in enumerate(septets)).to_bytes((bits + 7) // 8, "little")


def udh_of(elements):
    return bytes((len(elements),)) + elements if elements else b""


def concat_element(concat, ref, total, seq):
    """TS 23.040, 9.2.3.24.1 and 9.2.3.24.8"""
    return bytes((0, 3, ref & 0xff, total, seq)) if concat == "udh8" else bytes((8, 4, ref >> 8, ref & 0xff, total, seq))


def body(row, alphabet, septets, header):
    """The octets behind a header, by the alphabet."""
    if alphabet == "gsm7-packed":
        return pack(septets, -8 * len(header) % 7)
    if alphabet == "gsm7-unpacked" or row.flash:
        return septets
    return None


def narrow(text, alphabet):
    return text.encode("latin-1" if alphabet == "latin1" else "ascii")


def expected(row, alphabet, concat, ref):
    """The submit_sm of a text: (esm_class, data_coding, text, TLVs)."""
    is_7bit = alphabet in row.only
    units = row.septets if is_7bit else row.text.encode("utf-16-be")
    if is_7bit:
        cuts = row.cuts16 if concat == "udh16" else row.cuts
        coding = 0x10 if row.flash else {"latin1": 3, "ascii": 1}.get(alphabet, 0)
    else:
        cuts = row.ucs2_cuts16 if concat == "udh16" else row.ucs2_cuts
        coding = 0x18 if row.flash else 0x08
    if concat == "payload" and len(cuts) > 1:
        octets = (body(row, alphabet, units, b"") or narrow(row.text, alphabet)) if is_7bit else units
        return [(0, coding, octets, {0x0424: octets})]
    out, at = [], 0
    for seq, n in enumerate(cuts, 1):
        elements = concat_element(concat, ref, len(cuts), seq) if len(cuts) > 1 and concat in HEADERS else b""
        header = udh_of(elements + row.shift)
        n *= 1 if is_7bit else 2
        part, at = units[at:at + n], at + n
        octets = body(row, alphabet, part, header) if is_7bit else part
        if octets is None:  # texts of the table that go so are ASCII, of which the escape pairs are one letter
            octets = part.replace(b"\x1b\x28", b"{").replace(b"\x1b\x29", b"}").replace(b"\0", b"@")
            if len(cuts) == 1:
                octets = narrow(row.text, alphabet)
        out.append((0x40 if header else 0, coding, header + octets, sar(concat, ref, len(cuts), seq)))
    return out


def sar(concat, ref, total, seq):
    """SMPP 3.4, 5.3.2.22 to 24"""
    if concat != "sar" or total == 1:
        return {}
    return {0x020c: ref.to_bytes(2, "big"), 0x020e: bytes((total,)), 0x020f: bytes((seq,))}


def expected_octets(data, udh, cuts, cuts16, concat, ref):
    data, udh = bytes.fromhex(data), bytes.fromhex(udh)
    if concat == "payload" and len(cuts) > 1:
        return [(0x40 if udh else 0, 4, udh + data, {0x0424: udh + data})]
    cuts, out, at = cuts16 if concat == "udh16" else cuts, [], 0
    for seq, n in enumerate(cuts, 1):
        elements, tlvs = udh[1:], {}
        if len(cuts) > 1 and (concat in HEADERS or udh):  # never a header and sar_ TLVs together
            elements += concat_element("udh16" if concat == "udh16" else "udh8", ref, len(cuts), seq)
        elif len(cuts) > 1:
            tlvs = sar(concat, ref, len(cuts), seq)
        header = udh_of(elements)
        out.append((0x40 if header else 0, 4, header + data[at:at + n], tlvs))
        at += n
    return out


def ref_of(submits):
    """The reference that the gateway chose, from the first part: nothing else is taken from what it sent."""
    s = submits[0]
    if 0x020c in s["tlvs"]:
        return int.from_bytes(s["tlvs"][0x020c], "big")
    header = s["text"][1:1 + s["text"][0]] if s["esm_class"] & 0x40 else b""
    while header:
        if header[0] == 8:
            return int.from_bytes(header[2:4], "big")
        if header[0] == 0:
            return header[2]
        header = header[2 + header[1]:]
    return 0


def show(parts):
    return [(f"{e:02x}", f"{d:02x}", t.hex(), {f"{k:04x}": v.hex() for k, v in x.items()}) for e, d, t, x in parts]


def links(port, alphabets=ALPHABETS, concats=CONCATS, **over):
    """A link for each pair, and a route to it by prefix: 1202555LL."""
    made, routes = [], []
    for i, (a, c) in enumerate((a, c) for a in alphabets for c in concats):
        languages = {"languages": ["tr"]} if a in GSM7 and c in HEADERS else {}
        made.append(smpp(port, name=f"l{i:02}", system_id=f"l{i:02}", alphabet=a, concat=c, **{**languages, **over}))
        routes.append({"prefix": [f"1202555{i:02}"], "links": [f"l{i:02}"]})
    return made, routes


def send_all(api, pairs, state="delivered"):
    """Post every message to every link; what was sent is (alphabet, concat, row, recipient, answer)."""
    sent = []
    for i, (a, c) in enumerate(pairs):
        for j, row in enumerate(ROWS):
            if row.headers and not (a in GSM7 and c in HEADERS):
                continue
            to = f"1202555{i:02}{j:02}"
            sent.append((a, c, row, to, api.send(to="+" + to, text=row.text, **row.fields)))
        for j, row in enumerate(OCTETS, len(ROWS)):
            to = f"1202555{i:02}{j:02}"
            message = {"to": "+" + to, "data": row[1], **({"udh": row[2]} if row[2] else {})}
            sent.append((a, c, row, to, api.post("/v1/messages", message).expect(202).json))
    for *_, m in sent:
        api.wait_state(m["id"], state, "delivered")
    return sent


def by_recipient(sim):
    out = {}
    for s in sim.submits():
        out.setdefault(s["to"], []).append(s)
    return out


@case("each alphabet with each concatenation: what arrives at the carrier, octet for octet")
def _(w):
    sim = w.smsc()
    made, routes = links(sim.port)
    gw = w.gateway({"routes": routes}, links=made)
    for link in made:
        gw.wait_link(link["name"])
    pairs = [(a, c) for a in ALPHABETS for c in CONCATS]
    sent, n = send_all(gw.api(), pairs), 0
    arrived = by_recipient(sim)
    for a, c, row, to, answer in sent:
        got = arrived[to]  # one bind: in the order of the parts
        ref = ref_of(got)
        want = expected_octets(*row[1:], c, ref) if isinstance(row, tuple) else expected(row, a, c, ref)
        why = row[0] if isinstance(row, tuple) else row.why
        equal(show([(s["esm_class"], s["data_coding"], s["text"], s["tlvs"]) for s in got]), show(want),
              f"{why}, {a}, {c}")
        # The answer counts the parts that the subscriber gets, whoever cuts them.
        cuts = row[3] if isinstance(row, tuple) else row.cuts if a in row.only else row.ucs2_cuts
        equal(answer["parts"], len(cuts), f"parts of {why}, {a}, {c}")
        n += len(got)
    equal(sim.stats["malformed"], 0, "malformed")
    print(f"# {len(sent)} messages, {n} submit_sm")


@case("flash, and the data_coding of each kind, as the link says")
def _(w):
    sim = w.smsc()
    over = [{}, {"flash": "0xf0"}, {"flash": "subunit"}, {"data_coding_ucs2": 0x18, "data_coding_gsm7": 0xf1},
            {"data_coding_ucs2": 0x19, "data_coding_binary": 0xf5, "flash": "subunit"},
            {"alphabet": "latin1", "data_coding_gsm7": 0}]
    made = [smpp(sim, name=f"l{i}", system_id=f"l{i}", **o) for i, o in enumerate(over)]
    gw = w.gateway({"routes": [{"prefix": [f"120255500{i}"], "links": [f"l{i}"]} for i in range(len(over))]}, links=made)
    for link in made:
        gw.wait_link(link["name"])
    api = gw.api()
    # data_coding of: text, flash text, UCS-2, flash UCS-2, octets, flash octets; whether flash is told by the TLV
    for i, (codings, tlv) in enumerate([
            ((0x00, 0x10, 0x08, 0x18, 0x04, 0x14), False), ((0x00, 0xf0, 0x08, 0x18, 0x04, 0xf4), False),
            ((0x00, 0x00, 0x08, 0x08, 0x04, 0x04), True), ((0xf1, 0x10, 0x18, 0x18, 0x04, 0x14), False),
            ((0x00, 0x00, 0x19, 0x19, 0xf5, 0xf5), True), ((0x00, 0x10, 0x08, 0x18, 0x04, 0x14), False)]):
        for j, (fields, octets) in enumerate([({"text": "hi"}, b"hi"), ({"text": "Ж"}, b"\x04\x16"),
                                              ({"data": "0416"}, b"\x04\x16")]):
            for flash in (False, True):
                to = f"120255500{i}{2 * j + flash}"
                m = api.post("/v1/messages", {"to": "+" + to, "flash": flash, **fields}).expect(202).json
                api.wait_state(m["id"], "delivered")
                got, = [s for s in sim.submits() if s["to"] == to]
                equal((got["data_coding"], got["text"], got["tlvs"]),
                      (codings[2 * j + flash], octets, {0x0005: b"\1"} if flash and tlv else {}), f"link {i}, {to}")


@case("settings that would do nothing, or mix texts up, are refused at the start")
def _(w):
    base = {"driver": "smpp", "name": "acme", "host": "127.0.0.1", "port": 1}
    for over, why in (({"alphabet": "latin1", "languages": ["tr"]}, r"languages: would have no effect with alphabet"),
                      ({"concat": "sar", "languages": ["tr"]}, r"languages: would have no effect with concat"),
                      ({"data_coding_ucs2": 4}, r"data_coding_ucs2: 4 is also data_coding_binary")):
        path = w.path("refused.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(conf_text({"data_dir": w.path("none"), "links": [{**base, **over}]}))
        status, _, err = run(os.path.join(BUILD, "posthornd"), "-t", "-c", path)
        check(status != 0 and re.search(why, err), f"{status}: {err}")


# ---- other programs read it -----------------------------------------------------------------------------------------------

# What the dissector is told of data_coding 0.
WIRESHARK = {"gsm7-unpacked": ("GSM 7-bit", "TRUE"), "gsm7-packed": ("GSM 7-bit (packed)", "FALSE"),
             "latin1": ("ISO-8859-1", "TRUE"), "ascii": ("ASCII", "TRUE")}


@case("Wireshark sees the same texts, and nothing malformed")
def _(w):
    sim = w.smsc()
    n = 0
    for a in ALPHABETS:
        relay = Relay(w, sim.port)
        made, routes = links(relay.port, alphabets=(a,))
        gw = w.gateway({"routes": routes}, links=made)
        for link in made:
            gw.wait_link(link["name"])
        sent = send_all(gw.api(), [(a, c) for c in CONCATS])
        gw.stop()
        path = w.path(f"{a}.pcap")
        pcap(path, one_pdu_each(relay.chunks))
        equal(malformed(path), [], f"malformed, {a}")
        coding, unpacked = WIRESHARK[a]
        texts = {}
        for line in tshark(path, "-o", f"smpp.decode_sms_over_smpp:{coding}", "-o", f"smpp.gsm7_unpacked:{unpacked}",
                           "-Y", "smpp.command_id == 4", "-T", "fields", "-e", "smpp.destination_addr", "-e",
                           "smpp.message_text"):
            to, _, text = line.partition("\t")
            texts[to] = texts.get(to, "") + text
        for _, c, row, to, _ in sent:
            # It shows no text of octets and of data_coding 10 and 18.
            if isinstance(row, tuple) or row.flash:
                continue
            # It knows no national tables, so it must see these septets in the default one: TS 23.038, 6.2.1.
            want = row.text.translate(str.maketrans("şıĞ", "æìØ")) if row.shift else row.text
            # It counts septets by octets, as a carrier may: seven spare bits show as what stands in them.
            got = texts[to].replace("\\r", "") if a == "gsm7-packed" else texts[to]
            equal(got, want, f"{row.why}, {a}, {c}")
            n += 1
    print(f"# {n} texts")


@case('npm "smpp" reads the same texts')
def _(w):
    carrier = NpmCarrier(w)
    n = 0
    gw = w.gateway(links=[smpp(carrier.port, name=c, concat=c) for c in CONCATS],
                   over={"routes": [{"prefix": [f"1202555{i:02}"], "links": [c]} for i, c in enumerate(CONCATS)]})
    for c in CONCATS:
        gw.wait_link(c)
    for _, c, row, to, _ in send_all(gw.api(), [("gsm7-unpacked", c) for c in CONCATS], state="sent"):
        got = [h for h in carrier.of("submit_sm") if h["to"] == to]
        # It has tables for data_coding 0, 1, 3 and 8, and none of national languages.
        if isinstance(row, tuple) or row.flash or row.headers:
            continue
        equal("".join(h["text"] for h in got), row.text, f"{row.why}, {c}")
        n += 1
    equal(carrier.of("error") + carrier.of("unknown"), [], "errors")
    print(f"# {n} texts")


# ---- in -------------------------------------------------------------------------------------------------------------------

def tlv(tag, value):
    value = bytes.fromhex(value)
    return (tag.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value).hex()


U, P, L, A = ALPHABETS
# Why, the link's alphabet, esm_class, data_coding, octets, TLVs, the text, and all that is told beside it.
INBOUND = [
    ("GSM letters, one an octet", U, 0, 0x00, "00011b65", "", "@£€", {"encoding": "default"}),
    ("packed, TS 23.038, 6.1.2.1", P, 0, 0x00, "e8329bfd06", "", "hello", {"encoding": "default"}),
    ("packed behind a header", P, 0x40, 0x00, "050003cc010182", "", "A", {"encoding": "default", "udh": "050003cc0101"}),
    ("Latin-1 is the default", L, 0, 0x00, "e9", "", "é", {"encoding": "default"}),
    ("ASCII is the default", A, 0, 0x00, "4041", "", "@A", {"encoding": "default"}),
    ("ASCII", U, 0, 0x01, "4041", "", "@A", {"encoding": "ascii"}),
    ("Latin-1", U, 0, 0x03, "e9", "", "é", {"encoding": "latin1"}),
    ("Cyrillic", U, 0, 0x06, "bfe0d8d2d5e2", "", "Привет", {"encoding": "iso-8859-5"}),
    ("Hebrew", U, 0, 0x07, "f9ece5ed", "", "שלום", {"encoding": "iso-8859-8"}),
    ("Japanese, pairs", U, 0, 0x05, "34413b7a", "", "漢字", {"encoding": "jis-x-0208"}),
    ("Japanese, escape sequences", U, 0, 0x0a, "1b244234413b7a1b2842", "", "漢字", {"encoding": "iso-2022-jp"}),
    ("Japanese, the other set", U, 0, 0x0d, "3021", "", "丂", {"encoding": "jis-x-0212"}),
    ("Korean", U, 0, 0x0e, "c7d1b1db", "", "한글", {"encoding": "ks-c-5601"}),
    ("UCS-2, beyond the first plane", U, 0, 0x08, "0416d83dde00", "", "Ж😀", {"encoding": "ucs2"}),
    ("UCS-2, cut inside a letter", U, 0, 0x08, "041604", "", "Ж\ufffd", {"encoding": "ucs2", "malformed": True}),
    ("flash", U, 0, 0x10, "6869", "", "hi", {"encoding": "gsm7", "class": 0}),
    ("flash in UCS-2", U, 0, 0x18, "0416", "", "Ж", {"encoding": "ucs2", "class": 0}),
    ("class 2 by group 1111", U, 0, 0xf2, "6869", "", "hi", {"encoding": "gsm7", "class": 2}),
    ("octets", U, 0, 0x04, "00ff10", "", "00ff10", {"encoding": "binary", "data": "00ff10"}),
    ("compressed text is octets", U, 0, 0x20, "6869", "", "6869", {"encoding": "binary", "data": "6869"}),
    ("octets with ports", U, 0x40, 0xf5, "0605040b8423f000ff", "", "00ff",
     {"encoding": "binary", "class": 1, "udh": "0605040b8423f0", "data": "00ff", "ports": {"to": 2948, "from": 9200}}),
    ("ports by TLVs", U, 0, 0x04, "00ff", tlv(0x020b, "0b84") + tlv(0x020a, "23f0"), "00ff",
     {"encoding": "binary", "udh": "0605040b8423f0", "data": "00ff", "ports": {"to": 2948, "from": 9200}}),
    ("one part of one by sar_ TLVs", U, 0, 0x00, "6869", tlv(0x020c, "1234") + tlv(0x020e, "01") + tlv(0x020f, "01"), "hi",
     {"encoding": "default"}),
    ("a text in message_payload", U, 0, 0x08, "-", tlv(0x0424, "0416" * 200), "Ж" * 200, {"encoding": "ucs2"}),
    ("a long packed text in message_payload", P, 0, 0x00, "-", tlv(0x0424, "31d98c56b3dd70" * 40), "12345678" * 40,
     {"encoding": "default"}),
    ("Turkish, locking table", U, 0x40, 0x00, "03250101071d", "", "ış",
     {"encoding": "default", "udh": "03250101", "languages": ["tr"]}),
    ("Turkish and Spanish", U, 0x40, 0x00, "06250101240102071d1b61", "", "ışá",
     {"encoding": "default", "udh": "06250101240102", "languages": ["tr", "es"]}),
    ("a language nobody knows", U, 0x40, 0x00, "0325016307", "", "ì", {"encoding": "default", "udh": "03250163"}),
    ("voicemail waits", U, 0, 0xc8, "", "", "", {"encoding": "gsm7", "waiting": {"kind": "voicemail", "active": True}}),
    ("a header longer than its text", U, 0x40, 0x00, "2041", "", " A", {"encoding": "default", "malformed": True}),
    ("an octet that is no septet", U, 0, 0x00, "41e9", "", "A\ufffd", {"encoding": "default", "malformed": True}),
    ("a NUL in the middle", U, 0, 0x03, "410042", "", "A\ufffdB", {"encoding": "latin1", "malformed": True}),
]
TOLD = ("encoding", "class", "waiting", "ports", "languages", "udh", "data", "malformed")


@case("received texts: the letters and the facts, listed and pushed alike; and the octets as they came")
def _(w):
    sink = w.sink()
    sims = {a: w.smsc() for a in ALPHABETS}
    gw = w.gateway(links=[smpp(sims[a], name=a, alphabet=a) for a in ALPHABETS], webhook=sink)
    for a in ALPHABETS:
        gw.wait_link(a)
    for i, (why, a, esm, coding, octets, tlvs, *_) in enumerate(INBOUND):
        sims[a].ask(f"mo-hex 120255500{i:02} 5678 {esm:x} {coding:x} {octets or '-'} {tlvs}".rstrip())
    op = gw.operator()
    wait_for(lambda: len(op.get("/v1/inbound", limit=1000).json["inbound"]) == len(INBOUND), 10, "the list")
    listed = {m["from"]: m for m in op.get("/v1/inbound", limit=1000).expect(200).json["inbound"]}
    pushed = sink.wait(lambda events: len(events) == len(INBOUND) and {e["from"]: e for e in events}, 10, "the pushes")
    for i, (why, a, esm, coding, octets, tlvs, text, facts) in enumerate(INBOUND):
        m, e = listed[f"+120255500{i:02}"], pushed[f"+120255500{i:02}"]
        equal((m["text"], e["text"]), (text, text), why)
        equal({k: m[k] for k in TOLD if k in m}, facts, f"{why}, listed")
        equal({k: e[k] for k in TOLD if k in e}, facts, f"{why}, pushed")
        equal((m["data_coding"], m["esm_class"] & ~0x40), (coding, esm & ~0x40), f"{why}, as it came")
        if not tlvs:
            equal(m["raw"], octets, f"{why}, raw")
    # And by command line: what is told of one.
    status, out, err = run(os.path.join(BUILD, "posthorn"), "inbound", "--details", "--csv", "--all",
                           env={"POSTHORN_URL": f"http://127.0.0.1:{gw.port}", "POSTHORN_KEY": gw.keys["shop"]})
    equal(status, 0, err)
    rows = {r["from"]: r for r in csv.DictReader(io.StringIO(out))}
    i = next(i for i, r in enumerate(INBOUND) if r[0] == "octets with ports")
    equal({k: rows[f"+120255500{i:02}"][k] for k in ("encoding", "class", "ports.to", "ports.from", "udh", "data")},
          {"encoding": "binary", "class": "1", "ports.to": "2948", "ports.from": "9200", "udh": "0605040b8423f0",
           "data": "00ff"}, "by command line")
    for i, (why, a, esm, coding, octets, tlvs, text, facts) in enumerate(INBOUND):
        if facts.get("malformed") and not tlvs:
            row = rows[f"+120255500{i:02}"]
            equal((row["malformed"], row["raw"], row["data_coding"]), ("yes", octets, str(coding)), f"{why}, by command line")


main()
