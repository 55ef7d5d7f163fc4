#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0160: docs/openapi.yaml and the running server say the same: every path, for every role, and the shape of answers."""
import re

from harness import *

try:
    import yaml
except ImportError:
    yaml = None

# Written down from the contract, not read from the file under test: method, path, role.
CONTRACT = {
    ("post", "/v1/messages"): "client", ("get", "/v1/messages"): "client", ("delete", "/v1/messages"): "client",
    ("get", "/v1/messages/{id}"): "client", ("delete", "/v1/messages/{id}"): "client",
    ("get", "/v1/messages/{id}/events"): "client", ("get", "/v1/streams/{key}"): "client",
    ("post", "/v1/preview"): "client", ("get", "/v1/inbound"): "client", ("get", "/v1/totals"): "client",
    ("get", "/v1/links"): "operator", ("patch", "/v1/links/{name}"): "operator",
    ("get", "/v1/links/{name}/trace"): "operator", ("post", "/v1/links/{name}/ussd"): "operator",
    ("post", "/v1/links/{name}/{action}"): "operator", ("get", "/v1/ports"): "operator",
    ("get", "/v1/queue"): "operator", ("get", "/v1/webhooks"): "operator",
    ("post", "/v1/webhooks/{client}/replay"): "operator", ("get", "/v1/receipts/parked"): "operator",
    ("get", "/healthz"): "admin", ("get", "/readyz"): "admin", ("get", "/metrics"): "admin",
}
MESSAGE = {"to": "+12025550142", "text": "hello", "tag": "walk", "campaign": "walk", "ref": "walk"}


def document():
    if yaml is None:
        skip("python3-yaml is not installed")
    with open(os.path.join(SOURCE, "docs", "openapi.yaml"), encoding="utf-8") as f:
        return yaml.safe_load(f)


def operations(doc):
    for path, item in doc["paths"].items():
        for method in ("get", "post", "put", "patch", "delete"):
            if method in item:
                yield method, path, item[method]


# ---- the shape of an answer, by the part of OpenAPI 3.0 schemas that the file uses ------------------------------------

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool}
KNOWN = {"type", "required", "properties", "items", "oneOf", "enum", "nullable", "pattern", "format", "description",
         "$ref", "additionalProperties", "minimum", "maximum", "minLength", "maxLength", "maxItems", "default", "example"}


def resolve(doc, node):
    while "$ref" in node:
        target = doc
        for step in node["$ref"].lstrip("#/").split("/"):
            target = target[step]
        node = target
    return node


def problems(doc, schema, v, at="$"):
    """What does not fit.  An answer may hold no field that the file does not name: what is there is documented."""
    s = resolve(doc, schema)
    unknown = set(s) - KNOWN
    if unknown:
        return [f"{at}: this test does not understand {unknown}"]
    if "oneOf" in s:
        each = [problems(doc, x, v, at) for x in s["oneOf"]]
        return [] if sum(not e for e in each) == 1 else [f"{at}: fits {sum(not e for e in each)} of oneOf"] + min(each, key=len)
    if v is None:
        return [] if s.get("nullable") else [f"{at}: null"]
    kind = s.get("type")
    if kind == "integer" and (not isinstance(v, int) or isinstance(v, bool)):
        return [f"{at}: {v!r} is no integer"]
    if kind == "number" and (not isinstance(v, (int, float)) or isinstance(v, bool)):
        return [f"{at}: {v!r} is no number"]
    if kind in TYPES and not isinstance(v, TYPES[kind]):
        return [f"{at}: {v!r} is no {kind}"]
    if "enum" in s and v not in s["enum"]:
        return [f"{at}: {v!r} is none of {s['enum']}"]
    if "pattern" in s and not re.search(s["pattern"], v):
        return [f"{at}: {v!r} does not fit {s['pattern']}"]
    if s.get("format") == "date-time" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", v):
        return [f"{at}: {v!r} is not RFC 3339 UTC with milliseconds"]
    out = []
    if kind == "array":
        for i, x in enumerate(v):
            out += problems(doc, s["items"], x, f"{at}[{i}]")
    if kind == "object":
        out += [f"{at}: {k} is missing" for k in s.get("required", []) if k not in v]
        rest = s.get("additionalProperties") if isinstance(s.get("additionalProperties"), dict) else None
        for k, x in v.items():
            member = s.get("properties", {}).get(k, rest)
            out += [f"{at}.{k} is not described"] if member is None else problems(doc, member, x, f"{at}.{k}")
    return out


