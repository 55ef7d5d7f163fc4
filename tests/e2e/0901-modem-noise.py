#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# run: 40 s
"""0901: modems come up in spite of what they say besides."""
from modems import *

# What real ones do, and worse; each as a line of the simulator's script.
NOISE = ("echo-stuck on", "creg-quotes on", "cpin-no-ok on", "noise 20", "urc-inside 30%", "garbage 5%", "lose-to-host 0.2%",
         "lose-to-modem 0.2%", "answer-delay 50 300", "on command +CMGF no-answer", "on command +CGSN 1 error")
for line in NOISE:
    @case(f"it comes up all the same: {line}")
    def _(w, line=line):
        sim, gw = start_modem(w, line, profile="huawei-e173" if line.startswith("noise") else "generic")
        if "no-answer" in line:
            wait_for(lambda: "start-up" in gw.link("sim1")["reason"] or "watchdog" in str(gw.lines), 40, "what is wrong")
        else:
            gw.wait_link("sim1", seconds=60)


main()
