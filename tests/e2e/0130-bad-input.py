#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0130: what a client gets wrong is answered with a status, a stable code, the field and a way to mend it."""
import re
import socket

from harness import *

GOOD = {"to": "+12025550142", "text": "hello"}
JSON = {"Content-Type": "application/json"}


def but(**over):
    return {k: v for k, v in {**GOOD, **over}.items() if v is not ...}


# why, body (object or octets), status, code, field
ONE = [
    ("no recipient", but(to=...), 400, "missing_field", "to"),
    ("letters as recipient", but(to="nobody"), 400, "invalid_to", "to"),
    ("too short a number", but(to="+12"), 400, "invalid_to", "to"),
    ("sixteen digits (E.164 has 15)", but(to="+1234567890123456"), 400, "invalid_to", "to"),
    ("national form without a country", but(to="0912 123 45 67"), 400, "invalid_to", "to"),
    ("a number instead of a string", but(to=12025550142), 400, "wrong_type", "to"),
    ("null is not left out", but(to=None), 400, "wrong_type", "to"),
    ("no text", but(text=...), 400, "missing_field", "text"),
    ("empty text", but(text=""), 400, "invalid_text", "text"),
    ("NUL in the text", but(text="a\0b"), 400, "invalid_text", "text"),
    ("NUL in another string", but(ref="a\0b"), 400, "invalid_ref", "ref"),
    ("a control character", but(text="a\x1bb"), 400, "invalid_text", "text"),
    ("a control character of C1", but(text="it\x92s"), 400, "invalid_text", "text"),
    ("a code point that is no character", but(text="a\uffffb"), 400, "invalid_text", "text"),
    ("a text of 100,000 characters", but(text="x" * 100000), 400, "invalid_text", "text"),
    ("the same, to be made cheaper", but(text="“" + "x" * 99999, smart=True, nfc=True), 400, "invalid_text", "text"),
    ("the same, to be transliterated", but(text="ж" + "x" * 99999, translit="ru-Latn"), 400, "invalid_text", "text"),
    ("a transliteration that is none", but(translit="ru"), 400, "invalid_translit", "translit"),
    ("data to be transliterated", {"to": GOOD["to"], "data": "00", "translit": "ru-Latn"}, 400, "invalid_translit",
     "translit"),
    ("nfc is no boolean", but(nfc=1), 400, "wrong_type", "nfc"),
    ("nothing is left of the text", but(text="ъ", translit="ru-Latn"), 400, "invalid_text", "text"),
    ("gsm7 asked, not to be had by transliteration", but(encoding="gsm7", text="да 😀", translit="ru-Latn"), 422, "not_gsm7",
     "text"),
    ("twenty thousand letters to be transliterated", but(text="ж" * 19000, translit="ru-Latn"), 422, "too_many_parts",
     "text"),
    ("a misspelt field", but(sendat="2030-01-01T00:00:00Z"), 400, "unknown_field", "sendat"),
    ("another gateway's field", {"recipient": "+12025550142", "text": "x"}, 400, "unknown_field", "recipient"),
    ("twelve letters as sender", but(**{"from": "ABCDEFGHIJKL"}), 400, "invalid_from", "from"),
    ("Cyrillic as sender", but(**{"from": "Магазин"}), 400, "invalid_from", "from"),
    ("a class that is none", but(**{"class": "urgent"}), 400, "invalid_class", "class"),
    ("a report that is none", but(report="some"), 400, "invalid_report", "report"),
    ("an encoding that is none", but(encoding="latin1"), 400, "invalid_encoding", "encoding"),
    ("gsm7 asked, Cyrillic given", but(encoding="gsm7", text="Ж"), 422, "not_gsm7", "text"),
    ("send_at without a zone", but(send_at="2030-01-01T00:00:00"), 400, "invalid_send_at", "send_at"),
    ("send_at in ten years", but(send_at="2099-01-01T00:00:00Z"), 400, "invalid_send_at", "send_at"),
    ("send_at on February 30", but(send_at="2026-02-30T00:00:00Z"), 400, "invalid_send_at", "send_at"),
    ("ttl 0", but(ttl=0), 400, "invalid_ttl", "ttl"),
    ("ttl below nothing", but(ttl=-1), 400, "invalid_ttl", "ttl"),
    ("ttl with a fraction", but(ttl=1.5), 400, "wrong_type", "ttl"),
    ("ttl beyond 31 days", but(ttl=2678401), 400, "invalid_ttl", "ttl"),
    ("ref of 65 octets", but(ref="r" * 65), 400, "invalid_ref", "ref"),
    ("a line break in tag", but(tag="a\nb"), 400, "invalid_tag", "tag"),
    ("campaign of 65 octets", but(campaign="c" * 65), 400, "invalid_campaign", "campaign"),
    ("flash is no boolean", but(flash="yes"), 400, "wrong_type", "flash"),
    ("text and data", but(data="00"), 400, "text_and_data", "data"),
    ("udh without data", but(udh="050003010201"), 400, "text_and_data", "udh"),
    ("data that is no hexadecimal", {"to": GOOD["to"], "data": "0g"}, 400, "invalid_data", "data"),
    ("data of half an octet", {"to": GOOD["to"], "data": "012"}, 400, "invalid_data", "data"),
    ("eleven parts", but(text="x" * (153 * 10 + 1)), 422, "too_many_parts", "text"),
    ("no JSON", b"to=+12025550142", 400, "invalid_json", None),
    ("JSON that ends too early", b'{"to":"+12025550142",', 400, "invalid_json", None),
    ("something after the JSON", b'{"to":"+12025550142","text":"x"} {}', 400, "invalid_json", None),
    ("a field twice", b'{"to":"+12025550142","to":"+12025550143","text":"x"}', 400, "invalid_json", None),
    ("a string", b'"hello"', 400, "invalid_json", None),
    ("a number", b"1", 400, "invalid_json", None),
    ("nothing", b"", 400, "invalid_json", None),
    ("octets that are no UTF-8", b'{"to":"+12025550142","text":"\xff"}', 400, "invalid_utf8", None),
    ("half a surrogate pair", b'{"to":"+12025550142","text":"\\ud83d"}', 400, "invalid_json", None),
    ("the other half", b'{"to":"+12025550142","text":"\\ude00"}', 400, "invalid_json", None),
    ("a surrogate as octets", b'{"to":"+12025550142","text":"\xed\xa0\xbd"}', 400, "invalid_utf8", None),
    ("a thousand brackets", b"[" * 100000, 400, "invalid_json", None),
]


