#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 14 s
"""0810: what messages would cost, before money is spent: POST /v1/preview, one message and whole bases.

Capacities: 3GPP TS 23.040, 9.2.3.24.1."""
import http.client
import random
import socket

from harness import *

TO = "+12025550142"
CSV, LINES = {"Content-Type": "text/csv"}, {"Content-Type": "application/x-ndjson"}


def ground(w, **named):
    gw = w.gateway(**named)
    return gw, gw.api()


def preview(api, body, headers=None, **query):
    return api.post("/v1/preview", body, headers, **query).expect(200).json


def sums(answer, *names):
    return tuple(answer["summary"][n] for n in names)


def memory_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


@case("one message: parts, what is left in each, the culprit by name, the suggestion, the route")
def _(w):
    gw, api = ground(w)
    p = preview(api, {"to": TO, "text": "Don’t panic" + "!" * 60})
    equal((p["encoding"], p["parts"], p["units"], p["left"], p["capacity"]), ("ucs2", 2, [67, 4], [0, 63], 67), "numbers")
    equal(p["culprits"], [{"position": 3, "char": "’", "codepoint": "U+2019", "name": "RIGHT SINGLE QUOTATION MARK",
                           "cost": "forces ucs2"}], "culprits")
    s = p["suggestion"]
    equal((s["text"], s["encoding"], s["parts"], s["saves"], s["by"]),
          ("Don't panic" + "!" * 60, "gsm7", 1, 1, "smart"), "suggestion")
    equal(p["shorten"], {"units": 1, "parts": 1, "saves": 1}, "one unit too many for 70")
    equal((p["route"], p["link"], p.get("reason")), ("route1", "null", None), "route")


@case("the rules are those of the link that the message would take; no rule is said")
def _(w):
    sim = w.smsc()
    gw, api = ground(w, links=[smpp(sim, "tr", languages=["tr"]), smpp(sim, "latin", alphabet="latin1"), smpp(sim)],
                     over={"routes": [{"name": "ankara", "prefix": ["90"], "links": ["tr"]},
                                      {"name": "bonn", "prefix": ["49"], "links": ["latin"]},
                                      {"name": "usa", "prefix": ["1"], "links": ["acme"]}]})
    text = "ş" + "a" * 160
    p = preview(api, {"to": "+905301234567", "text": text})
    equal((p["encoding"], p["units"], p["languages"], p["route"], p["link"]),
          ("gsm7", [149, 13], [{"table": "single", "language": "tr"}], "ankara", "tr"), "with tables")
    equal(p["culprits"][0]["cost"], "forces a language table", "cost")
    p = preview(api, {"to": TO, "text": text})
    equal((p["encoding"], p["parts"], p["languages"], p["route"]), ("ucs2", 3, [], "usa"), "without")
    p = preview(api, {"to": "+4915112345678", "text": "Δ"})
    equal((p["encoding"], p["culprits"][0]["name"], p["route"]), ("ucs2", "GREEK CAPITAL LETTER DELTA", "bonn"), "Latin-1")
    p = preview(api, {"to": "+33612345678", "text": "allo"})
    equal((p["route"], p["link"], p["reason"]), (None, None, "no_route"), "no rule")
    s = preview(api, [{"to": t, "text": text} for t in (TO, "+905301234567", "+33612345678", TO)])["summary"]
    equal({r["route"]: (r["rows"], r["parts"]) for r in s["by_route"]}, {"usa": (2, 6), "ankara": (1, 2)}, "by route")
    equal(s["no_route"], {"rows": 1, "parts": 3}, "no route")


@case("what the message asked for is done, said and counted; then nothing is suggested")
def _(w):
    gw, api = ground(w)
    row = {"to": TO, "text": "“" + "a" * 99, "smart": True}
    p = preview(api, row)
    equal((p["encoding"], p["parts"], p["smart"], p["suggestion"], p["culprits"]), ("gsm7", 1, True, None, []), "smart")
    equal((p["changed"]["by"], p["changed"]["parts_before"], p["changed"]["text"]), (["smart"], 2, '"' + "a" * 99), "changed")
    equal(api.post("/v1/messages", row).expect(202).json["changed"], p["changed"], "as the post says it")
    p = preview(api, {"to": TO, "text": "Привет", "translit": "ru-Latn"})
    equal((p["encoding"], p["changed"]["by"], p["changed"]["text"]), ("gsm7", ["translit"], "Privet"), "transliterated")
    s = preview(api, [row, {**row, "smart": False}, {"to": TO, "text": "x"}])["summary"]
    equal((s["changed"], s["suggestion"]), ({"rows": 1, "parts_before": 2, "parts": 1}, {"rows": 1, "parts_saved": 1}), "sums")


