#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 18 s
"""0331: sessions that live with carriers as they are: several hosts, refused binds, restarts, silence, odd PDUs, outbind."""
import socket

from faults import *
from harness import *
from relay import *


def hosts(*sims, **over):
    """A link to several carriers, in this order."""
    ports = [s if isinstance(s, int) else s.port for s in sims]
    return smpp(0, host=None, port=None, hosts=[f"127.0.0.1:{p}" for p in ports], **over)


def binds(gw, name="acme"):
    return gw.link(name)["binds"]


def at(gw, sim):
    """How many binds are up at that carrier."""
    port = sim if isinstance(sim, int) else sim.port
    return sum(b["up"] and b["host"].endswith(f":{port}") for b in binds(gw))


def shipped(name):
    with open(os.path.join(SOURCE, "tests", "peers", "scripts", name + ".smsc"), encoding="utf-8") as f:
        return f.read()


# ---- hosts ----------------------------------------------------------------------------------------------------------

@case("primary: all binds at the first host; when it dies they move to the next, and home when it is back")
def _(w):
    a, b = w.smsc(), w.smsc()
    gw = w.gateway(links=[hosts(a, b, binds=4, host_return=0.3)])
    wait_for(lambda: at(gw, a) == 4, 10, "four binds at the first host")
    before = rows(100)
    post(gw.api(), before)
    wait_ended(gw, 100)
    once_each(before, a)
    a.close()
    wait_for(lambda: at(gw, b) == 4, 10, "four binds at the second host")
    gw.wait_link()
    after = rows(100)
    post(gw.api(), after)
    wait_ended(gw, 200)
    once_each(after, b)
    again = w.smsc(port=a.port)
    wait_for(lambda: at(gw, again) == 4, 20, "four binds to come home")
    equal(b.stats["unbinds"], 4, "each said good-bye to the second host")
    last = rows(100)
    post(gw.api(), last)
    wait_ended(gw, 300)
    once_each(last, again)


@case("the way home is not tried with a bind in use: a dead primary costs the living ones nothing")
def _(w):
    b = w.smsc()
    gw = w.gateway(links=[hosts(free_port(), b, host_return=0.05)])
    gw.wait_link()
    gw.wait_line(r"event=link_state .*to=down reason=\"127.0.0.1:\d+: connection refused")
    time.sleep(1)
    equal((b.stats["binds"], b.stats["unbinds"]), (1, 0), "binds and unbinds")


@case("binds come home with messages under way: none lost, none doubled")
def _(w):
    a, b = w.smsc(), w.smsc(script="slow 20ms\n")
    gw = w.gateway(links=[hosts(a, b, binds=2, window=20, host_return=0.3)])
    gw.wait_link()
    a.close()
    wait_for(lambda: at(gw, b) == 2, 10, "both at the second host")
    some = rows(3000)
    post(gw.api(), some)
    again = w.smsc(port=a.port)
    wait_for(lambda: at(gw, again) == 2, 20, "both to come home")
    wait_ended(gw, 3000, seconds=30)
    once_each(some, b, again)
    check(b.stats["accepted"] > 0 and again.stats["accepted"] > 0, "both hosts took some")
    equal(gw.link()["uncertain"], 0, "uncertain")


@case("round_robin: binds spread over the hosts; those of a dead one go to the living")
def _(w):
    sims = [w.smsc() for _ in range(3)]
    gw = w.gateway(links=[hosts(*sims, binds=6, host_order="round_robin", host_return=0)])
    wait_for(lambda: [at(gw, s) for s in sims] == [2, 2, 2], 10, "two binds at each host")
    sims[1].close()
    wait_for(lambda: [at(gw, s) for s in sims] == [3, 0, 3], 10, "three binds at each living host")
    some = rows(200)
    post(gw.api(), some)
    wait_ended(gw, 200)
    once_each(some, *sims)


@case("an IPv6 address, and a port of its own")
def _(w):
    sim = w.smsc()
    relay = Relay(w, sim.port, family=socket.AF_INET6)
    gw = w.gateway(links=[smpp(0, host=None, port=relay.port, hosts=["[::1]"])])
    gw.wait_link()
    equal(binds(gw)[0]["host"], f"[::1]:{relay.port}", "host")


