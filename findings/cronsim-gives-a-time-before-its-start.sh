#!/bin/sh
# cronsim gives a firing that lies before the moment it is asked to start from.
#
# Versions:  cronsim 2.8, Python 3.11
# Behaviour: in the second of two repeated hours the fixed times of the first one follow: "the next time after
#            02:05, shown for the second time" is 02:30, shown for the first time, 35 minutes before.
# Seen:      cronsim 2.8: after 2026-10-25 02:05:00+01:00 follows 2026-10-25 02:30:00+02:00, 0:35:00 before it
#
# For Donebit: a schedule's mark is only ever followed by a later firing; what cronsim gives before it is passed
# over (Timing.all_after), or a nightly task would be started a second time by a look in that hour.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q cronsim==2.8 tzdata==2026.6

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from zoneinfo import ZoneInfo

from cronsim import CronSim

start = datetime(2026, 10, 25, 1, 5, tzinfo=timezone.utc).astimezone(ZoneInfo("Europe/Berlin"))

following = next(CronSim("30 2 * * *", start))

earlier = start.astimezone(timezone.utc) - following.astimezone(timezone.utc)
print(f"cronsim {version('cronsim')}: after {start} follows {following}, {earlier} before it")
sys.exit(earlier != timedelta(minutes=35))
PYTHON
