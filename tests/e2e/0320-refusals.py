#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 80 s
"""0320: the carrier refuses, for now or for good, or does not answer: attempts, states and errors are told."""
from faults import *
from harness import *


@case("throttling costs no attempt: all are delivered, the link says that it was throttled")
def _(w):
    sim = w.smsc(script="on submit_sm every 10 throttle\n")
    gw = w.gateway(links=[smpp(sim, max_attempts=2, window=10)])
    some = rows(200)
    ids = post(gw.api(), some)
    wait_ended(gw, 200, seconds=40)
    once_each(some, sim)
    equal([attempts(gw.api(), i) for i in ids[:20]], [[]] * 20, "attempts")
    check(gw.link()["throttled"] >= 10, "throttle answers counted")
    equal(gw.link()["retried"], 0, "retries")


@case("a full queue at the carrier (0x14) is throttling too")
def _(w):
    sim = w.smsc(script="on submit_sm 1..3 status 0x14\n")
    gw = w.gateway(links=[smpp(sim, max_attempts=2)])
    m = gw.api().send()
    equal(gw.api().wait_state(m["id"], "delivered")["parts"][0]["attempts"], 1, "attempts")


@case("refused for good (0x0B, 0x45): rejected with the code, at once, and tried once")
def _(w):
    sim = w.smsc(script="on submit_sm to 12025550111 status 0x0B\non submit_sm to 12025550145 status 0x45\n")
    gw = w.gateway(links=[smpp(sim)])
    api = gw.api()
    for to, name, code in (("+12025550111", "ESME_RINVDSTADR", 0x0B), ("+12025550145", "ESME_RSUBMITFAIL", 0x45)):
        m = api.wait_state(api.send(to=to)["id"], "rejected")
        equal(m["reason"], "refused")
        equal(m["error"], {"code": str(code), "text": name}, "error")
        equal([(a["outcome"], a["class"], a["code"], a["text"]) for a in attempts(api, m["id"])],
              [("recipient" if code == 0x0B else "rejected", "recipient" if code == 0x0B else "permanent", code, name)], "attempts")
        check(m["final_at"], "final_at")
    equal(sim.stats["submits"], 2, "submits")


@case("refused with a body of 16 octets as well as with an empty one")
def _(w):
    sim = w.smsc(script="status-resp-short\non submit_sm 1 status 0x0B\non submit_sm 2 status 0x08\n")
    gw = w.gateway(links=[smpp(sim)])
    api = gw.api()
    api.wait_state(api.send()["id"], "rejected")
    api.wait_state(api.send(to="+12025550143")["id"], "delivered")


@case("refused for now (0x08): tried again later, each attempt in the timeline")
def _(w):
    sim = w.smsc(script="on submit_sm 1..2 status 0x08\n")
    gw = w.gateway(links=[smpp(sim)])
    api = gw.api()
    m = api.send()
    equal(api.wait_state(m["id"], "delivered")["parts"][0]["attempts"], 3, "attempts")
    told = attempts(api, m["id"])
    equal([(a["outcome"], a["code"], a["text"]) for a in told], [("retry", 8, "ESME_RSYSERR")] * 2, "attempts")
    check(all(a["next_try"] > a["at"] for a in told), "each says when the next is")


@case("while it waits for the next attempt a message says retry and next_try")
def _(w):
    sim = w.smsc(script="on submit_sm 1 status 0x08\n")
    gw = w.gateway(links=[smpp(sim, retry_min=2, retry_max=2)])
    api = gw.api()
    m = api.send()
    seen = wait_for(lambda: (lambda x: x if x.get("reason") == "retry" else None)(api.message(m["id"])), 5, "retry")
    check(seen["next_try"], "next_try")
    api.wait_state(m["id"], "delivered")


@case("attempts that are used up end as rejected, with the last error")
def _(w):
    sim = w.smsc(script="on submit_sm status 0x08\n")
    gw = w.gateway(links=[smpp(sim, max_attempts=3)])
    api = gw.api()
    m = api.wait_state(api.send()["id"], "rejected")
    equal(m["reason"], "attempts")
    equal(m["error"]["text"], "ESME_RSYSERR", "error")
    equal((sim.stats["submits"], len(attempts(api, m["id"]))), (3, 3), "submits, attempts")


@case("retry_min may have decimals: 0.05 s is what is planned")
def _(w):
    sim = w.smsc(script="on submit_sm 1..3 status 0x08\n")
    gw = w.gateway(links=[smpp(sim, retry_min=0.05, retry_max=0.05)])
    api = gw.api()
    m = api.send()
    api.wait_state(m["id"], "delivered")
    told = attempts(api, m["id"])
    equal(len(told), 3, "attempts")
    for a in told:
        planned = at_s(a["next_try"]) - at_s(a["at"])
        check(0.03 <= planned <= 0.07, f"planned {planned:.3f} s after the attempt, wanted 0.05 ± 20 %")


def at_s(text):
    """Seconds of the day; the test does not run over midnight more than once in a lifetime."""
    h, m, s = text[11:-1].split(":")
    return int(h) * 3600 + int(m) * 60 + float(s)


