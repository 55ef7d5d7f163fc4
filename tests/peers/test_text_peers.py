#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How texts are cut, compared with two programs of others: the npm packages split-sms and sms-segments-calculator.

More than ten thousand texts are made here, the same in each run, and POSTHORN_TEXTS may name a file of more (one a line,
what stands before a first tab is left out).  Encoding and the units of every part are compared.  A difference must fall
into one of CLASSES, each of which states what has to hold for it; any other fails the test.  TAP; skipped without npm.
"""
import json
import os
import random
import shutil
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("POSTHORN_BUILD", "."))
PLACE = os.path.join(BUILD, "tests", "peers", "npm")
N_DRAWN = 12000


def skip(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


def install():
    if not shutil.which("node") or not shutil.which("npm"):
        skip("node and npm are not installed")
    os.makedirs(PLACE, exist_ok=True)
    for name, to in (("package.json",) * 2, ("package-lock.json",) * 2, ("npmrc", ".npmrc"), ("count.mjs",) * 2):
        shutil.copyfile(os.path.join(SOURCE, "tests", "peers", "node-text", name), os.path.join(PLACE, to))
    if not os.path.isdir(os.path.join(PLACE, "node_modules", "split-sms")):
        r = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=PLACE, capture_output=True,
                           text=True, timeout=100, check=False)
        if r.returncode:
            skip(f"npm ci: {r.stderr.strip().splitlines()[-1:]}")


# ---- texts ---------------------------------------------------------------------------------------------------------

PLAIN = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;!?'\"#%&()*+-/<=>@$_£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤"
             "¡ÄÖÑÜ§¿äöñüà\n\r")
PAIRS = list("€[]{}~^\\|\f")
OTHERS = list("çáíóúâêôãõšžłğşıŐűАБВабвгдежзиъьАلامدر漢字かな–—“”’…•`\t\u00a0\u200b\u2028")
ASTRAL = ["😀", "🎉", "👍", "𝒜", "𐍈", "🇫", "𠀀"]
CLUSTERS = ["👨‍👩‍👧‍👦", "👍🏽", "❤️", "🇫🇷", "e\u0301", "कि", "\u1112\u1161\u11ab", "\r\n", "1️⃣", "ก็", "a\u0308\u0323"]
LENGTHS = [0, 1, 2, 66, 67, 68, 69, 70, 71, 72, 132, 133, 134, 135, 136, 152, 153, 154, 158, 159, 160, 161, 162, 201, 202, 304,
           305, 306, 307, 308, 458, 459, 460]


def drawn(rng):
    """Mostly of one list, some of others, often of a length where a part ends."""
    main = rng.choice([PLAIN, PLAIN, PLAIN, PAIRS, OTHERS, ASTRAL, CLUSTERS])
    rare = rng.choice([[], PAIRS, PAIRS, OTHERS, ASTRAL, CLUSTERS, PLAIN])
    share = rng.choice([0.005, 0.02, 0.1, 0.4])
    length = rng.choice(LENGTHS) + rng.choice([0, 0, 0, -1, 1]) if rng.random() < 0.6 else rng.randrange(500)
    if main is CLUSTERS:
        length //= 4
    return "".join(rng.choice(rare if rare and rng.random() < share else main) for _ in range(max(0, length)))


def texts():
    rng = random.Random(19920623)
    made = [drawn(rng) for _ in range(N_DRAWN)]
    # Each character of the first planes' beginnings, alone: the alphabet and nothing else.
    made += [chr(cp) for cp in range(1, 0x3000)]
    made += ["x" * 152 + chr(cp) + "x" * 7 for cp in (*range(0x20, 0x180), 0x20ac)]
    return made


def texts_of_file(path):
    with open(path, encoding="utf-8") as f:
        return [line.rstrip("\n").split("\t", 1)[-1] for line in f]


# ---- answers -------------------------------------------------------------------------------------------------------

def ours(mode, all_texts):
    lines = "".join(t.encode().hex() + "\n" for t in all_texts)
    out = subprocess.run([os.path.join(BUILD, "tests", "peers", "text_probe"), mode], input=lines, capture_output=True,
                         text=True, check=True).stdout.splitlines()
    return [(fields[0], [int(u) for u in fields[1:]]) for fields in (line.split() for line in out)]


def theirs(all_texts):
    lines = "".join(json.dumps(t) + "\n" for t in all_texts)
    out = subprocess.run(["node", "count.mjs"], cwd=PLACE, input=lines, capture_output=True, text=True, check=True,
                         timeout=110).stdout
    return [json.loads(line) for line in out.splitlines()]


# ---- differences ---------------------------------------------------------------------------------------------------

# Each tells whether a text may differ for its reason: (text, our answer, our answer with clusters kept whole, theirs).

def keeps_clusters(text, us, whole, peer):
    """sms-segments-calculator keeps grapheme clusters whole.  Asked for the same we make the same parts."""
    return whole == (peer["encoding"], peer["units"])


def pays_for_clusters(text, us, whole, peer):
    """It keeps them whole also where that costs a part more; we then divide one."""
    return (whole[0] == peer["encoding"] == "ucs2" and sum(whole[1]) == sum(peer["units"]) and
            len(whole[1]) < len(peer["units"]) and bool(peer["graphemes"]))


def cuts_crlf(text, us, whole, peer):
    """To it CR LF are two clusters, to Unicode Standard Annex 29 and to us one; the cuts behind one differ."""
    return ("\r\n" in text and whole[0] == peer["encoding"] == "ucs2" and len(whole[1]) == len(peer["units"]) and
            sum(whole[1]) == sum(peer["units"]))


CLASSES = {
    "split-sms": [],
    "sms-segments-calculator": [keeps_clusters, pays_for_clusters, cuts_crlf],
}


def judge(name, peer_name, all_texts, us, whole, them):
    """Counts per class, and the differences that are in none."""
    counts, unexplained = {}, []
    for text, u, w, t in zip(all_texts, us, whole, them):
        peer = t[peer_name]
        if u == (peer["encoding"], peer["units"]):
            counts["the same"] = counts.get("the same", 0) + 1
            continue
        for explains in CLASSES[name]:
            if explains(text, u, w, peer):
                counts[explains.__name__] = counts.get(explains.__name__, 0) + 1
                break
        else:
            unexplained.append((text, u, w, peer))
    return counts, unexplained


def main():
    install()
    path = os.environ.get("POSTHORN_TEXTS")
    corpora = [("made texts", texts())] + ([(path, texts_of_file(path))] if path else [])
    n = bad = 0
    for corpus, all_texts in corpora:
        us, whole, them = ours("plan", all_texts), ours("plan-whole", all_texts), theirs(all_texts)
        assert len(us) == len(whole) == len(them) == len(all_texts) > (10000 if corpus == "made texts" else 0)
        for name, peer_name in (("split-sms", "split"), ("sms-segments-calculator", "calculator")):
            counts, unexplained = judge(name, peer_name, all_texts, us, whole, them)
            for what, count in counts.items():
                print(f"# {corpus}, {name}: {count:6} {what}")
            for text, u, w, peer in unexplained[:10]:
                print(f"# unexplained: {text!r}: we {u} ({w}), {name} {peer}")
            n += 1
            bad += bool(unexplained)
            print(f"{'not ' if unexplained else ''}ok {n} - {len(all_texts)} {corpus} against {name}, "
                  f"{len(unexplained)} differences unexplained")
        n += 1
        same = all(u[0] == w[0] and len(u[1]) == len(w[1]) and sum(u[1]) == sum(w[1]) for u, w in zip(us, whole))
        bad += not same
        print(f"{'' if same else 'not '}ok {n} - {corpus}: keeping clusters whole costs no part")
    print(f"1..{n}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
