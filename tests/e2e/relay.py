# SPDX-License-Identifier: Apache-2.0
"""relay.py -- a wire between the gateway and a carrier that can be made bad: octets one by one, or many PDUs in one piece,
or nothing at all while both ends think that the other lives; and TLS in front of a carrier that speaks none."""
import select
import socket
import ssl
import subprocess
import threading
import time

from harness import *


class Relay:
    """mode: "plain", "fragment" (each octet by itself), "coalesce" (what came within 50 ms in one piece), "dead" (takes
    the connection and never says a word).  `tls`: an ssl.SSLContext that the gateway's side speaks."""

    def __init__(self, w, target, mode="plain", tls=None, family=socket.AF_INET):
        self.target, self.mode, self.tls = target, mode, tls
        self.stalled, self.n, self.faults, self.names, self.peers = False, 0, [], [], []
        self.certs = []
        if tls:
            tls.sni_callback = lambda sock, name, ctx: self.names.append(name)
        self._listener = socket.create_server(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family)
        self.port = self._listener.getsockname()[1]
        self._open, self._closed = [], False
        w.add(self)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, peer = self._listener.accept()
            except OSError:
                return
            if self._closed:
                near.close()
                return
            self.n += 1
            self.peers.append(peer[0])
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        self._open.append(near)
        try:
            if self.mode == "dead":
                time.sleep(600)
                return
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                near.settimeout(10)
                near = self.tls.wrap_socket(near, server_side=True)
                self._open.append(near)
                self.certs.append(near.getpeercert())
                near.settimeout(None)
            far = socket.create_connection(("127.0.0.1", self.target))
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(far)
            threading.Thread(target=self._pump, args=(near, far), daemon=True).start()
            self._pump(far, near)
        except (OSError, ssl.SSLError) as e:
            self.faults.append(str(e))
        finally:
            near.close()

    def _collect(self, source):
        data = source.recv(65536)
        if self.mode != "coalesce" or not data:
            return data
        end = time.monotonic() + 0.05
        while (left := end - time.monotonic()) > 0:
            if select.select([source], [], [], left)[0]:
                more = source.recv(65536)
                if not more:
                    break
                data += more
        return data

    def _pump(self, source, sink):
        try:
            while data := self._collect(source):
                while self.stalled:
                    time.sleep(0.05)
                if self.mode == "fragment":
                    for octet in data:
                        sink.send(bytes([octet]))
                else:
                    sink.sendall(data)
        except (OSError, ssl.SSLError):
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self._closed = True
        self.stalled = False
        self._listener.close()
        for s in self._open:
            s.close()


class Authority:
    """Certificates by openssl, in a folder of the world."""

    def __init__(self, w, name="ca"):
        self.w, self.name = w, name
        self.path = w.path(f"{name}.pem")
        self._key = w.path(f"{name}.key")
        _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                 "-keyout", self._key, "-out", self.path)

    def certificate(self, name, subject="/CN=x", san="DNS:smsc.test", days=30, expired=False):
        """(certificate, key)."""
        cert, key, req, ext = (self.w.path(f"{name}.{x}") for x in ("pem", "key", "req", "ext"))
        with open(ext, "w", encoding="ascii") as f:
            f.write(f"subjectAltName={san}\n")
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", key, "-out", req)
        dates = ["-days", "-1" if expired else str(days)]
        _openssl("x509", "-req", "-in", req, "-CA", self.path, "-CAkey", self._key, "-CAcreateserial", "-extfile", ext,
                 "-out", cert, *dates)
        return cert, key


def _openssl(*argv):
    try:
        r = subprocess.run(["openssl", *argv], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        skip("openssl is not installed")
    if r.returncode:
        skip(f"openssl {argv[0]}: {r.stderr.strip()[-200:]}")


def terminator(cert, key, client_ca=None):
    """TLS as a carrier would speak it."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(cert, key)
    if client_ca:
        ctx.load_verify_locations(client_ca)
        ctx.verify_mode = ssl.CERT_REQUIRED
    return ctx
