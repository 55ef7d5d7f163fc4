#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""0750: posthorn check and posthorn backup: what is wrong with a database, and a copy of it while it is in use."""
import fcntl
import hashlib
import shutil
import sqlite3

from harness import *

POSTHORN = os.path.join(BUILD, "posthorn")
LATER = rfc3339(time.time() + 30 * 86400)


def posthorn(*args, status=0):
    got, out, err = run(POSTHORN, *args, env={"NO_COLOR": "1"})
    equal(got, status, f"exit status of {args}; it said {err!r}")
    return out, err


def findings(folder, status=0, *args):
    out, _ = posthorn("check", "--data-dir", folder, "--json", *args, status=status)
    return {f["code"]: f for f in json.loads(out)["findings"]}


def errors(found):
    return sorted(code for code, f in found.items() if f["kind"] == "error")


def filled(w, n=300):
    """A gateway with messages that are final, and as many that wait."""
    gw = w.gateway()
    api = gw.api()
    api.stream([{"to": f"+1202{5550000 + i}", "text": f"now {i}"} for i in range(n)]).expect(202)
    api.stream([{"to": f"+1202{5560000 + i}", "text": f"later {i}", "send_at": LATER} for i in range(n)]).expect(202)
    wait_for(lambda: not gw.metrics()["posthorn_queue_waiting"], 20, "what is not for later to be final")
    return gw


def data_dir(gw):
    return os.path.join(gw.dir, "data")


@case("a database in use is checked beside the gateway, and nothing is wrong")
def _(w):
    gw = filled(w)
    found = findings(data_dir(gw))
    equal(errors(found), [], "errors")
    equal(found["in_use"]["n"], 1, "in use")
    equal((found["messages"]["n"], found["messages_waiting"]["n"]), (600, 300), "messages, and those that wait")
    out, err = posthorn("check", "--data-dir", data_dir(gw))
    check("nothing is wrong" in err and "messages_waiting" in out, f"the table: {out}{err}")


@case("damage is told: of pages, and of promises")
def _(w):
    gw = filled(w)
    gw.stop()
    folder = data_dir(gw)
    path = os.path.join(folder, "posthorn.db")
    db = sqlite3.connect(path)
    with db:
        gone, = db.execute("SELECT key >> 8 FROM due LIMIT 1").fetchone()
        db.execute("DELETE FROM due WHERE key >> 8 = ?", (gone,))
        db.execute("UPDATE meta SET v = (SELECT max(id) + 1 FROM message) WHERE k = 'low_water'")
        db.execute("DELETE FROM body WHERE id = (SELECT key >> 8 FROM due LIMIT 1)")
        db.execute("INSERT INTO final VALUES (?, 4, 1, 0, 0, NULL, 0)", (77 << 8,))
        db.execute("INSERT INTO idem_part VALUES (5, zeroblob(8))")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    found = findings(folder, 1)
    equal(errors(found), ["finals_of_nothing", "key_parts_of_nothing", "lost", "without_text"], "errors")
    equal(found["lost"]["n"], 1, "messages that nothing stands for")
    equal(found["in_use"]["n"], 0, "in use")
    with open(path, "r+b") as f:
        f.seek(4096 * 7)
        f.write(b"\xa5" * 4096 * 3)
    check("corrupt" in errors(findings(folder, 1)), "a page that is none")
    with open(path, "wb") as f:
        f.write(b"no database at all " * 1000)
    _, err = posthorn("check", "--data-dir", folder, status=1)
    check("not a database" in err, f"what it said: {err}")
    _, err = posthorn("check", "--data-dir", w.path("nowhere"), status=1)
    check("--data-dir" in err, f"what it said: {err}")