def judge(doc, operation, answer):
    """The answer is one of those that the operation names, and has its shape."""
    responses = operation["responses"]
    if str(answer.status) not in responses:
        return [f"status {answer.status} is not described: {answer.body[:200]!r}"]
    content = resolve(doc, responses[str(answer.status)]).get("content", {})
    kind = answer.headers["Content-Type"].split(";")[0]
    if kind not in content:
        return [f"type {kind} is not described"]
    return problems(doc, content[kind]["schema"], answer.json) if kind == "application/json" else []


# ---- one call of each operation -----------------------------------------------------------------------------------------

def call(api, method, path, ids):
    at = path
    for name, value in ids.items():
        at = at.replace("{" + name + "}", value)
    body = {("post", "/v1/messages"): MESSAGE, ("post", "/v1/preview"): MESSAGE,
            ("patch", "/v1/links/{name}"): {"tps": None, "window": 7},
            ("post", "/v1/links/{name}/ussd"): {"code": "*100#"}}.get((method, path))
    query = {"tag": "nothing-has-it"} if (method, path) == ("delete", "/v1/messages") else {}
    return api.call(method.upper(), at, body, query=query)


def ground(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim)], webhook=w.sink())
    gw.wait_link()
    api = gw.api()
    i = api.send(**{k: v for k, v in MESSAGE.items() if k not in ("to", "text")})["id"]
    api.wait_state(i, "delivered")
    api.post("/v1/messages", [MESSAGE] * 3, {"Idempotency-Key": "walk"}).expect(202)
    sim.ask("mo 12025550142 12345 hello")
    wait_for(lambda: sim.stats["mo"]["acked"] == 1, 5, "the inbound message")
    return gw, {"id": i, "key": "walk", "name": "acme", "action": "start", "client": "shop"}


@case("the file lists the calls of the contract, with their roles, and no others")
def _(w):
    listed = {(m, p): o["x-role"].split(",")[0] for m, p, o in operations(document())}
    roles = {k: "operator" if r == "admin" else r for k, r in CONTRACT.items()}
    equal(listed, roles, "operations")


@case("every call as a client, as an operator, with a wrong key and without one")
def _(w):
    doc = document()
    gw, ids = ground(w)
    bad = []
    for method, path, operation in operations(doc):
        role = CONTRACT.get((method, path))
        for who in ("nobody", "wrong", "shop", "ops"):
            api = gw.api(key="") if who == "nobody" else gw.api(key="ph_wrong") if who == "wrong" else gw.api(who)
            answer = call(api, method, path, ids)
            if who in ("nobody", "wrong"):
                ok = (answer.status, answer.code) == (401, "unauthorized")
            elif who == "shop" and role != "client":
                ok = (answer.status, answer.code) == (403, "not_operator")
            elif path == "/v1/streams/{key}" and who == "ops":
                ok = answer.status == 404  # the key is shop's; ?client=shop would find it
            elif path == "/v1/links/{name}/ussd":
                ok = answer.code == "unsupported"  # the link is one of SMPP
            else:
                ok = 200 <= answer.status < 300
            why = judge(doc, operation, answer)
            if not ok or why:
                bad.append(f"{method} {path} as {who}: {answer.status} {answer.code} {why[:5]}")
            api.close()
    check(not bad, "\n".join(bad))


@case("health, readiness and metrics need no key on the admin listener, everything else does")
def _(w):
    doc = document()
    gw, ids = ground(w)
    for method, path, operation in operations(doc):
        answer = call(gw.admin(), method, path, ids)
        wanted = 200 if CONTRACT.get((method, path)) == "admin" else 401
        equal(answer.status, wanted, f"{method} {path}")