@case("source_address is where we come from; one that is not ours is a reason")
def _(w):
    sim = w.smsc()
    relay = Relay(w, sim.port)
    gw = w.gateway(links=[smpp(relay.port, source_address="127.0.0.7"),
                          smpp(relay.port, name="b", source_address="192.0.2.1", connect_timeout=1.0)])
    gw.wait_link()
    equal(relay.peers[0], "127.0.0.7", "our address")
    wait_for(lambda: "not available" in gw.link("b")["reason"], 10, "the reason")


def keepalive_armed(port):
    """Does the kernel have a keepalive timer on our connection to that port?  proc_pid_net(5): timer 02."""
    with open("/proc/net/tcp", encoding="ascii") as f:
        for line in f.readlines()[1:]:
            x = line.split()
            if x[2] == f"0100007F:{port:04X}" and x[3] == "01":
                return x[5].startswith("02:")
    raise AssertionError("there is no such connection")


@case("TCP keepalive runs on every connection, unless it is switched off")
def _(w):
    on, off = w.smsc(), w.smsc()
    gw = w.gateway(links=[smpp(on), smpp(off, name="off", tcp_keepalive=0)])
    gw.wait_link()
    gw.wait_link("off")
    equal((keepalive_armed(on.port), keepalive_armed(off.port)), (True, False), "keepalive")


# ---- refusals -------------------------------------------------------------------------------------------------------

@case("a wrong password is tried once by 32 binds, and again when an operator says so")
def _(w):
    sim = w.smsc("--password", "other")
    gw = w.gateway(links=[smpp(sim, binds=32)])
    wait_for(lambda: gw.link()["state"] == "down", 10, "the link to be down")
    reason = gw.link()["reason"]
    check("ESME_RINVPASWD (wrong password); next try in 6" in reason and "posthorn links start acme" in reason, reason)
    time.sleep(1)
    equal(sim.stats["binds_refused"], 1, "attempts in a second")
    gw.operator().call("POST", "/v1/links/acme/start").expect(202)
    wait_for(lambda: sim.stats["binds_refused"] == 2, 5, "one more attempt")
    time.sleep(0.5)
    equal(sim.stats["binds_refused"], 2, "attempts")


@case("a link that waits for a minute is up at once when the password was mended and an operator says start")
def _(w):
    sim = w.smsc(script="bind refuse 0x0E first 1\n")
    gw = w.gateway(links=[smpp(sim, binds=4)])
    wait_for(lambda: gw.link()["state"] == "down", 10, "the link to be down")
    gw.operator().call("POST", "/v1/links/acme/start").expect(202)
    wait_for(lambda: gw.link()["binds_up"] == 4, 5, "four binds")
    equal(sim.stats["binds_refused"], 1, "refused")


@case("while nobody listens one of 32 binds knocks")
def _(w):
    port = free_port()
    gw = w.gateway(links=[smpp(port, binds=32, reconnect_min=0.2, reconnect_max=0.2)])
    wait_for(lambda: gw.link()["state"] == "down", 10, "the link to be down")
    first = gw.link()["reconnects"]
    time.sleep(1)
    check(gw.link()["reconnects"] - first <= 7, f"{gw.link()['reconnects'] - first} attempts in a second")
    sim = w.smsc(port=port)
    wait_for(lambda: gw.link()["binds_up"] == 32, 10, "all binds")
    equal(sim.stats["connections"], 32, "connections")


@case("a carrier that allows four binds is not asked for all the others again and again")
def _(w):
    sim = w.smsc(script=shipped("bind-limit-4"))
    gw = w.gateway(links=[smpp(sim, binds=16)])
    wait_for(lambda: gw.link()["binds_up"] == 4, 10, "four binds")
    time.sleep(0.5)
    check(sim.stats["binds_refused"] <= 5, f"{sim.stats['binds_refused']} refused")
    some = rows(200)
    post(gw.api(), some)
    wait_ended(gw, 200)
    once_each(some, sim)


@case("an old session that still stands (ESME_RALYBND) is waited for")
def _(w):
    sim = w.smsc(script=shipped("bind-already-bound"))
    gw = w.gateway(links=[smpp(sim)])
    gw.wait_line(r"event=smpp_wait .*an old session still stands")
    gw.wait_link()
    equal(sim.stats["binds_refused"], 2, "refused")


