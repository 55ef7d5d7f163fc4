# SPDX-License-Identifier: Apache-2.0
"""bench_fair.py -- who waits for whom on the loop: links, webhooks and answers to carriers beside clients that post as fast
as they are answered.

Everything is measured twice in one run of one gateway, first alone and then beside four connections that post arrays of
1,000; what counts is how the second compares with the first.  The programs share the cores of the machine, so a part
of what is lost is theirs: the load generator takes a core of its own when it can."""
import http.server
import json
import os
import queue
import signal
import socket
import struct
import threading
import time

from bench_run import OTHER_KEY, free_port, until
from bench_table import row

CONNECTIONS, BATCH = 4, 1000
POST = {"class": "marketing"}
ENQUIRE_LINK, DELIVER_SM, RESP = 0x15, 5, 0x80000000


def flood(b, g, count=10 ** 8, **more):
    return b.load(to=g.port, connections=CONNECTIONS, batch=BATCH, count=count, first=b.numbers(50000000), timeout=600, **POST, **more)


def sent(b, g):
    return b.metric(g, 'posthorn_link_sent_total{link="sim"}') or 0


def rate_of(b, g, seconds):
    """Parts per second that left, between two looks."""
    before, begin = sent(b, g), time.monotonic()
    time.sleep(seconds)  # a measurement of time
    return (sent(b, g) - before) / (time.monotonic() - begin)


# ---- the rate of a link -----------------------------------------------------------------------------------------------

def sending(b, scale):
    """A backlog goes out, at first alone."""
    seconds = 1 if scale > 1 else 4
    for what, rows, script, named, goal in (
            ("as fast as it goes", 600000, (), {}, ">= 0.33"),
            ("a carrier of 10 ms, window 100", 100000, ("--line", "slow 10ms"), {}, ">= 0.7"),
            ("2,000/s", 60000, (), {"tps": 2000}, ">= 0.95")):
        port = free_port()
        g = b.gateway(port, quick=True, **named)
        flood(b, g, rows).result()
        c = b.carrier(*script, port=port)
        until("the link to be up", lambda: sent(b, g) > 0)
        alone = rate_of(b, g, seconds)
        p = flood(b, g)
        before, begin = b.metric(g, "posthorn_queue_accepted_total"), time.monotonic()
        beside = rate_of(b, g, seconds)
        accepted = (b.metric(g, "posthorn_queue_accepted_total") - before) / (time.monotonic() - begin)
        row(f"a link, {what}: alone", alone, "msg/s")
        row("   while arrays are posted", beside, "msg/s", alone, "alone", more={"accepted_per_s": accepted})
        row("   share that is left to it", beside / alone, "", goal=goal)
        for x in (p, g, c):
            x.stop(signal.SIGKILL)


# ---- answers that somebody waits for ------------------------------------------------------------------------------------

