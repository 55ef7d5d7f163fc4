#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small webhook endpoint: checks the signature, counts the events, forgets repeats.

    webhook.py --secret SECRET [--port PORT]

Events come at least once, so what is done for an event must be done once for its "event" id.  Any 2xx acknowledges the
whole batch; an exception here (500) lets the gateway send it again later.  GET / shows the counts as JSON.
"""
import argparse
import collections
import hashlib
import hmac
import http.server
import json
import re
import sys
import threading
import time

MAX_AGE_S = 300    # older signatures may be replays of somebody who listened
REMEMBERED = 100000  # event ids; a real endpoint keeps them in its database


class Endpoint(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    secret = b""
    lock = threading.Lock()
    seen = collections.OrderedDict()
    counts = collections.Counter()

    def signature_is_right(self, body):
        m = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", self.headers.get("Posthorn-Signature", ""))
        if not m or abs(time.time() - int(m.group(1))) > MAX_AGE_S:
            return False
        right = hmac.new(self.secret, m.group(1).encode() + b"." + body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(right, m.group(2))

    def take(self, event):
        if event["event"] in self.seen:
            self.counts["repeats"] += 1
            return
        self.seen[event["event"]] = True
        if len(self.seen) > REMEMBERED:
            self.seen.popitem(last=False)
        self.counts["events"] += 1
        self.counts["inbound" if event["type"] == "message.inbound" else event["state"]] += 1

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.signature_is_right(body):
            with self.lock:
                self.counts["wrong_signatures"] += 1
            self.answer(403)
            return
        with self.lock:
            self.counts["requests"] += 1
            for event in json.loads(body)["events"]:
                self.take(event)
            print(json.dumps(self.counts), flush=True)
        self.answer(204)

    def do_GET(self):
        with self.lock:
            text = json.dumps(self.counts).encode()
        self.answer(200, text)

    def answer(self, status, body=b""):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    a = argparse.ArgumentParser(description="count the events that a Posthorn gateway posts")
    a.add_argument("--secret", required=True, help="the client's webhook.secret")
    a.add_argument("--port", type=int, default=0, help="default: any free one")
    o = a.parse_args()
    Endpoint.secret = o.secret.encode()
    server = Server(("127.0.0.1", o.port), Endpoint)
    print(f"listening 127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