@case("a backup under load is whole, and put back it is a gateway again")
def _(w):
    gw = filled(w)
    api = gw.api()
    copy = w.path("copy.db")
    over = threading.Event()

    def load():
        i = 0
        other = Api(gw.port, gw.keys["shop"])
        while not over.is_set():
            other.stream([{"to": f"+1202{5570000 + i}", "text": "meanwhile", "send_at": LATER}] * 200).expect(202)
            i += 1
        other.close()

    t = threading.Thread(target=load, daemon=True)
    t.start()
    try:
        for _ in range(3):
            posthorn("backup", "--data-dir", data_dir(gw), copy, "--force")
    finally:
        over.set()
        t.join(patience(20))
    _, err = posthorn("backup", "--data-dir", data_dir(gw), copy, status=1)
    check("--force" in err, f"a file that is there is kept: {err}")
    equal(os.stat(copy).st_mode & 0o777, 0o600, "rights of the copy, which holds texts")
    found = findings(copy)
    equal(errors(found), [], "errors in the copy")
    after = api.send(text="after the backup", send_at=LATER)["id"]
    gw.kill()
    for end in "", "-wal", "-shm":
        path = os.path.join(data_dir(gw), "posthorn.db" + end)
        if os.path.exists(path):
            os.remove(path)
    shutil.copy(copy, os.path.join(data_dir(gw), "posthorn.db"))
    gw.restart()
    api = gw.api()
    equal(findings(data_dir(gw))["messages_waiting"]["n"], found["messages_waiting"]["n"], "what waits, as in the copy")
    equal(api.get(f"/v1/messages/{after}").status, 404, "what came after the backup")
    new = api.send(text="new")["id"]
    api.wait_state(new, "delivered", "unconfirmed")
    equal(errors(findings(data_dir(gw))), [], "errors after it")


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


@case("after a kill, check and backup leave the file and its log as they are, and refuse an emptied file beside a log")
def _(w):
    gw = w.gateway()
    api, folder, copy = gw.api(), data_dir(gw), w.path("copy.db")
    ids = [api.send(send_at=LATER)["id"] for _ in range(20)]
    gw.kill()
    path, whole = os.path.join(folder, "posthorn.db"), w.path("whole.db")
    before = digest(path), digest(path + "-wal")
    equal(findings(folder)["messages"]["n"], 20, "messages")
    posthorn("backup", "--data-dir", folder, copy)
    equal((digest(path), digest(path + "-wal")), before, "the file and its log")
    os.rename(path, whole)
    for octets, says in ((b"", "empty, but there is"), (b"S", "one octet"), (None, "is missing, but there is")):
        if octets is not None:
            with open(path, "wb") as f:
                f.write(octets)
        for command in (["check"], ["backup", w.path("none.db")]):
            _, err = posthorn(command[0], "--data-dir", folder, *command[1:], status=1)
            check(f"{path}: {says}" in err and "backup" in err, f"{command} of {octets}: {err}")
            equal(digest(path + "-wal"), before[1], f"the log after {command} of {octets}")
        if octets is not None:
            os.unlink(path)
    os.rename(whole, path)
    gw.restart()
    equal([gw.api().get(f"/v1/messages/{i}").status for i in ids], [200] * 20, "what was accepted")


@case("check of a database that was stopped leaves no log behind")
def _(w):
    gw = w.gateway()
    gw.stop()
    before = sorted(os.listdir(data_dir(gw)))
    findings(data_dir(gw))
    equal(sorted(os.listdir(data_dir(gw))), before, "files")


@case("a copy that is made in one step says how large it is, too")
def _(w):
    gw = w.gateway()
    out, err = posthorn("backup", "--data-dir", data_dir(gw), w.path("copy.db"), "--json")
    pages = os.path.getsize(w.path("copy.db")) // 4096
    equal(json.loads(out)["pages"], pages, f"pages; it said {out}{err}")


@case("a backup that cannot be finished leaves nothing behind")
def _(w):
    gw = filled(w, 50)
    folder = w.path("full")
    os.mkdir(folder)
    _, err = posthorn("backup", "--data-dir", data_dir(gw), os.path.join(folder, "no", "copy.db"), status=1)
    check("No such file" in err, f"what it said: {err}")
    os.chmod(folder, 0o755)
    equal(os.listdir(folder), [], "what is left")


@case("what a killed backup left is replaced by the next to the same place; two at a time are refused")
def _(w):
    gw = filled(w, 50)
    folder = w.path("backups")
    os.mkdir(folder)
    copy, part = os.path.join(folder, "copy.db"), os.path.join(folder, "copy.db.part")
    for path in (part, part + "-journal", part + "-wal"):
        with open(path, "wb") as f:
            f.write(b"half a backup " * 4000)
    with open(part, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        _, err = posthorn("backup", "--data-dir", data_dir(gw), copy, status=1)
        check("another backup" in err, f"what it said: {err}")
        equal(other.read(14), b"half a backup ", "the file of the other")
    posthorn("backup", "--data-dir", data_dir(gw), copy)
    equal(os.listdir(folder), ["copy.db"], "what is there")
    equal(os.stat(copy).st_mode & 0o777, 0o600, "rights of the copy")
    found = findings(copy)
    equal((errors(found), found["messages"]["n"]), ([], 100), "errors in the copy, and its messages")


main()