def judge_error(answer, status, code, field):
    answer.expect(status, code)
    error = answer.json["error"]
    equal(answer.headers["Content-Type"].split(";")[0], "application/json", "type of the answer")
    check(error["code"] and len(error["message"]) > 15, error)
    if field:
        equal(error.get("field"), field, "field")


@case(f"a table of {len(ONE)} wrong messages: status, code, field")
def _(w):
    gw = w.gateway()
    api, problems = gw.api(), []
    for why, body, status, code, field in ONE:
        try:
            judge_error(api.post("/v1/messages", body), status, code, field)
        except AssertionError as e:
            problems.append(f"{why}: {e}")
    check(not problems, "\n".join(problems))
    equal(api.get("/v1/messages").expect(200).json["messages"], [], "nothing of it was accepted")


@case("the same table row by row in an array: each row has the same code")
def _(w):
    gw = w.gateway()
    rows = [r for r in ONE if isinstance(r[1], dict)]
    answer = gw.api().post("/v1/messages", [r[1] for r in rows]).expect(202).json
    equal((answer["accepted"], answer["rejected"]), (0, len(rows)), "counts")
    equal([r["error"]["code"] for r in answer["results"]], [r[3] for r in rows], "codes")


@case("the same table as a stream, bad lines included; a preview judges alike")
def _(w):
    gw = w.gateway()
    api = gw.api()
    rows = [r for r in ONE if isinstance(r[1], dict)]
    lines = json_lines(r[1] for r in rows) + b'{"to":\n' + json_lines([GOOD])
    answer = api.stream(lines, results="errors").expect(202).json
    equal((answer["accepted"], answer["rejected"]), (1, len(rows) + 1), "counts")
    equal([r["error"]["code"] for r in answer["results"]], [r[3] for r in rows] + ["invalid_json"], "codes")
    for why, body, status, code, field in rows:
        judge_error(api.post("/v1/preview", body), status, code, field)


@case("numbers as people write them are understood")
def _(w):
    gw = w.gateway(client={"default_country": "RU"})
    api = gw.api()
    for to, wanted in (("+1 (202) 555-0142", "+12025550142"), ("0012025550142", "+12025550142"),
                       ("8 (912) 123-45-67", "+79121234567"), ("+7 912 123 45 67", "+79121234567")):
        equal(api.message(api.send(to)["id"])["to"], wanted, to)


@case("keys: none, wrong, of another scheme, in the query")
def _(w):
    gw = w.gateway()
    for key, headers, path in (("", {}, "/v1/messages"), ("ph_wrong", {}, "/v1/messages"),
                               ("", {"Authorization": "Basic c2hvcDpzaG9w"}, "/v1/messages"),
                               ("", {"Authorization": "Bearer"}, "/v1/messages")):
        answer = gw.api(key=key).call("GET", path, headers=headers)
        judge_error(answer, 401, "unauthorized", None)
        check(answer.headers["WWW-Authenticate"].startswith("Bearer"), "WWW-Authenticate (RFC 9110, 11.6.1)")
    gw.api(key="").get("/v1/messages", key=gw.keys["shop"]).expect(401)