# ---- carriers that come and go --------------------------------------------------------------------------------------

@case("a carrier that restarts every second: all get through, doubled only what was in flight")
def _(w):
    sim = w.smsc(script=shipped("restart-every-second") + "slow 10ms\n")
    gw = w.gateway(links=[smpp(sim, binds=2, window=5, max_attempts=50)])
    some = rows(1500)
    post(gw.api(), some)
    wait_for(lambda: gw.metrics()["posthorn_queue_waiting"] == 0, 40, "all to be sent")
    wait_taken(some, sim)
    seen = taken(sim)
    check(sum(n - 1 for n in seen.values()) <= gw.link()["uncertain"], "doubled only what was uncertain")
    check(gw.link()["reconnects"] >= 2, "it did restart")


@case("a carrier that closes after each bind is asked less and less often")
def _(w):
    sim = w.smsc(script=shipped("bind-closed-at-once"))
    gw = w.gateway(links=[smpp(sim, binds=4, reconnect_min=0.1, reconnect_max=10.0)])
    gw.wait_line(r"event=smpp_wait .*wait_ms=(1[2-9]\d\d|[2-9]\d\d\d)", 20)
    check(sim.stats["binds"] < 40, f"{sim.stats['binds']} binds")


@case("a carrier that takes the connection and answers no bind: each try ends in time, with a reason")
def _(w):
    sim = w.smsc(script=shipped("bind-never-answered"))
    gw = w.gateway(links=[smpp(sim, binds=8, response_timeout=0.3)])
    wait_for(lambda: gw.link()["state"] == "down", 10, "the link to be down")
    equal(gw.link()["reason"], "no answer in time")
    check(len(sim.stats["connections_now"]) <= 2, "one bind tries")


@case("a dead first host (connections stand, nothing is said) costs one time-out, then the second has all binds")
def _(w):
    sim = w.smsc()
    dead = Relay(w, 0, mode="dead")
    gw = w.gateway(links=[hosts(dead, sim, binds=4, response_timeout=0.5)])
    wait_for(lambda: at(gw, sim) == 4, 10, "four binds at the second host")
    check(dead.n <= 4, f"{dead.n} connections to the dead one")


@case("a half-open connection is found by enquire_link, and what was in flight goes again")
def _(w):
    sim = w.smsc()
    relay = Relay(w, sim.port)
    gw = w.gateway(links=[smpp(relay.port, enquire_link=0.3, response_timeout=0.5, max_attempts=20)])
    gw.wait_link()
    relay.stalled = True
    some = rows(20)
    post(gw.api(), some)
    wait_for(lambda: gw.link()["enquire_timeouts"] >= 1, 10, "the silence to be noticed")
    relay.stalled = False
    wait_for(lambda: gw.metrics()["posthorn_queue_waiting"] == 0, 20, "all to be sent")
    wait_taken(some, sim)


@case("the carrier unbinds with a window open and answers it first: nothing is uncertain, nothing doubled")
def _(w):
    sim = w.smsc(script="slow 100ms\nafter 30 submit_sm unbind\n")
    gw = w.gateway(links=[smpp(sim, window=20)])
    some = rows(200)
    post(gw.api(), some)
    wait_ended(gw, 200)
    once_each(some, sim)
    link = gw.link()
    check(link["reconnects"] >= 1, "it unbound")
    equal(link["uncertain"], 0, "uncertain")
    equal(sim.stats["malformed"], 0, "malformed")


@case("the carrier asks us (enquire_link) and is answered")
def _(w):
    sim = w.smsc("--enquire-link", "1")
    gw = w.gateway(links=[smpp(sim, enquire_link=0)])
    gw.wait_link()
    time.sleep(2.5)
    s = sim.stats
    equal((s["timeouts"], s["unexpected_responses"], len(s["connections_now"])), (0, 0, 1), "time-outs, odd, connections")


@case("PDUs that make no sense: each is answered or dropped, and the bind stays")
def _(w):
    sim = w.smsc(script=shipped("odd-pdus"))
    gw = w.gateway(links=[smpp(sim)])
    some = rows(200)
    post(gw.api(), some)
    wait_ended(gw, 200)
    once_each(some, sim)
    s = sim.stats
    equal((s["connections"], s["malformed"]), (1, 0), "connections, malformed")
    equal(s["nacks_received"], 2, "nacks: of the unknown command and of the request that is not the carrier's")


