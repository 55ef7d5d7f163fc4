#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 11 s
"""0710: posthorn, the command line: a submission that was interrupted, and lists whose rows are rare."""
import csv
import io
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
    # Runs of the look-up table were closed while rows of theirs were on the way to the disk: a tag missed them.
    counts = api.delete("/v1/messages", tag="big").expect(200).json
    equal(counts["cancelled"], n, "cancelled by tag, the look-up table being made meanwhile")


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


main()
