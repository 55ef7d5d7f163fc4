#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""from_trace.py -- a trace of a modem's link, as a dialogue for tests/vectors/modem.

    posthorn links --trace NAME --json | from_trace.py >NEW.txt

What was said both ways, in order.  Commands that came again with the same answer are left out; a text that was entered
behind the prompt becomes the prompt, as the dialogue has no need of it."""
import json
import sys


def lines_of(pdus):
    for p in pdus:
        text = p.get("octets", "").replace(" ", "").upper() or p["command"]
        yield p["direction"] == "out", text, bool(p.get("octets"))


def blocks_of(pdus):
    blocks = []
    for out, text, is_pdu in lines_of(pdus):
        if out and is_pdu:  # entered behind the prompt
            if blocks:
                blocks[-1][1].append(">")
        elif out:
            blocks.append(("AT+CMGS=*" if text.upper().startswith("AT+CMGS=") else text, []))
        elif blocks and text.strip() != ">" and text != blocks[-1][0]:
            blocks[-1][1].append(text)
    return blocks


def main():
    last = {}
    print("# SPDX-License-Identifier: Apache-2.0\n# Say here what is special about this modem.")
    for command, answer in blocks_of(json.load(sys.stdin)["pdus"]):
        if not command.upper().startswith("AT") or last.get(command) == answer:
            continue
        last[command] = answer
        print(f"> {command}")
        for line in answer:
            print(f"< {line}")
    print("? up")


if __name__ == "__main__":
    main()
