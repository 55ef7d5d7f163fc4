# SPDX-License-Identifier: Apache-2.0
"""bench_table.py -- the rows that were measured: said as they come, and at the end as a table, Markdown or JSON.

A row is a figure, what it is compared with in the same run, where a goal is set whether it is met, the CPU time of the
gateway by thread, and that of the load generator and the carrier that share the cores with it."""
import json
import os
import platform
import subprocess
import time

ROWS = []
SECTION = [""]
COLUMNS = ("row", "value", "unit", "beside its limit", "CPU ms/1,000", "loop", "writer", "others", "load", "carrier", "disk kB",
           "accepted/s", "p50 ms", "p99 ms", "goal", "")
LEFT = (0, 2, 3, 14, 15)  # text


def section(title):
    SECTION[0] = title
    print(f"\n-- {title}", flush=True)


def is_met(value, goal):
    """`goal` in the words of the table: "<= 0.5" or ">= 20000"."""
    how, bound = goal.split()[:2]
    return value <= float(bound) if how == "<=" else value >= float(bound)


def row(name, value, unit, limit=None, limit_name="", cpu_ms=None, goal=None, cpu=None, beside=None, disk=None,
        more=None):
    """cpu: {"loop": ms, "writer": ms, "others": ms} for 1,000 messages; beside: the same of "load" and "carrier"; disk: kB written
    for a message."""
    if cpu and cpu_ms is None:
        cpu_ms = sum(cpu.values())
    r = {"section": SECTION[0], "name": name, "value": value, "unit": unit, "limit": limit, "limit_name": limit_name,
         "ratio": value / limit if limit else None, "cpu_ms_per_1000": cpu_ms, "cpu": cpu or {}, "beside": beside or {},
         "disk_kb": disk, "goal": goal, "met": is_met(value, goal) if goal else None, **(more or {})}
    ROWS.append(r)
    print("  ".join(x for x in line(r) if x).rstrip(), flush=True)
    return r


def number(v):
    if v is None:
        return ""
    return f"{v:,.0f}" if abs(v) >= 1000 else f"{v:.3g}" if abs(v) < 10 else f"{v:.1f}"


def cells(r):
    cpu, beside = r["cpu"], r["beside"]
    return (r["name"], number(r["value"]), r["unit"], f"{number(r['ratio'])} × {r['limit_name']}" if r["limit"] else "",
            number(r["cpu_ms_per_1000"]), *(number(cpu.get(k)) for k in ("loop", "writer", "others")),
            *(number(beside.get(k)) for k in ("load", "carrier")),
            *(number(r.get(k)) for k in ("disk_kb", "accepted_per_s", "p50_ms", "p99_ms")), r["goal"] or "",
            "" if r["met"] is None else "met" if r["met"] else "NOT MET")


def line(r):
    """The row while the others are still to come."""
    c = cells(r)
    named = [f"{name} {v}" for name, v in zip(COLUMNS[4:14], c[4:14]) if v]
    return (f"{c[0]:<62} {c[1]:>11} {c[2]:<8}", c[3], ", ".join(named), f"goal {c[14]}: {c[15]}" if c[14] else "")


def sections(rows):
    names = list(dict.fromkeys(r["section"] for r in rows))
    return [(name, [r for r in rows if r["section"] == name]) for name in names]


def used(table):
    """The columns that say something in this section."""
    return [i for i in range(len(COLUMNS)) if i < 3 or any(t[i] for t in table)]


def text(rows):
    out = []
    for name, mine in sections(rows):
        table = [cells(r) for r in mine]
        show = used(table)
        widths = [max(len(COLUMNS[i]), max(len(t[i]) for t in table)) for i in show]
        out += ["", name] if name else [""]
        for t in [COLUMNS] + table:
            out.append("  ".join(t[i].rjust(w) if i not in LEFT else t[i].ljust(w)
                                 for i, w in zip(show, widths)).rstrip())
    return "\n".join(out)


def markdown(run):
    m, out = run["machine"], []
    out.append(f"{m['cores']} cores ({m['cpu']}), Linux {m['kernel']}, {run['date']}, {run['commit']}; "
               f"append of 100 messages' octets and `fdatasync`: {m.get('sync_ms', 0):.2f} ms; "
               f"load of the machine before: {m.get('load', 0):.1f}.")
    for name, mine in sections(run["rows"]):
        table = [cells(r) for r in mine]
        show = used(table)
        out += ["", f"### {name}", "", "| " + " | ".join(COLUMNS[i] for i in show) + " |",
                "|" + "|".join("---" if i in LEFT else "---:" for i in show) + "|"]
        out += ["| " + " | ".join(t[i] for i in show) + " |" for t in table]
    return "\n".join(out) + "\n"


def missed(rows):
    """The names of rows whose goal is not met; one that belongs to the row above it, after that one's."""
    names, above = [], ""
    for r in rows:
        own = r["name"].startswith(" ")
        above = above if own else r["name"]
        if r["met"] is False:
            names.append(f"{above}: {r['name'].strip()}" if own else above)
    return names


def cpu_name():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        for line_ in f:
            if line_.startswith("model name"):
                return line_.split(":", 1)[1].strip()
    return platform.machine()


def commit():
    here = os.path.dirname(os.path.abspath(__file__))
    r = subprocess.run(["git", "-C", here, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return "commit " + r.stdout.strip() if r.returncode == 0 else "no repository"


def as_run(facts):
    """What is written as JSON, and read again to make a table of it."""
    return {"date": time.strftime("%Y-%m-%d", time.gmtime()), "commit": commit(), "rows": ROWS,
            "machine": {"cores": os.cpu_count(), "cpu": cpu_name(), "kernel": platform.release(), **facts}}


def write(path, content):
    with open(path, "w", encoding="utf-8") as f:
        f.write(content if isinstance(content, str) else json.dumps(content, indent=1))