ROWS = [{"to": TO, "text": "hello"}, {"to": "12", "text": "x"}, {"to": TO, "text": "“" * 71, "ref": "dear"},
        {"to": TO, "text": "a" * 161}]


@case("array, lines and CSV of the same rows have the same sums; results lists what was asked for")
def _(w):
    gw, api = ground(w)
    csv = ("\ufeffTo;Text;ref\r\n" + "".join(f"{r['to']};{r['text']};{r.get('ref', '')}\r\n" for r in ROWS)).encode()
    bodies = ((ROWS, None), (json_lines(ROWS), LINES), (csv, CSV))
    for body, headers in bodies:
        a = preview(api, body, headers, results="all")
        equal(sums(a, "rows", "accepted", "refused", "parts", "units", "by_parts", "by_encoding", "errors"),
              (4, 3, 1, 5, {"gsm7": 166, "ucs2": 71}, {"1": 1, "2": 2}, {"gsm7": 2, "ucs2": 1}, {"invalid_to": 1}), headers)
        equal(sums(a, "suggestion", "shorten"), ({"rows": 1, "parts_saved": 1}, {"rows": 2, "parts_saved": 2}), "savings")
        equal([(c["codepoint"], c["rows"], c["count"]) for c in a["summary"]["culprits"]], [("U+201C", 1, 71)], "culprits")
        equal([(d["row"], d["parts"], d["to"]) for d in a["summary"]["dearest"]],
              [(2, 2, "+1202*****42"), (3, 2, "+1202*****42"), (0, 1, "+1202*****42")], "dearest")
        equal([(r["row"], r.get("parts"), r.get("error", {}).get("code")) for r in a["results"]],
              [(0, 1, None), (1, None, "invalid_to"), (2, 2, None), (3, 2, None)], "all")
        equal([r["row"] for r in preview(api, body, headers, results="errors")["results"]], [1], "errors")
        equal([r["row"] for r in preview(api, body, headers, results="dearest")["results"]], [2, 3, 0], "dearest in full")
        equal(preview(api, body, headers, results="none")["results"], [], "none")
    equal(len(preview(api, ROWS)["results"]), 4, "a short array lists all by default")
    equal(preview(api, json_lines(ROWS), LINES)["results"], [], "lines list none by default")
    equal(preview(api, [ROWS[0]] * 1001)["results"], [], "nor does a long array")
    equal(sums(preview(api, [], None), "rows", "parts"), (0, 0), "no rows")


@case("CSV as spreadsheets write it: separators, quotes, line breaks, empty cells, types")
def _(w):
    gw, api = ground(w)
    for why, body, texts in (
            ("quotes, RFC 4180, 2.5 to 2.7", b'to,text\n+12025550142,"a ""b"",\nc"\n', [8]),
            ("tab", b"to\ttext\n+12025550142\ta,b\n", [3]),
            ("the separator in a line of its own", b"sep=;\nto;text\n+12025550142;a,b\n", [3]),
            ("no last line end, old line ends", b"to,text\r+12025550142,ab\r+12025550142,abc", [2, 3]),
            ("a blank line and an empty cell", b"to,text,ttl,smart\n\n+12025550142,ab,,\n", [2]),
            ("types", b"to,text,ttl,flash\n+12025550142,ab,060,Yes\n", [2])):
        a = preview(api, body, CSV, results="all")
        equal([r["units"][0] for r in a["results"]], texts, why)
    rows = preview(api, b"to,text,ttl\n+12025550142,x,soon\n+12025550142,\xff,\n+12025550142,x,,more\n+12025550142,\"x\"y,\n"
                   b"+12025550142,fine,\n", CSV, results="all")["results"]
    equal([r.get("error", {}).get("code") for r in rows],
          ["wrong_type", "invalid_utf8", "invalid_csv", "invalid_csv", None], "rows that are at fault")
    equal((rows[0]["error"]["field"], rows[1]["error"]["field"]), ("ttl", "text"), "fields")


