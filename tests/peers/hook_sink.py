#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hook_sink.py -- a webhook endpoint that misbehaves on request, and remembers everything.

    hook_sink.py --record FILE [--control FILE] [--secret SECRET] [--port N] [--count-only]

Prints "listening PORT" when it is ready; ends when its standard input does, so that it never outlives a test.

How it behaves is said by the query of the URL, and by the control file (a JSON object, read anew for every
request), which wins:

    status=500        answer with this status: always, or with `times` the first so many requests of this path
    times=3
    every=3           … or every third
    retry_after=2     with a Retry-After header
    refuse=TEXT       400 when any event of the batch holds TEXT in its text, ref or id
    slow_ms=250       wait before the answer
    close=1           (with `times`) half an answer, then close
    endless=1         an answer whose body never ends
    location=URL      with a Location header

Every request becomes one line of JSON in the record: path, status, headers, signature_ok (checked here with
Python's own hmac; null when there was none), t (seconds), peer (port of the connection) and the events.
"""
import argparse
import hashlib
import hmac
import http.server
import json
import socket
import sys
import threading
import time
import urllib.parse


class Sink:
    def __init__(self, args):
        self.args = args
        self.lock = threading.Lock()
        self.seen = {}
        self.record = open(args.record, "a", buffering=1, encoding="utf-8")

    def rules(self, url):
        """What the query says, and over it what the control file says."""
        rules = dict(urllib.parse.parse_qsl(url.query))
        if self.args.control:
            try:
                with open(self.args.control, encoding="utf-8") as f:
                    rules.update(json.load(f))
            except FileNotFoundError:
                pass
        return rules

    def still(self, path, rules):
        """Whether rules that `times` limits apply to this request."""
        with self.lock:
            n = self.seen[path] = self.seen.get(path, 0) + 1
        return n <= int(rules.get("times", n)) and n % int(rules.get("every", 1)) == 0

    def signed(self, headers, body):
        given = headers.get("Posthorn-Signature")
        if given is None or not self.args.secret:
            return None
        fields = dict(f.split("=", 1) for f in given.split(","))
        want = hmac.new(self.args.secret.encode(), fields["t"].encode() + b"." + body, hashlib.sha256)
        return hmac.compare_digest(want.hexdigest(), fields["v1"]) and abs(time.time() - int(fields["t"])) < 60

    def write(self, line):
        with self.lock:
            self.record.write(json.dumps(line) + "\n")


def refuses(events, text):
    return any(text in (e.get("text", ""), e.get("ref", ""), e.get("id", "")) for e in events)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        sink = self.server.sink
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if sink.args.count_only:
            sink.write({"n": body.count(b'{"event":')})
            self.answer(200, {})
            return
        rules = sink.rules(url)
        events = json.loads(body)["events"]
        applies = sink.still(url.path, rules)
        status = int(rules.get("status", 200)) if applies else 200
        if "refuse" in rules and refuses(events, rules["refuse"]):
            status = 400
        if rules.get("close") and applies:
            status = 0
        sink.write({"path": url.path, "status": status, "t": time.monotonic(),
                    "peer": self.client_address[1], "headers": dict(self.headers),
                    "signature_ok": sink.signed(self.headers, body), "events": events})
        if "slow_ms" in rules:
            time.sleep(int(rules["slow_ms"]) / 1000)
        if status == 0:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Len")
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif rules.get("endless"):
            self.endless(status)
        else:
            self.answer(status, rules)

    def answer(self, status, rules):
        self.send_response(status)
        if "retry_after" in rules and status != 200:
            self.send_header("Retry-After", str(rules["retry_after"]))
        if "location" in rules:
            self.send_header("Location", rules["location"])
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def endless(self, status):
        self.send_response(status)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * 4096)
        except OSError:
            self.close_connection = True

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a peer that left is no news
            super().handle_error(request, client_address)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--record", required=True)
    p.add_argument("--control")
    p.add_argument("--secret")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--count-only", action="store_true", help="record numbers of events only: for benchmarks")
    args = p.parse_args()
    server = Server(("127.0.0.1", args.port), Handler)
    server.sink = Sink(args)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"listening {server.server_address[1]}\n")  # in one piece
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
