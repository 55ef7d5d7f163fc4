#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 11 s
"""0310: receipts as carriers really send them: early, twice, elsewhere, re-spelt, to nobody."""
from faults import *
from harness import *


def delivered(name, script, n=200, args=(), link=None, also=None):
    @case(name)
    def _(w):
        sim = w.smsc(*args, script=script)
        gw = w.gateway(links=[smpp(sim, **(link or {}))])
        some = rows(n)
        ids = post(gw.api(), some)
        wait_ended(gw, n)
        once_each(some, sim)
        equal({gw.api().message(i)["state"] for i in (ids[0], ids[-1])}, {"delivered"}, "states")
        wait_for(lambda: (lambda r: r["acked"] == r["sent"] and r["sent"])(sim.stats["receipts"]), 5,
                 "every deliver_sm to be acknowledged")
        if also:
            also(gw, sim)


def parked(gw):
    return gw.operator().get("/v1/receipts/parked").json["receipts"]


def nothing_parked(gw, sim):
    equal(parked(gw), [], "parked receipts")


delivered("a receipt may overtake the response", "receipt-first\n", also=nothing_parked)
delivered("receipts that come twice change nothing", "receipt twice\n",
          also=lambda gw, sim: equal(sim.stats["receipts"]["sent"], 400, "receipts sent"))
delivered("receipts may come over another bind", "receipt other-bind\n", link={"binds": 3})
delivered("receipts of a transmitter come over its receiver", "", link={"bind": "split"})
delivered("receipts as text only", "receipt form text\n", link={"receipt_id": "text"})
delivered("receipts as TLVs only", "receipt form tlv\n")
delivered("ids in hexadecimal, as they are", "id hex\n")
delivered("ids as UUIDs", "id uuid\n")
delivered("response in hexadecimal, receipt in decimal: receipt_id = dec",
          "id hex-resp-dec-receipt\nreceipt form text\n", link={"receipt_id": "dec"}, also=nothing_parked)
delivered("response in decimal, receipt in hexadecimal: receipt_id = hex",
          "id dec-resp-hex-receipt\nreceipt form text\n", link={"receipt_id": "hex"}, also=nothing_parked)
delivered("leading zeros", "id leading-zeros\nreceipt form text\n", link={"receipt_id": "auto"})


@case("without a receipt a message ends unconfirmed at receipt_timeout, and says so")
def _(w):
    sim = w.smsc(script="receipt none\n")
    gw = w.gateway(links=[smpp(sim, receipt_timeout=1)])
    m = gw.api().send()
    m = gw.api().wait_state(m["id"], "unconfirmed", seconds=15)
    equal(m["reason"], "no_receipt")


@case("a receipt after the time-out corrects unconfirmed to delivered")
def _(w):
    sim = w.smsc("--receipt-delay", "6000")
    gw = w.gateway(links=[smpp(sim, receipt_timeout=1)])
    m = gw.api().send()
    gw.api().wait_state(m["id"], "unconfirmed", seconds=15)
    wait_for(lambda: gw.api().message(m["id"])["state"] == "delivered", 15, "the correction")
    check(any(e.get("correction") for e in gw.api().events(m["id"])), "the timeline shows a correction")


@case("every receipt state leads where the contract says")
def _(w):
    fates = {"DELIVRD": "delivered", "UNDELIV": "undelivered", "DELETED": "undelivered", "UNKNOWN": "undelivered",
             "EXPIRED": "expired", "REJECTD": "rejected"}
    some = rows(len(fates))
    sim = w.smsc(script="".join(f"outcome to {r['to'][1:]} {stat} err 021\n" for r, stat in zip(some, fates)))
    gw = w.gateway(links=[smpp(sim)])
    for message_id, (stat, state) in zip(post(gw.api(), some), fates.items()):
        m = gw.api().wait_state(message_id, state)
        if state != "delivered":
            raw = {"code": "021", "text": stat}
            equal((m["parts"][0]["error"], m["error"]), (raw, raw), "the raw state is kept")


@case("receipts of unknown ids are parked, acknowledged and listed")
def _(w):
    sim = w.smsc(script="receipt unknown-id every 7\n")
    gw = w.gateway(links=[smpp(sim)])
    post(gw.api(), rows(70))
    wait_ended(gw, 60)
    wait_for(lambda: len(parked(gw)) == 10, 5, "ten parked receipts")
    equal(sim.stats["receipts"]["acked"], 70, "acknowledged")


@case("a receipt for what was sent before a kill -9 is matched after the restart, also when it comes at once")
def _(w):
    sim = w.smsc("--receipt-delay", "400", "--receipt-jitter", "600", "--receipt-retry", "100", "--receipt-tries", "30")
    gw = w.gateway(links=[smpp(sim, binds=2)])
    some = rows(1000)
    post(gw.api(), some)
    wait_for(lambda: sim.stats["accepted"] >= 1000, 10, "all to be at the carrier")
    gw.restart(kill=True)
    api = gw.api()
    wait_for(lambda: len([m for m in api.all_messages(limit=1000) if m["state"] == "delivered"]) == 1000, 20,
             "1,000 delivered", every=0.2)


@case("receipts that cannot be stored are asked for again, and stored when the disk is back")
def _(w):
    sim = w.smsc("--receipt-delay", "1500", "--receipt-retry", "300", "--receipt-tries", "30")
    disk = Disk(w, 8)
    gw = w.gateway({"data_dir": os.path.join(disk.path, "data")}, links=[smpp(sim)])
    n = 50
    ids = post(gw.api(), rows(n))
    wait_for(lambda: sim.stats["accepted"] == n, 10, "all to be at the carrier")
    disk.fill()
    wait_for(lambda: sim.stats["receipts"]["refused"] + sim.stats["receipts"]["retried"] > 0, 20,
             "a receipt that was not acknowledged")
    disk.free()
    for i in ids:
        gw.api().wait_state(i, "delivered", seconds=30)


main()