@case("bodies that are wrong are refused whole, with what to mend")
def _(w):
    gw, api = ground(w)
    for body, headers, status, code in (
            (b"", CSV, 400, "invalid_csv"), (b"text\nx\n", CSV, 400, "invalid_csv"),
            (b"to,text,colour\n", CSV, 400, "invalid_csv"), (b"to,text,To\n", CSV, 400, "invalid_csv"),
            (b'to,text\n+12025550142,x\n+12025550142,"open\n', CSV, 400, "invalid_csv"),
            ("to,text\n".encode("utf-16"), CSV, 400, "invalid_csv"),
            (b"{", None, 400, "invalid_json"), (b"17", None, 400, "invalid_json"),
            (json.dumps([ROWS[0]] * 10001).encode(), None, 413, "too_many_rows"),
            (b"x", {"Content-Type": "text/plain"}, 415, "unsupported_type"),
            ({"to": TO, "text": "Ж" * 2000}, None, 422, "too_many_parts"),
            ({"to": TO, "text": "“", "encoding": "gsm7"}, None, 422, "not_gsm7")):
        api.post("/v1/preview", body, headers).expect(status, code)
    for body, headers in ((ROWS[0], None), (ROWS, None), (json_lines(ROWS), LINES)):
        api.post("/v1/preview", body, headers, results="some").expect(400, "invalid_parameter")
    a = api.post("/v1/preview", b'to,text\n1,2\n3,"4\n', CSV).expect(400)
    check("row 3 (line 3)" in a.json["error"]["message"], a)
    line = b'{"to":"' + b"1" * 300000 + b'"}\n'
    equal(sums(preview(api, line + json_lines(ROWS[:1]), LINES), "refused", "errors"), (1, {"row_too_long": 1}), "long line")


@case("refused rows are counted all and listed up to 1,000")
def _(w):
    gw, api = ground(w)
    a = preview(api, json_lines([{"to": "x", "text": "y"}] * 1500 + [ROWS[0]]), LINES, results="errors")
    equal((a["summary"]["refused"], len(a["results"]), a["truncated"]), (1500, 1000, True), "refused, listed")
    a = preview(api, json_lines([ROWS[0]] * 10001), LINES, results="all")
    equal((a["summary"]["accepted"], len(a["results"]), a["truncated"]), (10001, 10000, True), "accepted, listed")


# Of everything that makes a difference: alphabets, double units, cuts, wishes.
LETTERS = ("abc xyz 0123", "éàÇñ£¥", "[]{}€~^|", "ğşıİ", "áéíóú", "Привет", "“”‘’–…", "中文字", "😀👍🏽🇩🇪", "\n\r\t")


def mixed(rng):
    groups = rng.choices(LETTERS, (20, 4, 3, 1, 1, 2, 1, 1, 1, 1), k=rng.randint(1, 4))
    row = {"to": rng.choice((TO, "+905301234567")),
           "text": "".join(rng.choice(rng.choice(groups)) for _ in range(rng.choice((5, 70, 71, 150, 160, 161, 306, 400))))}
    if rng.random() < 0.3:
        row["smart"] = True
    if rng.random() < 0.1:
        row["encoding"] = rng.choice(("gsm7", "ucs2", "auto"))
    return row


@case("preview and post agree in encoding, parts and refusal on 1,000 mixed texts")
def _(w):
    gw, api = ground(w, links=[{"name": "null", "driver": "loopback"}, smpp(free_port(), "tr", languages=["tr", "es"])],
                     over={"routes": [{"prefix": ["90"], "links": ["tr"]}, {"links": ["null"]}]})
    rng = random.Random(810)
    rows = [mixed(rng) for _ in range(1000)]
    seen = preview(api, rows)["results"]
    kinds = set()
    for row, p in zip(rows, seen, strict=True):
        answer = api.post("/v1/messages", row)
        a = answer.json
        if answer.status == 202:
            equal((p.get("encoding"), p.get("parts")), (a["encoding"], a["parts"]), row)
            equal(len(p["units"]), p["parts"], row)
            kinds.add((p["encoding"], p["parts"], bool(p["languages"]), bool(p["suggestion"])))
        else:
            equal(p.get("error"), a["error"], row)
            kinds.add(a["error"]["code"])
    check(len(kinds) > 12, kinds)


@case("nothing is stored: no message, no campaign, no key")
def _(w):
    gw, api = ground(w)
    row = {"to": TO, "text": "x", "campaign": "never-sent", "ref": "r", "idempotency_key": "k"}
    before = gw.metrics()
    preview(api, row, {"Idempotency-Key": "whole"})
    preview(api, [row] * 3, {"Idempotency-Key": "whole"})
    preview(api, json_lines([row] * 3), {**LINES, "Idempotency-Key": "whole"})
    equal(api.all_messages(), [], "messages")
    api.get("/v1/streams/whole").expect(404)
    after = gw.metrics()
    changed = {k for k in after if "accepted" in k and after[k] != before.get(k)}
    equal(changed, set(), "counters of accepted messages")
    data = gw.settings["data_dir"]
    gw.stop()
    found = [name for name in os.listdir(data) if os.path.isfile(os.path.join(data, name))
             and b"never-sent" in open(os.path.join(data, name), "rb").read()]
    equal(found, [], "files that hold the campaign's name")
    w.remove(gw)


