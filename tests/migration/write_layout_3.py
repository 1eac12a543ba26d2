# type: ignore  # it is written against the code of another commit, and runs there alone
# ruff: noqa - as above
"""Writes the store of layout 3 that the tests of the migration begin with.

It is the code of the commit before layout 4 that writes it, so it runs in a checkout of that commit:

    git worktree add ../layout-3 585191f
    cd ../layout-3
    valkey-server --port 7777 --save '' &
    python ../donebit/tests/migration/write_layout_3.py redis://127.0.0.1:7777/0 layout_3.json.gz

`dumping.py`, beside it, says what the file has.
"""

import sys
import os

sys.path.insert(0, os.getcwd())  # of the other commit

import json
from datetime import timedelta

from shared import clock
from shared.activity import erasing, flags, ingest, keeping, permissions
from shared.activity.retention import Retention
from shared.activity.site import Site
from shared.activity.users import Kind
from shared.completion import announcing, failing, lifecycle
from shared.completion.order import Callback, Next, Order, Webhook
from shared.config import Settings
from shared.queue import Outbox, make_celery
from shared.store import Store
from dumping import dump
from redis import Redis


def write_tasks(store):
    def start(name, count, **order):
        return lifecycle.start(store, Order(count, **order), task_id=name, max_steps=10_000_000).task

    start("running", 100, label="nightly")
    lifecycle.report(store, "running", [1, 2, 3], [(10, 60)], reply_key="k:1", token="t-1")
    start("trying", 9, job="demo", params={"sleep_ms": 5})
    failing.fail(store, "trying", 4, "boom", failing.Policy(max_attempts=3, backoff=timedelta(seconds=1)))
    done = start(
        "done", 3, webhook=Webhook("https://example.org/hook"), callback=Callback("reports.finished")
    )
    lifecycle.report(store, done.id, [0, 1, 2])
    announcing.announce(store, done.id)
    start("failed", 4, then=Next(Order(2), on=("failed",)))
    for step in (1, 3):
        failing.fail(store, "failed", step, f"no file {step}")
    lifecycle.report(store, "failed", [0, 2])
    announcing.announce(store, "failed")
    start("cancelled", 5)
    lifecycle.cancel(store, "cancelled")
    for number in range(200):
        start(f"many-{number:03}", 8)
        lifecycle.report(store, f"many-{number:03}", [number % 8])


def write_activity(site, now):
    day = timedelta(days=1)
    for ago in range(4):
        ingest.record(site, "login", list(range(ago, 500 + 10 * ago)), at=now - ago * day, now=now)
    ingest.record(site, "login", [3_000_000, 2**32 - 1], at=now, now=now)
    ingest.record(site, "7", [7, 8, 9], at=now, now=now)
    ingest.record(site, "segments", [1, 2], at=now, now=now)
    names = ["ada", "0a8f7c1e-27a6-4a3e-8d68-51d3f6e9a001", *(f"user-{n}@example.org" for n in range(300))]
    ingest.record(site, "opened", names, at=now, now=now)
    erasing.erase(site, "user-3@example.org")
    ingest.record(site, "sparse", [10**9 + n * 10**6 for n in range(50)], at=now, now=now, ids=Kind.MAPPED)
    keeping.keep(site, "login", Retention(day=timedelta(days=30)))
    flags.set_users(site, "newsletter", [1, 2, 3, 1_048_448, 2_000_000], ())
    flags.set_users(site, "beta", ["ada", "grace"], ())
    flags.set_users(site, "segments", [5], ())
    permissions.name(site, "file", ["read", "write", "share"])
    permissions.change(site, permissions.known(site, "file"), "notes.txt", grant=["read", "share"])


def write_workers(store):
    now_ms = clock.now_ms()
    store.pulse.beat("worker", now_ms)
    store.pulse.beat("sweep", now_ms)
    lines = [json.dumps({"text": f"line {n}", "task_id": "done"}).encode() for n in range(20)]
    store.workers.keep("here:7", how='{"processes": 2}', steps={now_ms // 1000: 12}, lines=lines)
    store.workers.note_heal("running", 3, now_ms)


url, file = sys.argv[1:]
client = Redis.from_url(url)
client.flushall()
store, settings = Store.at(url), Settings(redis_url=url)
site, now = Site.of(store, settings), clock.now()
write_tasks(store)
write_activity(site, now)
write_workers(store)
outbox = Outbox(make_celery(settings))  # what a worker would have been sent
trying = lifecycle.look(store, "trying").task
outbox.dispatch(trying)
outbox.run_ranges(trying, [(0, 1)])
dump(client, file, now)
