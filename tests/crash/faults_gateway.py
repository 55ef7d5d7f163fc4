#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""faults_gateway.py -- the gateway on a disk that fails for a while: it refuses, says when to come again, and comes back.

posthornd-points with its database on the VFS of vfs_shim.c (see points.c); no root and no small file system are needed.
"""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.dont_write_bytecode = True
from carrier import *  # noqa: E402
from faults import *  # noqa: E402
from harness import *  # noqa: E402

PROGRAM = os.path.join(BUILD, "tests", "crash", "posthornd-points")


def faulty(w):
    sim, carrier = w.smsc(), Carrier(w)
    gw = w.gateway({"routes": [{"links": ["acme"]}]}, program=PROGRAM,
                   links=[smpp(sim), smpp(carrier.port, name="mo")])
    gw.stop()
    open(os.path.join(gw.settings["data_dir"], "posthorn.db.faulty"), "w", encoding="utf-8").close()
    gw.restart()
    gw.wait_link()
    carrier.wait_up()
    return gw, sim, carrier


def disk(gw, order):
    with open(os.path.join(gw.settings["data_dir"], "posthorn.db.point"), "w", encoding="utf-8") as f:
        f.write(f"fail {order}\n")
    gw.signal(signal.SIGUSR2)


def post_until(api, some, wanted, taken_rows, refused):
    def step():
        part = some(10)
        a = api.post("/v1/messages", part)
        (taken_rows if a.status == 202 else refused).extend(part)
        if a.status != 202:
            check(a.status == 503 and int(a.headers["Retry-After"]) > 0, f"how it refuses: {a}")
        return a if a.status == wanted else None
    return wait_for(step, 20, f"{wanted}", every=0.01)


for order, code in (("write short", "disk_full"), ("sync io", "store_failed")):
    @case(f"{order}: 503 with Retry-After, nothing is acknowledged to carriers; mended, it goes on by itself")
    def _(w, order=order, code=code):
        gw, sim, carrier = faulty(w)
        api, taken_rows, refused = gw.api(), [], []
        for _ in range(5):
            post_until(api, rows, 202, taken_rows, refused)
        disk(gw, order)
        a = post_until(api, rows, 503, taken_rows, refused)
        equal(a.code, code, "the reason")
        item = carrier.give(b"STOP", esm=0)
        check(item.wait(10) != OK, "an inbound message was acknowledged that the disk has not")
        check(gw.alive, "it lives")
        disk(gw, order.split()[0] + " none")
        for _ in range(5):
            post_until(api, rows, 202, taken_rows, refused)
        wait_for(lambda: carrier.up and carrier.give(b"STOP", esm=0).wait(10) == OK, 10, "inbound messages to be taken again")
        wait_ended(gw, len(taken_rows), seconds=30)
        seen = taken(sim)
        equal([r["to"] for r in taken_rows if seen[r["to"]] != 1], [], "lost or doubled")
        equal([r["to"] for r in refused if seen[r["to"]]], [], "refused, and sent all the same")
        gw.stop()
        status, out, err = run(os.path.join(BUILD, "posthorn"), "check", "--data-dir", gw.settings["data_dir"])
        equal(status, 0, f"posthorn check: {out}{err}")

@case("a database that cannot be copied to: the WAL grows, nothing is refused, and both ends of it are told once")
def _(w):
    gw, sim, carrier = faulty(w)
    api, n = gw.api(), 0
    disk(gw, "copy io")

    def until(event):
        nonlocal n
        while not gw.find(rf"level=warn\w* event={event}\b"):
            api.post("/v1/messages", rows(1000)).expect(202)
            n += 1000
            check(n <= 200000, f"no {event} after {n} messages")
    until("checkpoint_failing")
    for _ in range(5):  # comes again, is not told again
        api.post("/v1/messages", rows(1000)).expect(202)
        n += 1000
    wait_for(lambda: gw.metrics()["posthorn_store_wal_octets"] > 4000 * 4096, 10, "the WAL to keep what is not copied")
    disk(gw, "copy none")
    until("checkpoint_works")
    wait_ended(gw, n, seconds=60)
    equal([sum(f"event=checkpoint_{x}" in line for line in gw.lines) for x in ("failing", "works")], [1, 1], "how often told")


main()
