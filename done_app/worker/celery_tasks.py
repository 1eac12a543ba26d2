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
from donebit import config, logs, queue
from donebit.completion import announcing, fanout, healing, lifecycle
from donebit.completion.healing import ProbedState
from donebit.completion.sweeping import Sweep
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.errors import (
    BrokerUnavailable,
    ConfigurationError,
    DonebitError,
    NotFound,
    StoreUnavailable,
    stop_program,
)
from donebit.jobs.registry import Jobs, load_jobs
from donebit.queue import Publisher
from donebit.store import Store
from donebit.store.store import WORKER_TIMEOUT
from donebit.workers import presence

# Celery retries what an outage interrupts, for as long as one is likely to last; what it gives up then, the
# sweep finds.
RETRY_OPTIONS: dict[str, Any] = {
    "autoretry_for": (StoreUnavailable, BrokerUnavailable),
    "retry_backoff": 1,
    "retry_backoff_max": 10,
    "max_retries": 30,
}

log = logging.getLogger(__name__)
try:
    settings = config.load()
except ConfigurationError as error:  # one sentence, from the worker and from beat as from the services
    stop_program(error.detail)
app = queue.make_celery(settings)
publisher = Publisher(app)
monitor = Monitor()

# Containers and CI run as root; the step functions are the operator's own code either way.
warnings.filterwarnings("ignore", category=SecurityWarning)


@cache
def store() -> Store:
    """This process's own connection: a pool made before the fork must not be shared."""
    return Store.at(settings.redis_url, prefix=settings.key_prefix, connections=4, timeout=WORKER_TIMEOUT)


@cache
def jobs() -> Jobs:
    return load_jobs(settings)


def find_running_task(task_id: str, nonce: str) -> Task | None:
    """Find the running task that a message is for.

    Args:
        nonce: of the task; a later task under the same id has another.

    Returns:
        None when the task is unknown, has ended, or is another one under the same id.
    """
    try:
        task = lifecycle.get_task(store(), task_id).task
    except NotFound:
        return None
    return task if task.nonce == nonce and not task.ended else None


@app.task(name=queue.DISPATCH, **RETRY_OPTIONS)
def dispatch(task_id: str, nonce: str, first: int) -> None:
    """Fan out a task's steps from `first` on. All of them only once, however many requests have piled up."""
    task = find_running_task(task_id, nonce)
    if task is None or not fanout.is_due(task, first):
        return
    if first or fanout.claim_fan_out(store(), task):
        with monitor.emitter.working_on(task_id):
            sent = fanout.fan_out(store(), task, publisher.run_slice, first)
            log.info("task %s is fanned out: %d steps in %d messages", task_id, task.missing_steps, sent)


@app.task(name=queue.RUN_STEPS, bind=True, **RETRY_OPTIONS)
def run_steps(message: Any, task_id: str, nonce: str, ranges: list[tuple[int, int]], careful: bool) -> None:  # noqa: FBT001 - JSON has no keywords
    """Run the missing steps of some ranges for a while; what remains goes to the tail of the queue."""
    task = find_running_task(task_id, nonce)
    if task is None or task.spec.job is None:
        return
    # A redelivered message was with a process that died: one of its steps may have killed it.
    redelivered = bool(message.request.delivery_info.get("redelivered"))
    parts = [(start, stop) for start, stop in ranges]
    with monitor.emitter.working_on(task_id, parts) as work, suppress(NotFound):  # deleted while it runs
        outcome = run_ranges(task, task.spec.job, parts, careful=careful, redelivered=redelivered)
        work.finished = len(outcome.done)
        send_remaining(task, outcome, careful=careful)


def run_ranges(
    task: Task, name: str, ranges: queue.Ranges, *, careful: bool, redelivered: bool
) -> RunOutcome:
    """Run the missing steps of some ranges for a while.

    Args:
        name: of the job.
        careful: count each attempt before it is made.
        redelivered: the message was with a process that died.

    Returns:
        What was done, what failed, and what remains to be run.
    """
    job = jobs().find(name)
    reporter = StoreStepReporter(store(), task, job.retry_policy)
    if redelivered and queue.is_single(ranges):  # so this step was running when the process died
        reporter.attempt(ranges[0][0], made_already=True)
    outcome = Runner(task, job, reporter, careful or redelivered).run(ranges)
    if outcome.report is not None:
        log.info(describe(outcome.done, outcome.report, task))
    return outcome


def send_remaining(task: Task, outcome: RunOutcome, *, careful: bool) -> None:
    """Send messages for what a run left to do: announce the end, retry failed steps, run remaining ones."""
    if outcome.ended:
        publisher.announce(task.id)
    if outcome.to_retry.ranges:
        publisher.run_ranges(task, outcome.to_retry.ranges, pause=outcome.retry_pause)
    if outcome.remaining:
        publisher.run_ranges(task, outcome.remaining, careful=careful)


@app.task(name=queue.ANNOUNCE, **RETRY_OPTIONS)
def announce(task_id: str) -> None:
    """Announce the end of a task."""
    with logs.task_context(task_id):
        announcing.announce(store(), task_id)


@app.task(name=queue.PROBE, **RETRY_OPTIONS)
def probe(task_id: str, nonce: str, progress_ms: int, heals: int, then: Sequence[str]) -> None:
    """Send missing steps again, once the probe has come through every queue that steps wait in.

    Args:
        progress_ms: time of the task's last progress when the probe was sent.
        heals: how often its steps had been sent again by then.
        then: the queues that the probe has still to pass.
    """
    task, seen = find_running_task(task_id, nonce), ProbedState(progress_ms, heals)
    if task is None or ProbedState.of(task) != seen:
        return
    if then:
        publisher.probe(task, then)
        return
    with monitor.emitter.working_on(task_id):
        if sent := healing.heal(store(), task, seen, publisher.run_carefully):
            log.warning(
                "task %s had not moved: its %d missing steps are sent again in %d messages",
                task_id,
                task.missing_steps,
                sent,
            )
            presence.record_heal(store(), task_id, task.missing_steps)


@app.task(name=queue.SWEEP)
def sweep() -> None:
    """Check every open task. What an outage prevents, the next sweep does."""
    ttls = TaskTtls.from_settings(settings)
    try:
        Sweep(store(), publisher, ttls).run()
        presence.record_heartbeat(store(), "sweep")
    except DonebitError as error:
        log.warning("the sweep is postponed: %s", error.detail)
