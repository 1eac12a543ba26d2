"""The worker's functions, which Celery calls with messages."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from celery.exceptions import SecurityWarning

from done_app.worker.monitor.monitor import Monitor
from done_app.worker.steps.reporter import StoreStepReporter
from done_app.worker.steps.runner import Runner, RunOutcome, describe
from donebit import clock, config, logs, queue
from donebit.completion import announcing, fanout, healing, lifecycle
from donebit.completion.healing import ProbedState
from donebit.completion.sweeping import Sweep
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import BrokerUnavailable, ConfigurationError, DonebitError, NotFound, StoreUnavailable
from donebit.jobs.registry import Jobs, load_jobs
from donebit.queue import Publisher
from donebit.store import Store
from donebit.store.store import WORKER_TIMEOUT

# What passes by itself is tried again by Celery, for as long as an outage is likely to last; whatever
# is given up then, the sweep finds.
AGAIN: dict[str, Any] = {
    "autoretry_for": (StoreUnavailable, BrokerUnavailable),
    "retry_backoff": 1,
    "retry_backoff_max": 10,
    "max_retries": 30,
}

log = logging.getLogger(__name__)
try:
    settings = config.load()
except ConfigurationError as error:  # one sentence, from the worker and from beat as from the services
    raise SystemExit(error.detail) from None
app = queue.make_celery(settings)
publisher = Publisher(app)
show = Monitor()

# Containers and CI run as root; the step functions are the operator's own code either way.
warnings.filterwarnings("ignore", category=SecurityWarning)


@cache
def store() -> Store:
    """This process's own connection: a pool made before the fork must not be shared."""
    return Store.at(settings.redis_url, connections=4, patience=WORKER_TIMEOUT)


@cache
def known_jobs() -> Jobs:
    return load_jobs(settings)


def find_running_task(task_id: str, nonce: str) -> Task | None:
    """The running task that a message means; None when it has ended, or another has its id."""
    try:
        task = lifecycle.get_task(store(), task_id).task
    except NotFound:
        return None
    return task if task.nonce == nonce and not task.ended else None


@app.task(name=queue.DISPATCH, **AGAIN)
def dispatch(task_id: str, nonce: str, first: int) -> None:
    """Fan a task's steps out, from `first` on; all of them once: without a worker the requests pile up."""
    task = find_running_task(task_id, nonce)
    if task is None or not fanout.is_due(task, first):
        return
    if first or fanout.may_fan_out(store(), task):
        with show.voice.at_work(task_id):
            sent = fanout.fan_out(store(), task, publisher.run_slice, first)
            log.info("task %s is fanned out: %d steps in %d messages", task_id, task.missing_steps, sent)


@app.task(name=queue.RUN_STEPS, bind=True, **AGAIN)
def run_steps(message: Any, task_id: str, nonce: str, ranges: list[tuple[int, int]], careful: bool) -> None:  # noqa: FBT001 - JSON has no keywords
    """Run the missing steps of some ranges for a while; what remains goes to the tail of the queue."""
    task = find_running_task(task_id, nonce)
    if task is None or task.spec.job is None:
        return
    # A message that comes back was with a process that died: one of its steps may have killed it.
    came_back = bool(message.request.delivery_info.get("redelivered"))
    parts = [(start, stop) for start, stop in ranges]
    with show.voice.at_work(task_id, parts) as work, suppress(NotFound):  # deleted while it runs
        outcome = run(task, task.spec.job, parts, careful=careful, came_back=came_back)
        work.finished = len(outcome.done)
        send_on(task, outcome, careful=careful)


def run(task: Task, name: str, ranges: queue.Ranges, *, careful: bool, came_back: bool) -> RunOutcome:
    """Run what is missing of some ranges, and say what came of it."""
    job = known_jobs().find(name)
    desk = StoreStepReporter(store(), task, job.retry_policy)
    if came_back and queue.is_single(ranges):  # and of a single one it is known which
        desk.attempt(ranges[0][0], made_already=True)
    outcome = Runner(task, job, desk, careful or came_back).run(ranges)
    if outcome.report is not None:
        log.info(describe(outcome.done, outcome.report, task))
    return outcome


def send_on(task: Task, outcome: RunOutcome, *, careful: bool) -> None:
    """Have done what a run leaves to do: tell the end, try again what failed, go on with the rest."""
    if outcome.ended:
        publisher.announce(task.id)
    if outcome.again.ranges:
        publisher.run_ranges(task, outcome.again.ranges, pause=outcome.pause)
    if outcome.rest:
        publisher.run_ranges(task, outcome.rest, careful=careful)


@app.task(name=queue.ANNOUNCE, **AGAIN)
def announce(task_id: str) -> None:
    """Tell that a task has ended."""
    with logs.task_context(task_id):
        announcing.announce(store(), task_id)


@app.task(name=queue.PROBE, **AGAIN)
def probe(task_id: str, nonce: str, progress_ms: int, heals: int, then: Sequence[str]) -> None:
    """Having come through every queue that steps wait in: send again what is still missing."""
    task, seen = find_running_task(task_id, nonce), ProbedState(progress_ms, heals)
    if task is None or ProbedState.of(task) != seen:
        return
    if then:
        publisher.probe(task, then)
        return
    with show.voice.at_work(task_id):
        if sent := healing.heal(store(), task, seen, publisher.run_carefully):
            log.warning(
                "task %s had not moved: its %d missing steps are sent again in %d messages",
                task_id,
                task.missing_steps,
                sent,
            )
            store().workers.note_heal(task_id, task.missing_steps, clock.now_ms())


@app.task(name=queue.SWEEP)
def sweep() -> None:
    """Look after every open task; the next sweep does what an outage keeps this one from doing."""
    ttls = TaskTtls.from_settings(settings)
    try:
        Sweep(store(), publisher, ttls).run()
        store().pulse.beat("sweep", clock.now_ms())
    except DonebitError as error:
        log.warning("the sweep is put off: %s", error.detail)
