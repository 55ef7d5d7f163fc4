# SPDX-License-Identifier: Apache-2.0
"""demo.py -- the part of quickstart.sh that asks: waits for the middle and the end of the campaign, and sums up."""
import collections
import datetime
import json
import os
import socket
import sys
import time
import urllib.request

DEADLINE_S = 120
FINAL = {"delivered", "undelivered", "rejected", "expired", "cancelled", "unconfirmed"}


def get(url, path):
    request = urllib.request.Request(url + path, headers={"Authorization": "Bearer " + os.environ["POSTHORN_KEY"]})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def until(look, what):
    end = time.monotonic() + DEADLINE_S
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > end:
            sys.exit(f"waited {DEADLINE_S} s in vain for {what}")
        time.sleep(0.05)


def all_messages(url):
    rows, after = [], ""
    while True:
        page = get(url, "/v1/messages?limit=500" + after)
        rows += page["messages"]
        if not page["next"]:
            return rows
        after = "&after=" + page["next"]


def middle(url):
    waiting = get(url, "/v1/queue")["waiting"]
    until(lambda: get(url, "/v1/queue")["waiting"] <= waiting * 2 // 3, "a third of the campaign to leave")
    print(f"   {get(url, '/v1/queue')['waiting']} of the campaign still wait")


def control(port, line):
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        s.sendall(line.encode() + b"\n")
        return json.loads(s.makefile().readline())


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def code_latency(demo, code):
    """From its acceptance to the carrier's own log, both by the clock of this machine."""
    to = code["to"].lstrip("+")
    with open(os.path.join(demo, "carrier.audit"), encoding="utf-8") as f:
        at = next(int(line.split()[0]) / 1e6 for line in f if line.split()[5] == to)
    return (at - seconds(code["created_at"])) * 1000, (seconds(code["final_at"]) - seconds(code["created_at"])) * 1000


def summary(url, demo, control_port, modem_port, webhook_port):
    begun = time.monotonic()
    until(lambda: get(url, "/v1/queue")["waiting"] == 0, "the campaign to leave")
    messages = until(lambda: (m := all_messages(url)) and all(x["state"] in FINAL for x in m) and m, "final states")
    hook = f"http://127.0.0.1:{webhook_port}"
    counts = until(lambda: (c := get(hook, "/")).get("events", 0) >= len(messages) and c, "the webhooks")
    carrier = control(int(control_port), "stats")
    modem = control(int(modem_port), "stats")
    twice = carrier["duplicates"] + modem["duplicates"]
    malformed = carrier["malformed"] + modem["malformed"]
    codes = [m for m in messages if m["class"] == "otp"]
    states = collections.Counter(m["state"] for m in messages)
    print(f"   done {time.monotonic() - begun:.1f} s later")
    print()
    print(f"messages   {len(messages)}: " + ", ".join(f"{s} {n}" for s, n in states.most_common()))
    print(f"parts      {sum(m['n_parts'] for m in messages)}, {carrier['accepted']} taken by the carrier, "
          f"{modem['accepted']} by the modem's network, {twice} twice, {malformed} malformed")
    print(f"receipts   {carrier['receipts']['sent']} sent by the carrier, {carrier['receipts']['acked']} acknowledged; "
          f"{modem['reports_made']} status reports by the modem")
    print(f"webhooks   {counts['events']} events in {counts['requests']} requests, "
          f"{counts.get('wrong_signatures', 0)} wrong signatures")
    for code in codes:
        sent, final = code_latency(demo, code)
        print(f"the code   at the carrier {sent:.0f} ms after it was accepted, {code['state']} after {final:.0f} ms")
    if twice or malformed or not modem["accepted"] or len(codes) != 1 or counts.get("wrong_signatures"):
        sys.exit("that is not what it should be")


if sys.argv[1] == "middle":
    middle(sys.argv[2])
else:
    summary(*sys.argv[2:])
