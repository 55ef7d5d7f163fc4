#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""refuses_to_start.py -- databases that cannot be used: a sentence that says which file and why, a status, nothing changed.

Each way to spoil a database is done to the same one, copied anew; posthornd is started on it, and `posthorn check` asked.
"""
import contextlib
import hashlib
import os
import shutil
import sqlite3
import struct
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


def trees(path):
    """All tables and indexes: name and number of the root page."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0").fetchall()


def corrupt_middle(path, table, at=0.5):
    """A leaf far from both edges."""
    page = first_page_of(path, table)
    with open(path, "rb") as f:
        while True:
            f.seek(page)
            octets = f.read(4096)
            if octets[0] not in (2, 5):
                break
            cells = struct.unpack_from(">H", octets, 3)[0]
            deep = octets
            cell = struct.unpack_from(">H", octets, 12 + int(cells * at) * 2)[0]
            page = (struct.unpack_from(">I", octets, cell)[0] - 1) * 4096
    check(page != first_page_of(path, table) and struct.unpack_from(">H", deep, 3)[0] > 8, f"{table} has too few pages")
    overwrite(path, page, b"\xa5" * 4096)


def forget_log(path):
    """Without what a gateway that was killed, or refused, leaves beside it."""
    for end in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + end)


def into_file(path):
    """All of the log into the file; the gateway that runs reads each page anew, as the database was written by another."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE meta SET v = v WHERE k = 'node'")
        equal(db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0], 0, "the log is in the file")


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def digests(path):
    return digest(path), digest(path + "-wal")


def is_null(path, table, column, row):
    """A row whose text is NULL in a column that may not be: damage can make one, SQL only with a changed schema."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA writable_schema = ON")
        was, = db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        may = was.replace(f"{column} TEXT NOT NULL", f"{column} TEXT")
        check(may != was, was)
        db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (may, table))
        db.commit()
    ask(path, f"INSERT INTO {table} VALUES {row}")
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (was, table))
        db.commit()


def waits_in_no_lane(path):
    ask(path, "INSERT INTO lane VALUES (9, 77, 1, 0, 0, 0)")
    ask(path, "INSERT INTO backlog VALUES (9, 1, 1, 1)")


BACKUP = "a backup can be put back"
NOT_OURS = "its tables are not as Posthorn made them"

DAMAGED = 65  # EX_DATAERR: no supervisor should try again
SOUND = ("not one of Posthorn", "newer Posthorn", "belongs to node 5")

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
    ("of a schema below the first", lambda p: ask(p, "PRAGMA user_version = -3"), "number -3", "number that no Posthorn gives"),
    ("of no schema, with tables", lambda p: ask(p, "PRAGMA user_version = 0"), "number 0", "number that no Posthorn gives"),
    ("marks that are no table", lambda p: ask(p, "DROP TABLE meta"), NOT_OURS, "unreadable"),
    ("a column gone", lambda p: ask(p, "ALTER TABLE message DROP COLUMN route"), NOT_OURS, None),
    ("a mark that is no number", lambda p: ask(p, "UPDATE meta SET v = 'x' WHERE k = 'next_block'"), BACKUP, "damaged_rows"),
    ("a mark below all ids", lambda p: ask(p, "UPDATE meta SET v = -1 WHERE k = 'next_block'"), BACKUP, "damaged_rows"),
    ("a mark above all ids", lambda p: ask(p, "UPDATE meta SET v = 1 << 60 WHERE k = 'low_water'"), BACKUP, "damaged_rows"),
    ("a name of no kind", lambda p: ask(p, "UPDATE name SET kind = 77 WHERE kind = 1 AND id = 1"), "table name", "damaged_rows"),
    ("a name far away", lambda p: ask(p, "UPDATE name SET id = 3000000000 WHERE kind = 1 AND id = 1"), "table name", "damaged_rows"),
    ("a name without text", lambda p: is_null(p, "name", "text", "(1, 50, NULL)"), "table name", "damaged_rows"),
    ("a name of no octet", lambda p: ask(p, "UPDATE name SET text = '' WHERE kind = 1 AND id = 1"), "table name", "damaged_rows"),
    ("a cancellation without tag", lambda p: is_null(p, "cancel", "tag", "(1, 1, NULL, 5, 5)"), "table cancel", "damaged_rows"),
    ("a lane of no class", waits_in_no_lane, "lanes", "damaged_rows"),
    ("a key of no octet", lambda p: ask(p, "INSERT INTO idem VALUES (1, 1, x'', x'', '')"), BACKUP, None),
    ("keys of no level", lambda p: ask(p, "INSERT INTO idem_run VALUES (77, 0, 1)"), BACKUP, "key_runs_wrong"),
    ("a quota of no kind", lambda p: ask(p, "INSERT INTO quota VALUES (1, 9, 0, 1 << 50, 3)"), "quotas", "damaged_rows"),
]


