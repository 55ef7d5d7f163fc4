# SPDX-License-Identifier: Apache-2.0
"""modems.py -- what the scripts about modems (09..) share: the simulator with its control port, and a link to it."""
import json
import os
import socket
import subprocess
import threading

from faults import *
from harness import *
from harness import BUILD, SOURCE, Program

SCRIPTS = os.path.join(SOURCE, "tests", "peers", "modem-scripts")


class Modems(Program):
    """posthorn-modem-sim.  ports["sim0"] is where the first answers; do() takes a line of its script, stats() what it
    counted."""

    def __init__(self, world, *lines, profile="generic", n=1, scripts=(), args=()):
        number = world.number("modems")
        self.dir = world.path(f"ports{number}")
        os.mkdir(self.dir)
        self.audit = world.path(f"modems{number}.audit")
        argv = [os.path.join(BUILD, "posthorn-modem-sim"), "--dir", self.dir, "--control", "127.0.0.1:0", "--log",
                self.audit, "--profile", profile, "--modems", str(n), *args]
        for name in scripts:
            argv += ["--script", os.path.join(SCRIPTS, name + ".modem")]
        for line in lines:
            argv += ["--line", line]
        super().__init__(world, f"modems{number}", argv, stdout=subprocess.PIPE)
        self.ports = {}
        self._control = socket.create_connection(("127.0.0.1", self._begin()), patience(10))
        self._answers = self._control.makefile("r", encoding="utf-8")
        self._lock = threading.Lock()
        self.expected.add(0)

    def _begin(self):
        control = 0
        while True:
            words = self.p.stdout.readline().split()
            if not words:
                raise AssertionError(f"{self.name} did not start; {self.lines[-3:]}")
            if words[0] == "port":
                self.ports[words[1]] = words[-1]
            elif words[0] == "control":
                control = int(words[1].rsplit(":", 1)[1])
            elif words == ["ready"]:
                return control

    def do(self, line):
        with self._lock:
            self._control.sendall(line.encode() + b"\n")
            answer = self._answers.readline().rstrip("\n")
        if not answer or answer.startswith("err"):
            raise AssertionError(f"{self.name}: {line}: {answer or 'gone'}")
        return answer

    @property
    def stats(self):
        return json.loads(self.do("stats"))

    def events(self, kind):
        with open(self.audit, encoding="utf-8") as f:
            rows = [json.loads(line) for line in f if line.endswith("\n")]
        return [r for r in rows if r["event"] == kind]

    def submits(self):
        """What the network took, in order; `to` without its plus, as faults.taken() wants it."""
        return [{**r, "to": r["to"].lstrip("+")} for r in self.events("submit")]

    def close(self):
        self._answers.close()
        self._control.close()
        if self.p.stdout and self.alive:
            threading.Thread(target=self.p.stdout.read, daemon=True).start()
        self.stop()


def modem(sim, name="sim1", port="sim0", **over):
    return merge({"name": name, "driver": "modem", "device": sim.ports[port]}, over)


def makes():
    """What differs between makes, as it is installed; for Gateway's `files`."""
    folder = os.path.join(SOURCE, "conf", "modems")
    files = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            files[f"modems/{name}"] = f.read()
    return files


def facts(gw, name="sim1"):
    return gw.link(name)["facts"]
