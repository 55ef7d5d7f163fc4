# SPDX-License-Identifier: Apache-2.0
"""kannel_peer.py -- Kannel (bearerbox and smsbox of Debian's package), for the same faults beside us.

Set as favourably as its manual allows: a window and time-outs like ours, refusals tried again for ever each second,
messages on disk, the callback for each receipt taken by a server of ours."""
import http.client
import http.server
import shutil
import signal
import socket
import threading
import time
import urllib.parse

from harness import *


def installed():
    return bool(shutil.which("bearerbox", path="/usr/sbin:/usr/bin") and shutil.which("smsbox", path="/usr/sbin:/usr/bin"))


class Callbacks:
    """One request for each receipt: message number → types (1 delivered, 2 failed, 16 refused)."""

    def __init__(self, w):
        self.seen = seen = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                q = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
                seen.setdefault(int(q["n"][0]), []).append(int(q["type"][0]))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        w.add(self)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Kannel:
    """One SMPP link with `window` unanswered and so many seconds to wait for an answer."""

    name = "Kannel"

    def __init__(self, w, port, window, response_timeout, enquire_link=30, more="", store="spool"):
        self.w, self.calls = w, Callbacks(w)
        self.admin, self.boxes, self.http = free_port(), free_port(), free_port()
        folder = w.path("spool")
        os.makedirs(folder, exist_ok=True)
        kept = f'store-type = spool\nstore-location = "{folder}"' if store == "spool" else "# messages in memory"  # an empty line would end the group
        self.conf = w.path("kannel.conf")
        with open(self.conf, "w", encoding="ascii") as f:
            f.write(f"""group = core
admin-port = {self.admin}
admin-interface = 127.0.0.1
admin-password = loopback
smsbox-port = {self.boxes}
smsbox-interface = 127.0.0.1
log-level = 1
{kept}
dlr-storage = internal
sms-resend-freq = 1
sms-resend-retry = -1

group = smsc
smsc = smpp
smsc-id = acme
host = 127.0.0.1
port = {port}
smsc-username = posthorn
smsc-password = secret
system-type = ""
transceiver-mode = true
max-pending-submits = {window}
wait-ack = {response_timeout}
wait-ack-expire = 1
reconnect-delay = 1
enquire-link-interval = {enquire_link}
connection-timeout = 5
{more}

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {self.boxes}
sendsms-port = {self.http}
sendsms-interface = 127.0.0.1
log-level = 1

group = sendsms-user
username = shop
password = loopback

group = sms-service
keyword = default
text = "none"
""")
        self.bearer = self._start("bearerbox")
        wait_for(lambda: self._is_open(self.boxes), 10, "bearerbox to listen")
        self.box = self._start("smsbox")
        self._wait_box()

    def _start(self, what):
        p = self.w.program(f"{what}{self.w.number(what)}", shutil.which(what, path="/usr/sbin:/usr/bin"), self.conf)
        p.expected = {0, -signal.SIGTERM, -signal.SIGKILL, 1, 255}
        return p

    def _wait_box(self):
        """A message that comes before it has found bearerbox ends it."""
        self.box.wait_line("Connected to bearerbox")
        wait_for(lambda: self._is_open(self.http), 10, "smsbox to listen")

    @staticmethod
    def _is_open(port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    def post(self, rows):
        """How many it took (202)."""
        taken, c = 0, http.client.HTTPConnection("127.0.0.1", self.http, timeout=30)
        for n, r in enumerate(rows):
            url = f"http://127.0.0.1:{self.calls.port}/?n={n}&type=%d"
            c.request("GET", "/cgi-bin/sendsms?" + urllib.parse.urlencode({
                "username": "shop", "password": "loopback", "to": r["to"], "text": r["text"], "from": "777",
                "dlr-mask": 3, "dlr-url": url}))
            a = c.getresponse()
            a.read()
            taken += a.status == 202
        c.close()
        return taken

    def kill(self):
        """And start again."""
        for p in (self.bearer, self.box):
            p.kill()
            self.w.remove(p)
        self.bearer = self._start("bearerbox")
        wait_for(lambda: self._is_open(self.boxes), 10, "bearerbox to listen")
        self.box = self._start("smsbox")
        self._wait_box()

    def states(self, n):
        """Final states as the client was told."""
        seen = self.calls.seen
        delivered = sum(1 in t for t in seen.values())
        failed = sum(1 not in t and 2 in t for t in seen.values())
        return {"delivered": delivered, "undelivered": failed, "told nothing": n - delivered - failed}

    def over(self, n):
        return len(self.calls.seen) >= n