def started(gw, program=os.path.join(BUILD, "posthornd"), **named):
    """posthornd until it ends: its status and what it logged as its last error."""
    r = subprocess.run([program, "-c", gw.conf_path], stdin=subprocess.DEVNULL,
                       capture_output=True, text=True, timeout=patience(30), check=False, **named)
    return r.returncode, r.stderr


def posthorn(gw, command, *args):
    """Its status, and all that it said."""
    status, out, err = run(os.path.join(BUILD, "posthorn"), command, "--data-dir", gw.settings["data_dir"], *args)
    return status, out + err


@case("a spoiled database: refused with a sentence, a status, and not an octet of it is changed")
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
        if status != (1 if says in SOUND else DAMAGED) or says not in err or path not in err:
            problems.append(f"{what}: status {status}: {last}")
        if check_says and check_says not in out + cerr:
            problems.append(f"{what}: check says {out[-300:]} {cerr[-300:]}")
        if digest(path) != before:
            problems.append(f"{what}: the file was changed")
        forget_log(path)
    equal(problems, [], "what went wrong")


def told(lines):
    return [line for line in lines if "event=database_damaged" in line]


def database(gw):
    return os.path.join(gw.settings["data_dir"], "posthorn.db")


@case("the root page of any table or index: refused by name before anything is written, and posthorn check finds it")
def _(w):
    gw = w.gateway(links=[{"name": "null", "driver": "loopback"}])
    gw.api().send()
    gw.stop()
    path, whole, problems = database(gw), w.path("whole.db"), []
    shutil.copy(path, whole)
    names = trees(whole)
    check(len(names) > 35, f"tables and indexes: {names}")
    for name, page in names:
        shutil.copy(whole, path)
        overwrite(path, (page - 1) * 4096, b"\xa5" * 4096)
        before = digest(path)
        status, err = started(gw)
        if status != DAMAGED or f" {name}: " not in err or path not in err or "a backup can be put back" not in err:
            problems.append(f"{name}: status {status}: {err[-300:]}")
        if digest(path) != before:
            problems.append(f"{name}: the file was changed")
        status, out, err = run(os.path.join(BUILD, "posthorn"), "check", "--data-dir", gw.settings["data_dir"])
        if status == 0:
            problems.append(f"{name}: check says {out} {err}")
        forget_log(path)
    equal(problems, [], "what went wrong")


@case("refused after a kill, with a log beside it: nor the file nor the log is changed, and mended all is there")
def _(w):
    gw = w.gateway(links=[smpp(free_port())])
    path, whole, backup = database(gw), w.path("whole.db"), w.path("backup.db")
    ids = [gw.api().send()["id"]]
    into_file(path)
    root = first_page_of(path, "correction")  # nothing changes it, so it is not in the log
    posthorn(gw, "backup", backup)
    ids += [gw.api().send()["id"] for _ in range(20)]
    gw.kill()
    shutil.copy(path, whole)
    for how, spoil, says in (
            ("a page of it is damaged", lambda: overwrite(path, root, b"\xa5" * 4096), "correction: "),
            ("a backup was put beside the log", lambda: shutil.copy(backup, path), "that of another database")):
        spoil()
        before = digests(path)
        status, err = started(gw)
        check(status == DAMAGED and says in err and path in err, f"{how}: {status}: {err[-300:]}")
        equal(digests(path), before, f"{how}: the file and its log after a start")
        equal(posthorn(gw, "check")[0], 1, f"{how}: what check says")
        equal(digests(path), before, f"{how}: … after a check")
        shutil.copy(whole, path)
    shutil.copy(backup, path)
    log = w.path("log")
    shutil.move(path + "-wal", log)
    os.unlink(path + "-shm")
    gw.restart()
    equal([gw.api().get(f"/v1/messages/{i}").status for i in ids[:2]], [200, 404], "the backup")
    gw.kill()
    forget_log(path)
    shutil.copy(whole, path)
    shutil.copy(log, path + "-wal")
    gw.restart()
    equal([gw.api().get(f"/v1/messages/{i}").status for i in ids], [200] * len(ids), "what was accepted")


@case("a page in the middle of what waits: the scan after the start ends the process, with the file and what to do")
def _(w):
    gw = w.gateway(links=[smpp(free_port())])
    for i in range(3):
        gw.api().post("/v1/messages", [{"to": f"+1202555{i}{j:03}", "text": "waits"} for j in range(1000)]).expect(202)
    gw.kill()
    into_file(database(gw))
    corrupt_middle(database(gw), "message")
    status, err = started(gw)
    equal(status, DAMAGED, "status")
    equal(len(told(err.split("\n"))), 1, "how often it is told")
    for part in (database(gw), "event=recovery_failed", "posthorn check", "a backup can be put back"):
        check(part in err, f"{part}: {err[-500:]}")