@case("ids that are not there, and bodies that are wrong, are answered as described")
def _(w):
    doc = document()
    gw, ids = ground(w)
    bad = []
    for method, path, operation in operations(doc):
        if "{" in path:
            missing = {"id": "999999999", "key": "no-such-key", "name": "no-such-link", "action": "start",
                       "client": "no-such-client"}
            answer = call(gw.operator(), method, path, missing)
            if (answer.status, answer.code) != (404, "not_found") or judge(doc, operation, answer):
                bad.append(f"{method} {path}: {answer} {judge(doc, operation, answer)}")
        if "requestBody" in operation:
            for body, headers in ((b"{", None), (b"{}", None), (b"x", {"Content-Type": "text/plain"})):
                answer = gw.api().call(method.upper(), path, body, headers)
                if not 400 <= answer.status < 500 or judge(doc, operation, answer):
                    bad.append(f"{method} {path} {body!r}: {answer} {judge(doc, operation, answer)}")
        answer = gw.operator().call(method.upper(), path.replace("{", "").replace("}", ""), query={"nonsense": "1"})
        if "requestBody" not in operation and "{" not in path and answer.code != "unknown_parameter":
            bad.append(f"{method} {path}?nonsense: {answer}")
    check(not bad, "\n".join(bad))


@case("every query parameter that the file names is known to the server")
def _(w):
    doc = document()
    gw, ids = ground(w)
    values = {"limit": "10", "after": "99999999", "since": "2026-01-01T00:00:00Z", "until": "2126-01-01T00:00:00Z",
              "state": "delivered", "client": "shop", "results": "all", "to": "+12025550142"}
    bad = []
    for method, path, operation in operations(doc):
        at = path
        for name, value in ids.items():
            at = at.replace("{" + name + "}", value)
        for p in [resolve(doc, x) for x in operation.get("parameters", [])]:
            if p["in"] != "query":
                continue
            query = {p["name"]: values.get(p["name"], "walk")}
            if (method, path) == ("delete", "/v1/messages"):
                query.setdefault("tag", "nothing-has-it")
            body = MESSAGE if "requestBody" in operation else None
            answer = gw.operator().call(method.upper(), at, body, query=query)
            if not 200 <= answer.status < 300 or judge(doc, operation, answer):
                bad.append(f"{method} {path} {query}: {answer} {judge(doc, operation, answer)}")
    check(not bad, "\n".join(bad))


@case("many messages, previews of many and a message in all its fields have the described shape")
def _(w):
    doc = document()
    gw, ids = ground(w)
    api, messages = gw.api(), {(m, p): o for m, p, o in operations(doc)}
    rows = [MESSAGE, {**MESSAGE, "to": "x"}, {**MESSAGE, "text": "“Ж”" * 60},
            {"to": "+12025550142", "data": "010203", "udh": "0504158a0000"}]
    full = {**MESSAGE, "from": "SHOP", "class": "otp", "send_at": rfc3339(time.time() + 3600), "ttl": 60,
            "encoding": "ucs2", "flash": True, "smart": False, "report": "all", "idempotency_key": "full"}
    bad = []
    for operation, answer in (
            (("post", "/v1/messages"), api.post("/v1/messages", rows)),
            (("post", "/v1/messages"), api.post("/v1/messages", rows, results="errors")),
            (("post", "/v1/messages"), api.stream(rows)),
            (("post", "/v1/messages"), api.post("/v1/messages", full)),
            (("post", "/v1/preview"), api.post("/v1/preview", rows)),
            (("post", "/v1/preview"), api.post("/v1/preview", rows, results="dearest")),
            (("post", "/v1/preview"), api.post("/v1/preview", json_lines(rows), {"Content-Type": "application/x-ndjson"})),
            (("post", "/v1/preview"), api.post("/v1/preview", b"to,text\n+12025550142,hello\n", {"Content-Type": "text/csv"},
                                               results="all")),
            (("get", "/v1/messages"), api.get("/v1/messages", tag="walk")),
            (("delete", "/v1/messages"), api.delete("/v1/messages", tag="walk", results="all"))):
        why = judge(doc, messages[operation], answer)
        if why or answer.status >= 300:
            bad.append(f"{operation}: {answer} {why}")
    check(not bad, "\n".join(bad))


main()
