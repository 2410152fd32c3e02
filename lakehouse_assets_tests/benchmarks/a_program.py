"""A contender's program for the tests: what it does is its only argument."""

from __future__ import annotations

import sys

asked = sys.argv[1]
if asked == "fail":
    raise SystemExit("there is no such topic")
if asked in ("wait", "end"):
    sys.stdout.write("ready\n")
    sys.stdout.flush()
if asked == "wait":
    sys.stdin.read()
