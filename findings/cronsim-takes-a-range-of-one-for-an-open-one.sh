#!/bin/sh
# cronsim takes a range of one value with a step for one that has no end.
#
# Versions:  cronsim 2.8, Python 3.11
# Behaviour: `17-17/3` in the hours is 17, 20 and 23, as `17/3` is, where cron takes the first of the range alone.
# Seen:      cronsim 2.8: 0 17-17/3 * * * fires at 17, 20, 23; 0 17-18/3 * * * fires at 17
#
# For Donebit: programs that write expressions write such ranges, so a schedule reads one as its only value.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q cronsim==2.8

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from datetime import datetime
from importlib.metadata import version

from cronsim import CronSim


def hours(expression: str) -> list[int]:
    return sorted(CronSim(expression, datetime(2026, 1, 1)).hours)


one, two = hours("0 17-17/3 * * *"), hours("0 17-18/3 * * *")

shown = ["fires at " + ", ".join(map(str, found)) for found in (one, two)]
print(f"cronsim {version('cronsim')}: 0 17-17/3 * * * {shown[0]}; 0 17-18/3 * * * {shown[1]}")
sys.exit((one, two) != ([17, 20, 23], [17]))
PYTHON
