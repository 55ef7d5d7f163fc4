# SPDX-License-Identifier: Apache-2.0
"""harness.py -- the ground that the end-to-end scripts stand on.

A script is a list of cases, each a fact about the real programs seen from outside:

    from harness import *

    @case("a posted message reaches the carrier")
    def _(w):
        sim = w.smsc()
        gw = w.gateway(links=[smpp(sim)])
        ...

    main()

`w` is a World: a folder of its own, and every program and server started in it.  When the case ends they are stopped in
the order opposite to their start, by pid, and what they left behind is judged too: an exit status other than 0, or a
report of a sanitizer on standard error, fails the case.  On failure the folder with logs and databases stays in
$POSTHORN_BUILD/tests/e2e/out and is named; otherwise it goes.

Rules: ports are chosen at random or by the system (port 0) and read from what the programs say, folders are named after
the script and the case, so scripts may run side by side; nothing leaves the loopback; nobody sleeps for a fixed
time: wait_for() looks every 10 ms until a deadline, which is longer under sanitizers.  Output is TAP.

POSTHORN_BUILD is the folder with the built programs (default: the current one).
"""
import contextlib
import copy
import fcntl
import hashlib
import hmac
import http.client
import http.server
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import urllib.parse

__all__ = ["BUILD", "SOURCE", "SANITIZED", "FINAL", "Api", "Gateway", "Program", "Sink", "Smsc", "World", "case", "check", "equal",
           "main", "merge", "patience", "smpp", "skip", "wait_for", "free_port", "new_key", "conf_text", "json", "os",
           "time", "threading", "rfc3339", "json_lines", "run"]

BUILD = os.path.abspath(os.environ.get("POSTHORN_BUILD", "."))
SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
FINAL = ("delivered", "undelivered", "rejected", "expired", "cancelled", "unconfirmed")


def _is_sanitized():
    try:
        with open(os.path.join(BUILD, "Makefile"), encoding="utf-8") as f:
            return any(line.startswith("SAN_CFLAGS = -f") for line in f)
    except OSError:
        return False


SANITIZED = _is_sanitized()


def patience(seconds):
    """A deadline that also holds for a build with sanitizers on a busy machine."""
    return seconds * (5 if SANITIZED else 2)


# ---- facts ------------------------------------------------------------------------------------------------------

class Skipped(Exception):
    pass


def skip(why):
    raise Skipped(why)


def check(ok, what):
    """The fact, or a failure that says what was expected; returns what it was given."""
    if not ok:
        raise AssertionError(what)
    return ok


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what or 'value'}: got {got!r}, wanted {wanted!r}")
    return got


def wait_for(predicate, seconds=10.0, what="", every=0.01):
    """The first true value of predicate(), looked at every 10 ms; fails at the deadline and says what was missing."""
    end = time.monotonic() + patience(seconds)
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience(seconds):.0f} s in vain for "
                                 f"{what() if callable(what) else what or predicate}")
        time.sleep(every)


# ---- cases and TAP ------------------------------------------------------------------------------------------------

_cases = []


def case(name):
    def add(function):
        _cases.append((name, function))
        return function
    return add


def _comment(text):
    for line in text.rstrip("\n").splitlines():
        print("# " + line)


def _run_case(number, name, function):
    world = World(number)
    try:
        with world:
            function(world)
    except Skipped as e:
        world.forget()
        print(f"ok {number} - {name} # SKIP {e}", flush=True)
        return True
    except BaseException as e:  # a failed case must not keep the next ones from running, an interrupt must
        print(f"not ok {number} - {name}")
        _comment("".join(traceback.format_exception(e)))
        world.tell()
        sys.stdout.flush()
        if isinstance(e, KeyboardInterrupt):
            raise
        return False
    world.forget()
    print(f"ok {number} - {name}", flush=True)
    return True


def main():
    """Run the cases of the script; arguments choose some by their numbers."""
    wanted = {int(a) for a in sys.argv[1:]} or set(range(1, len(_cases) + 1))
    # A run that is told to end still stops what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"1..{len(wanted)}", flush=True)
    failed = 0
    for number, (name, function) in enumerate(_cases, 1):
        if number in wanted:
            failed += not _run_case(number, name, function)
    sys.exit(1 if failed else 0)


