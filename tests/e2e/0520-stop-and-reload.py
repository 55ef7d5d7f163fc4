#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0520: an orderly stop under load, and reloads under load: what was answered 202 goes once."""
import http.client
import signal

from faults import *
from harness import *


class Load:
    """Posts one after the other on a few connections until told to stop; knows what was answered 202."""

    def __init__(self, gw, connections=3, client="shop"):
        self.gw, self.client, self.over = gw, client, threading.Event()
        self.promised, self.others, self.problems = [], [], []
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(connections)]
        for t in self.threads:
            t.start()

    def _run(self):
        api = Api(self.gw.port, self.gw.keys[self.client])
        while not self.over.is_set():
            row = rows(1)[0]
            try:
                a = api.post("/v1/messages", row)
            except (OSError, http.client.HTTPException) as e:
                if not self.over.is_set():
                    self.others.append(repr(e))
                break
            if a.status == 202:
                self.promised.append(row)
            else:
                self.others.append((a.status, a.code))
        api.close()

    def wait(self, n):
        wanted = len(self.promised) + n
        wait_for(lambda: len(self.promised) >= wanted, 20, f"{n} more answers")

    def stop(self):
        self.over.set()
        for t in self.threads:
            t.join(patience(10))


def stop_under_load(number):
    @case(f"{number.name} under load: status 0, every 202 is kept and goes once, also over the restart")
    def _(w):
        sim = w.smsc(script="slow 10ms\n")
        gw = w.gateway(links=[smpp(sim, tps=500.0)])
        gw.wait_link()
        load = Load(gw)
        load.wait(300)
        gw.signal(number)
        equal(gw.wait(20), 0, "exit status")
        load.stop()
        gw.restart()
        wait_taken(load.promised, sim)
        wait_for(lambda: gw.metrics()["posthorn_queue_waiting"] == 0, 20, "the queue to be empty")
        once_each(load.promised, sim)
        print(f"# {len(load.promised)} answered 202, afterwards {load.others[:2]}")


stop_under_load(signal.SIGTERM)
stop_under_load(signal.SIGINT)


@case("SIGTERM while the carrier does not answer ends within stop_timeout; what was in flight is uncertain, the rest waits")
def _(w):
    sim = w.smsc(script="on submit_sm 1..100 swallow\n")
    gw = w.gateway({"stop_timeout": 1}, links=[smpp(sim, window=10)])
    gw.wait_link()
    some = rows(30)
    post(gw.api(), some)
    wait_for(lambda: sim.stats["submits"] == 10, 5, "a full window")
    since = time.monotonic()
    gw.signal(signal.SIGTERM)
    equal(gw.wait(20), 0, "exit status")
    check(time.monotonic() - since < patience(2), f"took {time.monotonic() - since:.1f} s")
    sim.close()
    again = w.smsc(port=sim.port)
    gw.restart()
    wait_ended(gw, 30)
    once_each(some, again)


@case("SIGHUP under load: a link is added and then taken away; nothing is lost, nothing doubled")
def _(w):
    a, b = w.smsc(script="slow 5ms\n"), w.smsc(script="slow 5ms\n")
    gw = w.gateway(links=[smpp(a, "acme")])
    gw.wait_link()
    load = Load(gw)
    load.wait(100)
    gw.settings["links"] = [smpp(b, "beta"), smpp(a, "acme")]
    gw.settings["routes"] = [{"links": ["beta", "acme"]}]
    gw.write_conf()
    gw.reload()
    gw.wait_link("beta")
    wait_for(lambda: b.stats["accepted"] > 50, 10, "the new link to be used")
    gw.settings["links"] = [smpp(b, "beta")]
    gw.settings["routes"] = [{"links": ["beta"]}]
    gw.write_conf()
    gw.reload()
    equal([x["name"] for x in gw.operator().get("/v1/links").json["links"]], ["beta"], "links")
    load.wait(100)
    gw.settings["links"] = [smpp(a, "acme"), smpp(b, "beta")]
    gw.settings["routes"] = [{"links": ["acme", "beta"]}]
    gw.write_conf()
    gw.reload()
    gw.wait_link("acme")
    load.wait(100)
    load.stop()
    equal(load.others, [], "answers other than 202")
    wait_ended(gw, len(load.promised))
    once_each(load.promised, a, b)


