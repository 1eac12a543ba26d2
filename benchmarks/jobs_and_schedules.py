"""A thousand schedules beside 10^5 past runs of a job: the time of sweeps, the page, the memory of a run."""

from __future__ import annotations

import http.client
import statistics
import time
from datetime import timedelta

from redis import Redis

from benchmarks.chord_backend import server_seconds
from benchmarks.figures import Figure, bounded, compared, size
from benchmarks.own_server import own_server
from benchmarks.own_service import own_service
from donebit import clock, queue
from donebit.addresses import LOOPBACK
from donebit.completion import announcing, lifecycle, reporting
from donebit.completion.spec import TaskSpec
from donebit.completion.sweeping import CHECK_EVERY, Sweep
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.queue import Publisher
from donebit.schedules import changes
from donebit.schedules.firing import Firer
from donebit.schedules.judging import Judge
from donebit.schedules.schedule import ScheduleSpec
from donebit.schedules.timing import Timing
from donebit.store import Store
from donebit.store.history import RUN

SCHEDULES, RUNS, REQUESTS = 1000, 100_000, 50
JOB, STEPS = "demo", 1000
ID = b"a-task-of-20-letters"
SWEPT = timedelta(minutes=10)
PIPELINE = 1000


def measure() -> list[Figure]:
    with own_server() as client:
        store = Store.on(client)
        keep_runs(client, store)
        for number in range(SCHEDULES):
            spec = ScheduleSpec(Timing(f"{number % 5}/5 * * * *", "Europe/Berlin"), TaskSpec(1))
            changes.create(store, f"schedule-{number}", spec)
        sweeps = seconds_of_sweeps(client, store)
        with own_service(client, "trigger_app") as service:
            page = statistics.median(seconds_of_page(service) for _ in range(REQUESTS))
        held = (client.memory_usage(store.keys.runs(JOB), samples=0) or 0) / RUNS
    return [
        bounded("sweeps: processor time a second", sweeps, at_most=0.02),
        bounded(f"GET /jobs/{JOB}: the page, median", page, at_most=0.1),
        compared("a past run, its strip of 64 cells", held, "the bound", 200, at_most=1.0, write=size),
    ]


def keep_runs(client: Redis, store: Store) -> None:
    """Keep as many runs as if each had ended: of a task that was cancelled half way."""
    ttls = TaskTtls.from_settings(Settings())
    spec = TaskSpec(STEPS, JOB)
    task = lifecycle.start(store, spec, task_id=ID.decode(), ttls=ttls, max_steps=STEPS).task
    reporting.report(store, task.id, range(STEPS // 2))
    lifecycle.cancel(store, task.id)
    announcing.announce(store, task.id)
    (run,) = store.history.runs(JOB, 1)
    for first in range(1, RUNS, PIPELINE):
        with client.pipeline(transaction=False) as pipe:
            for number in range(first, min(first + PIPELINE, RUNS)):
                pipe.xadd(store.keys.runs(JOB), {RUN: run.text.replace(ID, b"%020d" % number)})
            pipe.execute()


def seconds_of_sweeps(client: Redis, store: Store) -> float:
    """The processor time that sweeps take a second, here and on the server, as often as beat sends them."""
    port = client.connection_pool.connection_kwargs["port"]
    settings = Settings(redis_url=f"redis://{LOOPBACK}:{port}/0")
    ttls, publisher = TaskTtls.from_settings(settings), Publisher(queue.make_celery(settings))
    started: list[Task] = []
    now, spent, sweeps = clock.now(), 0.0, SWEPT // CHECK_EVERY
    for _ in range(sweeps):
        now += CHECK_EVERY
        before = processor_seconds(client)
        Firer(store, started.append, ttls).run(now)
        Judge(store, started.append, ttls).run(now)
        Sweep(store, publisher, ttls).run()
        spent += processor_seconds(client) - before
        while started:
            end(store, started.pop())
    return spent / SWEPT.total_seconds()


def end(store: Store, task: Task) -> None:
    reporting.report(store, task.id, [0])
    announcing.announce(store, task.id)


def processor_seconds(client: Redis) -> float:
    """Of this process and of the server."""
    return time.process_time() + server_seconds(client)


def seconds_of_page(service: http.client.HTTPConnection) -> float:
    began = time.perf_counter()
    service.request("GET", f"/jobs/{JOB}", headers={"Accept": "text/html"})
    answer = service.getresponse()
    if f"Job <code>{JOB}" not in answer.read().decode():
        raise RuntimeError(f"the page was answered with {answer.status}")
    return time.perf_counter() - began
