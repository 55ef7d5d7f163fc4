#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0510: full disks and full queues: refused with a reason and a time, nothing accepted is lost, and it ends by itself."""
from faults import *
from harness import *


@case("free space below disk_reserve_mb: 503 disk_full, reads go on, and it ends when the reserve is met")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim)])
    api = gw.api()
    before, after = rows(20), rows(20)
    ids = post(api, before)
    wait_ended(gw, 20)
    gw.settings["queue"]["disk_reserve_mb"] = 10000000
    gw.write_conf()
    gw.reload()
    a = api.post("/v1/messages", rows(1)[0]).expect(503, "disk_full")
    check(int(a.headers["Retry-After"]) > 0, "Retry-After")
    api.post("/v1/messages", rows(3)).expect(503, "disk_full")
    api.stream(rows(3)).expect(503, "disk_full")
    ready = gw.admin().get("/readyz").expect(503).json
    check("disk_full" in ready["reasons"], f"readyz: {ready}")
    equal(api.message(ids[0])["state"], "delivered", "reads go on")
    gw.admin().get("/healthz").expect(200)
    gw.settings["queue"]["disk_reserve_mb"] = 1
    gw.write_conf()
    gw.reload()
    post(api, after)
    wait_ended(gw, 40)
    once_each(before + after, sim)
    equal(sum(taken(sim).values()), 40, "what was refused never went")


@case("a disk that is really full under load: 503s, then 202s again; every 202 is delivered, nothing refused went")
def _(w):
    sim = w.smsc()
    disk = Disk(w, 24)
    gw = w.gateway({"data_dir": os.path.join(disk.path, "data")}, links=[smpp(sim)])
    gw.wait_link()
    api = gw.api()
    taken_rows, refused_rows, codes = [], [], {}

    def post_until(done, what):
        def step():
            some = rows(20)
            a = api.post("/v1/messages", some)
            (taken_rows if a.status == 202 else refused_rows).extend(some)
            codes[a.status, a.code] = codes.get((a.status, a.code), 0) + 1
            check(a.status in (202, 503), a)
            return done(a)
        wait_for(step, 30, what, every=0)

    post_until(lambda a: len(taken_rows) >= 1000, "1,000 accepted")
    disk.fill()
    post_until(lambda a: len(refused_rows) >= 1000, "the disk to be full")
    n = len(taken_rows)
    disk.free()
    post_until(lambda a: len(taken_rows) >= n + 1000, "it to be accepted again, by itself")
    print(f"# answers: {codes}")
    check((503, "disk_full") in codes, f"the refusals name the disk: {codes}")
    wait_ended(gw, len(taken_rows), seconds=30)
    seen = taken(sim)
    equal([r["to"] for r in taken_rows if not seen[r["to"]]], [], "lost")
    equal([r["to"] for r in refused_rows if seen[r["to"]]], [], "refused, and sent all the same")
    equal([to for to, k in seen.items() if k > 1], [], "doubled")


@case("an idle gateway finds out by itself that its disk has room again, within seconds")
def _(w):
    sim = w.smsc()
    disk = Disk(w, 24)
    gw = w.gateway({"data_dir": os.path.join(disk.path, "data")}, links=[smpp(sim)])
    gw.wait_link()
    api = gw.api()
    post(api, rows(20))
    wait_ended(gw, 20)
    disk.fill()
    wait_for(lambda: api.post("/v1/messages", rows(50)).code == "disk_full", 20, "the disk to be full")
    disk.free()
    # Nobody posts meanwhile: a post that is taken would be how it finds out.
    wait_for(lambda: gw.admin().get("/readyz").status == 200, 15, "it to be ready")
    post(api, rows(20))


@case("kill -9 while the disk is full: after the restart all that was accepted is delivered")
def _(w):
    sim = w.smsc(script="slow 5ms\n")
    disk = Disk(w, 24)
    gw = w.gateway({"data_dir": os.path.join(disk.path, "data")}, links=[smpp(sim, tps=300.0)])
    gw.wait_link()
    some = rows(1000)
    post(gw.api(), some)
    disk.fill()
    wait_for(lambda: gw.api().post("/v1/messages", rows(50)).status == 503, 20, "the disk to be full")
    gw.kill()
    disk.free()
    gw.restart(kill=True)
    wait_for(lambda: {m["state"] for m in gw.api().all_messages(limit=1000)} == {"delivered"}, 30, "all delivered", every=0.2)
    seen = taken(sim)
    equal([r["to"] for r in some if not seen[r["to"]]], [], "lost")


@case("queue.max_waiting: 503 queue_full with Retry-After, and it ends when some have gone")
def _(w):
    port = free_port()
    gw = w.gateway({"queue": {"max_waiting": 100}}, links=[smpp(port)])
    api = gw.api()
    some = rows(100)
    post(api, some)
    a = api.post("/v1/messages", rows(1)[0]).expect(503, "queue_full")
    check(int(a.headers["Retry-After"]) > 0, "Retry-After")
    check("queue_full" in gw.admin().get("/readyz").expect(503).json["reasons"], "readyz")
    sim = w.smsc(port=port)
    wait_ended(gw, 100)
    more = rows(100)
    post(api, more)
    wait_ended(gw, 200)
    once_each(some + more, sim)


@case("a client's max_waiting: 429 too_many_waiting for that client only")
def _(w):
    port = free_port()
    gw = w.gateway(links=[smpp(port)], client={"max_waiting": 10})
    gw.add_client("other")
    gw.write_conf()
    gw.reload()
    some = rows(10)
    post(gw.api(), some)
    a = gw.api().post("/v1/messages", rows(1)[0]).expect(429, "too_many_waiting")
    check(int(a.headers["Retry-After"]) > 0, "Retry-After")
    other = rows(50)
    post(gw.api("other"), other)
    sim = w.smsc(port=port)
    wait_ended(gw, 60)
    once_each(some + other, sim)
    gw.api().post("/v1/messages", rows(1)[0]).expect(202)


@case("a client's limit survives a restart: what waits is counted again")
def _(w):
    gw = w.gateway(links=[smpp(free_port())], client={"max_waiting": 10})
    post(gw.api(), rows(10))
    gw.restart()
    gw.wait_line(r"event=recovered waiting=10 ")
    equal(gw.metrics()["posthorn_queue_waiting"], 10, "waiting")
    gw.api().post("/v1/messages", rows(1)[0]).expect(429, "too_many_waiting")


main()
