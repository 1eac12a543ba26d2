#!/bin/sh
# redis-py tries a command again by itself or not at all, depending on how its client was made.
#
# Versions:  redis-py 8.1.0
# Behaviour: Redis(host=, port=) tries a command that got no answer ten times more, so a write that was carried out
#            may be carried out again. Redis.from_url, and a pool of one's own, do not try again. Nothing but the way
#            in which the client was made says so.
# Seen:      redis-py 8.1.0: tries of one INCR whose answer is lost: Redis() 11, Redis.from_url() 1, a pool 1
#
# For Donebit: every client is made in one place, with its retries given.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q redis==8.1.0

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import socket
import sys
import threading

import redis

listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
sent = []


def serve(connection):
    """Answer what a client says to introduce itself, and close the connection at each INCR."""
    with connection:
        while data := connection.recv(4096):
            if b"INCR" in data:
                sent.append(data)
                return
            connection.sendall(b"+OK\r\n" * data.count(b"*"))


def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


threading.Thread(target=accept, daemon=True).start()


def tries(client):
    sent.clear()
    try:
        client.incr("visits")
    except redis.ConnectionError:
        pass
    return len(sent)


made = {
    "Redis()": redis.Redis(port=port, protocol=2),
    "Redis.from_url()": redis.Redis.from_url(f"redis://127.0.0.1:{port}?protocol=2"),
    "a pool": redis.Redis(connection_pool=redis.ConnectionPool(port=port, protocol=2)),
}
seen = {name: tries(client) for name, client in made.items()}
print(f"redis-py {redis.__version__}: tries of one INCR whose answer is lost: {', '.join(f'{n} {t}' for n, t in seen.items())}")
sys.exit(list(seen.values()) != [11, 1, 1])
PYTHON
