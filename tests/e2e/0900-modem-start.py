#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 45 s
"""0900: modems of all makes come up, and say why when they do not."""
from modems import *


# Profile of the simulator, the make it is taken for, and how that reports: directly, stored, not at all.
MAKES = (
    ("generic", "standard", "direct"), ("huawei-e173", "huawei-packed-ussd", "direct"), ("zte", "zte", "direct"),
    ("sim800", "simcom-800", "direct"), ("sim7600", "simcom-7600", "direct"), ("ec25", "quectel", "direct"),
    ("mc35", "siemens", "stored"), ("cinterion", "siemens", "direct"), ("telit", "telit", "direct"),
    ("sierra", "sierra", "direct"), ("u-blox", "u-blox", "direct"), ("wavecom", "wavecom", "none"),
    ("qualcomm", "qualcomm", "stored"),
)

for profile, make, reports in MAKES:
    @case(f"{profile} comes up, and is known by its facts")
    def _(w, profile=profile, make=make, reports=reports):
        sim, gw = start_modem(w, profile=profile)
        gw.wait_line(rf"event=modem_make .*make={make}$")
        gw.wait_link("sim1", seconds=20)
        f = facts(gw)
        check(len(f["imei"]) == 15 and len(f["imsi"]) == 15, f"identity: {f}")
        check(18 <= len(f["iccid"]) <= 20, f"ICCID: {f}")
        check(f["model"] and f["modem_state"] == "ready", f"state: {f}")
        equal(f["reports"], reports, "reports")


@case("a make of one's own, beside the configuration, wins; a fault in it is told with its line")
def _(w):
    sim = Modems(w)
    own = 'modems = ( { name = "mine";\n maker = "posthorn"; model = "simulated"; init = [ "AT+CSQ" ]; } );\n'
    gw = w.gateway(links=[modem(sim)], files={**makes(), "modems/mine.conf": own})
    gw.wait_line(r"event=modem_make .*make=mine$")
    gw.wait_link("sim1")
    gw.write_file("modems/mine.conf", own.replace("init", "innit"))
    gw.reload(r"event=reload_refused .*modems/mine\.conf:2: innit: unknown setting")


@case("what the settings ask for is sent: service centre, memories, reports, commands of one's own")
def _(w):
    sim, gw = start_modem(w, smsc="+46705008999", memories=["SM"], reports="none", init=["AT+CSQ", "AT+NONSENSE"])
    gw.wait_link("sim1")
    equal(facts(gw)["reports"], "none", "reports")
    gw.wait_line(r"event=modem_init_refused .*AT\+NONSENSE")


@case("a SIM that is busy is waited for")
def _(w):
    sim, gw = start_modem(w, "ready-after 2s", "restart")
    gw.wait_link("sim1", seconds=30)


@case("the PIN is entered once")
def _(w):
    sim, gw = start_modem(w, "pin 1234", pin="1234")
    gw.wait_link("sim1", seconds=20)
    gw.wait_line(r"event=modem_pin .*result=taken")
    check(not any("1234" in line and "event=" in line and "link_setting" not in line for line in gw.lines
                  if "modem_pin" in line), "the PIN is in no log")


@case("a wrong PIN is given once, also after a restart of the gateway, and the link says so")
def _(w):
    sim, gw = start_modem(w, "pin 1234", pin="4321")
    gw.wait_line(r"event=modem_pin .*result=refused", 20)
    check("refused the PIN" in gw.link("sim1")["reason"], gw.link("sim1"))
    n = len(gw.lines)
    gw.operator().call("POST", "/v1/links/sim1/start").expect(202)
    gw.wait_line(r"from=starting to=blocked", 20, since=n)
    gw.restart()
    wait_for(lambda: "before" in gw.link("sim1")["reason"], 20, "the reason")


@case("without a PIN in the settings none is tried; a SIM that wants its PUK is told of")
def _(w):
    sim, gw = start_modem(w, "pin 1234")
    wait_for(lambda: "none is set" in gw.link("sim1")["reason"], 20, "the reason")
    sim.do("sim puk")
    gw.operator().call("POST", "/v1/links/sim1/start").expect(202)
    wait_for(lambda: "PUK" in gw.link("sim1")["reason"], 20, "the reason")


@case("the last try for the PIN is left to a person")
def _(w):
    sim, gw = start_modem(w, "pin 1234", "pin-retries 1", pin="1234")
    wait_for(lambda: "by hand" in gw.link("sim1")["reason"], 20, "the reason")


@case("no network: the link pauses, and comes back with it")
def _(w):
    sim, gw = start_modem(w)
    gw.wait_link("sim1")
    sim.do("reg 2")
    gw.wait_link("sim1", "down")
    check("searching" in gw.link("sim1")["reason"], gw.link("sim1"))
    sim.do("reg 5")
    gw.wait_link("sim1")
    equal(facts(gw)["registration"], "registered, roaming", "registration")
    wait_for(lambda: facts(gw).get("operator"), 10, "the operator")
    m = gw.metrics()
    operator = facts(gw)["operator"]
    equal(m[f'posthorn_link_network{{link="sim1",operator="{operator}",registration="registered, roaming"}}'], 1, "metric")
    equal(m['posthorn_link_signal_dbm{link="sim1"}'], facts(gw)["signal_dbm"], "signal")