@case("a status may mean something else on this link: errors, also after a reload, without binding anew")
def _(w):
    sim = w.smsc(script="on submit_sm 1 status 0x45\non submit_sm 3 status 0x461\non submit_sm 4 status 0x461\n")
    gw = w.gateway(links=[smpp(sim, errors=["ESME_RSUBMITFAIL:temporary", "0x400-0x4ff:permanent"])])
    api = gw.api()
    m = api.send()
    api.wait_state(m["id"], "delivered")
    equal([(a["n"], a["class"], a["text"]) for a in attempts(api, m["id"])], [(1, "temporary", "ESME_RSUBMITFAIL")], "attempts")
    m = api.wait_state(api.send()["id"], "rejected")
    equal([(a["class"], a["code"]) for a in attempts(api, m["id"])], [("permanent", 0x461)], "attempts")
    gw.settings["links"][0]["errors"] = ["0x461:duplicate"]
    gw.write_conf()
    gw.reload()
    m = api.wait_state(api.send()["id"], "sent")
    equal([(a["outcome"], a["class"], a["code"]) for a in attempts(api, m["id"])], [("duplicate", "duplicate", 0x461)], "attempts")
    equal((sim.stats["binds"], sim.stats["submits"]), (1, 4), "binds, submits")


@case("a status that ends the session (0x04): bound anew, the message goes again and loses no attempt")
def _(w):
    sim = w.smsc(script="on submit_sm 1 status 0x04\n")
    gw = w.gateway(links=[smpp(sim, max_attempts=1)])
    api = gw.api()
    m = api.send()
    equal(api.wait_state(m["id"], "delivered")["parts"][0]["attempts"], 1, "attempts")
    equal([(a["outcome"], a["class"], a["text"]) for a in attempts(api, m["id"])],
          [("link_fault", "link-fatal", "ESME_RINVBNDSTS")], "attempts")
    equal((sim.stats["binds"], sim.stats["submits"]), (2, 2), "binds, submits")


@case("a message that ends every session is rejected at last, and the others are delivered")
def _(w):
    sim = w.smsc(script="on submit_sm to 12025550199 status 0x04\n")
    gw = w.gateway(links=[smpp(sim, max_attempts=1, reconnect_max=0.2)])
    api = gw.api()
    bad, some = api.send(to="+12025550199"), rows(20)
    post(api, some)
    wait_ended(gw, 20)
    equal(api.wait_state(bad["id"], "rejected")["reason"], "attempts")
    equal(len(attempts(api, bad["id"])), 3, "attempts")
    once_each(some, sim)


@case("a generic_nack to a submit_sm is told as an attempt, and the message goes again")
def _(w):
    sim = w.smsc(script="on submit_sm 1 nack 0x08\n")
    gw = w.gateway(links=[smpp(sim)])
    api = gw.api()
    m = api.send()
    api.wait_state(m["id"], "delivered")
    equal(len(attempts(api, m["id"])), 1, "attempts")


def uncertain(policy, script, wanted, submits, reason):
    @case(f"no answer ({script.split()[-1]}), on_uncertain = {policy}: {wanted}")
    def _(w):
        sim = w.smsc(script=script + "\nreceipt none\n" if policy != "resend" else script)
        gw = w.gateway(links=[smpp(sim, response_timeout=0.3, on_uncertain=policy, receipt_timeout=1)])
        api = gw.api()
        m = api.wait_state(api.send()["id"], wanted, seconds=20)
        if reason:
            equal(m["reason"], reason)
        equal([(a["outcome"], a["link"]) for a in attempts(api, m["id"])], [("unknown", "acme")], "attempts")
        equal(sim.stats["submits"], submits, "submits at the carrier")
        equal(gw.link()["uncertain"], 1, "uncertain")


uncertain("resend", "on submit_sm 1 swallow\n", "delivered", 2, None)
uncertain("hold", "on submit_sm 1 swallow\n", "unconfirmed", 1, "no_answer")
uncertain("fail", "on submit_sm 1 swallow\n", "unconfirmed", 1, "no_answer")
uncertain("resend", "on submit_sm 1 lose\n", "delivered", 2, None)
uncertain("fail", "on submit_sm 1 lose\n", "unconfirmed", 1, "no_answer")


@case("held for evidence, and the answer comes late: it is the evidence, the message is delivered and went once")
def _(w):
    sim = w.smsc(script="slow 900ms\n")
    gw = w.gateway(links=[smpp(sim, response_timeout=0.4, on_uncertain="hold", receipt_timeout=60, enquire_link=0)])
    api = gw.api()
    m = api.wait_state(api.send()["id"], "delivered", seconds=15)
    equal(sim.stats["submits"], 1, "submits")
    equal([a["outcome"] for a in attempts(api, m["id"])], ["unknown"], "attempts")


@case("sent again because the answer was late: both receipts are acknowledged, one message is delivered")
def _(w):
    sim = w.smsc(script="slow 900ms\n")
    gw = w.gateway(links=[smpp(sim, response_timeout=0.4, max_attempts=3, enquire_link=0)])
    api = gw.api()
    m = api.wait_state(api.send()["id"], "delivered", seconds=15)
    wait_for(lambda: (lambda r: r["acked"] == r["created"] == sim.stats["accepted"])(sim.stats["receipts"]), 10,
             "every receipt to be acknowledged")
    check(sim.stats["submits"] >= 2, "it was sent again")
    equal(api.message(m["id"])["state"], "delivered")


@case("swallowed answers in the middle of a load: the rest is not held up, all are delivered")
def _(w):
    sim = w.smsc(script="on submit_sm every 50 swallow\n")
    gw = w.gateway(links=[smpp(sim, response_timeout=0.5, max_attempts=10)])
    some = rows(500)
    post(gw.api(), some)
    wait_ended(gw, 500, seconds=30)
    once_each(some, sim)


main()
