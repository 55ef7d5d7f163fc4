#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0333: a link is told what to do at the worst moment: while its carrier dies, while nothing stands, with files that are gone."""
from faults import *
from harness import *
from relay import *


def tell(gw, word, status=202, name="acme"):
    return gw.operator().call("POST", f"/v1/links/{name}/{word}").expect(status)


@case("a link that drains loses its carrier with a window open: it is stopped, and no event is without a rule")
def _(w):
    sim = w.smsc(script="on submit_sm 1..100 swallow\n")
    gw = w.gateway(links=[smpp(sim, window=5)])
    gw.wait_link()
    post(gw.api(), rows(3))
    wait_for(lambda: sim.stats["submits"] == 3, 5, "three parts to be under way")
    tell(gw, "drain")
    sim.kill()
    gw.wait_link(state="stopped")
    check(not gw.find("event=smpp_event"), "an event without a rule")
    equal((gw.link()["malformed"], gw.link()["in_flight"]), (0, 0), "malformed, in flight")


@case("rebind of a link that waits after a failure binds at once")
def _(w):
    port = free_port()
    gw = w.gateway(links=[smpp(port, reconnect_min=60.0, reconnect_max=60.0)])
    gw.wait_link(state="down")
    w.smsc(port=port)
    tell(gw, "rebind")
    gw.wait_link(seconds=5)


@case("what a carrier answers is counted by code, and codes that it invents stay bounded")
def _(w):
    sim = w.smsc(script="on submit_sm 2..4 throttle\non submit_sm 6 status 0x0B\n"
                 + "".join(f"on submit_sm {10 + i} status {0x500 + i}\n" for i in range(40)))
    gw = w.gateway(links=[smpp(sim, window=1, max_attempts=5)])
    gw.wait_link()
    post(gw.api(), rows(100))
    wait_for(lambda: gw.metrics()["posthorn_queue_waiting"] == 0, 20, "all to be over")
    link = gw.link()
    errors = {e["code"]: e for e in link["errors"]}
    equal(errors[0x58], {"code": 0x58, "name": "ESME_RTHROTTLED", "class": "throttle", "count": 3})
    equal((errors[0x0B]["name"], errors[0x0B]["count"]), ("ESME_RINVDSTADR", 1), "the recipient's")
    equal((len(errors), sum(e["count"] for e in link["errors"]) + link["errors_other"]), (32, 44), "codes, answers")
    m = gw.metrics()
    equal(m['posthorn_link_errors_total{link="acme",code="88",name="ESME_RTHROTTLED"}'], 3, "the metric")
    equal(m['posthorn_link_errors_total{link="acme",code="other",name=""}'], link["errors_other"], "the metric")


@case("a reload that names a file that is not there changes nothing: the link stays, and -t says the same")
def _(w):
    sim, ca = w.smsc(), Authority(w)
    front = Relay(w, sim.port, tls=terminator(*ca.certificate("smsc", san="DNS:localhost")))
    gw = w.gateway(links=[smpp(front.port, host="localhost", tls=True, tls_ca=ca.path)])
    gw.wait_link()
    missing = w.path("missing.pem")
    gw.settings["links"][0]["tls_ca"] = missing
    gw.write_conf()
    said = gw.reload(r"event=(reloaded|reload_refused).*")
    check("reload_refused" in said.string and "links.acme: " in said.string and missing in said.string, said.string)
    equal((gw.link()["state"], sim.stats["binds"], sim.stats["unbinds"]), ("up", 1, 0), "state, binds, unbinds")
    status, _, err = run(os.path.join(BUILD, "posthornd"), "-t", "-c", gw.conf_path)
    equal(status, 1, err)
    check(missing in err, err)


@case("a certificate that was renewed is used after a reload, when the link connects the next time")
def _(w):
    sim, ca = w.smsc(), Authority(w)
    old, new = (ca.certificate(n, subject=f"/CN={n}") for n in ("old", "new"))
    front = Relay(w, sim.port, tls=terminator(*ca.certificate("smsc", san="DNS:localhost"), client_ca=ca.path))
    gw = w.gateway(links=[smpp(front.port, host="localhost", tls=True, tls_ca=ca.path, tls_cert=old[0], tls_key=old[1])])
    gw.wait_link()
    for source, target in zip(new, old):
        os.replace(source, target)
    gw.reload()
    equal(len(front.certs), 1, "connections: a reload that changes nothing cuts none")
    sim.close()
    w.remove(sim)
    w.smsc(port=sim.port)
    wait_for(lambda: len(front.certs) > 1 and gw.link()["state"] == "up", 10, "another connection")
    equal(front.certs[-1]["subject"], ((("commonName", "new"),),), "our certificate")


main()
