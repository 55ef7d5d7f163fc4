# SPDX-License-Identifier: Apache-2.0
"""witnesses.py -- programs of others that read what the gateway writes: the npm package "smpp" as a carrier, and
Wireshark's dissector on a capture of both directions.  Where one is not installed the case is skipped."""
import shutil
import socket
import struct
import subprocess
import threading

from harness import BUILD, SOURCE, check, json, os, patience, skip

__all__ = ["NpmCarrier", "Relay", "one_pdu_each", "pcap", "tshark", "malformed"]

NODE = os.path.join(SOURCE, "tests", "e2e", "node")


# ---- npm smpp -------------------------------------------------------------------------------------------------------

def node_modules():
    """The package, installed once into the build folder from the lock file."""
    if not shutil.which("node") or not shutil.which("npm"):
        skip("node and npm are not installed")
    place = os.path.join(BUILD, "tests", "e2e", "npm")
    os.makedirs(place, exist_ok=True)
    for name, to in (("package.json",) * 2, ("package-lock.json",) * 2, ("npmrc", ".npmrc"), ("smpp_carrier.mjs",) * 2):
        shutil.copyfile(os.path.join(NODE, name), os.path.join(place, to))
    if not os.path.isdir(os.path.join(place, "node_modules", "smpp")):
        r = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=place, capture_output=True,
                           text=True, timeout=120, check=False)
        if r.returncode:
            skip(f"npm ci: {r.stderr.strip().splitlines()[-1:]}")
    return place


class NpmCarrier:
    def __init__(self, w):
        self.heard, self._changed = [], threading.Condition()
        self.p = subprocess.Popen(["node", os.path.join(node_modules(), "smpp_carrier.mjs")], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        w.add(self)
        self.port = json.loads(self.p.stdout.readline())["port"]
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.p.stdout:
            self.heard.append(json.loads(line))

    def of(self, kind):
        return [h for h in self.heard if h["heard"] == kind]

    def tell(self, line):
        self.p.stdin.write(line + "\n")
        self.p.stdin.flush()

    def close(self):
        self.p.terminate()
        self.p.wait(patience(10))


# ---- Wireshark --------------------------------------------------------------------------------------------------------

class Relay:
    """Between the gateway and the carrier; keeps every octet with its direction, in the order in which it came."""

    def __init__(self, w, port):
        self.to, self.chunks, self.lock = port, [], threading.Lock()
        self.s = socket.create_server(("127.0.0.1", 0))
        self.port, self.n, self.open = self.s.getsockname()[1], 0, []
        w.add(self)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.s.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.to))
            self.n += 1
            self.open += [near, far]
            for a, b, ours in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._pump, args=(a, b, self.n, ours), daemon=True).start()

    def _pump(self, a, b, connection, ours):
        try:
            while data := a.recv(32768):
                with self.lock:
                    self.chunks.append((connection, ours, data))
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.s.close()
        for s in self.open:
            s.close()


SMPP_PORT = 2775


def one_pdu_each(chunks):
    """The same octets with a PDU to a chunk: the dissector's fields of one frame are then those of one PDU."""
    rest = {}
    for connection, ours, data in chunks:
        data = rest.pop((connection, ours), b"") + data
        while len(data) >= 4 and len(data) >= (n := int.from_bytes(data[:4], "big")) > 0:
            yield connection, ours, data[:n]
            data = data[n:]
        rest[connection, ours] = data


def pcap(path, chunks):
    """A capture of raw IPv4 (link type 101) with one TCP connection for each of the relay's."""
    seq = {}
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 101))
        for at, (connection, ours, data) in enumerate(chunks):
            client = 40000 + connection
            ports = (client, SMPP_PORT) if ours else (SMPP_PORT, client)
            mine, other = seq.setdefault((connection, ours), 1), seq.setdefault((connection, not ours), 1)
            seq[connection, ours] += len(data)
            tcp = struct.pack("!HHIIBBHHH", *ports, mine, other, 5 << 4, 0x18, 65535, 0, 0) + data
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), at & 0xffff, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\2")
            f.write(struct.pack("<IIII", at // 1000000, at % 1000000, len(ip + tcp), len(ip + tcp)) + ip + tcp)


def tshark(path, *args):
    if not shutil.which("tshark"):
        skip("tshark is not installed")
    r = subprocess.run(["tshark", "-n", "-r", path, "-d", f"tcp.port=={SMPP_PORT},smpp", *args], capture_output=True,
                       timeout=patience(60), check=False)
    check(r.returncode == 0, f"tshark: {r.stderr.decode()}")
    # It shows each half of a surrogate pair as three octets.
    text = r.stdout.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16")
    return text.splitlines()


def malformed(path):
    return tshark(path, "-Y", "_ws.malformed || _ws.expert.severity == 8388608", "-T", "fields", "-e", "frame.number",
                  "-e", "_ws.expert.message")