# ---- the configuration as text --------------------------------------------------------------------------------------

def _conf_value(v, depth):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, int):
        return f"{v}L" if abs(v) > 0x7fffffff else str(v)
    if isinstance(v, float):
        return repr(v)
    if isinstance(v, str):
        return '"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(v, dict):
        return "{\n" + conf_text(v, depth + 1) + "\t" * depth + "}"
    if all(isinstance(x, dict) for x in v) and v:
        return "(\n" + ",\n".join("\t" * (depth + 1) + _conf_value(x, depth + 1) for x in v) + " )"
    return "[ " + ", ".join(_conf_value(x, depth) for x in v) + " ]"


def conf_text(settings, depth=0):
    """A dict as libconfig writes it: dicts are groups, lists of dicts lists, other lists arrays; None is left out."""
    return "".join(f"{chr(9) * depth}{k} = {_conf_value(v, depth)};\n" for k, v in settings.items() if v is not None)


def merge(base, over):
    """base with the values of `over`; groups are merged, everything else is replaced."""
    out = copy.deepcopy(base)
    for k, v in over.items():
        out[k] = merge(out[k], v) if isinstance(v, dict) and isinstance(out.get(k), dict) else copy.deepcopy(v)
    return out


def new_key():
    key = "ph_" + secrets.token_hex(20)
    return key, hashlib.sha256(key.encode()).hexdigest()


def smpp(sim, name="acme", **over):
    """A link to a simulated carrier (or to a port number), quick to come back after a break."""
    port = sim if isinstance(sim, int) else sim.port
    return merge({"name": name, "driver": "smpp", "host": "127.0.0.1", "port": port, "system_id": "posthorn",
                  "password": "secret", "reconnect_min": 0.05, "reconnect_max": 0.2, "retry_min": 0.05,
                  "retry_max": 0.2}, over)


def _given_ports():
    """The first of the ports that the system gives to whoever asks for any."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
            return int(f.read().split()[0])
    except OSError:
        return 32768


def free_port():
    """A port that nobody listens on at this moment.

    Not one of those that the system gives away: scripts run side by side, and while a carrier is away its port would be
    taken by somebody's connection, perhaps by that of the gateway to this very port."""
    end = _given_ports()
    while True:
        port = secrets.SystemRandom().randrange(end - 20000, end) if end > 21024 else 0
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return s.getsockname()[1]
            except OSError:
                pass


def rfc3339(at):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03d}Z"


def json_lines(rows):
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode()


# ---- programs ---------------------------------------------------------------------------------------------------------

_BAD_NEWS = re.compile(r"ERROR: (Address|Leak|Thread|Memory)Sanitizer|runtime error:|Assertion .* failed|DEADLYSIGNAL")


class Program:
    """A child process whose standard error goes to a file and, line by line, to whoever waits for it."""

    def __init__(self, world, name, argv, env=None, stdout=None):
        self.world, self.name, self.argv = world, name, argv
        self.log_path = world.path(f"{name}.log")
        self.lines, self._changed = [], threading.Condition()
        self.expected = {0}
        self.p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout or subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, env={**os.environ, **(env or {})}, text=True,
                                  errors="backslashreplace")
        # The daemon drops lines that nobody takes; on a busy machine we come late.
        with contextlib.suppress(OSError):
            fcntl.fcntl(self.p.stderr.fileno(), fcntl.F_SETPIPE_SZ, 1 << 20)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        world.add(self)

    def _read(self):
        with open(self.log_path, "a", encoding="utf-8", errors="backslashreplace") as log:
            for line in self.p.stderr:
                log.write(line)
                log.flush()
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def pid(self):
        return self.p.pid

    @property
    def alive(self):
        return self.p.poll() is None

    def find(self, pattern, since=0):
        """The first match in a line of the log, or None."""
        for line in self.lines[since:]:
            m = re.search(pattern, line)
            if m:
                return m
        return None

    def wait_line(self, pattern, seconds=10.0, since=0):
        """The match in the first line that fits, now or later."""
        end = time.monotonic() + patience(seconds)
        with self._changed:
            while True:
                m = self.find(pattern, since)
                if m:
                    return m
                left = end - time.monotonic()
                gone = not self._reader.is_alive() or (not self.alive and left < 0)
                if left <= 0 or gone:
                    raise AssertionError(f"{self.name} {'ended' if gone else 'did not say'} without /{pattern}/; "
                                         f"last: {self.lines[-1:]}")
                self._changed.wait(min(left, 0.1))

    def signal(self, number):
        self.p.send_signal(number)

    def wait(self, seconds=30.0):
        """The exit status."""
        status = self.p.wait(patience(seconds))
        self._reader.join(patience(5))
        return status

    def kill(self):
        """As a power cut would: no good-byes."""
        if self.alive:
            self.p.kill()
        self.expected.add(-signal.SIGKILL)
        return self.wait()

    def stop(self, seconds=30.0):
        if self.alive:
            self.p.terminate()
        try:
            self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            raise AssertionError(f"{self.name} did not stop within {patience(seconds):.0f} s of SIGTERM") from None
        self.judge()

    def judge(self):
        """Nothing may be wrong with how it ended."""
        bad = next((i for i, line in enumerate(self.lines) if _BAD_NEWS.search(line)), None)
        if bad is not None:
            raise AssertionError(f"{self.name} reported:\n" + "\n".join(self.lines[bad:bad + 25]))
        if self.p.returncode not in self.expected:
            raise AssertionError(f"{self.name} ended with {self.p.returncode}, wanted {sorted(self.expected)}; "
                                 f"last: {self.lines[-3:]}")

    close = stop


