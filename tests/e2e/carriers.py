# SPDX-License-Identifier: Apache-2.0
"""carriers.py -- carriers made of SMPP stacks by other people: the npm package "smpp" and Perl's Net::SMPP."""
import shutil
import subprocess

from harness import *
from witnesses import NpmCarrier

PERL = os.path.join(SOURCE, "tests", "e2e", "perl")


class PerlCarrier:
    """A program that tells its port first, then what it heard, each as a line of JSON."""

    def __init__(self, w):
        if not shutil.which("perl") or subprocess.run(["perl", "-MNet::SMPP", "-e", "1"], capture_output=True,
                                                      check=False).returncode:
            skip("Net::SMPP is not installed")
        self.heard = []
        self.p = subprocess.Popen(["perl", os.path.join(PERL, "net_smpp_carrier.pl")], stdout=subprocess.PIPE, text=True)
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
