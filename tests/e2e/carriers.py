# SPDX-License-Identifier: Apache-2.0
"""carriers.py -- carriers made of SMPP stacks by other people: the npm package "smpp" and Perl's Net::SMPP."""
import shutil
import subprocess

from harness import *

NODE = os.path.join(SOURCE, "tests", "e2e", "node")
PERL = os.path.join(SOURCE, "tests", "e2e", "perl")


class _Carrier:
    """A program that tells its port first, then what it heard, each as a line of JSON."""

    def __init__(self, w, *argv):
        self.heard = []
        self.p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        w.add(self)
        self.port = json.loads(self.p.stdout.readline())["port"]
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.p.stdout:
            self.heard.append(json.loads(line))

    def of(self, kind):
        return [h for h in self.heard if h["heard"] == kind]

    def close(self):
        self.p.terminate()
        self.p.wait(patience(10))


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


class NpmCarrier(_Carrier):
    def __init__(self, w):
        super().__init__(w, "node", os.path.join(node_modules(), "smpp_carrier.mjs"))

    def mo(self, text):
        self.p.stdin.write(text + "\n")
        self.p.stdin.flush()


class PerlCarrier(_Carrier):
    def __init__(self, w):
        if not shutil.which("perl") or subprocess.run(["perl", "-MNet::SMPP", "-e", "1"], capture_output=True,
                                                      check=False).returncode:
            skip("Net::SMPP is not installed")
        super().__init__(w, "perl", os.path.join(PERL, "net_smpp_carrier.pl"))