@case("a client that is no operator: 403 not_operator; from a foreign network: 403")
def _(w):
    gw = w.gateway()
    judge_error(gw.api().get("/v1/links"), 403, "not_operator", None)
    gw.add_client("far", allow=["192.0.2.0/24"])
    gw.write_conf()
    gw.reload()
    judge_error(gw.api("far").get("/v1/messages"), 403, "address_not_allowed", None)


@case("wrong path, method, type, parameter")
def _(w):
    gw = w.gateway()
    api = gw.api()
    judge_error(api.get("/v2/messages"), 404, "not_found", None)
    judge_error(api.get("/v1/messages/999999"), 404, "not_found", None)
    judge_error(api.get("/v1/messages/abc"), 404, "not_found", None)
    judge_error(api.get("/v1/messages/18446744073709551616"), 404, "not_found", None)
    answer = api.call("PUT", "/v1/messages", GOOD)
    judge_error(answer, 405, "method_not_allowed", None)
    check({"GET", "POST", "DELETE"} <= set(answer.headers["Allow"].replace(",", " ").split()), answer.headers["Allow"])
    judge_error(api.post("/v1/messages", json.dumps(GOOD), {"Content-Type": "text/plain"}), 415, "unsupported_type", None)
    judge_error(api.get("/v1/messages", limt=5), 400, "unknown_parameter", None)
    for name, value in (("limit", "0"), ("limit", "x"), ("since", "yesterday"), ("state", "lost"), ("after", "-1")):
        judge_error(api.get("/v1/messages", **{name: value}), 400, "invalid_parameter", None)
    judge_error(api.call("DELETE", "/v1/messages"), 400, None, None)


@case("a body over http.max_body is 413")
def _(w):
    gw = w.gateway({"http": {"max_body": 4096}})
    gw.api().post("/v1/messages", [but(text="x" * 100)] * 60).expect(413)
    gw.api().send()


@case("requests_per_second: 429 with Retry-After, and the next second is fine")
def _(w):
    gw = w.gateway(client={"requests_per_second": 2.0})
    api = gw.api()

    def refused():
        a = api.get("/v1/messages")
        return a if a.status == 429 else None

    answer = wait_for(refused, 5, "a 429", 0)
    judge_error(answer, 429, "rate_limited", None)
    check(1 <= int(answer.headers["Retry-After"]) <= 5, answer.headers["Retry-After"])
    wait_for(lambda: api.get("/v1/messages").status == 200, 10, "to be let in again", 0.1)


@case("max_waiting of a client: 429 too_many_waiting; another client goes on")
def _(w):
    gw = w.gateway(links=[smpp(free_port())], client={"max_waiting": 5})
    gw.add_client("other")
    gw.write_conf()
    gw.reload()
    api = gw.api()
    for _ in range(5):
        api.send()
    answer = api.post("/v1/messages", GOOD)
    judge_error(answer, 429, "too_many_waiting", None)
    check(answer.headers["Retry-After"], "Retry-After")
    gw.api("other").send()


# Requests that two parsers could read in two ways (RFC 9112, 6.3, 11.2); the connection must not be used further.
RAW = [
    ("Content-Length and Transfer-Encoding",
     b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("two different Content-Length",
     b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n12345"),
    ("a blank before the colon", b"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n"),
    ("a folded header", b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"),
    ("a bare CR in a header", b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n"),
    ("no Host", b"GET /healthz HTTP/1.1\r\n\r\n"),
    ("two Hosts", b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
    ("NUL in the target", b"GET /heal\0thz HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32),
]


@case("requests that could be smuggled are refused and the connection is closed")
def _(w):
    gw = w.gateway()
    problems = []
    for why, octets in RAW:
        with socket.create_connection(("127.0.0.1", gw.port), patience(5)) as s:
            s.settimeout(patience(8))  # the head must be there after 10 s
            s.sendall(octets)
            got = b""
            try:
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        break
                    got += piece
            except ConnectionResetError:
                pass
            except TimeoutError:
                problems.append(f"{why}: the connection stays open")
            if got and not got.startswith(b"HTTP/1.1 4"):
                problems.append(f"{why}: {got[:60]!r}")
            if len(re.findall(rb"(?m)^HTTP/1\.1 \d", got)) > 1:
                problems.append(f"{why}: two answers")
    check(not problems, "\n".join(problems))


main()