@case("200,000 rows: memory does not grow, and others are answered meanwhile")
def _(w):
    gw, api = ground(w)
    n = 20000 if SANITIZED else 200000
    lines = json_lines({"to": f"+1202555{i % 10000:04d}", "text": f"Dear customer {i}, " + "“only today” " * (i % 13)}
                       for i in range(1000))
    preview(api, lines, LINES)
    before, most, took, both, posts = memory_kb(gw.pid), 0, [], [], []
    done, parsed = threading.Event(), threading.Event()  # the array is parsed whole: memory is judged before it

    def others():
        nonlocal most
        other = gw.api()
        while not done.is_set():
            at = time.monotonic()
            preview(other, ROWS[0])  # an answer that waits for no disk: what the loop makes others wait
            took.append(time.monotonic() - at)
            posts.append(other.send())
            both.append(time.monotonic() - at)
            if not parsed.is_set():
                most = max(most, memory_kb(gw.pid))
        other.close()

    body = lines * (n // 1000)
    array = json.dumps([{"to": TO, "text": "“цена” " * 50}] * 10000, ensure_ascii=False).encode()
    thread = threading.Thread(target=others)
    thread.start()
    at = time.monotonic()
    try:
        answer = preview(api, body, LINES)
        all_took = time.monotonic() - at
        n_posts, n_lines = len(posts), len(took)
        parsed.set()
        equal(sums(preview(api, array), "rows", "accepted"), (10000, 10000), "rows of the array")
    finally:
        done.set()
        thread.join()
    equal(sums(answer, "rows", "accepted"), (n, n), "rows")
    worst = max(both[n_lines:] or [0])
    took = sorted(took[:n_lines])
    print(f"# {n / all_took:.0f} rows/s; others waited {took[n_lines // 2] * 1000:.0f} ms in the middle, "
          f"{took[-1] * 1000:.0f} ms at most, {worst * 1000:.0f} ms beside an array, {n_posts / all_took:.0f} posts/s; "
          f"memory {before} kB, then at most {most} kB")
    check(len(posts) > 5, "others were answered")
    # Most of them, as this machine may have more to do than the gateway.
    check(took[n_lines * 3 // 4] < patience(0.05), f"a quarter of the others waited {took[n_lines * 3 // 4]:.3f} s and more")
    check(worst < patience(0.25), f"somebody waited {worst:.3f} s beside an array")
    check(SANITIZED or most - before < 8192, f"memory grew from {before} to {most} kB")


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return sum(int(n) for n in f.read().rpartition(")")[2].split()[11:13])


def wait_idle(pid):
    """All that was sent has been worked off: the gateway takes no time any more."""
    before = [cpu_ticks(pid)]

    def idle():
        time.sleep(0.3)
        before.append(cpu_ticks(pid))
        return before[-1] - before[-2] <= 1

    wait_for(idle, 60, "the gateway to be idle")


@case("what all previews hold for their answers is bounded: the last are truncated, the sums are whole")
def _(w):
    gw, api = ground(w)
    body = json_lines([{"to": TO, "text": "“" + "x" * 300}] * 6000)
    held = []
    for i in range(16):
        c = http.client.HTTPConnection("127.0.0.1", gw.port, timeout=patience(30))
        c.putrequest("POST", "/v1/preview?results=" + ("all" if i else "dearest"))
        for name, value in {"Authorization": f"Bearer {gw.keys['shop']}", **LINES, "Transfer-Encoding": "chunked"}.items():
            c.putheader(name, value)
        c.endheaders()
        c.send(b"%x\r\n%b\r\n" % (len(body), body))
        held.append(c)
    wait_idle(gw.pid)
    octets, truncated = 0, []
    for c in held:
        c.send(b"0\r\n\r\n")
        text = c.getresponse().read()
        c.close()
        answer = json.loads(text)
        equal(sums(answer, "rows", "parts"), (6000, 30000), "sums")
        octets += len(text)
        truncated.append(answer.get("truncated", False))
    check(octets < 65 << 20, f"{octets} octets")
    check(truncated.count(True) > 3, truncated)
    answer = preview(api, body, LINES, results="all")
    equal((len(answer["results"]), "truncated" in answer), (6000, False), "and when they are gone")


@case("whoever goes away in the middle, or is cut off by a stop, leaves nothing behind")
def _(w):
    gw, api = ground(w)
    key = gw.keys["shop"]

    def begin():
        c = socket.create_connection(("127.0.0.1", gw.port), patience(10))
        head = f"POST /v1/preview HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n" \
               "Content-Type: application/x-ndjson\r\nContent-Length: 10000000\r\n\r\n"
        c.sendall(head.encode() + json_lines(ROWS))
        return c

    begin().close()
    left = begin()
    preview(api, ROWS)
    gw.stop()
    w.remove(gw)
    check(b"503" in left.recv(65536).split(b"\r\n")[0], "the one in the middle hears of the stop")
    left.close()


main()
