#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""refuses_to_start.py -- databases that cannot be used: a sentence that says which file and why, a status, nothing changed.

Each way to spoil a database is done to the same one, copied anew; posthornd is started on it, and `posthorn check` asked.
"""
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.dont_write_bytecode = True
from harness import *  # noqa: E402
import harness  # noqa: E402


def overwrite(path, at, octets):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(octets)


def ask(path, sql):
    db = sqlite3.connect(path)
    db.execute(sql)
    db.commit()
    db.close()


def first_page_of(path, table):
    db = sqlite3.connect(path)
    page = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
    db.close()
    return (page - 1) * 4096


def corrupt_page(path, table):
    overwrite(path, first_page_of(path, table), b"\xa5" * 4096)


def truncate(path):
    os.truncate(path, os.path.getsize(path) // 2 // 4096 * 4096)


def somebody_elses(path):
    os.unlink(path)
    ask(path, "CREATE TABLE recipes (id)")


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


# What is done to it, what posthornd must say of it, what `posthorn check` must.
SPOILED = [
    ("somebody else's, with a journal of its own", somebody_elses, "not one of Posthorn", "not one of Posthorn"),
    ("a header of something else", lambda p: overwrite(p, 0, b"not a database at all"), "a backup can be put back", "not a database"),
    ("a page of the schema overwritten", lambda p: overwrite(p, 100, b"\xa5" * 3000), "a backup can be put back", "malformed"),
    ("marks overwritten", lambda p: corrupt_page(p, "meta"), "a backup can be put back", "malformed"),
    ("cut in half", truncate, "a backup can be put back", "malformed"),
    ("of another program", lambda p: ask(p, "PRAGMA application_id = 7"), "not one of Posthorn", "not one of Posthorn"),
    ("of a newer Posthorn", lambda p: ask(p, "PRAGMA user_version = 99"), "newer Posthorn", "newer Posthorn"),
    ("of another node", lambda p: ask(p, "UPDATE meta SET v = 5 WHERE k = 'node'"), "belongs to node 5", None),
]


def started(gw, program=os.path.join(BUILD, "posthornd"), **named):
    """posthornd until it ends: its status and what it logged as its last error."""
    r = subprocess.run([program, "-c", gw.conf_path], stdin=subprocess.DEVNULL,
                       capture_output=True, text=True, timeout=patience(30), check=False, **named)
    return r.returncode, r.stderr


@case("a spoiled database: refused with a sentence, status 1, and not an octet of it is changed")
def _(w):
    gw = w.gateway(links=[{"name": "null", "driver": "loopback"}])
    for i in range(20):
        gw.api().post("/v1/messages", [{"to": f"+1202555{i:03}{j}", "text": "x" * 100} for j in range(10)]).expect(202)
    gw.stop()
    path = os.path.join(gw.settings["data_dir"], "posthorn.db")
    whole = w.path("whole.db")
    shutil.copy(path, whole)
    problems = []
    for what, spoil, says, check_says in SPOILED:
        shutil.copy(whole, path)
        spoil(path)
        before = digest(path)
        status, err = started(gw)
        last = err.strip().split("\n")[-1]
        _, out, cerr = run(os.path.join(BUILD, "posthorn"), "check", "--data-dir", gw.settings["data_dir"])
        harness._comment(f"{what}: {status}: {last[-150:]}")
        if status != 1 or says not in err or path not in err:
            problems.append(f"{what}: status {status}: {last}")
        if check_says and check_says not in out + cerr:
            problems.append(f"{what}: check says {out[-300:]} {cerr[-300:]}")
        if digest(path) != before:
            problems.append(f"{what}: the file was changed")
        for end in ("-wal", "-shm"):
            if os.path.exists(path + end):
                os.unlink(path + end)
    equal(problems, [], "what went wrong")


@case("a database that another gateway, or a shell, holds: refused, and the holder goes on")
def _(w):
    gw = w.gateway(links=[{"name": "null", "driver": "loopback"}])
    status, err = started(gw)
    check(status == 1 and "in use by another process" in err, f"{status}: {err[-300:]}")
    gw.api().post("/v1/messages", [{"to": "+12025550142", "text": "x"}]).expect(202)
    gw.stop()
    db = sqlite3.connect(os.path.join(gw.settings["data_dir"], "posthorn.db"), isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    status, err = started(gw)
    check(status == 1 and "another program has it open" in err and "posthorn.db" in err, f"{status}: {err[-300:]}")
    db.rollback()
    db.close()
    gw.restart()
    gw.api().post("/v1/messages", [{"to": "+12025550142", "text": "x"}]).expect(202)


NOBODY = 65534


def unprivileged(gw):
    """How to start posthornd as somebody who may not write everything: we may be root, as in containers."""
    if os.getuid() != 0:
        return {}
    for folder, _, files in os.walk(gw.dir):
        for path in [folder] + [os.path.join(folder, f) for f in files]:
            os.chown(path, NOBODY, NOBODY)
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


@case("a file, or a folder, without rights: refused, with its path")
def _(w):
    gw = w.gateway(links=[{"name": "null", "driver": "loopback"}])
    gw.stop()
    # Elsewhere, as the way to the build folder need not be open to others.
    with tempfile.TemporaryDirectory(prefix="posthorn-rights-") as top:
        os.chmod(top, 0o755)
        shutil.move(gw.dir, os.path.join(top, "gateway"))
        gw.dir = os.path.join(top, "gateway")
        folder = gw.settings["data_dir"] = os.path.join(gw.dir, "data")
        gw.conf_path = os.path.join(gw.dir, "posthorn.conf")
        gw.write_conf()
        program = shutil.copy(os.path.join(BUILD, "posthornd"), top)
        somebody = unprivileged(gw)
        path = os.path.join(folder, "posthorn.db")
        for what, mode, normal in ((path, 0o400, 0o600), (folder, 0o500, 0o700)):
            os.chmod(what, mode)
            status, err = started(gw, program, **somebody)
            os.chmod(what, normal)
            harness._comment(f"{what}: {status}: {err.strip()[-150:]}")
            check(status == 1 and path in err, f"{what}: {status}: {err[-300:]}")


main()