class Hook:
    """A webhook that says when it heard of what."""

    def __init__(self):
        self.heard = queue.Queue()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                at = time.monotonic()
                for e in json.loads(self.rfile.read(int(self.headers["Content-Length"])))["events"]:
                    if e["type"] == "message.inbound":
                        hook.heard.put((e["text"], at))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Asker:
    """A carrier with one bind that sends inbound messages and enquire_link at a steady rate and times the answers."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port, self.lock = self.server.getsockname()[1], threading.Lock()
        self.asked, self.took, self.given = {}, {ENQUIRE_LINK: [], DELIVER_SM: []}, {}
        self.bound, self.s = threading.Event(), None
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        self.s, _ = self.server.accept()
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        f, sequence = self.s.makefile("rb"), 0
        try:
            while len(head := f.read(16)) == 16:
                n, command, _, sequence = struct.unpack(">IIII", head)
                f.read(n - 16)
                at = time.monotonic()
                if command & RESP:
                    asked, since = self.asked.pop(sequence)
                    self.took[asked].append((at - since) * 1000)
                elif command in (1, 2, 9):
                    self._send(command | RESP, sequence, b"smsc\0")
                    self.bound.set()
                else:
                    self._send(command | RESP, sequence)
        except OSError:
            pass

    def _send(self, command, sequence, body=b""):
        with self.lock:
            self.s.sendall(struct.pack(">IIII", 16 + len(body), command, 0, sequence) + body)

    def ask(self, command, sequence, body=b""):
        self.asked[sequence] = command, time.monotonic()
        self._send(command, sequence, body)

    def run(self, seconds, first, per_second=50):
        """An open load: what is late does not hold back the next."""
        begin = time.monotonic()
        for i in range(int(per_second * seconds)):
            time.sleep(max(0, begin + i / per_second - time.monotonic()))
            text = f"inbound {first + i}".encode()
            self.given[text.decode()] = time.monotonic()
            self.ask(DELIVER_SM, 2 * (first + i) + 2, b"\0\1\1" + b"12025550177\0\0\0" + b"5678\0" + bytes(9) + bytes([len(text)]) + text)
            self.ask(ENQUIRE_LINK, 2 * (first + i) + 3)

    def close(self):
        self.server.close()
        if self.s:
            self.s.close()


def post_singles(port, key, seconds, took):
    """One client that posts a message every 50 ms."""
    body = b'{"to":"+12025550142","text":"one among many"}'
    s = socket.create_connection(("127.0.0.1", port), 30)
    begin = time.monotonic()
    for i in range(int(20 * seconds)):
        time.sleep(max(0, begin + i / 20 - time.monotonic()))
        at = time.monotonic()
        s.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + key.encode() +
                  b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        if not s.recv(65536).startswith(b"HTTP/1.1 202"):
            raise RuntimeError("a post was refused")
        took.append((time.monotonic() - at) * 1000)
    s.close()


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p))]


WAITS = (("deliver_sm to deliver_sm_resp", "deliver", 50), ("deliver_sm to its event at the webhook", "hook", 100),
         ("enquire_link to enquire_link_resp", "enquire", 50), ("a post of one message to its 202", "post", 50))


def ask_for(b, g, asker, hook, seconds, first):
    """One round: what each took, in ms."""
    took = {"post": []}
    poster = threading.Thread(target=post_singles, args=(g.port, OTHER_KEY, seconds, took["post"]), daemon=True)
    poster.start()
    asker.took = {ENQUIRE_LINK: [], DELIVER_SM: []}
    asker.given = {}
    asker.run(seconds, first)
    poster.join()
    until("every inbound message to be answered", lambda: len(asker.took[DELIVER_SM]) == len(asker.given), 60)
    until("every enquire_link to be answered", lambda: len(asker.took[ENQUIRE_LINK]) == len(asker.given), 60)
    heard = {}
    end = time.monotonic() + 60
    while len(heard) < len(asker.given) and time.monotonic() < end:
        text, at = hook.heard.get(timeout=60)
        heard.setdefault(text, at)
    took.update(deliver=asker.took[DELIVER_SM], enquire=asker.took[ENQUIRE_LINK],
                hook=[(at - asker.given[text]) * 1000 for text, at in heard.items()])
    return took


def waits(b, scale):
    """Another link, webhook and client, beside a link that sends and clients that post."""
    seconds = 2 if scale > 1 else 8
    hook, asker, c = Hook(), Asker(), b.carrier()
    link = """{{ name = "{}"; driver = "smpp"; host = "127.0.0.1"; port = {}; system_id = "b"; password = "b"; window = 100; }}"""
    g = b.gateway(links=f"{link.format('sim', c.port)}, {link.format('asker', asker.port)}",
                  other=f'webhook: {{ url = "http://127.0.0.1:{hook.port}/"; secret = "s"; batch = 100; }};')
    asker.bound.wait(20)
    b.up(g)
    alone = ask_for(b, g, asker, hook, seconds, 0)
    p = flood(b, g)
    until("arrays to be taken", lambda: b.metric(g, "posthorn_queue_accepted_total") > 20000)
    beside = ask_for(b, g, asker, hook, seconds, 100000)
    for what, name, goal in WAITS:
        row(f"{what}, 99 %, while arrays are posted", percentile(beside[name], 0.99), "ms", percentile(alone[name], 0.99), "alone",
            goal=f"<= {goal}", more={"p50_ms": percentile(beside[name], 0.5), "p99_ms": percentile(beside[name], 0.99)})
    for x in (p, g, c):
        x.stop(signal.SIGKILL)
    hook.close()
    asker.close()


def fair(b, scale):
    sending(b, scale)
    waits(b, scale)
