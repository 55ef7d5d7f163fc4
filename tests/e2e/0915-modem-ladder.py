#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0915: a modem that stops answering is helped step by step, and counted; one that just came back is left in peace.

ESC and AT, the port opened anew, AT+CFUN=1,1, power_command, the alarm.  The steps take their time, so the modems of a
case are stuck at the same time, each with a gateway's link of its own."""
import re
import sys

from modems import *

QUICK = {"restart_time": 1.5}


def power_switch(w, sim, *lines):
    """A program that does to the simulator what a switch does to a modem, and notes that it ran."""
    host, port = sim._control.getpeername()
    number = w.number("power")
    path, ran = w.path(f"power{number}"), w.path(f"power{number}.ran")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"#!{sys.executable}\nimport socket, sys\nopen({ran!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
                f"with socket.create_connection(({host!r}, {port})) as s:\n"
                f"    answers = s.makefile()\n"
                f"    for line in {list(lines)!r}:\n"
                f"        s.sendall(line.encode() + b'\\n')\n"
                f"        assert answers.readline().startswith('ok')\n")
    os.chmod(path, 0o755)
    return [path, "socket 3"], ran


def steps(gw, name):
    return [re.search(r"step=(\w+)", line)[1] for line in gw.lines
            if "event=modem_watchdog" in line and f"link={name} " in line]


def counted(gw, name):
    """What the metrics say of the four steps."""
    page = gw.metrics()
    return tuple(int(page[f'posthorn_link_watchdog_{what}{{link="{name}"}}'])
                 for what in ("reopens", "resets", "power_cycles", "alarms"))


def wake(gw, name):
    """An operator asks how it is: so it is noticed at once that it says nothing."""
    gw.operator().call("POST", f"/v1/links/{name}/start").expect(202)


@case("each step helps the modem that needs it; what no step helps is an alarm until somebody sees to it")
def _(w):
    sim = Modems(w, n=4)
    program, ran = power_switch(w, sim, "modem sim2 silence 0", "modem sim2 restart 300")
    useless, ran_in_vain = power_switch(w, sim)
    links = [modem(sim, f"sim{i}", f"sim{i}", **QUICK) for i in range(4)]
    links[2]["power_command"] = program
    links[3]["power_command"] = useless
    gw = w.gateway(links=links)
    for i in range(4):
        gw.wait_link(f"sim{i}", seconds=20)
    sim.do("modem sim0 silence until-reopen")
    sim.do("modem sim1 lose-to-host 100%")  # it hears, and cannot say so
    for i in (2, 3):
        sim.do(f"modem sim{i} silence forever")
    for i in range(4):
        wake(gw, f"sim{i}")
    gw.wait_line(r"event=modem_watchdog link=sim0 step=reopen", 60)
    gw.wait_link("sim0", seconds=20)
    gw.wait_line(r"event=modem_watchdog link=sim1 step=reset", 60)
    wait_for(lambda: [e for e in sim.events("restart") if e["modem"] == "sim1"], 20, "the reset")
    sim.do("modem sim1 lose-to-host 0%")
    gw.wait_link("sim1", seconds=20)
    gw.wait_line(r"event=modem_watchdog link=sim2 step=power", 60)
    gw.wait_link("sim2", seconds=30)
    gw.wait_line(r"event=modem_watchdog link=sim3 step=alarm", 90)
    equal(steps(gw, "sim0"), ["reopen"], "of a port that was stuck")
    equal(steps(gw, "sim1"), ["reopen", "reset"], "of a modem that hears")
    equal(steps(gw, "sim2"), ["reopen", "reset", "power"], "of one that wants its power switched")
    equal(steps(gw, "sim3"), ["reopen", "reset", "power", "alarm"], "of one that nothing helps")
    for path in (ran, ran_in_vain):
        with open(path, encoding="utf-8") as f:
            equal(f.read(), "socket 3\n", "the command ran once, with its argument")
    equal(counted(gw, "sim0"), (1, 0, 0, 0), "sim0 in the metrics")
    equal(counted(gw, "sim1"), (1, 1, 0, 0), "sim1 in the metrics")
    equal(counted(gw, "sim2"), (1, 1, 1, 0), "sim2 in the metrics")
    equal(counted(gw, "sim3"), (1, 1, 1, 1), "sim3 in the metrics")
    equal([a["code"] for a in gw.link("sim3")["alarms"]], ["modem_stuck"], "its alarm")
    api = gw.api()
    api.wait_state(api.send()["id"], "sent", "delivered", seconds=20)
    sim.do("modem sim3 silence 0")
    wake(gw, "sim3")
    gw.wait_link("sim3", seconds=20)
    wait_for(lambda: not gw.link("sim3")["alarms"], 10, "the end of the alarm")


@case("a port that just came back says nothing for a while: nobody resets it")
def _(w):
    sim = Modems(w)
    gw = w.gateway(links=[modem(sim, restart_time=60)])
    gw.wait_link("sim1", seconds=20)
    sim.do("unplug")
    gw.wait_link("sim1", "down", seconds=20)
    sim.do("replug")
    sim.do("silence forever")  # power ends it, so not before
    wait_for(lambda: "just come back" in gw.link("sim1")["reason"], 40, "its patience")
    equal(steps(gw, "sim1"), [], "steps")
    sim.do("silence 0")
    gw.wait_link("sim1", seconds=30)
    equal(counted(gw, "sim1"), (0, 0, 0, 0), "in the metrics")
    equal(sim.events("restart"), [], "resets")


main()