@case("starts in a row on a database damaged in what waits: nothing goes twice, and what is answered late is stored")
def _(w):
    sim = w.smsc(script="slow 300ms\n")
    gw = w.gateway(links=[smpp(sim, window=20)])
    gw.wait_link()
    ops = gw.operator()
    ops.post("/v1/links/acme/stop", None).expect(202)
    gw.wait_link(state="stopped")
    for i in range(250):  # so many that the link is up before the scan is there
        gw.api().post("/v1/messages", [{"to": f"+1202{i:03}{j:04}", "text": f"{i} {j}"} for j in range(1000)]).expect(202)
    ops.post("/v1/links/acme/start", None).expect(202)
    wait_for(lambda: len(sim.submits()) >= 20, 10, "what is in flight when it dies")
    gw.kill()
    into_file(database(gw))
    corrupt_middle(database(gw), "message", 0.98)
    sent = []
    for n in range(4):
        status, err = started(gw)
        equal((status, "clean=yes" in err), (DAMAGED, True), f"start {n}")
        sent.append(len(sim.submits()))
        equal(err.count("event=uncertain_after_restart"), 20, "what waits for a whole database")
    harness._comment(f"sent after each start: {sent}")
    texts = [x["text"] for x in sim.submits()]
    equal(len(texts), len(set(texts)), "sent, and sent once")


@case("damage that the writer meets: told once, 503 with a reason, nothing is sent, it ends; mended, all goes on")
def _(w):
    sim = w.smsc()
    gw = w.gateway(links=[smpp(sim)])
    gw.wait_link()
    ops = gw.operator()
    ops.post("/v1/links/acme/stop", None).expect(202)
    gw.wait_link(state="stopped")
    waits = gw.api().send()["id"]
    path, whole = database(gw), w.path("whole.db")
    into_file(path)
    shutil.copy(path, whole)
    corrupt_page(path, "body")
    codes = []

    def refused():
        a = gw.api().post("/v1/messages", {"to": "+12025550142", "text": "x"})
        check(a.status == 503 and int(a.headers["Retry-After"]) > 0, f"how it refuses: {a}")
        codes.append(a.code)
        return a.code == "database_damaged"
    wait_for(refused, 10, "the reason")
    equal(set(codes) - {"database_damaged"}, {"store_failed"}, "what the first ones were told")
    equal(gw.admin().get("/readyz").expect(503).json["reasons"], ["database_damaged"], "readyz")
    equal(gw.metrics()["posthorn_store_damaged"], 2, "metric")
    ops.post("/v1/links/acme/start", None).expect(202)
    gw.wait_link()
    gw.stop()
    equal(sim.submits(), [], "what was sent")
    equal([(path in line, "posthorn check" in line) for line in told(gw.lines)], [(True, True)], "lines that tell it")
    forget_log(path)
    shutil.copy(whole, path)
    gw.restart()
    gw.api().wait_state(waits, "sent", "delivered")


@case("a damaged page of idempotency keys: who names one is refused with the reason, all else is taken and sent")
def _(w):
    sim = w.smsc()
    row = {"to": "+12025550142", "text": "x"}
    for table, with_key in (("idem", lambda api: api.post("/v1/messages", row, {"Idempotency-Key": "k-new"})),
                            ("stream", lambda api: api.stream([row], key="k-new"))):
        gw = w.gateway(links=[smpp(sim)], name=f"g-{table}")
        gw.wait_link()
        api = gw.api()
        api.send(key="k-before")
        into_file(database(gw))
        corrupt_page(database(gw), table)
        for _ in range(3):
            a = with_key(api).expect(503, "database_damaged")
            check(int(a.headers["Retry-After"]) > 0, f"{table}: when to come again")
            api.wait_state(api.send()["id"], "sent", "delivered")
        equal(gw.metrics()["posthorn_store_damaged"], 1, f"{table}: metric")
        equal(gw.admin().get("/readyz").expect(503).json["reasons"], ["database_damaged"], f"{table}: readyz")
        gw.stop()
        equal(len(told(gw.lines)), 1, f"{table}: how often it is told")


@case("a stop with answers that damage keeps from being stored is not clean, and has a status that says so")
def _(w):
    sim = w.smsc(script="slow 300ms\n")
    gw = w.gateway({"stop_timeout": 1}, links=[smpp(sim, window=10)])
    gw.wait_link()
    gw.api().post("/v1/messages", [{"to": f"+120255500{i:02}", "text": f"{i}"} for i in range(10)]).expect(202)
    wait_for(lambda: len(sim.submits()) == 10, 10, "what is in flight")
    into_file(database(gw))
    corrupt_page(database(gw), "submit")
    gw.wait_line("event=database_damaged .*cannot be stored")
    gw.expected = {DAMAGED}
    gw.stop()
    check(gw.find("event=stopped clean=no"), "how it says that it stopped")


