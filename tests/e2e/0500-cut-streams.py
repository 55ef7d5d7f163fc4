#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0500: a stream that is cut goes on where it stopped, under its idempotency key: no row lost, none twice."""
import socket

from faults import *
from harness import *


class Stream:
    """A stream of lines on a socket of its own, to be cut anywhere."""

    def __init__(self, gw, key):
        self.s = socket.create_connection(("127.0.0.1", gw.port), patience(10))
        self.s.sendall((f"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {gw.keys['shop']}\r\n"
                        f"Content-Type: application/x-ndjson\r\nIdempotency-Key: {key}\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n").encode())

    def send(self, some):
        data = json_lines(some)
        self.s.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def cut(self, reset):
        if reset:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.s.close()


def progress(gw, key):
    a = gw.api().get(f"/v1/streams/{key}")
    return a.json if a.status == 200 else {"rows": 0}


def cut_and_resume(name, reset, restart):
    @case(f"a stream of 5,000 cut in the middle by {name}: posted again it goes on")
    def _(w):
        sim = w.smsc()
        gw = w.gateway(links=[smpp(sim)])
        gw.wait_link()
        some = rows(5000)
        s = Stream(gw, "night")
        for at in range(0, 2500, 100):
            s.send(some[at:at + 100])
        wait_for(lambda: progress(gw, "night")["rows"] >= 1000, 10, "two commits", every=0.05)
        s.cut(reset)
        if restart:
            gw.restart(kill=True)
        done = progress(gw, "night")["rows"]
        check(1000 <= done < 5000, f"{done} rows done")
        answer = wait_for(lambda: (lambda a: a if a.status != 409 else None)(gw.api().stream(some, key="night")), 10,
                          "the first request to be given up")
        equal((answer.expect(202).json["accepted"], answer.json["rejected"]), (5000, 0), "answer")
        wait_taken(some, sim)
        wait_for(lambda: gw.metrics()["posthorn_queue_waiting"] == 0, 20, "the queue to be empty")
        seen = taken(sim)
        equal([r["to"] for r in some if not seen[r["to"]]], [], "lost")
        doubled = [to for to, n in seen.items() if n > 1]
        check(len(doubled) <= (50 if restart else 0), f"{len(doubled)} doubled")
        # One message for each row, whatever was sent twice.
        recipients = [m["to"] for m in gw.api().all_messages(limit=1000)]
        equal((len(recipients), len(set(recipients))), (5000, 5000), "messages")
        again = gw.api().stream(some, key="night").expect(202)
        equal(again.json["accepted"], 5000, "the same answer again")
        equal(len(gw.api().all_messages(limit=1000)), 5000, "messages")


cut_and_resume("close", False, False)
cut_and_resume("reset", True, False)
cut_and_resume("kill -9 of the gateway", False, True)


@case("the same key with a changed row is a conflict, also in what was done before the cut")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim)])
    some = rows(3000)
    s = Stream(gw, "night")
    s.send(some[:2500])
    wait_for(lambda: progress(gw, "night")["rows"] >= 1000, 10, "a commit", every=0.05)
    s.cut(False)
    changed = [dict(r) for r in some]
    changed[5]["text"] = "something else"
    answer = wait_for(lambda: (lambda a: a if a.code != "idempotency_in_progress" else None)(
        gw.api().stream(changed, key="night")), 10, "the first request to be given up")
    answer.expect(409, "idempotency_conflict")
    gw.api().stream(some, key="night").expect(202)
    equal(len(gw.api().all_messages(limit=1000)), 3000, "messages")


@case("two streams with one key at a time: the second is told so")
def _(w):
    gw = w.gateway()
    s = Stream(gw, "night")
    s.send(rows(10))
    gw_answer = wait_for(lambda: (lambda a: a if a.status == 409 else None)(gw.api().stream(rows(1), key="night")), 5, "409")
    gw_answer.expect(409, "idempotency_in_progress")
    s.cut(False)


main()
