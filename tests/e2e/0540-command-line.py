#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0540: posthorn, the command line, as people and scripts use it: what it prints and how it ends."""
import csv
import io
import re
import signal
import subprocess

from harness import *

POSTHORN = os.path.join(BUILD, "posthorn")
LATER = rfc3339(time.time() + 30 * 86400)


def env(gw, client="shop"):
    return {"POSTHORN_URL": f"http://127.0.0.1:{gw.port}", "POSTHORN_KEY": gw.keys[client], "NO_COLOR": "1",
            "no_proxy": "127.0.0.1"}


def posthorn(gw, *args, client="shop", status=0, input=None):
    """What it prints on standard output and standard error; its exit status is part of the contract."""
    got, out, err = run(POSTHORN, *args, env=env(gw, client), input=input)
    equal(got, status, f"exit status of {args}; it said {err!r}")
    return out, err


def write(w, name, text):
    path = w.path(name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


@case("send --wait ends 0 when delivered, 1 when refused by the carrier; status shows the carrier's words")
def _(w):
    sim = w.smsc(script="on submit_sm to 12025550111 status 0x0B\n")
    gw = w.gateway(links=[smpp(sim)])
    posthorn(gw, "send", "+12025550142", "hello", "--wait")
    posthorn(gw, "send", "+12025550111", "hello", "--wait", "--ref", "no", status=1)
    m = gw.api().all_messages(ref="no")[0]
    out, _ = posthorn(gw, "status", m["id"])
    check(re.search(r"^error +ESME_RINVDSTADR \(11\)$", out, re.M), out)
    out, _ = posthorn(gw, "events", m["id"])
    check("ESME_RINVDSTADR" in out and "accepted" in out and "rejected" in out, out)


@case("a CSV file with bad rows: the good are sent, the bad named, exit 4; the same command again sends nothing")
def _(w):
    gw = w.gateway()
    path = write(w, "list.csv", "to,text\n+12025550142,one\n12,bad\n+12025550143,\n+12025550144,four\n")
    errors = w.path("errors.csv")
    posthorn(gw, "submit", path, "--campaign", "spring", "--errors", errors, status=4)
    with open(errors, encoding="utf-8", newline="") as f:
        equal([(r["row"], r["code"]) for r in csv.DictReader(f)], [("3", "invalid_to"), ("4", "missing_field")], "codes")
    posthorn(gw, "submit", path, "--campaign", "spring", status=4)
    equal(len(gw.api().all_messages(campaign="spring")), 2, "messages")


@case("a file cut off by Ctrl-C ends 130, and the same command goes on without loss or duplicate")
def _(w):
    gw = w.gateway()
    n = 400000
    with open(w.path("big.ndjson"), "wb") as f:
        f.write(json_lines({"to": f"+1202{5550000 + i}", "text": "x", "send_at": LATER, "tag": "big"} for i in range(n)))
    command = [POSTHORN, "submit", w.path("big.ndjson"), "--key-id", "big", "-q"]
    p = subprocess.Popen(command, env={**os.environ, **env(gw)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    api = gw.api()
    wait_for(lambda: api.get("/v1/streams/big").status == 200, 20, "the first chunk")
    p.send_signal(signal.SIGINT)
    equal(p.wait(patience(20)), 130, "exit status")
    done = api.get("/v1/streams/big").expect(200).json
    check(not done["done"] and done["rows"] < n, f"it was cut: {done}")
    posthorn(gw, *command[1:])
    end = api.get("/v1/streams/big").expect(200).json
    equal((end["rows"], end["accepted"], end["done"]), (n, n, True), "the stream")
    equal(gw.metrics()["posthorn_queue_accepted_total"], n, "messages, each there once")


@case("a list goes on until there is something to show, however many rows lie before it")
def _(w):
    gw = w.gateway()
    wanted = gw.api().send()["id"]
    gw.api().wait_state(wanted, "delivered", "unconfirmed")
    # A page of the gateway looks at 50,000 rows at most.
    rows = [{"to": "+12025550142", "text": "x", "send_at": LATER}] * 50500
    gw.api().stream(rows).expect(202)
    page = gw.api().get("/v1/messages", state="delivered").expect(200).json
    check(not page["messages"] and not page["complete"], "the first page has none, or this shows nothing")
    out, _ = posthorn(gw, "list", "--state", "delivered", "--csv")
    equal([r["id"] for r in csv.DictReader(io.StringIO(out))], [wanted], "list")
    out, _ = posthorn(gw, "list", "--state", "rejected", "--csv")
    equal(len(out.splitlines()), 1, "nothing found is a header alone")


@case("cancel by tag; links and queue for the operator only; wrong use ends 2, no gateway 3")
def _(w):
    gw = w.gateway()
    posthorn(gw, "send", "+12025550142", "x", "--tag", "t", "--send-at", LATER)
    out, _ = posthorn(gw, "cancel", "--tag", "t", "--json")
    equal(json.loads(out)["cancelled"], 1, "cancelled")
    _, err = posthorn(gw, "links", status=1)
    check("not_operator" in err, err)
    posthorn(gw, "links", "stop", "null", client="ops")
    gw.wait_link("null", "stopped")
    posthorn(gw, "links", "start", "null", client="ops")
    gw.wait_link("null", "up")
    check("waiting" in posthorn(gw, "queue", client="ops")[0], "queue")
    _, err = posthorn(gw, "submit", write(w, "a.csv", "to,text\n"), "--ref", "x", status=2)
    check("column `ref`" in err, err)
    check("--ref" not in posthorn(gw, "submit", "--help")[0], "what is refused is not offered")
    posthorn(gw, "submit", w.path("none.csv"), status=2)
    status, _, _ = run(POSTHORN, "list", "--url", f"http://127.0.0.1:{free_port()}", env=env(gw))
    equal(status, 3, "exit status without a gateway")


main()
