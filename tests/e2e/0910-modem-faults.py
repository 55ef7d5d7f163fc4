#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0910: modems that misbehave: no message is lost, and none is sent twice, counted at the modem.

Each fault is one that real modems have.  Where an answer is lost, what the modem does next is the evidence."""
import subprocess
import sys

from modems import *
from harness import _cases

JOBS = 8
QUICK = {"retry_min": 0.05, "retry_max": 0.2}


def start(w, *lines, profile="generic", args=(), scripts=(), **over):
    sims = Modems(w, *lines, profile=profile, args=args, scripts=scripts)
    return sims, w.gateway(links=[modem(sims, **{**QUICK, **over})])


def goes_well(w, n, *lines, **named):
    """Every message is taken once, and every report finds its message."""
    sims, gw = start(w, *lines, **named)
    some = rows(n)
    post(gw.api(), some)
    wait_ended(gw, n, seconds=30)
    once_each(some, sims)
    return sims, gw


def doubts(gw):
    return [line for line in gw.lines if "event=modem_doubt_settled" in line]


# ---- answers and prompts that are lost ----

@case("a prompt is lost: the part is sent all the same, once")
def _(w):
    goes_well(w, 6, "on cmgs 3 lose-prompt", response_timeout=1)


@case("AT+CMGS is not heard: the part is sent all the same, once")
def _(w):
    goes_well(w, 6, "on cmgs 3 no-answer", response_timeout=1)


@case("an answer is lost and no report comes: the next reference says that the part was sent")
def _(w):
    sims, gw = start(w, "report-none on", "on submit 3 lose-answer", response_timeout=1)
    some = rows(6)
    post(gw.api(), some)
    gw.wait_line(r"event=modem_doubt_settled .*sent=yes by=reference", 20)
    wait_for(lambda: sims.stats["accepted"] >= 6, 20, "six parts")
    once_each(some, sims)


@case("a part is not sent and nothing says so: the next reference tells, and it is sent once")
def _(w):
    sims, gw = goes_well(w, 6, "on submit 3 no-answer", response_timeout=1)
    check(any("sent=no by=reference" in line for line in doubts(gw)), doubts(gw))


@case("an answer is lost, and the last one at that: its report says that it was sent")
def _(w):
    sims, gw = goes_well(w, 3, "report-delay 2s", "on submit 3 lose-answer", response_timeout=1)
    check(any("sent=yes by=status_report" in line for line in doubts(gw)), doubts(gw))


@case("the report of a part on the air comes, its answer does not: nobody waits for a minute")
def _(w):
    sims, gw = start(w, "report-delay 300", "on submit 2 lose-answer", response_timeout=60)
    some = rows(3)
    post(gw.api(), some[:1])
    wait_ended(gw, 1)
    post(gw.api(), some[1:])
    wait_ended(gw, 3)
    once_each(some, sims)
    check(any("sent=yes by=status_report" in line for line in doubts(gw)), doubts(gw))


@case("an OK is lost: the reference was acceptance enough")
def _(w):
    goes_well(w, 6, "on submit 3 lose-ok", response_timeout=5)


@case("the line with the reference is lost: the report is known by its recipient")
def _(w):
    goes_well(w, 6, "on submit 3 lose-cmgs")


@case("lines are torn by others in their middle, references among them")
def _(w):
    goes_well(w, 20, "urc-inside 40%", "noise 100", response_timeout=1)


# ---- reports ----

REPORTS = {
    "before the answer": ["report-before on"],
    "twice": ["report-twice on"],
    "in another order": ["report-delay 0 1s"],
    "with the number in national form": ["report-national on"],
    "for references that are always 0": ["mr-zero on"],
}

for how, lines in REPORTS.items():
    @case(f"reports come {how}")
    def _(w, lines=lines):
        goes_well(w, 20, *lines)


@case("reports are stored in one memory and announced as in another")
def _(w):
    sims, _ = goes_well(w, 10, "report-urc-memory ME", profile="ec25", reports="stored")
    wait_for(lambda: not any(sims.stats["modems"][0]["memories"].values()), 20, "the memories to be empty")


@case("reports are stored without a word: they are looked for")
def _(w):
    goes_well(w, 5, "report-silent on", reports="stored")


@case("direct reports are promised, and stored without a word: they are looked for")
def _(w):
    goes_well(w, 5, profile="zte")


@case("a report is acknowledged too late, and the modem hands on no more: it is told to again")
def _(w):
    sims, gw = start(w, "cnma-timeout 300", "on command +CNMA 1 silent 600")
    some = rows(6)
    post(gw.api(), some[:1])
    wait_ended(gw, 1)
    gw.wait_line(r"event=modem_routing_again", 20)
    post(gw.api(), some[1:])
    wait_ended(gw, 6)
    check(sims.events("routing-stopped"), "the fault did not strike")


# ---- the wire ----

@case("strange octets come between")
def _(w):
    goes_well(w, 12, "garbage 5%", response_timeout=1)


@case("octets are lost on their way to us")
def _(w):
    goes_well(w, 12, "lose-to-host 0.1%", response_timeout=1)


@case("octets are lost on their way to the modem")
def _(w):
    goes_well(w, 12, "lose-to-modem 0.2%", response_timeout=1)


# ---- refusals ----

@case("temporary errors are tried again, each message by itself")
def _(w):
    goes_well(w, 12, *(f"on submit {i} cms {code}" for i, code in ((2, 38), (4, 42), (6, 500), (8, 21), (10, 512))))


@case("a number that nobody has is told so, and keeps nobody else from going")
def _(w):
    sims, gw = start(w, "on submit 2 cms 1", "on submit 4 cms 28")
    some = rows(6)
    post(gw.api(), some)
    wait_ended(gw, 4)
    wait_for(lambda: sum(ended(gw, s) for s in ("rejected", "undelivered")) == 2, 20, "two that are refused")
    equal(sims.stats["accepted"], 4, "taken")


@case("a memory is full: it is emptied, and the message goes")
def _(w):
    goes_well(w, 6, "on submit 3 cms 322")


@case("a SIM full of old messages is emptied, and the new one comes in")
def _(w):
    sims, gw = start(w, "memory SM full", "mo +4915112345678 text new")

    def came_in():
        return gw.operator().get("/v1/inbound", limit=1000).expect(200).json["inbound"]
    wait_for(lambda: len(came_in()) == 51, 30, "51 messages", every=0.1)
    equal([m["text"] for m in came_in()].count("new"), 1, "the new one")
    wait_for(lambda: not any(sims.stats["modems"][0]["memories"].values()), 20, "the memories to be empty")


# ---- the modem ----

@case("the network goes away and comes back: messages wait, and none is burnt")
def _(w):
    sims, gw = start(w, "latency 100", "on submit 4 do network off 1500")
    some = rows(10)
    post(gw.api(), some)
    wait_for(lambda: gw.link("sim1")["state"] != "up", 10, "the link to be down")
    wait_ended(gw, 10, seconds=30)
    once_each(some, sims)


@case("the SIM is taken out and put back")
def _(w):
    sims, gw = start(w, "latency 100")
    gw.wait_link("sim1")
    some = rows(10)
    post(gw.api(), some)
    sims.do("sim out")
    wait_for(lambda: gw.link("sim1")["state"] != "up", 20, "the link to be down")
    sims.do("sim in")
    wait_ended(gw, 10, seconds=40)
    once_each(some, sims)


@case("it is unplugged between two messages, and plugged in again")
def _(w):
    sims, gw = start(w)
    gw.wait_link("sim1")
    some = rows(20)
    post(gw.api(), some[:10])
    wait_ended(gw, 10)
    sims.do("unplug")
    gw.wait_link("sim1", state="down")
    post(gw.api(), some[10:])
    sims.do("replug")
    wait_ended(gw, 20, seconds=30)
    once_each(some, sims)


@case("it restarts in the middle of a message, which the network has taken: the report tells, once it is back")
def _(w):
    sims, gw = goes_well(w, 6, "registered-after 1s", "on submit 3 restart 500 taken")
    check(any("sent=yes by=status_report" in line for line in doubts(gw)), doubts(gw))


@case("it is registered for packets on LTE only")
def _(w):
    goes_well(w, 3, "creg 0", "cgreg 0", "cereg 1")


@case("it needs a second until short messages work")
def _(w):
    goes_well(w, 3, "ready-after 1s", "restart")


# ---- what comes in ----

@case("the parts of a long message come in the wrong order")
def _(w):
    text = " ".join(f"number {i}" for i in range(40))
    sims, gw = start(w, f'mo +4915112345678 reverse gap 200 text "{text}"')
    wait_for(lambda: gw.operator().get("/v1/inbound").expect(200).json["inbound"], 20, "the message")
    equal([m["text"] for m in gw.operator().get("/v1/inbound").expect(200).json["inbound"]], [text], "texts")


@case("what is no text for people comes in all the same, and leaves the memory")
def _(w):
    sims, gw = start(w)
    gw.wait_link("sim1")
    for line in ("mo +491700000001 class 0 text flash", "mo +491700000002 type0 text silent", "mms +491700000003",
                 "mo +491700000004 hex 00FF10", "mo +491700000005 text last"):
        sims.do(line)

    def senders():
        return {m["from"][-1] for m in gw.operator().get("/v1/inbound", limit=100).expect(200).json["inbound"]}
    # Nothing is to be seen of type 0, by definition; class 0 is shown, where messages are not handed on.
    wait_for(lambda: {"3", "4", "5"} <= senders(), 20, "the messages", every=0.05)
    wait_for(lambda: not any(sims.stats["modems"][0]["memories"].values()), 20, "the memories to be empty")
    equal(sims.stats["modems"][0]["waiting"], 0, "messages that wait in the network")


def all_at_once():
    """They mostly wait: each case in a process of its own, several at a time, told in their order."""
    n = len(_cases)
    print(f"1..{n}", flush=True)
    running, failed = {}, 0
    try:
        for i in range(1, n + 1 + JOBS):
            if i <= n:
                running[i] = subprocess.Popen([sys.executable, __file__, str(i)], stdout=subprocess.PIPE, text=True)
            if i > JOBS:
                out, _ = running[i - JOBS].communicate()
                failed += running.pop(i - JOBS).returncode != 0
                print("\n".join(line for line in out.splitlines() if not line.startswith("1..")), flush=True)
    finally:
        for p in running.values():
            p.terminate()
    sys.exit(1 if failed else 0)


if sys.argv[1:]:
    main()
else:
    all_at_once()
