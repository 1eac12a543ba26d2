#!/bin/sh
# standardwebhooks signs another second than the one it was given, if the time is not in UTC.
#
# Versions:  standardwebhooks 1.0.1
# Behaviour: Webhook.sign takes an aware datetime. It sets the zone to UTC without converting the time, so the same
#            moment given in two zones is signed as two, and a receiver that goes by the header's second refuses one.
# Seen:      standardwebhooks 1.0.1: signatures of one moment in UTC and in +02:00 are the same: False
#
# For Donebit: a delivery is signed with a time in UTC.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q standardwebhooks==1.0.1

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import base64
import sys
from datetime import UTC, datetime, timedelta, timezone
from importlib.metadata import version

from standardwebhooks.webhooks import Webhook

hook = Webhook(base64.b64encode(b"a secret of a test, 32 bytes long").decode())
moment = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
elsewhere = moment.astimezone(timezone(timedelta(hours=2)))
assert moment == elsewhere
same = hook.sign("msg_1", moment, "{}") == hook.sign("msg_1", elsewhere, "{}")
print(f"standardwebhooks {version('standardwebhooks')}: signatures of one moment in UTC and in +02:00 are the same: {same}")
sys.exit(same)
PYTHON
