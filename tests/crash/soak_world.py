# SPDX-License-Identifier: Apache-2.0
"""soak_world.py -- the gateway of soak.py and all that goes wrong around it."""
import collections
import copy
import re
import socket
import struct

import harness
from carrier import Carrier
from clocks import SMALL_QUARANTINE
from harness import *
from modems import Modems, modem
from points import Inbound
from soak_load import GUEST, LATER, MODEM, PLAIN, REFUSED, STRICT

UNKNOWN_EVERY = 400  # receipts of messages that nobody sent
WEBHOOK_TIMEOUT_S = 2

ACME = f"""slow 3ms
on submit_sm to {REFUSED}* status 0x0B
on submit_sm every 211 throttle
on submit_sm every 499 lose
on submit_sm every 617 swallow
on submit_sm every 733 status 0x14
on submit_sm every 829 status 0x08
after every 997 submit_sm stray-response
after every 3001 submit_sm drop
after every 4001 submit_sm unbind
after every 5003 submit_sm garbage
after every 6007 submit_sm half-pdu
after every 7001 submit_sm huge-length
after every 1511 submit_sm truncated
receipt unknown-id every {UNKNOWN_EVERY}
"""
BETA = f"""slow 5ms
id hex
on submit_sm to {REFUSED}* status 0x0B
on submit_sm every 307 throttle
on submit_sm every 503 lose
on submit_sm every 607 swallow
after every 2003 submit_sm drop
after every 3001 submit_sm unknown-command
receipt twice
receipt other-bind
"""
RADIO = ("latency 20 100", "report-delay 200 2s", "on submit 23 lose-answer", "on cmgs every 31 lose-prompt", "urc-between 5%",
         "on submit every 41 cms 500", "report-twice 10%")
RECEIPTS = ("--receipt-delay", "100", "--receipt-jitter", "3000", "--receipt-retry", "300", "--receipt-tries", "30",
            "--max-keys", "1000", "--no-duplicates")
FATES = ("--outcomes", "DELIVRD=97,UNDELIV:err=021=1,EXPIRED=1,REJECTD=1")


class SoakGateway(Gateway):
    """Keeps of its log what is judged: an hour of lines would not fit.  Counts the rest by event."""

    def _read(self):
        self.events, self.errors = getattr(self, "events", collections.Counter()), getattr(self, "errors", [])
        with open(self.log_path, "a", encoding="utf-8", errors="backslashreplace") as log:
            for line in self.p.stderr:
                m = re.search(r"level=(\w+) event=(\w+)", line)
                level, event = m.groups() if m else ("none", "none")
                self.events[event] += 1
                if level in ("error", "none"):
                    self.errors.append(line.rstrip("\n"))
                if level in ("info", "debug") and not re.match(r"reload|listening|ready|stop|link_|smpp_", event):
                    continue
                log.write(line)
                log.flush()
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