def run(*argv, env=None, seconds=60, input=None):
    """A program that ends by itself: (status, standard output, standard error)."""
    r = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, **(env or {})}, input=input,
                       timeout=patience(seconds), check=False)
    return r.returncode, r.stdout, r.stderr


def _tlvs(octets):
    """The optional part of a PDU: tag → value (SMPP 3.4, 3.2.4.1)."""
    out = {}
    while octets:
        tag, n = int.from_bytes(octets[:2], "big"), int.from_bytes(octets[2:4], "big")
        out[tag], octets = octets[4:4 + n], octets[4 + n:]
    return out


class Smsc(Program):
    """posthorn-smsc-sim with its control port."""

    def __init__(self, world, *args, port=0, script="", name=None):
        argv = [os.path.join(BUILD, "posthorn-smsc-sim"), "--listen", f"127.0.0.1:{port or free_port()}",
                "--control", "127.0.0.1:0"]
        self.audit = world.path(f"smsc{world.number('smsc')}.audit")
        if script:
            path = world.path(f"smsc{world.number('script')}.smsc")
            with open(path, "w", encoding="utf-8") as f:
                f.write(script)
            argv += ["--script", path]
        super().__init__(world, name or f"smsc{world.number('smsc-log')}", argv + ["--log", self.audit, *args],
                         stdout=subprocess.PIPE)
        self.port = self._port("listening")
        self._control = socket.create_connection(("127.0.0.1", self._port("control")), patience(10))
        self._answers = self._control.makefile("r", encoding="utf-8")
        self._lock = threading.Lock()
        self.expected.add(0)

    def _port(self, word):
        line = self.p.stdout.readline()
        m = re.fullmatch(word + r" 127\.0\.0\.1:(\d+)\n", line)
        if not m:
            raise AssertionError(f"{self.name} said {line!r} instead of its {word} port; {self.lines[-3:]}")
        return int(m.group(1))

    def ask(self, line):
        with self._lock:
            self._control.sendall(line.encode() + b"\n")
            answer = self._answers.readline().rstrip("\n")
        if not answer or answer.startswith("err"):
            raise AssertionError(f"{self.name}: {line}: {answer or 'gone'}")
        return answer

    @property
    def stats(self):
        return json.loads(self.ask("stats"))

    def submits(self):
        """What was accepted, in order; a line of the audit log is written before its answer."""
        return self.submits_from(0)[0]

    def submits_from(self, at):
        """The same from a place in the log on, and the place behind it."""
        rows = []
        with open(self.audit, "rb") as f:
            f.seek(at)
            for line in f:
                if not line.endswith(b"\n"):
                    break
                at += len(line)
                w = line.decode().split()
                rows.append({"at": int(w[0]) / 1e6, "sequence": int(w[1]), "status": int(w[2], 0), "id": w[3],
                             "from": w[4].replace("%20", " "), "to": w[5], "esm_class": int(w[6], 16),
                             "data_coding": int(w[7], 16), "text": bytes.fromhex(w[8]) if w[8] != "-" else b"",
                             "tlvs": _tlvs(bytes.fromhex(w[9]) if w[9] != "-" else b""),
                             "schedule": w[10] if w[10] != "-" else "", "validity": w[11] if w[11] != "-" else ""})
        return rows, at

    def close(self):
        self._control.close()
        if self.p.stdout and self.alive:
            threading.Thread(target=self.p.stdout.read, daemon=True).start()  # the counters it says at the end
        self.stop()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The error's code, or None."""
        try:
            return self.json["error"]["code"]
        except (ValueError, KeyError, TypeError):
            return None

    def expect(self, status, code=None):
        if self.status != status or (code is not None and self.code != code):
            raise AssertionError(f"answer {self.status} {self.body[:400]!r}, wanted {status} {code or ''}")
        return self

    def __repr__(self):
        return f"Answer({self.status}, {self.body[:300]!r})"