@case("LTE only: CREG says no, CEREG yes")
def _(w):
    sim, gw = start_modem(w, "creg 0", "cgreg 0", "cereg 1")
    gw.wait_link("sim1")


@case("a network that takes messages only")
def _(w):
    sim, gw = start_modem(w, "creg 0", "cgreg 0", "cereg 6")
    gw.wait_link("sim1")
    equal(facts(gw)["registration"], "registered for messages only, home", "registration")
    one = gw.api().send()
    gw.api().wait_state(one["id"], "sent", "delivered")


@case("the SIM is taken out and put in again")
def _(w):
    sim, gw = start_modem(w)
    gw.wait_link("sim1")
    sim.do("sim out")
    wait_for(lambda: "SIM" in gw.link("sim1")["reason"], 20, "the reason")
    sim.do("sim in")
    gw.wait_link("sim1", seconds=30)


@case("the modem is unplugged and plugged in again")
def _(w):
    sim, gw = start_modem(w)
    gw.wait_link("sim1")
    sim.do("unplug")
    gw.wait_link("sim1", "down")
    sim.do("replug")
    gw.wait_link("sim1", seconds=30)


@case("one that stops answering is brought back by opening its port anew")
def _(w):
    sim, gw = start_modem(w, "on command +CSQ 3 silent until-reopen")
    gw.wait_link("sim1")
    for _ in range(2):  # told to look, it asks at once
        gw.operator().call("POST", "/v1/links/sim1/start").expect(202)
    gw.wait_line(r"event=modem_watchdog .*step=reopen", 60)
    gw.wait_link("sim1", seconds=40)
    equal(facts(gw)["watchdog_reopens"], 1, "reopened")


@case("USSD in each form, also of several lines; what the network does not support")
def _(w):
    sim, gw = start_modem(w, 'ussd *100# "Balance: 12.50" plain', 'ussd *101# "Guthaben {12}" packed', 'ussd *102# "Баланс" ucs2')
    gw.wait_link("sim1")
    for code, text in (("*100#", "Balance: 12.50"), ("*101#", "Guthaben {12}"), ("*102#", "Баланс")):
        answer = gw.operator().call("POST", "/v1/links/sim1/ussd", {"code": code}).expect(200).json
        equal(answer, {"text": text, "done": True}, code)
    check(gw.operator().call("POST", "/v1/links/sim1/ussd", {"code": "*999#"}).status >= 400, "not supported")


@case("USSD of a make that packs")
def _(w):
    sim, gw = start_modem(w, 'ussd *100# "Saldo 5"', profile="huawei-e173")
    gw.wait_link("sim1")
    equal(gw.operator().call("POST", "/v1/links/sim1/ussd", {"code": "*100#"}).expect(200).json["text"], "Saldo 5", "")


@case("what a code means on one link may be said by its settings")
def _(w):
    sim, gw = start_modem(w, "on submit cms 500", cms_errors=["500:permanent"])
    gw.wait_link("sim1")
    api = gw.api()
    api.wait_state(api.send()["id"], "rejected")


@case("a call is counted and refused, where the settings say so")
def _(w):
    sim, gw = start_modem(w, hang_up_calls=True)
    gw.wait_link("sim1")
    sim.do("call +491711234567")
    wait_for(lambda: facts(gw)["calls"] == 1, 10, "the call")
    wait_for(lambda: '"calls_hung_up":1' in sim.do("stats").replace(" ", ""), 10, "the call to be hung up")


@case("a trace shows lines, and neither the PIN nor a text")
def _(w):
    sim, gw = start_modem(w, "pin 1234", pin="1234")
    ops = gw.operator()
    ops.call("POST", "/v1/links/sim1/trace").expect(202)
    gw.wait_link("sim1", seconds=20)
    api = gw.api()
    api.wait_state(api.send(text="hellohello")["id"], "sent", "delivered")
    pdus = ops.get("/v1/links/sim1/trace").expect(200).json["pdus"]
    said = [p["command"] for p in pdus]
    check(any(c.startswith("AT+CMGS=") for c in said) and any(c.startswith("+CMGS:") for c in said), said)
    check("SMS-SUBMIT" in said and not any("1234" in c for c in said if "CPIN" in c), said)
    check(not any("e8329bfd" in p["octets"] for p in pdus), "the text is masked")
    bare = [p for p in pdus if not p["command"].startswith("SMS-")]
    check(bare and not any(p["octets"] for p in bare), f"a line has no octets: {bare}")


if __name__ == "__main__":
    main()