@case("2 GB of command_length end the session, without 2 GB being waited for")
def _(w):
    sim = w.smsc(script=shipped("huge-length-after-20"))
    gw = w.gateway(links=[smpp(sim, window=5, max_attempts=20)])
    some = rows(100)
    post(gw.api(), some)
    wait_for(lambda: gw.metrics()["posthorn_queue_waiting"] == 0, 20, "all to be sent")
    wait_taken(some, sim)
    gw.wait_line("command_length out of range")


# ---- versions -------------------------------------------------------------------------------------------------------

@case("SMPP 3.3: split binds, receipts without TLVs")
def _(w):
    sim = w.smsc(script=shipped("version-33"))
    gw = w.gateway(links=[smpp(sim, interface_version=0x33, bind="split")])
    gw.wait_link()
    m = gw.api().send()
    gw.api().wait_state(m["id"], "delivered")
    equal([b["kind"] for b in binds(gw)], ["transmitter", "receiver"], "kinds")


@case("SMPP 3.3 cannot bind as transceiver; a link that tries all the same says what it was told")
def _(w):
    sim = w.smsc(script=shipped("version-33"))
    gw = w.gateway(links=[smpp(sim)])
    wait_for(lambda: "ESME_RINVCMDID" in gw.link()["reason"], 10, "the reason")


@case("SMPP 5.0: the version is told, and the congestion is shown")
def _(w):
    sim = w.smsc(script=shipped("version-50"))
    gw = w.gateway(links=[smpp(sim, interface_version=0x50)])
    gw.wait_link()
    check("congestion" not in gw.link(), "not told yet")
    m = gw.api().send()
    gw.api().wait_state(m["id"], "delivered")
    equal((binds(gw)[0]["version"], gw.link()["congestion"]), ("5.0", 95), "version, congestion")
    equal(gw.metrics()['posthorn_link_congestion{link="acme"}'], 95, "metric")


# ---- outbind --------------------------------------------------------------------------------------------------------

@case("outbind: the carrier calls, is known, and delivers over the connection it made")
def _(w):
    sim, port = w.smsc(), free_port()
    gw = w.gateway(links=[smpp(sim, bind="transmitter", outbind_listen=f"127.0.0.1:{port}",
                               outbind_system_id="carrier", outbind_password="word")])
    gw.wait_link()
    m = gw.api().send()
    gw.api().wait_state(m["id"], "sent")
    equal([b["state"] for b in binds(gw)], ["bound_tx", "listening"], "states")
    equal(sim.ask(f"outbind 127.0.0.1:{port} carrier wrong"), "ok")
    gw.wait_line("event=smpp_outbind_refused")
    equal(sim.ask(f"outbind 127.0.0.1:{port} carrier word"), "ok")
    gw.api().wait_state(m["id"], "delivered")
    equal([b["state"] for b in binds(gw)], ["bound_tx", "bound_rx"], "states")
    equal(sim.stats["binds"], 2, "binds")
    equal((gw.link()["binds_total"], gw.link()["binds_up"]), (2, 2), "binds")


@case("outbind: a port that is taken is told and tried again; the link goes on")
def _(w):
    sim = w.smsc()
    taken_port = socket.create_server(("127.0.0.1", 0))
    with taken_port:
        gw = w.gateway(links=[smpp(sim, outbind_listen=f"127.0.0.1:{taken_port.getsockname()[1]}",
                                   outbind_system_id="carrier")])
        gw.wait_line("event=smpp_outbind_listen .*address already in use")
        gw.wait_link()


# ---- for operators --------------------------------------------------------------------------------------------------

@case("rebind: one bind after the other, with messages under way; none lost, none doubled")
def _(w):
    sim = w.smsc(script="slow 20ms\n")
    gw = w.gateway(links=[smpp(sim, binds=3, window=10)])
    wait_for(lambda: gw.link()["binds_up"] == 3, 10, "three binds")
    some = rows(1500)
    post(gw.api(), some)
    gw.operator().call("POST", "/v1/links/acme/rebind").expect(202)
    wait_for(lambda: sim.stats["binds"] == 6, 20, "three more binds")
    wait_ended(gw, 1500, seconds=30)
    once_each(some, sim)
    equal((sim.stats["unbinds"], gw.link()["uncertain"]), (3, 0), "unbinds, uncertain")
    gw.operator().call("POST", "/v1/links/acme/stop").expect(202)
    wait_for(lambda: gw.link()["state"] == "stopped", 10, "the link to stop")
    gw.operator().call("POST", "/v1/links/acme/rebind").expect(409, "link_state")