class Api:
    """One client on one kept connection; not for several threads at a time."""

    def __init__(self, port, key="", seconds=60):
        self.port, self.key = port, key
        self.c = http.client.HTTPConnection("127.0.0.1", port, timeout=patience(seconds))

    def call(self, method, path, body=None, headers=None, query=None):
        h = {"Authorization": "Bearer " + self.key} if self.key else {}
        if query:
            path += "?" + urllib.parse.urlencode(query)
        if body is not None and not isinstance(body, (bytes, str)) and not hasattr(body, "__next__"):
            body = json.dumps(body, ensure_ascii=False).encode()
        if body is not None:
            h["Content-Type"] = "application/json"
        h.update(headers or {})
        self.c.request(method, path, body, {k: v for k, v in h.items() if v is not None},
                       encode_chunked=hasattr(body, "__next__"))
        r = self.c.getresponse()
        return Answer(r.status, r.headers, r.read())

    def get(self, path, **query):
        return self.call("GET", path, query=query)

    def post(self, path, body, headers=None, **query):
        return self.call("POST", path, body, headers, query)

    def delete(self, path, **query):
        return self.call("DELETE", path, query=query)

    # -- the usual --

    def send(self, to="+12025550142", text="hello", key=None, **fields):
        """Post one message: the answer, which must be a 202."""
        headers = {"Idempotency-Key": key} if key else None
        return self.post("/v1/messages", {"to": to, "text": text, **fields}, headers).expect(202).json

    def stream(self, rows, key=None, **query):
        headers = {"Content-Type": "application/x-ndjson"}
        if key:
            headers["Idempotency-Key"] = key
        return self.post("/v1/messages", rows if isinstance(rows, bytes) else json_lines(rows), headers, **query)

    def message(self, message_id):
        return self.get(f"/v1/messages/{message_id}").expect(200).json

    def events(self, message_id):
        return self.get(f"/v1/messages/{message_id}/events").expect(200).json["events"]

    def wait_state(self, message_id, *states, seconds=10.0):
        """The message, as soon as it is in one of the states; a final state that was not wanted fails at once."""
        seen = [None]

        def look():
            m = seen[0] = self.message(message_id)
            if m["state"] not in states and m["state"] in FINAL:
                raise AssertionError(f"message {message_id} ended {m['state']}, wanted {states}: {m}")
            return m if m["state"] in states else None

        try:
            return wait_for(look, seconds, f"message {message_id} to be {' or '.join(states)}")
        except AssertionError as e:
            raise AssertionError(f"{e}; last seen: {seen[0]}") from None

    def all_messages(self, **query):
        """Every page of a list."""
        rows, after = [], None
        while True:
            page = self.get("/v1/messages", **query, **({"after": after} if after else {})).expect(200).json
            rows += page["messages"]
            after = page.get("next")
            if not after:
                return rows

    def close(self):
        self.c.close()