@case("SIGHUP under load: a changed password binds the link again; nothing is lost, nothing doubled")
def _(w):
    sim = w.smsc(script="slow 5ms\n")
    gw = w.gateway(links=[smpp(sim)])
    gw.wait_link()
    load = Load(gw)
    for word in ("first", "second", "third"):
        load.wait(100)
        gw.settings["links"][0]["password"] = word
        gw.write_conf()
        gw.reload()
        gw.wait_link()
    load.wait(100)
    load.stop()
    equal(load.others, [], "answers other than 202")
    equal(sim.stats["binds"], 4, "binds")
    wait_ended(gw, len(load.promised))
    once_each(load.promised, sim)


@case("a changed tps takes effect without a new bind")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim, tps=5.0)])
    gw.wait_link()
    post(gw.api(), rows(300))
    wait_for(lambda: sim.stats["accepted"] >= 2, 5, "the first to go")
    gw.settings["links"][0]["tps"] = 0.0
    gw.write_conf()
    gw.reload()
    wait_ended(gw, 300, seconds=5)
    equal(sim.stats["connections"], 1, "connections")


@case("clients come and go with a reload: a removed key is 401, its messages still go")
def _(w):
    port = free_port()
    gw = w.gateway(links=[smpp(port)])
    old = gw.api("shop")
    some = rows(10)
    ids = post(old, some)
    gw.add_client("new")
    gw.settings["clients"] = [c for c in gw.settings["clients"] if c["name"] != "shop"]
    gw.write_conf()
    gw.reload()
    old.post("/v1/messages", rows(1)[0]).expect(401, "unauthorized")
    more = rows(5)
    post(gw.api("new"), more)
    gw.api("new").get(f"/v1/messages/{ids[0]}").expect(404, "not_found")
    sim = w.smsc(port=port)
    wait_ended(gw, 15)
    once_each(some + more, sim)
    equal(gw.operator().message(ids[0])["state"], "delivered", "of the removed client")


def bad_reload(name, spoil):
    @case(f"a bad reload ({name}) changes nothing and says where it is wrong")
    def _(w):
        sim = w.smsc()
        gw = w.gateway(links=[smpp(sim)])
        gw.wait_link()
        with open(gw.conf_path, encoding="utf-8") as f:
            good = f.read()
        with open(gw.conf_path, "w", encoding="utf-8") as f:
            f.write(spoil(good))
        before = gw.operator().get("/v1/links").json["links"][0]["since"]
        said = gw.reload(r"event=reload_refused .*error=.*")
        check("posthorn.conf:" in said.string or "restart" in said.string, said.string)
        api = gw.api()
        api.wait_state(api.send()["id"], "delivered")
        equal(gw.operator().get("/v1/links").json["links"][0]["since"], before, "the link was not touched")
        equal(sim.stats["connections"], 1, "connections")
        with open(gw.conf_path, "w", encoding="utf-8") as f:
            f.write(good)
        gw.reload()


bad_reload("syntax", lambda text: text + "\nlinks = (\n")
bad_reload("unknown setting", lambda text: text + "\nlog_levle = \"debug\";\n")
bad_reload("a route to nowhere", lambda text: text.replace('links = [ "acme" ]', 'links = [ "nowhere" ]'))
bad_reload("a setting that needs a restart", lambda text: text.replace("/data\"", "/elsewhere\""))


@case("the carrier of a removed link is gone: what waited for it goes over the new one")
def _(w):
    b = w.smsc()
    gw = w.gateway(links=[smpp(free_port(), "acme")])
    some = rows(1500)  # more than a lane holds in memory
    post(gw.api(), some[:1000])
    post(gw.api(), some[1000:])
    gw.settings["links"] = [smpp(b, "beta")]
    gw.settings["routes"] = [{"links": ["beta"]}]
    gw.write_conf()
    gw.reload()
    wait_ended(gw, 1500)
    once_each(some, b)


@case("no rule matches: the text waits and says no_route; a reload that brings a route sends it")
def _(w):
    sim = w.smsc()
    gw = w.gateway({"routes": [{"prefix": ["49"], "links": ["acme"]}]}, links=[smpp(sim)])
    gw.wait_link()
    some = rows(1200)
    post(gw.api(), some[:600])
    ids = post(gw.api(), some[600:])
    wait_for(lambda: gw.api().message(ids[0]).get("reason") == "no_route", 5, "no_route")
    gw.settings["routes"] = [{"links": ["acme"]}]
    gw.write_conf()
    gw.reload()
    wait_ended(gw, 1200)
    once_each(some, sim)


main()
