# type: ignore  # it is written against the code of another commit, and runs there alone
# ruff: noqa - as above
"""Writes a cluster's store as the commit before shards of past runs did: those of a job in one key.

It is the code of that commit that writes it, so it runs in a checkout of that commit:

    git worktree add ../runs-in-one-key 7d1cc16
    cd ../runs-in-one-key
    python ../donebit/tests/migration/write_runs_in_one_key.py redis://127.0.0.1:7777/0 runs_in_one_key.json.gz

The address is that of any node of a cluster. `dumping.py`, beside it, says what the file has.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.getcwd(), "shared"))  # of the other commit

from datetime import timedelta

from dumping import dump

from donebit import clock
from donebit.completion import announcing, lifecycle, reporting
from donebit.completion.spec import TaskSpec
from donebit.completion.ttls import TaskTtls
from donebit.store import Store
from donebit.store.client import connect

TTLS = TaskTtls(open=timedelta(days=30), ended=timedelta(days=30))


def write_runs(store, job, count):
    for number in range(count):
        task_id = f"{job}-{number}"
        lifecycle.start(store, TaskSpec(3, job=job), task_id=task_id, ttls=TTLS, max_steps=9)
        reporting.report(store, task_id, ranges=[(0, 3)])
        announcing.announce(store, task_id)


url, file = sys.argv[1:]
client = connect(url, connections=4, timeout=timedelta(seconds=5))
client.flushall()
store = Store.on(client)
write_runs(store, "nightly", 40)
write_runs(store, "hourly", 5)
dump(client, file, clock.now())