class Gateway(Program):
    """posthornd, its configuration and its clients.

    The first client is "shop"; there is an operator "ops" as well.  `over` replaces settings of the template."""

    def __init__(self, world, over, webhook=None, links=None, client=None, name=None, wait_ready=True, env=None,
                 program=None, files=None):
        self.keys = {}
        self.dir = world.path(f"gateway{world.number('gateway')}")
        os.mkdir(self.dir)
        self.settings = merge({
            "data_dir": os.path.join(self.dir, "data"), "stop_timeout": 5, "log_level": "debug",
            "http": {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0"},
            "queue": {"disk_reserve_mb": 1},
            "clients": [merge(self._client("shop"), merge(self._webhook(webhook), client or {})),
                        merge(self._client("ops"), {"role": "operator"})],
            "links": links if links is not None else [{"name": "null", "driver": "loopback"}],
        }, over or {})
        if "routes" not in self.settings:
            self.settings["routes"] = [{"links": [x["name"] for x in self.settings["links"]]}] \
                if self.settings["links"] else None
        if not self.settings["links"]:
            self.settings["links"] = None
        self.conf_path = os.path.join(self.dir, "posthorn.conf")
        for path, text in (files or {}).items():
            self.write_file(path, text)
        self.write_conf()
        self._name = name or f"posthornd{world.number('posthornd')}"
        self._env = env
        self._program = program or os.path.join(BUILD, "posthornd")
        self._start(world, wait_ready)

    def _client(self, name):
        key, digest = new_key()
        self.keys[name] = key
        return {"name": name, "key_sha256": digest}

    @staticmethod
    def _webhook(sink):
        return {"webhook": {"url": sink.url, "secret": sink.secret, "batch": 100}} if sink else {}

    def add_client(self, name, **over):
        """Into the settings; write_conf() and a reload (or restart) make it known."""
        self.settings["clients"].append(merge(self._client(name), over))

    def write_conf(self):
        with open(self.conf_path, "w", encoding="utf-8") as f:
            f.write(conf_text(self.settings))
        os.chmod(self.conf_path, 0o600)

    def write_file(self, path, text):
        """Beside the configuration."""
        path = os.path.join(self.dir, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def _start(self, world, wait_ready=True):
        super().__init__(world, self._name, [self._program, "-c", self.conf_path], env=self._env)
        self._apis = []
        if wait_ready:
            self.wait_ready()

    def wait_listening(self, seconds=20):
        """Up, whatever /readyz says."""
        self.port = int(self.wait_line(r"event=listening .*port=(\d+) .*admin=no", seconds).group(1))
        self.admin_port = int(self.wait_line(r"event=listening .*port=(\d+) .*admin=yes", seconds).group(1))
        self.wait_line(r"event=ready\b", seconds)

    def wait_ready(self, seconds=20):
        self.wait_listening(seconds)
        wait_for(lambda: self.admin().get("/readyz").status == 200, seconds, "/readyz to say 200")

    def api(self, client="shop", key=None):
        a = Api(self.port, self.keys[client] if key is None else key)
        self._apis.append(a)
        return a

    def operator(self):
        return self.api("ops")

    def admin(self):
        a = Api(self.admin_port)
        self._apis.append(a)
        return a

    def metrics(self):
        """Name with labels → value."""
        out = {}
        with contextlib.closing(Api(self.admin_port)) as a:
            text = a.get("/metrics").expect(200).body.decode()
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                out[name] = float(value)
        return out

    def link(self, name="acme"):
        with contextlib.closing(Api(self.port, self.keys["ops"])) as a:
            links = a.get("/v1/links").expect(200).json["links"]
        return next(x for x in links if x["name"] == name)

    def wait_link(self, name="acme", state="up", seconds=10):
        return wait_for(lambda: self.link(name)["state"] == state, seconds, f"link {name} to be {state}")

    def reload(self, wanted=r"event=reloaded"):
        """SIGHUP, and the line that answers it."""
        since = len(self.lines)
        self.signal(signal.SIGHUP)
        return self.wait_line(wanted, since=since)

    def restart(self, kill=False):
        """Stop (or kill) it and start it again on the same data; ports change."""
        world = self.world
        if kill:
            self.kill()
            self.judge()
        else:
            self.stop()
        world.remove(self)
        self._close_apis()
        self._start(world)

    def _close_apis(self):
        for a in self._apis:
            a.close()
        self._apis = []

    def close(self):
        self._close_apis()
        self.stop()


# ---- the client's end of webhooks ---------------------------------------------------------------------------------------

class Sink:
    """An endpoint that keeps every request and every event it acknowledged.

    answer(request) returns the status, or (status, headers); a request is a dict: headers, body, events, at."""

    def __init__(self, world, secret="webhook secret", answer=None, port=0):
        self.secret, self.answer = secret, answer or (lambda request: 200)
        self.requests, self.events, self.bad = [], [], []
        self._changed = threading.Condition()
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                sink._take(self)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *args):  # the gateway may be killed in the middle of a request
                pass

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        world.add(self)

    def _take(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length", 0)))
        try:
            events = json.loads(body)["events"]
        except (ValueError, KeyError, TypeError):
            events = []
        request = {"headers": h.headers, "body": body, "events": events, "at": time.time()}
        why = self.judge(h.headers, body)
        answer = self.answer(request)
        status, extra = answer if isinstance(answer, tuple) else (answer, {})
        with self._changed:
            self.requests.append(request)
            if why:
                self.bad.append(why)
            if 200 <= status < 300:
                self.events += events
            self._changed.notify_all()
        h.send_response(status)
        for k, v in extra.items():
            h.send_header(k, v)
        h.send_header("Content-Length", "0")
        h.end_headers()

    def judge(self, headers, body):
        """What is wrong with a request, or ""; the signature is computed here from its definition."""
        m = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers.get("Posthorn-Signature", ""))
        if not m:
            return f"signature {headers.get('Posthorn-Signature')!r}"
        want = hmac.new(self.secret.encode(), m.group(1).encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(want, m.group(2)):
            return "the signature does not fit the body"
        if abs(int(m.group(1)) - time.time()) > 300:
            return "the time of the signature is not now"
        return ""

    def of(self, message_id):
        with self._changed:
            return [e for e in self.events if e.get("id") == message_id]

    def wait(self, predicate, seconds=10.0, what="events"):
        """predicate(list of events) → what it returned, as soon as that is true."""
        end = time.monotonic() + patience(seconds)
        with self._changed:
            while True:
                value = predicate(self.events)
                if value:
                    return value
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"waited {patience(seconds):.0f} s in vain for {what}; "
                                         f"{len(self.requests)} requests, {len(self.events)} events: {self.events[-3:]}")
                self._changed.wait(left)

    def wait_final(self, n, seconds=10.0):
        """At least n different messages with a final event: id → state."""
        def final(events):
            ids = {e["id"]: e["state"] for e in events if e.get("type") == "message.status" and e["state"] in FINAL}
            return ids if len(ids) >= n else None

        return self.wait(final, seconds, f"{n} final events")

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        if self.bad:
            raise AssertionError(f"{len(self.bad)} webhook requests were wrong, the first: {self.bad[0]}")


# ---- the world of a case ------------------------------------------------------------------------------------------------

class World(contextlib.AbstractContextManager):
    def __init__(self, number):
        script = os.path.splitext(os.path.basename(sys.argv[0]))[0]
        self.dir = os.path.join(BUILD, "tests", "e2e", "out", f"{script}-{number}")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self._things, self._numbers = [], {}

    def path(self, name):
        return os.path.join(self.dir, name)

    def number(self, what):
        self._numbers[what] = self._numbers.get(what, 0) + 1
        return self._numbers[what]

    def add(self, thing):
        self._things.append(thing)

    def remove(self, thing):
        self._things.remove(thing)

    # -- what a case starts --

    def smsc(self, *args, **named):
        return Smsc(self, *args, **named)

    def sink(self, **named):
        return Sink(self, **named)

    def gateway(self, over=None, **named):
        return Gateway(self, over, **named)

    def program(self, name, *argv, env=None):
        return Program(self, name, argv, env)

    # -- the end --

    def __exit__(self, kind, value, trace):
        problems = []
        while self._things:
            try:
                self._things.pop().close()
            except Exception as e:
                problems.append(str(e))
        if problems and kind is None:
            raise AssertionError("; ".join(problems))
        for p in problems:
            _comment("at the end: " + p)
        return False

    def forget(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def tell(self):
        """Name the folder and show how the logs end."""
        _comment(f"kept: {os.path.relpath(self.dir)}")
        for name in sorted(os.listdir(self.dir)):
            if name.endswith(".log"):
                with open(self.path(name), encoding="utf-8", errors="replace") as f:
                    tail = f.readlines()[-15:]
                _comment(f"-- end of {name}:\n" + "".join(tail))