@case("damage that a read meets: told once, that read is 503, /readyz says so, all else goes on")
def _(w):
    gw = w.gateway(links=[{"name": "null", "driver": "loopback"}])
    m = gw.api().send()["id"]
    gw.api().wait_state(m, "delivered", "sent")
    into_file(database(gw))
    corrupt_page(database(gw), "correction")
    for _ in range(5):
        gw.api().get(f"/v1/messages/{m}").expect(503, "store_failed")
    equal(gw.admin().get("/readyz").expect(503).json["reasons"], ["database_damaged"], "readyz")
    gw.api().send()
    gw.stop()
    equal([(database(gw) in line, "posthorn check" in line) for line in told(gw.lines)], [(True, True)], "lines that tell it")


@case("an inbound message whose missing parts are no numbers: a read that is damaged, and no loop without an end")
def _(w):
    gw = w.gateway(links=[{"name": "null", "driver": "loopback"}])
    ask(database(gw), "INSERT INTO inbound VALUES (1, 1, 1, 0, '1', '2', 'x', x'78', 0, 0, 3, '2,x', NULL)")
    gw.api("ops").get("/v1/inbound").expect(503, "store_failed")
    equal(gw.admin().get("/readyz").expect(503).json["reasons"], ["database_damaged"], "readyz")
    gw.api().send()


@case("waiting messages whose texts are gone, met by the scan and in a lane: told, never sent, all else goes on")
def _(w):
    sim = w.smsc()
    gw = w.gateway({"queue": {"lane_window": 16}}, links=[smpp(sim)])
    gw.wait_link()
    gw.operator().post("/v1/links/acme/stop", None).expect(202)
    gw.wait_link(state="stopped")
    ids = [gw.api().send(text=f"hello {i}")["id"] for i in range(25)]
    gw.stop()
    rows = [(int(ids[1]),), (int(ids[20]),)]  # what its lane has room for in memory, and a row of its backlog
    with contextlib.closing(sqlite3.connect(database(gw))) as db:
        equal(db.execute("SELECT count(*) FROM backlog WHERE id IN (?, ?)", (*rows[0], *rows[1])).fetchone()[0], 1, "rows")
        db.executemany("DELETE FROM body WHERE id = ?", rows)
        db.commit()
    w.remove(gw)
    gw._close_apis()
    gw._start(w, wait_ready=False)
    gw.wait_listening()
    gw.api().wait_state(ids[24], "sent", "delivered")
    last = gw.api().send(text="hello 25")["id"]
    gw.api().wait_state(last, "sent", "delivered")
    equal(sorted(x["text"] for x in sim.submits()), sorted(b"hello %d" % i for i in range(26) if i not in (1, 20)), "what was sent")
    equal([gw.api().message(ids[i])["state"] for i in (1, 20)], ["queued", "queued"], "what was not")
    equal(gw.admin().get("/readyz").expect(503).json["reasons"], ["database_damaged"], "readyz")
    equal([len(told(gw.lines)), sum("event=text_lost" in line for line in gw.lines)], [1, 2], "lines that tell it")
    for i in (1, 20):
        gw.api().delete(f"/v1/messages/{ids[i]}").expect(200)
    equal([gw.api().message(ids[i])["state"] for i in (1, 20)], ["cancelled", "cancelled"], "what is cancelled")


@case("a file of no octet, or of one, where a database was: refused; an empty one that nothing speaks against: new, and told")
def _(w):
    gw = w.gateway(links=[{"name": "null", "driver": "loopback"}])
    gw.wait_line(r"level=info event=database_new .*posthorn.db")
    gw.api().send()
    gw.kill()
    path = database(gw)
    log = digest(path + "-wal")
    os.truncate(path, 0)
    for what in ("empty", "is missing"):
        status, err = started(gw)
        check(status == DAMAGED and f"{path}: {what}" in err and "put the file back" in err, f"{what}: {status}: {err[-300:]}")
        equal(digest(path + "-wal"), log, "the log")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    forget_log(path)
    with open(path, "wb") as f:
        f.write(b"S")
    status, err = started(gw)
    check(status == DAMAGED and f"{path}: one octet" in err, f"one octet: {status}: {err[-300:]}")
    equal(os.path.getsize(path), 1, "octets")
    os.truncate(path, 0)
    w.remove(gw)
    gw._close_apis()
    gw._start(w)
    gw.wait_line(r"level=warn event=database_new .*posthorn.db .*it was empty")
    gw.api().send()


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
