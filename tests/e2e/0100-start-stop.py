#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0100: the daemon checks its configuration, starts, reloads and stops in order."""
import signal
import socket
import tempfile

from harness import *

POSTHORND = os.path.join(BUILD, "posthornd")


def conf(w, text):
    path = w.path("some.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


@case("-t finds a right file right and touches nothing")
def _(w):
    _, digest = new_key()
    path = conf(w, conf_text({"data_dir": w.path("data"), "clients": [{"name": "a", "key_sha256": digest}],
                              "links": [{"name": "null", "driver": "loopback"}], "routes": [{"links": ["null"]}]}))
    status, out, err = run(POSTHORND, "-c", path, "-t")
    equal(status, 0, err)
    check("1 clients, 1 links, 1 routes" in out, out)
    check(not os.path.exists(w.path("data")), "-t made the data folder")


@case("-t names file, line and the misspelt setting")
def _(w):
    path = conf(w, 'stop_timeout = 5;\nstop_timeuot = 5;\n')
    status, out, err = run(POSTHORND, "-c", path, "-t")
    equal(status, 1, "exit status")
    check(f"{path}:2" in err and "stop_timeuot" in err, err)


@case("-t refuses a route to a link that is not there")
def _(w):
    path = conf(w, 'routes = ( { links = [ "nowhere" ]; } );\n')
    status, out, err = run(POSTHORND, "-c", path, "-t")
    equal(status, 1, "exit status")
    check("nowhere" in err, err)


@case("a driver that does not exist is named")
def _(w):
    path = conf(w, 'links = ( { name = "x"; driver = "pigeon"; } );\n')
    status, out, err = run(POSTHORND, "-c", path, "-t")
    equal(status, 1, "exit status")
    check("pigeon" in err, err)


@case("it starts, is healthy and ready, and stops with status 0 on SIGTERM")
def _(w):
    gw = w.gateway()
    equal(gw.admin().get("/healthz").status, 200, "healthz")
    equal(gw.admin().get("/readyz").status, 200, "readyz")
    check(any(k.startswith("posthorn_") for k in gw.metrics()), "metrics of our own")
    gw.signal(signal.SIGTERM)
    equal(gw.wait(), 0, "exit status")
    check(gw.find(r"event=stopped clean=yes"), "every handle was closed")


@case("SIGINT stops it as well")
def _(w):
    gw = w.gateway()
    gw.signal(signal.SIGINT)
    equal(gw.wait(), 0, "exit status")


@case("a second daemon on the same data folder is refused")
def _(w):
    gw = w.gateway()
    status, _, err = run(POSTHORND, "-c", gw.conf_path, seconds=20)
    equal(status, 1, "exit status of the second")
    check("event=not_started" in err, err)
    equal(gw.admin().get("/readyz").status, 200, "the first goes on")


@case("data folder and database are for the owner only")
def _(w):
    gw = w.gateway()
    data = gw.settings["data_dir"]
    equal(os.stat(data).st_mode & 0o007, 0, "others' rights of the folder")
    for name in os.listdir(data):
        equal(os.stat(os.path.join(data, name)).st_mode & 0o077, 0, name)


@case("a start without its carrier is a start: the link says why it is down")
def _(w):
    gw = w.gateway(links=[smpp(free_port())])
    link = gw.link()
    check(link["state"] != "up", link)
    wait_for(lambda: gw.link()["reason"], 5, "a reason")


@case("SIGHUP adds a client whose key works at once, and says what changed")
def _(w):
    gw = w.gateway()
    gw.add_client("new")
    equal(gw.api("new").get("/v1/messages").status, 401, "before the reload")
    gw.write_conf()
    gw.reload()
    check(gw.find(r"event=reload_change"), "what changed is logged")
    equal(gw.api("new").get("/v1/messages").status, 200, "after the reload")


@case("SIGHUP takes a client's key away")
def _(w):
    gw = w.gateway()
    api = gw.api("shop")
    equal(api.get("/v1/messages").status, 200, "before the reload")
    gw.settings["clients"] = [c for c in gw.settings["clients"] if c["name"] != "shop"]
    gw.write_conf()
    gw.reload()
    equal(api.get("/v1/messages").status, 401, "after the reload")


@case("a reload of a wrong file changes nothing, and says so")
def _(w):
    gw = w.gateway()
    gw.settings["nonsense"] = 1
    gw.write_conf()
    gw.reload(r"level=error event=reload_refused .*nonsense")
    equal(gw.api("shop").get("/v1/messages").status, 200, "the old clients stay")


@case("a reload that would need a restart is refused whole")
def _(w):
    gw = w.gateway()
    gw.settings["data_dir"] = w.path("elsewhere")
    gw.add_client("new")
    gw.write_conf()
    gw.reload(r"level=error event=reload_refused")
    equal(gw.api("new").get("/v1/messages").status, 401, "nothing was changed")


@case("a reload adds a link, binds it, and routes to it")
def _(w):
    sim = w.smsc()
    gw = w.gateway()
    gw.settings["links"].append(smpp(sim))
    gw.settings["routes"] = [{"links": ["acme"]}]
    gw.write_conf()
    gw.reload()
    gw.wait_link("acme")
    api = gw.api()
    api.wait_state(api.send()["id"], "delivered")
    equal(sim.stats["accepted"], 1, "accepted by the carrier")


@case("a reload takes a link away: it unbinds, and what waits takes another")
def _(w):
    sim, other = w.smsc(), w.smsc()
    gw = w.gateway(links=[smpp(sim), smpp(other, "other")])
    gw.wait_link("acme")
    gw.wait_link("other")
    gw.settings["links"] = [x for x in gw.settings["links"] if x["name"] == "other"]
    gw.settings["routes"] = [{"links": ["other"]}]
    gw.write_conf()
    gw.reload()
    equal(sim.stats["unbinds"], 1, "unbinds")
    api = gw.api()
    api.wait_state(api.send()["id"], "delivered")
    equal((sim.stats["accepted"], other.stats["accepted"]), (0, 1), "accepted")


@case("systemd hears READY, RELOADING and STOPPING on its socket")
def _(w):
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        path = os.path.join(short, "notify")  # a socket's path has 107 octets at most
        s.bind(path)
        s.settimeout(patience(10))
        gw = w.gateway(env={"NOTIFY_SOCKET": path})
        equal(s.recv(256), b"READY=1", "after the start")
        gw.p.send_signal(signal.SIGHUP)
        check(s.recv(256).startswith(b"RELOADING=1\nMONOTONIC_USEC="), "on SIGHUP")
        equal(s.recv(256), b"READY=1", "after the reload")
        gw.stop()
        equal(s.recv(256), b"STOPPING=1", "on SIGTERM")


main()
