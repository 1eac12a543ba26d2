#!/bin/sh
# `import redis` loads OpenTelemetry's SDK of metrics wherever that is installed, whether it is used or not.
#
# Versions:  redis-py 8.1.0, opentelemetry-sdk 1.45.2
# Behaviour: without the SDK redis loads no module of OpenTelemetry; beside it, and with nothing set up, some sixty.
#            It took 35 ms and 2 MB of each process more.
# Seen:      redis-py 8.1.0: modules of opentelemetry after `import redis`: 0 without the SDK, 61 beside it
#
# For Donebit: the libraries of traces are in a lock of their own (locks/otel.txt), and not in that of every image.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q redis==8.1.0

loaded() {
    "$folder/venv/bin/python" -c "
import sys, redis
print(sum(name.partition('.')[0] == 'opentelemetry' for name in sys.modules))"
}

cd "$folder"
without=$(loaded)
"$folder/venv/bin/pip" install -q opentelemetry-sdk==1.45.2
beside=$(loaded)
echo "redis-py 8.1.0: modules of opentelemetry after \`import redis\`: $without without the SDK, $beside beside it"
[ "$without" -eq 0 ] && [ "$beside" -gt 0 ]
