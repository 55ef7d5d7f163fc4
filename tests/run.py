#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py -- run test programs a few at a time and count their cases.

    run.py [-j N] [--only GROUP,...] [--first-only GROUP,...] LIST...

A LIST is a file made by `make check-list`: lines of "GROUP PROGRAM", where PROGRAM is a path below the build folder
(compiled) or the source folder (*.py, *.pl).  The folder of the LIST is the build folder; several lists are several
builds, and the programs of the later ones appear with the name of their folder.  --only GROUP[,GROUP] chooses.

Most programs wait more than they compute, so three times as many run at a time as there are processors.  A script may say in
one of its first lines what it needs:

    # run: 40 s            about so long; the longest are started first, so that none is left over at the end
    # run: 20 s, calm      it measures rates or times: after all others, a third as many at a time

What programs print is kept and shown in the order of the lists, whatever the order in which they ended.  Nothing is
ever run a second time: a case that fails now and then is a failure.

What is a case: a line "ok" or "not ok" of TAP, which cmocka and our scripts print; a program of the group fuzz replays
its corpus and is one case.  A program that ends with a bad status, without all the cases that it promised, or not in
time, is one failed case more, so that nothing can fail unseen.  Only what failed is shown, then a table, then
"N passed, N failed".  Exit status 0: nothing failed and something ran.
"""
import argparse
import collections
import concurrent.futures
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time

# How long a program may take, in seconds; sanitizers get three times that.
TIME_LIMIT = {"unit": 60, "peers": 120, "contract": 120, "fuzz": 60, "e2e": 150, "crash": 300}
GROUPS = list(TIME_LIMIT)
SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TAIL = 60  # lines shown of a program that failed without saying which case
HEAD = 5   # lines of a script in which it may say how it wants to be run
USUAL_S = 5


class Test:
    def __init__(self, build, group, program, label):
        self.build, self.group, self.program = build, group, program
        self.name = (label + ":" if label else "") + re.sub(r"^tests/", "", program)
        self.sanitized = is_sanitized(build)
        self.weight_s, self.calm = declared(program)
        self.passed, self.skipped, self.failures, self.took_s, self.output = 0, [], [], 0.0, ""

    def command(self):
        path = os.path.join(SOURCE if program_is_script(self.program) else self.build, self.program)
        interpreter = {".py": [sys.executable], ".pl": ["perl"]}.get(os.path.splitext(path)[1], [])
        return interpreter + [path]

    def environment(self):
        return {**os.environ,
                "POSTHORN_BUILD": self.build, "srcdir": SOURCE, "PYTHONDONTWRITEBYTECODE": "1",
                "POSTHORN_SMSC_SIM": os.path.join(self.build, "posthorn-smsc-sim"),
                "CMOCKA_MESSAGE_OUTPUT": "TAP", "LC_ALL": "C.UTF-8", "TZ": "UTC",
                "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1",
                "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
                "UBSAN_OPTIONS": "print_stacktrace=1"}


def program_is_script(program):
    return program.endswith((".py", ".pl"))


def declared(program):
    """What a script says of itself: (seconds, calm)."""
    if not program_is_script(program):
        return USUAL_S, False
    with open(os.path.join(SOURCE, program), encoding="utf-8") as f:
        for line in itertools.islice(f, HEAD):
            m = re.fullmatch(r"# run: (\d+) s(, calm)?\n", line)
            if m:
                return int(m.group(1)), bool(m.group(2))
            if line.startswith("# run:"):
                raise SystemExit(f"{program}: cannot read {line.strip()!r}")
    return USUAL_S, False


def is_sanitized(build):
    try:
        with open(os.path.join(build, "Makefile"), encoding="utf-8") as f:
            return any(line.startswith("SAN_CFLAGS = -f") for line in f)
    except OSError:
        return False


# ---- one program --------------------------------------------------------------------------------------------------

running, running_lock = set(), threading.Lock()


def end_group(p):
    """The program and what it started: it leads a process group of its own."""
    try:
        os.killpg(p.pid, signal.SIGTERM)
        p.wait(5)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass
    try:
        os.killpg(p.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run(test):
    limit = TIME_LIMIT[test.group] * (3 if test.sanitized else 1)
    begun = time.monotonic()
    try:
        p = subprocess.Popen(test.command(), cwd=test.build, env=test.environment(), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    except OSError as e:
        test.failures.append(f"cannot be run: {e}")
        return test
    with running_lock:
        running.add(p)
    late = False
    try:
        out, _ = p.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        late = True
        end_group(p)
        out, _ = p.communicate()
    with running_lock:
        running.discard(p)
    test.took_s = time.monotonic() - begun
    test.output = out.decode("utf-8", "backslashreplace")
    judge(test, p.returncode, limit if late else None)
    return test


def judge(test, status, limit):
    if test.group == "fuzz":
        m = re.search(r"^(\d+) inputs$", test.output, re.M)
        if status == 0 and m and int(m.group(1)) > 0:
            test.passed = 1
            return
    else:
        count_tap(test)
    if limit is not None:
        test.failures.append(f"not finished after {limit} s")
    elif status != 0 and not test.failures:
        test.failures.append(f"ended with status {status}" if status > 0 else
                             f"killed by {signal.Signals(-status).name}")
    elif not test.passed and not test.failures and not test.skipped:
        test.failures.append("no case was counted")


def count_tap(test):
    planned = seen = 0
    for line in test.output.splitlines():
        plan = re.match(r"1\.\.(\d+)(\s|$)", line)
        result = re.match(r"(not )?ok\b(?:\s+\d+)?(?:\s*-)?\s*(.*)", line)
        if plan:
            planned += int(plan.group(1))
        elif line.startswith("Bail out!"):
            test.failures.append(line)
        elif result:
            seen += 1
            if re.search(r"#\s*skip", result.group(2), re.I):
                test.skipped.append(result.group(2))
            elif result.group(1):
                test.failures.append(result.group(2))
            else:
                test.passed += 1
    if planned != seen:
        test.failures.append(f"{planned} cases promised, {seen} seen")


# ---- what a person reads --------------------------------------------------------------------------------------------

def failing_output(test):
    """The comments around each failed case; without one, how the output ends."""
    lines, keep, shown = test.output.splitlines(), [], False
    for i, line in enumerate(lines):
        if re.match(r"not ok\b|Bail out!", line):
            shown = True
            # cmocka explains before its line, our scripts after it.
            before = i
            while before > 0 and lines[before - 1].startswith("#") and i - before < 20:
                before -= 1
            keep += lines[before:i + 1]
        elif line.startswith("#") and shown:
            keep.append(line)
        elif re.match(r"ok\b", line):
            shown = False
    if not keep or len(test.failures) > sum(bool(re.match("not ok", k)) for k in keep):
        keep += ["..."] + lines[-TAIL:]
    return "\n".join("    " + k for k in keep[:400])


def progress(test):
    if test.failures:
        print(f"FAIL  {test.name}  ({test.took_s:.1f} s)")
        for f in test.failures:
            print(f"    failed: {f}")
        print(failing_output(test))
    else:
        skipped = f", {len(test.skipped)} skipped" if test.skipped else ""
        print(f"ok    {test.name}  ({test.passed} passed{skipped}, {test.took_s:.1f} s)")
        for s in test.skipped:
            print(f"    skipped: {s}")
    sys.stdout.flush()


def table(tests):
    rows = [("group", "programs", "passed", "failed", "skipped", "seconds")]
    for label, group in sorted({(os.path.basename(t.build), t.group) for t in tests},
                               key=lambda x: (x[0], GROUPS.index(x[1]))):
        some = [t for t in tests if (os.path.basename(t.build), t.group) == (label, group)]
        rows.append((f"{group} ({label})", len(some), sum(t.passed for t in some), sum(len(t.failures) for t in some),
                     sum(len(t.skipped) for t in some), f"{sum(t.took_s for t in some):.1f}"))
    widths = [max(len(str(r[i])) for r in rows) for i in range(len(rows[0]))]
    print()
    for r in rows:
        print("  ".join(str(c).ljust(w) if i == 0 else str(c).rjust(w) for i, (c, w) in enumerate(zip(r, widths))))
    print()


def read_lists(o):
    tests, only = [], o.only.split(",") if o.only else GROUPS
    for n, path in enumerate(o.lists):
        build = os.path.dirname(os.path.abspath(path))
        with open(path, encoding="utf-8") as f:
            for line in f:
                group, program = line.split()
                if group in only and (n == 0 or group not in o.first_only.split(",")):
                    tests.append(Test(build, group, program, os.path.basename(build) if len(o.lists) > 1 else ""))
    return tests


class Reports:
    """Of the tests that have ended, in the order of the lists: each as soon as all before it are there."""

    def __init__(self, tests):
        self.left, self.ended = collections.deque(tests), set()

    def add(self, test):
        self.ended.add(test)
        while self.left and self.left[0] in self.ended:
            progress(self.left.popleft())

    def rest(self):
        """Of a run that was interrupted."""
        for test in self.left:
            if test in self.ended:
                progress(test)


def run_all(tests, jobs, reports):
    for some, at_a_time in ([t for t in tests if not t.calm], jobs), ([t for t in tests if t.calm], (jobs + 2) // 3):
        some.sort(key=lambda t: -t.weight_s)  # stable: equal ones stay in the order of the lists
        pool = concurrent.futures.ThreadPoolExecutor(at_a_time)
        try:
            for future in concurrent.futures.as_completed([pool.submit(run, t) for t in some]):
                reports.add(future.result())
        except (KeyboardInterrupt, SystemExit):
            pool.shutdown(wait=False, cancel_futures=True)
            with running_lock:
                for p in list(running):
                    end_group(p)
            reports.rest()
            raise


def main():
    a = argparse.ArgumentParser(description="run test programs and count their cases")
    a.add_argument("-j", "--jobs", type=int, default=3 * (os.cpu_count() or 1))
    a.add_argument("--only", default="", help="groups to run, of " + ",".join(GROUPS))
    a.add_argument("--first-only", default="", help="groups to run in the first build only")
    a.add_argument("lists", nargs="+", metavar="LIST")
    o = a.parse_args()
    tests = read_lists(o)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    run_all(tests, o.jobs, Reports(tests))
    table(tests)
    passed, failed = sum(t.passed for t in tests), sum(len(t.failures) for t in tests)
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
