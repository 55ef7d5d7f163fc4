# SPDX-License-Identifier: Apache-2.0
"""modems.py -- what the scripts about modems (09..) share: the simulator with its control port."""
import collections
import socket
import subprocess

from faults import *
from harness import *

SCRIPTS = os.path.join(SOURCE, "tests", "peers", "modem-scripts")


class Modems(Program):
    """posthorn-modem-sim: `n` modems sim0, sim1 …; `lines` are of its script language."""

    def __init__(self, world, *lines, n=1, profile="generic", scripts=(), args=()):
        self.dir = world.path(f"modems{world.number('modems')}")
        os.mkdir(self.dir)
        self.log = os.path.join(self.dir, "log")
        argv = [os.path.join(BUILD, "posthorn-modem-sim"), "--dir", self.dir, "--control", "127.0.0.1:0", "--log", self.log,
                "-n", str(n), "-p", profile]
        for name in scripts:
            argv += ["--script", os.path.join(SCRIPTS, name + ".modem")]
        for line in lines:
            argv += ["--line", line]
        super().__init__(world, f"modem-sim{world.number('modem-sim')}", argv + list(args), stdout=subprocess.PIPE)
        self.ports = {}
        while True:
            words = self.p.stdout.readline().split()
            if not words:
                raise AssertionError(f"{self.name} did not start: {self.lines[-3:]}")
            if words[0] == "port":
                self.ports[words[1]] = words[3]
            elif words[0] == "control":
                port = int(words[1].rsplit(":", 1)[1])
            elif words == ["ready"]:
                break
        self._control = socket.create_connection(("127.0.0.1", port), patience(10))
        self._answers = self._control.makefile("r", encoding="utf-8")
        self.expected.add(0)

    def ask(self, line):
        self._control.sendall(line.encode() + b"\n")
        answer = self._answers.readline().rstrip("\n")
        if not answer or answer.startswith("err"):
            raise AssertionError(f"{self.name}: {line}: {answer or 'gone'}")
        return answer

    @property
    def stats(self):
        return json.loads(self.ask("stats"))

    def events(self, kind):
        with open(self.log, encoding="utf-8") as f:
            rows = [json.loads(line) for line in f if line.endswith("\n")]
        return [r for r in rows if r["event"] == kind]

    def submits(self):
        """What the network took, in order; `to` with its plus, as faults.taken() wants it without."""
        return [{**r, "to": r["to"].lstrip("+")} for r in self.events("submit")]

    def link(self, i=0, name=None, **over):
        """The settings of a link to modem i."""
        return {"name": name or f"sim{i}", "driver": "modem", "device": os.path.join(self.dir, f"sim{i}-at"), **over}

    def close(self):
        self._control.close()
        if self.p.stdout and self.alive:
            threading.Thread(target=self.p.stdout.read, daemon=True).start()
        self.stop()


def modems(w, *lines, **named):
    return Modems(w, *lines, **named)