class SoakSink(Sink):
    """Keeps what it acknowledged, in few octets; what it answers changes with its mode."""

    MODES = ("ok", "ok", "ok", "500", "429", "slow", "hang", "reset", "late")

    def __init__(self, world):
        super().__init__(world)
        self.mode, self.heard, self.texts, self.ids = "ok", {}, collections.Counter(), collections.Counter()
        self.answers, self.released = collections.Counter(), threading.Event()

    def _take(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length", 0)))
        why, mode = self.judge(h.headers, body), self.mode
        if why:
            self.bad.append(why)
        with self._changed:
            self.answers[mode] += 1
        if mode == "hang":
            self.released.wait(WEBHOOK_TIMEOUT_S * 2)
            h.close_connection = True
            return
        if mode == "reset":
            h.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            h.connection.close()
            h.close_connection = True
            return
        if mode == "slow":
            time.sleep(WEBHOOK_TIMEOUT_S * 0.3)
        status = int(mode) if mode.isdigit() else 200
        if mode == "late":  # it has them, and the gateway cannot know: they come again
            self._acknowledge(json.loads(body)["events"], "late")
            self.released.wait(WEBHOOK_TIMEOUT_S * 1.5)
            h.close_connection = True
            return
        if status == 200:
            self._acknowledge(json.loads(body)["events"], "ok")
        h.send_response(status)
        if status == 429:
            h.send_header("Retry-After", "1")
        h.send_header("Content-Length", "0")
        h.end_headers()

    def _acknowledge(self, events, how):
        with self._changed:
            for e in events:
                self.ids[e["event"]] += how == "ok"
                if e["type"] == "message.inbound":
                    self.texts[e["text"]] += 1
                elif e["state"] in FINAL and e.get("scope") != "part":
                    self.heard[int(e["to"])] = e["state"]


class SoakWorld:
    def __init__(self, w, rng, reload_s):
        self.w, self.rng, self.reload_s = w, rng, reload_s
        self.acme = w.smsc(*RECEIPTS, *FATES, script=ACME)
        self.beta = w.smsc(*RECEIPTS, *FATES, script=BETA)
        self.sims = Modems(w, *RADIO, args=("--seed", str(rng.randrange(10 ** 6))))
        self.carrier = Carrier(w)
        self.inbound, self.sink = Inbound(self.carrier), SoakSink(w)
        quick = {"response_timeout": 2, "receipt_timeout": 90, "max_attempts": 100}
        self.base = [
            smpp(self.acme, binds=2, window=20, query="late", query_after=6, query_tps=50, receipt_match_alarm=0, **quick),
            smpp(self.beta, name="beta", binds=2, window=20, on_uncertain="fail", query="late", query_after=8, query_tps=50,
                 receipt_match_alarm=0, **quick),
            modem(self.sims, **{**quick, "receipt_timeout": 20, "retry_min": 0.1, "retry_max": 1, "reconnect_min": 0.1, "reconnect_max": 1}),
            smpp(self.carrier.port, name="mo", binds=2)]
        self.heap_path = w.path("heap")
        with open(self.heap_path, "wb") as f:
            f.write(bytes(8))
        self.gw = SoakGateway(w, {"log_level": "info", "stop_timeout": 20, "webhook": {"timeout": WEBHOOK_TIMEOUT_S},
                                  "queue": {"disk_reserve_mb": 1}, "links": self.base, "routes": self._routes(["acme", "beta"])},
                              links=self.base, webhook=self.sink, program=os.path.join(BUILD, "tests", "crash", "posthornd-heap"),
                              env={"POSTHORN_HEAP": self.heap_path, **SMALL_QUARANTINE})
        self.gw.add_client("guest", webhook=copy.deepcopy(self.gw.settings["clients"][0]["webhook"]))
        self.gw.settings["inbound"] = [{"client": "shop"}]
        self._reload()
        self.with_guest = copy.deepcopy(self.gw.settings["clients"])
        for name in ("acme", "beta", "mo", "sim1"):
            self.gw.wait_link(name, seconds=30)
        self.fds_before = len(os.listdir(f"/proc/{self.gw.pid}/fd"))
        self.start = time.monotonic()
        self.reload_at, self.fault_at, self.sample_at, self.mode_at = (self.start + x for x in (3, 2, 1, 4))
        self.n_reloads, self.n_faults, self.modem_mo = 0, collections.Counter(), 0
        self.samples, self.later, self.n_waiting, self.most_waiting = [], [], 0, 0
        self._ops, self.load = self.gw.operator(), None
        self._over = threading.Event()
        self._mo = threading.Thread(target=self._send_mo, daemon=True)
        self._mo.start()

    @staticmethod
    def _routes(links):
        return [{"prefix": [PLAIN, REFUSED, LATER, GUEST], "links": links}, {"prefix": [STRICT], "links": ["beta"]},
                {"prefix": [MODEM], "links": ["sim1"]}]

    # ---- messages from handsets ----

    def _send_mo(self):
        while not self._over.is_set():
            if len(self.inbound.way) < 10:
                if not self.inbound.todo:
                    self.inbound.more()
                self.inbound.send()
            self.inbound.collect()
            self._over.wait(0.05)

    # ---- the configuration, again and again another ----

    def _reload(self, wanted=r"event=(reloaded|reload_refused|reload_waits)\b"):
        self.gw.write_conf()
        return self.gw.reload(wanted).group(0)

    def _next_configuration(self):
        s, turn = self.gw.settings, self.n_reloads % 8
        s["links"], s["routes"] = copy.deepcopy(self.base), self._routes(["acme", "beta"])
        s["clients"] = copy.deepcopy(self.with_guest)
        s["log_level"] = "info"
        if turn == 1:    # connection settings: the link starts again
            s["links"][0]["enquire_link"] = 20 + self.n_reloads % 7
            s["links"][1]["window"] = 10 + self.n_reloads % 11
        elif turn == 2:  # one client less
            s["clients"] = s["clients"][:2]
        elif turn == 3:  # one link more, in front of the others; its receipts wait at the carrier while it is gone
            s["links"].append(smpp(self.acme, name="extra", system_id="extra", window=10, response_timeout=2, receipt_timeout=90,
                                   max_attempts=100, receipt_match_alarm=0, query="late", query_after=6))
            s["routes"] = self._routes(["extra", "acme", "beta"])
        elif turn == 4:  # which goes again; other routes, other bounds
            s["routes"] = self._routes(["beta", "acme"])
            s["links"][0]["tps"] = 120.0
        elif turn == 5:  # nonsense
            s["routes"] = [{"links": ["nobody"]}]
        elif turn == 6:
            s["clients"][0]["webhook"]["batch"] = 7
            s["clients"][0]["max_parts"] = 8
            s["log_level"] = "debug"
        elif turn == 7:
            s["links"][2]["tps"] = 5.0
            s["routes"][0]["choose"] = "load"

    def _another_configuration(self):
        self.n_reloads += 1
        self._next_configuration()
        said = self._reload()
        refused = "refused" in said
        check(refused == (self.n_reloads % 8 == 5), f"configuration {self.n_reloads}: {said}")

    # ---- faults ----

    def _fault(self):
        rng = self.rng
        kind = rng.choice(("drop", "drop", "away", "mo", "mo", "stop", "drain", "unplug", "modem", "modem_mo", "modem_mo"))
        self.n_faults[kind] += 1
        sim = rng.choice((self.acme, self.beta))
        if kind == "drop":
            sim.ask("drop")
        elif kind == "away":
            sim.ask("pause")
            sim.ask("drop")
            self._in(rng.uniform(0.5, 4), lambda: sim.ask("resume"))
        elif kind == "mo":
            for b in self.carrier.up[:rng.randrange(1, 3)]:
                b.s.shutdown(socket.SHUT_RDWR)
        elif kind in ("stop", "drain"):
            name = rng.choice(("acme", "beta"))
            self._control(name, kind)
            self._in(rng.uniform(0.3, 3), lambda: self._control(name, "start"))
        elif kind == "unplug":
            self._modem("unplug 2s")
        elif kind == "modem":
            self._modem(rng.choice(("restart 1s", "silence 3s", "network off 2s", "noise-now")))
        elif kind == "modem_mo":
            n = self.modem_mo + 1
            long = " long" * 60 if n % 2 else ""
            self.modem_mo += self._modem(f'mo +12025550{n % 1000:03} {"reverse " if long else ""}text "<modem {n}>{long}"')

    def _modem(self, line):
        """False: not now, as with a modem that is out already."""
        try:
            self.sims.do(line)
            return True
        except AssertionError:
            return False

    def _control(self, name, what):
        api = Api(self.gw.port, self.gw.keys["ops"])
        a = api.post(f"/v1/links/{name}/{what}", None)
        api.close()
        check(a.status in (200, 202, 404, 409), f"{what} {name}: {a}")

    def _in(self, seconds, work):
        self.later.append((time.monotonic() + seconds, work))

    # ---- what it looks like from outside ----

    def look_at_queue(self):
        self.n_waiting = self._ops.get("/v1/queue").expect(200).json["waiting"]
        self.most_waiting = max(self.most_waiting, self.n_waiting)
        return self.n_waiting

    def _heap_in_use(self):
        """In kilobytes; 0: this build cannot tell (live_heap.c)."""
        with open(self.heap_path, "rb") as f:
            return struct.unpack("=Q", f.read())[0] >> 10

    def _sample(self):
        status = {}
        with open(f"/proc/{self.gw.pid}/status", encoding="ascii") as f:
            for line in f:
                k, _, v = line.partition(":")
                status[k] = v.split()[0] if v.split() else ""
        self.samples.append((time.monotonic() - self.start, int(status["VmRSS"]), int(status["RssAnon"]),
                             len(os.listdir(f"/proc/{self.gw.pid}/fd")), int(status["Threads"]), self._heap_in_use()))

    def word(self):
        _, rss, _, fds, _, heap = self.samples[-1]
        return (f"{rss >> 10} MB resident, {heap / 1024:.1f} MB of heap in use, {fds} descriptors, {self.n_reloads} reloads, {self.n_faults.total()} faults, {self.n_waiting} wait "
                f"({self.most_waiting} at most)")

    def step(self):
        now = time.monotonic()
        for at, work in [x for x in self.later if x[0] <= now]:
            self.later.remove((at, work))
            work()
        if now >= self.reload_at:
            self.reload_at = now + self.reload_s
            self._another_configuration()
        if now >= self.fault_at:
            self.fault_at = now + self.rng.uniform(0.5, 4)
            self._fault()
        if now >= self.mode_at:
            self.mode_at = now + self.rng.uniform(1, 5)
            self.sink.mode = self.rng.choice(SoakSink.MODES)
        if now >= self.sample_at:
            self.sample_at = now + 1
            self._sample()
            self.load.obey(self.look_at_queue())
        time.sleep(0.05)

    # ---- the end ----

    def calm_down(self, ledger):
        """No more faults but the receipts of nothing, and any link that is free, as one may have been slowed down."""
        self.sink.mode = "ok"
        self.sink.released.set()
        self._over.set()
        self._mo.join(patience(10))
        for _, work in self.later:
            work()
        for name in ("acme", "beta"):
            self._control(name, "start")
        self.n_reloads_done, self.n_reloads = self.n_reloads, 3
        self._next_configuration()
        self.gw.settings["routes"][0]["choose"] = "load"
        self._reload()
        for sim in (self.acme, self.beta):
            sim.ask("calm")
        self._modem("silence 0")
        self._modem("network on")
        wait_for(lambda: self.carrier.up, 20, "the carrier that sends to be bound")
        self.inbound.finish()
        print(f"# load ended after {time.monotonic() - self.start:.0f} s: {ledger.word()}", flush=True)
        self.rest_from = time.monotonic() - self.start

