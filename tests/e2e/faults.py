# SPDX-License-Identifier: Apache-2.0
"""faults.py -- what the scripts about faults (03.. to 06..) share: many different messages, and what became of them."""
import collections
import itertools
import subprocess

from harness import *

_next = itertools.count(79100000001)


def rows(n, **fields):
    """n messages to recipients that no other message of this script has; the text names the recipient."""
    return [{"to": f"+{to}", "text": f"text {to}", **fields} for to in itertools.islice(_next, n)]


def post(api, some):
    """An array, all of it taken: the ids in the order of the rows."""
    answer = api.post("/v1/messages", some).expect(202).json
    equal(answer["rejected"], 0, "rows refused")
    return [r["id"] for r in answer["results"]]


def ended(gw, state="delivered"):
    return int(gw.metrics()[f'posthorn_final_total{{state="{state}"}}'])


def wait_ended(gw, n, state="delivered", seconds=20):
    """Since its start the gateway has seen n messages end in that state, and not one more."""
    wait_for(lambda: ended(gw, state) >= n, seconds, f"{n} messages to be {state}", every=0.02)
    equal(ended(gw, state), n, f"messages that are {state}")


def taken(*sims):
    """recipient → how often the carriers together took a message to it."""
    return collections.Counter("+" + r["to"] for sim in sims for r in sim.submits())


def wait_taken(some, *sims, seconds=20):
    """Every row is at a carrier (once or more)."""
    wanted = {r["to"] for r in some}
    wait_for(lambda: wanted <= set(taken(*sims)), seconds, f"{len(wanted)} messages to be at the carrier", every=0.05)


def once_each(some, *sims):
    """Every row went once: none lost, none doubled."""
    seen, wanted = taken(*sims), {r["to"] for r in some}
    equal([to for to in wanted if not seen[to]][:5], [], "lost")
    equal([to for to in wanted if seen[to] > 1][:5], [], "doubled")


def attempts(api, message_id):
    return [e for e in api.events(message_id) if e["event"] == "attempt"]


class Disk:
    """A small file system of its own; add it to the world before the gateway that lives on it."""

    def __init__(self, w, megabytes):
        self.path = w.path(f"disk{w.number('disk')}")
        os.mkdir(self.path)
        r = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "posthorn-test", self.path],
                           capture_output=True, text=True, check=False)
        if r.returncode:
            skip(f"no file system of its own without root: {r.stderr.strip()}")
        w.add(self)

    def fill(self, leave_kb=0):
        """To the last block (or nearly)."""
        with open(os.path.join(self.path, "ballast"), "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass
            f.truncate(max(0, f.tell() - leave_kb * 1024))

    def free(self):
        os.unlink(os.path.join(self.path, "ballast"))

    def close(self):
        subprocess.run(["umount", self.path], check=True)
