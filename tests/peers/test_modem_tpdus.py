#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test_modem_tpdus.py -- what posthornd writes behind AT+CMGS, before judges that share no code with it.

A gateway sends texts of every kind through a simulated modem, which logs each TPDU as it came.  The simulator, gammu and
Wireshark read them: recipient, class, parts and texts must be what the client posted.  Where gammu is known to show a text
in its own way, test_tpdu.py says how; a judge that is not installed is skipped."""
import os
import sys
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "e2e"), HERE]
import test_tpdu  # noqa: E402
from modems import *  # noqa: E402

LONG = "Straße [{}] ~ a long text with a € sign in it, again and again. "
POSTED = [{"to": f"+4915112345{i:03}", **fields} for i, fields in enumerate((
    {"text": "hello"}, {"text": "12345678"}, {"text": "seven 7"}, {"text": "{[~]}\\^|€ £ Ångström ΔΦΓ @"}, {"text": "Привет"},
    {"text": "emoji 🚀👍🏽🇩🇪 and text"}, {"text": "flash", "flash": True}, {"text": "вспышка", "flash": True}, {"text": "漢字" * 35},
    {"text": "漢字" * 50}, {"text": LONG * 4}, {"text": "€" * 80}, {"text": "€" * 81}, {"text": "a" * 160}, {"text": "a" * 161},
    {"text": "🚀" * 80}, {"text": "x" * 152 + "€" * 9}))]


def sent(w):
    """Through a gateway and a modem: what the modem took."""
    sims = Modems(w)
    gw = w.gateway(links=[modem(sims)])
    api = gw.api()
    ids = [r["id"] for r in api.post("/v1/messages", POSTED).expect(202).json["results"]]
    for i in ids:
        api.wait_state(i, "delivered", seconds=20)
    equal(sims.stats["judged"], {"malformed": [], "repeats": []}, "what the simulator thinks of them")
    return sims.events("submit")


def by_recipient(rows, texts):
    """The texts of the parts, joined in their order."""
    found = {}
    for row, text in sorted(zip(rows, texts), key=lambda p: p[0].get("concat", {}).get("seq", 1)):
        found[row["to"]] = found.get(row["to"], "") + text
    return found


def wanted():
    return {p["to"]: p["text"] for p in POSTED}


def alphabet(row):
    return test_tpdu.alphabet_of(row["dcs"])


@case("the simulator reads what was posted")
def _(w):
    rows = sent(w)
    equal(by_recipient(rows, [r["text"] for r in rows]), wanted(), "texts")
    flash = {p["to"] for p in POSTED if p.get("flash")}
    equal({r["to"] for r in rows if r["dcs"] & 0x10}, flash, "of class 0")


@case("gammu reads the same")
def _(w):
    rows = sent(w)
    answers = test_tpdu.gammu([r["pdu"] for r in rows])
    if answers is None:
        skip("python3-gammu is not installed")
    for row, seen in zip(rows, answers):
        check("error" not in seen, f"{row}: {seen}")
        equal((seen["Type"], seen["Number"]), ("Submit", row["to"]), "kind and recipient")
        equal(*test_tpdu.as_gammu_shows(row["text"], seen["Text"], alphabet(row)), f"text of {row['pdu']}")
        equal(seen["Class"], 0 if row["dcs"] & 0x10 else -1, "class")
        if "concat" in row:
            equal((seen["UDH"]["PartNumber"], seen["UDH"]["AllParts"]), (row["concat"]["seq"], row["concat"]["total"]), "parts")


@case("Wireshark reads the same")
def _(w):
    if not test_tpdu.shutil.which("tshark"):
        skip("tshark is not installed")
    rows = sent(w)
    tpdus = [types.SimpleNamespace(octets=o, n_centre=o[0] + 1, mo=True) for o in (bytes.fromhex(r["pdu"]) for r in rows)]
    fields = ("gsm_sms.sms_text", "gsm_sms.tp-da", "gsm_sms.tp-dcs", "_ws.malformed")
    packets = json.loads(test_tpdu.tshark(tpdus, "-T", "json", *(x for f in fields for x in ("-e", f))))
    layers = [p["_source"]["layers"] for p in packets]
    equal([la for la in layers if "_ws.malformed" in la], [], "malformed")
    equal(["+" + la["gsm_sms.tp-da"][0] for la in layers], [r["to"] for r in rows], "recipients")
    equal(by_recipient(rows, [la["gsm_sms.sms_text"][0] for la in layers]), wanted(), "texts")


main()
