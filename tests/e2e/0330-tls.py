#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0330: links over TLS: who is believed, who is not, and that the reason says who must mend what."""
from faults import *
from harness import *
from relay import *


def down_because(gw, *words):
    """The link is down, and says all these words."""
    wait_for(lambda: all(word in gw.link()["reason"] for word in words), 10, f"the reason to say {words}")
    equal(gw.link()["state"], "down")


@case("a certificate of a known authority, for the name of the host: messages go")
def _(w):
    sim, ca = w.smsc(), Authority(w)
    front = Relay(w, sim.port, tls=terminator(*ca.certificate("smsc", san="DNS:localhost")))
    gw = w.gateway(links=[smpp(front.port, host="localhost", tls=True, tls_ca=ca.path)])
    m = gw.api().send()
    gw.api().wait_state(m["id"], "delivered")
    equal(front.names[0], "localhost", "the name that was asked for (SNI)")


@case("an address is checked against the addresses of the certificate, and is not asked for by name")
def _(w):
    sim, ca = w.smsc(), Authority(w)
    front = Relay(w, sim.port, tls=terminator(*ca.certificate("smsc", san="IP:127.0.0.1")))
    gw = w.gateway(links=[smpp(front.port, tls=True, tls_ca=ca.path)])
    gw.wait_link()
    equal(front.names[0], None, "SNI")


@case("tls_server_name is what is asked for and what must be in the certificate")
def _(w):
    sim, ca = w.smsc(), Authority(w)
    front = Relay(w, sim.port, tls=terminator(*ca.certificate("smsc")))
    gw = w.gateway(links=[smpp(front.port, tls=True, tls_ca=ca.path, tls_server_name="smsc.test")])
    gw.wait_link()
    equal(front.names[0], "smsc.test", "SNI")
    equal(sim.stats["binds"], 1, "binds")


@case("a certificate for another host is refused, and the password is not told")
def _(w):
    sim, ca = w.smsc(), Authority(w)
    front = Relay(w, sim.port, tls=terminator(*ca.certificate("smsc")))
    gw = w.gateway(links=[smpp(front.port, host="localhost", tls=True, tls_ca=ca.path)])
    down_because(gw, "certificate", "it is not for localhost")
    equal(sim.stats["binds"], 0, "binds")


@case("an expired certificate is refused, and called so")
def _(w):
    sim, ca = w.smsc(), Authority(w)
    front = Relay(w, sim.port, tls=terminator(*ca.certificate("smsc", san="DNS:localhost", expired=True)))
    gw = w.gateway(links=[smpp(front.port, host="localhost", tls=True, tls_ca=ca.path)])
    down_because(gw, "certificate", "expired")
    equal(sim.stats["binds"], 0, "binds")


@case("a certificate of an unknown authority is refused, unless tls_verify = false")
def _(w):
    sim, ca, other = w.smsc(), Authority(w), Authority(w, "other")
    front = Relay(w, sim.port, tls=terminator(*ca.certificate("smsc", san="DNS:localhost")))
    gw = w.gateway(links=[smpp(front.port, host="localhost", tls=True, tls_ca=other.path),
                          smpp(front.port, name="trusting", host="localhost", tls=True, tls_verify=False)])
    down_because(gw, "certificate", "its authority is not trusted here")
    gw.wait_link("trusting")
    equal(sim.stats["binds"], 1, "binds")


@case("a carrier that wants our certificate gets it; without one the reason is its alert")
def _(w):
    sim, ca = w.smsc(), Authority(w)
    cert, key = ca.certificate("gateway", subject="/CN=posthorn", san="DNS:gateway.test")
    front = Relay(w, sim.port, tls=terminator(*ca.certificate("smsc", san="DNS:localhost"), client_ca=ca.path))
    gw = w.gateway(links=[smpp(front.port, host="localhost", tls=True, tls_ca=ca.path, tls_cert=cert, tls_key=key),
                          smpp(front.port, name="bare", host="localhost", tls=True, tls_ca=ca.path)])
    gw.wait_link()
    equal(front.certs[0]["subject"], ((("commonName", "posthorn"),),), "our certificate")
    wait_for(lambda: "alert" in gw.link("bare")["reason"], 10, "the alert to be told")
    check("ertificate" in gw.link("bare")["reason"], gw.link("bare")["reason"])


@case("a carrier that speaks no TLS, and one that speaks nothing else: the link says so and tries on")
def _(w):
    sim, ca = w.smsc(), Authority(w)
    front = Relay(w, sim.port, tls=terminator(*ca.certificate("smsc", san="DNS:localhost")))
    gw = w.gateway(links=[smpp(sim, tls=True, connect_timeout=1.0), smpp(front.port, name="plain", response_timeout=1.0)])
    wait_for(lambda: gw.link()["state"] == "down" and gw.link()["reason"], 10, "a reason")
    wait_for(lambda: gw.link("plain")["state"] == "down" and gw.link("plain")["reason"], 10, "a reason")


@case("a handshake that is not answered ends in time, and the reason says that it was the handshake")
def _(w):
    dead = Relay(w, 0, mode="dead")
    gw = w.gateway(links=[smpp(dead.port, tls=True, connect_timeout=0.5)])
    down_because(gw, "TLS handshake", "does the port speak TLS?")


@case("files that cannot be read, or are no certificates, are named before anything is tried")
def _(w):
    ca = Authority(w)
    cert, key = ca.certificate("gateway")
    for ca_file, c, k in ((w.path("missing"), cert, key), (ca.path, key, cert), (ca.path, cert, w.path("missing"))):
        gw = w.gateway(links=[smpp(free_port(), tls=True, tls_ca=ca_file, tls_cert=c, tls_key=k)], wait_ready=False)
        gw.wait_line(r"event=smpp_tls .*tls_ca=.*tls_cert=.*tls_key=.*reason=")
        gw.expected.add(1)
        equal(gw.wait(20), 1, "the gateway does not start; its exit status")


main()
