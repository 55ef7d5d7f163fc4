#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0960: which modem is behind which port, when ports come, go and change their names."""
import fcntl

from modems import *

IMEI = ["860000000000009", "860000000000017"]


def start(w, *lines, n=1, profile="generic", links=None, args=()):
    sim = Modems(w, *lines, n=n, profile=profile, args=args)
    links = links or [{"name": "sim1", "driver": "modem", "device": "imei:" + IMEI[0]}]
    return sim, w.gateway({"modem_ports": [sim.dir + "/*"]}, links=links)


def reason(gw, wanted, name="sim1", seconds=20):
    """Wait for the link to say so."""
    try:
        wait_for(lambda: wanted in gw.link(name)["reason"], seconds, f"{wanted!r}")
    except AssertionError as e:
        raise AssertionError(f"{e}; it says {gw.link(name)['reason']!r}")


@case("two modems, each found by its IMEI, send; a stick with several ports is one modem")
def _(w):
    sim, gw = start(w, n=2, profile="huawei-e173", args=["--all-ports"], links=[
        {"name": f"sim{i}", "driver": "modem", "device": "imei:" + IMEI[i]} for i in range(2)])
    for i in range(2):
        gw.wait_link(f"sim{i}", seconds=30)
        equal(facts(gw, f"sim{i}")["imei"], IMEI[i], "the right one")
    api = gw.api()
    for i in range(4):
        api.wait_state(api.send(text=f"number {i}")["id"], "sent", "delivered", seconds=20)
    equal(sim.stats["unique"], 4, "messages that the network took")


@case("found by its SIM, when the IMEIs of a pool are one; by that IMEI, both are named and none is used")
def _(w):
    sim, gw = start(w, f"imei {IMEI[0]}", n=2, links=[
        {"name": "sim1", "driver": "modem", "device": "imei:" + IMEI[0]},
        {"name": "sim2", "driver": "modem", "device": "iccid:8949010000000000016"}])
    gw.wait_link("sim2", seconds=30)
    reason(gw, "two modems answer to imei:" + IMEI[0])


@case("a modem that comes later, goes, and comes back under another name is found without a restart")
def _(w):
    sim = Modems(w)
    sim.do("unplug")
    gw = w.gateway({"modem_ports": [sim.dir + "/*"]},
                   links=[{"name": "sim1", "driver": "modem", "device": "imei:" + IMEI[0]}])
    reason(gw, f"no modem with IMEI {IMEI[0]}: no port")
    for name in ("replug", "replug other", "replug third"):
        sim.do(name)
        gw.wait_link("sim1", seconds=30)
        sim.do("unplug")
        gw.wait_link("sim1", "down", seconds=30)
    sim.do("replug")
    gw.wait_link("sim1", seconds=30)
    api = gw.api()
    api.wait_state(api.send()["id"], "sent", "delivered", seconds=20)


@case("whoever has the port is named; it is taken as soon as he leaves it")
def _(w):
    sim = Modems(w)
    path = os.path.realpath(sim.ports["sim0"])
    with open(path, "rb+", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NOCTTY)) as port:
        fcntl.flock(port, fcntl.LOCK_EX)
        gw = w.gateway(links=[modem(sim)])
        reason(gw, f"{path} is in use by python")
    gw.wait_link("sim1", seconds=60)


@case("people who look for their modem see all ports: which link or program has each, and who answered")
def _(w):
    sim = Modems(w, n=3)
    path = os.path.realpath(sim.ports["sim2"])
    with open(path, "rb+", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NOCTTY)) as port:
        fcntl.flock(port, fcntl.LOCK_EX)
        gw = w.gateway({"modem_ports": [sim.dir + "/*"]},
                       links=[{"name": "sim1", "driver": "modem", "device": "imei:" + IMEI[0]}])
        gw.wait_link("sim1", seconds=30)
        env = {"HOME": w.dir, "POSTHORN_CONFIG": "", "POSTHORN_URL": f"http://127.0.0.1:{gw.port}",
               "POSTHORN_KEY": gw.keys["ops"]}
        status, out, err = run(os.path.join(BUILD, "posthorn"), "modems", "--ports", "--json", env=env)
        equal(status, 0, err)
        rows = {r["path"]: r for r in json.loads(out)["ports"] if r.get("path", "").startswith(sim.dir)}
        mine, other, taken = (rows[sim.ports[f"sim{i}"]] for i in range(3))
        equal((mine["state"], mine["link"]), ("in_use", "sim1"), f"{mine}")
        equal((other["state"], other["answers"], other["imei"]), ("modem", True, IMEI[1]), f"{other}")
        check(f"(process {os.getpid()})" in taken["used_by"], f"{taken}")
        status, out, err = run(os.path.join(BUILD, "posthorn"), "modems", "--ports", env=env)
        check(status == 0 and "used by" in out, f"{out} {err}")


@case("a port that is not there, and one that is none")
def _(w):
    gw = w.gateway(links=[{"name": "sim1", "driver": "modem", "device": "/dev/no-such-port"},
                          {"name": "sim2", "driver": "modem", "device": "/etc/passwd"}])
    reason(gw, "/dev/no-such-port is not there")
    reason(gw, "/etc/passwd is a file, not a serial port", "sim2")


@case("a reload that changes where modems are looked for is heeded")
def _(w):
    sim = Modems(w)
    gw = w.gateway({"modem_ports": ["/dev/no-such-port*"]},
                   links=[{"name": "sim1", "driver": "modem", "device": "imei:" + IMEI[0]}])
    reason(gw, "no port /dev/no-such-port* is there")
    gw.settings["modem_ports"] = [sim.dir + "/*"]
    gw.write_conf()
    gw.reload()
    gw.wait_link("sim1", seconds=60)


@case("a modem behind a socket, which goes and comes")
def _(w):
    sim = Modems(w, args=["--tcp", "127.0.0.1:0"])
    gw = w.gateway(links=[{"name": "sim1", "driver": "modem", "device": "tcp:" + sim.ports["sim0"]}])
    gw.wait_link("sim1", seconds=30)
    sim.do("unplug")
    gw.wait_link("sim1", "down", seconds=30)
    sim.do("replug")
    gw.wait_link("sim1", seconds=60)
    api = gw.api()
    api.wait_state(api.send()["id"], "sent", "delivered", seconds=20)


if __name__ == "__main__":
    main()
