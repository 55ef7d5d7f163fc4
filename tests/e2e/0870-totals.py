#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0870: how many messages there were and how they ended (GET /v1/totals); with retention: tests/crash/retention.py."""
import collections

from faults import *
from harness import *


def totals(api, **query):
    rows = api.get("/v1/totals", **query).expect(200).json
    equal((rows["next"], rows["complete"]), (None, True), "one page")
    out = collections.Counter()
    for t in rows["totals"]:
        out[t.get("campaign"), t["class"], t.get("link"), t["state"]] += t["messages"]
    return out


@case("messages are counted by campaign, class, link and state; each client sees its own")
def _(w):
    sim = w.smsc(script="outcome to 7920* UNDELIV\n")
    gw = w.gateway(links=[smpp(sim)])
    gw.add_client("other")
    gw.write_conf()
    gw.reload()
    api, other, ops = gw.api(), gw.api("other"), gw.operator()
    post(api, rows(3, campaign="spring"))
    post(api, [{"to": "+79200000001", "text": "x" * 200, "campaign": "spring", "tag": "red"}])
    post(api, rows(2, **{"class": "otp"}))
    post(api, rows(1, send_at=rfc3339(time.time() + 3600), campaign="later"))
    post(other, rows(4))
    wait_for(lambda: ended(gw) == 9 and ended(gw, "undelivered") == 1, 20, "the messages to end")
    wanted = {("spring", "service", "acme", "delivered"): 3, ("spring", "service", "acme", "undelivered"): 1,
              (None, "otp", "acme", "delivered"): 2, ("later", "service", None, "waiting"): 1}
    equal(dict(totals(api)), wanted, "shop's")
    equal(dict(totals(other)), {(None, "service", "acme", "delivered"): 4}, "other's")
    equal(sum(totals(ops).values()), 11, "all")
    equal(sum(totals(ops, client="other").values()), 4, "an operator asks for one client")
    equal(sum(totals(api, campaign="spring").values()), 4, "of a campaign")
    equal(dict(totals(api, tag="red")), {("spring", "service", "acme", "undelivered"): 1}, "of a tag")
    equal(sum(totals(api, campaign="never").values()), 0, "of no campaign")
    equal(sum(totals(api, until=rfc3339(time.time() - 3 * 86400)).values()), 0, "before")
    equal(sum(totals(api, since=rfc3339(time.time() + 3 * 86400)).values()), 0, "after")
    long = next(t for t in api.get("/v1/totals", tag="red").json["totals"])
    equal((long["parts"], long["taken"]), (2, 2), "parts")
    check("client" not in long and ops.get("/v1/totals").json["totals"][0]["client"], "whose is told to operators only")
    api.get("/v1/totals", client="other").expect(403, "not_operator")


main()
