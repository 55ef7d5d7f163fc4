#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0900: modems of all makes come up, and say why when they do not."""
from modems import *


def start(w, *lines, profile="generic", **over):
    sim = Modems(w, *lines, profile=profile)
    return sim, w.gateway(links=[modem(sim, **over)])


# How each make reports, as it was measured and written down: directly, stored, not at all.
MAKES = {
    "generic": "direct", "huawei-e173": "direct", "zte": None, "sim800": "direct", "sim7600": "direct", "ec25": "direct",
    "mc35": "stored", "cinterion": "direct", "telit": "direct", "sierra": None, "u-blox": "direct", "wavecom": "none",
    "qualcomm": "stored",
}

for make, reports in MAKES.items():
    @case(f"{make} comes up, and is known by its facts")
    def _(w, make=make, reports=reports):
        sim, gw = start(w, profile=make)
        gw.wait_link("sim1", seconds=20)
        f = facts(gw)
        check(len(f["imei"]) == 15 and len(f["imsi"]) == 15, f"identity: {f}")
        check(18 <= len(f["iccid"]) <= 20, f"ICCID: {f}")
        check(f["model"] and f["modem_state"] == "ready", f"state: {f}")
        check(reports is None or f["reports"] == reports, f"reports: {f}")


@case("what the settings ask for is sent: service centre, memories, reports, commands of one's own")
def _(w):
    sim, gw = start(w, smsc="+46705008999", memories=["SM"], reports="none", init=["AT+CSQ", "AT+NONSENSE"])
    gw.wait_link("sim1")
    equal(facts(gw)["reports"], "none", "reports")
    gw.wait_line(r"event=modem_init_refused .*AT\+NONSENSE")


@case("a SIM that is busy is waited for")
def _(w):
    sim, gw = start(w, "ready-after 2s", "restart")
    gw.wait_link("sim1", seconds=30)


@case("the PIN is entered once")
def _(w):
    sim, gw = start(w, "pin 1234", pin="1234")
    gw.wait_link("sim1", seconds=20)
    gw.wait_line(r"event=modem_pin .*result=taken")
    check(not any("1234" in line and "event=" in line and "link_setting" not in line for line in gw.lines
                  if "modem_pin" in line), "the PIN is in no log")


@case("a wrong PIN is given once, also after a restart of the gateway, and the link says so")
def _(w):
    sim, gw = start(w, "pin 1234", pin="4321")
    gw.wait_line(r"event=modem_pin .*result=refused", 20)
    check("refused the PIN" in gw.link("sim1")["reason"], gw.link("sim1"))
    n = len(gw.lines)
    gw.operator().call("POST", "/v1/links/sim1/start").expect(202)
    gw.wait_line(r"from=starting to=blocked", 20, since=n)
    n = len(gw.lines)
    gw.restart()
    gw.wait_line(r"event=modem_pin .*result=not_tried tries=2", 20, since=n)
    check("before" in gw.link("sim1")["reason"], gw.link("sim1"))


@case("without a PIN in the settings none is tried; a SIM that wants its PUK is told of")
def _(w):
    sim, gw = start(w, "pin 1234")
    wait_for(lambda: "none is set" in gw.link("sim1")["reason"], 20, "the reason")
    sim.do("sim puk")
    gw.operator().call("POST", "/v1/links/sim1/start").expect(202)
    wait_for(lambda: "PUK" in gw.link("sim1")["reason"], 20, "the reason")


@case("the last try for the PIN is left to a person")
def _(w):
    sim, gw = start(w, "pin 1234", "pin-retries 1", pin="1234")
    wait_for(lambda: "by hand" in gw.link("sim1")["reason"], 20, "the reason")


@case("no network: the link pauses, and comes back with it")
def _(w):
    sim, gw = start(w)
    gw.wait_link("sim1")
    sim.do("reg 2")
    gw.wait_link("sim1", "down")
    check("searching" in gw.link("sim1")["reason"], gw.link("sim1"))
    sim.do("reg 5")
    gw.wait_link("sim1")
    equal(facts(gw)["registration"], "registered, roaming", "registration")


@case("LTE only: CREG says no, CEREG yes")
def _(w):
    sim, gw = start(w, "creg 0", "cgreg 0", "cereg 1")
    gw.wait_link("sim1")


@case("the SIM is taken out and put in again")
def _(w):
    sim, gw = start(w)
    gw.wait_link("sim1")
    sim.do("sim out")
    wait_for(lambda: "SIM" in gw.link("sim1")["reason"], 20, "the reason")
    sim.do("sim in")
    gw.wait_link("sim1", seconds=30)


@case("the modem is unplugged and plugged in again")
def _(w):
    sim, gw = start(w)
    gw.wait_link("sim1")
    sim.do("unplug")
    gw.wait_link("sim1", "down")
    sim.do("replug")
    gw.wait_link("sim1", seconds=30)


@case("one that stops answering is brought back by opening its port anew")
def _(w):
    sim, gw = start(w, "on command +CSQ 2.. silent until-reopen")
    gw.wait_link("sim1")
    gw.operator().call("POST", "/v1/links/sim1/start").expect(202)
    gw.wait_line(r"event=modem_watchdog .*step=reopen", 60)
    gw.wait_link("sim1", seconds=40)
    equal(facts(gw)["watchdog_reopens"], 1, "reopened")


if __name__ == "__main__":
    main()
