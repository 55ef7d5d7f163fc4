#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0700: the command line against the real gateway: what it prints, where, and with which exit status.

Numbers that scripts rely on (man/posthorn.1): 0 done, 1 refused or not delivered, 2 wrong usage, 3 gateway not reached,
4 some rows refused."""
import csv
import hashlib
import io
import re
import subprocess

from harness import *

PROGRAM = os.path.join(BUILD, "posthorn")
OK, REFUSED, USAGE, UNREACHABLE, PARTLY = 0, 1, 2, 3, 4


class Cli:
    """posthorn with the address and the key of one client, and no configuration of whoever runs the tests."""

    def __init__(self, w, gw=None, client="shop", **env):
        self.env = {"HOME": w.dir, "XDG_CONFIG_HOME": w.dir, "POSTHORN_CONFIG": "", "NO_COLOR": "1", **env}
        if gw:
            self.env |= {"POSTHORN_URL": f"http://127.0.0.1:{gw.port}", "POSTHORN_KEY": gw.keys[client]}

    def __call__(self, *args, end=OK, input=""):
        """(standard output, standard error) of a run with that exit status."""
        status, out, err = run(PROGRAM, *args, env=self.env, input=input)
        check(not re.search(r"Sanitizer|runtime error:", err), err)
        equal(status, end, f"exit status of posthorn {' '.join(args)} (stdout {out!r}, stderr {err!r})")
        return out, err

    def json(self, *args, end=OK, input=""):
        """The one line of JSON it printed."""
        out = self(*args, "--json", end=end, input=input)[0]
        equal(out.count("\n"), 1, f"lines of {out!r}")
        return json.loads(out)

    def csv(self, *args):
        return list(csv.DictReader(io.StringIO(self(*args, "--csv")[0], newline="")))


def ground(w, *sim_args, **named):
    sim = w.smsc(*sim_args)
    gw = w.gateway(links=[smpp(sim)], **named)
    gw.wait_link()
    return sim, gw, Cli(w, gw)


def away(w):
    """A gateway whose carrier is not there: everything waits."""
    gw = w.gateway(links=[smpp(free_port())])
    gw.wait_link(state="down")
    return gw, Cli(w, gw)


def file_of(w, name, content):
    path = w.path(name)
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    return path


@case("version, --version and --help need no gateway; every command explains itself")
def _(w):
    cli = Cli(w)
    out, err = cli("version")
    check(re.fullmatch(r"posthorn \d+\.\d+\S*\n", out) and not err, (out, err))
    equal(cli("--version")[0], out, "--version")
    equal(cli.json("version")["version"], out.split()[1], "version as JSON")
    out = cli("--help")[0]
    names = re.findall(r"^ +([a-z]+) {2,}\S", out, re.M)
    check({"send", "submit", "preview", "status", "events", "list", "tail", "cancel", "inbound", "streams", "links",
           "queue", "webhooks", "receipts", "decode", "encode", "key", "version"} <= set(names), names)
    for name in sorted(set(names) - {"help"}):
        out, err = cli(name, "--help")
        check(f"Usage: posthorn {name}" in out and not err, (out, err))
        for line in out.partition("\nExamples:\n")[2].partition("\n\n")[0].splitlines():
            check(line.startswith("  "), f"{name}: an example that was broken: {line}")


@case("wrong usage ends with 2 and sends nothing")
def _(w):
    sim, gw, cli = ground(w)
    for args in ((), ("fly",), ("send",), ("send", "+12025550142"), ("send", "--colour", "+12025550142", "x"), ("submit",),
                 ("submit", w.path("missing.csv")), ("status",), ("cancel",), ("cancel", "1", "--tag", "x"),
                 ("links", "kick", "acme"), ("list", "--since", "someday"), ("webhooks", "replay", "shop"),
                 ("tail", "--count", "0"), ("key", "old"), ("send", "+12025550142", b"\xff".decode("utf-8", "surrogateescape"))):
        out, err = cli(*args, end=USAGE)
        check(err and not out, (args, out, err))
    equal(sim.stats["submits"], 0, "submits")


@case("a gateway that is not there ends with 3 and is named; a wrong key ends with 1")
def _(w):
    port = free_port()
    cli = Cli(w, POSTHORN_URL=f"http://127.0.0.1:{port}", POSTHORN_KEY=new_key()[0])
    path = file_of(w, "one.csv", "to,text\n+12025550142,hello\n")
    for args in (("send", "+12025550142", "hello"), ("list",), ("status", "1"), ("submit", path), ("tail",)):
        out, err = cli(*args, end=UNREACHABLE)
        check(str(port) in err and not out, (args, out, err))
    sim, gw, good = ground(w)
    err = good("list", "--key", new_key()[0], end=REFUSED)[1]
    check("unauthorized" in err, err)


@case("send --wait: delivered is 0, and the last line says so")
def _(w):
    sim, gw, cli = ground(w, "--receipt-delay", "50")
    out, err = cli("send", "+12025550142", "two", "words", "--wait", "--ref", "r-1")
    equal((out.splitlines()[-1].split()[0], err), ("delivered", ""), "the last line")
    m, = gw.api().get("/v1/messages", ref="r-1").expect(200).json["messages"]
    equal((m["to"], m["state"]), ("+12025550142", "delivered"), "message")
    equal([s["text"] for s in sim.submits()], [b"two words"], "at the carrier")
    cli("send", "+12025550142", "-", "--wait", input="from a pipe\n")
    equal(sim.submits()[-1]["text"], b"from a pipe", "without the line end")


@case("send: a refused number and a refusal of the carrier end with 1, and the code is said")
def _(w):
    # SMPP 3.4, 5.1.3: ESME_RINVDSTADR is 0x0B.
    sim, gw, cli = ground(w, "--line", "on submit_sm status 0x0B")
    out, err = cli("send", "12", "hello", "--wait", end=REFUSED)
    check("invalid_to" in err and not out, (out, err))
    equal(cli.json("send", "12", "hello", end=REFUSED)["error"]["code"], "invalid_to", "as JSON")
    out, err = cli("send", "+12025550142", "hello", "--wait", end=REFUSED)
    equal(out.splitlines()[-1].split()[0], "rejected", "the last line")
    i = cli.json("list")["messages"][0]["id"]
    code = gw.api().message(i)["parts"][0]["error"]["code"]
    check(str(code) in cli("status", i)[0], "status says the code")


@case("send --key-id twice sends once; --max-wait gives up with 1")
def _(w):
    gw, cli = away(w)
    first = cli.json("send", "+12025550142", "hello", "--key-id", "k-1")
    again = cli.json("send", "+12025550142", "hello", "--key-id", "k-1")
    equal(again["id"], first["id"], "id")
    err = cli("send", "+12025550142", "other", "--key-id", "k-1", end=REFUSED)[1]
    check("idempotency_conflict" in err, err)
    equal(len(gw.api().all_messages()), 1, "messages")
    out, err = cli("send", "+12025550143", "hello", "--max-wait", "1", end=REFUSED)
    check("not final" in err and "link_down" in out, (out, err))


@case("submit CSV: quotes, separators and line breaks inside cells arrive as they are; again sends nothing")
def _(w):
    sim, gw, cli = ground(w)
    # RFC 4180, 2.5 to 2.7: quoted cells, line breaks in them, doubled quotes; a byte order mark before the header.
    path = file_of(w, "list.csv", "\ufeffto,text,ref\r\n"
                   "+12025550001,\"say \"\"hi\"\", twice\",a\r\n"
                   "+12025550002,\"one\ntwo\",b\r\n"
                   "+12025550003,plain,\r\n")
    out, err = cli("submit", path, "--campaign", "spring")
    m = re.search(r"3 accepted, 0 refused, key (\S+)", err)
    check(m and not out, (out, err))
    wait_for(lambda: len(gw.api().all_messages(state="delivered")) == 3, what="3 delivered")
    # 3GPP TS 23.038, 6.2.1: these letters, the quotation mark and the line feed have the octets of ASCII.
    equal(sorted((s["to"], s["text"]) for s in sim.submits()),
          [("12025550001", b'say "hi", twice'), ("12025550002", b"one\ntwo"), ("12025550003", b"plain")], "at the carrier")
    rows = cli.csv("list", "--campaign", "spring", "--text")
    equal({r["to"]: (r["ref"], r["text"]) for r in rows}, {"+12025550001": ("a", 'say "hi", twice'),
          "+12025550002": ("b", "one\ntwo"), "+12025550003": ("", "plain")}, "list as CSV")
    summary = cli.json("submit", path, "--campaign", "spring")
    equal((summary["accepted"], summary["rejected"], summary["replay"], summary["idempotency_key"]),
          (3, 0, True, m.group(1)), "the second time")
    check("before" in cli("submit", path, "--campaign", "spring")[1], "it says that it was sent before")
    equal((len(gw.api().all_messages()), sim.stats["submits"]), (3, 3), "messages and submits")
    stream = cli.json("streams", m.group(1))
    equal((stream["accepted"], stream["rejected"]), (3, 0), "streams")
    cli("streams", "no-such-key", end=REFUSED)


@case("submit NDJSON: bad rows are refused one by one, told in --errors, and end with 4")
def _(w):
    sim, gw, cli = ground(w)
    path = file_of(w, "list.ndjson", json_lines([{"to": "+12025550001", "text": "first"},
                                                 {"to": "12", "text": "second", "ref": "bad-1"}])
                   + b'{"to": "+12025550003", "text": \n' + json_lines([{"to": "+12025550004", "text": "Привет"}]))
    dry = cli.json("submit", path, "--dry-run", end=PARTLY)
    equal(dry["rejected"], 1, "what can be seen without the gateway")
    equal(gw.api().all_messages(), [], "messages after a dry run")
    errors = w.path("errors.csv")
    err = cli("submit", path, "--errors", errors, end=PARTLY)[1]
    check("2 accepted, 2 refused" in err, err)
    with open(errors, encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    equal([(r["row"], r["to"], r["ref"]) for r in rows], [("2", "12", "bad-1"), ("3", "", "")], "rows")
    equal(rows[0]["code"], "invalid_to", "code")
    check(rows[1]["code"] and rows[1]["message"], rows[1])
    wait_for(lambda: sim.stats["accepted"] == 2, what="2 at the carrier")
    # 3GPP TS 23.038, 5: UCS-2, big-endian.
    equal(sorted((s["to"], s["text"].hex()) for s in sim.submits()),
          [("12025550001", b"first".hex()), ("12025550004", "041f04400438043204350442")], "at the carrier")
    summary = cli.json("submit", path, end=PARTLY)
    equal((summary["accepted"], summary["rejected"], summary["replay"]), (2, 2, True), "the second time")
    equal(sim.stats["submits"], 2, "submits")


@case("a CSV whose quote is never closed, or with an unknown column, is refused whole")
def _(w):
    sim, gw, cli = ground(w)
    for name, content in (("open.csv", 'to,text\n+12025550001,fine\n+12025550002,"open\n'),
                          ("column.csv", "to,text,colour\n+12025550001,fine,red\n")):
        out, err = cli("submit", file_of(w, name, content), end=USAGE)
        check(name in err or "colour" in err, err)
    equal(gw.api().all_messages(), [], "messages")
    cli("submit", w.path("column.csv"), "--ignore-unknown")
    equal(len(gw.api().all_messages()), 1, "with --ignore-unknown")


@case("status and events tell a message; an unknown id ends with 1")
def _(w):
    sim, gw, cli = ground(w)
    i = cli.json("send", "+12025550142", "hello")["id"]
    gw.api().wait_state(i, "delivered")
    smsc_id = sim.submits()[0]["id"]
    out = cli("status", i)[0]
    check("delivered" in out and "acme" in out and smsc_id in out, out)
    equal(cli.json("status", i), gw.api().message(i), "status as JSON")
    row, = cli.csv("status", i)
    equal((row["id"], row["part"], row["state"], row["link"], row["smsc_id"]), (i, "1", "delivered", "acme", smsc_id), "CSV")
    out = cli("events", i)[0]
    check("delivered" in out and "acme" in out and smsc_id in out, out)
    equal(cli.json("events", i)["events"], gw.api().events(i), "events as JSON")
    err = cli("status", "999999", end=REFUSED)[1]
    check("not_found" in err, err)


@case("list: filters, pages and --all, as CSV and JSON")
def _(w):
    gw, cli = away(w)
    rows = [{"to": f"+1202555{i:04d}", "text": f"row {i}", "ref": f"r-{i}", "campaign": "ab"[i % 2]} for i in range(10)]
    ids = [r["id"] for r in gw.api().post("/v1/messages", rows).expect(202).json["results"]]
    newest = sorted(ids, key=int, reverse=True)
    equal([r["id"] for r in cli.csv("list")], newest, "newest first")
    equal([r["id"] for r in cli.csv("list", "--ref", "r-7")], [ids[7]], "--ref")
    equal([r["id"] for r in cli.csv("list", "--to", "+12025550003")], [ids[3]], "--to")
    equal({r["ref"] for r in cli.csv("list", "--campaign", "b")}, {f"r-{i}" for i in range(1, 10, 2)}, "--campaign")
    equal(cli.csv("list", "--state", "delivered"), [], "--state")
    equal(len(cli.csv("list", "--since", "1h")), 10, "--since")
    equal(cli.csv("list", "--until", "1h"), [], "--until")
    page = cli.json("list", "--limit", "4")
    equal([m["id"] for m in page["messages"]], newest[:4], "a page")
    equal([m["id"] for m in cli.json("list", "--limit", "4", "--after", str(page["next"]))["messages"]], newest[4:8], "next")
    out, err = cli("list", "--limit", "4", "--csv")
    check(out.count("\n") == 5 and "--all" in err, (out, err))
    equal([r["id"] for r in cli.csv("list", "--limit", "4", "--all")], newest, "--all")
    check("there are more" not in cli("list", "--limit", "4", "--all")[1], "no hint after the last page")


@case("cancel by id and by tag while the link is down")
def _(w):
    gw, cli = away(w)
    api = gw.api()
    one, other = api.send()["id"], api.send()["id"]
    tagged = [api.send(tag="sale")["id"] for _ in range(3)]
    out = cli("cancel", one)[0]
    check(one in out and "cancelled" in out, out)
    api.wait_state(one, "cancelled")
    equal(cli.json("cancel", one)["result"], "final", "the second time")
    cli("cancel", "--tag", "sale")
    for i in tagged:
        api.wait_state(i, "cancelled")
    equal(api.message(other)["state"], "queued", "the one without the tag")
    check("not_found" in cli("cancel", "999999", end=REFUSED)[1], "an unknown id")


@case("links: shown, stopped and started; a client may not")
def _(w):
    sim, gw, cli = ground(w)
    ops = Cli(w, gw, "ops")
    row, = ops.csv("links")
    equal((row["name"], row["driver"], row["state"]), ("acme", "smpp", "up"), "row")
    ops("links", "stop", "acme")
    wait_for(lambda: ops.csv("links")[0]["state"] != "up", what="the link to stop")
    i = cli.json("send", "+12025550142", "hello")["id"]
    wait_for(lambda: gw.api().message(i).get("reason"), what="the message to wait")
    equal(sim.stats["submits"], 0, "submits while it is stopped")
    ops("links", "start", "acme")
    gw.api().wait_state(i, "delivered")
    equal(ops.json("links")["links"][0]["state"], "up", "state")
    check("not_found" in ops("links", "stop", "nobody", end=REFUSED)[1], "an unknown link")
    link = ops.json("link", "set", "acme", "tps=50", "window=20")
    equal((link["tps"], link["window"], link["overridden"]), (50, 20, ["tps", "window"]), "set")
    check("out of range" in ops("links", "set", "acme", "window=5000", end=REFUSED)[1], "out of range")
    equal(ops.json("link", "set", "acme", "tps=reset", "window=reset")["overridden"], [], "reset")
    for args in (("links", "set", "acme"), ("links", "set", "acme", "tps"), ("links", "set", "acme", "tps=fast")):
        ops(*args, end=USAGE)
    for args in (("links", "stop", "acme"), ("queue",), ("receipts",)):
        check("operator" in cli(*args, end=REFUSED)[1], args)


@case("queue says what waits and why")
def _(w):
    gw, cli = away(w)
    ids = [gw.api().send(campaign="spring")["id"] for _ in range(3)]
    wait_for(lambda: gw.api().message(ids[-1]).get("reason") == "link_down", what="link_down")
    ops = Cli(w, gw, "ops")
    out = ops("queue")[0]
    check("link_down" in out and "spring" in out, out)
    equal([(x["waiting"], x["reason"]) for x in ops.json("queue")["lanes"]], [(3, "link_down")], "lanes")


@case("webhooks shows the endpoint; what was acknowledged is no dead letter to replay")
def _(w):
    sink = w.sink()
    sim, gw, cli = ground(w, webhook=sink)
    ops = Cli(w, gw, "ops")
    cli("send", "+12025550142", "hello")
    sink.wait_final(1)
    row = wait_for(lambda: next((r for r in ops.csv("webhooks") if r["waiting"] == "0"), None), what="nothing to wait")
    equal((row["client"], row["dead"]), ("shop", "0"), "row")
    check(sink.url.startswith(row["url"]) and row["url"], row)
    equal(ops.json("webhooks", "replay", "shop", "--since", "1h"), {"replayed": 0}, "replay")
    check("not_found" in ops("webhooks", "replay", "nobody", "--since", "1h", end=REFUSED)[1], "an unknown client")


@case("inbound lists what came, with filters")
def _(w):
    sim, gw, cli = ground(w, over={"inbound": [{"client": "shop"}]})
    sim.ask("mo 12025550142 12345 Привет")
    sim.ask("mo 12025550143 12345 STOP")
    wait_for(lambda: sim.stats["mo"]["acked"] == 2, what="2 deliver_sm_resp")
    equal([(r["from"].lstrip("+"), r["to"], r["text"], r["link"]) for r in cli.csv("inbound")],
          [("12025550143", "12345", "STOP", "acme"), ("12025550142", "12345", "Привет", "acme")], "newest first")
    first = cli.json("inbound")["inbound"][1]
    equal([r["text"] for r in cli.csv("inbound", "--from", first["from"])], ["Привет"], "--from")
    equal(cli.csv("inbound", "--to", "54321"), [], "--to")
    check("Привет" in cli("inbound")[0], "as a table")


@case("receipts lists those that matched nothing")
def _(w):
    sim, gw, cli = ground(w, "--line", "receipt unknown-id every 2")
    ops = Cli(w, gw, "ops")
    equal(ops.json("receipts")["receipts"], [], "at first")
    equal(ops("receipts"), ("", "none\n"), "as a table")
    cli("send", "+12025550142", "hello", "--wait")
    cli("send", "+12025550143", "hello")
    row, = wait_for(lambda: ops.csv("receipts"), what="the parked receipt")
    equal((row["link"], row["stat"]), ("acme", "DELIVRD"), "row")
    out = ops("receipts")[0]
    check(row["smsc_id"] in out and "DELIVRD" in out and "complete" not in out, out)


@case("key new: 256 bits or more, another each time, and the gateway takes its digest")
def _(w):
    cli = Cli(w)
    made = cli.json("key", "new")
    equal(hashlib.sha256(made["key"].encode()).hexdigest(), made["key_sha256"], "SHA-256 of the key")
    out, err = cli("key", "new")
    key = re.search(r"^key +(ph_\S+)$", out, re.M).group(1)
    digest = re.search(r'^key_sha256 = "([0-9a-f]{64})";$', out, re.M).group(1)
    equal(hashlib.sha256(key.encode()).hexdigest(), digest, "SHA-256 of the key, as text")
    check(key != made["key"] and not err, "keys differ")
    gw = w.gateway()
    gw.add_client("new", key_sha256=digest)
    gw.keys["new"] = key
    gw.write_conf()
    gw.reload()
    equal(Cli(w, gw, "new").json("list")["messages"], [], "with the new key")


@case("preview names encoding, parts and culprits, and sends nothing")
def _(w):
    sim, gw, cli = ground(w)
    p = cli.json("preview", "+12025550142", "“Hi”")
    equal((p["encoding"], p["parts"], [c["codepoint"] for c in p["culprits"]]), ("ucs2", 1, ["U+201C", "U+201D"]), "JSON")
    out = cli("preview", "+12025550142", "“Hi”")[0]
    lines = out.splitlines()
    equal(lines[:2], ["“Hi”", "^  ^"], "the culprits are marked")
    check("UCS-2, 1 part of up to 70 units" in lines, out)
    check("UCS-2 because of “ (U+201C LEFT DOUBLE QUOTATION MARK) at 0" in lines, out)
    # 3GPP TS 23.040, 9.2.3.24.1: 153 septets a part beside the header.
    equal(cli.json("preview", "+12025550142", "a" * 161)["parts"], 2, "161 letters")
    equal(sim.stats["submits"], 0, "submits")
    equal(gw.api().all_messages(), [], "messages")


@case("preview explains: a table of the parts, what smart or a few letters less would save")
def _(w):
    gw, cli = away(w)
    out = cli("preview", "+12025550142", "Don’t panic" + "!" * 60)[0]
    rows = [line.split() for line in out.splitlines()]
    check(["1", "67", "0"] in rows and ["2", "4", "63"] in rows, out)
    check("With --smart: GSM-7, 1 part, 1 less: ’ (U+2019) at 3 becomes '" in out, out)
    check("1 unit less would save a part." in out, out)
    out = cli("preview", "+12025550142", "Don’t panic" + "!" * 60, "--smart")[0]
    check(out.startswith("Don't panic!!!") and "changed by smart; as it came it would need 2 parts: ’ (U+2019) at 3 "
          "becomes '" in out, out)
    out = cli("preview", "+12025550142", "[]€")[0]
    check("3 characters take two septets each" in out and "because" not in out, out)
    equal({(r["what"], r["name"]): (r["rows"], r["parts"]) for r in cli.csv("preview", "+12025550142", "“" + "a" * 80)},
          {("total", ""): ("1", "2"), ("parts", "2"): ("1", "2"), ("encoding", "ucs2"): ("1", ""), ("route", "route1"): ("1", "2"),
           ("culprit", "“ U+201C LEFT DOUBLE QUOTATION MARK"): ("1", ""), ("saving", "smart"): ("1", "1")}, "as CSV")
    err = cli("preview", "+12025550142", "“", "--encoding", "gsm7", end=REFUSED)[1]
    check("not_gsm7" in err and "U+201C" in err, err)


@case("preview --file: refused rows in the order of the file, a few of each fault, and how many more there are")
def _(w):
    gw, cli = away(w)
    rows = ['{"to":"x","text":"a"}', "{bad", '{"to":"+12025550142","text":"a\\u0000b"}'] * 30
    path = file_of(w, "bad.ndjson", "\n".join(rows))
    out = cli("preview", "--file", path, end=PARTLY)[0]
    equal(re.findall(r"^ *(\d+)  (invalid_\w+)", out, re.M),
          [(str(i + 1), ("invalid_to", "invalid_json", "invalid_text")[i % 3]) for i in range(9)], "rows listed")
    check("\nand 81 more; --json lists up to 1,000 of them\n" in out, out)
    check("column 4: " in out and "U+0000 at position 1" in out, out)
    answer = cli.json("preview", "--file", path, end=PARTLY)
    equal([r["file_row"] for r in answer["results"]], list(range(1, 91)), "all of them as JSON")


@case("preview --file: sums, the rows of the spreadsheet, refusals; JSON and CSV; nothing is sent")
def _(w):
    gw, cli = away(w)
    path = file_of(w, "base.csv", "to;text;ttl\n\n+12025550001;short;\n12;x;\n+12025550002;x;soon\n"
                   f"+12025550003;{'“' + 'a' * 99};60\n")
    out, err = cli("preview", "--file", path, end=PARTLY)
    check(out.startswith("2 messages in 3 parts; 2 rows would be refused.\n"), out)
    check("\n1 of 2 messages is UCS-2: 70 characters to a part instead of 160.\n"
          "What makes them dear: “ (U+201C LEFT DOUBLE QUOTATION MARK) in 1 row\n" in out, out)
    check("--smart would save 1 part (33.3 %) in 1 row." in out, out)
    # Row 1 is the header and row 2 is empty.
    rows = {tuple(r) for r in re.findall(r"^ *(\d+)  (invalid_\w+)", out, re.M)}
    equal(rows, {("4", "invalid_to"), ("5", "invalid_row")}, "refused rows")
    check("row 6, +1202*****03, ucs2" in out, out)
    table = {(r["what"], r["name"]): (r["rows"], r["parts"]) for r in
             csv.DictReader(io.StringIO(cli("preview", "--file", path, "--csv", end=PARTLY)[0], newline=""))}
    equal((table["total", ""], table["parts", "1"], table["parts", "2"], table["refused", "invalid_to"]),
          (("2", "3"), ("1", "1"), ("1", "2"), ("1", "")), "as CSV")
    a = cli.json("preview", "--file", path, end=PARTLY)
    equal((a["summary"]["rows"], a["summary"]["refused"], a["summary"]["parts"]), (4, 2, 3), "as JSON")
    equal([(d["row"], d["file_row"]) for d in a["summary"]["dearest"]], [(2, 6), (0, 3)], "rows in the file")
    smart = cli.json("preview", "--file", path, "--smart", end=PARTLY)
    equal((smart["summary"]["parts"], smart["summary"]["changed"]), (2, {"rows": 1, "parts_before": 2, "parts": 1}), "--smart")
    out = cli("preview", "--file", path, "--smart", end=PARTLY)[0]
    check("1 text would be changed, and need 1 part instead of 2." in out, out)
    pipe = cli.json("preview", "--file", "-", "--format", "ndjson", input='{"to":"+12025550142","text":"hi"}\n')
    equal(pipe["summary"]["parts"], 1, "from a pipe")
    mapped = file_of(w, "phones.csv", "Phone,Message,Extra\n+12025550001,hi,1\n")
    equal(cli.json("preview", "--file", mapped, "--map", "Phone=to", "--map", "Message=text", "--ignore-unknown")
          ["summary"]["accepted"], 1, "with --map")
    cli("preview", "--file", mapped, end=USAGE)
    err = cli("preview", "--file", file_of(w, "empty.csv", "to,text\n\n"), end=USAGE)[1]
    check("empty.csv holds no rows" in err, err)
    err = cli("preview", "--file", "-", input="", end=USAGE)[1]
    check("standard input: there is nothing in it" in err, err)
    cli("preview", "--file", path, "+12025550142", "x", end=USAGE)
    cli("preview", "--file", w.path("missing.csv"), end=USAGE)
    cli("preview", end=USAGE)
    err = cli("preview", "--file", path, "--url", f"http://127.0.0.1:{free_port()}", end=UNREACHABLE)[1]
    check("cannot reach" in err, err)
    equal(gw.api().all_messages(), [], "messages")


@case("tail --count shows what was and what comes, and ends by itself")
def _(w):
    gw, cli = away(w)
    old = gw.api().send()["id"]
    with subprocess.Popen([PROGRAM, "tail", "--json", "--lines", "5", "--count", "3", "--interval", "0.1"],
                          env={**os.environ, **cli.env}, stdout=subprocess.PIPE, text=True) as p:
        watch = threading.Timer(patience(20), p.kill)
        watch.start()
        try:
            equal(json.loads(p.stdout.readline())["id"], old, "the first line")
            new = gw.api().send(ref="new")["id"]
            while (row := json.loads(p.stdout.readline()))["id"] == old:
                check(row["state"] == "queued", row)
            equal((row["id"], row["ref"]), (new, "new"), "a line of the new one")
            gw.api().delete(f"/v1/messages/{new}").expect(200)
            rest = p.stdout.read()
            equal(p.wait(patience(10)), OK, f"exit status ({rest!r})")
        finally:
            watch.cancel()
            p.kill()
    check(all(json.loads(line)["id"] in (old, new) for line in rest.splitlines()), rest)


main()
