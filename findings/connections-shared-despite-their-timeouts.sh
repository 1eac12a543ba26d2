#!/bin/sh
# kombu gives two connections that differ in their time limits one pool, with the limits of the first.
#
# Versions:  kombu 5.7.0, redis-py 8.1.0
# Behaviour: `kombu.pools`, from which Celery sends, tells connections apart by address, user, virtual host and
#            transport_options, but not by connect_timeout or heartbeat. An application in the same process that
#            asks for 0.25 s gets connections that try for 30 s, if another one with the same address came first.
# Seen:      kombu 5.7.0: asked for connect_timeout 0.25, got 30.0 (one pool: True); told apart by
#            transport_options: True
#
# For Donebit: limits of the broker's connections are given as transport options.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "kombu[redis]==5.7.0" redis==8.1.0

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import kombu
from kombu import Connection, pools

URL = "redis://127.0.0.1:1/0"  # nothing connects to it

patient = Connection(URL, connect_timeout=30.0)
hasty = Connection(URL, connect_timeout=0.25)
other = Connection(URL, connect_timeout=0.25, transport_options={"socket_timeout": 1})
one_pool = pools.connections[patient] is pools.connections[hasty]
told_apart = pools.connections[other] is not pools.connections[patient]
with pools.connections[hasty].acquire() as connection:
    got = connection.connect_timeout
print(
    f"kombu {kombu.__version__}: asked for connect_timeout 0.25, got {got} (one pool: {one_pool}); "
    f"told apart by transport_options: {told_apart}"
)
sys.exit((got, one_pool, told_apart) != (30.0, True, True))
PYTHON