@case("the wire of a link is kept on demand, without texts and passwords, and forgotten on demand")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim, password="pa55word")])
    gw.wait_link()
    ops = gw.operator()
    equal(ops.get("/v1/links/acme/trace").expect(200).json, {"pdus": [], "tracing": False}, "before")
    ops.call("POST", "/v1/links/acme/trace").expect(202)
    m = gw.api().send(text="secret words")
    gw.api().wait_state(m["id"], "delivered")
    ops.call("POST", "/v1/links/acme/rebind").expect(202)
    wait_for(lambda: sim.stats["binds"] == 2, 10, "a second bind")
    gw.wait_link()
    a = ops.get("/v1/links/acme/trace").expect(200).json
    equal([(p["direction"], p["command"]) for p in a["pdus"]],
          [("out", "submit_sm"), ("in", "submit_sm_resp"), ("in", "deliver_sm"), ("out", "deliver_sm_resp"),
           ("out", "unbind"), ("in", "unbind_resp"), ("out", "bind_transceiver"), ("in", "bind_transceiver_resp")], "PDUs")
    equal(a["tracing"], True)
    octets = b"".join(bytes.fromhex(p["octets"]) for p in a["pdus"])
    for secret in (b"secret", b"pa55word"):
        check(secret not in octets, f"{secret} is shown")
    for shown in (b"12025550142", b"posthorn", b"stat:DELIVRD"):
        check(shown in octets, f"{shown} is missing")
    env = {"POSTHORN_URL": f"http://127.0.0.1:{gw.port}", "POSTHORN_KEY": gw.keys["ops"]}
    status, out, err = run(os.path.join(BUILD, "posthorn"), "links", "--trace", "acme", "--csv", env=env)
    equal((status, out.count("submit_sm_resp")), (0, 1), err)
    ops.call("POST", "/v1/links/acme/untrace").expect(202)
    equal(ops.get("/v1/links/acme/trace").expect(200).json, {"pdus": [], "tracing": False}, "after")
    gw.api().get("/v1/links/acme/trace").expect(403)
    ops.get("/v1/links/nobody/trace").expect(404, "not_found")


@case("each bind is shown, by the API and by the command line")
def _(w):
    a, b = w.smsc(), w.smsc()
    gw = w.gateway(links=[hosts(a, b, binds=2, host_order="round_robin")])
    wait_for(lambda: gw.link()["binds_up"] == 2, 10, "both binds")
    shown = binds(gw)
    equal([(x["n"], x["kind"], x["host"], x["up"], x["state"], x["reason"], x["version"]) for x in shown],
          [(0, "transceiver", f"127.0.0.1:{a.port}", True, "bound_trx", "", "3.4"),
           (1, "transceiver", f"127.0.0.1:{b.port}", True, "bound_trx", "", "3.4")], "binds")
    equal((gw.link()["binds_total"], shown[0]["outstanding"]), (2, 0), "number, outstanding")
    env = {"POSTHORN_URL": f"http://127.0.0.1:{gw.port}", "POSTHORN_KEY": gw.keys["ops"]}
    status, out, err = run(os.path.join(BUILD, "posthorn"), "links", "--binds", "--csv", env=env)
    equal((status, err), (0, ""), "links --binds")
    check(f"acme,0,transceiver,127.0.0.1:{a.port},bound_trx" in out, out)
    status, out, err = run(os.path.join(BUILD, "posthorn"), "links", "acme", env=env)
    equal(status, 0, err)
    check(f"127.0.0.1:{b.port}" in out and "bound_trx" in out and "acme" in out, out)
    status, out, err = run(os.path.join(BUILD, "posthorn"), "links", "--csv", env=env)
    check("bound_trx" not in out, out)
    status, out, err = run(os.path.join(BUILD, "posthorn"), "links", "nobody", env=env)
    equal(status, 1, err)


main()
