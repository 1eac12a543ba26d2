# type: ignore  # it is written against the code of another commit, and runs there alone
# ruff: noqa - as above
"""Writes a cluster's store as the commit before shards of tasks did: each index of all tasks in one key.

It is the code of that commit that writes it, so it runs in a checkout of that commit:

    git worktree add ../unsharded dd9793b
    cd ../unsharded
    python ../donebit/tests/migration/write_unsharded.py redis://127.0.0.1:7777/0 unsharded.json.gz

The address is that of any node of a cluster. `dumping.py`, beside it, says what the file has.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.getcwd(), "shared"))  # of the other commit

from datetime import timedelta

from dumping import dump

from donebit import clock
from donebit.activity.events import ingest
from donebit.activity.site import Site
from donebit.completion import deliveries, lifecycle, reporting
from donebit.completion.spec import Callback, NextTask, TaskSpec, Webhook
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.store import Store
from donebit.store.client import connect

TTLS = TaskTtls(open=timedelta(days=30), ended=timedelta(days=30))
RECEIVERS = {
    "webhook": Webhook("http://hooks.example.org/ended"),
    "callback": Callback("ended"),
    "then": NextTask(TaskSpec(1)),
}


def write_tasks(store):
    for number in range(40):
        lifecycle.start(store, TaskSpec(3), task_id=f"running-{number}", ttls=TTLS, max_steps=9)
    for number in range(20):
        task = lifecycle.start(
            store, TaskSpec(3, **RECEIVERS), task_id=f"done-{number}", ttls=TTLS, max_steps=9
        ).task
        reporting.report(store, task.id, ranges=[(0, 3)])
        ended = lifecycle.get_task(store, task.id).task
        deliveries.enqueue(store, ended)
        if number % 2:
            store.task_index.close_task(task.id, store.task_index.next_look(task.id))


url, file = sys.argv[1:]
client = connect(url, connections=4, timeout=timedelta(seconds=5))
client.flushall()
now, store = clock.now(), Store.on(client)
write_tasks(store)
ingest.record(Site.of(store, Settings(redis_url=url)), "opened", list(range(9)), at=now, now=now)
dump(client, file, now)
